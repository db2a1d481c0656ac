"""The content of each page, as values for its template."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bootstruct import paper
from bootstruct.config.machine import read_machine
from bootstruct.journal.reviews import (
    BETWEEN,
    PAIR,
    QUALITY,
    QUESTIONS,
    RATING,
    ReviewRecorded,
    ReviewVerdict,
    bad_tasks,
    published_table,
)
from bootstruct.render import bars
from bootstruct.render.sanitize import one_line
from bootstruct.reviewing import results
from bootstruct.reviewing.sample import text_of
from bootstruct.reviewing.session import DEFAULT_TASKS, MODES, ReviewCard, ReviewProgress, RunReview
from bootstruct.reviewing.sheet import sides
from bootstruct.reviewing.watch import yields
from bootstruct.run.status import status_of

Values = dict[str, Any]
TITLES: Final = {QUALITY: "Quality review", RATING: "Blind rating", PAIR: "Pairwise"}
HINTS: Final = {  # the questions to the paper's expert, in our words, with hints
    "task": "Could somebody begin to work on it? A task may be odd or hard, but it must be a task.",
    "input": "It fits the instruction and contains what is needed. An empty input is fine if none is needed.",
    "output": "It does what the instruction asks, and its content is right.",
}
NEWEST: Final = 10
MOST_DISPUTES: Final = 100


@dataclass(frozen=True, slots=True)
class ReviewerPages:
    """The pages of one reviewer."""

    reviewer: str

    def url(self, *parts: str, **query: str) -> str:
        """An address below the reviewer's own."""
        path = "/".join(("/r", quote(self.reviewer, safe=""), *parts))
        return path + (
            "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items()) if query else ""
        )


def home(session: RunReview, reviewer: str) -> Values:
    """A reviewer's start page: the work and its progress."""
    tasks, drawn = sum(map(len, session.population().values())), len(session.reviews.items)
    wanted = session.wanted.tasks or (0 if drawn else DEFAULT_TASKS)
    return {
        "progress": {mode: session.progress(mode, reviewer) for mode in MODES if session.items(mode, reviewer)},
        "drawn": drawn,
        "of": session.reviews.of,
        "tasks": tasks,
        "drawable": max(0, min(wanted, tasks) - drawn),
        "has_journal": session.follower.state is not None,
        "sheet": session.sheet,
        "names": session.names(),
        "overlap": session.overlap,
        "shared": bool(session.reviewers),
        "not_listed": bool(session.reviewers) and reviewer not in session.reviewers,
    }


def stage(
    session: RunReview, mode: str, reviewer: str, card: ReviewCard | None, draft: ReviewRecorded | None = None
) -> Values:
    """One item to be judged.

    Args:
        draft: a judgement that was just withdrawn, for correction.
    """
    progress = session.progress(mode, reviewer)
    values: Values = {
        "mode": mode,
        "card": card,
        "progress": progress,
        "minutes": minutes_in_words(progress),
        "last": card.last if card else session.last(mode, reviewer),
        "said": (draft.verdict if draft else card.verdict) if card else {},
        "note": (draft.note if draft else card.note) if card else "",
    }
    if card is None:
        return values
    if mode == QUALITY:
        state = session.follower.state
        found = text_of(state, card.item, session.follower.texts) if state else None
        return values | {"text": found, "questions": QUESTIONS, "hints": HINTS}
    assert session.sheet is not None
    if mode == RATING:
        return values | {"answer": session.sheet.answers[card.item], "levels": paper.LEVELS}
    left, right = sides(card.item, reviewer, session.wanted.seed)
    return values | {"left": session.sheet.answers[left], "right": session.sheet.answers[right]}


def seconds_in_words(seconds: float) -> str:
    """The median time spent on an item, in words."""
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def minutes_in_words(progress: ReviewProgress) -> str:
    """How long the rest may take, in words."""
    minutes = progress.minutes_left
    if minutes is None or progress.done < 3 or not progress.left:
        return ""
    if minutes < 1:
        return "under a minute left"
    return f"about {minutes:.0f} min left" if minutes < 90 else f"about {minutes / 60:.1f} h left"


