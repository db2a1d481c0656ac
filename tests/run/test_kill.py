"""SIGKILL the command line at random moments, against a counting server over HTTP: nothing is lost, nothing paid twice."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bootstruct.export.files import export
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.run.folder import read_run
from tests.support.commands import CLI, Simulator, bootstruct, environment, simulator
from tests.support.scripts import FORMATS_HERE

TASKS = 60
CONCURRENCY = 12
KILLS = int(os.environ.get("BOOTSTRUCT_KILLS", "0"))


def replies(run: Path) -> list[ReplyReceived]:
    journal = run / "journal.jsonl"
    return [e for _, e in read_events(journal) if isinstance(e, ReplyReceived)] if journal.exists() else []


def lines(run: Path) -> int:
    journal = run / "journal.jsonl"
    return journal.read_bytes().count(b'\n{"event":"replied"') if journal.exists() else 0


def exports(run: Path) -> dict[str, bytes]:
    out, state = run / "out", read_run(run)
    for format in FORMATS_HERE:
        export(state, run / "journal.jsonl", format, out / format)
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def generate(run: Path, server: Simulator, concurrency: int) -> list[str]:
    words = ["generate", run, "--tasks", TASKS, "--base-url", server.url, "--concurrency", concurrency, "--quiet"]
    return [str(word) for word in words]


def begin(run: Path, server: Simulator) -> None:
    done = bootstruct("init", run, "--recipe", "paper", "--model", "openai/sim", "--base-url", server.url)
    assert done.returncode == 0, done.stderr


def kill_once(run: Path, server: Simulator, after: int) -> int:
    """Start a generation, kill it as soon as `after` replies are journalled; how many stand there then."""
    process = subprocess.Popen([*CLI, *generate(run, server, CONCURRENCY)], env=environment(), start_new_session=True)
    while process.poll() is None and lines(run) < after:
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return len(replies(run))


def check(tmp_path: Path, kills: int) -> None:
    with simulator("--latency", "0.01", "--dist", "lognormal", "--sigma", "1.0") as server:
        straight = tmp_path / "straight"
        begin(straight, server)
        done = bootstruct(*generate(straight, server, 1))
        assert done.returncode == 0, done.stderr
        whole, expected = len(replies(straight)), exports(straight)
        rng, counted = random.Random(kills), 0
        while counted < kills:
            run = tmp_path / f"killed{counted}"
            begin(run, server)
            server.reset()
            at_kill = kill_once(run, server, rng.randint(1, whole - CONCURRENCY))
            if not 0 < at_kill < whole:
                shutil.rmtree(run)
                continue
            counted += 1
            concurrency = rng.randint(1, 64)
            done = bootstruct(*generate(run, server, concurrency))
            assert done.returncode == 0, done.stderr
            assert exports(run) == expected
            stats, kept = server.stats(), replies(run)
            assert len({e.key for e in kept}) == len(kept)
            # What the server answered and the journal does not hold was in flight at the kill, or at the end.
            assert stats["ok"] - len(kept) <= CONCURRENCY, f"{stats['ok']} answered, {len(kept)} kept"
            shutil.rmtree(run)


def test_a_few_kills(tmp_path: Path) -> None:
    check(tmp_path, KILLS or 3)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    check(tmp_path, 50)


@pytest.mark.slow
def test_many_kills_of_one_run(tmp_path: Path) -> None:
    """The same run killed again and again, with a torn line added each time, still ends as if nothing had happened."""
    with simulator("--latency", "0.01") as server:
        straight, run = tmp_path / "straight", tmp_path / "run"
        for folder in (straight, run):
            begin(folder, server)
        assert bootstruct(*generate(straight, server, 1)).returncode == 0
        kills, whole = 0, len(replies(straight))
        for target in (part * whole // 6 for part in range(1, 6)):
            kill_once(run, server, target)
            kills += 1
            with (run / "journal.jsonl").open("ab") as journal:
                journal.write(b'{"event":"replied","key":"annot')
        done = bootstruct(*generate(run, server, 7))
        assert done.returncode == 0, done.stderr
        assert kills == 5
        assert exports(run) == exports(straight)
        assert bootstruct("verify", run).returncode == 0


def test_ctrl_c_ends_in_good_order(tmp_path: Path) -> None:
    """Exit code 130, one sentence, and what was in flight is written down."""
    with simulator("--latency", "0.15") as server:
        run = tmp_path / "run"
        begin(run, server)
        server.reset()
        words = [*CLI, *generate(run, server, CONCURRENCY)]
        process = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)
        while lines(run) < 20:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "run the same command again to continue" in err
        assert "Traceback" not in err
        assert server.stats()["ok"] == len(replies(run))
