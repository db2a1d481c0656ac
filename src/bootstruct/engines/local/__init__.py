"""Models on this machine, through transformers: `hf/PATH-OR-NAME`, and the `pocket` model that ships with the package.

A model answers a list of prompts in one blocking call. The batcher stands between it and the many questions that wait.
Chance comes from each request's own seed, and what floating point leaves open is settled for each row alone: a reply does
not depend on what else was in its batch.
"""

from collections.abc import Callable
from typing import Protocol

from bootstruct.domain import Prompt, Reply
from bootstruct.errors import Permanent

Answer = Reply | Permanent


class Stopped(Exception):
    """The engine was closed while a batch was being computed."""


class Model(Protocol):
    """Something that answers prompts here and now, in a worker thread.

    generate returns one answer for each prompt, in order: a reply, or Permanent where this very prompt cannot be
    answered (longer than the context). `stopping` is asked between tokens; once true, Stopped is raised. Raises
    DoorClosed where no prompt of this kind can be answered.
    """

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[Answer]: ...
