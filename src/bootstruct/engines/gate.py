"""How many questions may be in flight: a fixed number, or a level found by watching what the server makes of it.

The level goes up while that brings more replies, and down to what is served where the server refuses (429). After a
failure nothing new begins until a reply has come or a pause is over. All this never changes a byte of the output.
"""

import asyncio
import heapq
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from bootstruct.engines.level import START, Climb

FIRST_HOLD = 0.5  # seconds without new questions after a failure, doubled while no reply comes
LONGEST_HOLD = 60.0
REGAIN = 0.25  # a refusal lowers the level by one, a reply to a question beyond it raises it by this: up to 1 in 5
# refusals that have nothing to do with the load leave the level where it is


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a question ended. ok: with a reply. refused: the server takes no more now. failed: in passing, of any kind."""

    step: str
    seconds: float
    ok: bool = False
    refused: bool = False
    failed: bool = False
    retry_after: float | None = None


class Gate:
    """limit None: find the level. `level` is the number allowed now, `flying` the number in flight."""

    def __init__(self, limit: int | None = None) -> None:
        self.fixed = limit is not None
        self.flying = self.refusals = 0
        self._climb = Climb(limit)
        self._level = float(limit or START)
        self._queue: list[tuple[bool, int, int, asyncio.Future[int]]] = []
        self._turns: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._entered = 0
        self._hold = FIRST_HOLD
        self._held: asyncio.TimerHandle | None = None

    @property
    def level(self) -> int:
        return int(self._level)

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def enter(self, urgent: bool = False) -> int:
        """Wait for a slot and return its rank: how many are in flight with it.

        Urgent ones go first. Among the others the task that first came here goes first, also with what it asks later and
        asks again: what was begun is finished, and no retry waits behind all that is new.
        """
        if self.flying < self.level and not self._queue and self._held is None:
            self.flying += 1
            return self.flying
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._entered += 1
        heapq.heappush(self._queue, (not urgent, self._turn(), self._entered, place))
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.flying -= 1
                self._let_in()
            else:
                place.cancel()
            raise

    def leave(self, rank: int, outcome: Outcome) -> None:
        """Give back the slot of this rank."""
        self.flying -= 1
        if outcome.refused:
            self.refusals += 1
            self._level = max(1.0, min(self._level, float(self.flying)))
            self._climb.lowered()
        elif outcome.ok:
            if rank > self._level:
                self._level = min(self._level + REGAIN, float(rank))
            self._level = self._climb.after_reply(self._level, outcome.step, outcome.seconds, bool(self._queue))
        if outcome.ok:
            self._release()
        elif outcome.failed:
            self._hold_back(outcome.retry_after)
        self._let_in()

    def _turn(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        return self._turns.setdefault(task, self._entered)

    def _let_in(self) -> None:
        while self._queue and self._held is None and self.flying < self.level:
            place = heapq.heappop(self._queue)[-1]
            if not place.done():
                self.flying += 1
                place.set_result(self.flying)

    def _hold_back(self, retry_after: float | None) -> None:
        if self._held is not None:
            return
        seconds = self._hold if retry_after is None else min(max(retry_after, 0.01), LONGEST_HOLD)
        self._held = asyncio.get_running_loop().call_later(seconds, self._hold_is_over)

    def _hold_is_over(self) -> None:
        """No reply came all the while: begin again with less, and be slower to try."""
        self._held = None
        self._hold = min(LONGEST_HOLD, 2 * self._hold)
        self._level = max(1.0, self._level // 2)
        self._climb.restart()
        self._let_in()

    def _release(self) -> None:
        self._hold = FIRST_HOLD
        if self._held is not None:
            self._held.cancel()
            self._held = None
