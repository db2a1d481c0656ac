"""Runs by batch, against a server that behaves as the documented API does (tests/support/batch_server.py), over HTTP."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bootstruct.engines.batch.api as batch_api
import bootstruct.engines.batch.engine as batch_engine
import bootstruct.engines.batch.routing as batch_routing
from bootstruct.config.machine import Prices
from bootstruct.engines.batch.engine import BatchEngine
from bootstruct.engines.batch.routing import BatchRouter, OfflineBatchEngine
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.errors import BootstructError, EngineUnavailableError, InputError, RunStoppedError
from bootstruct.journal.cost import cost_of, saved_by_batch, usage_cost
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.run.status import status_of
from tests.support.batch_server import Options, Server
from tests.support.commands import CLI, bootstruct, environment
from tests.support.paths import SUPPORT
from tests.support.scripts import finish, outcome, recipe
from tests.support.serving import serving

TASKS = 20


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: the batches of these tests take a fraction of a second."""
    monkeypatch.setattr(batch_engine, "FIRST_POLL", 0.1)
    for module in (batch_engine, batch_routing):
        monkeypatch.setattr(module, "TICK", 0.02)


def by_batch(folder: Path, server: Server, tasks: int = TASKS, key: str | None = None, most: int = 50_000) -> State:
    """Bring the run in a folder to so many tasks, by batch where the step allows it."""

    async def go() -> State:
        folder.mkdir(exist_ok=True)
        async with serving(server.app()) as address:
            engine = BatchRouter(RetryingEngine(OpenAIEngine(f"{address}/v1", key)))
            batches = BatchEngine(OpenAIEngine(f"{address}/v1", key), folder, lambda: engine.in_flight, linger=0.1)
            batches._most = most
            engine.batched = batches
            return await finish(folder / "journal.jsonl", engine, tasks, recipe("paper"))

    return asyncio.run(asyncio.wait_for(go(), 60))


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> State:
    """The same run without batches."""

    async def go(path: Path) -> State:
        async with serving(Server(Options()).app()) as address:
            return await finish(path, RetryingEngine(OpenAIEngine(f"{address}/v1", None)), TASKS, recipe("paper"))

    return asyncio.run(go(tmp_path_factory.mktemp("ordinary") / "journal.jsonl"))


def replies(folder: Path) -> list[ReplyReceived]:
    return [event for _, event in read_events(folder / "journal.jsonl") if isinstance(event, ReplyReceived)]


def twice(server: Server) -> int:
    return sum(number - 1 for number in server.stats.by_question.values())


def test_a_run_by_batch_is_the_run_without(tmp_path: Path, ordinary: State) -> None:
    server = Server(Options(seconds=0.3))
    state = by_batch(tmp_path / "run", server)
    assert outcome(state) == outcome(ordinary)
    kept = replies(tmp_path / "run")
    assert {event.key.partition("/")[0] for event in kept if not event.reply.via} == {"propose"}
    assert all(event.reply.via == "batch" for event in kept if not event.key.startswith("propose"))
    assert server.stats.made == server.stats.uploads == 2  # two waves: kinds, instances
    assert server.stats.lines == sum(event.reply.via == "batch" for event in kept)


def test_the_price_of_batches(tmp_path: Path) -> None:
    state = by_batch(tmp_path / "run", Server(Options(seconds=0.1)))
    full, half = Prices({"gpt-3.5-turbo-instruct": (1.0, 1.0)}, 1.0), Prices({"gpt-3.5-turbo-instruct": (1.0, 1.0)})
    model = {model for _, model in state.usage}
    full, half = (Prices(dict.fromkeys(model, (1.0, 1.0)), prices.batch_factor) for prices in (full, half))
    tokens = sum(e.reply.prompt_tokens + e.reply.completion_tokens for e in replies(tmp_path / "run") if e.reply.via)
    assert saved_by_batch(state, half) == pytest.approx(tokens / 2e6)
    assert cost_of(state, half) == pytest.approx((cost_of(state, full) or 0) - tokens / 2e6)
    status = status_of(state, half)
    assert status.batched == sum(bool(event.reply.via) for event in replies(tmp_path / "run"))
    assert saved_by_batch(state, full) == 0
    shown = [usage_cost(state, step, model, half) for step, model in state.usage]
    assert sum(cost or 0 for cost in shown) == pytest.approx(cost_of(state, half))  # the report's rows add up to it


