"""A review session: each reviewer's items, the judgements on them, and the next item. No HTTP here."""

import asyncio
import secrets
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bootstruct.journal.reviews import (
    PAIR,
    QUALITY,
    QUESTIONS,
    RATING,
    ReviewEvent,
    ReviewPlanned,
    ReviewRecorded,
    Reviews,
    ReviewUndone,
    ReviewVerdict,
    apply_review,
    checked,
)
from bootstruct.reviewing.ledger import ReviewLedger
from bootstruct.reviewing.sample import Population, draw, population, share
from bootstruct.reviewing.sheet import RatingSheet
from bootstruct.reviewing.watch import JournalFollower

LONGEST_NOTE: Final = 2000
LONGEST_LOOK: Final = 24 * 3600.0  # seconds; a tab left open overnight says nothing about an item
MODES: Final = (QUALITY, RATING, PAIR)


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """The settings of the command line.

    Attributes:
        tasks: size of the sample.
        reviewers, overlap: None if it says nothing.
    """

    tasks: int | None = None
    seed: int = 42
    reviewers: tuple[str, ...] | None = None
    overlap: float | None = None


DEFAULT_TASKS: Final = 200  # the paper, Table 2


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """done of all items of one reviewer's share.

    Attributes:
        seconds: the median look at one, None before the first.
    """

    done: int
    all: int
    seconds: float | None

    @property
    def left(self) -> int:
        """Items still to judge."""
        return self.all - self.done

    @property
    def minutes_left(self) -> float | None:
        """At the pace so far; None if nothing was timed."""
        return None if self.seconds is None else self.left * self.seconds / 60


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """An item as it is shown to a reviewer.

    Attributes:
        seen: id of the judgement that stood when it was shown, empty for none.
        number: its place in the reviewer's share, from 1.
        last: id of the reviewer's last judgement, which `undo` takes back.
    """

    item: str
    number: int
    seen: str
    verdict: ReviewVerdict
    note: str
    last: str
    before: str | None
    after: str | None


class ReviewConflictError(Exception):
    """A judgement was not recorded, because the item was judged or a judgement undone meanwhile."""


