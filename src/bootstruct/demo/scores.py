"""From answers to figures: means with standard errors over families, differences, the spread over finetuning seeds."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstruct.demo.prompts import SEEDED, UNSEEDED
from bootstruct.evaluate.intervals import Difference, paired_difference
from bootstruct.stages.rouge import rouge_l

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer's scores, each 0 to 100: ROUGE-L (stemmer) whole and cut at the first line, exact match of the latter."""

    prompt: str
    family: str
    group: str
    whole: float
    first_line: float
    exact: float


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over prompts with its standard error: prompts of one family stand and fall together, so families count.
    error is None for fewer than two families."""

    value: float
    error: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Line:
    """A model's mean over all prompts, over families in some seed, and over those in none."""

    all: Mean
    seeded: Mean
    unseeded: Mean


def answers(predictions: Iterable[Json], rows: Sequence[Json]) -> tuple[Answer, ...]:
    """Scores of predictions (`id`, `response`, `target`) to the prompts in `rows`, in the order of `rows`."""
    asked = {row["id"]: row for row in rows}
    found = {}
    for each in predictions:
        row = asked.get(each["id"])
        if row is None:
            continue
        text = each["response"].strip()
        cut = text.split("\n", 1)[0].strip()
        whole, first = (100 * rouge_l(each["target"], one, tokenizer="rouge-stemmed") for one in (text, cut))
        exact = 100.0 * (cut == each["target"].strip())
        found[row["id"]] = Answer(row["id"], row["family"], row["motivation_app"], whole, first, exact)
    return tuple(found[row["id"]] for row in rows if row["id"] in found)


def averaged(runs: Sequence[Sequence[Answer]]) -> tuple[Answer, ...]:
    """One answer a prompt: its mean over models that differ in their finetuning seed only. Prompts that all have count."""
    by_prompt = [{each.prompt: each for each in run} for run in runs]
    made = []
    for first in runs[0] if runs else ():
        each = [run[first.prompt] for run in by_prompt if first.prompt in run]
        if len(each) == len(runs):
            means = [statistics.fmean(getattr(one, name) for one in each) for name in ("whole", "first_line", "exact")]
            made.append(Answer(first.prompt, first.family, first.group, *means))
    return tuple(made)


def mean(points: Sequence[tuple[str, float]]) -> Mean:
    """The mean of (family, score), and its standard error with families as clusters."""
    if not points:
        return Mean(0.0, None, 0)
    value = statistics.fmean(score for _, score in points)
    residuals: dict[str, float] = {}
    for family, score in points:
        residuals[family] = residuals.get(family, 0.0) + score - value
    count = len(residuals)
    if count < 2:
        return Mean(value, None, len(points))
    spread = sum(each * each for each in residuals.values()) * count / (count - 1)
    return Mean(value, math.sqrt(spread) / len(points), len(points))


def line(found: Sequence[Answer], what: Callable[[Answer], float]) -> Line:
    """The means of one of the scores."""
    points = [(each.family, each.group, what(each)) for each in found]
    return Line(
        mean([(family, score) for family, _, score in points]),
        mean([(family, score) for family, group, score in points if group == SEEDED]),
        mean([(family, score) for family, group, score in points if group == UNSEEDED]),
    )


def first_line(each: Answer) -> float:
    return each.first_line


def whole(each: Answer) -> float:
    return each.whole


def exact(each: Answer) -> float:
    return each.exact


def difference(lower: Sequence[Answer], higher: Sequence[Answer], group: str | None = None) -> Difference:
    """How much better `higher` answers the prompts that both have (first line), with a 95% interval over families."""
    other = {each.prompt: each for each in higher}
    both = [each for each in lower if each.prompt in other and group in (None, each.group)]
    return paired_difference(
        [each.first_line for each in both],
        [other[each.prompt].first_line for each in both],
        [each.family for each in both],
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """The same model with several finetuning seeds: each one's mean (None: it failed), their mean and standard
    deviation (None for fewer than two)."""

    single: Mapping[int, float | None]
    mean: float | None
    deviation: float | None


def spread(single: Mapping[int, float | None]) -> Spread:
    there = [value for value in single.values() if value is not None]
    deviation = statistics.stdev(there) if len(there) > 1 else None
    return Spread(dict(single), statistics.fmean(there) if there else None, deviation)


@dataclass(frozen=True, slots=True)
class Family:
    """One family of tasks: mean first-line scores of some models, in their order."""

    name: str
    group: str
    prompts: int
    scores: tuple[float, ...]


def by_family(models: Sequence[Sequence[Answer]]) -> list[Family]:
    """Every family, worst first by the last model's score."""
    names = {each.family: each.group for model in models for each in model}
    rows = []
    for name, group in names.items():
        own = [[each.first_line for each in model if each.family == name] for model in models]
        scores = tuple(statistics.fmean(one) if one else 0.0 for one in own)
        rows.append(Family(name, group, len(own[-1]), scores))
    return sorted(rows, key=lambda each: (each.scores[-1], each.name))
