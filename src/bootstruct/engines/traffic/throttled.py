"""A limited number of requests in flight, at one server or spread over several equal ones.

Speed belongs to the machine and lives here, never in the recipe.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bootstruct.engines.base import Engine
from bootstruct.engines.traffic.backend import Backend, RequestOutcome
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter, Slot
from bootstruct.errors import TransientError
from bootstruct.types import Prompt, Reply


class ThrottledEngine:
    """An engine over one or more equal ones, with a limited number of requests in flight.

    Requests on which later ones depend (`Prompt.ordered`) go first; the others go in the order of arrival. A request
    that fails transiently at one server is sent to the next at once; the error is raised only when all servers in
    service have failed. A cancelled task begins nothing new.

    Args:
        engines: one for each backend of the limiter; all serve the same models.
        limiter: how many requests may be in flight, and where.
    """

    def __init__(self, engines: Sequence[Engine], limiter: ConcurrencyLimiter) -> None:
        assert len(engines) == len(limiter.backends)
        self.engines, self.limiter = engines, limiter

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`. Raises TransientError if all servers in service failed."""
        task, failed, errors = asyncio.current_task(), list[Backend](), list[TransientError]()
        while True:
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            slot = await self.limiter.acquire(prompt.ordered, prompt.step, tuple(failed))
            try:
                reply = await self._send(slot, prompt)
                return replace(reply, retries=len(failed)) if failed else reply
            except TransientError as exc:
                failed.append(slot.backend)
                errors.append(exc)
                if not self.limiter.has_alternative(failed):
                    raise min(errors, key=lambda error: (not error.connected, error.retry_after or 0.0)) from None

    async def _send(self, slot: Slot, prompt: Prompt) -> Reply:
        clock = asyncio.get_running_loop().time
        began, outcome = clock(), RequestOutcome("other")
        try:
            reply = await self.engines[slot.backend.number].complete(prompt)
            size = reply.completion_tokens or len(reply.text) // 4
            outcome = RequestOutcome("served", clock() - began, prompt.step, tokens=size)
            return replace(reply, seconds=outcome.seconds)
        except TransientError as exc:
            is_rate_limited = exc.status == 429 or exc.retry_after is not None
            outcome = RequestOutcome(
                "rate_limited" if is_rate_limited else "failed",
                clock() - began,
                prompt.step,
                exc.retry_after,
                exc.status,
                exc.connected,
                exc.is_malformed,
            )
            raise
        finally:
            self.limiter.release(slot, outcome)

    async def aclose(self) -> None:
        """Close all engines."""
        for engine in self.engines:
            await engine.aclose()
