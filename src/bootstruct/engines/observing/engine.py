"""An engine that reports each request and its outcome to observers, and changes nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bootstruct.engines.base import Engine
from bootstruct.errors import RequestError
from bootstruct.types import Prompt, Reply


@dataclass(frozen=True, slots=True)
class ObservedOutcome:
    """The outcome of a request.

    Attributes:
        prompt: the request.
        reply: the reply to it; None if there was none.
        seconds: wall time from the request to its outcome, including waiting, failed attempts and pauses.
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
    """Receives the beginning and the outcome of each request. It must not raise."""

    def begin(self, prompt: Prompt) -> object:
        """Note that a request begins; the returned value is passed to `end`."""
        ...

    def end(self, begun: object, outcome: ObservedOutcome) -> None:
        """Note the outcome of a request."""
        ...


class ObservedEngine:
    """An engine whose requests are observed.

    Args:
        engine: the engine that replies.
        observers: those who receive the reports.
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
