"""The blind rating sheet (`evaluate sheet` writes it): what raters see. The key to it is opened for the results only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.rows import read_json, read_rows
from bootstruct.io.trust import require_inside
from bootstruct.journal.reviews import BETWEEN
from bootstruct.render.sanitize import hides
from bootstruct.types import digest_of_value

SHEET, KEY = "sheet.jsonl", "key.json"
FOLDERS: Final = ("", "rating")  # the place of a sheet inside the run folder
_TEXTS: Final = ("item", "task", "letter", "instruction", "input", "reference", "response")


@dataclass(frozen=True, slots=True)
class SheetAnswer:
    """A row of the sheet: one answer to one task, without its model's name."""

    item: str
    task: str
    letter: str
    instruction: str
    input: str
    reference: str
    response: str


@dataclass(frozen=True, slots=True)
class RatingSheet:
    """A blind sheet of answers to rate.

    Attributes:
        answers: by item, in the sheet's order.
        pairs: every two answers to one task, shuffled; two items around BETWEEN.
    """

    folder: Path
    digest: str
    answers: Mapping[str, SheetAnswer] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()

    def key(self) -> dict[str, str] | None:
        """The model of each item; None if there is no key. Raises InputError where it is not the key to this sheet."""
        path = self.folder / KEY
        if not path.is_file():
            return None
        row: Any = read_json(path, self.folder)
        try:
            if row["sheet"] != self.digest:
                raise InputError(f"{path}: is the key of another sheet than {self.folder / SHEET}.")
            return {str(item): str(value["model"]) for item, value in row["items"].items()}
        except (KeyError, TypeError, AttributeError):
            raise InputError(f"{path}: is not the key of a rating sheet; `sheet` and `items` are expected.") from None


def find_sheet(run: Path, given: Path | None, seed: int) -> RatingSheet | None:
    """The sheet in the folder given, else in the run folder or its folder `rating`; None if there is none."""
    if given is not None:
        folder = given.parent if given.name == SHEET else given
        if not (folder / SHEET).is_file():
            raise InputError(
                f"{folder}: has no {SHEET}; `bootstruct evaluate sheet MODEL... --out {folder}` writes one."
            )
        return read_sheet(folder, seed)
    for name in FOLDERS:
        if (run / name / SHEET).is_file():
            require_inside(run, run / name / SHEET)
            return read_sheet(run / name, seed)
    return None


def read_sheet(folder: Path, seed: int) -> RatingSheet:
    """Read a sheet. Raises InputError at file:line."""
    rows, answers = [], {}
    for number, row in read_rows(folder / SHEET, folder=folder):
        where = f"{folder / SHEET}:{number}"
        for name in _TEXTS:
            if not isinstance(row.get(name), str):
                raise InputError(f"{where}: `{name}` is missing; is this a sheet of `bootstruct evaluate sheet`?")
        if row["item"] in answers or hides(row["item"]):
            raise InputError(f"{where}: the item {row['item']!r} occurs twice, or contains invisible characters.")
        answers[row["item"]] = SheetAnswer(*(row[name] for name in _TEXTS))
        rows.append(row)
    if not answers:
        raise InputError(f"{folder / SHEET}: contains no answers to rate.")
    return RatingSheet(folder, digest_of_value(rows), answers, _pairs(answers, seed))


def _pairs(answers: Mapping[str, SheetAnswer], seed: int) -> tuple[str, ...]:
    by_task: dict[str, list[str]] = {}
    for answer in answers.values():
        by_task.setdefault(answer.task, []).append(answer.item)
    pairs = []
    for items in by_task.values():
        ordered = sorted(items)
        pairs += [f"{a}{BETWEEN}{b}" for n, a in enumerate(ordered) for b in ordered[n + 1 :]]
    Random(f"{seed}/review/pairs").shuffle(pairs)
    return tuple(pairs)


def sides(pair: str, reviewer: str, seed: int) -> tuple[str, str]:
    """(left, right): drawn for each pair and reviewer, so that a preference for one side cancels out."""
    first, second = pair.split(BETWEEN)
    return (first, second) if Random(f"{seed}/review/side/{reviewer}/{pair}").random() < 0.5 else (second, first)
