"""Finding the concurrency level, at which more requests in flight no longer bring more replies per second.

In rounds of replies, latency is compared with that at a lower level, step by step (a label takes less time than a page):
a level that is n times as high is kept unless replies certainly take nearly n times as long. The level first doubles; after
that it is raised a little from time to time.

Each 429 lowers the level by one, so that a burst of them ends where the server serves all requests. The rounds that
follow show whether that helped: rate limiting that continues at the lower level is not caused by this load (the key
may be shared with others) and is accepted.
"""

import math

START = 16  # requests in flight at the beginning
MOST = 1024  # requests in flight
WORTH = (
    0.6  # share of the growth, in logarithms, that latency may take: a doubled level may make replies 1.5 times as slow
)
STEP_UP = 1.125  # factor, once doubling has ended
REACH = 1.5  # factor over the base level up to which steps up are compared with it
PATIENCE, PATIENCE_MOST = 8, 64  # rounds before the next step up, doubled after each step up that brought nothing
LEAST_ROUND = 8  # replies
LEAST_REPLIES = 4  # replies of a step at both levels, for the two to be compared
MANY = 0.2  # share of 429s above which the level falls, whatever the cause
SLACK = 3  # 429s beyond a share that are attributed to chance
EXPECTED = 8  # 429s to be expected while a lowered level is checked, if lowering it brought nothing

# step -> number of replies, sum of the logarithms of their seconds, sum of the squares of these
LatencySums = dict[str, tuple[int, float, float]]


class AdaptiveLimit:
    """The concurrency level of one server.

    Args:
        limit: the highest level, to which it returns after each fall; None for any useful level up to MOST.

    Attributes:
        level: how many requests may be in flight now (its whole part).
    """

    def __init__(self, limit: int | None) -> None:
        self.limit, self._is_fixed = float(limit or MOST), limit is not None
        self.restart(limit or START)

    def restart(self, level: float) -> None:
        """Double from this level on, as at the beginning."""
        self.level = max(1.0, float(level))
        self._doubling, self._patience, self._rounds = True, PATIENCE, 0
        # the level from which the last steps up were taken, and its latencies
        self._base: tuple[float, LatencySums] | None = None
        self._background = 0.0  # the share of 429s that this load does not cause
        self._lowered: tuple[float, float] | None = None  # to be checked: from what level, at what share of 429s
        self._new_round()

    def _new_round(self) -> None:
        self._began_with, self._was_full = self.level, True
        self._replies = self._rate_limited = 0
        self._times: LatencySums = {}
        checked = EXPECTED / self._lowered[1] if self._lowered else 0.0
        self._length = max(LEAST_ROUND, 2 * self.level, checked)

    def after_rate_limit(self) -> None:
        """Count a 429."""
        self._rate_limited += 1
        usual = max(self._background, self._lowered[1] if self._lowered else 0.0)
        if self._rate_limited > (2 * usual * (self._rate_limited + self._replies) + SLACK if usual else 0):
            self.level = max(1.0, self.level - 1)

    def after_reply(self, step: str, seconds: float, is_full: bool) -> None:
        """Count a reply.

        Args:
            step: the prompt's step.
            seconds: what the reply took.
            is_full: whether other requests wait for a slot.
        """
        taken = math.log(max(seconds, 1e-4))
        count, total, squares = self._times.get(step, (0, 0.0, 0.0))
        self._times[step] = (count + 1, total + taken, squares + taken * taken)
        self._replies += 1
        self._was_full = self._was_full and is_full
        if self._replies >= self._length:
            self.level = self._after_round(self.level)
            self._new_round()

    def _after_round(self, level: float) -> float:
        requests = self._rate_limited + self._replies
        share, many = self._rate_limited / requests, self._rate_limited > MANY * requests + SLACK
        if self._lowered is not None:
            old, old_share = self._lowered
            self._lowered = None
            if many or share < old_share / 4:
                return level  # the load was the cause
            self._background, self._doubling, self._patience, level = share, True, PATIENCE, old
        elif level < self._began_with:
            self._lowered = None if many else (self._began_with, share)
            self._give_up()
            return level
        elif self._background:
            self._background = 0.75 * self._background + 0.25 * share
        if not self._was_full:
            return level  # no request waited for a slot: more slots bring nothing
        if self._base is not None:
            base, times = self._base
            slower, doubt = _latency_growth(times, self._times)
            if level > base and slower - doubt > WORTH * math.log(level / base) and not self._is_fixed:
                self._give_up()
                return base
            if level >= REACH * base:
                self._base, self._patience = None, 0
        return self._step_up(level)

    def _give_up(self) -> None:
        """The last steps up brought nothing: no more doubling, and more patience before the next."""
        self._patience = PATIENCE if self._doubling else min(PATIENCE_MOST, max(PATIENCE, 2 * self._patience))
        self._doubling, self._base, self._rounds = False, None, 0

    def _step_up(self, level: float) -> float:
        self._rounds += 1
        if level >= self.limit or (self._base is None and not self._doubling and self._rounds <= self._patience):
            return level
        if self._base is None or self._doubling:
            self._base, self._rounds = (level, self._times), 0
        return min(self.limit, 2 * level if self._doubling else max(level + 1, level * STEP_UP))


def _latency_growth(old: LatencySums, new: LatencySums) -> tuple[float, float]:
    """By how much latency grew, in logarithms, and its standard error; (0, 0) if no step is in common."""
    both = [step for step in new if step in old and min(new[step][0], old[step][0]) >= LEAST_REPLIES]
    replies = sum(new[step][0] for step in both)
    slower = error = 0.0
    for step in both:
        weight = new[step][0] / replies
        (mean, spread), (old_mean, old_spread) = _mean_and_variance(new[step]), _mean_and_variance(old[step])
        slower += weight * (mean - old_mean)
        error += weight * weight * (spread + old_spread)
    return slower, math.sqrt(error)


def _mean_and_variance(times: tuple[int, float, float]) -> tuple[float, float]:
    """The mean, and its variance."""
    count, total, squares = times
    mean = total / count
    return mean, max(0.0, squares / count - mean * mean) / count
