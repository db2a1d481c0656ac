"""Intervals and tests: bootstrap over tasks, paired bootstrap, McNemar's exact test.

Tasks are drawn, not instances: instances of one task stand and fall together, and a new test set would hold other tasks.
The draws are seeded: the same figures give the same interval.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEAST_GROUPS = 5  # with fewer, a bootstrap says nothing
STATISTIC_DRAWS = 500  # for figures that are dear to compute
SEED = 20221210
LEVEL = 0.95
_CELLS = 2_000_000  # drawn groups held at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval by the percentiles of the draws."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """`second` less `first`, in the units of the values; p: two-sided, the share of draws on the other side of zero."""

    value: float
    interval: Interval | None
    p: float | None
    count: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """only_first: cases the first alone has right; p: exact, two-sided (binomial over the cases that differ)."""

    only_first: int
    only_second: int
    p: float


def mean_interval(
    values: Sequence[float], groups: Sequence[Hashable], scale: float = 1.0, draws: int = DRAWS
) -> Interval | None:
    """The interval of the mean when whole groups are drawn; None for fewer than five groups."""
    sums, counts = _by_group(values, groups)
    if len(sums) < LEAST_GROUPS:
        return None
    means = _draw(sums, counts, draws)
    return _percentiles(means * scale)


def paired_difference(
    first: Sequence[float], second: Sequence[float], groups: Sequence[Hashable], scale: float = 1.0, draws: int = DRAWS
) -> Difference:
    """How much higher the second's mean is, both on the same cases in the same order."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    value = scale * sum(differences) / len(differences) if differences else 0.0
    sums, counts = _by_group(differences, groups)
    if len(sums) < LEAST_GROUPS:
        return Difference(value, None, None, len(differences))
    means = _draw(sums, counts, draws)
    below = (1 + int((means <= 0).sum())) / (draws + 1)
    above = (1 + int((means >= 0).sum())) / (draws + 1)
    return Difference(value, _percentiles(means * scale), min(1.0, 2 * min(below, above)), len(differences))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Do two systems, right or wrong on the same cases, differ? p is 1 where they never do."""
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
    """The interval of any statistic of row numbers, whole groups drawn. Draws in which it is undefined (nan) are left out;
    None for fewer than five groups, or where more than a tenth of the draws are undefined."""
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


def _draw(sums: NDArray[np.float64], counts: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """The mean in each of `draws` draws of groups with replacement."""
    chance = np.random.default_rng(SEED)
    groups = len(sums)
    means = np.empty(draws)
    step = max(1, _CELLS // groups)
    for start in range(0, draws, step):
        drawn = chance.integers(0, groups, (min(step, draws - start), groups), dtype=np.int32)
        means[start : start + step] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(round(float(low), 4), round(float(high), 4))


def proportion_interval(successes: int, total: int) -> Interval | None:
    """Wilson's 95% interval of a share; None of nothing."""
    if total == 0:
        return None
    z, share = 1.959963984540054, successes / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return Interval(round(middle - half, 4), round(middle + half, 4))
