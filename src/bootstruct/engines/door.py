"""One server as the gate sees it: how many questions it may have, whether it is held for a moment, whether it is set aside.

The level goes up while that brings more replies (see level.py), and down to what is served where the server refuses
(429). After a failure nothing new begins until a reply has come or a pause is over. A server that is dead or slow while
others are not is set aside (see Gate) and tried again with single questions.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootstruct.engines.level import START, Climb
from bootstruct.engines.standing import WELL, Times, last_times_as_slow

FIRST_HOLD = 0.5  # seconds without new questions after a failure; doubled while nothing but failures comes
LONGEST_HOLD = 60.0
OUTAGE = 8  # failures in a row, and at least one level of them: begin again with less
SILENT = 3  # calls in a row without any answer (timeouts, broken connections): dead
BROKEN = 8  # errors (5xx) in a row: dead
FIRST_REST, LONGEST_REST = 5.0, 60.0  # seconds until a server set aside is tried again; doubled each time in vain
GOOD_TRIALS = 2  # trials in a row that bring a slow server back
PROVEN = 64  # replies after which a server that came back is as good as one that was never away


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a question ended, after so many seconds.

    served: a reply, of so many tokens. refused: the server takes no more now. failed: in passing, otherwise (status 0: no
    answer). other: anything else, such as an error of this question alone, or the end of the run.
    """

    end: Literal["served", "refused", "failed", "other"]
    seconds: float = 0.0
    step: str = ""
    retry_after: float | None = None
    status: int = 0
    connected: bool = True
    tokens: int = 0


@dataclass(slots=True)
class Aside:
    """Why a server is set aside, since when and until when (loop time), and how its trials went."""

    why: str
    is_slow: bool
    since: float
    until: float
    is_tried: bool = False
    good: int = 0


class Door:
    """limit: the most in flight; None: find the level. opened: called when a pause is over."""

    def __init__(self, number: int, name: str, limit: int | None, opened: Callable[[], None]) -> None:
        self.number, self.name = number, name
        self.flying = self.refusals = 0
        self.times = Times()
        self.weight = 1.0  # for how many questions of others one of its own counts
        self.aside: Aside | None = None
        self._limit, self._climb, self._opened = limit, Climb(limit), opened
        self._failed = self._silent = self._broken = self._served = 0  # in a row
        self._hold_seconds, self._rest = FIRST_HOLD, FIRST_REST
        self._hold: asyncio.TimerHandle | None = None

    @property
    def level(self) -> int:
        return int(self._climb.level)

    @property
    def has_room(self) -> bool:
        return self.aside is None and self._hold is None and self.flying < self.level

    def is_due(self, now: float) -> bool:
        """Is it time to try a server that is set aside?"""
        return self.aside is not None and not self.aside.is_tried and now >= self.aside.until

    def after_reply(self, outcome: Outcome, is_full: bool) -> None:
        self._failed = self._silent = self._broken = 0
        self._hold_seconds = FIRST_HOLD
        self._served += 1
        if self._served >= PROVEN:
            self._rest = FIRST_REST
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        if self.aside is None:
            self._climb.after_reply(outcome.step, outcome.seconds, is_full=is_full)

    def after_failure(self, outcome: Outcome) -> str | None:
        """Why this server is dead, None if it is not."""
        self._failed += 1
        if outcome.end == "refused":
            self.refusals += 1
            self._climb.after_refusal()
        else:
            self._silent = self._silent + 1 if outcome.status == 0 else 0
            self._broken += 1
        if self._hold is None:
            asked_for = outcome.retry_after or 0.0 if self._failed >= OUTAGE else 0.0
            seconds = min(LONGEST_HOLD, max(self._hold_seconds, asked_for))
            self._hold = asyncio.get_running_loop().call_later(seconds, self._hold_is_over)
        if not outcome.connected:
            return "cannot be reached"
        if self._silent >= SILENT:
            return f"{self._silent} calls in a row without an answer"
        if self._broken >= BROKEN:
            return f"{self._broken} errors in a row, the last of status {outcome.status or 'none'}"
        return None

    def _hold_is_over(self) -> None:
        self._hold = None
        if self._failed >= max(OUTAGE, self._climb.level):
            self._hold_seconds = min(LONGEST_HOLD, 2 * self._hold_seconds)
            self._climb.restart(self._climb.level // 2)
        self._opened()

    def set_aside(self, why: str, is_slow: bool) -> None:
        """Out of service for a while; longer each time, until it has proven itself."""
        now = asyncio.get_running_loop().time()
        since = self.aside.since if self.aside else now
        self.aside = Aside(why, is_slow, since, now + self._rest)
        self._rest, self._served = min(LONGEST_REST, 2 * self._rest), 0

    def after_trial(self, others: list[Times]) -> None:
        """A question was answered while this server was set aside: is it well again?"""
        assert self.aside is not None
        ratio = last_times_as_slow(self.times, others) if self.aside.is_slow else None
        if ratio is not None and ratio > WELL:
            self.set_aside(f"answers {_told(ratio)} times as slowly as the others", True)
            return
        self.aside.good, self.aside.is_tried, self.aside.until = self.aside.good + 1, False, 0.0
        if not self.aside.is_slow or self.aside.good >= GOOD_TRIALS:
            self.take_back()

    def take_back(self) -> None:
        """In service again, with nothing held against it."""
        self.aside, self.weight = None, 1.0
        self._failed = self._silent = self._broken = self._served = 0
        self.times.forget()
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        self._climb.restart(self._limit or min(START, self._climb.level))


def _told(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{math.floor(ratio)}"
