"""Ratings of predictions: the blind sheet that people rate, the key to it, and what they (or a judge) said.

The sheet and the key are files of their own, so that a page can show the one without the other (docs/evaluation.md
describes them). A rating is one of the paper's four levels: A valid and satisfying, B acceptable with small errors,
C relevant but with significant errors, D irrelevant or invalid.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Final

from bootstruct.domain import digest_of_value
from bootstruct.errors import BadInput
from bootstruct.files import read_rows, read_text, write_whole
from bootstruct.judgements import RATING, read_reviews

SHEET, KEY, RATINGS = "sheet.jsonl", "key.json", "ratings.jsonl"
LEVELS: Final = "ABCD"
_BLANKS: Final = re.compile(r"\s+")  # the name of an item holds none
JUDGE: Final = "judge:"  # how the names of raters begin that are no people


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's answer to one task, with what a rater needs to see."""

    model: str
    task: str
    instruction: str
    input: str
    reference: str
    response: str


@dataclass(frozen=True, slots=True)
class Rating:
    """One rater's level for one model's answer to one task."""

    model: str
    task: str
    rater: str
    level: str

    @property
    def value(self) -> int:
        """A = 3 ... D = 0."""
        return 3 - LEVELS.index(self.level)

    @property
    def acceptable(self) -> bool:
        return self.level in "AB"

    @property
    def by_judge(self) -> bool:
        return self.rater.startswith(JUDGE)


def read_answers(path: Path, model: str) -> list[Answer]:
    """The answers in a predictions file of user tasks (ours, or the paper's published ones). Raises BadInput at file:line."""
    found: dict[str, Answer] = {}
    for number, row in read_rows(path):
        if not isinstance(row.get("response"), str) or not isinstance(row.get("instruction"), str):
            raise BadInput(f"{path}:{number}: is no answer to a user task; `instruction` and `response` are expected.")
        given, reference = str(row.get("input") or ""), row.get("target") or ""
        reference = reference[0] if isinstance(reference, list) and reference else str(reference)
        task = str(row.get("id") or f"row_{number - 1}")
        found.setdefault(task, Answer(model, task, row["instruction"].strip(), given, reference, row["response"]))
    return list(found.values())


def blind(answers: Sequence[Answer], seed: int = 42) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(rows of the sheet, the key). Within a task the models' letters are drawn anew, and so is the order of tasks.

    Chance comes from the seed and the task's name: the same answers give the same sheet.
    """
    by_task: dict[str, list[Answer]] = {}
    for each in answers:
        by_task.setdefault(each.task, []).append(each)
    rows: list[dict[str, Any]] = []
    items: dict[str, dict[str, str]] = {}
    for task in sorted(by_task):
        group = sorted(by_task[task], key=lambda each: each.model)
        Random(f"{seed}/letters/{task}").shuffle(group)
        for letter, each in zip(_letters(), group, strict=False):
            item = f"{_BLANKS.sub('_', task)}/{letter}"
            item = item if item not in items else f"{item}.{len(items)}"
            items[item] = {"model": each.model, "task": task}
            rows.append(
                {
                    "item": item,
                    "task": task,
                    "letter": letter,
                    "instruction": each.instruction,
                    "input": each.input,
                    "reference": each.reference,
                    "response": each.response,
                }
            )
    Random(f"{seed}/order").shuffle(rows)
    return rows, {"sheet": digest_of_value(rows), "seed": seed, "items": dict(sorted(items.items()))}


def _letters() -> Iterator[str]:
    yield from "PQRSTUVWXYZ"  # no A-D: those are levels
    number = 0
    while True:
        number += 1
        yield f"P{number}"


def write_sheet(folder: Path, answers: Sequence[Answer], seed: int = 42) -> bool:
    """Write sheet and key. False where a sheet of other answers is there: ratings may refer to it, so it is kept."""
    rows, key = blind(answers, seed)
    if (folder / KEY).is_file():
        return bool(read_key(folder / KEY)["sheet"] == key["sheet"])
    write_whole(folder / SHEET, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(folder / KEY, (json.dumps(key, ensure_ascii=False, indent=1) + "\n").encode())
    return True


def read_key(path: Path) -> dict[str, Any]:
    """The key to a sheet. Raises BadInput where it is none."""
    try:
        row = json.loads(read_text(path))
    except ValueError as exc:
        raise BadInput(f"{path}: not JSON: {exc}.") from None
    if not isinstance(row, dict) or not isinstance(row.get("items"), dict) or "sheet" not in row:
        raise BadInput(f"{path}: is no key to a rating sheet; `sheet` and `items` are expected.")
    return row


def read_ratings(paths: Iterable[Path], key: Mapping[str, Any] | None = None) -> list[Rating]:
    """The ratings in files of {item, rater, level} (people; `key` says what an item is), of {model, task, rater, level},
    or in the review page's own file.

    A later rating of the same answer by the same rater replaces the earlier; an empty or null level takes it back. Raises
    BadInput at file:line.
    """
    found: dict[tuple[str, str, str], Rating] = {}
    for path in paths:
        rows = read_rows(path)
        first = next(rows, None)
        if first is not None and "event" in first[1]:
            found |= {(each.model, each.task, each.rater): each for each in _reviewed(path, key)}
            continue
        for number, row in chain([first] if first else [], rows):
            where = f"{path}:{number}"
            level, rater = row.get("level"), row.get("rater")
            if not isinstance(rater, str) or not rater:
                raise BadInput(f"{where}: `rater` is missing.")
            model, task = _of_item(row, key, where)
            if level in (None, ""):
                found.pop((model, task, rater), None)
            elif isinstance(level, str) and level in tuple(LEVELS):
                found[model, task, rater] = Rating(model, task, rater, level)
            else:
                raise BadInput(f"{where}: `level` must be one of A, B, C, D, not {level!r}.")
    return list(found.values())


def _reviewed(path: Path, key: Mapping[str, Any] | None) -> Iterator[Rating]:
    """The ratings that stand in a file of the review page, for the sheet that `key` belongs to."""
    if key is None:
        raise BadInput(f"{path}: rates the items of a blind sheet; give its key with --key key.json.")
    reviews = read_reviews(path)
    standing = reviews.all_standing(RATING, key["sheet"])
    if not standing and any(place[0] == RATING for place in reviews.stacks):
        raise BadInput(
            f"{path}: holds ratings, but of another sheet than the key belongs to; give the key of that one."
        )
    for each in standing:
        model, task = _of_item({"item": each.item}, key, str(path))
        yield Rating(model, task, each.reviewer, str(each.said["level"]))


def _of_item(row: dict[str, Any], key: Mapping[str, Any] | None, where: str) -> tuple[str, str]:
    if isinstance(row.get("model"), str) and isinstance(row.get("task"), str):
        return row["model"], row["task"]
    item = row.get("item")
    if not isinstance(item, str):
        raise BadInput(f"{where}: needs an `item` of the sheet, or `model` and `task`.")
    if key is None:
        raise BadInput(f"{where}: rates the item {item!r} of a blind sheet; give its key with --key key.json.")
    known = key["items"].get(item)
    if known is None:
        raise BadInput(f"{where}: the item {item!r} is not in the key; is it the key to another sheet?")
    return str(known["model"]), str(known["task"])


def counts_of(ratings: Iterable[Rating]) -> dict[str, dict[str, int]]:
    """model -> level -> how many ratings."""
    counts: dict[str, dict[str, int]] = {}
    for each in ratings:
        levels = counts.setdefault(each.model, dict.fromkeys(LEVELS, 0))
        levels[each.level] += 1
    return counts
