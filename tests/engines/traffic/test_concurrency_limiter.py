import asyncio

import pytest

from bootstruct.engines.traffic.backend import RequestOutcome
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import RequestRejectedError, TransientError
from tests.support.simulated_servers import Server, prompt
from tests.support.virtual_time import now, run

SERVED = RequestOutcome("served", 0.1, "x")


def test_ordered_requests_go_first() -> None:
    async def go() -> list[tuple[int, str]]:
        server = Server()
        engine = ThrottledEngine([server], ConcurrencyLimiter(1))
        steps = ["kind", "instances", "propose", "kind", "propose"]
        await asyncio.gather(*(engine.complete(prompt(n, step)) for n, step in enumerate(steps)))
        return server.order

    assert run(go()) == [(0, "kind"), (2, "propose"), (4, "propose"), (1, "instances"), (3, "kind")]


def test_what_was_begun_is_finished_before_new_things_begin() -> None:
    async def go() -> list[tuple[int, str]]:
        server = Server()
        engine = ThrottledEngine([server], ConcurrencyLimiter(2))

        async def conversation(number: int) -> None:
            for step in ("kind", "instances"):
                await engine.complete(prompt(number, step))

        await asyncio.gather(*(conversation(n) for n in range(6)))
        return server.order

    order = run(go())
    assert [number for number, step in order if step == "instances"] == list(range(6))
    assert order.index((0, "instances")) < order.index((3, "kind"))


def test_never_more_in_flight_than_the_limit() -> None:
    async def go() -> int:
        server = Server(latency=0.3, sigma=1.0)
        engine = ThrottledEngine([server], ConcurrencyLimiter(7))
        await asyncio.gather(*(engine.complete(prompt(n)) for n in range(200)))
        return server.peak

    assert run(go()) == 7


def test_a_request_cancelled_in_the_queue_ends_at_once_and_holds_no_slot() -> None:
    async def go() -> None:
        limiter, server = ConcurrencyLimiter(1), Server(latency=5.0)
        engine = ThrottledEngine([server], limiter)
        first, second, third = (asyncio.create_task(engine.complete(prompt(n))) for n in range(3))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.wait({second})
        assert second.cancelled()
        assert now() == 1
        await first
        await third
        assert now() == 10
        assert (limiter.in_flight, limiter.queued, server.asked) == (0, 0, 2)

    run(go())


def test_a_request_cancelled_as_its_slot_is_granted_passes_it_on() -> None:
    async def go() -> None:
        limiter = ConcurrencyLimiter(1)
        first = await limiter.acquire()
        second, third = (asyncio.create_task(limiter.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        limiter.release(first, SERVED)  # second is granted the slot, but does not run yet
        second.cancel()
        await third
        assert second.cancelled()
        assert limiter.in_flight == 1

    run(go())


def test_a_cancelled_task_begins_nothing_new() -> None:
    async def go() -> None:
        server = Server()
        engine = ThrottledEngine([server], ConcurrencyLimiter(1))

        async def stubborn() -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await engine.complete(prompt())

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert server.asked == 0

    run(go())


def test_after_a_failure_nothing_begins_until_a_reply_or_the_pause_is_over() -> None:
    async def go() -> None:
        limiter = ConcurrencyLimiter(2)
        first, second = await limiter.acquire(), await limiter.acquire()
        limiter.release(first, RequestOutcome("failed"))
        third = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.4)
        assert not third.done()
        await third
        assert now() == pytest.approx(0.5)
        limiter.release(third.result(), RequestOutcome("rate_limited", retry_after=3.0))
        fourth = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.2)
        assert not fourth.done()
        limiter.release(second, SERVED)  # the server answers: no reason to wait
        await fourth
        assert now() == pytest.approx(0.7)

    run(go())


def test_in_an_outage_all_wait_as_long_as_the_server_asks() -> None:
    async def go() -> None:
        limiter = ConcurrencyLimiter(20)
        for slot in [await limiter.acquire() for _ in range(10)]:
            limiter.release(slot, RequestOutcome("rate_limited", retry_after=30.0))
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.6)  # the first short pause is over
        await waiting
        limiter.release(waiting.result(), RequestOutcome("rate_limited", retry_after=30.0))
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(29)
        assert not waiting.done()
        await waiting

    run(go())


@pytest.mark.parametrize(
    "error",
    [TransientError(429, "no", 1.0), TransientError(500, "no"), RequestRejectedError(400, "no"), ValueError("bug")],
)
def test_the_slot_is_released_whatever_happens(error: Exception) -> None:
    class Broken(Server):
        async def complete(self, asked):  # type: ignore[no-untyped-def]
            raise error

    async def go() -> None:
        limiter = ConcurrencyLimiter(3)
        with pytest.raises(type(error)):
            await ThrottledEngine([Broken()], limiter).complete(prompt())
        assert limiter.in_flight == 0
        assert limiter.rate_limited == (isinstance(error, TransientError) and error.status == 429)

    run(go())
