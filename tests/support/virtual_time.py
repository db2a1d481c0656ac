"""Virtual time: an event loop that jumps to the next timer instead of waiting.

Tests of pauses, limits and levels take no time and see the same times on every machine.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(10.0)  # only something outside the loop, such as a thread, can continue the work
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps."""

    def __init__(self) -> None:
        self._jumps = _Selector()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine on virtual time, as `asyncio.run` does on real time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """Return the seconds of the virtual clock."""
    return asyncio.get_running_loop().time()
