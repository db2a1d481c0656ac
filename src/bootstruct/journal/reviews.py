"""People's judgements on a run: `reviews.jsonl` beside the journal, its events, and the one function that folds them.

The review page writes the file; export and report read it. Append-only: a judgement is replaced by a later one of the
same reviewer on the same item, or withdrawn by another event, and never rewritten. An item of the quality review is
named as exports name rows: `812.3/0` is the first instance of task 812.3.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from bootstruct import paper
from bootstruct.errors import InputError, JournalError
from bootstruct.io.trust import open_inside
from bootstruct.paper import LEVEL_LETTERS

NAME: Final = "reviews.jsonl"
QUALITY, RATING, PAIR = "quality", "rating", "pair"
QUESTIONS: Final = {  # the paper, Table 2; our words
    "task": "Does the instruction describe a valid task?",
    "input": "Is the input appropriate for the instruction?",
    "output": "Is the output a correct and acceptable response?",
}
TIE: Final = "tie"
BETWEEN: Final = "\t"  # separates the two items of a pair
_Z: Final = 1.959963984540054  # two-sided 95%

ReviewVerdict = Mapping[
    str, bool | str
]  # quality: {task, input, output}; rating: {level}; pair: {better: an item, or `tie`}


@dataclass(frozen=True, slots=True)
class ReviewPlanned:
    """Items added to the quality review's sample, and how all items are divided from here on.

    Attributes:
        of: the number of tasks to draw from.
        reviewers: who shares the items, empty if everybody sees all.
        overlap: the part that every reviewer sees, 0 to 1.
    """

    seed: int
    items: tuple[str, ...]
    of: int
    reviewers: tuple[str, ...] = ()
    overlap: float = 1.0


@dataclass(frozen=True, slots=True)
class ReviewRecorded:
    """One judgement.

    Attributes:
        sheet: digest of the rating sheet that contains the item, empty for the quality review.
        seconds: how long the reviewer looked at the item.
        at: UTC, as in 2026-01-31T12:00:00Z.
    """

    id: str
    reviewer: str
    mode: str
    item: str
    verdict: ReviewVerdict
    note: str = ""
    seconds: float = 0.0
    at: str = ""
    sheet: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What one judgement is about: mode, sheet, item and reviewer."""
        return self.mode, self.sheet, self.item, self.reviewer


@dataclass(frozen=True, slots=True)
class ReviewUndone:
    """A judgement that was withdrawn, by its id."""

    id: str
    reviewer: str
    at: str = ""


ReviewEvent = ReviewPlanned | ReviewRecorded | ReviewUndone


@dataclass(slots=True)
class Reviews:
    """The content of a file of reviews.

    Only `apply_review` changes one.

    Attributes:
        stacks: place -> judgements by one reviewer on one item, the last one stands.
        trails: (mode, sheet, reviewer) -> ids of judgements that were not withdrawn, in their order.
    """

    items: list[str] = field(default_factory=list)
    of: int = 0
    seed: int | None = None
    reviewers: tuple[str, ...] = ()
    overlap: float = 1.0
    stacks: dict[tuple[str, str, str, str], list[ReviewRecorded]] = field(default_factory=dict)
    by_id: dict[str, ReviewRecorded] = field(default_factory=dict)
    trails: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def standing(self, mode: str, sheet: str, item: str, reviewer: str) -> ReviewRecorded | None:
        """What a reviewer says about an item now."""
        stack = self.stacks.get((mode, sheet, item, reviewer))
        return stack[-1] if stack else None

    def all_standing(self, mode: str, sheet: str = "") -> list[ReviewRecorded]:
        """Every current judgement, in the order in which items and reviewers first appeared."""
        return [stack[-1] for place, stack in self.stacks.items() if stack and place[:2] == (mode, sheet)]

    def is_standing(self, id: str) -> bool:
        """True if a judgement is what its reviewer says now: neither withdrawn nor replaced."""
        judged = self.by_id.get(id)
        stack = self.stacks.get(judged.place) if judged else None
        return stack[-1].id == id if stack else False


