"""How many questions may be in flight: at most a fixed number, or a level found by watching what the server makes of it.

The level goes up while that brings more replies (see level.py), and down to what is served where the server refuses
(429). After a failure nothing new begins until a reply has come or a pause is over. This never changes a byte of the
output.
"""

import asyncio
import heapq
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from bootstruct.engines.level import Climb

FIRST_HOLD = 0.5  # seconds without new questions after a failure; doubled while nothing but failures comes
LONGEST_HOLD = 60.0
OUTAGE = 8  # failures in a row, and at least one level of them: begin again with less


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a question ended, after so many seconds.

    served: a reply. refused: the server takes no more now. failed: in passing, otherwise. other: anything else, such as
    an error of this question alone, or the end of the run.
    """

    end: Literal["served", "refused", "failed", "other"]
    seconds: float = 0.0
    step: str = ""
    retry_after: float | None = None


class Gate:
    """limit: the most in flight; None: find the level. `level` is the number allowed now, `flying` the number in flight."""

    def __init__(self, limit: int | None = None) -> None:
        self.fixed = limit is not None
        self.flying = self.refusals = 0
        self._climb = Climb(limit)
        self._queue: list[tuple[bool, int, int, asyncio.Future[None]]] = []
        self._turns: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._entered = self._failed_in_a_row = 0
        self._hold_seconds = FIRST_HOLD
        self._hold: asyncio.TimerHandle | None = None

    @property
    def level(self) -> int:
        return int(self._climb.level)

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def enter(self, urgent: bool = False) -> None:
        """Wait for a slot.

        Urgent ones go first. Among the others the task that first came here goes first, also with what it asks later and
        asks again: what was begun is finished, and no retry waits behind all that is new.
        """
        self._entered += 1
        turn = self._turn()
        if self.flying < self.level and not self._queue and self._hold is None:
            self.flying += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (not urgent, turn, self._entered, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.flying -= 1
                self._let_in()
            raise

    def leave(self, outcome: Outcome) -> None:
        """Give the slot back."""
        self.flying -= 1
        if outcome.end == "served":
            self._after_reply(outcome)
        elif outcome.end in ("refused", "failed"):
            self._after_failure(outcome)
        self._let_in()

    def _turn(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        return self._turns.setdefault(task, self._entered)

    def _let_in(self) -> None:
        while self._queue and self._hold is None and self.flying < self.level:
            place = heapq.heappop(self._queue)[-1]
            if not place.done():
                self.flying += 1
                place.set_result(None)

    def _after_reply(self, outcome: Outcome) -> None:
        self._failed_in_a_row, self._hold_seconds = 0, FIRST_HOLD
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        self._climb.after_reply(outcome.step, outcome.seconds, is_full=bool(self._queue))

    def _after_failure(self, outcome: Outcome) -> None:
        self._failed_in_a_row += 1
        if outcome.end == "refused":
            self.refusals += 1
            self._climb.after_refusal()
        if self._hold is None:
            asked_for = outcome.retry_after or 0.0 if self._failed_in_a_row >= OUTAGE else 0.0
            seconds = min(LONGEST_HOLD, max(self._hold_seconds, asked_for))
            self._hold = asyncio.get_running_loop().call_later(seconds, self._hold_is_over)

    def _hold_is_over(self) -> None:
        self._hold = None
        if self._failed_in_a_row >= max(OUTAGE, self._climb.level):
            self._hold_seconds = min(LONGEST_HOLD, 2 * self._hold_seconds)
            self._climb.restart(self._climb.level // 2)
        self._let_in()