def watch(session: RunReview) -> Values:
    """The state of the run: counts, rates, the funnel from candidates to tasks, and the newest tasks."""
    follower, state = session.follower, session.follower.state
    if state is None:
        return {"status": None, "fault": follower.fault}
    status = status_of(state, read_machine(session.folder if session.folder.is_dir() else None).prices)
    newest = []
    for task in reversed(state.accepted[-NEWEST:]):
        newest.append((task, state.completed.get(task.name)))
    funnel = [("candidates", status.candidates, "all")]
    funnel += [(f"refused: {rule}", count, "lost") for rule, count in status.rejected.items()]
    funnel += [("accepted", status.accepted, ""), ("annotated", status.completed, "")]
    funnel += [("with instances", status.completed - status.without_instances, "")]
    most = max(1, status.candidates)
    return {
        "status": status,
        "fault": follower.fault,
        "rate": follower.per_minute(),
        "changed_at": follower.changed_at,
        "funnel": [(name, count, kind, bars.meter(count / most, kind)) for name, count, kind in funnel],
        "newest": newest,
        "spark": bars.sparkline(values, "Accepted instructions per request over the run", "per request")
        if len(values := yields(state)) > 3
        else "",
    }


def outcome(session: RunReview, reviewer: str, unblind: bool) -> Values:
    """All results.

    Args:
        unblind: whether the models' names are shown.
    """
    reviews = session.reviews
    judged = {mode: reviews.all_standing(mode, session.digest(mode)) for mode in MODES}
    columns = results.columns(reviews)
    strips = [bars.interval_strip(row.share, row.low, row.high, paper.TABLE_2[row.question]) for row in columns[0].rows]
    key = session.sheet.key() if session.sheet and unblind else None
    counts = results.level_counts(judged[RATING], key) if key else {}
    chart = [bars.RatingBar(model, count) for model, count in counts.items()]
    chart += [bars.RatingBar(f"{model} (paper)", value, published=True) for model, value in paper.FIGURE_6]
    names = {**QUESTIONS, "all": ""}
    disputed = [
        _disputed(session, dispute, reviewer)
        for mode in MODES
        for dispute in results.disputes(judged[mode], mode)[:MOST_DISPUTES]
    ]
    return {
        "columns": columns,
        "rows": list(zip(names, strips, strict=True)),
        "paper": paper,
        "published": published_table(),
        "judged": {mode: len(value) for mode, value in judged.items()},
        "raters": {mode: len({review.reviewer for review in reviews_of}) for mode, reviews_of in judged.items()},
        "bad": len(bad_tasks(reviews)),
        "seconds": {mode: _median([review.seconds for review in reviews_of]) for mode, reviews_of in judged.items()},
        "has_key": session.sheet is not None and (session.sheet.folder / "key.json").is_file(),
        "unblind": key is not None,
        "waiting": [
            (name, left)
            for name in session.names()
            if (left := session.progress(RATING, name).left + session.progress(PAIR, name).left)
        ] if session.sheet else [],
        "counts": counts,
        "stacked": bars.stacked_ratings(chart, "Share of levels A to D by model") if counts else "",
        "duels": results.pair_tallies(judged[PAIR], key) if key else [],
        "agreements": [(mode, agreement) for mode in MODES for agreement in results.agreements(judged[mode], mode)],
        "disputes": disputed,
    }  # fmt: skip


def _median(seconds: list[float]) -> float | None:
    looks = sorted(second for second in seconds if second > 0)
    return looks[len(looks) // 2] if looks else None


def _disputed(session: RunReview, dispute: results.Dispute, reviewer: str) -> Values:
    instruction, state = "", session.follower.state
    if dispute.mode == QUALITY:
        found = text_of(state, dispute.item, session.follower.texts) if state else None
        instruction = found[0] if found else ""
    elif session.sheet:
        answer = session.sheet.answers.get(dispute.item.split(BETWEEN)[0])
        instruction = answer.instruction if answer else ""
    mine = dispute.item in session.items(dispute.mode, reviewer)
    return {
        "mode": dispute.mode,
        "title": TITLES[dispute.mode],
        "item": dispute.item.replace(BETWEEN, " and "),
        "instruction": one_line(instruction, 220) or "(not in this run)",
        "said": [(review.reviewer, in_words(dispute.mode, review.verdict), review.note) for review in dispute.judged],
        "url": ReviewerPages(reviewer).url(dispute.mode, item=dispute.item) if mine else "",
    }


def in_words(mode: str, verdict: ReviewVerdict) -> list[tuple[str, str]]:
    """A judgement in short: (words, class of the mark)."""
    if mode == QUALITY:
        return [(f"{name} {'yes' if verdict[name] else 'no'}", "yes" if verdict[name] else "no") for name in QUESTIONS]
    if mode == RATING:
        return [(str(verdict["level"]), f"level-{str(verdict['level']).lower()}")]
    better = str(verdict["better"])
    return [("tie" if better == "tie" else f"{better} is better", "")]


def run_name(folder: Path) -> str:
    """A folder's name, shortened."""
    return one_line(folder.resolve().name or str(folder), 40)