def apply_review(reviews: Reviews, event: ReviewEvent) -> None:
    """Change `reviews` by one event. Raises JournalError if one takes back what does not stand."""
    match event:
        case ReviewPlanned():
            known = set(reviews.items)
            reviews.items += [item for item in event.items if item not in known]
            reviews.of = max(reviews.of, event.of)
            reviews.seed = event.seed if reviews.seed is None else reviews.seed
            reviews.reviewers, reviews.overlap = event.reviewers, event.overlap
        case ReviewRecorded(id):
            if id in reviews.by_id:  # sent twice, or two copies of one file joined
                return
            reviews.by_id[id] = event
            reviews.stacks.setdefault(event.place, []).append(event)
            reviews.trails.setdefault((event.mode, event.sheet, event.reviewer), []).append(id)
        case ReviewUndone(id):
            judged = reviews.by_id.get(id)
            if judged is None:
                raise JournalError(f"takes back the judgement {id!r}, which does not exist")
            trail = reviews.trails[judged.mode, judged.sheet, judged.reviewer]
            if id in trail:
                trail.remove(id)
                reviews.stacks[judged.place] = [review for review in reviews.stacks[judged.place] if review.id != id]


def read_reviews(path: Path) -> Reviews:
    """The reviews in a file; none if there is no file.

    A last line without its end is passed over.

    Raises InputError if the file cannot be read, JournalError at file:line.
    """
    reviews = Reviews()
    try:
        with open(open_inside(path.parent, path), "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return reviews
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}.") from None
    for number, line in enumerate(lines[:-1], 1):
        try:
            apply_review(reviews, review_from_json(orjson.loads(line)))
        except (JournalError, ValueError) as exc:
            raise JournalError(
                f"{path}:{number}: not a review: {str(exc).rstrip('.')}. Correct or remove the line."
            ) from None
    return reviews


def bad_tasks(reviews: Reviews) -> set[str]:
    """Tasks of which more than half of the reviewers say no to one of the three questions."""
    votes: dict[tuple[str, str], list[bool]] = {}
    for judged in reviews.all_standing(QUALITY):
        for question in QUESTIONS:
            votes.setdefault((judged.item, question), []).append(bool(judged.verdict[question]))
    return {item.rpartition("/")[0] for (item, _), verdict in votes.items() if 2 * verdict.count(False) > len(verdict)}


def tasks_marked_bad(run: Path) -> set[str]:
    """The bad tasks of a run folder, as its reviews say. Raises InputError if nobody has reviewed it."""
    reviews = read_reviews((run if run.is_dir() else run.parent) / NAME)
    if not reviews.all_standing(QUALITY):
        raise InputError(f"{run}: has no judgements of its tasks; `bootstruct review {run}` lets people give some.")
    return bad_tasks(reviews)


def wilson(successes: float, total: float, z: float = _Z) -> tuple[float, float]:
    """The interval of a share by Wilson's score method, between 0 and 1; (0, 1) for no cases.

    Args:
        successes: how many cases count.
        total: of how many; an effective number may be a fraction.
        z: the quantile of the interval, by default that of 95% of a normal distribution.
    """
    if total == 0:
        return 0.0, 1.0
    share, z2 = successes / total, z * z
    middle = share + z2 / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    scale = 1 + z2 / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


