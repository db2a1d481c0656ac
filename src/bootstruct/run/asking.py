"""Sending requests under keys: the ledger is searched first, then the engine is called; every reply is recorded once.

A run and an evaluation send requests in the same way; they differ in the ledger of known replies (a run's state and
journal, an evaluation's journal).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from bootstruct.engines.base import Engine
from bootstruct.errors import EngineUnavailableError, ReplayMismatchError, RequestRejectedError, RunStoppedError
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.types import Prompt, Reply, digest_of

EARLY_FAILURES: Final = (
    5  # this number of permanent errors before any success ends the work: all requests fail in the same way
)

Fact = ReplyReceived | RequestFailed
R = TypeVar("R")


class Ledger(Protocol):
    """Where replies and failures are filed under keys."""

    @property
    def has_success(self) -> bool:
        """Whether any request was answered."""

    def find(self, key: str) -> Fact | None:
        """What is recorded under a key."""

    def record(self, fact: Fact) -> None:
        """File a fact under its key, on disk and in memory."""


class ReplySource(Protocol):
    """The paid replies of other runs, by the digest of the request."""

    def find(self, digest: str) -> tuple[Reply, object] | None:
        """The reply and where it comes from, None if there is none."""


@dataclass(frozen=True, slots=True)
class FailureHandling:
    """What differs between the users of an `Asker`.

    Attributes:
        enough: how many early failures end the work, given the number of requests in flight.
        mismatch: the error's sentence for a key whose recorded request has another digest: (key, recorded, now) -> text.
        remedy: what to change if all first requests fail.
        is_timed: whether the time of each reply is recorded.
    """

    enough: Callable[[int], int]
    mismatch: Callable[[str, str, str], str]
    remedy: str
    is_timed: bool = True


def task_for(work: Coroutine[Any, Any, R]) -> "asyncio.Task[R]":
    """A task whose error is raised only where it is awaited: the first error of a run ends it."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


class Asker:
    """Sends requests under keys.

    `fatal` fails with the error that ends the work, whichever request met it.
    """

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        rules: FailureHandling,
        reuse: ReplySource | None = None,
        retry_failed: bool = False,
    ) -> None:
        self.ledger, self.engine, self.rules, self.reuse, self.retry_failed = ledger, engine, rules, reuse, retry_failed
        loop = asyncio.get_running_loop()
        self.fatal: asyncio.Future[None] = loop.create_future()
        self._first_success: asyncio.Future[None] = loop.create_future()
        self._early: list[RequestRejectedError] = []
        self._in_flight: dict[str, asyncio.Future[None]] = {}
        self._failed: set[str] = set()

    async def ask(self, key: str, prompt: Prompt) -> Reply | None:
        """The reply filed under this key, else the engine's, recorded. None: the request failed for good.

        Conversations that make the same request at once share it: the first one sends it, and the others find its
        reply recorded.

        Raises:
            ReplayMismatchError: another request is recorded under this key.
            EngineUnavailableError: nothing will work, or the first requests all failed.
            RunStoppedError: the budget is used up, or the server is silent.
        """
        while key in self._in_flight:
            await asyncio.wait([self._in_flight[key]])
        digest = digest_of(prompt)
        known = self.ledger.find(key)
        if known is not None and known.digest and known.digest != digest:  # without one: the request is not known
            raise ReplayMismatchError(self.rules.mismatch(key, known.digest, digest))
        if isinstance(known, ReplyReceived):
            return known.reply
        if isinstance(known, RequestFailed) and (known.source or not self.retry_failed or key in self._failed):
            return None
        if self.reuse is not None and (found := self.reuse.find(digest)) is not None:
            self.ledger.record(ReplyReceived(key, digest, found[0], source=str(found[1])))
            return found[0]
        self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self.engine.complete(prompt)
        except RequestRejectedError as exc:
            await self._hold_back(exc)
            self.ledger.record(RequestFailed(key, digest, exc.status, exc.reason))
            self._failed.add(key)
            return None
        except EngineUnavailableError as exc:
            self._end(exc)
            raise
        except RunStoppedError as exc:
            if not self._first_success.done():  # a success that is awaited will not come
                self._first_success.set_exception(exc)
                self._first_success.exception()
            raise
        finally:
            self._in_flight.pop(key).set_result(None)
        self.ledger.record(ReplyReceived(key, digest, reply, at=time.time() if self.rules.is_timed else 0.0))
        if not self._first_success.done():
            self._first_success.set_result(None)
        return reply

    async def _hold_back(self, exc: RequestRejectedError) -> None:
        """A failure counts only once something has succeeded; if the first requests all fail, the work ends."""
        if self.ledger.has_success:
            return
        self._early.append(exc)
        await asyncio.sleep(0)  # until everything that may be sent at once has been sent
        if self.ledger.has_success:
            return
        if len(self._early) >= self.rules.enough(len(self._in_flight)):
            ended = EngineUnavailableError(
                f"The first {len(self._early)} requests all failed: {exc}. Nothing was recorded; {self.rules.remedy}, then "
                "run the same command again."
            )
            self._end(ended)
            raise ended
        await asyncio.shield(self._first_success)

    def _end(self, exc: EngineUnavailableError) -> None:
        if not self.fatal.done():
            self.fatal.set_exception(exc)
            self.fatal.exception()  # seen, also where nobody awaits it
