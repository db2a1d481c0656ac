"""A run folder: what `init` writes, what the first `generate` fixes, and how it is opened again.

recipe.yaml, seeds.jsonl, prompts/, keep_away.jsonl, passages.jsonl and machine.yaml may be edited until the first
`generate`; then the journal's first event holds all of it except the machine settings, and counts from then on.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bootstruct.config.loading import read_recipe
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.seeds import read_seeds
from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json, read_rows
from bootstruct.journal.events import RunStarted
from bootstruct.journal.file import NAME, Journal, read_state
from bootstruct.journal.reviews import NAME as REVIEWS
from bootstruct.journal.state import State, begin
from bootstruct.run.documents import PASSAGES, with_passages
from bootstruct.stages.custom import CustomCode, declare
from bootstruct.stages.dry_run import dry_run
from bootstruct.types import Seed

RECIPE, SEEDS, KEEP_AWAY, MACHINE = "recipe.yaml", "seeds.jsonl", "keep_away.jsonl", "machine.yaml"
SUSPENDED, SUSPENDED_SECONDS = "aside.json", 15.0  # rewritten more often than this while a server is suspended
PYTHON = "python.json"  # names and versions of the rules and checks in Python that the run needs
PREVIEW, PREVIEWS = "preview.jsonl", "preview*.jsonl"
TAKEN_OVER = "taken_over.jsonl"  # replies of the run that this one was rejudged from, beside those in its journal
RUN_FILES = (
    NAME,
    RECIPE,
    SEEDS,
    KEEP_AWAY,
    PASSAGES,
    MACHINE,
    PYTHON,
    TAKEN_OVER,
    REVIEWS,
)  # never written over by an output


def is_begun(folder: Path) -> bool:
    """Whether the folder has a journal with any content."""
    return (folder / NAME).is_file() and (folder / NAME).stat().st_size > 0


def source_files(sources: Iterable[Path]) -> list[Path]:
    """The sources, and the files that those among them hold which are run folders or folders of `datasets`."""
    found = list(sources)
    for folder in [path for path in found if path.is_dir()]:
        found += [*(folder / name for name in RUN_FILES), *folder.glob("*.arrow")]
    return found


def read_plan(folder: Path, begun: Recipe | None = None) -> tuple[Recipe, tuple[Seed, ...]]:
    """The recipe and the seeds in the files of a run folder.

    Args:
        begun: the recipe with which the run began (see `read_recipe`).

    Raises InputError if it is not a run folder.
    """
    if not (folder / RECIPE).is_file():
        raise InputError(f"{folder}: is not a run folder (it has no {RECIPE}); `bootstruct init {folder}` makes one.")
    recipe = read_recipe(folder / RECIPE, begun, folder)
    seeds = read_seeds(folder / SEEDS, folder=folder)
    if recipe.propose.only_classification and not any(seed.is_classification for seed in seeds):
        raise InputError(f"{folder / SEEDS}: has no classification task, and the recipe shows only those.")
    if recipe.propose.with_instances and not any(seed.instances for seed in seeds):
        raise InputError(
            f"{folder / SEEDS}: has no task with an instance, and the recipe shows tasks with their instances."
        )
    if (folder / KEEP_AWAY).is_file():
        texts = tuple(str(row.get("text", "")) for _, row in read_rows(folder / KEEP_AWAY, folder=folder))
        recipe = dataclasses.replace(recipe, keep_away=texts)
    recipe = with_passages(recipe, folder)
    if (folder / PYTHON).is_file():
        recipe = declare(recipe, *_declared(folder / PYTHON))
    try:
        dry_run(recipe)
    except InputError as exc:
        raise InputError(f"{folder / RECIPE}: {exc}") from None
    return recipe, seeds


def declaration(code: CustomCode) -> str:
    """The text of python.json: what the run needs, by name and version; never the code itself."""
    row = {
        "rules": [{"name": given.name, "version": given.version} for given in code.rules.values()],
        "checks": [{"name": given.name, "version": given.version} for given in code.checks.values()],
    }
    return json.dumps(row, ensure_ascii=False, indent=1) + "\n"


def _declared(path: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(name, version) of the rules and of the checks in python.json. Raises InputError where it is something else."""
    row = read_json(path, path.parent)
    try:
        rules, checks = ([(e["name"] + "", e["version"] + "") for e in row[kind]] for kind in ("rules", "checks"))
    except (KeyError, TypeError) as exc:
        raise InputError(f"{path}: expected lists `rules` and `checks` of name and version ({exc}).") from None
    return rules, checks


