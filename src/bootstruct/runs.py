"""A run folder: what `init` writes, what the first `generate` fixes, and opening it again.

recipe.yaml, seeds.jsonl, prompts/, keep_away.jsonl and machine.yaml may be edited until the first `generate`; then the
journal's first event holds all of it but the machine, and is the authority.
"""

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path

from bootstruct.domain import Seed
from bootstruct.errors import BadInput
from bootstruct.events import Started, State, begin
from bootstruct.files import read_recipe, read_rows, read_seeds, write_whole
from bootstruct.journal import NAME, Journal, read_state
from bootstruct.recipe import Recipe, to_mapping
from bootstruct.stages.rehearse import rehearse

RECIPE, SEEDS, KEEP_AWAY, MACHINE = "recipe.yaml", "seeds.jsonl", "keep_away.jsonl", "machine.yaml"
ASIDE, ASIDE_SECONDS = "aside.json", 15.0  # rewritten more often than that while a server is set aside
PREVIEW, PREVIEWS = "preview.jsonl", "preview*.jsonl"


def is_begun(folder: Path) -> bool:
    return (folder / NAME).is_file() and (folder / NAME).stat().st_size > 0


def read_plan(folder: Path, begun: Recipe | None = None) -> tuple[Recipe, tuple[Seed, ...]]:
    """Recipe and seeds as the files of a run folder say (`begun`: see `read_recipe`). Raises BadInput where it is none."""
    if not (folder / RECIPE).is_file():
        raise BadInput(f"{folder}: is not a run folder (it has no {RECIPE}); `bootstruct init {folder}` makes one.")
    recipe = read_recipe(folder / RECIPE, begun)
    seeds = read_seeds(folder / SEEDS)
    if recipe.propose.only_classification and not any(seed.is_classification for seed in seeds):
        raise BadInput(f"{folder / SEEDS}: has no classification task, and the recipe shows only those.")
    if recipe.propose.with_instances and not any(seed.instances for seed in seeds):
        raise BadInput(f"{folder / SEEDS}: has no task with an instance, and the recipe shows tasks with theirs.")
    if (folder / KEEP_AWAY).is_file():
        texts = tuple(str(row.get("text", "")) for _, row in read_rows(folder / KEEP_AWAY))
        recipe = dataclasses.replace(recipe, keep_away=texts)
    try:
        rehearse(recipe)
    except BadInput as exc:
        raise BadInput(f"{folder / RECIPE}: {exc}") from None
    return recipe, seeds


def read_run(folder: Path) -> State:
    """The state of a begun run, read only. Raises BadInput where there is none to read."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such run folder.")
    if not is_begun(folder):
        what = (
            "has not begun; `bootstruct generate` begins it" if (folder / RECIPE).is_file() else "is not a run folder"
        )
        raise BadInput(f"{folder}: {what}.")
    state = read_state(folder / NAME)
    if state is None:
        raise BadInput(f"{folder / NAME}: holds no whole event; delete it and begin again.")
    return state


def open_run(folder: Path) -> tuple[State, Journal]:
    """Open a run for writing: begin it from its files, or take it up where it stopped.

    Raises BadInput where recipe or seeds were edited since it began, or where another process writes to it.
    """
    if not is_begun(folder):
        read_plan(folder)  # nothing is written where there is no plan
    journal = Journal(folder / NAME)
    try:
        state = read_state(folder / NAME)
        if state is None or (not state.answered and (folder / RECIPE).is_file()):
            started = Started(*read_plan(folder))  # until something is answered the files are the authority
            journal.clear()
            journal.append(started)
            return begin(started), journal
        if state.origin == "import":
            raise BadInput(f"{folder}: is an imported run: it can be exported, reported and reused, not extended.")
        if (folder / RECIPE).is_file():
            _refuse_edits(folder, state, *read_plan(folder, state.recipe))
        return state, journal
    except BaseException:
        journal.close()
        raise


def _refuse_edits(folder: Path, state: State, recipe: Recipe, seeds: tuple[Seed, ...]) -> None:
    remedy = (
        f"a begun run keeps its recipe and seeds. Undo the edit, or `bootstruct init` a new run and "
        f"`bootstruct generate NEW --reuse {folder}`: what did not change is not paid twice."
    )
    if recipe.digest() != state.recipe.digest():
        key = _first_difference(to_mapping(state.recipe), to_mapping(recipe), "")
        raise BadInput(f"{folder / RECIPE}: {key} differs from what this run began with; {remedy}")
    if seeds != state.seeds:
        now = next(
            (n for n, (a, b) in enumerate(zip(seeds, state.seeds, strict=False)) if a != b),
            min(len(seeds), len(state.seeds)),
        )
        raise BadInput(f"{folder / SEEDS}: seed {now + 1} differs from what this run began with; {remedy}")


def _first_difference(old: object, new: object, path: str) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if old[key] != new.get(key):
                return _first_difference(old[key], new.get(key), f"{path}.{key}" if path else key)
    return path or "the recipe"


def write_aside(folder: Path, aside: Mapping[str, str]) -> None:
    """Say which servers a run that is going on has set aside, and why; for `status`. No part of the run."""
    if aside:
        write_whole(folder / ASIDE, json.dumps(aside).encode())
    else:
        (folder / ASIDE).unlink(missing_ok=True)


def read_aside(folder: Path) -> dict[str, str]:
    """What `write_aside` said lately; nothing where the run is not going on."""
    path = folder / ASIDE
    try:
        if time.time() - path.stat().st_mtime > ASIDE_SECONDS:
            return {}
        return {str(url): str(why) for url, why in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def journal_path(folder: Path) -> Path:
    """The journal of a run given as a folder or as the journal file itself. Raises BadInput where there is none."""
    path = folder / NAME if folder.is_dir() else folder
    if not path.is_file():
        raise BadInput(f"{folder}: is neither a run folder with a journal nor a journal.")
    return path
