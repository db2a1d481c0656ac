"""A local model on many processes or machines: `ray/hf/PATH-OR-NAME`, `ray/pocket`.

`worker_pool` sends requests in batches to as many workers as the queue needs. If a worker dies, only its requests are
computed again. `actors` puts workers on a Ray cluster; nothing else here depends on Ray.
"""

from typing import Protocol

from bootstruct.engines.local import GenerationResult
from bootstruct.types import Prompt


class WorkerLostError(Exception):
    """A worker is lost, with its requests. The text is the reason."""


class Worker(Protocol):
    """A process with a model on some machine. All coroutines raise WorkerLostError when it is lost."""

    async def place(self) -> None:
        """Wait until the process runs. Raises EngineUnavailableError where it cannot be used."""
        ...

    async def load(self, model: str) -> None:
        """Load a model. Raises EngineUnavailableError if no worker could."""
        ...

    async def generate(self, prompts: list[Prompt]) -> list[GenerationResult]:
        """One result for each prompt. Batches are computed in the order of the calls, so a second one may wait."""
        ...

    def stop(self) -> None:
        """End the process."""
        ...


class Cluster(Protocol):
    """Where workers run."""

    async def open(self) -> None:
        """Connect. Raises EngineUnavailableError if the cluster cannot be reached."""
        ...

    def capacity(self) -> int:
        """How many workers fit in all."""
        ...

    def worker(self) -> Worker:
        """Start a worker, which may have to wait for a place."""
        ...

    async def watch(self) -> str:
        """Return, with a reason for the user, when the cluster is lost."""
        ...

    def no_capacity_reason(self) -> str:
        """Why a worker may find no place, as a sentence."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...
