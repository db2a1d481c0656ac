"""Finding the level: does more in flight bring more replies a second?

In rounds of replies, the time a reply takes is compared with the round before, step by step (a label takes less time than
a page): a level n times as high is worth it unless replies take nearly n times as long. First it doubles, then it looks
now and then for a little more.
"""

import math

START = 16
MOST = 1024
WORTH = 0.7  # of the growth may be lost to longer waiting, in logarithms: a doubled level may make replies 1.6 times as slow
STEP_UP = 1.125  # once doubling has ended
PATIENCE, PATIENCE_MOST = 8, 64  # rounds before the next look for more, doubled after each look in vain
LEAST_REPLIES = 4  # of a step in both rounds, for the two to be compared
LOWERED = 0.9  # a round that ends below this share of the level it began with was refused

Times = dict[str, tuple[int, float]]  # step -> number of replies, sum of the logarithms of their seconds


class Climb:
    """limit None: any level up to MOST that is worth it; else back up to the limit, whatever that brings."""

    def __init__(self, limit: int | None, level: float) -> None:
        self.limit, self._is_fixed = float(limit or MOST), limit is not None
        self.restart(level)

    def restart(self, level: float) -> None:
        """Double from this level, as at the beginning."""
        self._doubling, self._patience, self._rounds = True, PATIENCE, 0
        self._before: tuple[float, Times] | None = None  # the level before the last step up, and its times
        self._new_round(level)

    def _new_round(self, level: float) -> None:
        self._began_with, self._was_full, self._replies = level, True, 0
        self._times: Times = {}

    def after_reply(self, level: float, step: str, seconds: float, is_full: bool) -> float:
        """The level after one more reply; `is_full` says whether somebody waits for a slot."""
        if level >= self.limit and self._before is None:
            return level
        count, total = self._times.get(step, (0, 0.0))
        self._times[step] = (count + 1, total + math.log(max(seconds, 1e-4)))
        self._replies += 1
        self._was_full = self._was_full and is_full
        if self._replies >= 2 * level:
            level = self._after_round(level)
            self._new_round(level)
        return level

    def _after_round(self, level: float) -> float:
        if level < LOWERED * self._began_with:
            self._give_up()
            return level
        if not self._was_full:
            return level  # nobody waited for a slot: more slots bring nothing
        if self._before is not None:
            before, old = self._before
            slower = _slower(old, self._times)
            if slower is None:  # other steps than before: the next round is compared with both
                self._before = (before, old | self._times)
                return level
            if not self._is_fixed and slower > WORTH * math.log(level / before):
                self._give_up()
                return before
            self._before, self._patience, self._rounds = None, 0, 0
        return self._step_up(level)

    def _give_up(self) -> None:
        """The last step up was in vain: no more doubling, and more patience before the next look."""
        self._patience = PATIENCE if self._doubling else min(PATIENCE_MOST, max(PATIENCE, 2 * self._patience))
        self._doubling, self._before, self._rounds = False, None, 0

    def _step_up(self, level: float) -> float:
        self._rounds += 1
        if level >= self.limit or (not self._doubling and self._rounds <= self._patience):
            return level
        self._before = (level, self._times)
        return min(self.limit, 2 * level if self._doubling else max(level + 1, level * STEP_UP))


def _slower(old: Times, new: Times) -> float | None:
    """By how much replies take longer now, in logarithms; None where the rounds have no step in common."""
    both = [step for step in new if step in old and min(new[step][0], old[step][0]) >= LEAST_REPLIES]
    replies = sum(new[step][0] for step in both)
    if not replies:
        return None
    return sum(new[step][1] - new[step][0] * old[step][1] / old[step][0] for step in both) / replies
