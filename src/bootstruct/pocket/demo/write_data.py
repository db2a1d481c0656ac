"""The files for finetuning and evaluating the models, written again each time."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bootstruct.io.files import write_whole
from bootstruct.journal.state import State
from bootstruct.pocket.demo.evaluation_data import evaluation_rows
from bootstruct.pocket.demo.experiment_configs import ExperimentConfig
from bootstruct.pocket.demo.formats import format_template
from bootstruct.pocket.demo.grow import grow
from bootstruct.pocket.demo.model_steps import prompt_file
from bootstruct.pocket.demo.more_instances import input_first_instances, seed_instances
from bootstruct.pocket.demo.options import EVALUATION_ROWS, PROMPTS, RUN, DemoOptions, numbered
from bootstruct.pocket.demo.steps import Echo
from bootstruct.pocket.demo.training_data import (
    input_first_rows,
    run_rows,
    seed_instance_rows,
    seed_rows,
    seed_rows_in_all_templates,
    shuffled_rows,
    solved_rows,
)

Json = dict[str, Any]
MORE = "more-instances"  # the folder of the replies that belong to no run


def write_training_data(
    options: DemoOptions, states: Sequence[State], table: Sequence[ExperimentConfig], echo: Echo
) -> dict[str, int]:
    """Write the training data of every model of the table, except that of the runs themselves.

    Returns:
        The number of examples by path, that of the runs included.

    Raises:
        RunStoppedError: the model stopped answering.
    """
    examples = {}
    for generation, state in enumerate(states, 1):
        examples[numbered(RUN, generation)] = len(run_rows(state))
        for model in table:
            path = model.source_of(generation)
            if path and path not in examples:
                rows = _rows(model.source, options, state, generation, echo)
                write_jsonl(options.folder / path, rows)
                examples[path] = len(rows)
    return examples


def _rows(source: str, options: DemoOptions, state: State, generation: int, echo: Echo) -> list[Json]:
    """Return the training rows of one source; no more than the run has, so that equal numbers are compared."""
    most, folder = len(run_rows(state)), options.folder / MORE
    if source == "seeds-only":
        return seed_rows(state)
    if source == "seeds-all-templates":
        return seed_rows_in_all_templates(state)
    if source == "seed-instances":
        echo(f"\n(asking {options.model} for instances of the seed instructions, for the baseline)")
        written = seed_instances(state, options.model, folder / numbered(source, generation))
        return seed_instance_rows(state, written, most)
    if source == "input-first":
        echo(f"\n(asking {options.model} for instances of classification tasks, input first)")
        written = input_first_instances(state, options.model, folder / numbered(source, generation))
        return input_first_rows(state, written, most)
    if source == "unfiltered":
        return run_rows(grow(options, echo, generation, is_filtered=False), most)
    return shuffled_rows(state) if source == "shuffled" else solved_rows(state)


def write_evaluation(
    options: DemoOptions, states: Sequence[State], table: Sequence[ExperimentConfig]
) -> tuple[Json, ...]:
    """Write the evaluation prompts and their formats; returns the prompts. Those that a run generated are left out."""
    known = {seed.instruction for state in states for seed in state.seeds}
    known |= {task.text for state in states for task in state.accepted}
    rows = tuple(evaluation_rows(known, options.phrasings))
    write_jsonl(options.folder / EVALUATION_ROWS, rows)
    (options.folder / PROMPTS).mkdir(exist_ok=True)
    for name in {model.asked_in for model in table}:
        write_whole(options.folder / prompt_file(name), format_template(name).encode())
    return rows


def write_jsonl(path: Path, rows: Iterable[Json]) -> Path:
    """Write rows as JSON Lines; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return path
