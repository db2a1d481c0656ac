"""How many questions may be in flight: a fixed number, or a level found by watching what the server makes of it.

The level doubles while the number of replies a second grows with it, then settles and looks now and then whether more
has become possible. A burst of 429 cuts it once. It never changes a byte of the output.
"""

import asyncio
import time
from collections import deque

START = 16
MOST = 1024
GROWTH_WORTH_IT = 1.1  # a doubled level must bring at least this many times the replies a second
CUT = 0.8
LOOK_AGAIN = 30.0  # seconds at a settled level before a higher one is tried


class Gate:
    """limit None: find the level. `level` is the number allowed now, `flying` the number in flight."""

    def __init__(self, limit: int | None = None) -> None:
        self.fixed = limit is not None
        self.level = limit or START
        self.flying = self.refusals = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._watch = _Watch()

    @property
    def queued(self) -> int:
        return len(self._urgent) + len(self._others)

    async def enter(self, urgent: bool = False) -> None:
        """Wait for a slot. Urgent ones go before all others."""
        if self.flying < self.level and not self.queued:
            self.flying += 1
            return
        place = asyncio.get_running_loop().create_future()
        queue = self._urgent if urgent else self._others
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give_back()
            else:
                queue.remove(place)
            raise

    def leave(self, seconds: float, ok: bool, refused: bool) -> None:
        """Give the slot back. ok: a reply came, after `seconds`. refused: the server said 429."""
        if not self.fixed:
            self.level = self._watch.next_level(self.level, self.flying, bool(self.queued), seconds, ok, refused)
        self.refusals += refused
        self._give_back()

    def _give_back(self) -> None:
        self.flying -= 1
        while self.flying < self.level:
            queue = self._urgent or self._others
            if not queue:
                return
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                self.flying += 1


class _Watch:
    """Counts replies in rounds and says which level comes next. A round is one level's worth of replies, or more."""

    def __init__(self) -> None:
        self.growing = True
        self.best = 0.0  # replies a second at the level before
        self.before = START  # the level before
        self.pause_until = self.settled_at = 0.0
        self._start_round()

    def _start_round(self) -> None:
        self.began, self.replies, self.full = time.monotonic(), 0, True

    def next_level(self, level: int, flying: int, waiting: bool, seconds: float, ok: bool, refused: bool) -> int:
        now = time.monotonic()
        if refused:
            return self._cut(level, flying, now, seconds)
        self.full = self.full and waiting
        self.replies += ok
        if self.replies < max(2 * level, 8):
            return level
        rate = self.replies / max(now - self.began, 1e-6)
        full = self.full
        self._start_round()
        if not full or now < self.pause_until:
            return level  # nobody waited for a slot: more slots bring nothing
        return self._grow(level, rate, now)

    def _grow(self, level: int, rate: float, now: float) -> int:
        if self.growing:
            if rate >= self.best * GROWTH_WORTH_IT:
                self.best, self.before = rate, level
                return min(MOST, level * 2)
            self.growing, self.settled_at = False, now
            return self.before
        if now - self.settled_at > LOOK_AGAIN:
            self.growing, self.best, self.before = True, rate, level
            return min(MOST, level + max(1, level // 4))
        return level

    def _cut(self, level: int, flying: int, now: float, seconds: float) -> int:
        if now < self.pause_until:
            return level  # the same burst
        self.pause_until = now + max(1.0, 2 * seconds)
        self.growing, self.settled_at = False, now
        self._start_round()
        return max(1, int(min(level, flying) * CUT))
