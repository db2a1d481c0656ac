"""All waiting: an active run asks and records, `in_order` keeps the order of the index, `together` runs streams."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from bootstruct.engines.base import Engine
from bootstruct.journal.events import Event, InstancesChecked, ReplyReceived, RequestFailed
from bootstruct.journal.file import Journal
from bootstruct.journal.keys import again, key_of
from bootstruct.journal.state import State, apply
from bootstruct.run.asking import EARLY_FAILURES, Asker, FailureHandling, ReplySource, task_for
from bootstruct.run.pacing import Pacer
from bootstruct.run.work_signal import WorkSignal
from bootstruct.stages.annotate import annotate_in, flow_reply
from bootstruct.stages.custom import NO_CODE, CustomCode, PythonCheckCall
from bootstruct.stages.propose import propose_prompt
from bootstruct.stages.second_requests import later_reply, second_request
from bootstruct.types import Prompt, Reply, digest_of

R = TypeVar("R")
Requests = Mapping[str, Prompt]  # by key
Replies = Mapping[str, Reply | None]  # by key; None: the request failed for good


class ActiveRun:
    """A state, the journal whose events it adds up, and the engine that answers requests that the journal does not.

    Args:
        state: the run's state.
        journal: its journal, open for writing.
        engine: the engine.
        reuse: replies of other runs.
        retry_failed: whether requests about tasks that failed for good are sent again.
        code: the user's rules and checks in Python.
        pacer: when new work may begin.
    """

    def __init__(
        self,
        state: State,
        journal: Journal,
        engine: Engine,
        reuse: ReplySource | None = None,
        retry_failed: bool = False,
        code: CustomCode = NO_CODE,
        pacer: Pacer | None = None,
    ) -> None:
        self.pacer = pacer or Pacer(state)
        self.state, self.journal, self.engine, self.retry_failed = state, journal, engine, retry_failed
        self.code = code
        rules = FailureHandling(
            enough=lambda in_flight: min(EARLY_FAILURES, state.recipe.propose.lag.least, in_flight),
            mismatch=lambda key, recorded, now: (
                f"{key} was sent as {recorded[:8]} and would now be sent as {now[:8]}: the recipe, the seeds or the "
                "version changed since this run began; start a new run folder."
            ),
            remedy="change the recipe or the server",
        )
        self._asker = Asker(self, engine, rules, reuse, retry_failed)
        self.pacer.is_free, self.pacer.is_answered = self._is_free, self._is_answered

    @property
    def fatal(self) -> "asyncio.Future[None]":
        """Fails with the error that ends the run, wherever in its stream the request was."""
        return self._asker.fatal

    @property
    def has_success(self) -> bool:
        """Whether any request was answered in this run."""
        return self.state.has_success

    def find(self, key: str) -> ReplyReceived | RequestFailed | None:
        """The uncommitted reply or failure recorded under a key."""
        return self.state.replies.get(key)

    def record(self, event: Event) -> None:
        """The one way to change anything: append the event, then apply it."""
        apply(self.state, event, self.journal.append(event))
        self.pacer.note(event)

    async def ask(self, key: str, prompt: Prompt) -> Reply | None:
        """The reply filed under this key, else the engine's (see `Asker.ask`). None: the request failed for good."""
        return await self._asker.ask(key, prompt)

    async def ask_twice(self, key: str, prompt: Prompt) -> Reply | None:
        """Like `ask`, but a reply without an answer is requested once more with a higher limit, under its own key."""
        reply = await self.ask(key, prompt)
        second = second_request(self.state.recipe, prompt, reply) if reply and self.state.asks_again else None
        if reply is None or second is None:
            return reply
        return later_reply(reply, await self.ask(again(key), second))

    async def converse(self, task: str, flow: Generator[Prompt, Reply, R]) -> R | None:
        """Run a flow about a task to its end: send every prompt that it yields, and pass every reply back to it.

        None: a request failed for good.
        """
        try:
            prompt = next(flow)
            while True:
                reply = flow_reply(prompt, await self.ask(key_of(task, prompt.step), prompt))
                if reply is None:
                    flow.close()
                    return None
                prompt = flow.send(reply)
        except StopIteration as done:
            result: R = done.value
            return result

    def _is_free(self, index: int) -> bool:
        """Whether request `index` for instructions is answered in the journal, or in a run whose replies are reused."""
        if f"propose/{index}" in self.state.replies:
            return True
        reuse = self._asker.reuse
        return reuse is not None and reuse.find(digest_of(propose_prompt(self.state, index)[0])) is not None

    def _is_answered(self, n: int) -> bool:
        """Whether all requests about accepted task n are."""
        state, task, reuse = self.state, self.state.accepted[n], self._asker.reuse
        flow = annotate_in(state, task)
        prompt = next(flow, None)
        while prompt is not None:
            known = self.find(key_of(task.name, prompt.step))
            found = None if known or reuse is None else reuse.find(digest_of(prompt))
            if known is None and found is None:
                return False
            reply = known.reply if isinstance(known, ReplyReceived) else found[0] if found else None
            received = flow_reply(prompt, reply)
            try:
                prompt = None if received is None else flow.send(received)
            except StopIteration:
                return True
        return True

    async def consult(self, flow: Generator[Requests | PythonCheckCall, Any, R]) -> R:
        """Run a flow that makes many requests at once, each under its own key, or calls a check in Python."""
        answers: Replies | InstancesChecked | None = None
        try:
            while True:
                asked = next(flow) if answers is None else flow.send(answers)
                answers = await (asked.run(self.ask) if isinstance(asked, PythonCheckCall) else self._ask_all(asked))
        except StopIteration as done:
            result: R = done.value
            return result

    async def _ask_all(self, asked: Requests) -> Replies:
        keys = list(asked)
        asking = in_order(0, lambda n: n < len(keys), lambda n: self.ask(keys[n], asked[keys[n]]))
        async with aclosing(asking) as answers:
            return {keys[n]: reply async for n, reply in answers}


