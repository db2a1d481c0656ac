"""By simulation: how often intervals hold what they should cover, and how often tests see a difference that is not there."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bootstruct.evaluation.intervals import mean_interval, paired_difference

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int, float], Floats]
REPEATS = 400
SLACK = 0.033  # three standard errors of a share of 95% in so many repeats


def alike(chance: np.random.Generator, groups: int, each: int, mean: float) -> Floats:
    """All answers of a task are right, or all are wrong."""
    return np.repeat(chance.random((groups, 1)) < mean, each, axis=1).astype(float)


def mixed(chance: np.random.Generator, groups: int, each: int, mean: float) -> Floats:
    """Each task has a share of right answers of its own, mostly near 0 or 1."""
    shares = chance.beta(mean * 0.5, (1 - mean) * 0.5, (groups, 1))
    return (chance.random((groups, each)) < shares).astype(float)


def independent(chance: np.random.Generator, groups: int, each: int, mean: float) -> Floats:
    return (chance.random((groups, each)) < mean).astype(float)


def covered(draw: Draw, groups: int, each: int, mean: float) -> float:
    chance, names, found = np.random.default_rng(groups), np.repeat(np.arange(groups), each).tolist(), 0
    for _ in range(REPEATS):
        interval = mean_interval(draw(chance, groups, each, mean).ravel().tolist(), names)
        assert interval is not None
        found += interval.low <= mean <= interval.high
    return found / REPEATS


@pytest.mark.parametrize("draw", [alike, mixed, independent])
@pytest.mark.parametrize(("groups", "each"), [(10, 2), (30, 2), (138, 2)])
@pytest.mark.parametrize("mean", [0.5, 0.75, 0.97])
def test_intervals_cover_the_truth_even_near_the_ceiling(draw: Draw, groups: int, each: int, mean: float) -> None:
    assert covered(draw, groups, each, mean) >= 0.95 - SLACK


def test_a_bootstrap_would_not() -> None:
    """What the interval replaces: percentiles of means over drawn groups, at a mean of 97% with 30 groups of two."""
    chance, found = np.random.default_rng(1), 0
    for _ in range(REPEATS):
        means = mixed(chance, 30, 2, 0.97).mean(axis=1)
        low, high = np.quantile(means[chance.integers(0, 30, (500, 30))].mean(axis=1), [0.025, 0.975])
        found += low <= 0.97 <= high
    assert found / REPEATS < 0.8


@pytest.mark.parametrize("groups", [5, 6, 10, 30])
@pytest.mark.parametrize("mean", [0.5, 0.9])
def test_a_difference_that_is_not_there_is_seen_no_more_often_than_allowed(groups: int, mean: float) -> None:
    chance, seen, names = np.random.default_rng(groups), 0, np.repeat(np.arange(groups), 3).tolist()
    for _ in range(REPEATS // 2):
        shares = chance.beta(mean, 1 - mean, (groups, 1))  # tasks are as hard for one model as for the other
        one, other = ((chance.random((groups, 3)) < shares).astype(float).ravel().tolist() for _ in range(2))
        p = paired_difference(one, other, names).p
        assert p is not None
        seen += p <= 0.05
    assert seen / (REPEATS // 2) <= 0.05 + 0.047  # three standard errors


@pytest.mark.parametrize("groups", [8, 30])
def test_a_difference_that_is_there_is_seen(groups: int) -> None:
    chance, seen, names = np.random.default_rng(groups), 0, np.repeat(np.arange(groups), 3).tolist()
    for _ in range(60):
        one, other = (independent(chance, groups, 3, mean).ravel().tolist() for mean in (0.4, 0.9))
        seen += (paired_difference(one, other, names).p or 1.0) <= 0.05
    assert seen >= 50