@dataclass(frozen=True, slots=True)
class Share:
    """A row of Table 2: how many of the judged tasks are good in one respect (`all`: in all three), with a 95% interval."""

    question: str
    good: float
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of yes."""
        return self.good / self.total if self.total else 0.0


ALL_THREE: Final = "all"


def quality_table(judged: Iterable[ReviewRecorded]) -> list[Share]:
    """The four rows of Table 2 from judgements of the quality review.

    A task that several reviewers judged counts once, as the share of them who call it good: 1/2 if two differ.
    """
    votes: dict[str, list[ReviewRecorded]] = {}
    for review in judged:
        votes.setdefault(review.item, []).append(review)
    rows = []
    for question in (*QUESTIONS, ALL_THREE):
        questions = tuple(QUESTIONS) if question == ALL_THREE else (question,)
        good = sum(
            sum(all(review.verdict[q] for q in questions) for review in verdict) / len(verdict)
            for verdict in votes.values()
        )
        rows.append(Share(question, good, len(votes), *wilson(good, len(votes))))
    return rows


def published_table() -> dict[str, Share]:
    """The paper's own Table 2 by question, with intervals: 200 tasks, one expert.

    Example:
        >>> row = published_table()["output"]
        >>> f"{row.share:.0%}, {row.low:.0%} to {row.high:.0%}"
        '58%, 51% to 65%'
    """
    rows = {}
    for question, percent in paper.TABLE_2.items():
        good = percent * paper.TABLE_2_TASKS / 100
        rows[question] = Share(question, good, paper.TABLE_2_TASKS, *wilson(good, paper.TABLE_2_TASKS))
    return rows


def review_to_json(event: ReviewEvent) -> dict[str, Any]:
    """The event as JSON values; fields at their defaults are left out."""
    match event:
        case ReviewPlanned(seed, items, of, reviewers, overlap):
            row: dict[str, Any] = {"event": "planned", "seed": seed, "items": list(items), "of": of}
            return row | {"reviewers": list(reviewers), "overlap": overlap}
        case ReviewRecorded():
            row = {
                "event": "judged",
                "id": event.id,
                "reviewer": event.reviewer,
                "mode": event.mode,
                "item": event.item,
            }
            row |= {"said": dict(event.verdict)} | ({"note": event.note} if event.note else {})
            row |= {"seconds": event.seconds, "at": event.at}
            return row | ({"sheet": event.sheet} if event.sheet else {})
        case ReviewUndone(id, reviewer, at):
            return {"event": "undone", "id": id, "reviewer": reviewer, "at": at}


def review_from_json(row: object) -> ReviewEvent:
    """The event of a line. Raises JournalError that says what is wrong with it."""
    if not isinstance(row, dict):
        raise JournalError("expected an object")
    try:
        match row["event"]:
            case "planned":
                items = tuple(_text(value) for value in row["items"])
                reviewers = tuple(_text(value) for value in row["reviewers"])
                return ReviewPlanned(int(row["seed"]), items, int(row["of"]), reviewers, float(row["overlap"]))
            case "judged":
                verdict = checked(_text(row["mode"]), row["said"], _text(row["item"]))
                judged = ReviewRecorded(_text(row["id"]), _text(row["reviewer"]), row["mode"], row["item"], verdict)
                return _with_rest(judged, row)
            case "undone":
                return ReviewUndone(_text(row["id"]), _text(row["reviewer"]), _text(row.get("at", "")))
    except KeyError as exc:
        raise JournalError(f"{exc} is missing") from None
    except (TypeError, ValueError, OverflowError) as exc:
        raise JournalError(str(exc)) from None
    raise JournalError(f"unknown event {row['event']!r}")


def _with_rest(judged: ReviewRecorded, row: dict[str, Any]) -> ReviewRecorded:
    note, at, sheet = (_text(row.get(name, "")) for name in ("note", "at", "sheet"))
    return dataclasses.replace(judged, note=note, seconds=float(row.get("seconds", 0)), at=at, sheet=sheet)


def checked(mode: str, verdict: Mapping[str, Any], item: str) -> ReviewVerdict:
    """The answers of one judgement, checked against its mode. ValueError says what is wrong."""
    if not isinstance(verdict, dict):
        raise ValueError("`said` is not an object")
    match mode:
        case "quality" if set(verdict) == set(QUESTIONS) and all(isinstance(row, bool) for row in verdict.values()):
            return verdict
        case "rating" if set(verdict) == {"level"} and verdict["level"] in tuple(LEVEL_LETTERS):
            return verdict
        case "pair" if set(verdict) == {"better"} and verdict["better"] in (*item.split(BETWEEN), TIE):
            return verdict
    raise ValueError(f"`said` does not answer what the mode {mode!r} asks: {verdict!r}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {value!r}")
    return value
