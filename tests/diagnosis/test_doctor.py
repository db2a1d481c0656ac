"""`doctor` reports what a server supports, by what its replies show, and what is installed."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from click.testing import CliRunner

from bootstruct.cli.doctor import doctor_command
from bootstruct.diagnosis.server import PROBES, ProbeClient, ProbeResult
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import TransientError
from tests.support.commands import bootstruct, simulator


def probed(*options: str) -> dict[str, str]:
    with simulator(*options) as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url, "--json")
    assert done.returncode == 0, done.stderr
    return {row["feature"]: row["outcome"] for row in json.loads(done.stdout)["server"]}


def test_a_good_server() -> None:
    outcomes = probed()
    assert outcomes["chat"] == outcomes["text completion"] == outcomes["token usage"] == "yes"
    assert outcomes["temperature"] == outcomes["seed"] == outcomes["max_tokens"] == "yes"
    assert outcomes["n"] == outcomes["logprobs"] == outcomes["JSON schema"] == "ignored"


def test_a_server_that_does_not_count() -> None:
    assert probed("--no-usage")["token usage"] == "no"


def test_a_server_that_needs_a_key_or_another_model() -> None:
    with simulator("--key", "right-key-123456789") as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url)
        assert done.returncode == 2
        assert "OPENAI_API_KEY" in done.stderr
        done = bootstruct(
            "doctor", "--model", "openai/sim", "--base-url", server.url, OPENAI_API_KEY="right-key-123456789"
        )
        assert done.returncode == 0
        assert "right-key" not in done.stdout + done.stderr
    with simulator("--models", "other") as server:
        done = bootstruct("doctor", "--model", "openai/sim", "--base-url", server.url)
        assert done.returncode == 2
        assert "model 'sim'" in done.stderr


def test_an_unreachable_server_ends_with_a_question() -> None:
    done = bootstruct("doctor", "--model", "openai/sim", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "is the server running at this address?" in done.stderr


def test_without_a_model_it_lists_what_is_installed() -> None:
    done = bootstruct("doctor", "--json")
    names = {row["name"] for row in json.loads(done.stdout)["installed"]}
    assert {"python", "bootstruct", "local", "train", "report", "review", "parquet", "ray"} <= names


@pytest.mark.parametrize("words", [["--model", "gpt-4.1"], ["--model", "recorded:x/y"]])
def test_models_that_cannot_be_probed(words: list[str]) -> None:
    assert bootstruct("doctor", *words).returncode == 2


@pytest.mark.parametrize("columns", [60, 80])
def test_no_line_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    long = ProbeResult("JSON schema", "refused", "HTTP status 400: " + "a long explanation " * 20 + "\x1b[31m")

    async def probe(*_: object) -> list[ProbeResult]:
        return [long]

    monkeypatch.setattr("bootstruct.diagnosis.server.probe_server", probe)
    done = CliRunner().invoke(doctor_command, ["--model", "openai/sim"], catch_exceptions=False)
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= columns
    assert sum("explanation" in line for line in lines) > 1
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"choices": 3}',
        b'{"choices": [1, {"message": "x"}, {"text": 5}], "usage": []}',
        b'{"choices": [{}]}',
    ],
)
def test_a_body_of_another_shape_is_an_outcome(body: bytes) -> None:
    class Strange(OpenAIEngine):
        async def post(self, path: str, payload: object) -> tuple[int, dict[str, str], bytes]:
            return 200, {}, body

    async def outcome(run: Callable[[ProbeClient], Awaitable[ProbeResult]]) -> str:
        try:
            return (await run(ProbeClient(Strange("http://h/v1", None), "m"))).outcome
        except TransientError:
            return "failed"

    async def outcomes() -> list[str]:
        return [await outcome(run) for _, run in PROBES]

    assert "yes" not in asyncio.run(outcomes())[:5]
