"""Scores of answers: means and differences with intervals over families, the spread over runs and finetuning seeds."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bootstruct.evaluation.intervals import Difference, Interval, mean_interval, paired_difference
from bootstruct.novelty.rouge import rouge_l
from bootstruct.pocket.demo.evaluation_data import belongs

Json = dict[str, Any]
Measure = Literal["whole", "first_line", "exact"]


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """The scores of one answer, each from 0 to 100.

    Attributes:
        prompt: the id of the prompt.
        family: the family of the task.
        group: the group of the family, once it is known of which run (`in_run`).
        whole: ROUGE-L (with the stemmer) of the whole answer.
        first_line: ROUGE-L of its first line.
        exact: exact match of its first line.
    """

    prompt: str
    family: str
    group: str
    whole: float
    first_line: float
    exact: float


@dataclass(frozen=True, slots=True)
class MeanWithInterval:
    """A mean over prompts, with a 95% interval over families.

    Attributes:
        value: the mean.
        interval: the interval; None for fewer than five families.
        count: the number of prompts, each counted once for each run.
        families: the number of families.
    """

    value: float
    interval: Interval | None
    count: int
    families: int


def score_answers(predictions: Iterable[Json], rows: Sequence[Json]) -> tuple[ScoredAnswer, ...]:
    """Score predictions.

    Args:
        predictions: rows with `id`, `response` and `target`.
        rows: the evaluation prompts; predictions of others are left out.

    Returns:
        The scores in the order of `rows`.
    """
    by_id = {row["id"]: row for row in rows}
    scored = {}
    for prediction in predictions:
        row = by_id.get(prediction["id"])
        if row is None:
            continue
        text = prediction["response"].strip()
        line = text.split("\n", 1)[0].strip()
        whole, first_line = (
            100 * rouge_l(prediction["target"], answer, tokenizer="rouge-stemmed") for answer in (text, line)
        )
        exact = 100.0 * (line == prediction["target"].strip())
        scored[row["id"]] = ScoredAnswer(row["id"], row["family"], "", whole, first_line, exact)
    return tuple(scored[row["id"]] for row in rows if row["id"] in scored)


def average_seeds(runs: Sequence[Sequence[ScoredAnswer]]) -> tuple[ScoredAnswer, ...]:
    """Average the scores of each prompt over models that differ in their finetuning seed only.

    Prompts that not all of them answered are left out.
    """
    by_prompt = [{answer.prompt: answer for answer in run} for run in runs]
    averages = []
    for first in runs[0] if runs else ():
        answers = [run[first.prompt] for run in by_prompt if first.prompt in run]
        if len(answers) == len(runs):
            means = [
                statistics.fmean(getattr(answer, name) for answer in answers)
                for name in ("whole", "first_line", "exact")
            ]
            averages.append(ScoredAnswer(first.prompt, first.family, first.group, *means))
    return tuple(averages)


def in_run(answers: Iterable[ScoredAnswer], generation: int, groups: Mapping[str, str]) -> tuple[ScoredAnswer, ...]:
    """Return answers as those of one run: each prompt is named with the run, each family has the group that it has there.

    Args:
        answers: the answers.
        generation: the number of the run.
        groups: the groups of the families in this run.
    """
    return tuple(
        replace(answer, prompt=f"{generation}/{answer.prompt}", group=groups[answer.family]) for answer in answers
    )


def mean_of(answers: Iterable[ScoredAnswer], measure: Measure, group: str | None = None) -> MeanWithInterval:
    """Return the mean of one measure.

    Args:
        answers: the answers.
        measure: which score.
        group: only families that belong to it (`evaluation_data.belongs`); None for all.
    """
    chosen = [answer for answer in answers if belongs(answer.family, answer.group, group)]
    points = [getattr(answer, measure) / 100 for answer in chosen]
    families = [answer.family for answer in chosen]
    value = 100 * statistics.fmean(points) if points else 0.0
    return MeanWithInterval(value, mean_interval(points, families, 100.0), len(points), len(set(families)))


def difference(lower: Sequence[ScoredAnswer], higher: Sequence[ScoredAnswer], group: str | None = None) -> Difference:
    """Return how much better `higher` answers the prompts that both have: first lines, with families as the unit.

    Args:
        lower: the answers to compare with.
        higher: the answers that are expected to be better.
        group: only families that belong to it (`evaluation_data.belongs`); None for all.
    """
    other = {answer.prompt: answer for answer in higher}
    both = [answer for answer in lower if answer.prompt in other and belongs(answer.family, answer.group, group)]
    return paired_difference(
        [answer.first_line for answer in both],
        [other[answer.prompt].first_line for answer in both],
        [answer.family for answer in both],
    )


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """The scores of one model on several runs and with several finetuning seeds.

    Attributes:
        single: the mean score of each, by name; None if that finetuning failed.
        mean: their mean; None if all failed.
        deviation: their standard deviation; None for fewer than two.
    """

    single: Mapping[str, float | None]
    mean: float | None
    deviation: float | None


def seed_spread(single: Mapping[str, float | None]) -> SeedSpread:
    """Return the mean and the standard deviation over runs and finetuning seeds."""
    values = [value for value in single.values() if value is not None]
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return SeedSpread(dict(single), statistics.fmean(values) if values else None, deviation)


@dataclass(frozen=True, slots=True)
class FamilyScore:
    """The mean first-line scores of some models on one family of tasks, in the order of the models."""

    name: str
    group: str
    prompts: int
    scores: tuple[float, ...]


def scores_by_family(models: Sequence[Sequence[ScoredAnswer]]) -> list[FamilyScore]:
    """Return the scores of every family, worst first by the last model's score."""
    groups = {answer.family: answer.group for model in models for answer in model}
    rows = []
    for name, group in groups.items():
        own = [[answer.first_line for answer in model if answer.family == name] for model in models]
        scores = tuple(statistics.fmean(values) if values else 0.0 for values in own)
        rows.append(FamilyScore(name, group, len(own[-1]), scores))
    return sorted(rows, key=lambda row: (row.scores[-1], row.name))
