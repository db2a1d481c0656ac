"""Super-NaturalInstructions: the official test split, its task files, and the prompts (the paper and its released code)."""

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase, Problem, Problems
from bootstruct.evaluation.scores import task_name
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_text
from bootstruct.io.superni import (
    NAME,
    NO_TASK_FILE,
    TEST_INSTANCES,
    first_text,
    list_of_test_tasks,
    read_split_lists,
    read_task_file,
    task_files,
    tasks_folder,
)

INSTANCES: Final = TEST_INSTANCES  # of each task, the first ones (the paper and its released code)
MOST_TOKENS: Final = 1024  # examples are shown while the prompt stays within this
TEST_TASKS: Final = 119
_PIECES: Final = re.compile(r"\w+|[^\w\s]")

TokenCount = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class SuperNITask:
    """One task file: its definition, positive examples (input, output) and instances."""

    name: str
    definition: str
    category: str
    examples: tuple[tuple[str, str], ...]
    cases: tuple[EvaluationCase, ...]


@dataclass(frozen=True, slots=True)
class SuperNISplit:
    """The tasks that could be read; `listed` counts all that the split names, and the account covers them."""

    tasks: tuple[SuperNITask, ...]
    listed: int
    problems: tuple[Problem, ...]
    account: RowAccount

    @property
    def cases(self) -> tuple[EvaluationCase, ...]:
        """All instances of all tasks."""
        return tuple(case for task in self.tasks for case in task.cases)


def read_split(
    data: Path, split: Path | None = None, only: tuple[str, ...] = (), instances: int = INSTANCES
) -> SuperNISplit:
    """The tasks of a split in a checkout of the public repository: DATA/splits/default/test_tasks.txt and DATA/tasks.

    DATA may also be a folder of task files. Without a list of the split, its English tasks of the twelve test categories count.

    Args:
        split: another list of task names.
        only: these tasks instead of a list. A task file that cannot be used is named and counted.

    Raises InputError if the folder is no checkout, or none of its tasks can be read.
    """
    folder = tasks_folder(data)
    if folder is None:
        raise InputError(
            f"{data}: has no folder `tasks` and no task files; give a checkout of the public natural-instructions repository."
        )
    problems, tasks = Problems(), []
    account = RowAccount(str(folder), NAME, unit="task")
    names = only or (_listed(split) if split else _official(data, problems))
    for number, name in enumerate(dict.fromkeys(text.removesuffix(".json") for text in names), 1):
        account.read += 1
        try:
            if Path(name).name != name:
                raise InputError(f"{name!r:.80} is not the name of a task.")
            tasks.append(read_task(folder / f"{name}.json", instances, problems))
        except InputError as exc:
            problems.add("malformed task files", str(exc), "left out")
            account.leave_out(number, NO_TASK_FILE, str(exc))
        else:
            account.use()
    if not tasks:
        raise InputError(
            f"{folder}: none of the {len(names)} tasks can be read; the first: {problems.all()[0].examples[0]}"
        )
    return SuperNISplit(tuple(tasks), len(names), problems.all(), account)


def _official(data: Path, problems: Problems) -> tuple[str, ...]:
    """The names in the list of the official split, or those of the tasks in its categories."""
    listed = list_of_test_tasks(data)
    if listed is not None:
        return _listed(listed)
    lists, found = read_split_lists(data), []
    for path in task_files(data):
        try:
            if lists.is_test(read_task_file(path)):
                found.append(path.stem)
        except InputError as exc:
            problems.add("malformed task files", str(exc), "left out")
    if not found:
        raise InputError(
            f"{data}: has no list of test tasks (splits/default/test_tasks.txt) and no English task of the test categories; "
            "name tasks with --task or a list with --split."
        )
    problems.add(
        "missing list of the test split", str(data), "the English tasks of the twelve test categories were used"
    )
    return tuple(found)


def _listed(path: Path) -> tuple[str, ...]:
    names = tuple(line.strip() for line in read_text(path).split("\n") if line.strip())
    if not names:
        raise InputError(f"{path}: lists no task; one name per line is expected.")
    return names


