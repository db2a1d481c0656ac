"""Test sets with which the report compares training data: read from files, and what is near in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstruct.io.accounts import RowAccount
from bootstruct.io.superni import TEST_INSTANCES, is_superni_folder, test_tasks_in
from bootstruct.io.tasks import read_tasks
from bootstruct.reporting.read_subjects import labels
from bootstruct.reporting.subject import Dataset
from bootstruct.stages.contamination import OverlapReport, TrainingText, measure_overlap, training_texts_of_run


@dataclass(frozen=True, slots=True)
class HeldOutTask:
    """One instance of a task of a test set."""

    task: str
    instruction: str
    input: str


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """A test set, and an account of the rows of its file."""

    label: str
    questions: tuple[HeldOutTask, ...]
    account: RowAccount


@dataclass(frozen=True, slots=True)
class HeldOutOverlap:
    """What a data set shares with a test set.

    Attributes:
        instructions: those of the test set, by task.
    """

    label: str
    found: OverlapReport
    instructions: Mapping[str, str]


def read_held_out(paths: Sequence[Path]) -> tuple[HeldOutSet, ...]:
    """The test sets in files of any container and shape, including plain texts.

    Raises:
        InputError: a file cannot be read, or no row of it has an instruction.
    """
    named = zip(paths, labels(list(paths)), strict=True)
    return tuple(_held_out_set(path, label) for path, label in named)


def _superni_set(path: Path, label: str) -> HeldOutSet:
    """The test tasks of Super-NaturalInstructions with the instances of an evaluation."""
    account = RowAccount(str(path))
    found = [
        HeldOutTask(task.name, task.definition, given)
        for task in test_tasks_in(path, account)
        for given, _ in task.pairs()[:TEST_INSTANCES]
    ]
    return HeldOutSet(label, tuple(found), account)


def _held_out_set(path: Path, label: str) -> HeldOutSet:
    if is_superni_folder(path):
        return _superni_set(path, label)
    found: list[HeldOutTask] = []
    names: set[str] = set()
    account = RowAccount(str(path))
    for number, task in read_tasks(path, account, surrogates="keep", bare_text=True):
        name = task.name if task.name and task.name not in names else f"row {number}"
        names.add(name)
        found += [HeldOutTask(name, task.instruction, given) for given, _ in task.pairs or (("", None),)]
    return HeldOutSet(label, tuple(found), account)


def nearby(subject: Dataset, sets: Sequence[HeldOutSet], tokenizer: str) -> tuple[HeldOutOverlap, ...]:
    """What the data set shares with each test set: a run's seeds, instructions and instances, or a file's rows."""
    if not sets:
        return ()
    training = list(training_texts_of_run(subject.history.state) if subject.history is not None else _trained(subject))
    made = []
    for set_ in sets:
        instructions = {question.task: question.instruction for question in set_.questions}
        made.append(HeldOutOverlap(set_.label, measure_overlap(training, set_.questions, tokenizer), instructions))
    return tuple(made)


def _trained(subject: Dataset) -> Iterator[TrainingText]:
    for task in subject.tasks:
        parts = (part for instance in task.instances for part in (instance.input, instance.output))
        inputs = tuple(instance.input for instance in task.instances)
        yield TrainingText(task.name, task.text, (task.text, *parts), inputs)
