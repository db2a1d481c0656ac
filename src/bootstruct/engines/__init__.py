"""Engines answer prompts. One small protocol; wrappers are engines made of engines."""

from typing import Protocol

from bootstruct.domain import Prompt, Reply


class Engine(Protocol):
    """Anything that answers prompts.

    complete raises Passing (ask again later), Permanent (this request only) or DoorClosed (nothing will work). A
    refusal, an empty answer or nonsense is a Reply: bad model output is data.
    """

    async def complete(self, prompt: Prompt) -> Reply: ...

    async def aclose(self) -> None: ...
