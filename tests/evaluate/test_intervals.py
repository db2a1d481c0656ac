"""Intervals cover what they should, tests give the textbook's values."""

import math
import random

import numpy as np
import pytest

from bootstruct.evaluate.intervals import mcnemar, mean_interval, paired_difference, proportion_interval, resampled


def test_mcnemar_is_the_binomial_by_hand() -> None:
    first, second = [True] * 9 + [False] * 1 + [True] * 5, [False] * 9 + [True] * 1 + [True] * 5
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (9, 1)
    assert found.p == pytest.approx(2 * (1 + 10) / 2**10)  # two-sided: P(at most 1 of 10)
    assert mcnemar([True, False], [True, False]).p == 1.0
    assert 0 <= mcnemar([True] * 9000 + [False] * 3000, [False] * 9000 + [True] * 3000).p < 1e-300


def test_equal_groups_give_the_interval_of_the_group_means() -> None:
    chance = np.random.default_rng(3)
    means = chance.normal(0.5, 0.1, 60)
    values = [float(m) for m in means for _ in range(5)]
    found = mean_interval(values, [n for n in range(60) for _ in range(5)])
    half = 1.96 * means.std() / math.sqrt(60)
    assert found is not None
    assert found.low == pytest.approx(means.mean() - half, abs=0.006)
    assert found.high == pytest.approx(means.mean() + half, abs=0.006)


def test_instances_of_one_task_are_drawn_together() -> None:
    values = [1.0] * 50 + [0.0] * 50
    by_task = mean_interval(values, [n // 10 for n in range(100)])
    by_instance = mean_interval(values, range(100))
    assert by_task is not None
    assert by_instance is not None
    assert by_task.high - by_task.low > 2 * (by_instance.high - by_instance.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance, covered = random.Random(8), 0
    for _ in range(200):
        found = mean_interval([chance.random() for _ in range(60)], range(60), draws=400)
        assert found is not None
        covered += found.low <= 0.5 <= found.high
    assert 176 <= covered <= 200  # 95% less what percentiles of small samples lose


def test_too_few_groups_have_no_interval() -> None:
    assert mean_interval([1.0, 0.0, 1.0], ["a", "b", "c"]) is None
    assert resampled(lambda rows: 1.0, ["a"] * 9) is None


def test_a_paired_difference_sees_what_two_intervals_do_not() -> None:
    chance = random.Random(2)
    first = [chance.random() for _ in range(100)]
    second = [value + 0.02 + chance.gauss(0, 0.01) for value in first]
    found = paired_difference(first, second, range(100), 100.0)
    assert found.value == pytest.approx(2.0, abs=0.4)
    assert found.p is not None
    assert found.p < 0.01
    none = paired_difference(first, first, range(100))
    assert (none.value, none.p) == (0.0, 1.0)


def test_wilson_by_hand() -> None:
    found = proportion_interval(5, 10)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert proportion_interval(0, 0) is None


def test_undefined_draws_are_left_out_only_where_they_are_few() -> None:
    assert resampled(lambda rows: float("nan"), range(20)) is None
