"""Prediction files: the official format of Super-NaturalInstructions and that of the paper's published predictions.

Official: {"Task", "Instance": {"id", "output": [..]}, "prediction"}, or {"id", "prediction"} beside the data. Published:
{"instruction", "input", "response", "target"}, where `evaluate user-tasks` adds the task's `id`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Case, Problem, Problems
from bootstruct.evaluate.scores import Prediction, task_name
from bootstruct.evaluate.superni import references_of
from bootstruct.files import read_text

_HINT: Final = "expected `Task`, `Instance` and `prediction`, or `response` and `target`"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds that can be scored. expected: instances there should be, None where nothing says so."""

    predictions: tuple[Prediction, ...]
    expected: int | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One line, before it is checked against the tasks. text: None where there is no prediction in it."""

    where: str
    line: int
    task: str
    instance: str
    text: str | None
    references: tuple[str, ...]
    category: str = ""
    question: tuple[str, str] = ("", "")


def read_predictions(path: Path, cases: Iterable[Case] | None = None, names: Mapping[str, str] | None = None) -> Loaded:
    """The predictions in a file, checked.

    cases: the instances there should be; ids are matched with them, their references count, and what is missing is
    known. names: category by task, where only that is known. Raises BadInput where no row is a prediction.
    """
    problems, rows = Problems(), []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                rows.append(_row(json.loads(line), f"{path.name}:{number}", number))
            except ValueError as exc:
                problems.add("rows that are no prediction", f"{path.name}:{number}: {exc}", "left out")
    if not rows:
        first = problems.all()[0].examples[0] if problems.all() else "it is empty"
        raise BadInput(f"{path}: holds no prediction; {_HINT} ({first}).")
    rows = [row for row in rows if row.text is not None]  # a null prediction is a missing one
    given = list(cases) if cases is not None else None
    found = _matched(rows, given, problems) if given is not None else _alone(rows, names or {}, problems)
    for each in found:
        if not each.text.strip():
            problems.add("empty predictions", each.instance, "counted as they are: wrong")
    return Loaded(tuple(found), None if given is None else len(given), problems.all())


def _row(row: object, where: str, line: int) -> _Row:
    """Read one line. ValueError where it is no prediction."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
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


def _alone(rows: list[_Row], names: Mapping[str, str], problems: Problems) -> list[Prediction]:
    """Rows with nothing to match them with: their own references count, and what is missing cannot be known."""
    found, seen = [], set()
    for row in rows:
        identity = (row.task, row.instance, *(() if row.instance else row.question))
        name = row.instance or f"row_{row.line - 1}"
        if identity in seen and any(identity):
            problems.add("instances predicted twice", f"{row.where} ({name})", "the first counts")
            continue
        seen.add(identity)
        if not row.references:
            problems.add("predictions without references", f"{row.where} ({name})", "left out")
            continue
        assert row.text is not None
        category = row.category or names.get(row.task, "")
        found.append(Prediction(row.task or name, name, row.text, row.references, category))
    return found


def _matched(rows: list[_Row], cases: list[Case], problems: Problems) -> list[Prediction]:
    """Rows matched with the instances there should be, in the order of those."""
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
            problems.add("ids that belong to no task asked", f"{row.where} ({row.instance or 'no id'})", "left out")
        elif case.key in texts:
            problems.add("instances predicted twice", f"{row.where} ({case.instance})", "the first counts")
        else:
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
