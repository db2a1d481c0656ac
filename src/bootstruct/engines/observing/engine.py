"""An engine that tells observers of each request and of what came of it, and changes nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bootstruct.engines.base import Engine
from bootstruct.errors import RequestError
from bootstruct.types import Prompt, Reply


@dataclass(frozen=True, slots=True)
class ObservedOutcome:
    """What came of a request.

    Attributes:
        prompt: the request.
        reply: the reply to it; None if there was none.
        seconds: wall time from asking for it to its outcome: waiting for its turn, failed attempts and pauses included.
        error: the name of the error that ended it (`RequestRejectedError` ...); empty if a reply came.
        reason: what the error says; empty if a reply came.
        status: the HTTP status of the error, 0 without one.
    """

    prompt: Prompt
    reply: Reply | None
    seconds: float
    error: str = ""
    reason: str = ""
    status: int = 0


class RequestObserver(Protocol):
    """Is told when a request begins and what came of it. It must not raise."""

    def begin(self, prompt: Prompt) -> object:
        """Note that a request begins; what is returned is given to `end`."""
        ...

    def end(self, begun: object, outcome: ObservedOutcome) -> None:
        """Note what came of a request."""
        ...


class ObservedEngine:
    """An engine whose requests are observed.

    Args:
        engine: the engine that replies.
        observers: who is told.
    """

    def __init__(self, engine: Engine, observers: Sequence[RequestObserver]) -> None:
        self._engine, self._observers = engine, tuple(observers)

    async def complete(self, prompt: Prompt) -> Reply:
        """The reply of the engine below."""
        begun = [observer.begin(prompt) for observer in self._observers]
        started = time.perf_counter()
        try:
            reply = await self._engine.complete(prompt)
        except BaseException as exc:
            seconds = time.perf_counter() - started
            status = exc.status if isinstance(exc, RequestError) else 0
            reason = exc.reason if isinstance(exc, RequestError) else str(exc)
            self._end(begun, ObservedOutcome(prompt, None, seconds, type(exc).__name__, reason, status))
            raise
        self._end(begun, ObservedOutcome(prompt, reply, time.perf_counter() - started))
        return reply

    def _end(self, begun: list[object], outcome: ObservedOutcome) -> None:
        for observer, what in zip(self._observers, begun, strict=True):
            observer.end(what, outcome)

    async def aclose(self) -> None:
        """Close the engine below."""
        await self._engine.aclose()
