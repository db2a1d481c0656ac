"""Whole runs on a model of this machine, over the command line: made, grown, verified, interrupted, refused in a sentence."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")

from bootstruct.journal.events import ReplyReceived  # noqa: E402
from bootstruct.journal.file import read_events  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402
from tests.support.commands import CLI, bootstruct_process, environment  # noqa: E402

pytestmark = pytest.mark.real
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def replies(run: Path) -> list[ReplyReceived]:
    return [event for _, event in read_events(run / "journal.jsonl") if isinstance(event, ReplyReceived)]


def made(run: Path, recipe: str, most: int) -> Path:
    result = bootstruct_process("init", run, "--recipe", recipe, "--model", f"hf/{tiny.causal_folder()}")
    assert result.returncode == 0, result.stderr
    file = run / "recipe.yaml"
    file.write_text(file.read_text().replace("max_tokens: 1024", f"max_tokens: {most}"))
    return run


@pytest.mark.parametrize("recipe", ["paper", "chat"])
def test_a_run_from_init_to_verify(tmp_path: Path, recipe: str) -> None:
    run = made(tmp_path / "run", recipe, 40)
    assert "engine: hf" in (run / "machine.yaml").read_text()
    command = ["generate", run, "--tasks", 3, "--max-requests", 10, "--ignore-stall", "--quiet"]
    done = bootstruct_process(*command, **OFFLINE)
    assert done.returncode in (0, 1), done.stderr
    kept = replies(run)
    assert 5 <= len(kept) <= 10
    assert all(event.reply.prompt_tokens > 0 and event.reply.completion_tokens > 0 for event in kept)
    assert bootstruct_process("verify", run).returncode == 0
    assert bootstruct_process(*command, **OFFLINE).returncode == done.returncode
    assert len(replies(run)) <= 10


def test_the_same_run_at_another_concurrency_has_the_same_replies(tmp_path: Path) -> None:
    texts = []
    for concurrency in (1, 64):
        run = made(tmp_path / str(concurrency), "paper", 30)
        bootstruct_process(
            "generate",
            run,
            "--tasks",
            2,
            "--max-requests",
            5,
            "--concurrency",
            concurrency,
            "--ignore-stall",
            **OFFLINE,
        )
        texts.append({event.key: event.reply.text for event in replies(run)})
    shared = texts[0].keys() & texts[1].keys()
    assert len(shared) >= 3  # the budget of 5 requests may end at others
    assert all(texts[0][key] == texts[1][key] for key in shared)


def test_an_interrupted_generate_ends_cleanly_and_goes_on(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "paper", 60)
    words = [*CLI, "generate", str(run), "--tasks", "500", "--max-requests", "2000", "--ignore-stall"]
    process = subprocess.Popen(words, env=environment(**OFFLINE), stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while time.monotonic() < until and not ((run / "journal.jsonl").exists() and len(replies(run)) >= 5):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, written = process.communicate(timeout=60)
    assert process.returncode == 130, written
    assert "Traceback" not in written
    before = len(replies(run))
    assert before >= 5
    assert bootstruct_process("verify", run).returncode == 0
    bootstruct_process("generate", run, "--tasks", 500, "--max-requests", before + 3, "--ignore-stall", **OFFLINE)
    assert before <= len(replies(run)) <= before + 3


def test_models_that_cannot_be_loaded_end_in_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in tiny.causal_folder().iterdir():
        if file.suffix != ".safetensors":
            (bare / file.name).write_bytes(file.read_bytes())
    cases = [
        (f"hf/{tmp_path}/nothing", "no such folder"),
        ("hf/no-such-org/no-such-model", "not on this machine"),
        (f"hf/{bare}", "no weights in the safetensors format"),
    ]
    for n, (model, written) in enumerate(cases):
        run = tmp_path / f"run{n}"
        assert bootstruct_process("init", run, "--recipe", "paper", "--model", model).returncode == 0
        done = bootstruct_process("generate", run, "--tasks", 2, **OFFLINE, HF_HOME=str(tmp_path / "empty"))
        assert done.returncode == 2, done.stderr
        assert written in done.stderr
        assert "Traceback" not in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1


def test_a_chat_recipe_wants_a_chat_template(tmp_path: Path) -> None:
    run = tmp_path / "run"
    bootstruct_process("init", run, "--recipe", "chat", "--model", f"hf/{tiny.seq2seq_folder()}")
    done = bootstruct_process("generate", run, "--tasks", 2, **OFFLINE)
    assert done.returncode == 2
    assert "no chat template" in done.stderr
