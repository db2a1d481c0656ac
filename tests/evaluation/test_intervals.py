"""Intervals cover what they should, tests give the textbook's values."""

import math
import random

import numpy as np
import pytest

from bootstruct.evaluation.intervals import (
    mcnemar,
    mean_interval,
    paired_difference,
    proportion_interval,
    resampled,
    student_t,
)


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
    # The groups vary less than so many right or wrong answers could: as many as there are values are taken for independent.
    assert found.low < means.mean() - half
    assert found.high > means.mean() + half
    assert found.high - found.low < 2 * 1.96 * 0.5 / math.sqrt(300) * 1.05


def test_instances_of_one_task_are_drawn_together() -> None:
    values = [1.0] * 50 + [0.0] * 50
    by_task = mean_interval(values, [n // 10 for n in range(100)])
    by_instance = mean_interval(values, range(100))
    assert by_task is not None
    assert by_instance is not None
    assert by_task.high - by_task.low > 2 * (by_instance.high - by_instance.low)


def test_students_t_is_that_of_the_tables() -> None:
    found = [student_t(freedom) for freedom in (1, 2, 4, 9, 29, 137)]
    assert found == pytest.approx([12.7062, 4.3027, 2.7764, 2.2622, 2.0452, 1.9774], abs=1e-4)


def test_nothing_but_right_answers_still_leaves_room_below() -> None:
    found = mean_interval([1.0] * 40, [n // 2 for n in range(40)], 100.0)
    alone = proportion_interval(20, 20)
    assert found is not None
    assert alone is not None
    assert found.high == 100
    assert 100 * alone.low - 3 < found.low < 100 * alone.low, "as wide as that of 20 answers, and a little more for t"


def test_signs_are_flipped_by_group() -> None:
    zeros = [0.0] * 12
    six = paired_difference(zeros, [1.0] * 12, [n // 2 for n in range(12)])
    assert six.p == pytest.approx(2 / 2**6)
    assert paired_difference(zeros[:5], [1.0] * 5, range(5)).p == pytest.approx(2 / 2**5)
    many = paired_difference([0.0] * 30, [1.0] * 30, range(30))
    assert many.p == pytest.approx(1 / 10_001, rel=0.01)


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
