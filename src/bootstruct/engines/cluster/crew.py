"""An engine made of workers: batches out, answers in, more workers while the queue is long, fewer when it is not.

Who answers a question changes nothing about the reply, so all of this is speed. What a lost worker held is asked again. A
question that was being computed when its worker died is asked again in ever smaller batches, at last alone: one that
kills whoever it is given to is found out within a few deaths, and its neighbours are not blamed for it.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.cluster import Cluster, Lost, Worker
from bootstruct.engines.finishing import GRACE, outcome
from bootstruct.engines.local import Answer
from bootstruct.engines.local.batcher import LINGER, MOST, size_of
from bootstruct.engines.throttled import GROWS_THE_POOL
from bootstruct.errors import BootstructError, DoorClosed, Permanent, StoppedShort

AHEAD = 2  # batches on a worker: one computed and, where a full one is there, one waiting, so that it never idles
SHARE = 32  # questions open for each worker; with more of them another worker is added
IDLE = 60.0  # seconds without a batch after which a worker that is not needed is released
MOST_DEATHS = 4  # workers that a question may take with it, the last of them alone with it
FAILED_STARTS = 3  # in a row, with no worker at work: none will start
DEATHS_IN_A_ROW = 8  # without an answer in between: it is not the questions
PAUSE = 2.0  # seconds before another worker is tried after one that did not start


@dataclass(eq=False, slots=True)
class _Question:
    prompt: Prompt
    answer: "asyncio.Future[Answer]"
    deaths: int = 0
    is_out: bool = False  # in a batch on a worker


@dataclass(eq=False, slots=True)
class _Hand:
    """A worker and what it holds; since: loop time of its start, and later of its last batch."""

    worker: Worker
    since: float
    is_placed: bool = False
    is_ready: bool = False
    is_gone: bool = False
    batches: "deque[list[_Question]]" = field(default_factory=deque)


class Crew:
    """least, most: of workers, the latter None for as many as the cluster holds. batch: the largest. wait: seconds that a
    first worker may look for a place; grace: seconds that a cancelled question whose batch has begun is waited for."""

    def __init__(
        self, cluster: Cluster, least: int = 1, most: int | None = None, wait: float = 60.0,
        batch: int = MOST, linger: float = LINGER, idle: float = IDLE, grace: float = GRACE,
    ) -> None:  # fmt: skip
        self.cluster, self.least, self.most = cluster, least, most
        self._wait, self._batch, self._linger, self._idle, self._grace = wait, batch, linger, idle, grace
        self.hands: list[_Hand] = []
        self.lost = 0  # workers, so far
        self._waiting: list[_Question] = []
        self._news = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: BootstructError | None = None  # told to every question from then on
        self._failed_starts = self._deaths = 0  # in a row
        self._has_answered = False
        self._next_start = 0.0

    @property
    def open(self) -> int:
        """Questions that are not answered."""
        return len(self._waiting) + sum(len(batch) for hand in self.hands for batch in hand.batches)

    async def complete(self, prompt: Prompt) -> Reply:
        if self._end is not None:
            raise self._end
        mine = _Question(prompt, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        self._news.set()
        return await outcome(mine.answer, lambda: mine.is_out, self._grace)

    async def aclose(self) -> None:
        self._finish(DoorClosed("The model was closed before it had answered."))
        tasks = [*self._tasks, *((self._runner,) if self._runner else ())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.cluster.close()

    async def _run(self) -> None:
        try:
            await self.cluster.open()
        except BootstructError as exc:
            self._finish(exc)
            return
        self._spawn(self._guard())
        while self._end is None:
            await asyncio.sleep(self._linger)
            self._news.clear()
            self._waiting = [each for each in self._waiting if not each.answer.done()]
            self._scale()
            self._hand_out()
            await self._until_news()

    async def _until_news(self) -> None:
        """News, or the time at which a worker may be started, released or missed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(PAUSE, self._idle, self._wait)):
                await self._news.wait()

    async def _guard(self) -> None:
        reason = await self.cluster.watch()
        self._finish(StoppedShort(f"{reason} Everything answered is saved; run the same command to go on."))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _finish(self, why: BootstructError) -> None:
        """The end: every question is told, every worker stopped."""
        if self._end is None:
            self._end = why
        questions = self._waiting + [each for hand in self.hands for batch in hand.batches for each in batch]
        self._waiting = []
        for hand in self.hands:
            hand.is_gone = True
            hand.worker.stop()
        self.hands = []
        for each in questions:
            _tell(each, self._end)
        self._news.set()

    # How many workers

    def wanted(self) -> int:
        """Workers that the open questions are worth, within the bounds."""
        most = self.cluster.room() if self.most is None else self.most
        return max(self.least, min(most, math.ceil(self.open / SHARE)))

    def _scale(self) -> None:
        now, wanted = asyncio.get_running_loop().time(), self.wanted()
        if self._waiting and now >= self._next_start:
            while len(self.hands) < wanted:
                hand = _Hand(self.cluster.worker(), now)
                self.hands.append(hand)
                self._spawn(self._start(hand, self._waiting[0].prompt.model))
        for hand in sorted(self.hands, key=lambda hand: hand.is_placed):  # first those that look for a place
            is_spare = not hand.batches and (not hand.is_placed or now - hand.since >= self._idle)
            if is_spare and len(self.hands) > wanted:
                self._release(hand)
        if self.hands and not any(hand.is_placed for hand in self.hands):
            self._give_up_if_late(now)

    def _give_up_if_late(self, now: float) -> None:
        if now - min(hand.since for hand in self.hands) >= self._wait:
            self._give_up(self.cluster.full())

    async def _start(self, hand: _Hand, model: str) -> None:
        try:
            await hand.worker.place()
            hand.is_placed = True
            await hand.worker.load(model)
        except Lost as exc:
            if not hand.is_gone:
                self._failed_starts += 1
                self._next_start = asyncio.get_running_loop().time() + PAUSE * self._failed_starts
                self._drop(hand)
                if self._failed_starts >= FAILED_STARTS and not any(each.is_ready for each in self.hands):
                    self._give_up(f"{self._failed_starts} workers in a row did not start: {exc}.")
        except BootstructError as exc:
            if not hand.is_gone:
                self._finish(exc)
        else:
            hand.is_ready, self._failed_starts = True, 0
            hand.since = asyncio.get_running_loop().time()
        self._news.set()

    def _release(self, hand: _Hand) -> None:
        hand.is_gone = True
        self.hands.remove(hand)
        hand.worker.stop()

    def _drop(self, hand: _Hand) -> None:
        """A worker is gone: who was being computed there may be the cause."""
        if hand.is_gone:
            return
        self._release(hand)
        self.lost += 1
        if hand.batches:
            self._deaths += 1
            for each in hand.batches[0]:
                each.deaths += 1

    # Batches

    def _hand_out(self) -> None:
        while self._waiting:
            free = [hand for hand in self.hands if hand.is_ready and len(hand.batches) < AHEAD]
            if not free:
                return
            fewest = min(len(hand.batches) for hand in free)
            if fewest and len(self._waiting) < self._batch:
                return  # they gather until a worker is free
            free = [hand for hand in free if len(hand.batches) == fewest]
            batch = self._take(math.ceil(len(self._waiting) / len(free)))
            free[0].batches.append(batch)
            self._spawn(self._work(free[0], batch))

    def _take(self, share: int) -> list[_Question]:
        """The next batch: of one model, step and number of deaths, the longest first; growing the pool goes first."""
        first = min(self._waiting, key=lambda each: (-each.deaths, each.prompt.step != GROWS_THE_POOL))
        kind = (first.prompt.model, first.prompt.step, first.deaths)
        limit = max(1, min(share, self._batch >> 2 * first.deaths))
        batch = [each for each in self._waiting if (each.prompt.model, each.prompt.step, each.deaths) == kind][:limit]
        taken = set(map(id, batch))
        self._waiting = [each for each in self._waiting if id(each) not in taken]
        for each in batch:
            each.is_out = True
        return sorted(batch, key=lambda each: -size_of(each.prompt))

    async def _work(self, hand: _Hand, batch: list[_Question]) -> None:
        try:
            answers = await hand.worker.generate([each.prompt for each in batch])
        except Lost as exc:
            self._drop(hand)
            self._ask_again(batch, str(exc))
        except BootstructError as exc:
            self._finish(exc)
        else:
            self._deaths, self._has_answered = 0, True
            for each, answer in zip(batch, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)
        if batch in hand.batches:
            hand.batches.remove(batch)
        hand.since = asyncio.get_running_loop().time()
        self._news.set()

    def _ask_again(self, batch: list[_Question], reason: str) -> None:
        again = []
        for each in batch:
            each.is_out = False
            if each.deaths >= MOST_DEATHS and len(batch) == 1:
                _tell(
                    each, Permanent(0, f"{each.deaths} workers died over this question, the last of it alone: {reason}")
                )
            elif not each.answer.done():
                again.append(each)
        self._waiting[:0] = again
        if self._deaths >= DEATHS_IN_A_ROW:
            self._give_up(f"{self._deaths} workers died in a row without an answer; the last one: {reason}.")
        elif self._end is not None:
            self._finish(self._end)

    def _give_up(self, why: str) -> None:
        if self._has_answered:
            self._finish(StoppedShort(f"{why} Everything answered is saved; run the same command to go on."))
        else:
            self._finish(DoorClosed(why))


def _tell(question: _Question, why: Exception) -> None:
    if not question.answer.done():
        question.answer.set_exception(why)
        question.answer.exception()  # seen, also where nobody waits any more
