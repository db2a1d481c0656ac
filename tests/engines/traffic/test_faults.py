"""The fault matrix: whatever fails in passing, at whatever step, the run ends with the same tasks and the same exports."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import bootstruct.engines.traffic.backend as backends
from bootstruct.config.machine import Prices
from bootstruct.engines.base import Engine
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.draining import DrainingEngine
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError, TransientError
from bootstruct.export.files import export
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.types import Prompt, Reply
from tests.support import scripts
from tests.support import virtual_time as virtual
from tests.support.scripts import answer, outcome
from tests.support.simulator import TRANSIENT, Options, Simulator, serve

STEPS = ("propose", "kind", "instances")
TASKS = 24
FAULTS = {
    "429 and when to come again": TransientError(429, "slow down", 2.0),
    "429": TransientError(429, "slow down"),
    "408": TransientError(408, "too slow"),
    "500": TransientError(500, "broken"),
    "503 and when to come again": TransientError(503, "loading", 20.0),
    "timeout": TransientError(0, "no answer within 120 s"),
    "cut": TransientError(0, "the connection broke (ClientPayloadError)"),
    "refused": TransientError(0, "cannot connect", connected=False),
}


def stack(wire: Engine, limit: int | None = None, first_pause: float = 0.5) -> RetryingEngine:
    return RetryingEngine(
        ThrottledEngine(
            [BudgetedEngine(DrainingEngine(wire), Budget(BudgetLimits(), Prices(), BudgetAmount()))],
            ConcurrencyLimiter(limit),
        ),
        first_pause=first_pause,
    )


async def finish(path: Path, engine: Engine, tasks: int = TASKS) -> State:
    return await scripts.finish(path, engine, tasks)


def exported(path: Path, state: State) -> list[bytes]:
    out = path.with_suffix(".out")
    return [
        b"".join(file.read_bytes() for file in [*sorted(entry.rglob("*.jsonl")), *([entry] if entry.is_file() else [])])
        for entry in (
            Path(export(state, path, name, out / name) and out / name) for name in ("original", "alpaca", "messages")
        )
    ]


def stumbling(error: Exception, step: str, times: int) -> Callable[[Prompt], Reply]:
    """Every question of this step fails so many times before it is answered."""
    left: dict[tuple[str, int], int] = {}

    def complete(asked: Prompt) -> Reply:
        if asked.step == step:
            key = (asked.step, asked.sample)
            left[key] = left.get(key, times) - 1
            if left[key] >= 0:
                raise error
        return answer(asked)

    return complete


@pytest.fixture(scope="module")
def faultless(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[object, ...], list[bytes]]:
    path = tmp_path_factory.mktemp("faultless") / "journal.jsonl"
    state = virtual.run(finish(path, ScriptedEngine(answer, lambda _: 0.1)))
    assert len(state.accepted) >= TASKS
    return outcome(state), exported(path, state)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_at_each_step(
    fault: str, step: str, tmp_path: Path, faultless: tuple[tuple[object, ...], list[bytes]]
) -> None:
    path = tmp_path / "journal.jsonl"
    scripted = ScriptedEngine(stumbling(FAULTS[fault], step, 3), lambda asked: 0.01 + asked.sample % 10 / 50)
    state = virtual.run(finish(path, stack(scripted)))
    assert (outcome(state), exported(path, state)) == faultless
    answered = sum(_step(event.key) == step for _, event in read_events(path) if isinstance(event, ReplyReceived))
    tried = sum(entry.step == step for entry in scripted.asked)
    assert tried == 4 * answered or (step == "propose" and tried > 4 * answered)  # some were no longer needed
    assert not any(isinstance(event, RequestFailed) for _, event in read_events(path))


def _step(key: str) -> str:
    return "propose" if key.startswith("propose") else key.rpartition("/")[2]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[object, ...], list[bytes]]:
    path = tmp_path_factory.mktemp("served") / "journal.jsonl"
    state = over_http(path, Options())
    assert len(state.accepted) >= TASKS
    return outcome(state), exported(path, state)


def over_http(path: Path, options: Options) -> State:
    async def go() -> State:
        server = await serve(Simulator(options))
        client = OpenAIEngine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", None, timeout=0.5)
        try:
            return await finish(path, stack(client, first_pause=0.01))
        finally:
            server.close()

    return asyncio.run(go())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", TRANSIENT)
def test_each_fault_at_each_step_over_http(
    fault: str,
    step: str,
    tmp_path: Path,
    served: tuple[tuple[object, ...], list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "FIRST_COOLDOWN", 0.01)
    options = Options(faults={fault: 0.5}, first=1, steps=[step], retry_after=0.02)
    state = over_http(tmp_path / "journal.jsonl", options)
    assert (outcome(state), exported(tmp_path / "journal.jsonl", state)) == served


@pytest.mark.parametrize("fault", ["not-utf8", "null-content", "refusal", "stop-left-in"])
def test_bad_replies_are_facts_and_the_run_goes_on(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = over_http(path, Options(faults={fault: 0.3}))
    assert len(state.accepted) >= TASKS
    assert len(state.completed) == len(state.accepted)
    again = over_http(path, Options(faults={"500": 1.0}))  # nothing is left to ask
    assert outcome(again) == outcome(state)


def test_permanent_errors_cost_only_themselves(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = over_http(path, Options(faults={"400": 0.1}))
    failed = [event for _, event in read_events(path) if isinstance(event, RequestFailed)]
    assert failed
    assert {event.reason for event in failed} == {"Bad Request"}
    assert state.failures == len(failed)
    assert len(state.completed) == len(state.accepted) >= TASKS


def test_nothing_is_recorded_where_all_requests_fail(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with pytest.raises(EngineUnavailableError, match="first 5 requests all failed"):
        over_http(path, Options(faults={"400": 1.0}))
    assert [type(event).__name__ for _, event in read_events(path)] == ["RunStarted"]


def test_failures_before_the_first_success_are_recorded_after_it(tmp_path: Path) -> None:
    first: list[int] = []

    def complete(asked: Prompt) -> Reply:
        first.append(asked.sample)
        if asked.sample in first[:2]:
            raise RequestRejectedError(400, "not this one")
        return answer(asked)

    path = tmp_path / "journal.jsonl"
    state = virtual.run(finish(path, ScriptedEngine(complete, lambda asked: 0.1 if asked.sample in first[:2] else 1.0)))
    kinds = [type(event).__name__ for _, event in read_events(path)]
    assert kinds.index("ReplyReceived") < kinds.index("RequestFailed")
    assert kinds.count("RequestFailed") == state.failures == 2


def test_early_failures_do_not_wait_for_a_success_that_never_comes(tmp_path: Path) -> None:
    """The head of the stream fails for good, all others in passing: the run ends by its silence, not never."""
    first: list[int] = []

    def complete(asked: Prompt) -> Reply:
        first.append(asked.sample)
        raise RequestRejectedError(400, "not this one") if asked.sample == first[0] else TransientError(500, "broken")

    path = tmp_path / "journal.jsonl"
    with pytest.raises(RunStoppedError, match="No reply for"):
        virtual.run(asyncio.wait_for(finish(path, stack(ScriptedEngine(complete))), 10_000))
    assert not any(isinstance(event, RequestFailed) for _, event in read_events(path))


@pytest.mark.parametrize("options", [Options(key="sk-right-key-12345678"), Options(models=["another"])])
def test_an_unavailable_engine_ends_the_run_at_once(options: Options, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError):
        over_http(tmp_path / "journal.jsonl", options)
    assert time.monotonic() - began < 60  # no retries
    assert [type(event).__name__ for _, event in read_events(tmp_path / "journal.jsonl")] == ["RunStarted"]


def test_the_key_reaches_no_journal(tmp_path: Path) -> None:
    key, path = "sk-live-0123456789abcdef", tmp_path / "journal.jsonl"

    async def go() -> None:
        server = await serve(Simulator(Options(key=key, faults={"key-in-reply": 0.5, "key-in-error": 0.1})))
        client = OpenAIEngine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", key)
        try:
            await finish(path, stack(client))
        finally:
            server.close()

    asyncio.run(go())
    assert key not in path.read_text()
    assert "[key]" in path.read_text()


def test_a_budget_ends_the_run_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def engine(most: int, spent: int) -> tuple[ScriptedEngine, RetryingEngine]:
        scripted = ScriptedEngine(answer, lambda asked: asked.sample % 7 / 10)
        budgeted = BudgetedEngine(
            DrainingEngine(scripted), Budget(BudgetLimits(requests=most), Prices(), BudgetAmount(requests=spent))
        )
        return scripted, RetryingEngine(ThrottledEngine([budgeted], ConcurrencyLimiter(8)))

    scripted, capped = engine(30, 0)
    with pytest.raises(RunStoppedError, match="--max-requests 30"):
        virtual.run(finish(path, capped))
    assert len(scripted.asked) == 30
    recorded = [event for _, event in read_events(path) if isinstance(event, ReplyReceived)]
    assert len(recorded) == 30
    again, free = engine(10_000, 30)
    state = virtual.run(finish(path, free))
    straight = virtual.run(finish(tmp_path / "straight.jsonl", ScriptedEngine(answer)))
    assert outcome(state) == outcome(straight)
    assert len({event.digest for _, event in read_events(path) if isinstance(event, ReplyReceived)}) == 30 + len(
        again.asked
    )
