"""Finding the level: does more in flight bring more replies a second?

In rounds of replies, the time a reply takes is compared with that at a lower level, step by step (a label takes less time
than a page): a level n times as high is worth it unless replies surely take nearly n times as long. First it doubles, then
it looks now and then for a little more.

A refusal lowers it by one, so that a burst of them ends where the server serves all. The rounds after show what that was
worth: refusals that go on at the lower level do not come of the load (a key shared with others, say) and are put up with.
"""

import math

START = 16
MOST = 1024
WORTH = 0.6  # of the growth may be lost to longer waiting, in logarithms: a doubled level may make replies 1.5 times as slow
STEP_UP = 1.125  # once doubling has ended
REACH = 1.5  # steps up are compared with the level they began at until they have come this far
PATIENCE, PATIENCE_MOST = 8, 64  # rounds before the next look for more, doubled after each look in vain
LEAST_ROUND = 8  # replies
LEAST_REPLIES = 4  # of a step at both levels, for the two to be compared
MANY = 0.2  # where more than this share is refused the level goes down, whatever the reason
SLACK = 3  # refusals beyond a share that mean nothing yet
EXPECTED = 8  # refusals to be expected while a lowering is checked, if it was worth nothing

Times = dict[
    str, tuple[int, float, float]
]  # step -> number of replies, sums of the logarithms of their seconds and squares


class Climb:
    """limit None: any level up to MOST that is worth it; else back up to the limit, whatever that brings."""

    def __init__(self, limit: int | None) -> None:
        self.limit, self._is_fixed = float(limit or MOST), limit is not None
        self.restart(limit or START)

    def restart(self, level: float) -> None:
        """Double from this level, as at the beginning."""
        self.level = max(1.0, float(level))
        self._doubling, self._patience, self._rounds = True, PATIENCE, 0
        self._base: tuple[float, Times] | None = (
            None  # the level from which the last steps up were taken, and its times
        )
        self._background = 0.0  # the share of refusals that do not come of the load
        self._lowered: tuple[float, float] | None = None  # to be checked: from what level, at what share of refusals
        self._new_round()

    def _new_round(self) -> None:
        self._began_with, self._was_full = self.level, True
        self._replies = self._refused = 0
        self._times: Times = {}
        checked = EXPECTED / self._lowered[1] if self._lowered else 0.0
        self._length = max(LEAST_ROUND, 2 * self.level, checked)

    def after_refusal(self) -> None:
        """One question was refused."""
        self._refused += 1
        usual = max(self._background, self._lowered[1] if self._lowered else 0.0)
        if self._refused > (2 * usual * (self._refused + self._replies) + SLACK if usual else 0):
            self.level = max(1.0, self.level - 1)

    def after_reply(self, step: str, seconds: float, is_full: bool) -> None:
        """One reply came. is_full: somebody waits for a slot."""
        taken = math.log(max(seconds, 1e-4))
        count, total, squares = self._times.get(step, (0, 0.0, 0.0))
        self._times[step] = (count + 1, total + taken, squares + taken * taken)
        self._replies += 1
        self._was_full = self._was_full and is_full
        if self._replies >= self._length:
            self.level = self._after_round(self.level)
            self._new_round()

    def _after_round(self, level: float) -> float:
        all_calls = self._refused + self._replies
        share, many = self._refused / all_calls, self._refused > MANY * all_calls + SLACK
        if self._lowered is not None:
            old, old_share = self._lowered
            self._lowered = None
            if many or share < old_share / 4:
                return level  # it was the load
            self._background, self._doubling, self._patience, level = share, True, PATIENCE, old
        elif level < self._began_with:
            self._lowered = None if many else (self._began_with, share)
            self._give_up()
            return level
        elif self._background:
            self._background = 0.75 * self._background + 0.25 * share
        if not self._was_full:
            return level  # nobody waited for a slot: more slots bring nothing
        if self._base is not None:
            base, times = self._base
            slower, doubt = _slower(times, self._times)
            if level > base and slower - doubt > WORTH * math.log(level / base) and not self._is_fixed:
                self._give_up()
                return base
            if level >= REACH * base:
                self._base, self._patience = None, 0
        return self._step_up(level)

    def _give_up(self) -> None:
        """The last steps up were in vain: no more doubling, and more patience before the next look."""
        self._patience = PATIENCE if self._doubling else min(PATIENCE_MOST, max(PATIENCE, 2 * self._patience))
        self._doubling, self._base, self._rounds = False, None, 0

    def _step_up(self, level: float) -> float:
        self._rounds += 1
        if level >= self.limit or (self._base is None and not self._doubling and self._rounds <= self._patience):
            return level
        if self._base is None or self._doubling:
            self._base, self._rounds = (level, self._times), 0
        return min(self.limit, 2 * level if self._doubling else max(level + 1, level * STEP_UP))


def _slower(old: Times, new: Times) -> tuple[float, float]:
    """By how much replies take longer now, in logarithms, and its standard error; no step in common: 0, 0."""
    both = [step for step in new if step in old and min(new[step][0], old[step][0]) >= LEAST_REPLIES]
    replies = sum(new[step][0] for step in both)
    slower = error = 0.0
    for step in both:
        weight = new[step][0] / replies
        (mean, spread), (old_mean, old_spread) = _mean(new[step]), _mean(old[step])
        slower += weight * (mean - old_mean)
        error += weight * weight * (spread + old_spread)
    return slower, math.sqrt(error)


def _mean(times: tuple[int, float, float]) -> tuple[float, float]:
    """Mean, and its variance."""
    count, total, squares = times
    mean = total / count
    return mean, max(0.0, squares / count - mean * mean) / count
