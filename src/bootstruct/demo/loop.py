"""The story of the demo: grow, tune each model of the table, ask each the same prompts, report."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct.demo.data import seeds_as_data, solved, tasks_with_instances
from bootstruct.demo.models import (
    FULL_SEEDS,
    FULL_TASKS,
    SEED,
    SEEDS_ROWS,
    SOLVED_ROWS,
    TASKS,
    Kind,
    Trained,
    finetune_words,
    kinds,
    place_of,
    trainings,
)
from bootstruct.demo.prompts import FULL_PHRASINGS, HEADLINE, NEW_TOKENS, PHRASINGS, evaluation_rows
from bootstruct.demo.scores import Answer, answers
from bootstruct.demo.steps import Book, Say, Step, digest, do, open_book, run_command, seconds_left
from bootstruct.engines.local.load import place_of as place_of_model
from bootstruct.errors import BadInput, BootstructError, StoppedShort
from bootstruct.events import State
from bootstruct.files import write_whole
from bootstruct.runs import is_begun, read_run

Json = dict[str, Any]
LEAST_TASKS = 10  # with fewer there is nothing to show
ROWS, PROMPT, REPORT = "evaluation.jsonl", "headline.jinja", "report.html"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags say. tasks: instructions to grow, None for the usual number. aside: what commands print goes to
    stderr, because stdout is for the summary."""

    folder: Path
    model: str = "pocket"
    tasks: int | None = None
    full: bool = False
    aside: bool = False

    @property
    def goal(self) -> int:
        return self.tasks or (FULL_TASKS if self.full else TASKS)

    @property
    def seeds(self) -> tuple[int, ...]:
        return FULL_SEEDS if self.full else (SEED,)

    @property
    def phrasings(self) -> int:
        """Evaluation prompts of each family."""
        return FULL_PHRASINGS if self.full else PHRASINGS

    @property
    def is_pocket(self) -> bool:
        return self.model == "pocket"


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a demo. found: the answers of each model that could be trained and asked. rows: the prompts."""

    wanted: Wanted
    state: State
    rows: tuple[Json, ...]
    table: tuple[Kind, ...]
    models: tuple[Trained, ...]
    found: dict[str, tuple[Answer, ...]]
    book: Book


def run_demo(wanted: Wanted, say: Say) -> Measured:
    """Do what is not done yet. Raises BootstructError where nothing can be shown in the end."""
    wanted = dataclasses.replace(wanted, model=absolute(wanted.model))
    wanted.folder.mkdir(parents=True, exist_ok=True)
    book = open_book(wanted.folder, wanted.model)
    with book.timed("generation"):
        grow(wanted, say)
    state = read_run(wanted.folder / "run")
    rows = write_sources(wanted, state)
    table = kinds(tasks_with_instances(state), wanted.full, wanted.is_pocket)
    models = trainings(table, wanted.seeds)
    done = tune_and_ask(wanted, state, models, book, say)
    report(wanted, book, say)
    found = {each.name: read_answers(wanted.folder, each, rows) for each in done}
    return Measured(wanted, state, rows, table, models, {name: got for name, got in found.items() if got}, book)


def report(wanted: Wanted, book: Book, say: Say) -> None:
    """The page about the data. Where it cannot be written the figures are shown all the same; it is missing then."""
    (wanted.folder / REPORT).unlink(missing_ok=True)
    try:
        with book.timed("report"):
            run_command(["report", "run", "--out", REPORT], wanted.folder, say, wanted.aside)
    except BootstructError as exc:
        say(str(exc))


def absolute(model: str) -> str:
    """The model's name as it is from any folder: commands run in the demo's own."""
    path = Path(model.removeprefix("hf/")).expanduser()
    return f"hf/{path.resolve()}" if model.startswith("hf/") and path.is_dir() else model


def grow(wanted: Wanted, say: Say) -> None:
    """From the pocket seeds to a verified run. A model that runs dry before the goal may still have enough to go on with;
    StoppedShort where it has not."""
    folder, aside = wanted.folder, wanted.aside
    if not (folder / "run").is_dir():
        run_command(["init", "run", "--recipe", "pocket", "--model", wanted.model], folder, say, aside)
    try:
        run_command(["generate", "run", "--tasks", str(wanted.goal)], folder, say, aside)
    except StoppedShort:
        there = tasks_with_instances(read_run(folder / "run")) if is_begun(folder / "run") else 0
        if there < LEAST_TASKS:
            raise StoppedShort(
                f"the demo ends here: {wanted.model} wrote {there} tasks with instances that could be kept, and "
                f"{LEAST_TASKS} are the least. `bootstruct status {folder / 'run'}` tells what was refused."
            ) from None
        say(f"\nGrowing stopped short of {wanted.goal} tasks; the demo goes on with the {there} it has.")
    run_command(["status", "run"], folder, say, aside)
    run_command(["verify", "run"], folder, say, aside)


def write_sources(wanted: Wanted, state: State) -> tuple[Json, ...]:
    """The files that models are trained on and asked with, made anew each time; the evaluation prompts come back."""
    known = {seed.instruction for seed in state.seeds} | {task.text for task in state.machine}
    rows = tuple(evaluation_rows(known, wanted.phrasings))
    jsonl(wanted.folder / ROWS, rows)
    write_whole(wanted.folder / PROMPT, HEADLINE.encode())
    jsonl(wanted.folder / SEEDS_ROWS, seeds_as_data(state))
    if wanted.full and wanted.is_pocket:
        jsonl(wanted.folder / SOLVED_ROWS, solved(state))
    return rows


def tune_and_ask(wanted: Wanted, state: State, models: Sequence[Trained], book: Book, say: Say) -> tuple[Trained, ...]:
    """Train each model and ask it, with a line on how far it has come. One that fails does not end the demo; those that
    are done come back."""
    sources = sources_of(wanted, state)
    plan = [(model, steps_of(wanted, model, sources)) for model in models]
    todo = [(model, steps) for model, steps in plan if not all(book.has(step) for step in steps)]
    if len(todo) < len(plan):
        say(f"\n{len(plan) - len(todo)} of {len(plan)} models are on disk already.")
    for number, (model, steps) in enumerate(todo, 1):
        left = seconds_left([step for _, rest in todo[number - 1 :] for step in rest], book)
        told = "" if left is None else f", about {max(1, round(left / 60))} min left" if left > 90 else ", soon done"
        seed = "" if model.seed is None else f", finetuning seed {model.seed}"
        say(f"\n── model {number} of {len(todo)}: {model.kind.told}{seed}{told}")
        for step in steps:
            if not do(step, book, say):
                break
        else:
            got = read_answers(wanted.folder, model, read_rows(wanted.folder))
            score = sum(each.first_line for each in got) / len(got) if got else 0.0
            say(f"ROUGE-L {score:.1f} over {len(got)} prompts, answers cut at the first line")
    return tuple(model for model, steps in plan if all(book.has(step) for step in steps))


def sources_of(wanted: Wanted, state: State) -> dict[str, str]:
    """A digest of everything that a model may be made of, by its path in the demo's folder; the base model under ""."""
    names = {task.name: task.text for task in state.machine}
    grown = [[names[each.task], *map(dataclasses.astuple, each.instances)] for each in state.annotated.values()]
    found = {"": base_digest(wanted.model), "run": digest(state.recipe.digest(), state.seeds, sorted(grown, key=str))}
    for name in (SEEDS_ROWS, SOLVED_ROWS, ROWS, PROMPT):
        path = wanted.folder / name
        found[name] = digest(path.read_text(encoding="utf-8")) if path.is_file() else ""
    return found


