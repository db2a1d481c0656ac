"""Retries of transient failures, after growing, jittered pauses. A pause holds no slot: the limiter is further inside."""

import asyncio
import random
from dataclasses import dataclass, replace

from bootstruct.engines.base import Engine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError, TransientError
from bootstruct.types import Prompt, Reply

FIRST_PAUSE = 0.5  # seconds
LONGEST_PAUSE = 60.0  # seconds
SILENCE = 600.0  # seconds without a single reply after which the run stops
UNREACHABLE_AFTER = 4  # refused connections of one request before any reply
SAME_FAILURES = 12  # failures of one request while others got replies: it will not get one either
MALFORMED_FAILURES = 4  # likewise, of responses that are neither a reply nor an error
LONE_FAILURES = (
    7  # such failures of one request while hardly any other request meets them: the request is the cause, not an outage
)
FEW = 2  # requests that meet such failures at the same time without its being an outage
LONGEST_MALFORMED_PAUSE = 8.0  # seconds


@dataclass(slots=True)
class _Streak:
    """Malformed responses that one request has met."""

    malformed: int = 0


@dataclass(frozen=True, slots=True)
class FailureStreak:
    """Transient failures with no reply to any request since the first of them.

    Attributes:
        reason: of the last failure, with its HTTP status if there was one.
        count: failures in the streak.
        seconds: since the first.
        next_seconds: until the next retry; None while no request is in a pause.
    """

    reason: str
    count: int
    seconds: float
    next_seconds: float | None


class RetryingEngine:
    """An engine that retries transient failures.

    Args:
        engine: the engine inside.
        silence: seconds without any reply after which the run stops.
        first_pause: seconds before the first retry; doubled with each.

    Attributes:
        retries: all repeated requests so far.
        waiting: requests that are in a pause now.
    """

    def __init__(self, engine: Engine, silence: float = SILENCE, first_pause: float = FIRST_PAUSE) -> None:
        self.engine, self.silence, self.first_pause = engine, silence, first_pause
        self.retries = self.waiting = 0
        self._successes = self._malformed = 0  # replies; requests that are retried after a malformed response
        self._silent_since: float | None = None  # the first failure after the last success
        self._failures, self._last_failure = 0, ""  # after the last success
        self._retry_times: list[float] = []  # loop times at which pauses end

    @property
    def failure_streak(self) -> FailureStreak | None:
        """The failures since the last reply, None if there are none; to be read in the running event loop."""
        if self._silent_since is None:
            return None
        now = asyncio.get_running_loop().time()
        following = max(0.0, min(self._retry_times) - now) if self._retry_times else None
        return FailureStreak(self._last_failure, self._failures, now - self._silent_since, following)

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`.

        Raises:
            EngineUnavailableError: the server was never reached.
            RunStoppedError: no request got a reply for `silence` seconds, or the server asks for a longer pause.
            RequestRejectedError: this request failed SAME_FAILURES times (429 not counted; MALFORMED_FAILURES times
                if the response was neither a reply nor an error), with a reply to another request between each two;
                or LONE_FAILURES times by such responses, which hardly any other request meets.
        """
        streak = _Streak()
        try:
            return await self._complete(prompt, streak)
        finally:
            self._malformed -= streak.malformed > 0

    async def _complete(self, prompt: Prompt, streak: "_Streak") -> Reply:
        attempt, alone, seen = 0, 0, -1
        while True:
            try:
                reply = await self.engine.complete(prompt)
            except TransientError as exc:
                attempt += 1
                self._failures, self._last_failure = self._failures + 1, str(exc)
                alone += exc.status != 429 and self._successes > seen
                seen = self._successes
                self._stop_if_hopeless(exc, attempt)
                if exc.is_malformed:
                    self._malformed += streak.malformed == 0
                    streak.malformed += 1
                is_lone = streak.malformed >= LONE_FAILURES and self._successes > 0 and self._malformed <= FEW
                if is_lone or alone >= (MALFORMED_FAILURES if exc.is_malformed else SAME_FAILURES):
                    times = streak.malformed if is_lone else alone
                    raise RequestRejectedError(
                        exc.status, f"{exc.reason} ({times} times, while other requests got replies)"
                    ) from None
                await self._pause(self._pause_seconds(exc, attempt))
            else:
                self._successes += 1
                self._silent_since, self._failures = None, 0
                return replace(reply, retries=reply.retries + attempt) if attempt else reply

    async def _pause(self, seconds: float) -> None:
        self.retries += 1
        self.waiting += 1
        until = asyncio.get_running_loop().time() + seconds
        self._retry_times.append(until)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.waiting -= 1
            self._retry_times.remove(until)

    def _pause_seconds(self, exc: TransientError, attempt: int) -> float:
        jitter = 0.5 + random.random() / 2  # not part of the data, so it need not be reproducible
        if exc.retry_after:
            return exc.retry_after + 0.1 * jitter
        longest = LONGEST_MALFORMED_PAUSE if exc.is_malformed else LONGEST_PAUSE
        return min(longest, self.first_pause * 2.0 ** min(attempt - 1, 16)) * jitter

    def _stop_if_hopeless(self, exc: TransientError, attempt: int) -> None:
        if not exc.connected and not self._successes and attempt >= UNREACHABLE_AFTER:
            doubt = (
                "is this an OpenAI-compatible server" if exc.is_malformed else "is the server running at this address"
            )
            raise EngineUnavailableError(f"{exc}; {doubt}? Give its address with --base-url.") from None
        now = asyncio.get_running_loop().time()
        self._silent_since = now if self._silent_since is None else self._silent_since
        saved = "All replies so far are saved; run the same command again to continue."
        if now - self._silent_since >= self.silence:
            minutes = (now - self._silent_since) / 60
            raise RunStoppedError(f"No reply for {minutes:.0f} minutes; the last error was: {exc}. {saved}") from None
        if exc.retry_after is not None and exc.retry_after > self.silence:
            wait = f"{exc.retry_after / 60:.0f} minutes" if exc.retry_after < 1e9 else "an unlimited time"
            raise RunStoppedError(f"The server asks for a pause of {wait}: {exc}. {saved}") from None

    async def aclose(self) -> None:
        """Close the engine inside."""
        await self.engine.aclose()
