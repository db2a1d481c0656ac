"""Agreement between raters (people, judges) on the same answers, and of automatic scores with people's ratings."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bootstruct.evaluation.agreement import cohens_kappa, kendall, krippendorff, spearman
from bootstruct.evaluation.compare import AnswerSource
from bootstruct.evaluation.intervals import Interval, resampled
from bootstruct.evaluation.predictions import read_predictions
from bootstruct.evaluation.ratings import Rating
from bootstruct.evaluation.scorecard import bracket, table_lines
from bootstruct.evaluation.scores import points_of
from bootstruct.io.accounts import RowAccount

Statistic = Callable[[ArrayLike, ArrayLike], float]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A figure between -1 and 1 over `count` answers; None if it is not defined. Interval: bootstrap over tasks."""

    value: float | None
    interval: Interval | None
    count: int

    def in_words(self) -> str:
        """The coefficient with its interval, as text."""
        return "-" if self.value is None else f"{self.value:.2f}{bracket(self.interval, 2)}"


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Two raters on the answers that both have rated.

    Attributes:
        kind: `people`, `person and judge` or `judges`.
    """

    first: str
    second: str
    kind: str
    kappa: Coefficient
    kappa_acceptable: Coefficient
    spearman: Coefficient
    kendall: Coefficient
    equal: float


@dataclass(frozen=True, slots=True)
class MultiRaterAgreement:
    """Krippendorff's alpha of several raters at once: the four levels in order, unordered, and A/B against C/D."""

    who: str
    raters: int
    ordinal: Coefficient
    nominal: Coefficient
    acceptable: Coefficient


@dataclass(frozen=True, slots=True)
class ScoreCorrelation:
    """How one automatic score agrees with people's ratings (the mean of several people's); `level` names the cases."""

    score: str
    level: str
    spearman: Coefficient
    kendall: Coefficient


@dataclass(frozen=True, slots=True)
class AgreementResult:
    """How far raters agree and how far scores agree with ratings.

    Attributes:
        pairs: every two raters who both rated at least one answer.
        raters: all raters at once.
        correlations: automatic scores against people's ratings.
        accounts: an account of the rows of each file, of ratings and of answers.
    """

    pairs: tuple[RaterAgreement, ...]
    raters: tuple[MultiRaterAgreement, ...]
    correlations: tuple[ScoreCorrelation, ...] = ()
    accounts: tuple[RowAccount, ...] = ()


Answer = tuple[str, str]  # (model, task)


def agreement_of(
    ratings: Sequence[Rating], sources: Sequence[AnswerSource] = (), accounts: Sequence[RowAccount] = ()
) -> AgreementResult:
    """Measure how far raters agree and how far the scores of answers agree with their ratings.

    Args:
        ratings: all ratings.
        sources: answers to score.
        accounts: an account of the rows of the files of ratings.

    Raises:
        InputError: a file of answers cannot be read.
    """
    read = list(accounts)
    follow = correlations(_scores(sources, read), ratings) if sources else []
    return AgreementResult(tuple(agreements(ratings)), tuple(all_raters(ratings)), tuple(follow), tuple(read))


def _scores(sources: Sequence[AnswerSource], accounts: list[RowAccount]) -> dict[str, dict[Answer, float]]:
    """Return a table from answer to score, by the name of the score."""
    tables: dict[str, dict[Answer, float]] = {}
    for source in sources:
        loaded = read_predictions(source.path)
        accounts.append(loaded.account)
        predictions = loaded.predictions
        for cut, words in (("raw", "raw"), ("paragraph", "to the first blank line")):
            for prediction, point in zip(predictions, points_of(predictions, cut), strict=True):
                answer = (source.name, prediction.instance)
                tables.setdefault(f"ROUGE-L, {words}", {})[answer] = point.rouge_l
                tables.setdefault(f"exact match, {words}", {})[answer] = point.exact_match
    return tables


def agreements(ratings: Sequence[Rating]) -> list[RaterAgreement]:
    """Every pair of raters who both rated at least one answer."""
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
) -> RaterAgreement:
    judges = first.startswith("judge:") + second.startswith("judge:")
    tasks = [task for _, task in answers]
    return RaterAgreement(
        first,
        second,
        ("people", "person and judge", "judges")[judges],
        _figure(cohens_kappa, a, b, tasks),
        _figure(cohens_kappa, a >= 2, b >= 2, tasks),
        _figure(spearman, a, b, tasks),
        _figure(kendall, a, b, tasks),
        float(np.mean(a == b)),
    )


def _figure(statistic: Statistic, a: ArrayLike, b: ArrayLike, tasks: Sequence[str]) -> Coefficient:
    left, right = np.asarray(a), np.asarray(b)
    value = statistic(left, right)
    if math.isnan(value):
        return Coefficient(None, None, len(left))
    return Coefficient(value, resampled(lambda rows: statistic(left[rows], right[rows]), tasks), len(left))


def all_raters(ratings: Sequence[Rating]) -> list[MultiRaterAgreement]:
    """Alpha of the people (if there are at least two), and of people and judges together."""
    people = [rating for rating in ratings if not rating.by_judge]
    found = []
    for who, group in (("people", people), ("people and judges", list(ratings))):
        raters = {entry.rater for entry in group}
        if len(raters) >= 2 and (who == "people" or len(group) > len(people)):
            found.append(_all_raters(who, group))
    return found


