"""Super-NaturalInstructions: the official test split, its task files, and the prompts (the paper and its released code)."""

import json
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Case, Problem, Problems
from bootstruct.evaluate.scores import task_name
from bootstruct.files import read_text

INSTANCES: Final = 100  # of each task, the first ones (the paper and its released code)
MOST_TOKENS: Final = 1024  # examples are shown while the prompt stays within this
TEST_TASKS: Final = 119
_PIECES: Final = re.compile(r"\w+|[^\w\s]")

TokenCount = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Task:
    """One task file: its definition, positive examples (input, output) and the instances to be asked."""

    name: str
    definition: str
    category: str
    examples: tuple[tuple[str, str], ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """The tasks that could be read; `listed` counts all that the split names."""

    tasks: tuple[Task, ...]
    listed: int
    problems: tuple[Problem, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(case for task in self.tasks for case in task.cases)


def read_split(data: Path, split: Path | None = None, only: tuple[str, ...] = (), instances: int = INSTANCES) -> Split:
    """The tasks of a split in a checkout of the public repository: DATA/splits/default/test_tasks.txt and DATA/tasks.

    split: another list of task names; only: these tasks instead of a list. A task file that cannot be used is named and
    counted. Raises BadInput where the folder is no checkout, or none of its tasks can be read.
    """
    folder = data / "tasks"
    if not folder.is_dir():
        raise BadInput(f"{data}: has no folder `tasks`; give a checkout of the public natural-instructions repository.")
    names = only or _listed(split or data / "splits" / "default" / "test_tasks.txt")
    problems, tasks = Problems(), []
    for name in dict.fromkeys(each.removesuffix(".json") for each in names):
        try:
            tasks.append(read_task(folder / f"{name}.json", instances, problems))
        except BadInput as exc:
            problems.add("task files that are none", str(exc), "left out")
    if not tasks:
        raise BadInput(
            f"{folder}: none of the {len(names)} tasks can be read; the first: {problems.all()[0].examples[0]}"
        )
    return Split(tuple(tasks), len(names), problems.all())


def _listed(path: Path) -> tuple[str, ...]:
    names = tuple(line.strip() for line in read_text(path).split("\n") if line.strip())
    if not names:
        raise BadInput(f"{path}: lists no task; one name a line is expected.")
    return names


def read_task(path: Path, instances: int, problems: Problems) -> Task:
    """One task file with its first `instances` instances. Raises BadInput where it is none."""
    try:
        row = json.loads(read_text(path))
    except ValueError as exc:
        raise BadInput(f"{path}: not JSON: {exc}.") from None
    if not isinstance(row, dict) or not isinstance(row.get("Instances"), list):
        raise BadInput(f"{path}: is no task file; it has no list `Instances`.")
    definition = _first_text(row.get("Definition"))
    if not definition:
        raise BadInput(f"{path}: is no task file; `Definition` is missing or empty.")
    name, category = task_name(path.stem), _first_text(row.get("Categories"))
    cases = tuple(_cases(row["Instances"][:instances], name, path.stem, definition, category, problems))
    return Task(name, definition, category, tuple(_examples(row.get("Positive Examples"))), cases)


def _cases(
    rows: list[Any], name: str, source: str, definition: str, category: str, problems: Problems
) -> Iterator[Case]:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        where = f"{source}, instance {number + 1}"
        if not isinstance(row, dict) or not isinstance(row.get("input"), str):
            problems.add("instances that are none", where, "left out")
            continue
        identity = str(row.get("id") or f"{source}-{number}")
        references = references_of(row.get("output"))
        if identity in seen:
            problems.add(
                "instances whose id stands twice in the task file", f"{where} ({identity})", "the first counts"
            )
        elif not references:
            problems.add("instances without references", f"{where} ({identity})", "left out")
        else:
            seen.add(identity)
            yield Case(name, identity, definition, row["input"], references, category, source)


def references_of(value: object) -> tuple[str, ...]:
    """The references in a row: a list of texts, or one text; nothing where there are none."""
    given = [value] if isinstance(value, str) else value
    return tuple(each for each in given if isinstance(each, str)) if isinstance(given, list) else ()


def _examples(value: object) -> Iterator[tuple[str, str]]:
    for row in value if isinstance(value, list) else []:
        if isinstance(row, dict) and isinstance(row.get("input"), str) and (output := _first_text(row.get("output"))):
            yield row["input"], output


def _first_text(value: object) -> str:
    given = [value] if isinstance(value, str) else value
    return given[0].strip() if isinstance(given, list) and given and isinstance(given[0], str) else ""


def prompt_of(
    task: Task, case: Case, shots: int = 0, most_tokens: int = MOST_TOKENS, count: TokenCount | None = None
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
    """The text without outer blanks, with a full stop where it ends without punctuation."""
    text = text.strip()
    return text if text and text[-1] in string.punctuation else f"{text}."


def roughly(text: str) -> int:
    """Tokens of a text where no tokenizer is at hand: four characters each, words and signs at least one each."""
    return max(-(-len(text) // 4), len(_PIECES.findall(text)))


def token_count(tokenizer: Path | None) -> tuple[TokenCount, str]:
    """How prompt tokens are counted, and how to call that: by the tokenizer in a folder or `tokenizer.json` on this
    machine (needs the package `tokenizers`, or `transformers`), else roughly. Raises BadInput where it cannot be used."""
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
        raise BadInput(f"--tokenizer needs the package {exc.name!r}: install it, or leave the flag out.") from None
    except Exception as exc:  # the libraries raise plain Exception for a file that is no tokenizer
        raise BadInput(f"{tokenizer}: no tokenizer that can be read: {exc}.") from None
