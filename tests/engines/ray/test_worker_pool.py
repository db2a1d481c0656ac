"""The worker pool without Ray: workers are coroutines on virtual time that die on command."""

import asyncio
from collections.abc import Callable

import pytest

from bootstruct.engines.local import GenerationResult
from bootstruct.engines.ray import WorkerLostError
from bootstruct.engines.ray.worker_pool import DEATHS_IN_A_ROW, FAILED_STARTS, MOST_DEATHS, WorkerPool
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.virtual_time import now, run


def question(n: int, step: str = "kind") -> Prompt:
    return Prompt(step, "m", Sampling(), n, text=f"question {n}", ordered=step == "propose")


def echo(prompt: Prompt) -> GenerationResult:
    return Reply(prompt.text.upper(), model="m")


class Fake:
    """A cluster of so many places. A batch takes `seconds`. dies(number, prompts): whether worker `number` dies over it."""

    def __init__(
        self, places: int = 4, seconds: float = 1.0, dies: Callable[[int, list[Prompt]], bool] = lambda n, p: False
    ) -> None:
        self.places, self.seconds, self.dies = places, seconds, dies
        self.workers: list[FakeWorker] = []
        self.batches: list[tuple[float, int, list[int]]] = []  # when, which worker, which questions
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed_door: str | None = None
        self.refuses: Callable[[int], str | None] = lambda number: None  # why a model is not loaded
        self.is_closed = False

    @property
    def alive(self) -> int:
        return sum(worker.is_placed and not worker.dead.done() for worker in self.workers)

    async def open(self) -> None:
        if self.closed_door:
            raise EngineUnavailableError(self.closed_door)

    def capacity(self) -> int:
        return self.places

    def worker(self) -> "FakeWorker":
        self.workers.append(FakeWorker(self, len(self.workers)))
        return self.workers[-1]

    async def watch(self) -> str:
        return await self.lost

    def no_capacity_reason(self) -> str:
        return "no room"

    async def close(self) -> None:
        self.is_closed = True


class FakeWorker:
    def __init__(self, cluster: Fake, number: int) -> None:
        self.cluster, self.number = cluster, number
        self.dead: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.line = asyncio.Lock()
        self.is_placed = False

    async def place(self) -> None:
        while self.cluster.alive >= self.cluster.places:
            await self._or_lost(0.1)
        self.is_placed = True

    async def load(self, model: str) -> None:
        why = self.cluster.refuses(self.number)
        if why == "crash":
            self.die()
        elif why:
            raise EngineUnavailableError(why)
        await self._or_lost(0.5)

    async def generate(self, prompts: list[Prompt]) -> list[GenerationResult]:
        async with self.line:
            await self._or_lost(0.0)
            self.cluster.batches.append((now(), self.number, [prompt.sample for prompt in prompts]))
            if self.cluster.dies(self.number, prompts):
                self.die()
            await self._or_lost(self.cluster.seconds)
            return [echo(prompt) for prompt in prompts]

    async def _or_lost(self, seconds: float) -> None:
        await asyncio.wait({self.dead}, timeout=seconds)
        if self.dead.done():
            raise WorkerLostError("its node fell into the sea")

    def die(self) -> None:
        if not self.dead.done():
            self.dead.set_result(None)

    def stop(self) -> None:
        self.die()


async def asked(pool: WorkerPool, numbers: range) -> list[Reply | BaseException]:
    return await asyncio.gather(*(pool.complete(question(n)) for n in numbers), return_exceptions=True)


def test_every_request_gets_its_own_reply_over_several_workers() -> None:
    async def go() -> None:
        cluster = Fake(places=3)
        pool = WorkerPool(cluster)
        assert await asked(pool, range(500)) == [echo(question(n)) for n in range(500)]
        assert {number for _, number, _ in cluster.batches} == {0, 1, 2}
        assert max(len(batch) for _, _, batch in cluster.batches) <= 64
        await pool.aclose()
        assert cluster.is_closed

    run(go())


def test_few_requests_need_one_worker_and_many_as_many_as_are_allowed() -> None:
    async def go() -> None:
        cluster = Fake(places=8)
        pool = WorkerPool(cluster, most=2)
        await asked(pool, range(20))
        assert len(cluster.workers) == 1
        await asked(pool, range(400))
        assert len(cluster.workers) == 2
        await pool.aclose()

    run(go())


def test_what_is_idle_is_released_down_to_the_least_and_comes_back_when_needed() -> None:
    async def go() -> None:
        cluster = Fake(places=4)
        pool = WorkerPool(cluster, least=2, idle=30)
        await asked(pool, range(400))
        assert cluster.alive == 4
        await asyncio.sleep(40)
        assert cluster.alive == 2
        assert len(await asked(pool, range(400))) == 400
        assert len(cluster.workers) == 6
        await pool.aclose()
        assert cluster.alive == 0

    run(go())


def test_a_full_batch_waits_behind_the_one_that_is_computed() -> None:
    async def go() -> None:
        cluster = Fake(places=1)
        pool = WorkerPool(cluster, most=1)
        work = asyncio.create_task(asked(pool, range(64 * 3 + 5)))
        await asyncio.sleep(1.0)
        assert [len(batch) for batch in pool.workers[0].batches] == [64, 64]
        await work
        assert [len(batch) for _, _, batch in cluster.batches] == [64, 64, 64, 5]
        await pool.aclose()

    run(go())