def base_digest(model: str) -> str:
    """Of the weights where they are a small file here, of names, sizes and times of a larger model, of a far one's name."""
    if model == "pocket":
        weights = Path(place_of_model(model, is_pocket=True)) / "model.safetensors"
        return hashlib.sha256(weights.read_bytes()).hexdigest()
    folder = Path(model.removeprefix("hf/"))
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return digest(model, [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files])


def steps_of(wanted: Wanted, model: Trained, sources: dict[str, str]) -> list[Step]:
    """Training, unless it is the model as it was, and the evaluation."""
    steps, name, made_of = [], wanted.model, sources[""]
    if model.kind.setting is not None:
        base = wanted.model.removeprefix("hf/")
        words = finetune_words(model, base)
        name, made_of = f"hf/./{place_of(model)}", digest(words, made_of, sources[model.kind.source])
        steps.append(Step("finetuning", model.kind.told, words, place_of(model), made_of))
    place = f"evaluations/{model.name}"
    words = (
        "evaluate", "user-tasks", "--model", name, "--tasks", ROWS, "--prompt", PROMPT, "--new-tokens", str(NEW_TOKENS),
        "--out", place, "--quiet",
    )  # fmt: skip
    made_of = digest(words, made_of, sources[ROWS], sources[PROMPT])
    return [*steps, Step("evaluation", model.kind.told, words, place, made_of)]


def read_answers(folder: Path, model: Trained, rows: Sequence[Json]) -> tuple[Answer, ...]:
    """What a model answered, nothing where it could not be asked. Raises BadInput for a broken file."""
    found = next((folder / "evaluations" / model.name).glob("*/predictions.jsonl"), None)
    if found is None:
        return ()
    try:
        return answers((json.loads(line) for line in found.read_text(encoding="utf-8").split("\n") if line), rows)
    except (ValueError, KeyError):
        raise BadInput(f"{found}: cannot be read; delete {found.parent.parent} and run the demo again.") from None


def read_rows(folder: Path) -> list[Json]:
    return [json.loads(line) for line in (folder / ROWS).read_text(encoding="utf-8").split("\n") if line]


def jsonl(path: Path, rows: Iterable[Json]) -> Path:
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return path