class RunReview:
    """All work of one run.

    Changes go through a lock, are on disk before anyone sees them, and replace only what the sender saw.
    """

    def __init__(
        self,
        folder: Path,
        ledger: ReviewLedger,
        follower: JournalFollower,
        sheet: RatingSheet | None,
        wanted: ReviewOptions,
    ) -> None:
        self.folder, self.follower, self.sheet, self.wanted = folder, follower, sheet, wanted
        self._ledger, self._lock = ledger, asyncio.Lock()
        self._population: tuple[int, Population] | None = None

    @property
    def reviews(self) -> Reviews:
        """All judgements so far."""
        return self._ledger.reviews

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The names among which the work is divided."""
        return self.reviews.reviewers if self.wanted.reviewers is None else self.wanted.reviewers

    @property
    def overlap(self) -> float:
        """The share of items that several reviewers judge."""
        return self.reviews.overlap if self.wanted.overlap is None else self.wanted.overlap

    def names(self) -> list[str]:
        """Everybody who will review or has done so."""
        return list(dict.fromkeys([*self.reviewers, *(reviewer for _, _, reviewer in self.reviews.trails)]))

    def digest(self, mode: str) -> str:
        """Of the sheet that a mode judges; empty if it judges the run."""
        return "" if mode == QUALITY or self.sheet is None else self.sheet.digest

    def population(self) -> Population:
        """The tasks there are to draw from now."""
        state = self.follower.state
        if state is None:
            return {False: [], True: []}
        if self._population is None or self._population[0] != len(state.completed):
            self._population = len(state.completed), population(state)
        return self._population[1]

    def items(self, mode: str, reviewer: str) -> list[str]:
        """A reviewer's share, in the order in which it is shown."""
        sheet: dict[str, Sequence[str]] = (
            {RATING: tuple(self.sheet.answers), PAIR: self.sheet.pairs} if self.sheet else {}
        )
        items = self.reviews.items if mode == QUALITY else sheet.get(mode, ())
        return share(items, reviewer, self.reviewers, self.overlap)

    def verdict(self, mode: str, item: str, reviewer: str) -> ReviewRecorded | None:
        """A reviewer's judgement on an item, None if there is none yet."""
        return self.reviews.standing(mode, self.digest(mode), item, reviewer)

    def progress(self, mode: str, reviewer: str) -> ReviewProgress:
        """The progress of a reviewer."""
        items = self.items(mode, reviewer)
        done = [judged for item in items if (judged := self.verdict(mode, item, reviewer))]
        looks = [judged.seconds for judged in done if judged.seconds > 0]
        return ReviewProgress(len(done), len(items), statistics.median(looks) if looks else None)

    def card(self, mode: str, reviewer: str, item: str = "", after: str = "") -> ReviewCard | None:
        """The requested item, else the first without a judgement (after `after`, if given); None if all are done."""
        items = self.items(mode, reviewer)
        place = {text: number for number, text in enumerate(items)}
        if item not in place:
            first = place.get(after, -1) + 1
            waiting = (text for text in (*items[first:], *items[:first]) if not self.verdict(mode, text, reviewer))
            item = next(waiting, "")
            if not item:
                return None
        number, judged = place[item], self.verdict(mode, item, reviewer)
        return ReviewCard(
            item,
            number + 1,
            judged.id if judged else "",
            judged.verdict if judged else {},
            judged.note if judged else "",
            self.last(mode, reviewer),
            items[number - 1] if number else None,
            items[number + 1] if number + 1 < len(items) else None,
        )

    def last(self, mode: str, reviewer: str) -> str:
        """Id of the reviewer's last current judgement, empty for none."""
        trail = self.reviews.trails.get((mode, self.digest(mode), reviewer))
        return trail[-1] if trail else ""

    async def plan(self) -> int:
        """Draw the sample, or extend it, and note its division. Returns how many items were added."""

        def planned() -> ReviewPlanned | None:
            wanted = self.wanted.tasks or DEFAULT_TASKS
            tasks = self.population()
            of = sum(map(len, tasks.values()))
            items = tuple(draw(tasks, wanted, self.wanted.seed, self.reviews.items))
            shares = (self.reviewers, self.overlap)
            if not items and shares == (self.reviews.reviewers, self.reviews.overlap):
                return None
            return ReviewPlanned(self.wanted.seed, items, of if items else self.reviews.of, *shares)

        event = await self._record(planned)
        return len(event.items) if isinstance(event, ReviewPlanned) else 0

    async def judge(self, mode: str, reviewer: str, form: Mapping[str, str]) -> None:
        """Record a reviewer's judgement.

        The same form sent twice counts once. Raises ValueError where it is incomplete, Conflict where the item was
        judged elsewhere since it was shown.
        """
        item, id = form.get("item", ""), form.get("id", "")
        if item not in self.items(mode, reviewer):
            raise ValueError("This item is not among yours; reload the page.")
        if not (8 <= len(id) <= 64 and id.isalnum()):
            raise ValueError("The form came without its number; reload the page.")
        try:
            verdict = checked(mode, _said(mode, form), item)
        except ValueError:
            raise ValueError("Some answers are missing.") from None
        note = form.get("note", "").replace("\r\n", "\n").strip()[:LONGEST_NOTE]

        def judged() -> ReviewRecorded | None:
            if id in self.reviews.by_id:
                return None
            standing = self.verdict(mode, item, reviewer)
            if (standing.id if standing else "") != form.get("seen", ""):
                raise ReviewConflictError(
                    "This item was judged in another tab meanwhile. That judgement counts and is shown below; "
                    "send the form again to replace it."
                    if standing
                    else "The judgement of this item was withdrawn in another tab meanwhile; send the form again to judge it."
                )
            return ReviewRecorded(id, reviewer, mode, item, verdict, note, _seconds(form), now(), self.digest(mode))

        await self._record(judged)

    async def undo(self, mode: str, reviewer: str, id: str) -> ReviewRecorded:
        """Withdraw a reviewer's judgement and return it. Raises ReviewConflictError if it is not current."""

        def undone() -> ReviewUndone:
            judged = self.reviews.by_id.get(id)
            if judged is None or (judged.mode, judged.reviewer) != (mode, reviewer):
                raise ReviewConflictError("There is nothing to undo.")
            if not self.reviews.is_standing(id):
                raise ReviewConflictError("This was already undone or replaced, perhaps in another tab.")
            return ReviewUndone(id, reviewer, now())

        await self._record(undone)
        return self.reviews.by_id[id]

    async def _record(self, make: Callable[[], ReviewEvent | None]) -> ReviewEvent | None:
        """Decide and append in one step, without interruption."""
        async with self._lock:
            event = make()
            if event is not None:
                await asyncio.to_thread(self._ledger.write, event)
                apply_review(self.reviews, event)
            return event


def _said(mode: str, form: Mapping[str, str]) -> dict[str, Any]:
    words = {"yes": True, "no": False}
    if mode == QUALITY:
        return {question: words.get(form.get(question, "")) for question in QUESTIONS}
    name = "level" if mode == RATING else "better"
    return {name: form.get(name, "")}


def _seconds(form: Mapping[str, str]) -> float:
    try:
        seconds = float(form.get("seconds") or 0)
    except ValueError:
        return 0.0
    return round(seconds, 1) if 0 <= seconds <= LONGEST_LOOK else 0.0


def now() -> str:
    """The present time as it is recorded."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fresh_id() -> str:
    """A number for a form: a judgement sent twice under it counts once."""
    return secrets.token_hex(12)