def test_ordered_requests_go_first() -> None:
    async def go() -> None:
        cluster = Fake(places=1)
        pool = WorkerPool(cluster, most=1)
        others = [pool.complete(question(n)) for n in range(300)]
        first = [pool.complete(question(1000 + n, "propose")) for n in range(3)]
        await asyncio.gather(*others, *first)
        assert cluster.batches[0][2] == [1000, 1001, 1002]
        await pool.aclose()

    run(go())


def test_a_worker_that_dies_costs_only_what_it_held() -> None:
    async def go() -> None:
        died = []

        def dies(number: int, prompts: list[Prompt]) -> bool:
            if number == 1 and not died:
                died.append([prompt.sample for prompt in prompts])
                return True
            return False

        cluster = Fake(places=3, dies=dies)
        pool = WorkerPool(cluster)
        assert await asked(pool, range(300)) == [echo(question(n)) for n in range(300)]
        times: dict[int, int] = {}
        for _, _, batch in cluster.batches:
            for n in batch:
                times[n] = times.get(n, 0) + 1
        again = {n for n, count in times.items() if count > 1}
        assert again == set(died[0])
        assert pool.lost == 1
        await pool.aclose()

    run(go())


def test_a_request_that_kills_its_worker_is_rejected_and_its_neighbours_are_not() -> None:
    async def go() -> None:
        cluster = Fake(places=2, dies=lambda number, prompts: any(prompt.sample == 7 for prompt in prompts))
        pool = WorkerPool(cluster)
        answers = await asked(pool, range(64))
        assert isinstance(answers[7], RequestRejectedError)
        assert f"{MOST_DEATHS} workers died" in str(answers[7])
        assert "fell into the sea" in str(answers[7])
        assert [answer for n, answer in enumerate(answers) if n != 7] == [
            echo(question(n)) for n in range(64) if n != 7
        ]
        assert pool.lost == MOST_DEATHS
        await pool.aclose()

    run(go())


def test_workers_that_always_die_end_the_run_in_a_sentence() -> None:
    async def go() -> None:
        pool = WorkerPool(Fake(places=1, dies=lambda number, prompts: True), most=1)
        answers = await asked(pool, range(64 * 4))
        assert {type(answer) for answer in answers} <= {EngineUnavailableError, RequestRejectedError}
        closed = next(answer for answer in answers if isinstance(answer, EngineUnavailableError))
        assert f"{DEATHS_IN_A_ROW} workers died in a row without a reply" in str(closed)
        with pytest.raises(EngineUnavailableError):
            await pool.complete(question(0))
        await pool.aclose()

    run(go())


@pytest.mark.parametrize("why", ["crash", "No such model."])
def test_a_model_that_cannot_be_loaded(why: str) -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.refuses = lambda number: why
        pool = WorkerPool(cluster)
        answers = await asked(pool, range(10))
        assert {type(answer) for answer in answers} == {EngineUnavailableError}
        assert str(answers[0]) == why or f"{FAILED_STARTS} workers in a row did not start" in str(answers[0])
        await pool.aclose()

    run(go())


def test_a_worker_that_does_not_start_is_replaced() -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.refuses = lambda number: "crash" if number < 2 else None
        pool = WorkerPool(cluster)
        assert await asked(pool, range(10)) == [echo(question(n)) for n in range(10)]
        assert len(cluster.workers) == 3
        await pool.aclose()

    run(go())


def test_a_cluster_without_room() -> None:
    async def go() -> None:
        pool = WorkerPool(Fake(places=0), wait=45)
        began = now()
        answers = await asked(pool, range(3))
        assert [str(answer) for answer in answers] == ["no room"] * 3
        assert 44 < now() - began < 60
        await pool.aclose()

    run(go())


def test_a_cluster_that_cannot_be_reached() -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.closed_door = "nobody there"
        pool = WorkerPool(cluster)
        assert [str(entry) for entry in await asked(pool, range(3))] == ["nobody there"] * 3
        await pool.aclose()

    run(go())


def test_a_cluster_that_is_lost_stops_short_and_says_how_to_go_on() -> None:
    async def go() -> None:
        cluster = Fake(seconds=10)
        pool = WorkerPool(cluster)
        work = asyncio.create_task(asked(pool, range(100)))
        await asyncio.sleep(3)
        cluster.lost.set_result("The cluster is lost.")
        answers = await work
        assert {type(answer) for answer in answers} == {RunStoppedError}
        assert "run the same command again to continue" in str(answers[0])
        await pool.aclose()

    run(go())


def test_a_request_cancelled_before_its_batch_is_dropped_and_after_that_waited_for() -> None:
    async def go() -> None:
        cluster = Fake(places=1, seconds=10)
        pool = WorkerPool(cluster, most=1)
        tasks = [asyncio.create_task(pool.complete(question(n))) for n in range(200)]
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        replies = [entry for entry in done if isinstance(entry, Reply)]
        assert len(replies) == 128
        assert sum(len(batch) for _, _, batch in cluster.batches) == 128
        await pool.aclose()

    run(go())


def test_closing_ends_what_is_being_computed() -> None:
    async def go() -> None:
        pool = WorkerPool(Fake(seconds=1000))
        work = asyncio.create_task(asked(pool, range(5)))
        await asyncio.sleep(2)
        await pool.aclose()
        assert {type(entry) for entry in await work} == {EngineUnavailableError}
        assert now() < 10

    run(go())
