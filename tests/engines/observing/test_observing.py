"""Requests that are observed: the log file's lines, OpenTelemetry's spans, and that nothing else changes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.observing.engine import ObservedEngine, ObservedOutcome
from bootstruct.engines.observing.run_log import RunLog
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError, RequestRejectedError
from bootstruct.types import Message, Prompt, Reply, Sampling

TEXT = Prompt("propose", "m", Sampling(max_tokens=7), 0, text="a secret prompt")
CHAT = Prompt("kind", "m", Sampling(temperature=0.5), 0, messages=(Message("user", "a secret prompt"),))


def answer(prompt: Prompt) -> Reply:
    if prompt.step == "kind":
        raise RequestRejectedError(422, "no such field")
    return Reply("a secret reply", "stop", 11, 5, "m-0613", retries=2)


def ask_both(*observers: Any) -> Reply:
    engine = ObservedEngine(ScriptedEngine(answer), observers)

    async def ask() -> Reply:
        with pytest.raises(RequestRejectedError):
            await engine.complete(CHAT)
        reply = await engine.complete(TEXT)
        await engine.aclose()
        return reply

    return asyncio.run(ask())


def test_the_log_has_a_line_for_each_request_and_no_content(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("an earlier line\n")
    with RunLog(path) as log:
        assert ask_both(log) == answer(TEXT)
        log.write("note", text="half \ud800 of a character")
    earlier, rejected, replied, note = path.read_text().splitlines()
    assert earlier == "an earlier line"
    assert "secret" not in path.read_text()
    first, second = json.loads(rejected), json.loads(replied)
    assert (first["event"], first["outcome"], first["status"]) == ("request", "RequestRejectedError", 422)
    assert first["reason"] == "no such field"
    assert second | {"time": 0, "seconds": 0} == {
        "time": 0,
        "event": "request",
        "step": "propose",
        "model": "m",
        "seconds": 0,
        "outcome": "reply",
        "finish": "stop",
        "prompt_tokens": 11,
        "completion_tokens": 5,
        "retries": 2,
    }
    assert json.loads(note)["event"] == "note"


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written as a log"):
        RunLog(tmp_path)
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system: a full disk cannot be shown")
    with RunLog(Path("/dev/full")) as log:
        assert ask_both(log).text == "a secret reply"
    assert "the log ended early (No space left on device)" in log.fault


def test_requests_become_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is not installed (extra `trace`): no spans here")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from bootstruct.engines.observing.tracing import CONTENT, RequestTracer

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    ask_both(RequestTracer())
    rejected, replied = exporter.get_finished_spans()
    assert (rejected.name, replied.name) == ("chat m", "text_completion m")
    assert rejected.attributes["error.type"] == "422"
    assert rejected.status.status_code is trace.StatusCode.ERROR
    expected = {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-0613",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.request.max_tokens": 7,
        "bootstruct.step": "propose",
        "bootstruct.retries": 2,
        "gen_ai.response.finish_reasons": ("stop",),
    }
    assert expected.items() <= dict(replied.attributes).items()
    assert "secret" not in rejected.to_json() + replied.to_json()
    monkeypatch.setenv(CONTENT, "true")
    ask_both(RequestTracer())
    assert exporter.get_finished_spans()[-1].to_json().count("secret") == 2


def test_an_interrupted_request_is_observed_too(tmp_path: Path) -> None:
    outcomes: list[ObservedOutcome] = []

    class Observer:
        def begin(self, prompt: Prompt) -> None:
            pass

        def end(self, begun: object, outcome: ObservedOutcome) -> None:
            outcomes.append(outcome)

    async def interrupt() -> None:
        engine = ObservedEngine(ScriptedEngine(answer, delay=lambda _: 60), [Observer()])
        task = asyncio.create_task(engine.complete(TEXT))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupt())
    assert [outcome.error for outcome in outcomes] == ["CancelledError"]
