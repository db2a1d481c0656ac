import asyncio
from collections.abc import Iterator

import pytest

from bootstruct.domain import Prompt
from bootstruct.engines.gate import Gate
from bootstruct.engines.retrying import SAME_FAILURES, Retrying
from bootstruct.engines.scripted import Scripted
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import DoorClosed, Passing, Permanent, StoppedShort
from tests.engines.virtual import now, run
from tests.engines.worlds import Server, prompt


def failing(*errors: Exception) -> Scripted:
    """Fails once with each of these, then answers."""
    left: Iterator[Exception] = iter(errors)

    def answer(_: Prompt) -> str:
        if (error := next(left, None)) is not None:
            raise error
        return "yes"

    return Scripted(answer)


def taken(engine: Scripted) -> tuple[float, Retrying]:
    async def go() -> tuple[float, Retrying]:
        retrying = Retrying(engine)
        assert (await retrying.complete(prompt())).text == "yes"
        return now(), retrying

    return run(go())


@pytest.mark.parametrize("status", [0, 408, 409, 425, 429, 500, 502, 503, 529])
def test_what_fails_in_passing_is_asked_again(status: int) -> None:
    engine = failing(*[Passing(status, "no")] * 3)
    seconds, retrying = taken(engine)
    assert len(engine.asked) == 4
    assert retrying.retries == 3
    assert 0.5 * 3.5 <= seconds <= 3.5  # 0.5, 1 and 2 s, jittered by up to a half


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    seconds, _ = taken(failing(*[Passing(429, "no")] * 12))
    assert seconds <= 0.5 * (2**7 - 1) + 5 * 60


def test_retry_after_is_honoured() -> None:
    seconds, _ = taken(failing(Passing(429, "no", retry_after=37.0)))
    assert 37 <= seconds <= 37.2


def test_a_retry_after_of_nothing_still_pauses() -> None:
    seconds, _ = taken(failing(*[Passing(429, "no", retry_after=0.0)] * 4))
    assert seconds > 2


def test_a_pause_holds_no_slot() -> None:
    async def go() -> None:
        left = [Passing(503, "no", retry_after=20.0)]

        def answer(asked: Prompt) -> str:
            if asked.sample == 0 and left:
                raise left.pop()
            return "yes"

        engine = Retrying(Throttled([Scripted(answer, lambda asked: 1.0)], Gate(1)))
        first = asyncio.create_task(engine.complete(prompt(0)))
        others = [asyncio.create_task(engine.complete(prompt(n))) for n in range(1, 6)]
        await asyncio.wait(others)
        assert not first.done()
        assert engine.waiting == 1
        assert (await first).text == "yes"
        assert now() > 21

    run(go())


@pytest.mark.parametrize("error", [Permanent(400, "no"), DoorClosed("no"), StoppedShort("no")])
def test_other_errors_are_not_asked_again(error: Exception) -> None:
    engine = failing(error)
    with pytest.raises(type(error)):
        run(Retrying(engine).complete(prompt()))
    assert len(engine.asked) == 1


def test_a_server_that_was_never_reached_closes_the_door_after_a_few_tries() -> None:
    engine = failing(*[Passing(0, "cannot connect to http://x", connected=False)] * 50)
    with pytest.raises(DoorClosed, match="is the server running"):
        run(Retrying(engine).complete(prompt()))
    assert len(engine.asked) == 4


def test_a_server_that_was_reached_before_may_go_away_for_a_while() -> None:
    async def go() -> None:
        engine = failing(*[Passing(0, "cannot connect", connected=False)] * 6)
        engine.answer, broken = (lambda _: "yes"), engine.answer
        retrying = Retrying(engine)
        await retrying.complete(prompt())
        engine.answer = broken
        assert (await retrying.complete(prompt())).text == "yes"

    run(go())


def test_ten_minutes_of_silence_stop_the_run() -> None:
    async def go() -> None:
        retrying = Retrying(failing(*[Passing(500, "broken inside")] * 1000))
        await asyncio.sleep(5000)  # time without any question is no silence
        with pytest.raises(StoppedShort, match="broken inside"):
            await retrying.complete(prompt())
        assert 5600 <= now() <= 5700

    run(go())


@pytest.mark.parametrize("wait", [601.0, 86400.0, float("inf")])
def test_a_server_that_wants_to_be_left_alone_for_long_stops_the_run_at_once(wait: float) -> None:
    async def go() -> None:
        with pytest.raises(StoppedShort, match="left alone"):
            await Retrying(failing(Passing(429, "quota", retry_after=wait))).complete(prompt())
        assert now() == 0

    run(go())


def test_a_question_that_always_fails_while_others_are_answered_fails_for_good() -> None:
    async def go() -> None:
        def answer(asked: Prompt) -> str:
            if asked.sample == 0:
                raise Passing(500, "broken")
            return "yes"

        engine = Scripted(answer)
        retrying = Retrying(engine)
        doomed = asyncio.create_task(retrying.complete(prompt(0)))
        while not doomed.done():
            await retrying.complete(prompt(1))
            await asyncio.sleep(0.2)
        with pytest.raises(Permanent, match=f"broken \\({SAME_FAILURES} times"):
            await doomed
        assert sum(asked.sample == 0 for asked in engine.asked) == SAME_FAILURES

    run(go())


def test_an_outage_is_no_such_question() -> None:
    """However often it fails: while nothing else is answered, the question is not to blame."""
    seconds, retrying = taken(failing(*[Passing(500, "broken")] * (SAME_FAILURES + 3)))
    assert retrying.retries == SAME_FAILURES + 3
    assert seconds < 600


def test_refusals_never_count_against_a_question() -> None:
    async def go() -> None:
        server = Server(latency=0.1, cap=lambda at: 1 if at < 300 else 100)
        retrying = Retrying(Throttled([server], Gate(2)))
        tasks = [asyncio.create_task(retrying.complete(prompt(n))) for n in range(200)]
        for task in tasks:
            assert (await task).text == "a"

    run(go())
