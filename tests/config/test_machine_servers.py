"""Settings of servers that want more than a Bearer key: header of the key, more headers, a query behind each path."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from aiohttp import web

from bootstruct.config.machine import read_machine
from bootstruct.engines.build import open_servers
from bootstruct.errors import InputError
from bootstruct.journal.events import CandidatesJudged, RunStarted
from bootstruct.journal.file import Journal
from bootstruct.run.folder import SUSPENDED, SUSPENDED_SECONDS, read_suspended, write_suspended
from bootstruct.types import Prompt, Sampling
from tests.support.commands import bootstruct
from tests.support.scripts import SEEDS, recipe
from tests.support.serving import application, serving

KEY = "azure-key-0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    for name in ("BOOTSTRUCT_SETTINGS", "BOOTSTRUCT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def machine_of(folder: Path, text: str) -> object:
    (folder / "machine.yaml").write_text(text)
    return read_machine(folder)


def test_a_key_in_another_header_more_headers_and_a_query(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the dated API of Azure wants it."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    seen: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((str(request.rel_url), {name.lower(): value for name, value in request.headers.items()}))
        return web.json_response({"choices": [{"text": f"the key is {KEY}"}]})

    async def go() -> str:
        async with serving(application(answer)) as address:
            root = f"{address}/openai/deployments/d"
            text = f"base_url: {root}?api-version=2024-10-21\nkey_env: AZURE_OPENAI_API_KEY\nkey_header: Api-Key\n"
            (folder / "machine.yaml").write_text(text + "headers: {X-Title: my run}\n")
            (client,) = open_servers(read_machine(folder, trust=True))
            reply = await client.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
            await client.call("GET", "/batches?limit=1")
            await client.aclose()
            return reply.text

    assert asyncio.run(go()) == "the key is [key]"
    assert seen[0][0] == "/openai/deployments/d/completions?api-version=2024-10-21"
    assert seen[1][0] == "/openai/deployments/d/batches?limit=1&api-version=2024-10-21"
    headers = seen[0][1]
    assert (headers["api-key"], headers["x-title"]) == (KEY, "my run")
    assert headers["content-type"] == "application/json"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("headers: {Authorization: Bearer x}", "keys come from the environment only"),
        ("headers: {X-Api-Key: x}", "keys come from the environment only"),
        ('headers: {"a b": x}', "cannot be sent as a header"),
        ('headers: {X-A: "a\\r\\nb: c"}', "cannot be sent as a header"),
        ('key_header: "a: b"', "cannot be sent as a header"),
        ("batch_factor: 1.5", "batch_factor must be"),
    ],
)
def test_what_is_refused(folder: Path, text: str, result: str) -> None:
    with pytest.raises(InputError, match=result):
        machine_of(folder, text)


def test_the_price_of_batches_is_a_setting(folder: Path) -> None:
    assert read_machine(folder).prices.batch_factor == 0.5
    (folder / "machine.yaml").write_text("batch_factor: 0.25")
    assert read_machine(folder).prices.batch_factor == 0.25


def test_status_tells_of_servers_set_aside_while_a_run_goes_on(folder: Path) -> None:
    journal = Journal(folder / "journal.jsonl")
    journal.append(RunStarted(recipe(), SEEDS))
    journal.append(CandidatesJudged(0, (), ()))
    journal.close()
    write_suspended(folder, {"http://a/v1": "cannot be reached"})
    result = bootstruct("status", folder, "--json")
    assert json.loads(result.stdout)["suspended"] == {"http://a/v1": "cannot be reached"}
    assert "http://a/v1 is suspended" in " ".join(bootstruct("status", folder).stdout.split())
    long_ago = time.time() - SUSPENDED_SECONDS - 1
    os.utime(folder / SUSPENDED, (long_ago, long_ago))  # the run was killed
    assert read_suspended(folder) == {}
    write_suspended(folder, {})
    assert not (folder / SUSPENDED).exists()
