"""Finding the level: does a higher one bring more replies a second?

In rounds of replies at one level, the time a reply takes is compared with the round before, step by step (a label takes
less time than a page): a level that is n times higher is worth it unless replies take nearly n times as long.
"""

import math
from collections import defaultdict

START = 16
MOST = 1024
WORTH = 0.7  # of the growth may be eaten up by longer waiting, in logarithms: 1.6 times for a doubled level
STEP_UP = 1.125  # once doubling has ended
PATIENCE_MOST = 64  # rounds between two looks for more
LEAST_REPLIES = 4  # of a step in both rounds, for the two to be compared

Times = dict[str, tuple[int, float]]  # step -> number of replies, sum of the logarithms of their seconds


class Climb:
    """limit None: any level up to MOST that is worth it; else go back up to the limit whatever it brings."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self._is_fixed = limit or MOST, limit is not None
        self.restart()

    def restart(self) -> None:
        """Double from here, as at the beginning."""
        self._doubling = True
        self._patience = self._waited = 0
        self._before: tuple[float, Times] | None = None  # the level before the last step up, and its times
        self._new_round()

    def lowered(self) -> None:
        """The server refuses: no more doubling, and more patience if this came of looking for more."""
        if self._before is not None or self._doubling:
            self._patience = min(PATIENCE_MOST, max(8, 2 * self._patience))
        self._doubling, self._before, self._waited = False, None, 0
        self._new_round()

    def _new_round(self) -> None:
        self._times: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
        self._replies, self._was_full = 0, True

    def after_reply(self, level: float, step: str, seconds: float, is_full: bool) -> float:
        """The level after one more reply; `is_full` says whether somebody waits for a slot."""
        if level >= self.limit:
            return float(self.limit)
        slot = self._times[step]
        slot[0] += 1
        slot[1] += math.log(max(seconds, 1e-4))
        self._replies += 1
        self._was_full = self._was_full and is_full
        if self._replies < 2 * level:
            return level
        times = {name: (int(n), total) for name, (n, total) in self._times.items()}
        was_full = self._was_full
        self._new_round()
        return self._after_round(level, times) if was_full else level  # nobody waited: more slots bring nothing

    def _after_round(self, level: float, times: Times) -> float:
        if self._before is not None:
            before, old = self._before
            slower = _slower(old, times)
            if slower is None:
                self._before = (before, old | times)  # other steps than before: this round is the one to compare with
                return level
            if not self._is_fixed and slower > WORTH * math.log(level / before):
                self._doubling, self._before, self._waited = False, None, 0
                self._patience = min(PATIENCE_MOST, max(8, 2 * self._patience))
                return before
            self._before, self._patience = None, 1
        self._waited += 1
        if self._waited <= self._patience and not self._doubling:
            return level
        self._before, self._waited = (level, times), 0
        return min(float(self.limit), level * 2 if self._doubling else max(level + 1, math.floor(level * STEP_UP)))


def _slower(old: Times, new: Times) -> float | None:
    """By how much replies take longer now, in logarithms; None where the rounds have no step in common."""
    both = [step for step in new if step in old and min(new[step][0], old[step][0]) >= LEAST_REPLIES]
    if not both:
        return None
    replies = sum(new[step][0] for step in both)
    return sum(new[step][0] * (new[step][1] / new[step][0] - old[step][1] / old[step][0]) for step in both) / replies
