"""SIGKILL every command that writes, at random moments: what is left always opens, and the command finishes as if nothing had been.

`BOOTSTRUCT_CAMPAIGN=60` asks for so many kills per command; without it there are a few.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.export.files import export
from bootstruct.journal.file import read_state
from bootstruct.journal.reviews import read_reviews
from bootstruct.run.folder import read_run
from tests.support.commands import CLI, Simulator, bootstruct_process, environment, simulator

KILLS = int(os.environ.get("BOOTSTRUCT_CAMPAIGN", "4"))
pytestmark = pytest.mark.slow


def bytes_in(folder: Path) -> int:
    """The bytes of all files of a folder that another process writes to."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def killed(words: list[object], seconds: float, watched: Path | None = None, **env: str) -> bool:
    """Begin a command and kill it after so many seconds, counted from its first write to a watched folder if there is one.

    Returns:
        Whether the command was still running.
    """
    before = 0 if watched is None else bytes_in(watched)
    process = subprocess.Popen(
        [*CLI, *map(str, words)],
        env=environment(**env),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while watched is not None and process.poll() is None and bytes_in(watched) == before:
        time.sleep(0.002)
    time.sleep(seconds)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running


def succeeds(*words: object, code: int = 0) -> None:
    done = bootstruct_process(*words)
    assert done.returncode == code, (words, done.stdout[-500:], done.stderr[-1500:])


def campaign(
    words: list[object],
    check: Callable[[], None],
    renew: Callable[[], None],
    name: str,
    written: Path | None = None,
    longest: float | None = None,
) -> None:
    """Kill `words` until it was killed often enough while it ran; where it ends by itself, `renew` its work.

    If it writes to the folder `written`, three of four kills come after it has begun to, and at least half of all must
    have left something that was not there before.
    """
    rng, kills, writes, began = random.Random(name), 0, 0, time.monotonic()
    succeeds("--version")
    longest = longest or max(1.6, 4 * (time.monotonic() - began))  # a busy machine takes longer to get to the work
    for _ in range(10 * KILLS):
        before = 0 if written is None else bytes_in(written)
        waits = written is not None and kills % 4 != 3
        was_running = killed(
            words, rng.uniform(0, 0.5) if waits else rng.uniform(0.25, longest), written if waits else None
        )
        check()
        if was_running:
            kills += 1
            writes += written is not None and bytes_in(written) != before
        else:
            renew()
        if kills == KILLS:
            assert written is None or 2 * writes >= KILLS, f"{writes} of {KILLS} kills came after a write"
            return
    raise AssertionError(f"{kills} of {KILLS} kills met a running command")


def exported(run: Path) -> bytes:
    export(read_run(run), run / "journal.jsonl", "alpaca", run / "x.json")
    return (run / "x.json").read_bytes()


CHECKS = (
    '\nchecks: [{kind: rubric, level: "1"}]\n'  # the simulator answers something else: unreadable, kept, and told by 1
)


@pytest.mark.parametrize("name", ["generate", "checks", "batch", "preview"])
def test_runs(tmp_path: Path, name: str) -> None:
    run, straight, tasks = tmp_path / "run", tmp_path / "straight", 120
    if name == "batch":
        from tests.engines.batch.test_batch import batch_server

        with batch_server(seconds=0.3) as root:
            kill_runs(name, run, straight, tasks, f"{root}/v1", ["--batch"])
        return
    with simulator("--latency", "0.02", "--dist", "lognormal", "--sigma", "1.0") as server:
        kill_runs(name, run, straight, tasks, server.url, [])


def kill_runs(name: str, run: Path, straight: Path, tasks: int, url: str, more: list[object]) -> None:
    def begin(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        succeeds("init", folder, "--recipe", "paper", "--model", "openai/sim", "--base-url", url)
        if name == "checks":
            path = folder / "recipe.yaml"
            path.write_text(path.read_text() + CHECKS)

    generate: list[object] = ["generate", run, "--tasks", tasks, "--quiet", *more]
    words: list[object] = ["preview", run] if name == "preview" else generate
    finished: list[bytes] = []

    def check() -> None:
        if (run / "journal.jsonl").exists():
            read_state(run / "journal.jsonl")

    def renew() -> None:
        finished.append(b"" if name == "preview" else exported(run))
        begin(run)

    begin(run)
    campaign(words, check, renew, name, run)
    code = 1 if name == "checks" else 0
    succeeds(*words, code=code)
    succeeds(*generate, code=code)
    succeeds("verify", run)
    begin(straight)
    succeeds("generate", straight, "--tasks", tasks, "--quiet", code=code)
    assert exported(run) == exported(straight)
    assert set(finished) <= {b"", exported(straight)}


def test_evaluate(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with simulator("--latency", "0.1") as server:
        words = ["evaluate", "user-tasks", "--model", "openai/sim", "--base-url", server.url, "--concurrency", 4]
        campaign([*words, "--out", out], lambda: None, lambda: shutil.rmtree(out), "evaluate", out)
        succeeds(*words, "--out", out)
        succeeds(*words, "--out", tmp_path / "straight")
    folders = [next(path for path in folder.iterdir() if path.is_dir()) for folder in (out, tmp_path / "straight")]
    predictions = [sorted(p for p in folder.iterdir() if "prediction" in p.name) for folder in folders]
    assert predictions[0]
    assert [p.read_bytes() for p in predictions[0]] == [p.read_bytes() for p in predictions[1]]


def test_review(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with simulator() as server:
        finish(run, server)

    def check() -> None:
        if (run / "reviews.jsonl").exists():
            read_reviews(run / "reviews.jsonl")
        assert read_state(run / "journal.jsonl") is not None

    words: list[object] = ["review", run, "--port", 0, "--tasks", 20]
    began = time.monotonic()
    serving = subprocess.Popen(
        [*CLI, *map(str, words)], env=environment(), stdout=subprocess.PIPE, start_new_session=True
    )
    assert serving.stdout is not None
    assert b"http://127.0.0.1" in serving.stdout.readline()
    until_it_serves = time.monotonic() - began
    os.killpg(serving.pid, signal.SIGKILL)
    serving.wait()
    (run / "reviews.jsonl").unlink()
    campaign(words, check, lambda: None, "review", longest=2 * until_it_serves)
    assert (run / "reviews.jsonl").exists()
    succeeds("review", run, "--export", tmp_path / "x.jsonl")


def finish(run: Path, server: Simulator) -> None:
    succeeds("init", run, "--recipe", "paper", "--model", "openai/sim", "--base-url", server.url)
    succeeds("generate", run, "--tasks", 30, "--quiet")


@pytest.mark.real
def test_finetune(tmp_path: Path) -> None:
    """Each kill is followed by `--resume` where the folder holds a training; the end has the steps and the weights of a whole one."""
    from safetensors.numpy import load_file

    from tests.support.finetune_runs import make_run
    from tests.support.tiny_model import make

    run, base, out, other = make_run(tmp_path / "run"), make(tmp_path / "base"), tmp_path / "model", tmp_path / "other"
    env = {"OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(tmp_path / "state")}
    words: list[object] = ["finetune", run, "--model", base, "--max-steps", 60, "--held-out", 0]
    words += ["--set", "save_steps=5", "--set", "logging_steps=5"]
    rng, kills = random.Random("finetune"), 0
    began = time.monotonic()
    whole = bootstruct_process(*words, "--out", other, **env)
    seconds = time.monotonic() - began
    assert whole.returncode == 0, whole.stderr[-1500:]

    def resuming() -> list[object]:
        is_begun = (out / "finetune.json").exists()
        return [*words, "--out", out, *(["--resume"] if is_begun else [])]

    for _ in range(10 * KILLS):
        if killed(resuming(), rng.uniform(0.4, 1.0) * seconds, **env):
            kills += 1
        else:
            assert json.loads((out / "finetune.json").read_text())["done"], "it ended by itself, and not with a model"
            shutil.rmtree(out)
        if kills == KILLS:
            break
    assert kills == KILLS
    record = out / "finetune.json"  # the last kill may have come before it was written, or after the end
    if not record.exists() or "done" not in json.loads(record.read_text()):
        done = bootstruct_process(*resuming(), **env)
        assert done.returncode == 0, done.stderr[-1500:]
        assert ": 60 steps" in done.stdout
    assert not (out / "checkpoints").exists()
    weights = [load_file(folder / "model.safetensors") for folder in (out, other)]
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items():
        assert abs(values - weights[1][name]).max() < 1e-3, name
