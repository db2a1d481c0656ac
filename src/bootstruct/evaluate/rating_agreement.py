"""Agreement between raters (people, judges) on the same answers, and of automatic scores with people's ratings."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bootstruct.evaluate.agreement import cohens_kappa, kendall, krippendorff, spearman
from bootstruct.evaluate.intervals import Interval, resampled
from bootstruct.evaluate.ratings import Rating
from bootstruct.evaluate.scorecard import bracket, table_lines

Statistic = Callable[[ArrayLike, ArrayLike], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure between -1 and 1 over `count` answers; None where it is not defined. Interval: bootstrap over tasks."""

    value: float | None
    interval: Interval | None
    count: int

    def told(self) -> str:
        return "-" if self.value is None else f"{self.value:.2f}{bracket(self.interval, 2)}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters on the answers both have rated. kind: `people`, `person and judge` or `judges`."""

    first: str
    second: str
    kind: str
    kappa: Figure
    kappa_acceptable: Figure
    spearman: Figure
    kendall: Figure
    equal: float


@dataclass(frozen=True, slots=True)
class AllRaters:
    """Krippendorff's alpha of several raters at once: the four levels in order, unordered, and A/B against C/D."""

    who: str
    raters: int
    ordinal: Figure
    nominal: Figure
    acceptable: Figure


@dataclass(frozen=True, slots=True)
class Correlation:
    """How one automatic score follows people's ratings (the mean of several people's): `level` says over what."""

    score: str
    level: str
    spearman: Figure
    kendall: Figure


Answer = tuple[str, str]  # (model, task)


def agreements(ratings: Sequence[Rating]) -> list[Agreement]:
    """Every pair of raters that rated at least one answer both."""
    tables = _by_rater(ratings)
    found = []
    for first, second in combinations(sorted(tables), 2):
        both = sorted(tables[first].keys() & tables[second].keys())
        if both:
            a, b = ([tables[rater][answer] for answer in both] for rater in (first, second))
            found.append(
                _agreement(first, second, np.array([r.value for r in a]), np.array([r.value for r in b]), both)
            )
    return found


def _agreement(
    first: str, second: str, a: NDArray[np.int64], b: NDArray[np.int64], answers: Sequence[Answer]
) -> Agreement:
    judges = first.startswith("judge:") + second.startswith("judge:")
    tasks = [task for _, task in answers]
    return Agreement(
        first,
        second,
        ("people", "person and judge", "judges")[judges],
        _figure(cohens_kappa, a, b, tasks),
        _figure(cohens_kappa, a >= 2, b >= 2, tasks),
        _figure(spearman, a, b, tasks),
        _figure(kendall, a, b, tasks),
        float(np.mean(a == b)),
    )


def _figure(statistic: Statistic, a: ArrayLike, b: ArrayLike, tasks: Sequence[str]) -> Figure:
    left, right = np.asarray(a), np.asarray(b)
    value = statistic(left, right)
    if math.isnan(value):
        return Figure(None, None, len(left))
    return Figure(value, resampled(lambda rows: statistic(left[rows], right[rows]), tasks), len(left))


def all_raters(ratings: Sequence[Rating]) -> list[AllRaters]:
    """Alpha of the people (where there are at least two), and of people and judges together."""
    people = [each for each in ratings if not each.by_judge]
    found = []
    for who, group in (("people", people), ("people and judges", list(ratings))):
        raters = {each.rater for each in group}
        if len(raters) >= 2 and (who == "people" or len(group) > len(people)):
            found.append(_all_raters(who, group))
    return found


def _all_raters(who: str, ratings: Sequence[Rating]) -> AllRaters:
    tables = _by_rater(ratings)
    answers = sorted({answer for table in tables.values() for answer in table})
    values = np.array(
        [[r.value if (r := table.get(answer)) else math.nan for answer in answers] for table in tables.values()]
    )
    two = np.where(np.isnan(values), math.nan, values >= 2)
    tasks = [task for _, task in answers]

    def alpha(table: NDArray[np.float64], ordinal: bool) -> Figure:
        scale = "ordinal" if ordinal else "nominal"
        value = krippendorff(table, scale)  # type: ignore[arg-type]
        if math.isnan(value):
            return Figure(None, None, len(answers))
        interval = resampled(lambda rows: krippendorff(table[:, rows], scale), tasks)  # type: ignore[arg-type]
        return Figure(value, interval, len(answers))

    return AllRaters(who, len(tables), alpha(values, True), alpha(values, False), alpha(two, False))


