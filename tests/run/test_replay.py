"""The promise: any speed, any crash, the same data; and no question is ever paid for twice."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.draining import DrainingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import ReplayMismatchError, RunStoppedError
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events, read_state
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt
from tests.support import virtual_time
from tests.support.crashes import exported, run_with_crashes
from tests.support.journals import sealed
from tests.support.marks import trials
from tests.support.scripts import answer, finish, outcome, recipe, run_to

TASKS = 60
TRIALS = int(os.environ.get("BOOTSTRUCT_TRIALS", "25"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[object, ...], dict[str, bytes]]:
    path = tmp_path_factory.mktemp("sequential") / "journal.jsonl"
    state = run_to(path, ThrottledEngine([ScriptedEngine(answer)], ConcurrencyLimiter(1)), TASKS)
    assert len(state.accepted) >= TASKS
    assert state.rejections
    return outcome(state), exported(path, state)


@pytest.mark.parametrize("trial", trials(5, TRIALS))
def test_any_speed_any_crash_same_bytes(
    tmp_path: Path, expected: tuple[tuple[object, ...], dict[str, bytes]], trial: int
) -> None:
    path = tmp_path / "journal.jsonl"
    state, _ = run_with_crashes(path, answer, TASKS, trial)
    assert outcome(state) == expected[0]
    read = read_state(path)
    assert read is not None
    assert outcome(read) == expected[0]  # the file alone tells the same story
    assert exported(path, read) == expected[1]


def test_a_finished_run_asks_nothing(tmp_path: Path, expected: tuple[tuple[object, ...], dict[str, bytes]]) -> None:
    path = tmp_path / "journal.jsonl"
    run_to(path, ScriptedEngine(answer), TASKS)
    before, silent = path.read_bytes(), ScriptedEngine(answer)
    assert outcome(run_to(path, silent, TASKS)) == expected[0]
    assert silent.asked == []
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_run_extended_is_the_run_made_at_once(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts" / "journal.jsonl", tmp_path / "whole" / "journal.jsonl"
    parts.parent.mkdir(), whole.parent.mkdir()
    run_to(parts, ThrottledEngine([ScriptedEngine(answer)], ConcurrencyLimiter(7)), 100)
    extended = run_to(
        parts, ThrottledEngine([ScriptedEngine(answer, lambda p: random.random() / 500)], ConcurrencyLimiter(64)), 500
    )
    at_once = run_to(whole, ThrottledEngine([ScriptedEngine(answer)], ConcurrencyLimiter(3)), 500)
    assert outcome(extended) == outcome(at_once)
    assert exported(parts, extended) == exported(whole, at_once)


def test_what_was_in_flight_at_the_end_is_kept_and_used(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    slow = DrainingEngine(ScriptedEngine(answer, lambda p: p.sample % 17 / 1000))
    virtual_time.run(finish(path, ThrottledEngine([slow], ConcurrencyLimiter(64)), 40))
    kept = [e.key for _, e in read_events(path) if isinstance(e, ReplyReceived)]
    state = read_state(path)
    assert state is not None
    early = [key for key in kept if key.startswith("propose/") and int(key[8:]) >= len(state.accepted_after)]
    assert early, "nothing was in flight when the goal was reached: this test shows nothing"
    engine = ScriptedEngine(answer)
    run_to(path, ThrottledEngine([engine], ConcurrencyLimiter(1)), 90)
    keys = [e.key for _, e in read_events(path) if isinstance(e, ReplyReceived)]
    assert len(keys) == len(set(keys))


@pytest.mark.slow
def test_other_seeds_of_the_hash_same_bytes(tmp_path: Path) -> None:
    code = (
        "from tests.support.scripts import *; from bootstruct.engines.scripted import ScriptedEngine; from pathlib import Path; import sys\n"
        "from tests.support.crashes import exported; import hashlib\n"
        "path = Path(sys.argv[1]); state = run_to(path, ScriptedEngine(answer), 40)\n"
        "print(hashlib.sha256(repr(sorted(exported(path, state).items())).encode()).hexdigest())"
    )
    digests = set()
    for seed in ("0", "1", "77"):
        folder = tmp_path / seed
        folder.mkdir()
        env = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / "journal.jsonl")],
            capture_output=True,
            text=True,
            env=env,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_changed_seeds_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    run_to(path, ThrottledEngine([ScriptedEngine(answer)], ConcurrencyLimiter(8)), 30)
    lines = path.read_text().replace("Describe the river", "Describe the lake").splitlines(keepends=True)
    keep = next(n for n, line in enumerate(lines) if '"event":"proposed"' in line)
    path.write_bytes(sealed("".join(lines[:keep]).encode()))
    with pytest.raises(ReplayMismatchError, match="start a new run folder"):
        run_to(path, ScriptedEngine(answer), 30)


def test_a_dry_pool_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def dull(prompt: Prompt) -> str:
        return " Describe the river that stands near the glass\n10. Too short" if prompt.step == "propose" else "No"

    with pytest.raises(RunStoppedError, match="is exhausted"):
        run_to(path, ScriptedEngine(dull), 10, stall_after=20)
    state = read_state(path)
    assert state is not None
    assert len(state.accepted_after) == 20
    with pytest.raises(RunStoppedError, match="is exhausted"):  # running it again costs nothing
        run_to(path, engine := ScriptedEngine(dull), 10, stall_after=20)
    assert engine.asked == []


def test_growing_the_pool_never_waits_for_annotations(tmp_path: Path) -> None:
    """With annotations that hang for long, the pool still reaches its goal first."""
    path = tmp_path / "journal.jsonl"
    order: list[str] = []

    def note(prompt: Prompt) -> object:
        order.append(prompt.step)
        return answer(prompt)

    engine = ScriptedEngine(note, lambda prompt: 0.0 if prompt.step == "propose" else 0.02)  # type: ignore[arg-type]
    run_to(path, ThrottledEngine([engine], ConcurrencyLimiter(2)), 40, recipe("paper"))
    last_propose = len(order) - 1 - order[::-1].index("propose")
    assert order[:last_propose].count("instances") < 30


def test_interrupt_keeps_what_is_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    async def main() -> tuple[int, int]:
        from tests.support.scripts import open_journal

        state, journal = open_journal(path)
        engine = ScriptedEngine(answer, lambda prompt: 0.05)
        run = ActiveRun(state, journal, ThrottledEngine([DrainingEngine(engine)], ConcurrencyLimiter(4)))
        from bootstruct.pipeline import generate

        task = asyncio.create_task(generate(run, 1000))
        while len(engine.asked) < 10:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        journal.close()
        return len(engine.asked), sum(isinstance(e, ReplyReceived) for _, e in read_events(path))

    asked, kept = asyncio.run(main())
    assert asked == kept
    assert asked >= 8
