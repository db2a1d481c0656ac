import asyncio
from collections.abc import Iterator

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.retrying import SAME_FAILURES, RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError, TransientError
from bootstruct.types import Prompt
from tests.support.simulated_servers import Server, prompt
from tests.support.virtual_time import now, run


def failing(*errors: Exception) -> ScriptedEngine:
    """Fails once with each of these, then answers."""
    left: Iterator[Exception] = iter(errors)

    def answer(_: Prompt) -> str:
        if (error := next(left, None)) is not None:
            raise error
        return "yes"

    return ScriptedEngine(answer)


def taken(engine: ScriptedEngine) -> tuple[float, RetryingEngine]:
    async def go() -> tuple[float, RetryingEngine]:
        retrying = RetryingEngine(engine)
        assert (await retrying.complete(prompt())).text == "yes"
        return now(), retrying

    return run(go())


@pytest.mark.parametrize("status", [0, 408, 409, 425, 429, 500, 502, 503, 529])
def test_transient_failures_are_retried(status: int) -> None:
    engine = failing(*[TransientError(status, "no")] * 3)
    seconds, retrying = taken(engine)
    assert len(engine.asked) == 4
    assert retrying.retries == 3
    assert 0.5 * 3.5 <= seconds <= 3.5  # 0.5, 1 and 2 s, jittered by up to a half


def test_pauses_grow_to_a_minute_and_no_further() -> None:
    seconds, _ = taken(failing(*[TransientError(429, "no")] * 12))
    assert seconds <= 0.5 * (2**7 - 1) + 5 * 60


def test_retry_after_is_honoured() -> None:
    seconds, _ = taken(failing(TransientError(429, "no", retry_after=37.0)))
    assert 37 <= seconds <= 37.2


def test_a_retry_after_of_nothing_still_pauses() -> None:
    seconds, _ = taken(failing(*[TransientError(429, "no", retry_after=0.0)] * 4))
    assert seconds > 2


def test_a_pause_holds_no_slot() -> None:
    async def go() -> None:
        left = [TransientError(503, "no", retry_after=20.0)]

        def answer(asked: Prompt) -> str:
            if asked.sample == 0 and left:
                raise left.pop()
            return "yes"

        engine = RetryingEngine(ThrottledEngine([ScriptedEngine(answer, lambda asked: 1.0)], ConcurrencyLimiter(1)))
        first = asyncio.create_task(engine.complete(prompt(0)))
        others = [asyncio.create_task(engine.complete(prompt(n))) for n in range(1, 6)]
        await asyncio.wait(others)
        assert not first.done()
        assert engine.waiting == 1
        assert (await first).text == "yes"
        assert now() > 21

    run(go())


@pytest.mark.parametrize(
    "error", [RequestRejectedError(400, "no"), EngineUnavailableError("no"), RunStoppedError("no")]
)
def test_other_errors_are_not_retried(error: Exception) -> None:
    engine = failing(error)
    with pytest.raises(type(error)):
        run(RetryingEngine(engine).complete(prompt()))
    assert len(engine.asked) == 1


def test_a_server_that_was_never_reached_is_unavailable_after_a_few_tries() -> None:
    engine = failing(*[TransientError(0, "cannot connect to http://x", connected=False)] * 50)
    with pytest.raises(EngineUnavailableError, match="is the server running"):
        run(RetryingEngine(engine).complete(prompt()))
    assert len(engine.asked) == 4


def test_a_server_that_was_reached_before_may_go_away_for_a_while() -> None:
    async def go() -> None:
        engine = failing(*[TransientError(0, "cannot connect", connected=False)] * 6)
        engine.answer, broken = (lambda _: "yes"), engine.answer
        retrying = RetryingEngine(engine)
        await retrying.complete(prompt())
        engine.answer = broken
        assert (await retrying.complete(prompt())).text == "yes"

    run(go())


