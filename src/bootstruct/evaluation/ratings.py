"""Ratings of predictions: the blind sheet that people rate, the key to it, and the ratings by them or by a judge.

The sheet and the key are files of their own, so that a page can show one without the other (docs/evaluation.md
describes them). A rating is one of the paper's four levels: A valid and satisfying, B acceptable with small errors, C
relevant but with significant errors, D irrelevant or invalid.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.evaluation.intervals import Interval, mean_interval
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json, read_rows
from bootstruct.io.tasks import require_used
from bootstruct.io.trust import require_inside, require_no_links
from bootstruct.journal.reviews import RATING, read_reviews
from bootstruct.paper import LEVEL_LETTERS
from bootstruct.types import digest_of_value

SHEET, KEY, RATINGS = "sheet.jsonl", "key.json", "ratings.jsonl"
_BLANKS: Final = re.compile(r"\s+")  # the name of an item contains none
JUDGE: Final = "judge:"  # the beginning of the names of raters that are not people


@dataclass(frozen=True, slots=True)
class ModelAnswer:
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
        return 3 - LEVEL_LETTERS.index(self.level)

    @property
    def acceptable(self) -> bool:
        """Whether the answer was rated A or B."""
        return self.level in "AB"

    @property
    def by_judge(self) -> bool:
        """Whether a model gave the rating."""
        return self.rater.startswith(JUDGE)


def read_answers(path: Path, model: str, accounts: list[RowAccount] | None = None) -> list[ModelAnswer]:
    """The answers in a predictions file of user tasks (ours, or the paper's published ones).

    Args:
        path: the file.
        model: whose answers they are.
        accounts: takes an account of the file's rows.

    Raises:
        InputError: the file cannot be read, or no row of it is an answer.
    """
    found: dict[str, ModelAnswer] = {}
    account = RowAccount(str(path))
    for number, row in read_rows(path, account=account):
        if not isinstance(row.get("response"), str) or not isinstance(row.get("instruction"), str):
            reason = "that are no answers to user tasks"
            account.leave_out(
                number, reason, "is not an answer to a user task; `instruction` and `response` are expected"
            )
            continue
        given, reference = str(row.get("input") or ""), row.get("target") or ""
        reference = reference[0] if isinstance(reference, list) and reference else str(reference)
        task = str(row.get("id") or f"row_{number - 1}")
        if task in found:
            account.leave_out(number, "answered twice")
            continue
        account.use()
        found[task] = ModelAnswer(model, task, row["instruction"].strip(), given, reference, row["response"])
    require_used(account)
    if accounts is not None:
        accounts.append(account)
    return list(found.values())


def blind(answers: Sequence[ModelAnswer], seed: int = 42) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(rows of the sheet, the key).

    Within a task the models' letters are drawn anew, and so is the order of tasks.

    Random draws depend on the seed and the task's name: the same answers give the same sheet.
    """
    by_task: dict[str, list[ModelAnswer]] = {}
    for answer in answers:
        by_task.setdefault(answer.task, []).append(answer)
    rows: list[dict[str, Any]] = []
    items: dict[str, dict[str, str]] = {}
    for task in sorted(by_task):
        group = sorted(by_task[task], key=lambda row: row.model)
        Random(f"{seed}/letters/{task}").shuffle(group)
        for letter, entry in zip(_letters(), group, strict=False):
            item = f"{_BLANKS.sub('_', task)}/{letter}"
            item = item if item not in items else f"{item}.{len(items)}"
            items[item] = {"model": entry.model, "task": task}
            rows.append(
                {
                    "item": item,
                    "task": task,
                    "letter": letter,
                    "instruction": entry.instruction,
                    "input": entry.input,
                    "reference": entry.reference,
                    "response": entry.response,
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


def write_sheet(folder: Path, answers: Sequence[ModelAnswer], seed: int = 42) -> bool:
    """Write sheet and key. False if a sheet of other answers is there: ratings may refer to it, so it is kept."""
    rows, key = blind(answers, seed)
    require_no_links(folder)
    if (folder / KEY).is_file():
        return bool(read_key(folder / KEY)["sheet"] == key["sheet"])
    write_whole(folder / SHEET, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(folder / KEY, (json.dumps(key, ensure_ascii=False, indent=1) + "\n").encode())
    return True


def read_key(path: Path) -> dict[str, Any]:
    """The key to a sheet. Raises InputError where it is none."""
    row: dict[str, Any] | Any = read_json(path)
    items = row.get("items") if isinstance(row, dict) and "sheet" in row else None
    if not isinstance(items, dict) or not all(_is_item(item) for item in items.values()):
        raise InputError(f"{path}: is not the key of a rating sheet; `sheet` and `items` are expected.")
    return {**row}


def _is_item(value: object) -> bool:
    return isinstance(value, dict) and "model" in value and "task" in value


def read_ratings(
    paths: Iterable[Path], key: Mapping[str, Any] | None = None, accounts: list[RowAccount] | None = None
) -> list[Rating]:
    """All ratings in files; `accounts` takes an account of the rows of each.

    The files hold {item, rater, level} (people; `key` says what an item is), of {model, task, rater, level}, or in the
    review page's own file.

    A later rating of the same answer by the same rater replaces the earlier one; an empty or null level withdraws it.
    Raises InputError at file:line.
    """
    found: dict[tuple[str, str, str], Rating] = {}
    for path in paths:
        rows, account = read_rows(path), RowAccount(str(path))
        first = next(rows, None)
        every = chain([first] if first else [], rows)
        if first is not None and "event" in first[1]:
            found |= {(rating.model, rating.task, rating.rater): rating for rating in _reviewed(path, key, account)}
        else:
            found |= _rated(path, every, key, account, found)
        if accounts is not None:
            accounts.append(account)
    return list(found.values())


def _rated(
    path: Path,
    rows: Iterable[tuple[int, dict[str, Any]]],
    key: Mapping[str, Any] | None,
    account: RowAccount,
    found: dict[tuple[str, str, str], Rating],
) -> dict[tuple[str, str, str], Rating]:
    """The current ratings in rows, and their raters; a withdrawn one is removed from those found before."""
    standing: dict[tuple[str, str, str], Rating] = {}
    lines: dict[tuple[str, str, str], int] = {}
    for number, row in rows:
        account.read += 1
        where = f"{path}:{number}"
        level, rater = row.get("level"), row.get("rater")
        if not isinstance(rater, str) or not rater:
            raise InputError(f"{where}: `rater` is missing.")
        answer = (*_of_item(row, key, where), rater)
        if (before := lines.pop(answer, None)) is not None:
            account.leave_out(before, "replaced by a later one of the same rater")
        if level in (None, ""):
            account.leave_out(number, "that take a rating back")
            standing.pop(answer, None)
            found.pop(answer, None)
        elif isinstance(level, str) and level in tuple(LEVEL_LETTERS):
            lines[answer], standing[answer] = number, Rating(*answer, level)
        else:
            raise InputError(f"{where}: `level` must be one of A, B, C, D, not {level!r}.")
    account.used = len(lines)
    return standing


def ratings_in(
    places: Iterable[Path], key: Path | None = None, accounts: list[RowAccount] | None = None
) -> list[Rating]:
    """Read all ratings in files of people's ratings and folders of judges.

    Args:
        places: the files and folders.
        key: the key to a blind sheet, if the ratings name its items.
        accounts: takes an account of the rows of each file.

    Raises:
        InputError: a file or the key cannot be read.
    """
    given = list(places)
    for folder in filter(Path.is_dir, given):
        require_inside(folder, folder / RATINGS)
        if not (folder / RATINGS).is_file():
            raise InputError(f"{folder}: has no {RATINGS}; name a judge's folder or a file of ratings.")
    paths = [place / RATINGS if place.is_dir() else place for place in given]
    return read_ratings(paths, read_key(key) if key else None, accounts)


@dataclass(frozen=True, slots=True)
class SheetResult:
    """A blind rating sheet.

    Attributes:
        sheet: the file that raters are given.
        key: the file that says which model wrote which answer; raters must not see it.
        answers: how many answers it contains.
        is_current: whether the sheet holds these answers; False if a sheet of other answers was kept, because it may
            have been rated.
        accounts: an account of the rows of each file of answers.
    """

    sheet: Path
    key: Path
    answers: int
    is_current: bool
    accounts: tuple[RowAccount, ...] = ()


def make_sheet(folder: Path, answers: Sequence[ModelAnswer], seed: int = 42) -> SheetResult:
    """Write a blind rating sheet and its key into a folder, unless it contains one of other answers."""
    return SheetResult(folder / SHEET, folder / KEY, len(answers), write_sheet(folder, answers, seed))


def _reviewed(path: Path, key: Mapping[str, Any] | None, account: RowAccount) -> Iterator[Rating]:
    """The current ratings in a file of the review page, for the sheet of `key`."""
    if key is None:
        raise InputError(f"{path}: rates the items of a blind sheet; give its key with --key key.json.")
    reviews = read_reviews(path)
    standing = reviews.all_standing(RATING, key["sheet"])
    if not standing and any(place[0] == RATING for place in reviews.stacks):
        raise InputError(f"{path}: contains ratings of another sheet than the key; give the key of that sheet.")
    ids = {review.id for review in standing}
    for number, row in read_rows(path):
        account.read += 1
        if row.get("id") in ids:
            ids.discard(row["id"])
            account.use()
        else:
            account.leave_out(number, "that are no standing ratings of this sheet")
    for review in standing:
        model, task = _of_item({"item": review.item}, key, str(path))
        yield Rating(model, task, review.reviewer, str(review.verdict["level"]))


def _of_item(row: dict[str, Any], key: Mapping[str, Any] | None, where: str) -> tuple[str, str]:
    if isinstance(row.get("model"), str) and isinstance(row.get("task"), str):
        return row["model"], row["task"]
    item = row.get("item")
    if not isinstance(item, str):
        raise InputError(f"{where}: needs an `item` of the sheet, or `model` and `task`.")
    if key is None:
        raise InputError(f"{where}: rates the item {item!r} of a blind sheet; give its key with --key key.json.")
    known = key["items"].get(item)
    if known is None:
        raise InputError(f"{where}: the item {item!r} is not in the key; is it the key of another sheet?")
    return str(known["model"]), str(known["task"])


def counts_of(ratings: Iterable[Rating]) -> dict[str, dict[str, int]]:
    """For each model level -> how many ratings."""
    counts: dict[str, dict[str, int]] = {}
    for rating in ratings:
        levels = counts.setdefault(rating.model, dict.fromkeys(LEVEL_LETTERS, 0))
        levels[rating.level] += 1
    return counts


@dataclass(frozen=True, slots=True)
class AcceptableShare:
    """How many of a model's rated answers are acceptable, that is, rated A or B (section 4.4 of the paper).

    Attributes:
        acceptable: the number of such answers.
        answers: the number of rated answers.
        interval: the 95% interval of the share, in percent; None for fewer than five answers.
    """

    acceptable: int
    answers: int
    interval: Interval | None

    @property
    def percent(self) -> float:
        """The share in percent; 0 of nothing."""
        return 100 * self.acceptable / self.answers if self.answers else 0.0


def acceptable_answers(ratings: Iterable[Rating]) -> dict[str, dict[str, bool]]:
    """Return for each model and task whether the answer is acceptable: more than half of its ratings are A or B.

    This is the only definition of "A or B": with one rating, it is that rating; of two, both must be A or B. Tables,
    differences and tests all use it.

    Example:
        >>> acceptable_answers([Rating("m", "t", "anna", "A"), Rating("m", "t", "ben", "C")])
        {'m': {'t': False}}
    """
    votes: dict[str, dict[str, list[bool]]] = {}
    for rating in ratings:
        votes.setdefault(rating.model, {}).setdefault(rating.task, []).append(rating.acceptable)
    return {
        model: {task: 2 * sum(given) > len(given) for task, given in tasks.items()} for model, tasks in votes.items()
    }


def acceptable_share(answers: Iterable[bool]) -> AcceptableShare:
    """Return the share of acceptable answers with its interval over tasks (one answer per task).

    Example:
        >>> share = acceptable_share([True] * 161 + [False] * 91)
        >>> f"{share.percent:.1f}", share.interval
        ('63.9', Interval(low=57.7609, high=69.5959))
    """
    given = list(answers)
    interval = mean_interval([float(answer) for answer in given], range(len(given)), 100.0)
    return AcceptableShare(sum(given), len(given), interval)
