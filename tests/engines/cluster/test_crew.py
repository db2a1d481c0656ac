"""The crew without Ray: workers here are coroutines on virtual time that can be told to die."""

import asyncio
from collections.abc import Callable

import pytest

from bootstruct.domain import Prompt, Reply, Sampling
from bootstruct.engines.cluster import Lost
from bootstruct.engines.cluster.crew import DEATHS_IN_A_ROW, FAILED_STARTS, MOST_DEATHS, Crew
from bootstruct.engines.local import Answer
from bootstruct.errors import DoorClosed, Permanent, StoppedShort
from tests.engines.virtual import now, run


def question(n: int, step: str = "kind") -> Prompt:
    return Prompt(step, "m", Sampling(), n, text=f"question {n}")


def echo(prompt: Prompt) -> Answer:
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
            raise DoorClosed(self.closed_door)

    def room(self) -> int:
        return self.places

    def worker(self) -> "FakeWorker":
        self.workers.append(FakeWorker(self, len(self.workers)))
        return self.workers[-1]

    async def watch(self) -> str:
        return await self.lost

    def full(self) -> str:
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
            raise DoorClosed(why)
        await self._or_lost(0.5)

    async def generate(self, prompts: list[Prompt]) -> list[Answer]:
        async with self.line:
            await self._or_lost(0.0)
            self.cluster.batches.append((now(), self.number, [each.sample for each in prompts]))
            if self.cluster.dies(self.number, prompts):
                self.die()
            await self._or_lost(self.cluster.seconds)
            return [echo(each) for each in prompts]

    async def _or_lost(self, seconds: float) -> None:
        await asyncio.wait({self.dead}, timeout=seconds)
        if self.dead.done():
            raise Lost("its node fell into the sea")

    def die(self) -> None:
        if not self.dead.done():
            self.dead.set_result(None)

    def stop(self) -> None:
        self.die()


async def asked(crew: Crew, numbers: range) -> list[Reply | BaseException]:
    return await asyncio.gather(*(crew.complete(question(n)) for n in numbers), return_exceptions=True)


def test_every_question_gets_its_own_answer_over_several_workers() -> None:
    async def go() -> None:
        cluster = Fake(places=3)
        crew = Crew(cluster)
        assert await asked(crew, range(500)) == [echo(question(n)) for n in range(500)]
        assert {number for _, number, _ in cluster.batches} == {0, 1, 2}
        assert max(len(batch) for _, _, batch in cluster.batches) <= 64
        await crew.aclose()
        assert cluster.is_closed

    run(go())


def test_a_few_questions_need_one_worker_and_many_as_many_as_are_allowed() -> None:
    async def go() -> None:
        cluster = Fake(places=8)
        crew = Crew(cluster, most=2)
        await asked(crew, range(20))
        assert len(cluster.workers) == 1
        await asked(crew, range(400))
        assert len(cluster.workers) == 2
        await crew.aclose()

    run(go())


def test_what_is_idle_is_released_down_to_the_least_and_comes_back_when_needed() -> None:
    async def go() -> None:
        cluster = Fake(places=4)
        crew = Crew(cluster, least=2, idle=30)
        await asked(crew, range(400))
        assert cluster.alive == 4
        await asyncio.sleep(40)
        assert cluster.alive == 2
        assert len(await asked(crew, range(400))) == 400
        assert len(cluster.workers) == 6
        await crew.aclose()
        assert cluster.alive == 0

    run(go())


def test_a_full_batch_waits_behind_the_one_that_is_computed() -> None:
    async def go() -> None:
        cluster = Fake(places=1)
        crew = Crew(cluster, most=1)
        work = asyncio.create_task(asked(crew, range(64 * 3 + 5)))
        await asyncio.sleep(1.0)
        assert [len(batch) for batch in crew.hands[0].batches] == [64, 64]
        await work
        assert [len(batch) for _, _, batch in cluster.batches] == [64, 64, 64, 5]
        await crew.aclose()

    run(go())


def test_growing_the_pool_goes_first() -> None:
    async def go() -> None:
        cluster = Fake(places=1)
        crew = Crew(cluster, most=1)
        others = [crew.complete(question(n)) for n in range(300)]
        first = [crew.complete(question(1000 + n, "propose")) for n in range(3)]
        await asyncio.gather(*others, *first)
        assert cluster.batches[0][2] == [1000, 1001, 1002]
        await crew.aclose()

    run(go())


