"""`bootstruct select`: from a run or files to the chosen rows, each with a column that explains the choice."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.embeddings.embedder import embedded, open_embedder
from bootstruct.errors import InputError
from bootstruct.export.formats import alpaca_object
from bootstruct.export.rows import training_rows
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import STDIN, read_rows
from bootstruct.io.shapes import ShapeError, TaskRow, read_task_row
from bootstruct.io.tasks import require_used
from bootstruct.journal.state import State
from bootstruct.selection.rules import (
    QUALITIES,
    RULES,
    Choice,
    Floats,
    RuleInputs,
    SelectableRow,
    SelectionRule,
    choose,
)

COLUMN: Final = "selection"  # the column that explains a choice
PLAIN: Final = ("", "none")
Json = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """How rows are chosen; see `bootstruct.select`."""

    size: int
    by: SelectionRule = "random"
    per: str | None = None
    quality: str | None = None
    grade: str | None = None
    model: str | None = None
    embed: str | None = None
    base_url: str | None = None
    embeddings: Path | None = None
    seed: int = 0
    fields: Mapping[str, str] | None = None

    def check(self) -> None:
        """Raise InputError if options are unknown or do not fit together."""
        if self.by not in RULES:
            raise InputError(f"--by {self.by}: unknown; use one of {', '.join(RULES)}.")
        if self.size < 1:
            raise InputError(f"--size {self.size}: choose at least one row.")
        if (self.quality is not None) != (self.by == "mixture") or self.quality not in (None, *QUALITIES):
            raise InputError(f"--by mixture takes --quality {', '.join(QUALITIES)}, and no other rule does.")
        kind = self.quality or self.by
        if kind == "grade" and not self.grade:
            raise InputError("--by grade needs the name of the field with the grades, as in --grade score.")
        if kind in ("perplexity", "ifd") and not self.model:
            raise InputError(f"--by {kind} needs a small model, as in --model hf/./SmolLM2-135M, or --model pocket.")
        if self.by in ("k-center", "mixture") and not self.embed:
            raise InputError(f"--by {self.by} needs a model of embeddings, as in --embed hf/./all-MiniLM-L6-v2.")


@dataclass(slots=True)
class SelectionResult:
    """The result of a choice.

    Attributes:
        rows: the chosen rows in the order of the input, each with the column `selection`: rank, rule, score, and why.
        available: how many rows there were to choose from.
        groups: chosen rows by group.
        accounts: an account of the rows of each file.
    """

    rows: list[Json]
    available: int
    groups: dict[str, int]
    accounts: list[RowAccount] = field(default_factory=list)


def select_rows(
    sources: Sequence[Path | State], options: SelectionOptions, tell: Tell = lambda step: None
) -> SelectionResult:
    """Choose rows of files and runs.

    Args:
        sources: files, or the states of runs.
        options: the options of the choice.
        tell: called with a line about the current step.

    Raises:
        InputError: a file cannot be read, options do not fit, or there are fewer rows than requested.
        EngineUnavailableError: a model cannot be loaded or reached.
    """
    options.check()
    accounts = [RowAccount(str(source)) if isinstance(source, Path) else RowAccount("run") for source in sources]
    tell("reading")
    read = list(
        itertools.chain.from_iterable(_rows(*pair, options.fields) for pair in zip(sources, accounts, strict=True))
    )
    rows = [row for row, _ in read]
    available = [
        SelectableRow(place, task.instruction, "\n".join(given), "\n".join(outputs), _group(row, task, options.per))
        for place, (row, task) in enumerate(read)
        for given, outputs in [_texts(task)]
    ]

    def perplexities(every: Sequence[SelectableRow]) -> tuple[Floats, Floats]:
        from bootstruct.selection.likelihood import perplexities as of

        return of(every, options.model or "", lambda done, count: tell(f"likelihoods: {done:,} of {count:,}"))

    def grades(every: Sequence[SelectableRow]) -> Floats:
        return np.array([_grade(rows[one.place], options.grade or "") for one in every])

    def vectors(every: Sequence[SelectableRow]) -> NDArray[np.float32]:
        model = open_embedder(options.embed or "", options.base_url)
        texts = ["\n".join(part for part in (one.instruction, one.input) if part) for one in every]
        return embedded(texts, model, options.embeddings, lambda done, of: tell(f"embeddings: {done:,} of {of:,}"))

    inputs = RuleInputs(perplexities, grades, vectors)
    chosen = choose(available, options.size, options.by, inputs, options.quality or "ifd", options.seed)
    explained = {choice.place: _explained(rank, choice, options.by) for rank, choice in enumerate(chosen, 1)}
    groups: dict[str, int] = {}
    for choice in chosen if options.per else ():
        name = available[choice.place].group
        groups[name] = groups.get(name, 0) + 1
    kept = [rows[place] | {COLUMN: explained[place]} for place in sorted(explained)]
    return SelectionResult(kept, len(available), groups, accounts)


def _rows(
    source: Path | State, account: RowAccount, fields: Mapping[str, str] | None
) -> Iterator[tuple[Json, TaskRow]]:
    """The rows of a source that contain a task."""
    if isinstance(source, State):
        every: Iterator[tuple[int, Json]] = (
            (number, alpaca_object(row) | {"is_classification": row.is_classification})
            for number, row in enumerate(training_rows(source), 1)
        )
        every = ((number, row) for number, row in _counted(every, account))
    else:
        if source != STDIN and not source.exists():
            raise InputError(f"{source}: no such file or folder; name a run, or a file of instruction data.")
        every = read_rows(source, "keep", True, account, columns=(fields or {}).values())
    for number, row in every:
        try:
            task = read_task_row(row, fields)
        except ShapeError as exc:
            account.leave_out(number, exc.reason, str(exc))
            continue
        account.use(task.shape_name, task.notes)
        yield row, task
    require_used(account, bool(fields))


def _counted(rows: Iterator[tuple[int, Json]], account: RowAccount) -> Iterator[tuple[int, Json]]:
    for number, row in rows:
        account.read += 1
        yield number, row


def _texts(task: TaskRow) -> tuple[list[str], list[str]]:
    """Inputs and outputs of a row; for a chat, the answers, and the turns of the user after the first."""
    if task.messages:
        users = [turn.content for turn in task.messages if turn.role == "user"]
        return users[1:], [turn.content for turn in task.messages if turn.role == "assistant"]
    pairs = task.pairs
    return [given for given, _ in pairs if given], [output for _, output in pairs if output]


def _group(row: Json, task: TaskRow, per: str | None) -> str:
    if per is None:
        return ""
    if per == "type":
        return {True: "classification", False: "other", None: "of no known type"}[task.is_classification]
    value = row.get(per)
    return f"{per} {value}" if isinstance(value, str | int | float) and str(value).strip() else f"without {per}"


def _grade(row: Json, name: str) -> float:
    """The grade in a field of a row; nan if there is none."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    try:
        return (
            float(value)
            if not isinstance(value, bool) and value is not None and math.isfinite(float(value))
            else math.nan
        )
    except (TypeError, ValueError):
        return math.nan


def _explained(rank: int, choice: Choice, by: str) -> Json:
    score = None if choice.score is None or not math.isfinite(choice.score) else round(choice.score, 6)
    return {"rank": rank, "by": by, "score": score, "why": choice.why}