def read_run(folder: Path, on_progress: Callable[[int], object] | None = None) -> State:
    """The state of a run that has begun, for reading. Raises InputError if there is none to read.

    Args:
        folder: the run.
        on_progress: called from time to time with the number of bytes of the journal that were read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder.")
    if not is_begun(folder):
        what = (
            "has not begun; `bootstruct generate` begins it" if (folder / RECIPE).is_file() else "is not a run folder"
        )
        raise InputError(f"{folder}: {what}.")
    state = read_state(folder / NAME, on_progress)
    if state is None:
        raise InputError(f"{folder / NAME}: contains no complete event; delete it and start again.")
    return state


def open_run(folder: Path) -> tuple[State, Journal]:
    """Open a run for writing: begin it from its files, or continue where it stopped.

    Raises InputError if recipe or seeds were edited since it began, or if another process writes to it.
    """
    if not is_begun(folder):
        read_plan(folder)  # nothing is written if there is no plan
    journal = Journal(folder / NAME)
    try:
        state = read_state(folder / NAME)
        if state is None or (not state.reply_offsets and (folder / RECIPE).is_file()):
            started = RunStarted(*read_plan(folder))  # until there is a reply, the files count
            journal.clear()
            journal.append(started)
            return begin(started), journal
        if state.origin == "import":
            raise InputError(f"{folder}: is an imported run: it can be exported, reported and reused, not extended.")
        if (folder / RECIPE).is_file():
            _refuse_edits(folder, state, *read_plan(folder, state.recipe))
        return state, journal
    except BaseException:
        journal.close()
        raise


def _refuse_edits(folder: Path, state: State, recipe: Recipe, seeds: tuple[Seed, ...]) -> None:
    remedy = (
        f"a run that has begun keeps its recipe and seeds. Undo the edit, or `bootstruct init` a new run and "
        f"`bootstruct generate NEW --reuse {folder}`: equal requests are not paid twice."
    )
    if recipe.digest() != state.recipe.digest():
        key = _first_difference(to_mapping(state.recipe), to_mapping(recipe), "")
        raise InputError(f"{folder / RECIPE}: {key} differs from what this run began with; {remedy}")
    if seeds != state.seeds:
        now = next(
            (n for n, (a, b) in enumerate(zip(seeds, state.seeds, strict=False)) if a != b),
            min(len(seeds), len(state.seeds)),
        )
        raise InputError(f"{folder / SEEDS}: seed {now + 1} differs from what this run began with; {remedy}")


def _first_difference(old: object, new: object, path: str) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if old[key] != new.get(key):
                return _first_difference(old[key], new.get(key), f"{path}.{key}" if path else key)
    if path == "documents.passages" and isinstance(old, tuple) and isinstance(new, tuple):
        same = zip(old, new, strict=False)
        return (
            f"passage {next((n for n, (a, b) in enumerate(same) if a != b), min(len(old), len(new))) + 1} of {PASSAGES}"
        )
    return path or "the recipe"


def write_suspended(folder: Path, suspended: Mapping[str, str]) -> None:
    """Note which servers a running run has suspended, and why, for `status`. The note is not part of the run."""
    if suspended:
        write_whole(folder / SUSPENDED, json.dumps(suspended).encode())
    else:
        (folder / SUSPENDED).unlink(missing_ok=True)


def read_suspended(folder: Path) -> dict[str, str]:
    """The servers that `write_suspended` noted lately; none if the run is not running."""
    path = folder / SUSPENDED
    try:
        if time.time() - path.stat().st_mtime > SUSPENDED_SECONDS:
            return {}
        return {str(url): str(why) for url, why in read_json(path, folder).items()}
    except (OSError, InputError, AttributeError):  # gone, or half written: `status` shows none then
        return {}
