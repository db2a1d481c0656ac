import asyncio

import pytest

from bootstruct.config.machine import Prices
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.draining import DrainingEngine
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, TransientError
from bootstruct.types import Prompt, Reply
from tests.support.simulated_servers import Server, prompt
from tests.support.virtual_time import now, run


def test_a_cancelled_request_in_flight_still_brings_its_reply() -> None:
    async def go() -> None:
        task = asyncio.create_task(DrainingEngine(Server(latency=5.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        assert (await task).text == "a"
        assert now() == 5
        assert task.cancelling() == 1

    run(go())


def test_not_longer_than_the_grace() -> None:
    async def go() -> None:
        task = asyncio.create_task(DrainingEngine(Server(latency=500.0), grace=30.0).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() == 31

    run(go())


def test_a_second_cancel_ends_it_at_once() -> None:
    async def go() -> None:
        task = asyncio.create_task(DrainingEngine(Server(latency=500.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert now() == 2

    run(go())


@pytest.mark.parametrize(
    "error", [TransientError(500, "no"), RequestRejectedError(400, "no"), EngineUnavailableError("no")]
)
def test_what_fails_after_the_cancel_ends_cancelled(error: Exception) -> None:
    def fail(_: Prompt) -> str:
        raise error

    async def go() -> None:
        task = asyncio.create_task(DrainingEngine(ScriptedEngine(fail, lambda _: 5.0)).complete(prompt()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    run(go())


def test_through_the_whole_stack_the_reply_is_kept_and_no_second_request_follows() -> None:
    server, kept = Server(latency=5.0), list[Reply]()

    async def go() -> None:
        budgeted = BudgetedEngine(DrainingEngine(server), Budget(BudgetLimits(), Prices(), BudgetAmount()))
        engine = RetryingEngine(ThrottledEngine([budgeted], ConcurrencyLimiter(1)))

        async def conversation() -> None:
            for step in ("kind", "instances"):
                kept.append(await engine.complete(prompt(step=step)))

        tasks = [asyncio.create_task(conversation()) for _ in range(3)]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        assert budgeted.budget.spent == BudgetAmount(1, 6)

    run(go())
    assert len(kept) == server.asked == 1


def test_no_second_attempt_after_a_cancel() -> None:
    def fail(_: Prompt) -> str:
        raise TransientError(500, "no")

    async def go() -> None:
        scripted = ScriptedEngine(fail, lambda _: 1.0)
        task = asyncio.create_task(
            RetryingEngine(ThrottledEngine([DrainingEngine(scripted)], ConcurrencyLimiter(1))).complete(prompt())
        )
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert len(scripted.asked) == 1

    run(go())
