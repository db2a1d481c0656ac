"""Two models against each other: win rates with ties, controlled for length, and the effect of the order on the judge.

A win needs both orders: a judge that changes its mind with the order has called a tie. The length-controlled rate is
what a logistic regression of the outcome (1, 1/2, 0) on the standardised difference of the answers' lengths in
characters says for a difference of zero. It is fitted by Newton's method with a small ridge, so that it stays finite
if one side wins all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.evaluation.intervals import Interval, proportion_interval, resampled

RIDGE: Final = 0.01  # on both coefficients
_STEPS: Final = 50
_CLOSE: Final = 1e-10


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two answers to one task.

    Attributes:
        forth, back: which place the judge preferred (`1`, `2`, `tie`) with `first` shown first, then second.
        outcome: 1 `first` wins, 0.5 tie, 0 `second` wins. lengths in characters.
    """

    first: str
    second: str
    task: str
    forth: str
    back: str
    outcome: float
    first_length: int
    second_length: int


@dataclass(frozen=True, slots=True)
class PositionBias:
    """The verdicts that the order alone decided.

    Attributes:
        first_preferred: of all verdicts that were not ties, the share for the answer shown first (1/2: no bias).
        flipped_to_first, flipped_to_second: pairs in which the same place won in both orders.
    """

    verdicts: int
    first_preferred: float | None
    interval: Interval | None
    flipped_to_first: int
    flipped_to_second: int
    consistent: int


@dataclass(frozen=True, slots=True)
class PairwiseComparison:
    """`first` against `second`. Rates are in percent, with a tie as half; intervals are by bootstrap over tasks."""

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    win_rate: float
    interval: Interval | None
    length_controlled: float
    length_controlled_interval: Interval | None
    length_effect: float
    mean_lengths: tuple[float, float]
    position: PositionBias


def outcome_of(forth: str, back: str) -> float:
    """1, 0.5 or 0 for the first model: a win needs both orders."""
    if (forth, back) == ("1", "2"):
        return 1.0
    return 0.0 if (forth, back) == ("2", "1") else 0.5


def comparison_of(pairs: Sequence[JudgedPair]) -> PairwiseComparison:
    """The duels of one pair of models. ValueError for none."""
    if not pairs:
        raise ValueError("no duel")
    outcomes = np.array([pair.outcome for pair in pairs])
    lengths = np.array([[pair.first_length, pair.second_length] for pair in pairs], dtype=np.float64)
    difference = standardised(lengths[:, 0] - lengths[:, 1])
    controlled, effect = length_controlled(outcomes, difference)
    tasks = [pair.task for pair in pairs]
    means = lengths.mean(axis=0)
    return PairwiseComparison(
        pairs[0].first,
        pairs[0].second,
        int((outcomes == 1).sum()),
        int((outcomes == 0.5).sum()),
        int((outcomes == 0).sum()),
        round(100 * float(outcomes.mean()), 4),
        resampled(lambda rows: 100 * float(outcomes[rows].mean()), tasks),
        round(100 * controlled, 4),
        resampled(lambda rows: 100 * length_controlled(outcomes[rows], difference[rows])[0], tasks),
        round(effect, 4),
        (round(float(means[0]), 1), round(float(means[1]), 1)),
        position_bias(pairs),
    )


def standardised(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences by their root mean square: zero stays zero, where the controlled rate is read."""
    size = float(np.sqrt(np.mean(differences**2)))
    return differences / size if size > 0 else differences


def length_controlled(outcomes: NDArray[np.float64], difference: NDArray[np.float64]) -> tuple[float, float]:
    """(the win rate at equal length between 0 and 1, the coefficient of the standardised difference)."""
    design = np.stack([np.ones_like(difference), difference], axis=1)
    weights = np.zeros(2)
    for _ in range(_STEPS):
        fitted = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (outcomes - fitted) - RIDGE * weights
        curve = (design * (fitted * (1 - fitted))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curve, slope)
        longest = float(np.abs(step).max())
        weights = weights + (step if longest <= 2 else step * 2 / longest)  # far steps overshoot if one side wins all
        if longest < _CLOSE:
            break
    return float(1 / (1 + np.exp(-weights[0]))), float(weights[1])


def position_bias(pairs: Sequence[JudgedPair]) -> PositionBias:
    """How often the place, not the answer, decided."""
    verdicts = [verdict for pair in pairs for verdict in (pair.forth, pair.back)]
    first, clear = verdicts.count("1"), len(verdicts) - verdicts.count("tie")
    to_first = sum(pair.forth == pair.back == "1" for pair in pairs)
    to_second = sum(pair.forth == pair.back == "2" for pair in pairs)
    mirror = {"1": "2", "2": "1", "tie": "tie"}
    same = sum(mirror[pair.forth] == pair.back for pair in pairs)
    share = round(first / clear, 4) if clear else None
    return PositionBias(len(verdicts), share, proportion_interval(first, clear), to_first, to_second, same)