def _by_rater(ratings: Sequence[Rating]) -> dict[str, dict[Answer, Rating]]:
    tables: dict[str, dict[Answer, Rating]] = {}
    for each in ratings:
        tables.setdefault(each.rater, {})[each.model, each.task] = each
    return tables


def correlations(
    scores: Mapping[str, Mapping[Answer, float]], ratings: Sequence[Rating], whose: str = "people"
) -> list[Correlation]:
    """How automatic scores follow ratings. scores: by name (`ROUGE-L`), then by answer.

    Four levels: all answers; within each task, across models, averaged over the tasks where both sides differ; each
    model's tasks; the models' means.
    """
    means: dict[Answer, list[int]] = {}
    for each in ratings:
        if whose == "all" or not each.by_judge:
            means.setdefault((each.model, each.task), []).append(each.value)
    found = []
    for name, table in scores.items():
        both = sorted(table.keys() & means.keys())
        if both:
            x = np.array([table[answer] for answer in both])
            y = np.array([np.mean(means[answer]) for answer in both])
            found += list(_levels(name, both, x, y))
    return found


def _levels(
    name: str, answers: Sequence[Answer], x: NDArray[np.float64], y: NDArray[np.float64]
) -> Iterator[Correlation]:
    models, tasks = np.array([model for model, _ in answers]), np.array([task for _, task in answers])

    def correlation(level: str, rows: NDArray[np.bool_]) -> Correlation:
        named = list(tasks[rows])
        both = (_figure(each, x[rows], y[rows], named) for each in (spearman, kendall))
        return Correlation(name, level, *both)

    yield correlation("all answers", np.ones(len(x), dtype=np.bool_))
    yield Correlation(name, "per task (mean over tasks)", *(_within(each, tasks, x, y) for each in (spearman, kendall)))
    for model in sorted(set(models)):
        yield correlation(f"tasks of {model}", models == model)
    known = sorted(set(models))
    if len(known) >= 2:
        means = [np.array([side[models == model].mean() for model in known]) for side in (x, y)]
        values = (each(*means) for each in (spearman, kendall))
        yield Correlation(name, "per model (means)", *(Figure(_defined(v), None, len(known)) for v in values))


def _within(statistic: Statistic, tasks: NDArray[np.str_], x: NDArray[np.float64], y: NDArray[np.float64]) -> Figure:
    values = [statistic(x[tasks == task], y[tasks == task]) for task in sorted(set(tasks))]
    defined = np.array([value for value in values if not math.isnan(value)])
    if not len(defined):
        return Figure(None, None, 0)
    interval = resampled(lambda rows: float(defined[rows].mean()), range(len(defined)))
    return Figure(float(defined.mean()), interval, len(defined))


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def to_row(found: Sequence[Agreement], several: Sequence[AllRaters], follow: Sequence[Correlation]) -> dict[str, Any]:
    """All of it as plain JSON values."""
    return {
        "pairs": [asdict(each) for each in found],
        "all_raters": [asdict(each) for each in several],
        "scores_and_ratings": [asdict(each) for each in follow],
    }


def markdown(found: Sequence[Agreement], several: Sequence[AllRaters], follow: Sequence[Correlation]) -> str:
    """All of it as Markdown tables; in brackets 95% intervals by bootstrap over tasks."""
    lines: list[str] = []
    if found:
        lines += ["### Agreement of two raters", ""]
        head = ["raters", "kind", "answers", "equal", "kappa, 4 levels", "kappa, A/B : C/D", "Spearman", "Kendall"]
        rows = []
        for each in found:
            figures = [f.told() for f in (each.kappa, each.kappa_acceptable, each.spearman, each.kendall)]
            pair = f"{each.first}, {each.second}"
            rows.append([pair, each.kind, each.kappa.count, f"{100 * each.equal:.0f}%", *figures])
        rows.append(["the paper's two raters (published)", "people", "", "", "0.58", "0.75", "0.81", ""])
        lines += [*table_lines(head, rows), ""]
    if several:
        lines += ["### Agreement of all raters (Krippendorff's alpha)", ""]
        head = ["who", "raters", "answers", "4 levels, ordered", "4 levels, unordered", "A/B : C/D"]
        rows = [
            [s.who, s.raters, s.ordinal.count, s.ordinal.told(), s.nominal.told(), s.acceptable.told()] for s in several
        ]
        lines += [*table_lines(head, rows), ""]
    if follow:
        lines += ["### Automatic scores against ratings", ""]
        rows = [[f.score, f.level, f.spearman.count, f.spearman.told(), f.kendall.told()] for f in follow]
        lines += [*table_lines(["score", "over", "count", "Spearman", "Kendall"], rows), ""]
    return "\n".join(lines or ["No answer was rated twice.", ""])
