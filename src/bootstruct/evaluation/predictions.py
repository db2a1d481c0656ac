"""Prediction files: the official format of Super-NaturalInstructions and that of the paper's published predictions.

Official: {"Task", "Instance": {"id", "output": [..]}, "prediction"}, or {"id", "prediction"} beside the data.
Published: {"instruction", "input", "response", "target"}, where `evaluate user-tasks` adds the task's `id`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase, Problem, Problems
from bootstruct.evaluation.scores import Prediction, task_name
from bootstruct.evaluation.superni import references_of
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_rows

_HINT: Final = "expected `Task`, `Instance` and `prediction`, or `response` and `target`"


@dataclass(frozen=True, slots=True)
class LoadedPredictions:
    """The content of a file that can be scored.

    Attributes:
        expected: the number of expected instances, None if it is not known.
        account: an account of the file's rows.
    """

    predictions: tuple[Prediction, ...]
    expected: int | None
    problems: tuple[Problem, ...]
    account: RowAccount


@dataclass(frozen=True, slots=True)
class _Row:
    """One line, before it is checked against the tasks.

    Attributes:
        text: None if there is no prediction in it.
    """

    where: str
    line: int
    task: str
    instance: str
    text: str | None
    references: tuple[str, ...]
    category: str = ""
    question: tuple[str, str] = ("", "")


def read_predictions(
    path: Path, cases: Iterable[EvaluationCase] | None = None, names: Mapping[str, str] | None = None
) -> LoadedPredictions:
    """The predictions in a file, checked.

    Args:
        cases: the expected instances; ids are matched with them, their references count, and missing ones are known.
        names: category by task, where only that is known.

    Raises InputError if no row is a prediction.
    """
    problems, rows, account = Problems(), [], RowAccount(str(path))
    for number, row in read_rows(path, surrogates="keep", account=account):
        try:
            found_row = _row(row, f"{path.name}:{number}", number)
        except ValueError as exc:
            account.leave_out(number, "without a prediction", str(exc))
            continue
        if found_row.text is None:
            account.leave_out(number, "with a prediction that is null")
        rows.append(found_row)
    if not rows:
        raise InputError(f"{path}: contains no prediction; {_HINT} ({account.first_fault() or 'it is empty'}).")
    problems.take_rows(account)
    rows = [row for row in rows if row.text is not None]  # a null prediction is a missing one
    given = list(cases) if cases is not None else None
    found = (
        _matched(rows, given, problems, account) if given is not None else _alone(rows, names or {}, problems, account)
    )
    for prediction in found:
        if not prediction.text.strip():
            problems.add("empty predictions", prediction.instance, "counted as they are: wrong")
    return LoadedPredictions(tuple(found), None if given is None else len(given), problems.all(), account)


def _row(row: dict[str, Any], where: str, line: int) -> _Row:
    """Read one line. ValueError where it is no prediction."""
    if "response" in row:
        return _published(row, where, line)
    text = row.get("prediction", row.get("Prediction", row))
    if text is row:
        raise ValueError(_HINT)
    if text is not None and not isinstance(text, str):
        raise ValueError("`prediction` is not text")
    instance = row.get("Instance")
    if not isinstance(instance, dict):
        if not row.get("id"):
            raise ValueError(_HINT)
        return _Row(where, line, "", str(row["id"]), text, references_of(row.get("references")))
    if not isinstance(row.get("Task"), str) or not instance.get("id"):
        raise ValueError("`Task` or the `id` of `Instance` is missing")
    categories = row.get("Categories")
    category = str(categories[0]) if isinstance(categories, list) and categories else ""
    references = references_of(instance.get("output"))
    return _Row(where, line, task_name(row["Task"]), str(instance["id"]), text, references, category)


def _published(row: dict[str, Any], where: str, line: int) -> _Row:
    text, target = row["response"], row.get("target")
    if text is not None and not isinstance(text, str):
        raise ValueError("`response` is not text")
    blank = isinstance(target, str) and not target.strip()
    references = () if blank else references_of(target)
    question = (str(row.get("instruction", row.get("prompt", ""))).strip(), str(row.get("input", "")).strip())
    name = str(row.get("id") or "")
    return _Row(where, line, name, name, text, references, question=question)


def _alone(rows: list[_Row], names: Mapping[str, str], problems: Problems, account: RowAccount) -> list[Prediction]:
    """Rows without cases to match: their own references count, and missing ones cannot be known."""
    found, seen = [], set()
    for row in rows:
        identity = (row.task, row.instance, *(() if row.instance else row.question))
        name = row.instance or f"row_{row.line - 1}"
        if identity in seen and any(identity):
            problems.add("instances predicted twice", f"{row.where} ({name})", "the first counts")
            account.leave_out(row.line, "predicted twice")
            continue
        seen.add(identity)
        if not row.references:
            problems.add("predictions without references", f"{row.where} ({name})", "left out")
            account.leave_out(row.line, "without references")
            continue
        account.use()
        assert row.text is not None
        category = row.category or names.get(row.task, "")
        found.append(Prediction(row.task or name, name, row.text, row.references, category))
    return found


def _matched(
    rows: list[_Row], cases: list[EvaluationCase], problems: Problems, account: RowAccount
) -> list[Prediction]:
    """Rows matched with the expected instances, in the order of these."""
    by_name = {(case.task, case.instance): case for case in cases}
    by_instance = {case.instance: case for case in cases}
    by_question = {(case.instruction.strip(), case.input.strip()): case for case in cases}
    texts: dict[str, str] = {}
    for row in rows:
        case = by_name.get((row.task, row.instance))
        if case is None:
            case = by_question.get(row.question) if not row.instance else by_instance.get(row.instance)
            if case is not None and row.task and row.task not in (row.instance, case.task):
                case = None  # the id belongs to another task
        if case is None:
            problems.add(
                "ids that belong to no task of the evaluation", f"{row.where} ({row.instance or 'no id'})", "left out"
            )
            account.leave_out(row.line, "of no task of the evaluation")
        elif case.key in texts:
            problems.add("instances predicted twice", f"{row.where} ({case.instance})", "the first counts")
            account.leave_out(row.line, "predicted twice")
        else:
            account.use()
            assert row.text is not None
            texts[case.key] = row.text
            if row.references and row.references != case.references:
                problems.add("references other than the data's", f"{row.where} ({case.instance})", "the data's count")
    for case in cases:
        if case.key not in texts:
            problems.add("instances without a prediction", f"{case.task}: {case.instance}", "left out of the means")
    return [
        Prediction(case.task, case.instance, texts[case.key], case.references, case.category)
        for case in cases
        if case.key in texts
    ]
