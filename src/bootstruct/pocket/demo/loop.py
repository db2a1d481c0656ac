"""The sequence of the demo: grow the runs, finetune and evaluate each model of the table, report, summarize."""

import dataclasses
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootstruct.errors import BootstructError, InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_rows
from bootstruct.pocket.demo.curve import curve_svg
from bootstruct.pocket.demo.experiment_configs import SeededModel, model_table, seeded_models
from bootstruct.pocket.demo.grow import grow
from bootstruct.pocket.demo.model_steps import evaluation_folder, model_steps, source_digests
from bootstruct.pocket.demo.options import CURVE, PAGE, REPORT, RUN, SUMMARY, DemoOptions
from bootstruct.pocket.demo.results_markdown import results_page
from bootstruct.pocket.demo.scores import ScoredAnswer, score_answers
from bootstruct.pocket.demo.steps import Echo, StepRecord, do_once, open_record, run_command, seconds_left
from bootstruct.pocket.demo.summary import DemoResults, curve_rows, summarize
from bootstruct.pocket.demo.training_data import count_tasks
from bootstruct.pocket.demo.write_data import write_evaluation, write_training_data

Json = dict[str, Any]
REQUIRED = ("torch", "transformers", "trl")


def run_demo(options: DemoOptions, echo: Echo) -> Json:
    """Do every step that is not done yet, and write the results.

    Args:
        options: what to do.
        echo: shows one line: each command, and how far the demo is.

    Returns:
        The summary, which `summary.json` holds too.

    Raises:
        RunStoppedError: the model wrote too few usable tasks.
        InputError: the folder contains something else, or a command cannot work.
    """
    options = dataclasses.replace(options, model=absolute_model(options.model))
    options.folder.mkdir(parents=True, exist_ok=True)
    record = open_record(options.folder, options.model)
    with record.timed("generation"):
        states = tuple(grow(options, echo, generation) for generation in options.generations)
        table = model_table(min(map(count_tasks, states)), options.full, options.is_pocket)
        examples = write_training_data(options, states, table, echo)
    rows = write_evaluation(options, states, table)
    models = seeded_models(table, options.finetuning_seeds, options.generations)
    answers = finetune_and_evaluate(options, models, rows, source_digests(options, states, models), record, echo)
    has_report = write_report(options, record, echo)
    summary = summarize(
        DemoResults(options, states, rows, table, models, examples, answers, record.seconds, has_report)
    )
    write_results(options.folder, summary)
    return summary


def require_packages() -> None:
    """Raise InputError if a package that the demo needs is not installed."""
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"The demo needs {' and '.join(missing)}: pip install 'bootstruct[local,train,report]'.")


def absolute_model(model: str) -> str:
    """Return the name of a model so that it is found from any folder: commands run in the demo's own."""
    path = Path(model.removeprefix("hf/")).expanduser()
    return f"hf/{path.resolve()}" if model.startswith("hf/") and path.is_dir() else model


def finetune_and_evaluate(
    options: DemoOptions,
    models: Sequence[SeededModel],
    rows: Sequence[Json],
    sources: dict[str, str],
    record: StepRecord,
    echo: Echo,
) -> dict[str, tuple[ScoredAnswer, ...]]:
    """Finetune and evaluate each model. One that fails does not end the demo.

    Returns:
        The scored answers by the name of the model; models that failed are missing.
    """
    plan = [(seeded, model_steps(options, seeded, sources)) for seeded in models]
    todo = [(seeded, steps) for seeded, steps in plan if not all(record.has(step) for step in steps)]
    if len(todo) < len(plan):
        echo(f"\n{len(plan) - len(todo)} of {len(plan)} models are on disk already.")
    for number, (seeded, steps) in enumerate(todo, 1):
        left = seconds_left([step for _, rest in todo[number - 1 :] for step in rest], record)
        remaining = (
            "" if left is None else f", about {max(1, round(left / 60))} min left" if left > 90 else ", almost done"
        )
        details = "".join(f", {name}" for name in details_of(seeded, options))
        echo(f"\n── model {number} of {len(todo)}: {seeded.config.label}{details}{remaining}")
        if all(do_once(step, record, echo) for step in steps):
            answers = read_answers(options.folder, seeded, rows)
            score = sum(answer.first_line for answer in answers) / len(answers) if answers else 0.0
            echo(f"ROUGE-L {score:.1f} over {len(answers)} prompts, answers cut at the first line")
    done = [seeded for seeded, steps in plan if all(record.has(step) for step in steps)]
    found = {seeded.name: read_answers(options.folder, seeded, rows) for seeded in done}
    return {name: answers for name, answers in found.items() if answers}


def details_of(seeded: SeededModel, options: DemoOptions) -> list[str]:
    """Return what distinguishes a model from others of its row: its format, its run, its finetuning seed."""
    details = [] if seeded.seed is not None else [f"in the format {seeded.config.asked_in}"]
    if seeded.config.per_run and len(options.generations) > 1:
        details.append(f"run {seeded.generation}")
    return [*details, f"finetuning seed {seeded.seed}"] if seeded.seed is not None else details


def read_answers(folder: Path, seeded: SeededModel, rows: Sequence[Json]) -> tuple[ScoredAnswer, ...]:
    """Read and score the answers of a model; empty if there are none.

    Raises:
        InputError: the file of its answers cannot be read.
    """
    path = next((folder / evaluation_folder(seeded)).glob("*/predictions.jsonl"), None)
    if path is None:
        return ()
    try:
        return score_answers((row for _, row in read_rows(path, surrogates="keep")), rows)
    except (InputError, KeyError):
        raise InputError(f"{path}: cannot be read; delete {path.parent.parent} and run the demo again.") from None


def write_report(options: DemoOptions, record: StepRecord, echo: Echo) -> bool:
    """Write the page about the data; returns whether that worked, because the demo continues without it."""
    (options.folder / REPORT).unlink(missing_ok=True)
    try:
        with record.timed("report"):
            run_command(("report", RUN, "--out", REPORT), options.folder, echo, options.to_stderr)
    except BootstructError as exc:
        echo(str(exc))
    return (options.folder / REPORT).is_file()


def write_results(folder: Path, summary: Json) -> None:
    """Write the summary, the page of all tables, and the curve if there is one."""
    write_whole(folder / SUMMARY, (json.dumps(summary, ensure_ascii=False, indent=1) + "\n").encode())
    if curve := curve_rows(summary):
        before = max(row["first line"]["all"]["mean"] for row in summary["models"] if row["part"] == "before")
        write_whole(folder / CURVE, curve_svg(curve, before).encode())
    write_whole(folder / PAGE, results_page(summary).encode())
