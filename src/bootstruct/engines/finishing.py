"""What is in flight is paid for, so it is finished: cancelling waits for the reply instead of throwing it away."""

import asyncio
from collections.abc import Callable

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import Permanent

GRACE = 30.0  # seconds that replies in flight are waited for when a run ends


class Finishing:
    """A cancelled question in flight still returns its reply, if it comes within `grace` seconds; else it ends cancelled.

    The task stays marked as cancelled (`Task.cancelling`), so that it can write the reply down but begins nothing new:
    see Throttled. A second cancel ends it at once.
    """

    def __init__(self, engine: Engine, grace: float = GRACE) -> None:
        self.engine, self.grace = engine, grace

    async def complete(self, prompt: Prompt) -> Reply:
        call = asyncio.ensure_future(self.engine.complete(prompt))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            try:
                await asyncio.wait({call}, timeout=self.grace)
            finally:
                call.cancel()  # does nothing where it is done
            if not call.done() or call.cancelled() or call.exception() is not None:
                raise
            return call.result()

    async def aclose(self) -> None:
        await self.engine.aclose()


async def outcome(answer: "asyncio.Future[Reply | Permanent]", has_begun: Callable[[], bool], grace: float) -> Reply:
    """The reply, or the error raised, of a question that is answered in a batch with others.

    Cancelled before its batch has begun it is forgotten; after that it is waited for `grace` seconds.
    """
    try:
        told = await asyncio.shield(answer)
    except asyncio.CancelledError:
        if has_begun():
            await asyncio.wait({answer}, timeout=grace)
        if not answer.done():
            answer.cancel()
        if answer.cancelled() or answer.exception() is not None:
            raise
        told = answer.result()
    if isinstance(told, Reply):
        return told
    raise told
