"""What a server answers, whatever its shape, ends in a reply or in one sentence; a fault of ours shows nothing raw."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

import bootstruct as bs
from bootstruct.cli import _VisibleLog, main
from bootstruct.engines.batch.api import BatchApi
from bootstruct.engines.batch.engine import BatchEngine
from bootstruct.engines.batch.lines import custom_id_of
from bootstruct.engines.batch.store import BatchStore, SubmittedBatch
from bootstruct.engines.openai import MOST_BYTES, OpenAIEngine
from bootstruct.engines.response import read_response
from bootstruct.errors import EngineUnavailableError, RunStoppedError
from bootstruct.finetuning.openai_api import FinetuneEndpoint, finetune_there
from bootstruct.render.sanitize import HIDDEN
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.serving import application, serving

PROMPT = Prompt("propose", "m", Sampling(max_tokens=10), 0, text="x")


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    "value",
    [nested(300), nested(900), '{"a": "\\ud800"}', '{"a": 99999999999999999999999999, "b": NaN}'],
    ids=["300 levels", "900 levels", "half a character", "a large number"],
)
@pytest.mark.parametrize(
    "shape",
    [
        '{"choices": [{"message": {"content": %s}}]}',
        '{"choices": [{"message": {"content": "", "tool_calls": [{"function": {"arguments": %s}}]}}]}',
        'data: {"choices": [{"delta": {"content": %s}}]}\ndata: [DONE]\n',
    ],
    ids=["content", "tool call", "stream"],
)
def test_json_in_the_place_of_a_text(shape: str, value: str) -> None:
    reply = read_response(200, (shape % value).encode(), PROMPT)
    assert isinstance(reply, Reply)
    assert reply.text.startswith('{"a":') or value == nested(900)


@pytest.mark.parametrize("levels", [300, 1000])
def test_a_line_of_a_batch_that_is_nested_deeply(levels: int) -> None:
    engine = OpenAIEngine("http://127.0.0.1:1/v1", "sk-not-a-real-one-0123456789")
    body = {"choices": [{"message": {"content": "a"}}], "x": orjson.loads(nested(levels))}
    engine.batched_response(PROMPT, 200, body)
    engine.reason_of(body)


@asynccontextmanager
async def answering(answers: dict[str, bytes]) -> AsyncIterator[str]:
    """A server that gives each path (method and what follows /v1) the bytes of its answer."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        found = answers.get(f"{request.method} {request.path.removeprefix('/v1')}")
        return (
            web.Response(body=found, content_type="application/json") if found is not None else web.Response(status=404)
        )

    async with serving(application(answer)) as address:
        yield f"{address}/v1"


def batch_of(run: Path, answers: dict[str, bytes]) -> Reply:
    """The reply to PROMPT by a batch at a server with these answers."""

    async def go() -> Reply:
        async with answering(
            {"POST /files": b'{"id": "file_1"}', "POST /batches": b'{"id": "batch_1"}'} | answers
        ) as url:
            engine = BatchEngine(OpenAIEngine(url, None), run, lambda: 0, linger=0.0)
            try:
                return await asyncio.wait_for(engine.complete(PROMPT), 30)
            finally:
                await engine.aclose()

    return asyncio.run(go())


