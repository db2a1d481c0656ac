"""At most so many questions in flight, at one server or spread over several equal ones. Speed lives here, never in the
recipe."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.engines.door import Door, Outcome
from bootstruct.engines.gate import Gate, Slot
from bootstruct.errors import Passing

GROWS_THE_POOL = "propose"


class Throttled:
    """engines: one for each door of the gate, all serve the same models.

    Growing the pool goes first; the rest in the order of asking. What fails in passing at one server is asked at the next
    at once, and raised only when all in service have failed. A cancelled task begins nothing new.
    """

    def __init__(self, engines: Sequence[Engine], gate: Gate) -> None:
        assert len(engines) == len(gate.doors)
        self.engines, self.gate = engines, gate

    async def complete(self, prompt: Prompt) -> Reply:
        task, failed, errors = asyncio.current_task(), list[Door](), list[Passing]()
        while True:
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            slot = await self.gate.enter(prompt.step == GROWS_THE_POOL, prompt.step, tuple(failed))
            try:
                reply = await self._ask(slot, prompt)
                return replace(reply, retries=len(failed)) if failed else reply
            except Passing as exc:
                failed.append(slot.door)
                errors.append(exc)
                if not self.gate.has_other(failed):
                    raise min(errors, key=lambda each: (not each.connected, each.retry_after or 0.0)) from None

    async def _ask(self, slot: Slot, prompt: Prompt) -> Reply:
        clock = asyncio.get_running_loop().time
        began, outcome = clock(), Outcome("other")
        try:
            reply = await self.engines[slot.door.number].complete(prompt)
            size = reply.completion_tokens or len(reply.text) // 4
            outcome = Outcome("served", clock() - began, prompt.step, tokens=size)
            return replace(reply, seconds=outcome.seconds)
        except Passing as exc:
            refused = exc.status == 429 or exc.retry_after is not None
            outcome = Outcome(
                "refused" if refused else "failed",
                clock() - began,
                prompt.step,
                exc.retry_after,
                exc.status,
                exc.connected,
            )
            raise
        finally:
            self.gate.leave(slot, outcome)

    async def aclose(self) -> None:
        for engine in self.engines:
            await engine.aclose()
