"""At most so many questions in flight. Speed lives here, never in the recipe."""

import asyncio
from dataclasses import replace

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.engines.gate import Gate, Outcome
from bootstruct.errors import Passing

GROWS_THE_POOL = "propose"


class Throttled:
    """Growing the pool goes first; the rest in the order of asking. A cancelled task begins nothing new."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self.engine, self.gate = engine, gate

    async def complete(self, prompt: Prompt) -> Reply:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await self.gate.enter(urgent=prompt.step == GROWS_THE_POOL)
        clock = asyncio.get_running_loop().time
        began, outcome = clock(), Outcome("other")
        try:
            reply = await self.engine.complete(prompt)
            outcome = Outcome("served", clock() - began, prompt.stage)
            return replace(reply, seconds=outcome.seconds)
        except Passing as exc:
            refused = exc.status == 429 or exc.retry_after is not None
            outcome = Outcome("refused" if refused else "failed", clock() - began, prompt.stage, exc.retry_after)
            raise
        finally:
            self.gate.leave(outcome)

    async def aclose(self) -> None:
        await self.engine.aclose()
