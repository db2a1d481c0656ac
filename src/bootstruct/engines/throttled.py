"""At most so many questions in flight. Speed lives here, never in the recipe.

Cancelling a question means: begin nothing new. If it waits for a slot it ends at once; if it is in flight its reply is
waited for, because it is paid for.
"""

import asyncio
import time

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.engines.gate import Gate
from bootstruct.errors import CallFailed, Passing

GRACE = 30.0  # seconds that replies in flight are waited for when a run ends


class Throttled:
    """Growing the pool (step `propose`) goes first; the rest in the order of asking."""

    def __init__(self, engine: Engine, gate: Gate, grace: float = GRACE) -> None:
        self.engine, self.gate, self.grace = engine, gate, grace

    async def complete(self, prompt: Prompt) -> Reply:
        await self.gate.enter(urgent=prompt.step == "propose")
        began, refused, ok = time.monotonic(), False, False
        call = asyncio.ensure_future(self.engine.complete(prompt))
        try:
            reply = await self._finish(call)
            ok = True
            return reply
        except Passing as exc:
            refused = exc.status == 429
            raise
        finally:
            self.gate.leave(time.monotonic() - began, ok, refused)

    async def _finish(self, call: "asyncio.Future[Reply]") -> Reply:
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if not call.done():
                try:
                    await asyncio.wait({call}, timeout=self.grace)
                finally:
                    if not call.done():
                        call.cancel()
            if not call.done() or call.cancelled():
                raise
            if isinstance(call.exception(), CallFailed):
                raise
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            return call.result()

    async def aclose(self) -> None:
        await self.engine.aclose()
