"""The protocol that every engine implements."""

from typing import Protocol

from bootstruct.types import Prompt, Reply


class Engine(Protocol):
    """Anything that replies to prompts: a server, a local model, a function, or a wrapper around other engines."""

    async def complete(self, prompt: Prompt) -> Reply:
        """The model's reply to a prompt. Many may be requested at once.

        A refusal, an empty text or nonsense is a reply, not an exception: bad model output is data.

        Raises:
            TransientError: the request may succeed later.
            RequestRejectedError: this request would fail again; others are not affected.
            EngineUnavailableError: no request can succeed.
            RunStoppedError: a budget is used up, or the server has been silent for too long.
        """
        ...

    async def aclose(self) -> None:
        """Release connections, threads and processes; the engine is not used after that."""
        ...