def test_a_worker_that_dies_costs_only_what_it_held() -> None:
    async def go() -> None:
        died = []

        def dies(number: int, prompts: list[Prompt]) -> bool:
            if number == 1 and not died:
                died.append([each.sample for each in prompts])
                return True
            return False

        cluster = Fake(places=3, dies=dies)
        crew = Crew(cluster)
        assert await asked(crew, range(300)) == [echo(question(n)) for n in range(300)]
        times: dict[int, int] = {}
        for _, _, batch in cluster.batches:
            for n in batch:
                times[n] = times.get(n, 0) + 1
        again = {n for n, count in times.items() if count > 1}
        assert again == set(died[0])
        assert crew.lost == 1
        await crew.aclose()

    run(go())


def test_a_question_that_kills_its_worker_is_found_out_and_its_neighbours_are_not_blamed() -> None:
    async def go() -> None:
        cluster = Fake(places=2, dies=lambda number, prompts: any(each.sample == 7 for each in prompts))
        crew = Crew(cluster)
        answers = await asked(crew, range(64))
        assert isinstance(answers[7], Permanent)
        assert f"{MOST_DEATHS} workers died" in str(answers[7])
        assert "fell into the sea" in str(answers[7])
        assert [each for n, each in enumerate(answers) if n != 7] == [echo(question(n)) for n in range(64) if n != 7]
        assert crew.lost == MOST_DEATHS
        await crew.aclose()

    run(go())


def test_workers_that_always_die_end_the_run_in_a_sentence() -> None:
    async def go() -> None:
        crew = Crew(Fake(places=1, dies=lambda number, prompts: True), most=1)
        answers = await asked(crew, range(64 * 4))
        assert {type(each) for each in answers} <= {DoorClosed, Permanent}
        closed = next(each for each in answers if isinstance(each, DoorClosed))
        assert f"{DEATHS_IN_A_ROW} workers died in a row without an answer" in str(closed)
        with pytest.raises(DoorClosed):
            await crew.complete(question(0))
        await crew.aclose()

    run(go())


@pytest.mark.parametrize("why", ["crash", "No such model."])
def test_a_model_that_cannot_be_loaded(why: str) -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.refuses = lambda number: why
        crew = Crew(cluster)
        answers = await asked(crew, range(10))
        assert {type(each) for each in answers} == {DoorClosed}
        assert str(answers[0]) == why or f"{FAILED_STARTS} workers in a row did not start" in str(answers[0])
        await crew.aclose()

    run(go())


def test_a_worker_that_does_not_start_is_replaced() -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.refuses = lambda number: "crash" if number < 2 else None
        crew = Crew(cluster)
        assert await asked(crew, range(10)) == [echo(question(n)) for n in range(10)]
        assert len(cluster.workers) == 3
        await crew.aclose()

    run(go())


def test_a_cluster_without_room() -> None:
    async def go() -> None:
        crew = Crew(Fake(places=0), wait=45)
        began = now()
        answers = await asked(crew, range(3))
        assert [str(each) for each in answers] == ["no room"] * 3
        assert 44 < now() - began < 60
        await crew.aclose()

    run(go())


def test_a_cluster_that_cannot_be_reached() -> None:
    async def go() -> None:
        cluster = Fake()
        cluster.closed_door = "nobody there"
        crew = Crew(cluster)
        assert [str(each) for each in await asked(crew, range(3))] == ["nobody there"] * 3
        await crew.aclose()

    run(go())


def test_a_cluster_that_is_lost_stops_short_and_says_how_to_go_on() -> None:
    async def go() -> None:
        cluster = Fake(seconds=10)
        crew = Crew(cluster)
        work = asyncio.create_task(asked(crew, range(100)))
        await asyncio.sleep(3)
        cluster.lost.set_result("The cluster is lost.")
        answers = await work
        assert {type(each) for each in answers} == {StoppedShort}
        assert "run the same command to go on" in str(answers[0])
        await crew.aclose()

    run(go())


def test_what_is_cancelled_before_it_is_out_is_forgotten_and_after_that_is_waited_for() -> None:
    async def go() -> None:
        cluster = Fake(places=1, seconds=10)
        crew = Crew(cluster, most=1)
        tasks = [asyncio.create_task(crew.complete(question(n))) for n in range(200)]
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        replies = [each for each in done if isinstance(each, Reply)]
        assert len(replies) == 128
        assert sum(len(batch) for _, _, batch in cluster.batches) == 128
        await crew.aclose()

    run(go())


def test_closing_ends_what_is_being_computed() -> None:
    async def go() -> None:
        crew = Crew(Fake(seconds=1000))
        work = asyncio.create_task(asked(crew, range(5)))
        await asyncio.sleep(2)
        await crew.aclose()
        assert {type(each) for each in await work} == {DoorClosed}
        assert now() < 10

    run(go())
