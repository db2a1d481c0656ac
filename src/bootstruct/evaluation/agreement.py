"""How far raters agree and how far scores agree with ratings.

Plain formulas on numpy; nan if a figure is not defined.

Ratings are whole numbers, higher is better (A = 3 ... D = 0). Section 4.4 of the paper reports Cohen's kappa on the
four levels and on A/B against C/D, and Spearman's rank correlation.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scale = Literal["nominal", "ordinal"]


def cohens_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Agreement of two raters beyond chance on the same cases, in unordered categories. nan if chance always agrees."""
    a, b = np.asarray(first), np.asarray(second)
    if len(a) == 0:
        return float("nan")
    values = np.union1d(a, b)
    observed = float(np.mean(a == b))
    expected = float(sum(np.mean(a == value) * np.mean(b == value) for value in values))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 1; equal values get the mean of their ranks."""
    given = np.asarray(values, dtype=np.float64)
    _, places, counts = np.unique(given, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: NDArray[np.float64] = ((last - counts + 1 + last) / 2)[places]
    return middle


def pearson(first: ArrayLike, second: ArrayLike) -> float:
    """The linear correlation; nan if one side is constant or there are fewer than two cases."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Rank correlation, with ties by their mean rank."""
    return pearson(ranks(first), ranks(second))


def kendall(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b. Time and memory grow with cases times the levels of the side that has fewer."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _, x = np.unique(a, return_inverse=True)
    _, y = np.unique(b, return_inverse=True)
    if len(a) < 2 or x.max() == 0 or y.max() == 0:
        return float("nan")
    if y.max() > x.max():
        x, y = y, x
    counts = np.zeros((int(x.max()) + 1, int(y.max()) + 1))
    np.add.at(counts, (x, y), 1)
    below = np.cumsum(np.cumsum(counts, axis=0), axis=1)  # cases at most here in both
    lower = np.pad(below, ((1, 0), (1, 0)))[:-1, :-1]  # strictly lower in both
    upper_left = np.pad(np.cumsum(counts, axis=0), ((1, 0), (0, 0)))[:-1]  # strictly lower in x, by y
    higher = upper_left.sum(axis=1, keepdims=True) - np.cumsum(upper_left, axis=1)  # lower in x, higher in y
    concordant, discordant = float((counts * lower).sum()), float((counts * higher).sum())
    pairs = len(a) * (len(a) - 1) / 2
    tied_x, tied_y = (float((n * (n - 1) / 2).sum()) for n in (counts.sum(axis=1), counts.sum(axis=0)))
    return (concordant - discordant) / float(np.sqrt((pairs - tied_x) * (pairs - tied_y)))


def krippendorff(ratings: Sequence[Sequence[float]] | NDArray[np.float64], scale: Scale = "ordinal") -> float:
    """Krippendorff's alpha of any number of raters.

    Cases with one rating count for nothing. nan if all ratings are equal, or no case was rated twice.

    Args:
        ratings: one row per rater, one column per case, nan if not rated.
    """
    table = np.asarray(ratings, dtype=np.float64)
    values = np.unique(table[~np.isnan(table)])
    counts = np.stack([(table == value).sum(axis=0) for value in values], axis=1).astype(np.float64)  # case, value
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return float("nan")
    raters = counts.sum(axis=1)
    weighted = counts / (raters - 1)[:, None]
    together = weighted.T @ counts - np.diag(weighted.sum(axis=0))  # coincidences of two values in one case
    totals = together.sum(axis=0)
    distance = _distances(totals, scale)
    n = totals.sum()
    by_chance = float((np.outer(totals, totals) * distance).sum())
    return 1 - (n - 1) * float((together * distance).sum()) / by_chance if by_chance > 0 else float("nan")


def _distances(totals: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Squared distances between the values: 0 or 1, or by how many ratings lie between two of them."""
    if scale == "nominal":
        return 1.0 - np.eye(len(totals))
    up_to = np.cumsum(totals)
    between = np.abs(up_to[:, None] - up_to[None, :])  # ratings above the lower and up to the higher value
    ends = np.maximum.outer(np.arange(len(totals)), np.arange(len(totals)))
    starts = np.minimum.outer(np.arange(len(totals)), np.arange(len(totals)))
    distance: NDArray[np.float64] = (between + totals[starts] - (totals[starts] + totals[ends]) / 2) ** 2
    np.fill_diagonal(distance, 0.0)
    return distance
