import asyncio

import pytest

from bootstruct.engines.door import Outcome
from bootstruct.engines.gate import Gate
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import Passing, Permanent
from tests.engines.virtual import now, run
from tests.engines.worlds import Server, prompt

SERVED = Outcome("served", 0.1, "x")


def test_growing_the_pool_goes_first() -> None:
    async def go() -> list[tuple[int, str]]:
        server = Server()
        engine = Throttled([server], Gate(1))
        steps = ["kind", "instances", "propose", "kind", "propose"]
        await asyncio.gather(*(engine.complete(prompt(n, step)) for n, step in enumerate(steps)))
        return server.order

    assert run(go()) == [(0, "kind"), (2, "propose"), (4, "propose"), (1, "instances"), (3, "kind")]


def test_what_was_begun_is_finished_before_new_things_begin() -> None:
    async def go() -> list[tuple[int, str]]:
        server = Server()
        engine = Throttled([server], Gate(2))

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
        engine = Throttled([server], Gate(7))
        await asyncio.gather(*(engine.complete(prompt(n)) for n in range(200)))
        return server.peak

    assert run(go()) == 7


def test_cancelled_in_the_queue_ends_at_once_and_leaves_no_slot_behind() -> None:
    async def go() -> None:
        gate, server = Gate(1), Server(latency=5.0)
        engine = Throttled([server], gate)
        first, second, third = (asyncio.create_task(engine.complete(prompt(n))) for n in range(3))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.wait({second})
        assert second.cancelled()
        assert now() == 1
        await first
        await third
        assert now() == 10
        assert (gate.flying, gate.queued, server.asked) == (0, 0, 2)

    run(go())


def test_cancelled_in_the_moment_of_being_let_in_passes_the_slot_on() -> None:
    async def go() -> None:
        gate = Gate(1)
        first = await gate.enter()
        second, third = (asyncio.create_task(gate.enter()) for _ in range(2))
        await asyncio.sleep(0)
        gate.leave(first, SERVED)  # second is let in, but does not run before
        second.cancel()
        await third
        assert second.cancelled()
        assert gate.flying == 1

    run(go())


def test_a_cancelled_task_begins_nothing_new() -> None:
    async def go() -> None:
        server = Server()
        engine = Throttled([server], Gate(1))

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
        gate = Gate(2)
        first, second = await gate.enter(), await gate.enter()
        gate.leave(first, Outcome("failed"))
        third = asyncio.create_task(gate.enter())
        await asyncio.sleep(0.4)
        assert not third.done()
        await third
        assert now() == pytest.approx(0.5)
        gate.leave(third.result(), Outcome("refused", retry_after=3.0))
        fourth = asyncio.create_task(gate.enter())
        await asyncio.sleep(0.2)
        assert not fourth.done()
        gate.leave(second, SERVED)  # the server answers: no reason to wait
        await fourth
        assert now() == pytest.approx(0.7)

    run(go())


def test_in_an_outage_all_wait_as_long_as_the_server_asks() -> None:
    async def go() -> None:
        gate = Gate(20)
        for slot in [await gate.enter() for _ in range(10)]:
            gate.leave(slot, Outcome("refused", retry_after=30.0))
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(0.6)  # the first short pause is over
        await waiting
        gate.leave(waiting.result(), Outcome("refused", retry_after=30.0))
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(29)
        assert not waiting.done()
        await waiting

    run(go())


@pytest.mark.parametrize(
    "error", [Passing(429, "no", 1.0), Passing(500, "no"), Permanent(400, "no"), ValueError("bug")]
)
def test_the_slot_is_given_back_whatever_happens(error: Exception) -> None:
    class Broken(Server):
        async def complete(self, asked):  # type: ignore[no-untyped-def]
            raise error

    async def go() -> None:
        gate = Gate(3)
        with pytest.raises(type(error)):
            await Throttled([Broken()], gate).complete(prompt())
        assert gate.flying == 0
        assert gate.refusals == (isinstance(error, Passing) and error.status == 429)

    run(go())
