"""The scores of one model, raw and cut side by side, and over how many instances they were computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bootstruct.evaluate.cases import Problem
from bootstruct.evaluate.intervals import Interval
from bootstruct.evaluate.scores import CUTS, Mean, Point, Prediction, Scorer, Table, points_of, table_of

CUT_WORDS: Mapping[str, str] = {"raw": "raw", "paragraph": "to the first blank line", "sentence": "first sentence"}


@dataclass(frozen=True, slots=True)
class Scored:
    """tables and points by cut (`raw`, `paragraph`, `sentence`); points in the order of `predictions`.

    expected: instances there should be, None where nothing says so.
    """

    name: str
    predictions: tuple[Prediction, ...]
    expected: int | None
    problems: tuple[Problem, ...]
    points: Mapping[str, Sequence[Point]]
    tables: Mapping[str, Table]

    @property
    def count(self) -> int:
        return len(self.predictions)

    def over(self) -> str:
        """Over how many instances the scores were computed, in words."""
        if self.expected is None:
            return f"{self.count:,} instances (whether any is missing cannot be known: no tasks were given)"
        return f"{self.count:,} of {self.expected:,} instances"


def score(
    predictions: Sequence[Prediction], expected: int | None, problems: Sequence[Problem], name: str = ""
) -> Scored:
    """All means of a model's predictions."""
    scorer = Scorer()
    points: dict[str, list[Point]] = {"raw": points_of(predictions, "raw", scorer)}
    for cut, shorten in CUTS.items():
        if cut != "raw":
            points[cut] = [
                whole if (text := shorten(each.text)) == each.text else scorer.point(text, each.references)
                for each, whole in zip(predictions, points["raw"], strict=True)
            ]
    tables = {cut: table_of(predictions, found) for cut, found in points.items()}
    return Scored(name, tuple(predictions), expected, tuple(problems), points, tables)


def to_row(scored: Scored) -> dict[str, Any]:
    """The scores as plain JSON values."""
    row: dict[str, Any] = {"model": scored.name, "scored": scored.count, "expected": scored.expected}
    row["problems"] = [asdict(each) for each in scored.problems]
    for cut, table in scored.tables.items():
        row[cut] = {
            "overall": _mean_row(table.overall),
            "categories": {name: _mean_row(mean) for name, mean in table.categories.items()},
            "tasks": {name: _mean_row(mean) for name, mean in table.tasks.items()},
        }
    return row


def _mean_row(mean: Mean) -> dict[str, Any]:
    row = {key: value for key, value in asdict(mean).items() if value not in (None, "")}
    for key in ("rouge_l_interval", "exact_match_interval"):
        if key in row:
            row[key] = [row[key]["low"], row[key]["high"]]
    return row


def markdown(scored: Scored, by_task: bool = False) -> str:
    """The scores as Markdown: overall raw and cut side by side, then by category, and by task where wanted."""
    return "\n".join(_lines(scored, by_task))


def _lines(scored: Scored, by_task: bool) -> Iterator[str]:
    tasks = scored.tables["raw"].overall.tasks
    yield f"## {scored.name or 'scores'}"
    yield ""
    yield f"Computed over {scored.over()}, {tasks:,} tasks. In brackets: 95% intervals by bootstrap over tasks."
    for problem in scored.problems:
        yield f"- {problem.told()}"
    yield ""
    heads = [f"{metric}, {CUT_WORDS[cut]}" for metric in ("ROUGE-L", "exact match") for cut in CUTS]
    rows = [["overall", scored.count, *_cells([scored.tables[cut].overall for cut in CUTS])]]
    for name, mean in scored.tables["raw"].categories.items():
        means = [scored.tables[cut].categories[name] for cut in CUTS]
        mark = {"rouge_l": " (ROUGE-L)", "exact_match": " (exact match)"}.get(mean.headline, "")
        rows.append([f"{name}{mark}", mean.count, *_cells(means)])
    if len(rows) == 2:
        rows.pop()  # one category alone says the same again
    yield from table_lines(["", "instances", *heads], rows)
    if by_task:
        yield ""
        shown = [
            [name, mean.count, *_cells([scored.tables[cut].tasks[name] for cut in CUTS])]
            for name, mean in scored.tables["raw"].tasks.items()
        ]
        yield from table_lines(["task", "instances", *heads], shown)


def _cells(means: Sequence[Mean]) -> list[str]:
    rouge = [f"{mean.rouge_l:.4f}{bracket(mean.rouge_l_interval)}" for mean in means]
    return rouge + [f"{mean.exact_match:.4f}{bracket(mean.exact_match_interval)}" for mean in means]


def bracket(interval: Interval | None, digits: int = 1) -> str:
    """` [low, high]`, or nothing."""
    return "" if interval is None else f" [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def table_lines(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A Markdown table, its columns padded so that it reads well as plain text too."""
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