@pytest.mark.parametrize(
    "options",
    [
        Options(seconds=0.1, fail=0.1),
        Options(seconds=0.1, end="expired", ends=2),
        Options(seconds=0.1, broken_lines=True),
        Options(seconds=0.1, drop=1),
        Options(seconds=0.1, enqueued=9),
    ],
    ids=[
        "some lines fail",
        "expires",
        "lines that are no JSON",
        "the answer that names the batch is lost",
        "too much at once",
    ],
)
def test_only_failed_requests_are_submitted_again(
    options: Options, tmp_path: Path, ordinary: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_api, "FIRST_PAUSE", 0.01)
    server = Server(options)
    assert outcome(by_batch(tmp_path / "run", server)) == outcome(ordinary)
    assert twice(server) == 0
    assert not any(isinstance(event, RequestFailed) for _, event in read_events(tmp_path / "run" / "journal.jsonl"))


def test_a_rejected_request_costs_only_itself(tmp_path: Path) -> None:
    server = Server(Options(seconds=0.1, refuse=0.1))
    state = by_batch(tmp_path / "run", server)
    failed = [event for _, event in read_events(tmp_path / "run" / "journal.jsonl") if isinstance(event, RequestFailed)]
    assert failed
    assert {(event.status, event.reason) for event in failed} == {(400, "This question is not to be answered")}
    assert len(state.completed) == len(state.accepted)


def test_models_that_know_the_limit_by_another_name(tmp_path: Path, ordinary: State) -> None:
    server = Server(Options(seconds=0.1, wants_other_limit=True))
    assert outcome(by_batch(tmp_path / "run", server)) == outcome(ordinary)


def test_large_batches_are_split(tmp_path: Path, ordinary: State) -> None:
    server = Server(Options(seconds=0.1, most=7))
    assert outcome(by_batch(tmp_path / "run", server, most=7)) == outcome(ordinary)
    assert server.stats.made >= 2 * -(-TASKS // 7)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            Options(seconds=0.1, end="failed"),
            EngineUnavailableError,
            "rejected the batch batch_0001: line 1: The model does not support",
        ),
        (Options(seconds=0.1, api=False), EngineUnavailableError, "has no batch API .* --batch-file"),
        (
            Options(seconds=0.1, end="cancelled"),
            RunStoppedError,
            "batch_000. was cancelled at the server; [0-9]+ of its",
        ),
        (Options(seconds=0.1, end="expired", answered=0.0), RunStoppedError, "ended as expired without any result"),
    ],
)
def test_what_ends_a_run_is_said_in_a_sentence(
    options: Options, error: type[BootstructError], words: str, tmp_path: Path, ordinary: State
) -> None:
    with pytest.raises(error, match=words):
        by_batch(tmp_path / "run", Server(options))
    again = Server(Options(seconds=0.1))  # and goes on when that is over
    assert outcome(by_batch(tmp_path / "run", again)) == outcome(ordinary)


def test_a_wrong_key_makes_the_engine_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="check the key") as raised:
        by_batch(tmp_path / "run", Server(Options(key="sk-right-key-0001")), key="sk-wrong-key-0002")
    assert "sk-wrong-key-0002" not in str(raised.value)


def offline(folder: Path, address: str, out: Path | None, results: tuple[Path, ...]) -> Any:
    async def go() -> State:
        engine = BatchRouter(RetryingEngine(OpenAIEngine(f"{address}/v1", None)))
        engine.batched = OfflineBatchEngine(OpenAIEngine(f"{address}/v1", None), results, out, engine)
        return await finish(folder / "journal.jsonl", engine, TASKS, recipe("paper"))

    return go()


@pytest.mark.slow
def test_offline_the_same_requests_go_through_files(tmp_path: Path, ordinary: State) -> None:
    server = Server(Options(fail=0.1))

    def answered(path: Path) -> Path:
        """What `vllm run-batch` does: one line of answer for each question."""
        rows = [json.loads(text) for text in path.read_text().splitlines()]
        result = path.with_suffix(".answers")
        lines = []
        for row in rows:
            status, body = server.answer_to(row, str(path))
            lines.append(
                {"custom_id": row["custom_id"], "response": {"status_code": status, "body": body}, "error": None}
            )
        result.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
        return result

    async def go() -> tuple[State, int]:
        async with serving(server.app()) as address:
            results: tuple[Path, ...] = ()
            for wave in range(9):
                out = tmp_path / f"wave{wave}.jsonl"
                with contextlib.suppress(RunStoppedError):
                    return await offline(tmp_path, address, out, results), wave
                results = (*results, answered(out))
            raise AssertionError("never ends")

    state, waves = asyncio.run(asyncio.wait_for(go(), 100))
    assert outcome(state) == outcome(ordinary)
    assert 2 <= waves <= 6
    assert twice(server) == 0
    assert {event.reply.via for event in replies(tmp_path) if event.key.startswith("propose")} == {""}


