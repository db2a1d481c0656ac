"""Against a real OpenAI-compatible server, over HTTP: `transformers serve` with a tiny random model, with the pocket model, and
with a folder that `finetune` wrote."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.run.folder import read_run
from tests.support.commands import CLI, bootstruct_process, environment
from tests.support.finetune_runs import make_run
from tests.support.paths import PACKAGE

pytestmark = pytest.mark.real
POCKET = PACKAGE / "pocket" / "model"


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(folder: Path, home: Path) -> Iterator[str]:
    """The address of a server process that serves this model folder."""
    pytest.importorskip("transformers", reason="transformers is not installed: no real server here")
    pytest.importorskip("fastapi", reason="transformers[serving] is not installed: no real server here")
    port = free_port()
    (home / "hub").mkdir(parents=True)
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
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(address, model name) of a server of a tiny random model."""
    pytest.importorskip("torch", reason="torch is not installed: no real server here")
    from tests.support.tiny_model import make

    folder = make(tmp_path_factory.mktemp("tiny"))
    with serving(folder, tmp_path_factory.mktemp("home")) as url:
        yield url, str(folder)


@pytest.mark.slow
@pytest.mark.skipif(not (POCKET / "config.json").is_file(), reason="the pocket model is not part of this checkout")
def test_the_pocket_model_over_http(tmp_path: Path) -> None:
    """The shipped checkpoint behind a real server writes five tasks with instances; all of it verifies, nothing is asked
    twice, and the same model rewrites its outputs."""
    folder = Path(shutil.copytree(POCKET, tmp_path / "pocket"))
    (folder / "generation_config.json").write_text('{"do_sample": true, "eos_token_id": 0, "pad_token_id": 0}')
    run, new = tmp_path / "run", tmp_path / "new"
    with serving(folder, tmp_path / "home") as url:
        for words in (
            ["init", run, "--recipe", "pocket", "--model", f"openai/{folder}", "--base-url", url],
            ["generate", run, "--tasks", 5, "--concurrency", 2, "--timeout", 600],
            ["verify", run],
            [
                "generate",
                new,
                "--rewrite-outputs",
                run,
                "--model",
                f"openai/{folder}",
                "--base-url",
                url,
                "--timeout",
                600,
            ],
            ["verify", new],
        ):
            done = subprocess.run(
                [*CLI, *map(str, words)], capture_output=True, text=True, env=environment(), timeout=1200, check=False
            )
            assert done.returncode == 0, f"{words}: {done.stderr}"
        state = read_run(run)
        assert len(state.completed) == len(state.accepted) >= 5
        assert any(completed.instances for completed in state.completed.values())
        kept = [event.reply for _, event in read_events(run / "journal.jsonl") if isinstance(event, ReplyReceived)]
        assert all(reply.completion_tokens for reply in kept if reply.text)
        assert {reply.model.removesuffix("@main") for reply in kept} == {str(folder)}  # it names the revision as well
        asked = len(kept)
    again = bootstruct_process("generate", run, "--tasks", 5)  # the server is gone, and nothing is missing
    assert again.returncode == 0, again.stderr
    assert len([event for _, event in read_events(run / "journal.jsonl") if isinstance(event, ReplyReceived)]) == asked


@pytest.mark.slow
def test_a_finetuned_folder_is_served(tmp_path: Path) -> None:
    """The folder that `finetune` writes holds what servers (vLLM, transformers) load, and one of them serves it."""
    for package in ("torch", "trl", "peft", "datasets"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")
    from tests.support.tiny_model import make

    base, out, run = make(tmp_path / "base"), tmp_path / "model", make_run(tmp_path / "data", 12)
    env = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    words = ["finetune", run, "--model", base, "--out", out, "--format", "chat", "--max-steps", 3, "--held-out", 0]
    done = bootstruct_process(*words, **env)
    assert done.returncode == 0, done.stderr
    there = {path.name for path in out.iterdir()}
    needed = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert needed <= there
    assert "chat_template.jinja" in there or "chat_template" in json.loads((out / "tokenizer_config.json").read_text())
    assert json.loads((out / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    with serving(out, tmp_path / "home") as url:
        chat = bootstruct_process(
            "init", tmp_path / "chat", "--recipe", "chat", "--model", f"openai/{out}", "--base-url", url
        )
        assert chat.returncode == 0, chat.stderr
        text = (tmp_path / "chat" / "recipe.yaml").read_text()
        (tmp_path / "chat" / "recipe.yaml").write_text(text.replace("max_tokens: 1024", "max_tokens: 24"))
        bootstruct_process("generate", tmp_path / "chat", "--tasks", 1, "--max-requests", 3, "--concurrency", 2)
        kept = [e.reply for _, e in read_events(tmp_path / "chat" / "journal.jsonl") if isinstance(e, ReplyReceived)]
        assert any(reply.completion_tokens for reply in kept)


@pytest.mark.parametrize("recipe", ["paper", "chat"])
def test_a_run_over_http(tmp_path: Path, server: tuple[str, str], recipe: str) -> None:
    """A random model writes nothing worth keeping, but every reply is real: sent, journalled, read, verified, resumed."""
    url, model = server
    run = tmp_path / "run"
    made = bootstruct_process("init", run, "--recipe", recipe, "--model", f"openai/{model}", "--base-url", url)
    assert made.returncode == 0, made.stderr
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("max_tokens: 1024", "max_tokens: 40"))
    command = ["generate", run, "--tasks", 3, "--concurrency", 4, "--max-requests", 12, "--ignore-stall"]
    done = bootstruct_process(*command)
    assert done.returncode in (0, 1), done.stderr
    kept = [event for _, event in read_events(run / "journal.jsonl") if isinstance(event, ReplyReceived)]
    assert 5 <= len(kept) <= 12
    assert all(event.reply.completion_tokens > 0 for event in kept if event.reply.text)
    assert any(event.reply.text.strip() for event in kept)
    assert bootstruct_process("verify", run).returncode == 0
    again = bootstruct_process(*command)
    assert again.returncode == done.returncode
    assert len([e for _, e in read_events(run / "journal.jsonl") if isinstance(e, ReplyReceived)]) <= 12


def test_the_doctor_reports_what_the_server_ignores(server: tuple[str, str]) -> None:
    """It accepts n, logprobs and seed and does nothing with them: exactly that is what `doctor` reports."""
    url, model = server
    done = bootstruct_process("doctor", "--model", f"openai/{model}", "--base-url", url, "--json")
    assert done.returncode == 0, done.stderr
    found = {row["feature"]: row["outcome"] for row in json.loads(done.stdout)["server"]}
    assert found["chat"] == found["text completion"] == found["token usage"] == found["temperature"] == "yes"
    assert found["n"] == found["logprobs"] == "ignored"
    assert found["list of prompts"] == "refused"