@pytest.mark.parametrize(
    "batch",
    [
        {"status": "failed", "errors": "no"},
        {"status": "failed", "errors": {"data": {"message": 1}}},
        {"status": "failed", "errors": {"data": [{"line": [1], "message": "\u001b[2J" + "x" * 10_000}]}},
        {"status": "failed", "request_counts": [1, 2]},
        {"status": "completed", "errors": 7, "request_counts": 3, "output_file_id": 5},
    ],
)
def test_a_batch_of_any_shape(tmp_path: Path, batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.engines.batch.engine.FIRST_POLL", 0.05)
    answers = {"GET /batches/batch_1": json.dumps(batch).encode(), "GET /files/5/content": b"["}
    with pytest.raises((EngineUnavailableError, RunStoppedError)) as caught:
        batch_of(tmp_path, answers)
    assert len(str(caught.value)) < 1000


def test_the_results_of_a_batch_may_be_larger_than_a_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.engines.batch.engine.FIRST_POLL", 0.05)
    line = {"custom_id": custom_id_of(PROMPT), "response": {"status_code": 200, "body": {"choices": [{"text": "a"}]}}}
    content = b"\n" * (MOST_BYTES + 1) + json.dumps(line).encode()
    done = b'{"status": "completed", "output_file_id": "file_2"}'
    assert batch_of(tmp_path, {"GET /batches/batch_1": done, "GET /files/file_2/content": content}).text == "a"


@pytest.mark.parametrize(
    "page",
    [
        {"data": "x", "has_more": True},
        {"data": [{"metadata": "a", "created_at": "now"}], "has_more": True},
        {"data": [{"metadata": {"bootstruct": "b"}}]},
    ],
)
def test_a_list_of_batches_of_any_shape(tmp_path: Path, page: dict[str, Any]) -> None:
    async def go() -> str:
        async with answering({"GET /batches": json.dumps(page).encode()}) as url:
            client = OpenAIEngine(url, None)
            try:
                return await BatchApi(client, BatchStore(tmp_path))._find(SubmittedBatch("b", "/completions", []))
            finally:
                await client.aclose()

    assert asyncio.run(go()) == ""


JOB = "GET /fine_tuning/jobs/j"


@pytest.mark.parametrize(
    "answers",
    [
        {JOB: b"{}", f"{JOB}/events": b'{"data": [7, {"id": [1], "message": {}}]}'},
        {JOB: b'{"status": ["succeeded"]}', f"{JOB}/events": b'{"data": "x"}'},
        {JOB: b'{"status": "failed", "error": "a text"}', f"{JOB}/events": b"{}"},
        {JOB: b'{"status": "succeeded", "result_files": 7}', f"{JOB}/events": b"{}"},
        {JOB: b'{"status": "succeeded", "fine_tuned_model": "m", "result_files": ["f"]}', f"{JOB}/events": b"{}",
         "GET /files/f/content": b"a" * (64 * 2**20)},
        {JOB: b"[" * 100_000},
    ],
)  # fmt: skip
def test_a_fine_tuning_api_of_any_shape(
    tmp_path: Path, answers: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstruct.finetuning.openai_api.MOST_BYTES", 2**20)

    async def go() -> None:
        async with answering(answers) as url:
            place = FinetuneEndpoint(url, None, pause=0.01)
            await asyncio.wait_for(finetune_there(place, "m", (), tmp_path, 1, 0, print, "j"), 0.5)

    with pytest.raises((EngineUnavailableError, RunStoppedError, TimeoutError)):
        asyncio.run(go())


@pytest.mark.parametrize("id", ["../files/f", "a/b", "a?b", "a#b", "", " "])
def test_the_id_of_a_job_is_no_path(tmp_path: Path, id: str) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"model": "m", "job": id}))
    with pytest.raises(bs.BootstructError, match="id"):
        asyncio.run(finetune_there(FinetuneEndpoint("http://127.0.0.1:9/v1", None), "m", (), tmp_path, 1, 0, print))


def test_a_fault_of_ours_shows_no_escape_sequence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise TypeError("from a server: \x1b]0;owned\x07\u202e")

    monkeypatch.setattr("bootstruct.cli.cli.main", fail)
    with pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr().err
    assert "TypeError: from a server: ␛]0;owned␇[U+202E]" in shown
    assert HIDDEN.search(shown) is None
    assert re.search("error: .* please report it", shown)


def test_what_a_library_logs_shows_no_escape_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    _VisibleLog().handle(logging.LogRecord("aiohttp", logging.WARNING, "", 1, "cookie %s", ("\x1b[2J",), None))
    assert capsys.readouterr().err == "note: aiohttp: cookie ␛[2J\n"
