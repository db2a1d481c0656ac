"""The results of a demo as one JSON object: `summary.json`, from which every table and figure is made."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstruct.evaluation.intervals import Difference
from bootstruct.journal.state import State
from bootstruct.pocket.demo.evaluation_data import GROUPS, NEVER_ANSWERED, evaluation_rows, family_groups
from bootstruct.pocket.demo.experiment_configs import BEST_FORMAT, ExperimentConfig, SeededModel
from bootstruct.pocket.demo.options import DemoOptions
from bootstruct.pocket.demo.scores import (
    Measure,
    ScoredAnswer,
    average_seeds,
    difference,
    in_run,
    mean_of,
    scores_by_family,
    seed_spread,
)
from bootstruct.pocket.demo.training_data import count_instances, count_instructions, share_right
from bootstruct.pocket.world.families import DIFFICULTIES
from bootstruct.pocket.world.held_out_families import HELD_OUT

Json = dict[str, Any]
Answers = tuple[ScoredAnswer, ...]
SHOWN_GROUPS = (*GROUPS, NEVER_ANSWERED, *DIFFICULTIES)
STATUSES = ("right", "wrong", "bad input", "unread", "ambiguous")
HEADLINE_BASELINE = "seed-instances"  # the comparison that isolates what new instructions bring
COMPARED = ("seed-instances", "seeds-all-templates", "seeds-only", "unfiltered", "input-first", "shuffled", "solved")


@dataclass(frozen=True, slots=True)
class DemoResults:
    """The measurements of a demo.

    Attributes:
        options: its options.
        states: the runs.
        rows: the evaluation prompts.
        table: the models of the table.
        models: each of them with each run and finetuning seed.
        examples: the number of training examples by path.
        answers: the scored answers, by the name of the model; models that could not be finetuned or asked are missing.
        seconds: time by sort of work.
        has_report: whether the report was written.
    """

    options: DemoOptions
    states: tuple[State, ...]
    rows: tuple[Json, ...]
    table: tuple[ExperimentConfig, ...]
    models: tuple[SeededModel, ...]
    examples: Mapping[str, int]
    answers: Mapping[str, Answers]
    seconds: Mapping[str, float]
    has_report: bool


def summarize(results: DemoResults) -> Json:
    """Return everything that a demo reports. Scores are from 0 to 100; `first line` cuts answers at the first line break."""
    options = results.options
    groups = [_groups(state) for state in results.states]
    averages = {model.name: _over_runs(results, model, groups) for model in results.table}
    families = [row["family"] for row in results.rows]
    return {
        "model": options.model,
        "full": options.full,
        "generation seeds": list(options.generation_seeds),
        "finetuning seeds": list(options.finetuning_seeds),
        "best format": BEST_FORMAT,
        "runs": [_run_row(results, number, state) for number, state in enumerate(results.states, 1)],
        "prompts": {
            "all": len(families),
            **{group: [sum(of[family] == group for family in families) for of in groups] for group in GROUPS},
            NEVER_ANSWERED: sum(family in HELD_OUT for family in families),
            "families": len(set(families)),
            "left out": len(evaluation_rows(set(), options.phrasings)) - len(families),
        },
        "models": [_model_row(results, model, averages[model.name]) for model in results.table],
        "differences": _differences(averages, results.table),
        "families": _family_rows(averages),
        "failed": _failed(results),
        "seconds": {work: round(seconds, 1) for work, seconds in results.seconds.items()},
    }


def curve_rows(summary: Json) -> list[Json]:
    """Return the models of the curve by amount of data: the seeds alone, the nested subsets, all; empty without a curve."""
    rows = [
        row for row in summary["models"] if row["part"] == "curve" or row["name"] in ("seeds-only", "self-instruct")
    ]
    is_curve = any(row["part"] == "curve" for row in rows)
    return sorted(rows, key=lambda row: row["generated tasks"]) if is_curve else []


def _groups(state: State) -> dict[str, str]:
    """The groups of the families in a run: only instructions with instances to train on count as generated."""
    texts = {task.name: task.text for task in state.accepted}
    trained = [texts[completed.task] for completed in state.completed.values() if completed.instances]
    return dict(family_groups([seed.instruction for seed in state.seeds], trained))


def _over_runs(results: DemoResults, model: ExperimentConfig, groups: Sequence[Mapping[str, str]]) -> Answers:
    """The answers of a model to each prompt in each run, averaged over finetuning seeds.

    A model whose data are the same for all runs counts in each, so that it can be compared with those that differ.
    """
    answers: list[ScoredAnswer] = []
    for generation, of in enumerate(groups, 1):
        own = generation if model.per_run else 1
        made = [seeded.name for seeded in results.models if seeded.config == model and seeded.generation == own]
        found = average_seeds([results.answers[name] for name in made if name in results.answers])
        answers += in_run(found, generation, of)
    return tuple(answers)


def _run_row(results: DemoResults, number: int, state: State) -> Json:
    """Count instructions, and instances by the strict reader's verdict if the model is of its world."""
    counts = count_instances(state)
    instructions: Json = {"accepted": len(state.accepted)}
    instances: Json = {"all": counts.total()}
    if results.options.is_pocket:
        read = count_instructions(state)
        instructions |= {name: read[name] for name in ("read", "unread", "ambiguous")}
        instances |= {"share right": share_right(counts), **{name: counts[name] for name in STATUSES}}
    seed = results.options.generation_seeds[number - 1]
    return {"run": number, "seed": seed, "instructions": instructions, "instances": instances}


