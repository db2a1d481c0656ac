"""Task files of Super-NaturalInstructions, and its splits: which tasks are for training and which only for testing.

The split is that of the benchmark (`splits/default`), as in section 4.3 of the paper: 119 English test tasks of twelve
categories, tasks that are excluded because they were made from the data set of a test task, and tasks in other languages.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_json, read_text

NAME: Final = "Super-NaturalInstructions"
TEST_INSTANCES: Final = 100  # of each test task, the first ones
TEST_CATEGORIES: Final[Mapping[str, str]] = {  # of the test tasks, each with its headline score
    "Textual Entailment": "exact_match",
    "Cause Effect Classification": "exact_match",
    "Coreference Resolution": "exact_match",
    "Dialogue Act Recognition": "exact_match",
    "Answerability Classification": "exact_match",
    "Word Analogy": "exact_match",
    "Overlap Extraction": "rouge_l",
    "Keyword Tagging": "rouge_l",
    "Question Rewriting": "rouge_l",
    "Title Generation": "rouge_l",
    "Data to Text": "rouge_l",
    "Grammar Error Correction": "rouge_l",
}
OF_TEST_SPLIT: Final = "of the test split"
OF_TEST_CATEGORIES: Final = "of the twelve test categories (there is no list of the test split beside the tasks)"
EXCLUDED: Final = "excluded by the split"
NOT_ENGLISH: Final = "in other languages than English"
NOT_OF_TEST_SPLIT: Final = "not of the test split"
NO_TASK_FILE: Final = "that are no task files"
_LANGUAGES: Final = ("Input_language", "Output_language", "Instruction_language")
_NUMBER: Final = re.compile(r"task(\d+)(?:_|$)")


@dataclass(frozen=True, slots=True)
class SuperNIFile:
    """One task file.

    Attributes:
        name: of the file, without its suffix.
        languages: those of instruction, inputs and outputs that the file names.
        instances: as they are in the file, not checked.
        examples: the positive examples, likewise.
    """

    name: str
    definition: str
    category: str
    languages: frozenset[str]
    instances: Sequence[Any]
    examples: Sequence[Any]

    @property
    def is_english(self) -> bool:
        """Whether no language other than English is named."""
        return self.languages <= {"English"}

    def pairs(self) -> list[tuple[str, str]]:
        """The well-formed instances as (input, first output)."""
        found = []
        for row in self.instances:
            given = row.get("input") if isinstance(row, dict) else None
            output = first_text(row.get("output")) if isinstance(row, dict) else ""
            if isinstance(given, str) and output:
                found.append((given, output))
        return found


@dataclass(frozen=True, slots=True)
class SuperNISplitLists:
    """The lists of a split, None if there are none beside the tasks."""

    test: frozenset[str] | None
    excluded: frozenset[str]

    def reason(self, task: SuperNIFile) -> str:
        """Why a task must not be used for training; empty if it may be."""
        if self.test is not None and _listed(task.name, self.test):
            return OF_TEST_SPLIT
        if not task.is_english:
            return NOT_ENGLISH
        if self.test is None:
            return OF_TEST_CATEGORIES if task.category in TEST_CATEGORIES else ""
        return EXCLUDED if _listed(task.name, self.excluded) else ""

    def is_test(self, task: SuperNIFile) -> bool:
        """Whether a task is of the test split; without lists, whether it is English and of a test category."""
        if self.test is not None:
            return _listed(task.name, self.test)
        return task.is_english and task.category in TEST_CATEGORIES


def _listed(name: str, names: frozenset[str]) -> bool:
    """By name or by number, since some tasks were renamed."""
    number = _NUMBER.match(name)
    return name in names or (number is not None and f"#{int(number[1])}" in names)


def tasks_folder(folder: Path) -> Path | None:
    """The folder with the task files of a checkout, or the folder itself if it contains some; None if it is neither."""
    if (folder / "tasks").is_dir():
        return folder / "tasks"
    return folder if any(map(Path.is_file, folder.glob("task*.json"))) else None


def task_files(folder: Path) -> list[Path]:
    """The task files of a checkout or of a folder of them; nothing where it is neither."""
    place = tasks_folder(folder)
    return sorted(filter(Path.is_file, place.glob("task*.json"))) if place is not None else []


def is_superni_folder(path: Path) -> bool:
    """Whether a folder is a checkout of the benchmark or a folder of its task files."""
    return path.is_dir() and bool(task_files(path))


def read_split_lists(folder: Path) -> SuperNISplitLists:
    """The lists in `splits/default` of a checkout; of its folder `tasks`, those beside it.

    Raises:
        InputError: a list cannot be read.
    """
    listed = list_of_test_tasks(folder)
    if listed is None:
        return SuperNISplitLists(None, frozenset())
    excluded = listed.with_name("excluded_tasks.txt")
    return SuperNISplitLists(_names(listed), _names(excluded) if excluded.is_file() else frozenset())


def list_of_test_tasks(folder: Path) -> Path | None:
    """The place of the official list of test tasks: in a checkout, or beside its folder `tasks`; else None."""
    places = (folder, folder.absolute().parent, folder.resolve().parent)
    found = (place / "splits" / "default" / "test_tasks.txt" for place in places)
    return next((path for path in found if path.is_file()), None)


def _names(path: Path) -> frozenset[str]:
    names = {line.strip().removesuffix(".json") for line in read_text(path).split("\n") if line.strip()}
    numbers = (_NUMBER.match(name) for name in names)
    return frozenset(names | {f"#{int(number[1])}" for number in numbers if number})


def read_task_file(path: Path) -> SuperNIFile:
    """One task file. Raises InputError where it is none."""
    row = read_json(path)
    if not isinstance(row, dict) or not isinstance(row.get("Instances"), list):
        raise InputError(f"{path}: is not a task file; it has no list `Instances`.")
    definition = first_text(row.get("Definition"))
    if not definition:
        raise InputError(f"{path}: is not a task file; `Definition` is missing or empty.")
    named = (row.get(field) for field in _LANGUAGES)
    languages = (text for value in named for text in ([value] if isinstance(value, str) else value or ()))
    examples = row.get("Positive Examples")
    return SuperNIFile(
        path.stem,
        definition,
        first_text(row.get("Categories")),
        frozenset(text for text in languages if isinstance(text, str)),
        row["Instances"],
        examples if isinstance(examples, list) else (),
    )


def first_text(value: object) -> str:
    """The first text of a list of texts, or the text itself; empty if there is none."""
    given = [value] if isinstance(value, str) else value
    return given[0].strip() if isinstance(given, list) and given and isinstance(given[0], str) else ""


def training_tasks(
    folder: Path, account: RowAccount, test_tasks: bool = False, other_languages: bool = False
) -> Iterator[SuperNIFile]:
    """The tasks of a folder for training; the account counts those that are left out.

    Args:
        folder: a checkout, or a folder of task files.
        account: takes an account of each task file.
        test_tasks: whether test tasks, and those that the split excludes, are kept.
        other_languages: whether tasks in other languages than English are kept.

    Raises:
        InputError: a list of the split cannot be read, or no task is left.
    """
    lists, kept = read_split_lists(folder), 0
    for number, task in _tasks(folder, account):
        reason = lists.reason(task)
        wanted = other_languages if reason == NOT_ENGLISH else test_tasks
        if reason and not wanted:
            account.leave_out(number, reason)
            continue
        if not task.pairs():
            account.leave_out(number, "without an instance")
            continue
        account.use(f"tasks of {NAME}", [] if task.languages else ["without a named language"])
        kept += 1
        yield task
    if not kept:
        reasons = ", ".join(f"{len(places)} {reason}" for reason, places in account.left_out.items())
        raise InputError(
            f"{folder}: none of its {account.read} tasks can be trained on ({reasons}); --test-tasks and "
            "--other-languages let in what was left out."
        )


def test_tasks_in(folder: Path, account: RowAccount) -> Iterator[SuperNIFile]:
    """The test tasks of a folder: those listed in its split, or the English tasks of the twelve test categories.

    Args:
        folder: a checkout, or a folder of task files.
        account: takes an account of each task file.

    Raises:
        InputError: a list of the split cannot be read, or no test task is there.
    """
    lists, kept = read_split_lists(folder), 0
    for number, task in _tasks(folder, account):
        if not lists.is_test(task):
            account.leave_out(number, NOT_OF_TEST_SPLIT)
            continue
        account.use(f"test tasks of {NAME}", [] if lists.test is not None else ["told by category, without a list"])
        kept += 1
        yield task
    if not kept:
        raise InputError(f"{folder}: contains no test task of {NAME}.")


def _tasks(folder: Path, account: RowAccount) -> Iterator[tuple[int, SuperNIFile]]:
    account.container, account.unit = NAME, "task"
    for number, path in enumerate(task_files(folder), 1):
        account.read += 1
        try:
            yield number, read_task_file(path)
        except InputError as exc:
            account.leave_out(number, NO_TASK_FILE, str(exc))
