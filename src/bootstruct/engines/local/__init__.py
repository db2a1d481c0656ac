"""Models on this machine, through transformers: `hf/PATH-OR-NAME`, and the `pocket` model that ships with the package.

A model replies to a list of prompts in one blocking call. The batcher connects it with the many waiting requests.
Randomness comes from each request's own seed, and choices within floating-point noise are made from logits computed for
that row alone, so a reply does not depend on the rest of its batch.
"""

from collections.abc import Callable
from typing import Protocol

from bootstruct.errors import RequestRejectedError
from bootstruct.types import Prompt, Reply

GenerationResult = Reply | RequestRejectedError


class GenerationStoppedError(Exception):
    """The engine was closed while a batch was being computed."""


class LocalModel(Protocol):
    """A model that computes replies in a blocking call, in a worker thread."""

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        """One result for each prompt, in order: a reply, or RequestRejectedError if the prompt is too long.

        Args:
            prompts: for one model.
            stopping: called between tokens; once it returns True, generation stops.

        Raises:
            GenerationStoppedError: `stopping` returned True.
            EngineUnavailableError: the model can reply to no prompt of this form.
        """
        ...
