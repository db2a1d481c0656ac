"""Test sets that the report holds training data against: read from files, and what is near in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import BadInput
from bootstruct.report.from_files import read_any_rows
from bootstruct.report.sources import labels
from bootstruct.report.subject import Subject
from bootstruct.stages.overlap import Overlap, Trained, overlap, texts_of_row, trained_in_run

_ANSWERS: Final = ("instances", "input", "output", "completion", "response")  # no instruction is looked for in these


@dataclass(frozen=True, slots=True)
class Question:
    """One instance of a task of a test set."""

    task: str
    instruction: str
    input: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A test set."""

    label: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Nearby:
    """What a data set shares with a test set. instructions: those of the test set, by task."""

    label: str
    found: Overlap
    instructions: Mapping[str, str]


def read_held_out(paths: Sequence[Path]) -> tuple[HeldOut, ...]:
    """The test sets in JSONL or JSON files of tasks with instances, of Alpaca's rows, of chat messages, or of texts.

    Raises BadInput at file:line for a row without an instruction, and for a file without rows.
    """
    named = zip(paths, labels(list(paths)), strict=True)
    return tuple(HeldOut(label, _questions(path)) for path, label in named)


def _questions(path: Path) -> tuple[Question, ...]:
    found: list[Question] = []
    names: set[str] = set()
    for number, row in read_any_rows(path):
        instruction = next(texts_of_row({key: row[key] for key in row if key not in _ANSWERS}), None)
        if instruction is None:
            raise BadInput(
                f"{path}:{number}: a row without instruction; expected instruction, prompt, text or messages."
            )
        name = row["id"] if isinstance(row.get("id"), str) and row["id"] not in names else f"row {number}"
        names.add(name)
        found += [Question(name, instruction, given) for given in list(_inputs(row)) or [""]]
    if not found:
        raise BadInput(f"{path}: holds no tasks to compare with.")
    return tuple(found)


def _inputs(row: Mapping[str, Any]) -> Iterator[str]:
    instances = row.get("instances")
    for each in (row, *(instances if isinstance(instances, list) else ())):
        if isinstance(each, dict) and isinstance(each.get("input"), str):
            yield each["input"]


def nearby(subject: Subject, sets: Sequence[HeldOut], tokenizer: str) -> tuple[Nearby, ...]:
    """What the data set shares with each test set: of a run its seeds, instructions and instances, of a file its rows."""
    if not sets:
        return ()
    training = list(trained_in_run(subject.told.state) if subject.told is not None else _trained(subject))
    made = []
    for each in sets:
        instructions = {question.task: question.instruction for question in each.questions}
        made.append(Nearby(each.label, overlap(training, each.questions, tokenizer), instructions))
    return tuple(made)


def _trained(subject: Subject) -> Iterator[Trained]:
    for task in subject.tasks:
        parts = (part for each in task.instances for part in (each.input, each.output))
        yield Trained(task.name, task.text, (task.text, *parts))
