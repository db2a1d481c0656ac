"""An engine that is a function: for tests, for documentation, for trying things with no network and no cost."""

import asyncio
from collections.abc import Callable

from bootstruct.domain import Prompt, Reply


class Scripted:
    """Answers with `answer(prompt)` after `delay(prompt)` seconds; remembers what it was asked.

    answer returns the text or a whole Reply; what it raises is raised to the asker.
    """

    def __init__(self, answer: Callable[[Prompt], str | Reply], delay: Callable[[Prompt], float] | None = None) -> None:
        self.answer, self.delay = answer, delay
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt)
        await asyncio.sleep(self.delay(prompt) if self.delay else 0)
        answered = self.answer(prompt)
        return Reply(answered) if isinstance(answered, str) else answered

    async def aclose(self) -> None:
        return None
