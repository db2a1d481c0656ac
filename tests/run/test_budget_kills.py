"""SIGKILL inside budgeted runs: nothing is overspent, and going on gives the bytes of a run that was never limited or killed.

`BOOTSTRUCT_BUDGET_KILLS=200` asks for so many kills in all; without it there are a few.
"""

import dataclasses
import os
import random
import shutil
import signal
import subprocess
import time
from functools import reduce
from pathlib import Path

import pytest

from bootstruct.config.machine import read_machine
from bootstruct.journal.cost import cost_of
from bootstruct.journal.state import State
from bootstruct.journal.usage import Usage
from bootstruct.run.folder import read_run
from tests.run.test_kill import exports, lines
from tests.support.commands import CLI, Simulator, bootstruct, environment, simulator

TASKS = 60
KILLS = int(os.environ.get("BOOTSTRUCT_BUDGET_KILLS", "3"))
KILLS_PER_RUN = 8
CASES = [(flag, level) for level in (1, 4, 64) for flag in ("--max-requests", "--max-tokens", "--max-cost")]


def begin(run: Path, server: Simulator) -> None:
    done = bootstruct("init", run, "--recipe", "paper", "--model", "openai/gpt-4o-mini", "--base-url", server.url)
    assert done.returncode == 0, done.stderr


def used(run: Path, state: State) -> dict[str, float]:
    """What a run has used, by the flag that limits it."""
    total = reduce(Usage.plus, state.usage.values(), Usage())
    cost = cost_of(state, read_machine(run).prices) or 0.0
    return {"--max-requests": total.requests, "--max-tokens": total.tokens, "--max-cost": cost}


def decided(state: State) -> list[object]:
    """What is decided on the completed tasks, in order."""
    return [
        (task.text, dataclasses.astuple(state.completed[task.name])) for task in state.accepted[: len(state.completed)]
    ]


def killed(run: Path, words: list[str], after: int) -> bool:
    """Begin a session and kill it once so many replies are recorded; whether it was still running."""
    process = subprocess.Popen(
        [*CLI, *words],
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and lines(run) < after:
        time.sleep(0.001)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running


def kill_budgeted(run: Path, words: list[str], rng: random.Random, most: int) -> int:
    """Kill sessions under a limit again and again, until there were `most` kills or the limit is reached."""
    kills = 0
    while kills < most:
        if not killed(run, words, lines(run) + rng.randint(1, 12)):
            return kills
        kills += 1
    return kills


def check(tmp_path: Path, kills: int) -> None:
    with simulator("--latency", "0.01", "--dist", "lognormal", "--sigma", "1.0") as server:
        straight, run, rng = tmp_path / "straight", tmp_path / "run", random.Random(kills)
        begin(straight, server)
        done = bootstruct("generate", straight, "--tasks", TASKS, "--quiet")
        assert done.returncode == 0, done.stderr
        whole = read_run(straight)
        expected, decisions, total = exports(straight), decided(whole), used(straight, whole)
        counted = trial = 0
        while counted < kills:
            flag, level = CASES[trial % len(CASES)]
            trial += 1
            limit = total[flag] * rng.uniform(0.35, 0.75)
            amount = f"{limit:.5f}" if flag == "--max-cost" else str(int(limit))
            begin(run, server)
            words = [str(w) for w in ("generate", run, "--tasks", TASKS, "--quiet", "--concurrency", level)]
            counted += kill_budgeted(run, [*words, flag, amount], rng, min(KILLS_PER_RUN, kills - counted))
            done = bootstruct(*words, flag, amount)
            assert done.returncode == 1, (flag, level, amount, done.stdout, done.stderr)
            assert "The budget is used up" in done.stderr
            state = read_run(run)
            assert used(run, state)[flag] <= float(amount), (flag, level)
            assert decided(state) == decisions[: len(state.completed)], (flag, level)
            done = bootstruct(*words)
            assert done.returncode == 0, done.stderr
            assert exports(run) == expected, (flag, level)
            shutil.rmtree(run)
            print(f"{counted} of {kills} kills: {flag} {amount}, {level} in flight", flush=True)


@pytest.mark.slow
def test_kills_inside_budgeted_runs(tmp_path: Path) -> None:
    check(tmp_path, KILLS)
