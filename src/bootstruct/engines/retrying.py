"""Asks again what failed in passing, with growing, jittered pauses. A pause holds no slot: the gate is further in."""

import asyncio
import random
from dataclasses import replace

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import DoorClosed, Passing, Permanent, StoppedShort

FIRST_PAUSE = 0.5  # seconds
LONGEST_PAUSE = 60.0
SILENCE = 600.0  # without one success for this long the run stops
UNREACHABLE_AFTER = 4  # connections refused to one question before any success
SAME_FAILURES = 12  # of one question while others were answered: it will not be answered either


class Retrying:
    """retries counts all repeated calls. waiting is the number of questions in a pause.

    complete raises DoorClosed where the server was never reached, StoppedShort on silence, and Permanent for a question
    that failed SAME_FAILURES times (refusals, 429, not counted) with a reply to another between each two.
    """

    def __init__(self, engine: Engine, silence: float = SILENCE, first_pause: float = FIRST_PAUSE) -> None:
        self.engine, self.silence, self.first_pause = engine, silence, first_pause
        self.retries = self.waiting = 0
        self._successes = 0
        self._silent_since: float | None = None  # the first failure after the last success

    async def complete(self, prompt: Prompt) -> Reply:
        attempt, alone, seen = 0, 0, -1
        while True:
            try:
                reply = await self.engine.complete(prompt)
            except Passing as exc:
                attempt += 1
                alone += exc.status != 429 and self._successes > seen
                seen = self._successes
                self._stop_if_hopeless(exc, attempt)
                if alone >= SAME_FAILURES:
                    raise Permanent(exc.status, f"{exc.reason} ({alone} times, while others were answered)") from None
                await self._rest(self._pause(exc, attempt))
            else:
                self._successes += 1
                self._silent_since = None
                return replace(reply, retries=reply.retries + attempt) if attempt else reply

    async def _rest(self, seconds: float) -> None:
        self.retries += 1
        self.waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.waiting -= 1

    def _pause(self, exc: Passing, attempt: int) -> float:
        jitter = 0.5 + random.random() / 2  # no part of the data: chance is welcome here
        if exc.retry_after:
            return exc.retry_after + 0.1 * jitter
        return min(LONGEST_PAUSE, self.first_pause * 2.0 ** min(attempt - 1, 16)) * jitter

    def _stop_if_hopeless(self, exc: Passing, attempt: int) -> None:
        if not exc.connected and not self._successes and attempt >= UNREACHABLE_AFTER:
            raise DoorClosed(f"{exc}; is the server running there? Give its address with --base-url.") from None
        now = asyncio.get_running_loop().time()
        self._silent_since = now if self._silent_since is None else self._silent_since
        saved = "All replies so far are saved; run the same command to go on."
        if now - self._silent_since >= self.silence:
            minutes = (now - self._silent_since) / 60
            raise StoppedShort(f"No answer for {minutes:.0f} minutes; the last error was: {exc}. {saved}") from None
        if exc.retry_after is not None and exc.retry_after > self.silence:
            wait = f"{exc.retry_after / 60:.0f} minutes" if exc.retry_after < 1e9 else "forever"
            raise StoppedShort(f"The server wants to be left alone for {wait}: {exc}. {saved}") from None

    async def aclose(self) -> None:
        await self.engine.aclose()
