"""Intervals and tests: Wilson's interval over tasks, paired t interval and sign-flip test, McNemar's exact test, bootstrap.

Tasks are the unit, not instances: instances of one task succeed and fail together, and a new test set would contain
other tasks. All draws have a seed: the same figures give the same interval. tests/evaluation/test_coverage.py shows
by simulation how often the intervals cover the true value, and that the tests hold their level.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootstruct.journal.reviews import wilson

LEAST_GROUPS = 5  # with fewer, an interval says nothing
EXACT_GROUPS = 13  # up to here all 8,192 patterns of signs are counted
FLIPS = 10_000  # patterns drawn beyond
STATISTIC_DRAWS = 500  # for figures that are expensive to compute
SEED = 20221210
LEVEL = 0.95
_CELLS = 2_000_000  # signs held at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """`second` minus `first`, in the units of the values.

    Attributes:
        interval: Student's t over groups; None for fewer than five.
        p: two-sided, the share of patterns of signs of the groups' differences with a mean at least as far from zero. It
            holds its level with any number of groups: with five it is never below 2/32.
    """

    value: float
    interval: Interval | None
    p: float | None
    count: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """Which cases only one of two models has right.

    Attributes:
        only_first: cases the first alone has right.
        p: exact, two-sided (binomial over the cases that differ).
    """

    only_first: int
    only_second: int
    p: float


def mean_interval(values: Sequence[float], groups: Sequence[Hashable], scale: float = 1.0) -> Interval | None:
    """Return a 95% interval of the mean of values from 0 to 1 in groups; None for fewer than five groups.

    It is Wilson's, for as many independent values as would have the variance that the groups show (at least the number of
    groups, at most the number of values), with Student's t instead of 1.96. It therefore holds near 0 and 1 too, where
    a bootstrap over few groups sees none of the rare failures.

    Args:
        values: scores from 0 to 1.
        groups: the group of each.
        scale: multiplies both ends.

    Example:
        >>> mean_interval([1.0] * 10, range(10), 100.0)
        Interval(low=66.1491, high=100.0)
    """
    sums, counts = _by_group(values, groups)
    if len(sums) < LEAST_GROUPS:
        return None
    total, number = float(counts.sum()), len(sums)
    mean = min(1.0, max(0.0, float(sums.sum()) / total))
    variance = _variance(sums, counts)
    alone = total**2 / float((counts**2).sum())  # groups, less if they are of unequal size
    effective = min(total, max(alone, mean * (1 - mean) / variance)) if variance > 0 else alone
    return _wilson(mean, effective, student_t(number - 1), scale)


def paired_difference(
    first: Sequence[float], second: Sequence[float], groups: Sequence[Hashable], scale: float = 1.0
) -> Difference:
    """Return how much higher the second's mean is, both on the same cases in the same order.

    Example:
        >>> found = paired_difference([0.0] * 6, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], range(6))
        >>> found.value, found.p
        (0.8333333333333334, 0.0625)
    """
    differences = [b - a for a, b in zip(first, second, strict=True)]
    value = scale * sum(differences) / len(differences) if differences else 0.0
    sums, counts = _by_group(differences, groups)
    if len(sums) < LEAST_GROUPS:
        return Difference(value, None, None, len(differences))
    half = scale * student_t(len(sums) - 1) * math.sqrt(_variance(sums, counts))
    interval = Interval(round(value - half, 4), round(value + half, 4))
    return Difference(value, interval, _sign_flip(sums), len(differences))


def student_t(freedom: int) -> float:
    """Return the t that holds 95% of Student's distribution with this number of degrees of freedom.

    Example:
        >>> round(student_t(4), 3), round(student_t(1000), 3)
        (2.776, 1.962)
    """
    low, high = 0.0, 13.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_share(middle, freedom) < LEVEL else (low, middle)
    return high


def _t_share(t: float, freedom: int) -> float:
    """P(|T| <= t): the finite series for a whole number of degrees of freedom (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    if freedom == 1:
        return 2 * angle / math.pi
    term = total = cosine if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= (k - 1) / k * cosine * cosine
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def _variance(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The variance of the mean with groups as clusters."""
    number, total = len(sums), float(counts.sum())
    residuals = sums - counts * (float(sums.sum()) / total)
    return float((residuals**2).sum()) * number / (number - 1) / total**2


def _sign_flip(sums: NDArray[np.float64]) -> float:
    """The share of sign patterns with a sum at least as far from zero: all patterns for few groups, else drawn ones."""
    number, near = len(sums), 1e-9 * (1 + float(np.abs(sums).sum()))
    least = abs(float(sums.sum())) - near
    if number <= EXACT_GROUPS:
        patterns = 1 - 2 * (np.arange(2**number)[:, None] >> np.arange(number) & 1)
        return float((np.abs(patterns @ sums) >= least).mean())
    chance, found = np.random.default_rng(SEED), 0
    step = max(1, _CELLS // number)
    for start in range(0, FLIPS, step):
        patterns = 1 - 2 * chance.integers(0, 2, (min(step, FLIPS - start), number))
        found += int((np.abs(patterns @ sums) >= least).sum())
    return (1 + found) / (1 + FLIPS)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Whether two systems, right or wrong on the same cases, differ. p is 1 if they never do."""
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    total, fewer = only_first + only_second, min(only_first, only_second)
    term = tail = 1
    for k in range(1, fewer + 1):
        term = term * (total - k + 1) // k
        tail += term
    return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**total))


def resampled(
    statistic: Callable[[NDArray[np.int64]], float], groups: Sequence[Hashable], draws: int = STATISTIC_DRAWS
) -> Interval | None:
    """The interval of any statistic of row numbers, with whole groups drawn.

    Draws in which it is undefined (nan) are left out; None for fewer than five groups, or where more than a tenth of
    the draws are undefined.
    """
    rows: dict[Hashable, list[int]] = {}
    for number, group in enumerate(groups):
        rows.setdefault(group, []).append(number)
    if len(rows) < LEAST_GROUPS:
        return None
    blocks = [np.array(block, dtype=np.int64) for block in rows.values()]
    chance = np.random.default_rng(SEED)
    found = []
    for _ in range(draws):
        drawn = np.concatenate([blocks[n] for n in chance.integers(0, len(blocks), len(blocks))])
        found.append(statistic(drawn))
    values = np.array(found)
    values = values[~np.isnan(values)]
    return _percentiles(values) if len(values) >= 0.9 * draws else None


def _by_group(values: Sequence[float], groups: Sequence[Hashable]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    numbers: dict[Hashable, int] = {}
    places = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
    sums = np.bincount(places, np.asarray(values, dtype=np.float64), len(numbers)).astype(np.float64)
    return sums, np.bincount(places, minlength=len(numbers)).astype(np.float64)


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(round(float(low), 4), round(float(high), 4))


def proportion_interval(successes: int, total: int) -> Interval | None:
    """Wilson's 95% interval of a share; None of nothing."""
    if total == 0:
        return None
    return _wilson(successes / total, total, 1.959963984540054, 1.0)


def _wilson(share: float, total: float, z: float, scale: float) -> Interval:
    low, high = wilson(share * total, total, z)
    return Interval(round(scale * low, 4), round(scale * high, 4))