def _model_row(results: DemoResults, model: ExperimentConfig, average: Answers) -> Json:
    """Return one model: the means over runs and finetuning seeds, and each singly."""
    row: Json = {"name": model.name, "label": model.label, "part": model.part, "generated tasks": model.tasks}
    row["format"] = model.asked_in
    if model.setting:
        row |= {"source": model.source, "steps": model.setting.steps, "learning rate": model.setting.rate}
        counts = (results.examples.get(model.source_of(generation)) for generation in results.options.generations)
        row["examples"] = [] if model.is_subset else [count for count in counts if count is not None]
    measures: tuple[tuple[str, Measure], ...] = (
        ("whole answer", "whole"),
        ("first line", "first_line"),
        ("exact", "exact"),
    )
    for name, measure in measures:
        row[name] = {group or "all": _mean(average, measure, group) for group in (None, *SHOWN_GROUPS)}
    if model.setting:
        singles = {
            f"run {seeded.generation}, seed {seeded.seed}": results.answers.get(seeded.name)
            for seeded in results.models
            if seeded.config == model
        }
        spread = seed_spread(
            {name: mean_of(answers, "first_line").value if answers else None for name, answers in singles.items()}
        )
        row["by seed"] = dict(spread.single)
        row |= {"mean over seeds": spread.mean, "deviation over seeds": spread.deviation}
    return row


def _mean(answers: Answers, measure: Measure, group: str | None) -> Json:
    found = mean_of(answers, measure, group)
    interval = None if found.interval is None else dataclasses.asdict(found.interval)
    return {"mean": found.value, "interval": interval, "count": found.count, "families": found.families}


def _differences(averages: Mapping[str, Answers], table: Sequence[ExperimentConfig]) -> list[Json]:
    """Compare self-instruct with every other model: first lines, over all families and in each group."""
    best = next(
        (model.name for model in table if model.part == "before" and model.asked_in == BEST_FORMAT), "as-it-was"
    )
    rows = []
    for other in (*COMPARED, "as-it-was", best):
        for group in (None, *SHOWN_GROUPS):
            if averages.get(other) and averages.get("self-instruct"):
                found = difference(averages[other], averages["self-instruct"], group)
                rows.append({"over": other, "prompts": group or "all", **_difference(found)})
    return rows


def _difference(found: Difference) -> Json:
    interval = None if found.interval is None else dataclasses.asdict(found.interval)
    return {"value": found.value, "interval": interval, "p": found.p, "count": found.count}


def _family_rows(averages: Mapping[str, Answers]) -> list[Json]:
    """Return the first-line scores of each family, worst first, in the group that it has in the first run."""
    names = ("as-it-was", HEADLINE_BASELINE, "self-instruct")
    first = [tuple(answer for answer in averages[name] if answer.prompt.startswith("1/")) for name in names]
    return [
        {
            "family": family.name,
            "group": family.group,
            "prompts": family.prompts,
            **dict(zip(names, family.scores, strict=True)),
        }
        for family in scores_by_family(first)
    ]


def _failed(results: DemoResults) -> list[str]:
    """Name the models that could not be finetuned or asked, and the report if it could not be written."""
    names = [seeded.name for seeded in results.models if seeded.name not in results.answers]
    return names if results.has_report else [*names, "report"]
