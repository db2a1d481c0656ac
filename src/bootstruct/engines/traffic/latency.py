"""Whether one of several equal servers is slow, by comparing its recent latencies with those of the others.

A long reply takes long, so latencies are compared only between replies of one step and of about the same length
(within a factor of two). Latencies vary, so a difference counts only to the extent that it exceeds a few standard
errors, estimated from the spread of the others. Pure arithmetic, no clock.
"""

import math
from collections import deque
from collections.abc import Sequence

KEPT = 64  # replies of a server that are remembered
WINDOWS = ((4, 4.0), (16, 2.0))  # (latest replies that are compared, standard errors that are subtracted)
LEAST = 8  # replies of the others from which a spread can be estimated
SLOW = 3.0  # times as long as the others: suspended
RECOVERED = math.sqrt(SLOW)  # a probe that takes at most this many times as long succeeds

Means = dict[tuple[str, int], float]


class LatencyWindow:
    """The latest replies of one server: step, size class of the reply, logarithm of its seconds."""

    def __init__(self) -> None:
        self.rows: deque[tuple[str, int, float]] = deque(maxlen=KEPT)

    def add(self, step: str, tokens: int, seconds: float) -> None:
        """Remember a reply of this step, with its tokens and its seconds."""
        self.rows.append((step, tokens.bit_length(), math.log(max(seconds, 1e-4))))

    def clear(self) -> None:
        """Forget all replies."""
        self.rows.clear()


def slowdown(mine: LatencyWindow, others: Sequence[LatencyWindow]) -> float:
    """How many times as long its latest replies certainly take as similar ones of the others; 0 if too little is known."""
    usual, spread = _usual(others)
    if spread is None:
        return 0.0
    surest = 0.0
    for number, errors in WINDOWS:
        differences = _differences(mine, usual, number)
        if len(differences) >= number // 2 + 1:
            error = math.sqrt(spread / len(differences))
            surest = max(surest, math.exp(sum(differences) / len(differences) - errors * error))
    return surest


def load_weight(mine: LatencyWindow, others: Sequence[LatencyWindow]) -> float:
    """How many requests of the others one here counts for: 1, or more if its latest replies seem to take longer."""
    differences = _differences(mine, _usual(others)[0], WINDOWS[-1][0])
    ratio = math.exp(sum(differences) / len(differences)) if len(differences) > 1 else 1.0
    return ratio if ratio > RECOVERED else 1.0


def last_slowdown(mine: LatencyWindow, others: Sequence[LatencyWindow]) -> float | None:
    """How many times as long its last reply took as similar ones of the others; None if there are none to compare."""
    differences = _differences(mine, _usual(others)[0], 1)
    return math.exp(differences[0]) if differences else None


def longest_expected(mine: LatencyWindow, others: Sequence[LatencyWindow], step: str) -> float | None:
    """Seconds that a request of this step may take before it is overdue; None if too little is known.

    A few times the longest latency lately, of the others and of this server before its latest replies (which may be slow
    already).
    """
    before = list(mine.rows)[: -WINDOWS[-1][0]]
    taken = [row[2] for rows in (before, *(other.rows for other in others)) for row in rows if row[0] == step]
    if len(taken) < LEAST:
        return None
    factor = SLOW if before else SLOW * SLOW  # a server without a past of its own may have got the long ones
    return math.exp(max(taken)) * factor


def _differences(mine: LatencyWindow, usual: Means, number: int) -> list[float]:
    return [taken - usual[step, size] for step, size, taken in list(mine.rows)[-number:] if (step, size) in usual]


def _usual(others: Sequence[LatencyWindow]) -> tuple[Means, float | None]:
    """The mean by step and size, and the variance within these; None if too little is known."""
    sums: dict[tuple[str, int], tuple[int, float, float]] = {}
    for other in others:
        for step, size, taken in other.rows:
            count, total, squares = sums.get((step, size), (0, 0.0, 0.0))
            sums[step, size] = (count + 1, total + taken, squares + taken * taken)
    means = {key: total / count for key, (count, total, _) in sums.items()}
    free = sum(count - 1 for count, _, _ in sums.values())
    within = sum(squares - total * total / count for count, total, squares in sums.values())
    return means, max(0.0, within / free) if free >= LEAST else None
