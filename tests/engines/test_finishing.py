import asyncio

import pytest

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.budgeted import Amount, Budget, Budgeted, Limits
from bootstruct.engines.finishing import Finishing
from bootstruct.engines.gate import Gate
from bootstruct.engines.retrying import Retrying
from bootstruct.engines.scripted import Scripted
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import DoorClosed, Passing, Permanent
from bootstruct.settings import Prices
from tests.engines.virtual import now, run
from tests.engines.worlds import Server, prompt


def test_a_cancelled_question_in_flight_still_brings_its_reply() -> None:
    async def go() -> None:
        task = asyncio.create_task(Finishing(Server(latency=5.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        assert (await task).text == "a"
        assert now() == 5
        assert task.cancelling() == 1

    run(go())


def test_not_longer_than_the_grace() -> None:
    async def go() -> None:
        task = asyncio.create_task(Finishing(Server(latency=500.0), grace=30.0).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() == 31

    run(go())


def test_a_second_cancel_ends_it_at_once() -> None:
    async def go() -> None:
        task = asyncio.create_task(Finishing(Server(latency=500.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() == 2

    run(go())


@pytest.mark.parametrize("error", [Passing(500, "no"), Permanent(400, "no"), DoorClosed("no")])
def test_what_fails_after_the_cancel_ends_cancelled(error: Exception) -> None:
    def fail(_: Prompt) -> str:
        raise error

    async def go() -> None:
        task = asyncio.create_task(Finishing(Scripted(fail, lambda _: 5.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    run(go())


def test_through_the_whole_stack_the_reply_is_kept_and_no_second_question_follows() -> None:
    server, kept = Server(latency=5.0), list[Reply]()

    async def go() -> None:
        budgeted = Budgeted(Finishing(server), Budget(Limits(), Prices(), Amount()))
        engine = Retrying(Throttled([budgeted], Gate(1)))

        async def conversation() -> None:
            for step in ("kind", "instances"):
                kept.append(await engine.complete(prompt(step=step)))

        tasks = [asyncio.create_task(conversation()) for _ in range(3)]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert budgeted.budget.spent == Amount(1, 6)

    run(go())
    assert len(kept) == server.asked == 1


def test_no_second_attempt_after_a_cancel() -> None:
    def fail(_: Prompt) -> str:
        raise Passing(500, "no")

    async def go() -> None:
        scripted = Scripted(fail, lambda _: 1.0)
        task = asyncio.create_task(Retrying(Throttled([Finishing(scripted)], Gate(1))).complete(prompt()))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert len(scripted.asked) == 1

    run(go())
