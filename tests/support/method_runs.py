"""Run a method at several speeds and through crashes, and check that nothing depends on them.

The decisions and bytes must be equal, no request may be sent twice, and the journal must pass `verify`.
"""

import random
from collections.abc import Callable
from pathlib import Path

from bootstruct.config.recipe import Recipe
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.history.verify import verify
from bootstruct.journal.file import read_state
from bootstruct.journal.state import State
from bootstruct.types import Prompt, Reply
from tests.support.checked_runs import keys, throttled
from tests.support.crashes import exported, run_with_crashes
from tests.support.scripts import outcome, run_to

Answer = Callable[[Prompt], Reply]


def at_any_speed(
    folder: Path, chosen: Recipe, answer: Answer, tasks: int = 30, crashing: int = 3
) -> tuple[State, Path]:
    """Make the run with one request at a time, with 64 at a time, and `crashing` times with crashes; all results must agree.

    Returns:
        The state and the journal of the first run.
    """
    (folder / "one").mkdir()
    first = folder / "one" / "journal.jsonl"
    state = run_to(first, throttled(ScriptedEngine(answer), 1), tasks, chosen)
    files = exported(first, state)
    for trial in range(crashing + 1):
        (folder / str(trial)).mkdir()
        path = folder / str(trial) / "journal.jsonl"
        other = (
            run_with_crashes(path, answer, tasks, trial, chosen, 80)[0]
            if trial
            else _at_once(path, chosen, answer, tasks)
        )
        assert outcome(other) == outcome(state)
        assert other.checked == state.checked
        read = read_state(path)
        assert read is not None and exported(path, read) == files
        assert len(keys(path)) == len(set(keys(path)))
        assert verify(path).disagreements == []
    assert verify(first).disagreements == []
    return state, first


def _at_once(path: Path, chosen: Recipe, answer: Answer, tasks: int) -> State:
    rng = random.Random(0)
    engine = ScriptedEngine(answer, delay=lambda prompt: rng.random() * 0.003)
    return run_to(path, throttled(engine, 64), tasks, chosen)
