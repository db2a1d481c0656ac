"""An engine that is a function, for tests, documentation, and trials without network or cost."""

import asyncio
from collections.abc import Callable

from bootstruct.types import Prompt, Reply


class ScriptedEngine:
    """An engine whose replies come from a function.

    Example:
        >>> import asyncio
        >>> from bootstruct import Prompt, ScriptedEngine
        >>> from bootstruct.types import Sampling
        >>> engine = ScriptedEngine(lambda prompt: prompt.text.upper())
        >>> asyncio.run(engine.complete(Prompt("propose", "m", Sampling(), 0, text="a task"))).text
        'A TASK'

    Args:
        answer: returns the reply to a prompt, as text or as a whole Reply; its exceptions reach the caller.
        delay: seconds until the reply to a prompt comes.

    Attributes:
        asked: the prompts so far, in the order in which they came.
    """

    def __init__(self, answer: Callable[[Prompt], str | Reply], delay: Callable[[Prompt], float] | None = None) -> None:
        self.answer, self.delay = answer, delay
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        """The function's reply to the prompt, after the delay."""
        self.asked.append(prompt)
        await asyncio.sleep(self.delay(prompt) if self.delay else 0)
        reply = self.answer(prompt)
        return Reply(reply) if isinstance(reply, str) else reply

    async def aclose(self) -> None:
        """Nothing to close."""
