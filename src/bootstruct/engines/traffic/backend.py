"""One server as the limiter sees it: its concurrency level, its latency, its cool-down and its suspension.

The level rises while that brings more replies per second (see `adaptive_limit`) and falls if the server answers 429.
After a failure no new request starts until a reply has come or a cool-down has passed. A server that is dead or slow
while others are not is suspended (see `ConcurrencyLimiter`) and probed with single requests.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bootstruct.engines.traffic.adaptive_limit import START, AdaptiveLimit
from bootstruct.engines.traffic.latency import RECOVERED, LatencyWindow, last_slowdown

FIRST_COOLDOWN = 0.5  # seconds without new requests after a failure; doubled while only failures come
LONGEST_COOLDOWN = 60.0  # seconds
OUTAGE = 8  # failures in a row, and at least one level of them: restart at half the level
SILENT = 3  # requests in a row without any response (timeouts, broken connections): the server is dead
BROKEN = 8  # errors (5xx) in a row: the server is dead
FIRST_SUSPENSION = 5.0  # seconds until a suspended server is probed; doubled after each failed probe
LONGEST_SUSPENSION = 60.0  # seconds
GOOD_PROBES = 2  # successful probes in a row that bring a slow server back
PROVEN = 64  # replies after which a server that came back is treated as one that never failed


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """How a request ended.

    Attributes:
        result: `served` with a reply; `rate_limited` (429, or any error with Retry-After); `failed` with another
            transient error; `other` for anything else, such as a rejected request or the end of the run.
        seconds: time from start to end.
        step: the prompt's step; latencies are compared within one step.
        retry_after: seconds to wait, if the server said so.
        status: the HTTP status, 0 if there was no response.
        connected: whether the server was reached.
        is_malformed: whether a response came that is neither a reply nor an error.
        tokens: tokens of the reply.
    """

    result: Literal["served", "rate_limited", "failed", "other"]
    seconds: float = 0.0
    step: str = ""
    retry_after: float | None = None
    status: int = 0
    connected: bool = True
    is_malformed: bool = False
    tokens: int = 0


@dataclass(slots=True)
class Suspension:
    """Why and for how long a server is suspended, and how its probes went.

    Attributes:
        reason: why, in words for the user.
        is_slow: suspended for being slow, not for being dead.
        since: loop time at which the suspension began.
        until: loop time from which the server may be probed.
        is_probed: whether a probe is in flight.
        good_probes: successful probes in a row.
    """

    reason: str
    is_slow: bool
    since: float
    until: float
    is_probed: bool = False
    good_probes: int = 0


class Backend:
    """One server: how many requests it may have, and whether it accepts any now.

    Args:
        number: its place among the limiter's servers.
        name: its address, as shown to the user.
        limit: the most requests in flight; None to find the level.
        on_available: called when a cool-down has passed.
    """

    def __init__(self, number: int, name: str, limit: int | None, on_available: Callable[[], None]) -> None:
        self.number, self.name = number, name
        self.in_flight = self.rate_limited = 0
        self.latency = LatencyWindow()
        self.weight = 1.0  # how many requests of another server one of its own counts for
        self.suspension: Suspension | None = None
        self._limit, self._adaptive, self._on_available = limit, AdaptiveLimit(limit), on_available
        self._failed = self._silent = self._broken = self._served = 0  # in a row
        self._cooldown_seconds, self._suspension_seconds = FIRST_COOLDOWN, FIRST_SUSPENSION
        self._cooldown: asyncio.TimerHandle | None = None

    @property
    def level(self) -> int:
        """How many requests may be in flight now."""
        return int(self._adaptive.level)

    @property
    def has_free_slot(self) -> bool:
        """Whether a new request may start here now."""
        return self.suspension is None and self._cooldown is None and self.in_flight < self.level

    def is_probe_due(self, now: float) -> bool:
        """Whether it is time to probe this suspended server."""
        return self.suspension is not None and not self.suspension.is_probed and now >= self.suspension.until

    def after_reply(self, outcome: RequestOutcome, is_full: bool) -> None:
        """Count a reply.

        Args:
            outcome: of the request.
            is_full: whether other requests wait for a slot.
        """
        self._failed = self._silent = self._broken = 0
        self._cooldown_seconds = FIRST_COOLDOWN
        self._served += 1
        if self._served >= PROVEN:
            self._suspension_seconds = FIRST_SUSPENSION
        self._end_cooldown()
        if self.suspension is None:
            self._adaptive.after_reply(outcome.step, outcome.seconds, is_full=is_full)

    def after_failure(self, outcome: RequestOutcome) -> str | None:
        """Count a failure; why this server is dead, None if it is not."""
        self._failed += 1
        if outcome.result == "rate_limited":
            self.rate_limited += 1
            self._adaptive.after_rate_limit()
        else:
            self._silent = self._silent + 1 if outcome.status == 0 else 0
            self._broken += 1
        if self._cooldown is None:
            asked_for = outcome.retry_after or 0.0 if self._failed >= OUTAGE else 0.0
            seconds = min(LONGEST_COOLDOWN, max(self._cooldown_seconds, asked_for))
            self._cooldown = asyncio.get_running_loop().call_later(seconds, self._after_cooldown)
        if outcome.is_malformed:
            return "sends responses that are not replies"
        if not outcome.connected:
            return "cannot be reached"
        if self._silent >= SILENT:
            return f"{self._silent} requests in a row without a response"
        if self._broken >= BROKEN:
            return f"{self._broken} errors in a row, the last with status {outcome.status or 'none'}"
        return None

    def _after_cooldown(self) -> None:
        self._cooldown = None
        if self._failed >= max(OUTAGE, self._adaptive.level):
            self._cooldown_seconds = min(LONGEST_COOLDOWN, 2 * self._cooldown_seconds)
            self._adaptive.restart(self._adaptive.level // 2)
        self._on_available()

    def _end_cooldown(self) -> None:
        if self._cooldown is not None:
            self._cooldown.cancel()
            self._cooldown = None

    def suspend(self, reason: str, is_slow: bool) -> None:
        """Send only probes for a while, longer each time, until the server has recovered."""
        now = asyncio.get_running_loop().time()
        since = self.suspension.since if self.suspension else now
        self.suspension = Suspension(reason, is_slow, since, now + self._suspension_seconds)
        self._suspension_seconds, self._served = min(LONGEST_SUSPENSION, 2 * self._suspension_seconds), 0

    def after_probe(self, others: list[LatencyWindow]) -> None:
        """Count a reply that came while this server was suspended, and resume it if it has recovered."""
        assert self.suspension is not None
        ratio = last_slowdown(self.latency, others) if self.suspension.is_slow else None
        if ratio is not None and ratio > RECOVERED:
            self.suspend(f"replies take {_short(ratio)} times as long as those of the others", True)
            return
        suspension = self.suspension
        suspension.good_probes, suspension.is_probed, suspension.until = suspension.good_probes + 1, False, 0.0
        if not suspension.is_slow or suspension.good_probes >= GOOD_PROBES:
            self.resume()

    def resume(self) -> None:
        """Return to service, with its record cleared."""
        self.suspension, self.weight = None, 1.0
        self._failed = self._silent = self._broken = self._served = 0
        self.latency.clear()
        self._end_cooldown()
        self._adaptive.restart(self._limit or min(START, self._adaptive.level))


def _short(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{math.floor(ratio)}"
