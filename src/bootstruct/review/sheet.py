"""The blind rating sheet (`evaluate sheet` writes it): what raters see. The key to it is opened for the results only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from bootstruct.domain import digest_of_value
from bootstruct.errors import BadInput
from bootstruct.files import read_rows, read_text
from bootstruct.judgements import BETWEEN
from bootstruct.review.text import hides

SHEET, KEY = "sheet.jsonl", "key.json"
FOLDERS: Final = ("", "rating")  # where a sheet is looked for inside the run folder
_TEXTS: Final = ("item", "task", "letter", "instruction", "input", "reference", "response")


@dataclass(frozen=True, slots=True)
class Answer:
    """A row of the sheet: one answer to one task, whose it is not being said."""

    item: str
    task: str
    letter: str
    instruction: str
    input: str
    reference: str
    response: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """answers: by item, in the sheet's order. pairs: every two answers to one task, shuffled; two items around BETWEEN."""

    folder: Path
    digest: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()

    def key(self) -> dict[str, str] | None:
        """Whose answer each item is; None where there is no key. Raises BadInput where it is not the key to this sheet."""
        path = self.folder / KEY
        if not path.is_file():
            return None
        try:
            row: Any = json.loads(read_text(path))
            if row["sheet"] != self.digest:
                raise BadInput(f"{path}: is the key to another sheet than {self.folder / SHEET}.")
            return {str(item): str(each["model"]) for item, each in row["items"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(f"{path}: is no key to a rating sheet; `sheet` and `items` are expected.") from None


def find_sheet(run: Path, given: Path | None, seed: int) -> Sheet | None:
    """The sheet in the folder given, else in the run folder or its folder `rating`; None where there is none."""
    if given is not None:
        folder = given.parent if given.name == SHEET else given
        if not (folder / SHEET).is_file():
            raise BadInput(f"{folder}: has no {SHEET}; `bootstruct evaluate sheet MODEL... --out {folder}` writes one.")
        return read_sheet(folder, seed)
    for name in FOLDERS:
        if (run / name / SHEET).is_file():
            return read_sheet(run / name, seed)
    return None


def read_sheet(folder: Path, seed: int) -> Sheet:
    """Read a sheet. Raises BadInput at file:line."""
    rows, answers = [], {}
    for number, row in read_rows(folder / SHEET):
        where = f"{folder / SHEET}:{number}"
        for name in _TEXTS:
            if not isinstance(row.get(name), str):
                raise BadInput(f"{where}: `{name}` is missing; is this a sheet of `bootstruct evaluate sheet`?")
        if row["item"] in answers or hides(row["item"]):
            raise BadInput(f"{where}: the item {row['item']!r} stands twice, or holds characters that cannot be seen.")
        answers[row["item"]] = Answer(*(row[name] for name in _TEXTS))
        rows.append(row)
    if not answers:
        raise BadInput(f"{folder / SHEET}: holds no answers to rate.")
    return Sheet(folder, digest_of_value(rows), answers, _pairs(answers, seed))


def _pairs(answers: Mapping[str, Answer], seed: int) -> tuple[str, ...]:
    by_task: dict[str, list[str]] = {}
    for each in answers.values():
        by_task.setdefault(each.task, []).append(each.item)
    pairs = []
    for items in by_task.values():
        ordered = sorted(items)
        pairs += [f"{a}{BETWEEN}{b}" for n, a in enumerate(ordered) for b in ordered[n + 1 :]]
    Random(f"{seed}/review/pairs").shuffle(pairs)
    return tuple(pairs)


def sides(pair: str, reviewer: str, seed: int) -> tuple[str, str]:
    """(left, right): drawn anew for each pair and reviewer, so that a liking for one side cancels out."""
    first, second = pair.split(BETWEEN)
    return (first, second) if Random(f"{seed}/review/side/{reviewer}/{pair}").random() < 0.5 else (second, first)
