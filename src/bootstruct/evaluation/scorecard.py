"""The scores of one model, raw and cut side by side, and the number of instances that they cover."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bootstruct.evaluation.cases import SHOWN, Problem
from bootstruct.evaluation.intervals import Interval
from bootstruct.evaluation.scores import (
    CUTS,
    MeanScore,
    Prediction,
    PredictionScore,
    Scorer,
    ScoreTable,
    is_unseen,
    points_of,
    table_of,
)
from bootstruct.io.accounts import RowAccount
from bootstruct.novelty.rouge import unicode_tokens

UNSEEN: Final = "answers or references without a word that the official ROUGE-L reads (it reads only a-z and 0-9)"
CUT_WORDS: Mapping[str, str] = {"raw": "raw", "paragraph": "to the first blank line", "sentence": "first sentence"}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Tables and points by cut (`raw`, `paragraph`, `sentence`); points are in the order of `predictions`.

    Attributes:
        expected: the number of expected instances, None if it is not known.
        accounts: an account of the rows of the files that were read for it.
        unicode_tables: by cut, ROUGE-L over the words of every script, if requested; not an official score.
    """

    name: str
    predictions: tuple[Prediction, ...]
    expected: int | None
    problems: tuple[Problem, ...]
    points: Mapping[str, Sequence[PredictionScore]]
    tables: Mapping[str, ScoreTable]
    accounts: tuple[RowAccount, ...] = ()
    unicode_tables: Mapping[str, ScoreTable] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Predictions scored."""
        return len(self.predictions)

    def over(self) -> str:
        """The number of instances that the scores cover, in words."""
        if self.expected is None:
            return f"{self.count:,} instances (whether any is missing cannot be known: no tasks were given)"
        return f"{self.count:,} of {self.expected:,} instances"


def score(
    predictions: Sequence[Prediction],
    expected: int | None,
    problems: Sequence[Problem],
    name: str = "",
    with_unicode: bool = False,
) -> Scorecard:
    """All means of a model's predictions.

    Args:
        predictions: the predictions.
        expected: the number of expected instances, None if it is not known.
        problems: the faults that were found while the predictions were read.
        name: of the model.
        with_unicode: whether ROUGE-L over the words of every script is computed beside the official one.
    """
    points = _points(predictions, Scorer())
    tables = {cut: table_of(predictions, found) for cut, found in points.items()}
    unicode = _points(predictions, Scorer(unicode_tokens)) if with_unicode else {}
    by_unicode = {cut: table_of(predictions, found) for cut, found in unicode.items()}
    found = (*problems, *_unseen(predictions))
    return Scorecard(name, tuple(predictions), expected, found, points, tables, unicode_tables=by_unicode)


def _points(predictions: Sequence[Prediction], scorer: Scorer) -> dict[str, list[PredictionScore]]:
    points: dict[str, list[PredictionScore]] = {"raw": points_of(predictions, "raw", scorer)}
    for cut, shorten in CUTS.items():
        if cut != "raw":
            points[cut] = [
                whole
                if (text := shorten(prediction.text)) == prediction.text
                else scorer.point(text, prediction.references)
                for prediction, whole in zip(predictions, points["raw"], strict=True)
            ]
    return points


def _unseen(predictions: Sequence[Prediction]) -> Iterator[Problem]:
    """Predictions of which the official ROUGE-L reads nothing: their answer, or all their references."""
    unseen = [p for p in predictions if is_unseen(p.text) or all(map(is_unseen, p.references))]
    if unseen:
        yield Problem(
            UNSEEN,
            len(unseen),
            tuple(f"{prediction.task} {prediction.instance}".strip() for prediction in unseen[:SHOWN]),
            "their ROUGE-L is 0 even for a right answer; `evaluate score --tokenizer unicode` counts words of every script",
        )


def to_row(scored: Scorecard) -> dict[str, Any]:
    """The scores as plain JSON values; those over the words of every script, if requested, are in `unicode`."""
    row: dict[str, Any] = {"model": scored.name, "scored": scored.count, "expected": scored.expected}
    row["problems"] = [asdict(problem) for problem in scored.problems]
    row |= {cut: _table_row(table) for cut, table in scored.tables.items()}
    if scored.unicode_tables:
        row["unicode"] = {cut: _table_row(table) for cut, table in scored.unicode_tables.items()}
    return row


def _table_row(table: ScoreTable) -> dict[str, Any]:
    return {
        "overall": _mean_row(table.overall),
        "categories": {name: _mean_row(mean) for name, mean in table.categories.items()},
        "tasks": {name: _mean_row(mean) for name, mean in table.tasks.items()},
    }


def _mean_row(mean: MeanScore) -> dict[str, Any]:
    row = {key: value for key, value in asdict(mean).items() if value not in (None, "")}
    for key in ("rouge_l_interval", "exact_match_interval"):
        if key in row:
            row[key] = [row[key]["low"], row[key]["high"]]
    return row


def markdown(scored: Scorecard, by_task: bool = False) -> str:
    """The scores as Markdown: overall raw and cut side by side, then by category, and by task if requested."""
    return "\n".join(_lines(scored, by_task))


def _lines(scored: Scorecard, by_task: bool) -> Iterator[str]:
    tasks = scored.tables["raw"].overall.tasks
    yield f"## {scored.name or 'scores'}"
    yield ""
    yield f"These scores cover {scored.over()}, {tasks:,} tasks. In brackets: 95% intervals over tasks."
    for problem in scored.problems:
        yield f"- {problem.in_words()}"
    yield ""
    yield from _table(scored.tables, scored.count, ("ROUGE-L", "exact match"), by_task)
    if scored.unicode_tables:
        yield ""
        yield "Beside the official scores, ROUGE-L over the words of every script:"
        yield ""
        yield from _table(scored.unicode_tables, scored.count, ("ROUGE-L (unicode)",), by_task)


def _table(tables: Mapping[str, ScoreTable], count: int, metrics: Sequence[str], by_task: bool) -> Iterator[str]:
    """A table of one or two metrics, each raw and cut, by category, and by task if requested."""
    heads = [f"{metric}, {CUT_WORDS[cut]}" for metric in metrics for cut in CUTS]

    def row(name: str, count: int, means: Sequence[MeanScore]) -> list[object]:
        return [name, count, *_cells(means)[: len(heads)]]

    rows = [row("overall", count, [tables[cut].overall for cut in CUTS])]
    for name, mean in tables["raw"].categories.items():
        mark = {"rouge_l": " (ROUGE-L)", "exact_match": " (exact match)"}.get(mean.headline, "")
        rows.append(row(f"{name}{mark}", mean.count, [tables[cut].categories[name] for cut in CUTS]))
    if len(rows) == 2:
        rows.pop()  # one category alone says the same again
    yield from table_lines(["", "instances", *heads], rows)
    if by_task:
        yield ""
        tasks = tables["raw"].tasks
        shown = [row(name, mean.count, [tables[cut].tasks[name] for cut in CUTS]) for name, mean in tasks.items()]
        yield from table_lines(["task", "instances", *heads], shown)


def _cells(means: Sequence[MeanScore]) -> list[str]:
    rouge = [f"{mean.rouge_l:.4f}{bracket(mean.rouge_l_interval)}" for mean in means]
    return rouge + [f"{mean.exact_match:.4f}{bracket(mean.exact_match_interval)}" for mean in means]


def bracket(interval: Interval | None, digits: int = 1) -> str:
    """` [low, high]`, or nothing."""
    return "" if interval is None else f" [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def table_lines(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A Markdown table with padded columns, so that it is also readable as plain text."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, *rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    right = [n > 0 for n in range(len(head))]

    def line(row: Sequence[str]) -> str:
        shown = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        return f"| {' | '.join(shown)} |"

    yield line(cells[0])
    yield "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
    for row in cells[1:]:
        yield line(row)