def _all_raters(who: str, ratings: Sequence[Rating]) -> MultiRaterAgreement:
    tables = _by_rater(ratings)
    answers = sorted({answer for table in tables.values() for answer in table})
    values = np.array(
        [[r.value if (r := table.get(answer)) else math.nan for answer in answers] for table in tables.values()]
    )
    two = np.where(np.isnan(values), math.nan, values >= 2)
    tasks = [task for _, task in answers]

    def alpha(table: NDArray[np.float64], ordinal: bool) -> Coefficient:
        scale = "ordinal" if ordinal else "nominal"
        value = krippendorff(table, scale)  # type: ignore[arg-type]
        if math.isnan(value):
            return Coefficient(None, None, len(answers))
        interval = resampled(lambda rows: krippendorff(table[:, rows], scale), tasks)  # type: ignore[arg-type]
        return Coefficient(value, interval, len(answers))

    return MultiRaterAgreement(who, len(tables), alpha(values, True), alpha(values, False), alpha(two, False))


def _by_rater(ratings: Sequence[Rating]) -> dict[str, dict[Answer, Rating]]:
    tables: dict[str, dict[Answer, Rating]] = {}
    for rating in ratings:
        tables.setdefault(rating.rater, {})[rating.model, rating.task] = rating
    return tables


def correlations(
    scores: Mapping[str, Mapping[Answer, float]], ratings: Sequence[Rating], whose: str = "people"
) -> list[ScoreCorrelation]:
    """How automatic scores agree with ratings.

    Four levels: all answers; within each task, across models, averaged over the tasks where both sides differ; each
    model's tasks; the models' means.

    Args:
        scores: by name (`ROUGE-L`), then by answer.
    """
    means: dict[Answer, list[int]] = {}
    for rating in ratings:
        if whose == "all" or not rating.by_judge:
            means.setdefault((rating.model, rating.task), []).append(rating.value)
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
) -> Iterator[ScoreCorrelation]:
    models, tasks = np.array([model for model, _ in answers]), np.array([task for _, task in answers])

    def correlation(level: str, rows: NDArray[np.bool_]) -> ScoreCorrelation:
        named = list(tasks[rows])
        both = (_figure(value, x[rows], y[rows], named) for value in (spearman, kendall))
        return ScoreCorrelation(name, level, *both)

    yield correlation("all answers", np.ones(len(x), dtype=np.bool_))
    yield ScoreCorrelation(
        name, "per task (mean over tasks)", *(_within(value, tasks, x, y) for value in (spearman, kendall))
    )
    for model in sorted(set(models)):
        yield correlation(f"tasks of {model}", models == model)
    known = sorted(set(models))
    if len(known) >= 2:
        means = [np.array([side[models == model].mean() for model in known]) for side in (x, y)]
        values = (value(*means) for value in (spearman, kendall))
        yield ScoreCorrelation(name, "per model (means)", *(Coefficient(_defined(v), None, len(known)) for v in values))


def _within(
    statistic: Statistic, tasks: NDArray[np.str_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> Coefficient:
    values = [statistic(x[tasks == task], y[tasks == task]) for task in sorted(set(tasks))]
    defined = np.array([value for value in values if not math.isnan(value)])
    if not len(defined):
        return Coefficient(None, None, 0)
    interval = resampled(lambda rows: float(defined[rows].mean()), range(len(defined)))
    return Coefficient(float(defined.mean()), interval, len(defined))


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def to_row(
    found: Sequence[RaterAgreement], several: Sequence[MultiRaterAgreement], follow: Sequence[ScoreCorrelation]
) -> dict[str, Any]:
    """All of it as plain JSON values."""
    return {
        "pairs": [asdict(agreement) for agreement in found],
        "all_raters": [asdict(raters) for raters in several],
        "scores_and_ratings": [asdict(entry) for entry in follow],
    }


def markdown(
    found: Sequence[RaterAgreement], several: Sequence[MultiRaterAgreement], follow: Sequence[ScoreCorrelation]
) -> str:
    """All of it as Markdown tables; brackets hold 95% intervals by bootstrap over tasks."""
    lines: list[str] = []
    if found:
        lines += ["### Agreement of two raters", ""]
        head = ["raters", "kind", "answers", "equal", "kappa, 4 levels", "kappa, A/B : C/D", "Spearman", "Kendall"]
        rows = []
        for agreement in found:
            figures = [
                f.in_words()
                for f in (agreement.kappa, agreement.kappa_acceptable, agreement.spearman, agreement.kendall)
            ]
            pair = f"{agreement.first}, {agreement.second}"
            rows.append([pair, agreement.kind, agreement.kappa.count, f"{100 * agreement.equal:.0f}%", *figures])
        rows.append(["the paper's two raters (published)", "people", "", "", "0.58", "0.75", "0.81", ""])
        lines += [*table_lines(head, rows), ""]
    if several:
        lines += ["### Agreement of all raters (Krippendorff's alpha)", ""]
        head = ["who", "raters", "answers", "4 levels, ordered", "4 levels, unordered", "A/B : C/D"]
        rows = [
            [s.who, s.raters, s.ordinal.count, s.ordinal.in_words(), s.nominal.in_words(), s.acceptable.in_words()]
            for s in several
        ]
        lines += [*table_lines(head, rows), ""]
    if follow:
        lines += ["### Automatic scores against ratings", ""]
        rows = [[f.score, f.level, f.spearman.count, f.spearman.in_words(), f.kendall.in_words()] for f in follow]
        lines += [*table_lines(["score", "over", "count", "Spearman", "Kendall"], rows), ""]
    return "\n".join(lines or ["No answer was rated twice.", ""])
