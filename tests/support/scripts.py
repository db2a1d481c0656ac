"""A small world for tests: seeds, a recipe, and an answer to every prompt that depends on the prompt alone."""

import asyncio
import importlib.util
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.engines.base import Engine
from bootstruct.export.formats import FORMATS
from bootstruct.journal.events import RunStarted
from bootstruct.journal.file import Journal, read_state
from bootstruct.journal.keys import key_of
from bootstruct.journal.state import State, begin
from bootstruct.pipeline import generate
from bootstruct.run.pacing import Pacer
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Instance, Prompt, Reply, Seed, digest_of

HAS_PARQUET = importlib.util.find_spec("pyarrow") is not None
FORMATS_HERE = [  # pyarrow is an extra, and preference pairs need a check or two runs
    name for name, known in FORMATS.items() if (name != "parquet" or HAS_PARQUET) and not known.has_pairs
]
WORDS = (
    "river stone cloud lamp paper glass horse tiger piano violin sugar pepper engine rocket garden forest winter summer "
    "letter number island bridge candle mirror market kitchen doctor farmer sailor teacher planet comet magnet shadow"
).split()
SEEDS = tuple(
    Seed(f"seed_task_{n}", f"{verb} the {noun} that stands near the {WORDS[n + 9]}", (Instance("", noun),), n % 3 == 0)
    for n, (verb, noun) in enumerate(
        zip("Describe Name Sort Compare Praise Find Count Sell Paint Weigh".split(), WORDS, strict=False)
    )
)


def recipe(name: str = "paper") -> Recipe:
    return read_recipe(Path(str(recipe_folder(name))) / "recipe.yaml")


def answer(prompt: Prompt) -> Reply:
    """Return a list of tasks, "Yes" or "No", or instances of either kind, whichever the prompt asks for.

    Some tasks are too short, too similar or cut, and some instances are broken.
    """
    rng = random.Random(digest_of(prompt))
    tokens = (rng.randint(50, 900), rng.randint(1, 80))
    if prompt.step == "propose":
        tasks = [" ".join(rng.sample(WORDS, rng.randint(2, 9))).capitalize() + "." for _ in range(6)]
        tasks.insert(rng.randint(0, 6), f"Describe the {rng.choice(WORDS)} that stands near the {rng.choice(WORDS)}")
        text = " " + tasks[0] + "".join(f"\n{number}. {task}" for number, task in enumerate(tasks[1:], 10))
        return Reply(text, rng.choice(["stop"] * 9 + ["length"]), *tokens, "scripted")
    if prompt.step == "kind":
        return Reply(rng.choice([" Yes", " No", " No"]), "stop", *tokens, "scripted")
    if "class label" in prompt.text.lower()[:400] or rng.random() < 0.3:
        parts = [f"Class label: {rng.choice(WORDS)}\nText: {rng.choice(WORDS)} é {n}" for n in range(rng.randint(1, 3))]
        return Reply("\n".join(parts), "stop", *tokens, "scripted")
    pairs = [
        f"Example {n}\nInput: {rng.choice(WORDS)}\nOutput: {rng.choice(WORDS)}" for n in range(1, rng.randint(2, 8))
    ]
    return Reply("\n".join(pairs), rng.choice(["stop", "stop", "length"]), *tokens, "scripted")


def open_journal(
    path: Path, chosen: Recipe | None = None, opened: Callable[[Path], Journal] = Journal
) -> tuple[State, Journal]:
    """Open a journal and return it with its state; a new one begins with the seeds and the recipe of the small world."""
    journal = opened(path)
    state = read_state(path)
    if state is None:
        started = RunStarted(chosen or recipe(), SEEDS)
        journal.append(started)
        state = begin(started)
    return state, journal


async def finish(path: Path, engine: Engine, tasks: int, chosen: Recipe | None = None) -> State:
    """Bring the run in `path` to this number of tasks, as the command does, and close its engine."""
    state, journal = open_journal(path, chosen)
    try:
        await generate(ActiveRun(state, journal, engine), tasks)
    finally:
        journal.close()
        await engine.aclose()
    return state


def run_to(
    path: Path,
    engine: Engine,
    tasks: int,
    chosen: Recipe | None = None,
    stall_after: int | None = None,
    opened: Callable[[Path], Journal] = Journal,
    ahead: int | None = None,
) -> State:
    """Bring the run in `path` to this number of tasks and return its state."""

    async def main() -> State:
        state, journal = open_journal(path, chosen, opened)
        try:
            await generate(ActiveRun(state, journal, engine, pacer=Pacer(state, ahead=ahead)), tasks, stall_after)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def outcome(state: State) -> tuple[object, ...]:
    """Return all decisions of a state."""
    return state.accepted, state.accepted_after, state.rejections, list(state.completed.values())


def unread_keys(state: State) -> set[str]:
    """Return the keys that `--retry-failed` requests again because the replies were unreadable."""
    return {key_of(task, step) for task, completed in state.completed.items() for step in completed.retried_steps}


def with_lag(chosen: Recipe, **lag: int) -> Recipe:
    return replace(chosen, propose=replace(chosen.propose, lag=replace(chosen.propose.lag, **lag)))
