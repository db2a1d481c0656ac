"""`generate` against a real OpenAI-compatible server: `transformers serve` with a tiny real model, over HTTP."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstruct.events import Replied
from bootstruct.journal import read_events
from tests.servers import bootstruct

pytestmark = pytest.mark.real


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(address, model name) of the server."""
    pytest.importorskip("transformers", reason="transformers is not installed: no real server here")
    pytest.importorskip("fastapi", reason="transformers[serving] is not installed: no real server here")
    from tests.tiny_model import make

    folder = make(tmp_path_factory.mktemp("tiny"))
    port, home = free_port(), tmp_path_factory.mktemp("home")
    (home / "hub").mkdir()
    env = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(home)}
    transformers = Path(sys.executable).parent / "transformers"
    words = [transformers, "serve", folder, "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    log = (home / "log").open("wb")
    process = subprocess.Popen(list(map(str, words)), env=env, stdout=log, stderr=log)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                break
            if process.poll() is not None:
                pytest.fail(f"the server ended: {(home / 'log').read_text()[-2000:]}")
            time.sleep(0.5)
        else:
            pytest.fail("the server did not come up")
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.mark.parametrize("recipe", ["paper", "chat"])
def test_a_run_over_http(tmp_path: Path, server: tuple[str, str], recipe: str) -> None:
    """A random model writes nothing worth keeping, but every reply is real: sent, journalled, read, verified, resumed."""
    url, model = server
    run = tmp_path / "run"
    made = bootstruct("init", run, "--recipe", recipe, "--model", f"openai/{model}", "--base-url", url)
    assert made.returncode == 0, made.stderr
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("max_tokens: 1024", "max_tokens: 40"))
    command = ["generate", run, "--tasks", 3, "--concurrency", 4, "--max-requests", 12, "--ignore-stall"]
    done = bootstruct(*command)
    assert done.returncode in (0, 1), done.stderr
    kept = [event for _, event in read_events(run / "journal.jsonl") if isinstance(event, Replied)]
    assert 5 <= len(kept) <= 12
    assert all(event.reply.completion_tokens > 0 for event in kept if event.reply.text)
    assert any(event.reply.text.strip() for event in kept)
    assert bootstruct("verify", run).returncode == 0
    again = bootstruct(*command)
    assert again.returncode == done.returncode
    assert len([e for _, e in read_events(run / "journal.jsonl") if isinstance(e, Replied)]) <= 12


def test_the_doctor_sees_through_it(server: tuple[str, str]) -> None:
    """It accepts n, logprobs and seed and does nothing with them: exactly that is what `doctor` reports."""
    url, model = server
    done = bootstruct("doctor", "--model", f"openai/{model}", "--base-url", url, "--json")
    assert done.returncode == 0, done.stderr
    found = {row["feature"]: row["outcome"] for row in json.loads(done.stdout)["server"]}
    assert found["chat"] == found["text completion"] == found["token usage"] == found["temperature"] == "yes"
    assert found["n"] == found["logprobs"] == "ignored"
    assert found["list of prompts"] == "refused"
