"""Asks again what failed in passing, with growing, jittered pauses. A pause holds no slot: the gate is further in."""

import asyncio
import random
import time

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import DoorClosed, Passing, StoppedShort

FIRST_PAUSE = 0.5  # seconds
LONGEST_PAUSE = 60.0
SILENCE = 600.0  # without one success for this long the run stops
UNREACHABLE_AFTER = 4  # connections refused in a row before the first success


class Retrying:
    """retries counts all repeated calls. Raises DoorClosed where the server was never reached, StoppedShort on silence."""

    def __init__(self, engine: Engine, silence: float = SILENCE, first_pause: float = FIRST_PAUSE) -> None:
        self.engine, self.silence, self.first_pause = engine, silence, first_pause
        self.retries = 0
        self._last_success = time.monotonic()
        self._succeeded = False

    async def complete(self, prompt: Prompt) -> Reply:
        attempt = 0
        while True:
            try:
                reply = await self.engine.complete(prompt)
            except Passing as exc:
                attempt += 1
                self._give_up_if_hopeless(exc, attempt)
                self.retries += 1
                await asyncio.sleep(self._pause(exc, attempt))
            else:
                self._last_success, self._succeeded = time.monotonic(), True
                return reply

    def _pause(self, exc: Passing, attempt: int) -> float:
        jitter = 0.5 + random.random() / 2  # no part of the data: chance is welcome here
        if exc.retry_after is not None:
            return exc.retry_after + 0.1 * jitter
        return min(LONGEST_PAUSE, self.first_pause * 2.0 ** min(attempt - 1, 16)) * jitter

    def _give_up_if_hopeless(self, exc: Passing, attempt: int) -> None:
        if not exc.connected and not self._succeeded and attempt >= UNREACHABLE_AFTER:
            raise DoorClosed(f"{exc}; is the server running there? Give its address with --base-url.") from None
        silent = time.monotonic() - self._last_success
        if silent > self.silence:
            raise StoppedShort(
                f"No answer for {silent / 60:.0f} minutes; the last error was: {exc}. All replies so far are saved; "
                "run the same command to go on."
            ) from None

    async def aclose(self) -> None:
        await self.engine.aclose()