def test_a_file_of_requests_says_what_to_do_with_it(tmp_path: Path) -> None:
    async def go() -> None:
        async with serving(Server(Options()).app()) as address:
            with pytest.raises(
                RunStoppedError, match=r"requests are written to .*out.jsonl. Run them, .*vllm run-batch"
            ):
                await offline(tmp_path, address, tmp_path / "out.jsonl", ())

    asyncio.run(go())
    rows = [json.loads(text) for text in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["url"] for row in rows} == {"/v1/completions"}
    assert all(row["body"]["prompt"] for row in rows)


def test_a_file_of_requests_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        asyncio.run(offline(tmp_path, "http://127.0.0.1:9/v1", tmp_path / "out.jsonl", ()))


@contextlib.contextmanager
def batch_server(**options: Any) -> Iterator[str]:
    words = [sys.executable, str(SUPPORT / "batch_server.py"), "--options", json.dumps(options)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def stats(root: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{root}/stats", timeout=10) as answer:
        result: dict[str, Any] = json.load(answer)
    return result


@pytest.mark.parametrize("after", ["uploads", "made", "waiting"])
@pytest.mark.slow
def test_killed_while_a_batch_is_under_way_nothing_is_submitted_twice(after: str, tmp_path: Path) -> None:
    """SIGKILL as soon as the file is up, as soon as the batch is made, and in the middle of waiting."""
    with batch_server(seconds=3.0) as root:
        run = tmp_path / "run"
        bootstruct("init", run, "--recipe", "paper", "--model", "openai/gpt-4.1-mini", "--base-url", f"{root}/v1")
        words = [*CLI, "generate", str(run), "--tasks", "12", "--batch", "--quiet"]
        process = subprocess.Popen(words, env=environment(), start_new_session=True)
        while stats(root)["made" if after == "waiting" else after] < 1 and process.poll() is None:
            time.sleep(0.002)
        time.sleep(1.0 if after == "waiting" else 0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        made = stats(root)["made"]
        assert made <= 1
        done = bootstruct(*words[len(CLI) :])
        assert done.returncode == 0, done.stderr
        result = stats(root)
        assert result["twice"] == 0
        assert result["made"] == 2  # one wave of kinds, one of instances
        assert bootstruct("verify", run).returncode == 0
        assert json.loads(bootstruct("status", run, "--json").stdout)["batched"] == result["lines"]


@pytest.mark.slow
def test_interrupted_a_batch_is_left_to_the_server_at_once(tmp_path: Path) -> None:
    with batch_server(seconds=2.0) as root:
        run = tmp_path / "run"
        bootstruct("init", run, "--recipe", "paper", "--model", "openai/gpt-4.1-mini", "--base-url", f"{root}/v1")
        words = [*CLI, "generate", str(run), "--tasks", "12", "--batch", "--quiet"]
        process = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)
        while stats(root)["made"] < 1 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 20  # not the 30 s that replies in flight are waited for
        assert process.returncode == 130
        assert "Traceback" not in err
        done = bootstruct(*words[len(CLI) :])
        assert done.returncode == 0, done.stderr
        assert stats(root)["twice"] == 0


def test_an_evaluation_by_batch(tmp_path: Path) -> None:
    rows = [
        {"id": f"t{n}", "instruction": f"Name {n} rivers.", "instances": [{"input": "", "output": "x"}]}
        for n in range(9)
    ]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with batch_server(seconds=0.2) as root:
        words = [
            "evaluate",
            "user-tasks",
            "--model",
            "openai/m",
            "--tasks",
            tmp_path / "tasks.jsonl",
            "--out",
            tmp_path / "out",
        ]
        words += ["--base-url", f"{root}/v1", "--batch", "--json"]
        done = bootstruct(*words)
        assert done.returncode == 0, done.stderr
        again = bootstruct(*words)  # nothing is left to ask
        assert (again.returncode, again.stdout) == (0, done.stdout)
        result = stats(root)
        assert (result["made"], result["lines"], result["ordinary"]) == (1, 9, 0)


def test_flags_that_do_not_go_together(tmp_path: Path) -> None:
    bootstruct("init", tmp_path / "run", "--model", "openai/m")
    done = bootstruct("generate", tmp_path / "run", "--batch", "--batch-file", tmp_path / "x.jsonl")
    assert done.returncode == 2
    assert "give one or the other" in done.stderr
