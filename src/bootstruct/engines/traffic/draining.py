"""Requests in flight are paid for, so they are completed: cancelling one waits for its reply instead of losing it."""

import asyncio
from collections.abc import Callable

from bootstruct.engines.base import Engine
from bootstruct.errors import RequestRejectedError
from bootstruct.types import Prompt, Reply

GRACE = 30.0  # seconds that replies in flight are waited for when a run ends


class DrainingEngine:
    """An engine whose cancelled requests still return their reply if it comes in time; otherwise they end cancelled.

    The task stays marked as cancelled (`Task.cancelling`), so that it can record the reply but begins nothing new; see
    `ThrottledEngine`. A second cancel ends the request at once.

    Args:
        engine: the engine inside.
        grace: seconds that the reply to a cancelled request is waited for.
    """

    def __init__(self, engine: Engine, grace: float = GRACE) -> None:
        self.engine, self.grace = engine, grace

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`."""
        request = asyncio.ensure_future(self.engine.complete(prompt))
        try:
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            try:
                await asyncio.wait({request}, timeout=self.grace)
            finally:
                request.cancel()  # has no effect if it is done
            if not request.done() or request.cancelled() or request.exception() is not None:
                raise
            return request.result()

    async def aclose(self) -> None:
        """Close the engine inside."""
        await self.engine.aclose()


async def drained_reply(
    result: "asyncio.Future[Reply | RequestRejectedError]", has_begun: Callable[[], bool], grace: float
) -> Reply:
    """The reply to a request that is computed in a batch with others.

    A request that is cancelled before its batch has begun is dropped; after that its reply is waited for.

    Args:
        result: the result of the batch for this request.
        has_begun: whether its batch has begun.
        grace: seconds that the reply to a cancelled request is waited for.

    Raises:
        RequestRejectedError: the result is one.
    """
    try:
        ended = await asyncio.shield(result)
    except asyncio.CancelledError:
        if has_begun():
            await asyncio.wait({result}, timeout=grace)
        if not result.done():
            result.cancel()
        if result.cancelled() or result.exception() is not None:
            raise
        ended = result.result()
    if isinstance(ended, Reply):
        return ended
    raise ended
