"""An engine made of workers, which get batches; a longer queue gets more workers, a shorter one fewer.

A reply does not depend on the worker that computes it, so all of this affects only speed. Requests of a lost worker
are computed again. Those that were being computed when it died go into smaller and smaller batches, and finally
alone: a request that kills every worker is identified within a few deaths, and the other requests of its batch are
not rejected with it.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bootstruct.engines.local import GenerationResult
from bootstruct.engines.local.batcher import LINGER, MOST, size_of
from bootstruct.engines.ray import Cluster, Worker, WorkerLostError
from bootstruct.engines.traffic.draining import GRACE, drained_reply
from bootstruct.errors import BootstructError, EngineUnavailableError, RequestRejectedError, RunStoppedError
from bootstruct.types import Prompt, Reply

AHEAD = 2  # batches on a worker: one being computed and, if there is a full one, one waiting, so that it never idles
SHARE = 32  # open requests per worker; with more of them another worker is added
IDLE = 60.0  # seconds without a batch after which a worker that is not needed is released
MOST_DEATHS = 4  # workers that may die over one request, the last of them with nothing else to compute
FAILED_STARTS = 3  # failed starts in a row, with no worker running: none will start
DEATHS_IN_A_ROW = 8  # deaths without a reply in between: the requests are not the cause
PAUSE = 2.0  # seconds before another start after a failed one


@dataclass(eq=False, slots=True)
class _QueuedPrompt:
    prompt: Prompt
    result: "asyncio.Future[GenerationResult]"
    deaths: int = 0
    is_assigned: bool = False  # to a batch on a worker


@dataclass(eq=False, slots=True)
class _WorkerHandle:
    """A worker and its batches. since: loop time of its start, later of its last batch."""

    worker: Worker
    since: float
    is_placed: bool = False
    is_ready: bool = False
    is_gone: bool = False
    batches: "deque[list[_QueuedPrompt]]" = field(default_factory=deque)


class WorkerPool:
    """An engine that distributes requests over workers.

    Args:
        cluster: where workers run.
        least: workers that are kept even when idle.
        most: workers at once; None for as many as fit into the cluster.
        wait: seconds that the first worker may wait for a place.
        batch: requests in one batch.
        linger: seconds in which requests gather before a batch is handed out.
        idle: seconds without a batch after which a worker that is not needed is released.
        grace: seconds that the reply to a cancelled request is waited for, once its batch has begun.

    Attributes:
        workers: those that run or start.
        lost: workers that died so far.
    """

    def __init__(
        self, cluster: Cluster, least: int = 1, most: int | None = None, wait: float = 60.0,
        batch: int = MOST, linger: float = LINGER, idle: float = IDLE, grace: float = GRACE,
    ) -> None:  # fmt: skip
        self.cluster, self.least, self.most = cluster, least, most
        self._wait, self._batch, self._linger, self._idle, self._grace = wait, batch, linger, idle, grace
        self.workers: list[_WorkerHandle] = []
        self.lost = 0
        self._waiting: list[_QueuedPrompt] = []
        self._changed = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: BootstructError | None = None  # raised in every request from then on
        self._failed_starts = self._deaths = 0  # in a row
        self._has_replied = False
        self._next_start = 0.0

    @property
    def open(self) -> int:
        """Requests without a reply."""
        return len(self._waiting) + sum(len(batch) for handle in self.workers for batch in handle.batches)

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`.

        Raises:
            RequestRejectedError: the prompt is too long, or kills every worker that computes it.
            EngineUnavailableError: the cluster cannot be reached or holds no worker, or the model cannot be loaded.
            RunStoppedError: the cluster or its workers are lost after there were replies.
        """
        if self._end is not None:
            raise self._end
        queued = _QueuedPrompt(prompt, asyncio.get_running_loop().create_future())
        self._waiting.append(queued)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        self._changed.set()
        return await drained_reply(queued.result, lambda: queued.is_assigned, self._grace)

    async def aclose(self) -> None:
        """Stop all workers and disconnect."""
        self._finish(EngineUnavailableError("The model was closed before it replied."))
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
            self._changed.clear()
            self._waiting = [queued for queued in self._waiting if not queued.result.done()]
            self._scale()
            self._assign()
            await self._until_change()

    async def _until_change(self) -> None:
        """Wait for a change, or for the time at which a worker may be started, released or abandoned."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(PAUSE, self._idle, self._wait)):
                await self._changed.wait()

    async def _guard(self) -> None:
        reason = await self.cluster.watch()
        self._finish(RunStoppedError(f"{reason} All replies so far are saved; run the same command again to continue."))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _finish(self, why: BootstructError) -> None:
        """End: raise the error in every request and stop every worker."""
        if self._end is None:
            self._end = why
        requests = self._waiting + [queued for handle in self.workers for batch in handle.batches for queued in batch]
        self._waiting = []
        for handle in self.workers:
            handle.is_gone = True
            handle.worker.stop()
        self.workers = []
        for request in requests:
            _fail(request, self._end)
        self._changed.set()

    # How many workers

    def wanted(self) -> int:
        """Workers that the open requests need, within the bounds."""
        most = self.cluster.capacity() if self.most is None else self.most
        return max(self.least, min(most, math.ceil(self.open / SHARE)))

    def _scale(self) -> None:
        now, wanted = asyncio.get_running_loop().time(), self.wanted()
        if self._waiting and now >= self._next_start:
            while len(self.workers) < wanted:
                handle = _WorkerHandle(self.cluster.worker(), now)
                self.workers.append(handle)
                self._spawn(self._start(handle, self._waiting[0].prompt.model))
        for handle in sorted(self.workers, key=lambda handle: handle.is_placed):  # first those that wait for a place
            is_spare = not handle.batches and (not handle.is_placed or now - handle.since >= self._idle)
            if is_spare and len(self.workers) > wanted:
                self._release(handle)
        if self.workers and not any(handle.is_placed for handle in self.workers):
            self._give_up_if_late(now)

    def _give_up_if_late(self, now: float) -> None:
        if now - min(handle.since for handle in self.workers) >= self._wait:
            self._give_up(self.cluster.no_capacity_reason())

    async def _start(self, handle: _WorkerHandle, model: str) -> None:
        try:
            await handle.worker.place()
            handle.is_placed = True
            await handle.worker.load(model)
        except WorkerLostError as exc:
            if not handle.is_gone:
                self._failed_starts += 1
                self._next_start = asyncio.get_running_loop().time() + PAUSE * self._failed_starts
                self._drop(handle)
                if self._failed_starts >= FAILED_STARTS and not any(other.is_ready for other in self.workers):
                    self._give_up(f"{self._failed_starts} workers in a row did not start: {exc}.")
        except BootstructError as exc:
            if not handle.is_gone:
                self._finish(exc)
        else:
            handle.is_ready, self._failed_starts = True, 0
            handle.since = asyncio.get_running_loop().time()
        self._changed.set()

    def _release(self, handle: _WorkerHandle) -> None:
        handle.is_gone = True
        self.workers.remove(handle)
        handle.worker.stop()

    def _drop(self, handle: _WorkerHandle) -> None:
        """Count a lost worker, and its death against the requests that it was computing."""
        if handle.is_gone:
            return
        self._release(handle)
        self.lost += 1
        if handle.batches:
            self._deaths += 1
            for queued in handle.batches[0]:
                queued.deaths += 1

    # Batches

    def _assign(self) -> None:
        while self._waiting:
            free = [handle for handle in self.workers if handle.is_ready and len(handle.batches) < AHEAD]
            if not free:
                return
            fewest = min(len(handle.batches) for handle in free)
            if fewest and len(self._waiting) < self._batch:
                return  # requests gather until a worker is free
            free = [handle for handle in free if len(handle.batches) == fewest]
            batch = self._take(math.ceil(len(self._waiting) / len(free)))
            free[0].batches.append(batch)
            self._spawn(self._compute(free[0], batch))

    def _take(self, share: int) -> list[_QueuedPrompt]:
        """The next batch: of one model, step and number of deaths, longest first; ordered requests go first."""
        first = min(self._waiting, key=lambda row: (-row.deaths, not row.prompt.ordered))
        group = (first.prompt.model, first.prompt.step, first.deaths)
        limit = max(1, min(share, self._batch >> 2 * first.deaths))
        batch = [
            queued for queued in self._waiting if (queued.prompt.model, queued.prompt.step, queued.deaths) == group
        ][:limit]
        taken = set(map(id, batch))
        self._waiting = [queued for queued in self._waiting if id(queued) not in taken]
        for queued in batch:
            queued.is_assigned = True
        return sorted(batch, key=lambda row: -size_of(row.prompt))

    async def _compute(self, handle: _WorkerHandle, batch: list[_QueuedPrompt]) -> None:
        try:
            results = await handle.worker.generate([queued.prompt for queued in batch])
        except WorkerLostError as exc:
            self._drop(handle)
            self._requeue(batch, str(exc))
        except BootstructError as exc:
            self._finish(exc)
        else:
            self._deaths, self._has_replied = 0, True
            for queued, result in zip(batch, results, strict=True):
                if not queued.result.done():
                    queued.result.set_result(result)
        if batch in handle.batches:
            handle.batches.remove(batch)
        handle.since = asyncio.get_running_loop().time()
        self._changed.set()

    def _requeue(self, batch: list[_QueuedPrompt], reason: str) -> None:
        again = []
        for queued in batch:
            queued.is_assigned = False
            if queued.deaths >= MOST_DEATHS and len(batch) == 1:
                _fail(
                    queued,
                    RequestRejectedError(
                        0,
                        f"{queued.deaths} workers died during this request, the last one while it computed nothing "
                        f"else: {reason}",
                    ),
                )
            elif not queued.result.done():
                again.append(queued)
        self._waiting[:0] = again
        if self._deaths >= DEATHS_IN_A_ROW:
            self._give_up(f"{self._deaths} workers died in a row without a reply; the last one: {reason}.")
        elif self._end is not None:
            self._finish(self._end)

    def _give_up(self, why: str) -> None:
        if self._has_replied:
            self._finish(
                RunStoppedError(f"{why} All replies so far are saved; run the same command again to continue.")
            )
        else:
            self._finish(EngineUnavailableError(why))


def _fail(request: _QueuedPrompt, why: Exception) -> None:
    if not request.result.done():
        request.result.set_exception(why)
        request.result.exception()  # retrieved, so that asyncio does not warn where nobody waits any more