def test_ten_minutes_of_silence_stop_the_run() -> None:
    async def go() -> None:
        retrying = RetryingEngine(failing(*[TransientError(500, "broken inside")] * 1000))
        await asyncio.sleep(5000)  # time without any question is no silence
        with pytest.raises(RunStoppedError, match="broken inside"):
            await retrying.complete(prompt())
        assert 5600 <= now() <= 5700

    run(go())


@pytest.mark.parametrize("wait", [601.0, 86400.0, float("inf")])
def test_a_long_retry_after_stops_the_run_at_once(wait: float) -> None:
    async def go() -> None:
        with pytest.raises(RunStoppedError, match="asks for a pause"):
            await RetryingEngine(failing(TransientError(429, "quota", retry_after=wait))).complete(prompt())
        assert now() == 0

    run(go())


def test_a_request_that_always_fails_while_others_succeed_is_rejected() -> None:
    async def go() -> None:
        def answer(asked: Prompt) -> str:
            if asked.sample == 0:
                raise TransientError(500, "broken")
            return "yes"

        engine = ScriptedEngine(answer)
        retrying = RetryingEngine(engine)
        doomed = asyncio.create_task(retrying.complete(prompt(0)))
        while not doomed.done():
            await retrying.complete(prompt(1))
            await asyncio.sleep(0.2)
        with pytest.raises(RequestRejectedError, match=f"broken \\({SAME_FAILURES} times"):
            await doomed
        assert sum(asked.sample == 0 for asked in engine.asked) == SAME_FAILURES

    run(go())


MALFORMED = TransientError(0, "`choices` is empty", connected=False, is_malformed=True)


@pytest.mark.parametrize(("lasting", "is_rejected"), [(1, True), (2, True), (3, False)])
def test_few_requests_that_only_meet_malformed_responses_are_rejected(lasting: int, is_rejected: bool) -> None:
    """They are to blame, also if nothing else is left to be asked; if many meet them, it is an outage."""

    async def go() -> None:
        def answer(asked: Prompt) -> str:
            if asked.sample:
                raise MALFORMED
            return "yes"

        engine = ScriptedEngine(answer)
        retrying = RetryingEngine(engine)
        await retrying.complete(prompt(0))
        requests = [asyncio.create_task(retrying.complete(prompt(1 + n))) for n in range(lasting)]
        await asyncio.sleep(200)
        assert all(request.done() for request in requests) == is_rejected
        for request in requests:
            request.cancel()
        ended = await asyncio.gather(*requests, return_exceptions=True)
        kind = RequestRejectedError if is_rejected else asyncio.CancelledError
        assert all(isinstance(error, kind) for error in ended)

    run(go())


def test_an_outage_rejects_no_request() -> None:
    """However often it fails: while nothing else is answered, the question is not to blame."""
    seconds, retrying = taken(failing(*[TransientError(500, "broken")] * (SAME_FAILURES + 3)))
    assert retrying.retries == SAME_FAILURES + 3
    assert seconds < 600


def test_rate_limiting_never_counts_against_a_request() -> None:
    async def go() -> None:
        server = Server(latency=0.1, cap=lambda at: 1 if at < 300 else 100)
        retrying = RetryingEngine(ThrottledEngine([server], ConcurrencyLimiter(2)))
        tasks = [asyncio.create_task(retrying.complete(prompt(n))) for n in range(200)]
        for task in tasks:
            assert (await task).text == "a"

    run(go())


def test_failures_since_the_last_reply_can_be_read_while_they_last() -> None:
    async def go() -> None:
        retrying = RetryingEngine(failing(*[TransientError(503, "Loading model")] * 6))
        assert retrying.failure_streak is None
        asking = asyncio.create_task(retrying.complete(prompt()))
        await asyncio.sleep(3.4)
        streak = retrying.failure_streak
        assert streak is not None
        assert (streak.reason, streak.seconds) == ("503: Loading model", 3.4)
        assert 3 <= streak.count <= 4
        assert streak.next_seconds is not None
        assert 0 < streak.next_seconds <= 4
        await asking
        assert retrying.failure_streak is None

    run(go())