def read_task(path: Path, instances: int, problems: Problems) -> SuperNITask:
    """One task file with its first `instances` instances. Raises InputError where it is none."""
    file = read_task_file(path)
    name = task_name(path.stem)
    cases = tuple(_cases(list(file.instances[:instances]), name, path.stem, file.definition, file.category, problems))
    return SuperNITask(name, file.definition, file.category, tuple(_examples(file.examples)), cases)


def _cases(
    rows: list[Any], name: str, source: str, definition: str, category: str, problems: Problems
) -> Iterator[EvaluationCase]:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        where = f"{source}, instance {number + 1}"
        if not isinstance(row, dict) or not isinstance(row.get("input"), str):
            problems.add("malformed instances", where, "left out")
            continue
        identity = str(row.get("id") or f"{source}-{number}")
        references = references_of(row.get("output"))
        if identity in seen:
            problems.add(
                "instances whose id occurs twice in the task file", f"{where} ({identity})", "the first counts"
            )
        elif not references:
            problems.add("instances without references", f"{where} ({identity})", "left out")
        else:
            seen.add(identity)
            yield EvaluationCase(name, identity, definition, row["input"], references, category, source)


def references_of(value: object) -> tuple[str, ...]:
    """The references in a row: a list of texts, or one text; nothing where there are none."""
    given = [value] if isinstance(value, str) else value
    return tuple(text for text in given if isinstance(text, str)) if isinstance(given, list) else ()


def _examples(value: object) -> Iterator[tuple[str, str]]:
    for row in value if isinstance(value, list) else []:
        if isinstance(row, dict) and isinstance(row.get("input"), str) and (output := first_text(row.get("output"))):
            yield row["input"], output


def prompt_of(
    task: SuperNITask,
    case: EvaluationCase,
    shots: int = 0,
    most_tokens: int = MOST_TOKENS,
    count: TokenCount | None = None,
) -> str:
    """The prompt of one instance: the definition, up to `shots` positive examples that fit, and the input.

    A prompt that is too long without examples is not cut.
    """
    count = count or roughly
    definition = f"Definition: {_closed(task.definition)}\n\n"
    question = f"Now complete the following example -\nInput: {_closed(case.input)}\nOutput: "
    shown: list[str] = []
    for number, (given, output) in enumerate(task.examples[:shots], 1):
        example = f" Positive Example {number} -\nInput: {_closed(given)}\n Output: {_closed(output)}\n\n"
        if count(definition + " ".join(shown) + example + question) > most_tokens:  # counted so by the reference
            break
        shown.append(example)
    return definition + "".join(shown) + question


def _closed(text: str) -> str:
    """The text without outer blanks, with a full stop if it ends without punctuation."""
    text = text.strip()
    return text if text and text[-1] in string.punctuation else f"{text}."


def roughly(text: str) -> int:
    """Tokens of a text if no tokenizer is available: four characters each, words and signs at least one each."""
    return max(-(-len(text) // 4), len(_PIECES.findall(text)))


def token_count(tokenizer: Path | None) -> tuple[TokenCount, str]:
    """How prompt tokens are counted, and a name for it.

    By the tokenizer in a folder or `tokenizer.json` on this machine (needs the package `tokenizers`, or
    `transformers`), else roughly. Raises InputError where it cannot be used.
    """
    if tokenizer is None:
        return roughly, "roughly: 4 characters a token"
    file = tokenizer / "tokenizer.json" if tokenizer.is_dir() else tokenizer
    try:
        if file.is_file():
            from tokenizers import Tokenizer

            loaded = Tokenizer.from_file(str(file))
            return lambda text: len(loaded.encode(text).ids), f"tokenizer {tokenizer.name}"
        from transformers import AutoTokenizer

        auto = AutoTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
        return lambda text: len(auto(text)["input_ids"]), f"tokenizer {tokenizer.name}"
    except ImportError as exc:
        raise InputError(f"--tokenizer needs the package {exc.name!r}: install it, or leave the flag out.") from None
    except Exception as exc:  # the libraries raise plain Exception for a file that is no tokenizer
        raise InputError(f"{tokenizer}: cannot be read as a tokenizer: {exc}.") from None
