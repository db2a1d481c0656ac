"""A local model on many processes or machines: `ray/hf/PATH-OR-NAME`, `ray/pocket`.

`crew` hands questions in batches to workers, of which there are as many as the queue is worth. A worker that dies costs
only a second asking of what it held. `on_ray` puts workers on a Ray cluster; nothing else here knows of Ray.
"""

from typing import Protocol

from bootstruct.domain import Prompt
from bootstruct.engines.local import Answer


class Lost(Exception):
    """A worker is gone, and what it held with it. Its text is the reason, in words."""


class Worker(Protocol):
    """A process with a model, somewhere. place and load end once it runs, and once it has loaded a model.

    All three raise Lost where the worker is gone, and DoorClosed where no worker could do it. generate is answered in the
    order of asking, so a second batch may wait while the first is computed.
    """

    async def place(self) -> None: ...

    async def load(self, model: str) -> None: ...

    async def generate(self, prompts: list[Prompt]) -> list[Answer]: ...

    def stop(self) -> None: ...


class Cluster(Protocol):
    """Where workers come from.

    open raises DoorClosed where it cannot be reached. room: how many workers it can hold in all. watch ends, with a reason
    for the user, when the cluster is lost. full: why a worker may find no place, in words.
    """

    async def open(self) -> None: ...

    def room(self) -> int: ...

    def worker(self) -> Worker: ...

    async def watch(self) -> str: ...

    def full(self) -> str: ...

    async def close(self) -> None: ...
