"""The rows on which models are measured: drawn by the hashes of their texts, in a development part and a test part."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labels import LABELS
from options import DEV, LONGEST_ROW, SALT, Sizes

from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.evaluation.user_tasks import read_user_tasks

FILES = {"superni": "sinst_11_valid.jsonl", "dolly": "dolly_valid.jsonl", "vicuna": "vicuna_valid.jsonl"}
FORM = {
    "plain": ("{instruction}\n\nInput: {input}\n\nOutput:", "{instruction}\n\nOutput:"),
    "task": ("Task: {instruction}\nInput: {input}\nOutput:", "Task: {instruction}\nOutput:"),
    "question": ("Question: {instruction}\n{input}\nAnswer:", "Question: {instruction}\nAnswer:"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An instruction with its input and a reference.

    Attributes:
        source: the set to which it belongs.
        task: the unit of the tests: a SuperNI task, or the row itself.
        instruction: the instruction.
        input: the input; empty if there is none.
        output: the reference.
        part: `dev` or `test`.
    """

    source: str
    task: str
    instruction: str
    input: str
    output: str
    part: str = ""

    def prompt(self, form: str) -> str:
        """Return the prompt in a format other than `chat`."""
        with_input, without = FORM[form]
        return (with_input if self.input else without).format(instruction=self.instruction, input=self.input)

    def request(self) -> str:
        """Return the user's message in a chat."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction

    def rank(self) -> str:
        """Return the hash by which rows are sorted."""
        return hashed(f"{self.instruction}\n{self.input}\n{self.output}")


def hashed(text: str) -> str:
    """Return the hash of a text, by which texts are sorted."""
    return hashlib.sha256(f"{SALT}/{text}".encode("utf-8", "replace")).hexdigest()


def read_sets(data: Path | None) -> dict[str, list[Row]]:
    """Return the rows of all sets by name of the set, each set in the order of the hashes.

    Raises:
        InputError: a file is missing.
    """
    found: dict[str, list[Row]] = {"user": _user_tasks()}
    for source, name in FILES.items() if data else ():
        path = Path(data or "") / name
        if not path.is_file():
            raise InputError(f"{path}: no such file; --data names a folder with {', '.join(FILES.values())}.")
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        found[source] = [made for row in rows if (made := _public_row(source, row)).output]
    return {source: sorted(rows, key=Row.rank) for source, rows in found.items()}


def _public_row(source: str, row: dict[str, Any]) -> Row:
    output = row["output"] if isinstance(row["output"], str) else row["output"][0]
    instruction, given = row["instruction"].strip(), (row.get("input") or "").strip()
    task = row["topic"] if source == "superni" else f"{source}/{hashed(instruction + given)[:12]}"
    return Row(source, task, instruction, given, output.strip())


def _user_tasks() -> list[Row]:
    cases, _ = read_user_tasks()
    return [
        Row("user", case.task, case.instruction.strip(), case.input.strip(), case.references[0].strip())
        for case in cases
    ]


def draw(sets: dict[str, list[Row]], sizes: Sizes, length: Callable[[Row], int]) -> tuple[list[Row], dict[str, int]]:
    """Draw the development part and the test part.

    Args:
        sets: the rows of all sets, in order.
        sizes: how many rows of each set to draw.
        length: returns the length of a row in tokens, prompt and reference together.

    Returns:
        The rows, and by set the number of rows left out because they are too long.
    """
    short = {source: [row for row in rows if length(row) <= LONGEST_ROW] for source, rows in sets.items()}
    too_long = {source: len(sets[source]) - len(rows) for source, rows in short.items()}
    drawn: list[Row] = []
    tasks = sorted({row.task for row in short.get("superni", ())}, key=hashed)
    for number, task in enumerate(tasks):
        rows, is_dev = [row for row in short["superni"] if row.task == task], number < DEV["superni tasks"]
        most = DEV["superni"] if is_dev else sizes.superni or len(rows)
        drawn += [dataclasses.replace(row, part="dev" if is_dev else "test") for row in rows[:most]]
    for source, number in (("dolly", sizes.dolly), ("vicuna", sizes.vicuna), ("user", sizes.user)):
        first = DEV.get(source, 0)
        drawn += [
            dataclasses.replace(row, part="dev" if place < first else "test")
            for place, row in enumerate(short.get(source, ())[: first + number])
        ]
    return drawn, too_long


def answer_rows(rows: Iterable[Row], number: int) -> list[Row]:
    """Return the rows for which answers are written.

    They are the first user tasks and SuperNI rows of the test part, in equal number.
    """
    test = [row for row in rows if row.part == "test"]
    half = [row for row in test if row.source == "superni"][: number // 2]
    return half + [row for row in test if row.source == "user"][: number - len(half)]


def label_rows() -> list[tuple[Row, tuple[str, ...]]]:
    """Return the classification tasks of the default seed set, each with the labels that it names; its output is the right one.

    Raises:
        InputError: the right label of a task is not among those listed in labels.py.
    """
    seeds = {seed.id: seed for seed in read_seeds(shipped_seeds())}
    found = []
    for name, labels in LABELS.items():
        instance = seeds[name].instances[0]
        row = Row(
            "labels", name, seeds[name].instruction.strip(), instance.input.strip(), instance.output.strip(), "test"
        )
        if row.output not in labels:
            raise InputError(f"{name}: its label {row.output!r:.60} is not among those listed in labels.py.")
        found.append((row, labels))
    return found
