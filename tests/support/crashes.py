"""Runs that crash at random moments, in the middle of a line of the journal, and are resumed until they are complete."""

import os
import random
from collections.abc import Callable
from pathlib import Path

from bootstruct.config.recipe import Recipe
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.export.files import export
from bootstruct.journal.events import Event
from bootstruct.journal.file import Journal
from bootstruct.journal.state import State
from bootstruct.types import Prompt, Reply
from tests.support.scripts import FORMATS_HERE, run_to


class Crash(Exception):
    """The journal has crashed."""


class Fragile(Journal):
    """A journal that crashes after `fuse` events, in the middle of a line."""

    fuse = 10**9

    def append(self, event: Event) -> int:
        if self.fuse == 0:
            os.write(self.log._file, b'{"event":"replied","key":"pro')
            raise Crash
        self.fuse -= 1
        return super().append(event)


def fragile(fuse: int) -> Callable[[Path], Fragile]:
    """Return a function that opens a journal which crashes after this number of events."""

    def opened(place: Path) -> Fragile:
        journal = Fragile(place)
        journal.fuse = fuse
        return journal

    return opened


def run_with_crashes(
    path: Path,
    answer: Callable[[Prompt], Reply],
    tasks: int,
    trial: int,
    recipe: Recipe | None = None,
    longest_life: int = 150,
) -> tuple[State, list[Prompt]]:
    """Bring a run to its goal at random speeds, through at least one crash.

    Returns:
        The state of the run, and all prompts that were sent.
    """
    rng, asked, crashes = random.Random(trial), list[Prompt](), 0
    while True:
        engine = ScriptedEngine(answer, delay=lambda prompt: rng.random() * 0.004)
        limited = ThrottledEngine([engine], ConcurrencyLimiter(rng.randint(1, 64)))
        try:
            state = run_to(path, limited, tasks, recipe, opened=fragile(rng.randint(1, longest_life)))
        except Crash:
            crashes += 1
            continue
        finally:
            asked += engine.asked
        assert crashes
        return state, asked


def exported(path: Path, state: State) -> dict[str, bytes]:
    """Export a run in every format, and return the bytes of each file by name."""
    out = path.parent / "out"
    for format in FORMATS_HERE:
        export(state, path, format, out / format)
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
