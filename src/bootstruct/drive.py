"""Where waiting happens: ask (journal first), converse (a flow of questions), in_order (results in order of index)."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from bootstruct.domain import Prompt, Reply, digest_of
from bootstruct.engines import Engine
from bootstruct.errors import DoorClosed, Permanent, ReplayMismatch, StoppedShort
from bootstruct.events import Event, Failed, Replied, State, apply, key_of
from bootstruct.journal import Journal
from bootstruct.stages.annotate import heard

R = TypeVar("R")
Questions = Mapping[str, Prompt]  # by key
Answers = Mapping[str, Reply | None]  # by key; None: it failed for good
EARLY_FAILURES = 5  # as many permanent errors before any success end the run: all requests fail alike


class Reuse(Protocol):
    """Where paid replies of other runs are found, by the digest of the question."""

    def find(self, digest: str) -> tuple[Reply, object] | None: ...


class Run:
    """A state, the journal it is the fold of, and the engine that answers what the journal does not.

    ahead: tasks begun beyond the first uncommitted one, if not the usual number: for engines that answer many at once."""

    ahead: int | None = None

    def __init__(
        self, state: State, journal: Journal, engine: Engine, reuse: Reuse | None = None, retry_failed: bool = False
    ) -> None:
        self.state, self.journal, self.engine = state, journal, engine
        self.reuse, self.retry_failed = reuse, retry_failed
        self.doom: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._early: list[Permanent] = []
        self._flying: dict[str, asyncio.Future[None]] = {}
        self._failed: set[str] = set()
        self._first_success: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def record(self, event: Event) -> None:
        """The one way to change anything: append the event, then apply it."""
        apply(self.state, event, self.journal.append(event))

    async def ask(self, key: str, prompt: Prompt) -> Reply | None:
        """The answer filed under this key, else the engine's, asked once and written down. None: it failed for good.

        Conversations that ask the same question at once share it: the first one asks, the others find its answer on record.
        Raises ReplayMismatch where the journal answers another question under this key.
        """
        while key in self._flying:
            await asyncio.wait([self._flying[key]])
        digest = digest_of(prompt)
        known = self.state.replies.get(key)
        if known is not None and known.digest and known.digest != digest:  # without one: what was asked is not known
            raise ReplayMismatch(
                f"{key} was asked as {known.digest[:8]} and would now be asked as {digest[:8]}: the recipe, the seeds or "
                "the version changed since this run began; start a new run folder."
            )
        if isinstance(known, Replied):
            return known.reply
        if isinstance(known, Failed) and (known.source or not self.retry_failed or key in self._failed):
            return None
        if self.reuse is not None and (found := self.reuse.find(digest)) is not None:
            self.record(Replied(key, digest, found[0], source=str(found[1])))
            return found[0]
        self._flying[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self.engine.complete(prompt)
        except Permanent as exc:
            await self._hold_back(exc)
            self.record(Failed(key, digest, exc.status, exc.reason))
            self._failed.add(key)
            return None
        except DoorClosed as exc:
            if not self.doom.done():
                self.doom.set_exception(exc)
            raise
        except StoppedShort as exc:
            if not self._first_success.done():  # who waits for a success waits in vain
                self._first_success.set_exception(exc)
                self._first_success.exception()
            raise
        finally:
            self._flying.pop(key).set_result(None)
        self.record(Replied(key, digest, reply, at=time.time()))
        if not self._first_success.done():
            self._first_success.set_result(None)
        return reply

    async def _hold_back(self, exc: Permanent) -> None:
        """A failure counts only once something has succeeded; where the first ones all fail, the run ends."""
        if self.state.has_success:
            return
        self._early.append(exc)
        await asyncio.sleep(0)  # until all that may be asked at once is
        if self.state.has_success:
            return
        if len(self._early) >= min(EARLY_FAILURES, self.state.recipe.propose.lag.least, len(self._flying)):
            closed = DoorClosed(
                f"The first {len(self._early)} requests all failed: {exc}. Nothing was recorded; change the recipe or "
                "the server, then run the same command again."
            )
            if not self.doom.done():
                self.doom.set_exception(closed)
            raise closed
        await asyncio.shield(self._first_success)

    async def converse(self, task: str, flow: Generator[Prompt, Reply, R]) -> R | None:
        """Run a flow about a task to its end: every prompt it yields is asked, every reply sent back in. None: a question
        failed."""
        try:
            prompt = next(flow)
            while True:
                reply = heard(prompt, await self.ask(key_of(task, prompt.step), prompt))
                if reply is None:
                    flow.close()
                    return None
                prompt = flow.send(reply)
        except StopIteration as done:
            result: R = done.value
            return result

    async def consult(self, flow: Generator[Questions, Answers, R]) -> R:
        """Run a flow that asks many questions at once, each under its own key, and is told of those that failed."""
        answers: Answers | None = None
        try:
            while True:
                asked = next(flow) if answers is None else flow.send(answers)
                answers = await self._ask_all(asked)
        except StopIteration as done:
            result: R = done.value
            return result

    async def _ask_all(self, asked: Questions) -> Answers:
        keys = list(asked)
        asking = in_order(0, lambda n: n < len(keys), lambda n: self.ask(keys[n], asked[keys[n]]))
        async with aclosing(asking) as answers:
            return {keys[n]: reply async for n, reply in answers}


class News:
    """Wakes who waits for more to do; closed once there will never be more."""

    def __init__(self) -> None:
        self.closed = False
        self._event = asyncio.Event()

    def tell(self) -> None:
        self._event.set()

    def close(self) -> None:
        self.closed = True
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        if not self.closed:
            self._event.clear()


async def in_order(
    first: int,
    may_start: Callable[[int], bool],
    work: Callable[[int], Coroutine[Any, Any, R]],
    news: News | None = None,
) -> AsyncGenerator[tuple[int, R], None]:
    """Start work(first), work(first + 1) ... as soon as each may start; yield results strictly in that order.

    Ends when nothing runs and nothing may start (and, where there is `news`, it is closed). Closed early, it cancels what
    runs and waits for it to end: a question in flight is paid for, and its reply is still written down (see Throttled).
    """
    pending: deque[asyncio.Task[R]] = deque()
    index = upcoming = first
    hint = asyncio.ensure_future(news.wait()) if news else None
    try:
        while True:
            while may_start(upcoming):
                pending.append(asyncio.create_task(work(upcoming)))
                upcoming += 1
            if pending and pending[0].done():
                yield index, pending.popleft().result()
                index += 1
                continue
            if not pending and (news is None or news.closed):
                return
            heads: set[asyncio.Future[Any]] = {pending[0]} if pending else set()
            await asyncio.wait(heads | ({hint} if hint else set()), return_when=asyncio.FIRST_COMPLETED)
            if news and hint and hint.done():
                hint = None if news.closed else asyncio.ensure_future(news.wait())
    finally:
        if hint:
            hint.cancel()
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)
            for task in pending:
                if not task.cancelled():
                    task.exception()  # seen: the first error is the one that is raised


async def together(run: Run, *works: Coroutine[Any, Any, None]) -> None:
    """Run all to their end. The first error cancels the others, which finish what is in flight, and is raised.

    A closed door (`run.doom`) ends them at once, wherever in its stream the question stood.
    """
    tasks = [asyncio.create_task(work) for work in works]
    all_done = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
    try:
        waited: set[asyncio.Future[Any]] = {all_done, run.doom}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        doomed = run.doom.exception() if run.doom.done() else None
        failed = [task for task in tasks if task.done()]
        for task in (*tasks, all_done):
            task.cancel()
        await asyncio.wait(tasks)
    if doomed is not None:
        raise doomed
    for task in failed:
        task.result()