async def in_order(
    first: int,
    may_start: Callable[[int], bool],
    work: Callable[[int], Coroutine[Any, Any, R]],
    signal: WorkSignal | None = None,
) -> AsyncGenerator[tuple[int, R], None]:
    """Start work(first), work(first + 1) ... as soon as each may start; yield results strictly in that order.

    It ends when nothing runs and nothing may start (and, if there is a `signal`, when that is closed). If it is
    closed early, it cancels what runs and waits for it to end: a request in flight is paid for, and its reply is
    still recorded.
    """
    pending: deque[asyncio.Task[R]] = deque()
    index = upcoming = first
    hint = signal.changed if signal else None
    try:
        while True:
            while may_start(upcoming):
                pending.append(task_for(work(upcoming)))
                upcoming += 1
            if pending and pending[0].done():
                yield index, pending.popleft().result()
                index += 1
                continue
            if not pending and (signal is None or signal.closed):
                return
            heads: set[asyncio.Future[Any]] = {pending[0]} if pending else set()
            await asyncio.wait(heads | ({hint} if hint else set()), return_when=asyncio.FIRST_COMPLETED)
            if signal and hint and hint.done():
                hint = None if signal.closed else signal.changed
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)


async def together(run: ActiveRun, *works: Coroutine[Any, Any, None]) -> None:
    """Run all to their end.

    The first error cancels the others, which finish what is in flight, and is raised. An error that makes the whole
    run impossible (`run.fatal`) ends them at once, even if the stream that met it is not due yet.

    Raises:
        BootstructError: the first error of a stream, or the one in `run.fatal`.
    """
    tasks = [task_for(work) for work in works]
    all_done = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
    try:
        waited: set[asyncio.Future[Any]] = {all_done, run.fatal}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        fatal = run.fatal.exception() if run.fatal.done() else None
        failed = [task for task in tasks if task.done()]
        for task in (*tasks, all_done):
            task.cancel()
        await asyncio.wait(tasks)
    if fatal is not None:
        raise fatal
    for task in failed:
        task.result()
