"""Is one of several equal servers slow? Its recent answer times are held against those of the others.

A long answer takes long, so times are compared only between answers of one step and about one length (within a factor of
two). Times vary, so a difference counts only as far as it exceeds a few standard errors, by the spread that the others
show. Pure arithmetic, no clock.
"""

import math
from collections import deque
from collections.abc import Sequence

KEPT = 64  # answers of a server that are remembered
LOOKS = ((4, 4.0), (16, 2.0))  # so many of the latest answers are judged, less so many standard errors
LEAST = 8  # answers of the others that say something
SLOW = 3.0  # times as long as the others: set aside
WELL = math.sqrt(SLOW)  # a trial that takes at most so many times as long is a good one

Means = dict[tuple[str, int], float]


class Times:
    """The latest answers of one server: step, size class of the answer, logarithm of its seconds."""

    def __init__(self) -> None:
        self.rows: deque[tuple[str, int, float]] = deque(maxlen=KEPT)

    def add(self, step: str, tokens: int, seconds: float) -> None:
        self.rows.append((step, tokens.bit_length(), math.log(max(seconds, 1e-4))))

    def forget(self) -> None:
        self.rows.clear()


def times_as_slow(mine: Times, others: Sequence[Times]) -> float:
    """How many times as long the latest answers surely take as equal ones of the others; 0 where too little is known."""
    usual, spread = _usual(others)
    if spread is None:
        return 0.0
    surest = 0.0
    for number, errors in LOOKS:
        differences = _differences(mine, usual, number)
        if len(differences) >= number // 2 + 1:
            error = math.sqrt(spread / len(differences))
            surest = max(surest, math.exp(sum(differences) / len(differences) - errors * error))
    return surest


def weight(mine: Times, others: Sequence[Times]) -> float:
    """How many questions of the others one here counts for: 1, or more where its latest answers seem to take longer."""
    differences = _differences(mine, _usual(others)[0], LOOKS[-1][0])
    seems = math.exp(sum(differences) / len(differences)) if len(differences) > 1 else 1.0
    return seems if seems > WELL else 1.0


def last_times_as_slow(mine: Times, others: Sequence[Times]) -> float | None:
    """The same of the last answer alone, as it is; None where there is nothing to compare it with."""
    differences = _differences(mine, _usual(others)[0], 1)
    return math.exp(differences[0]) if differences else None


def longest(mine: Times, others: Sequence[Times], step: str) -> float | None:
    """Seconds that a question at this step may take before it is overdue: a few times the longest answer lately, of the
    others and of this server before its latest ones (which may be slow already). None where too little is known."""
    before = list(mine.rows)[: -LOOKS[-1][0]]
    taken = [row[2] for rows in (before, *(each.rows for each in others)) for row in rows if row[0] == step]
    if len(taken) < LEAST:
        return None
    return math.exp(max(taken)) * (
        SLOW if before else SLOW * SLOW
    )  # without a past of its own: it may get the long ones


def _differences(mine: Times, usual: Means, number: int) -> list[float]:
    return [taken - usual[step, size] for step, size, taken in list(mine.rows)[-number:] if (step, size) in usual]


def _usual(others: Sequence[Times]) -> tuple[Means, float | None]:
    """The mean by step and size, and the variance within these; None where too little is known."""
    sums: dict[tuple[str, int], tuple[int, float, float]] = {}
    for each in others:
        for step, size, taken in each.rows:
            count, total, squares = sums.get((step, size), (0, 0.0, 0.0))
            sums[step, size] = (count + 1, total + taken, squares + taken * taken)
    means = {key: total / count for key, (count, total, _) in sums.items()}
    free = sum(count - 1 for count, _, _ in sums.values())
    within = sum(squares - total * total / count for count, total, squares in sums.values())
    return means, max(0.0, within / free) if free >= LEAST else None
