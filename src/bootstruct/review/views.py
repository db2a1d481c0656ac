"""What each page shows, as values for its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bootstruct.judgements import BETWEEN, PAIR, QUALITY, QUESTIONS, RATING, Judged, Said, bad_tasks
from bootstruct.review import bars, paper, results
from bootstruct.review.desk import DEFAULT_TASKS, MODES, Card, Desk, Progress
from bootstruct.review.sample import text_of
from bootstruct.review.sheet import sides
from bootstruct.review.text import clipped
from bootstruct.review.watch import yields
from bootstruct.settings import read_machine
from bootstruct.status import status_of

Values = dict[str, Any]
TITLES: Final = {QUALITY: "Quality review", RATING: "Blind rating", PAIR: "Pairwise"}
HINTS: Final = {  # what the paper's expert was asked, in our words, with what to look at
    "task": "Could someone set to work on it? A task may be odd or hard, but it must be one.",
    "input": "It fits the instruction and holds what is needed. No input is fine where none is needed.",
    "output": "It does what was asked, and what it says is right.",
}
NEWEST: Final = 10
MOST_DISPUTES: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A reviewer's corner of the site."""

    reviewer: str

    def url(self, *parts: str, **query: str) -> str:
        path = "/".join(("/r", quote(self.reviewer, safe=""), *parts))
        return path + (
            "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items()) if query else ""
        )


def home(desk: Desk, reviewer: str) -> Values:
    """A reviewer's start page: the work there is, and how far it is."""
    tasks, drawn = sum(map(len, desk.population().values())), len(desk.reviews.items)
    wanted = desk.wanted.tasks or (0 if drawn else DEFAULT_TASKS)
    return {
        "progress": {mode: desk.progress(mode, reviewer) for mode in MODES if desk.items(mode, reviewer)},
        "drawn": drawn,
        "of": desk.reviews.of,
        "tasks": tasks,
        "drawable": max(0, min(wanted, tasks) - drawn),
        "has_journal": desk.follower.state is not None,
        "sheet": desk.sheet,
        "names": desk.names(),
        "overlap": desk.overlap,
        "shared": bool(desk.reviewers),
        "not_listed": bool(desk.reviewers) and reviewer not in desk.reviewers,
    }


def stage(desk: Desk, mode: str, reviewer: str, card: Card | None, draft: Judged | None = None) -> Values:
    """One item to be judged. draft: a judgement just taken back, to be mended instead of given anew."""
    progress = desk.progress(mode, reviewer)
    values: Values = {
        "mode": mode,
        "card": card,
        "progress": progress,
        "minutes": told_minutes(progress),
        "last": card.last if card else desk.last(mode, reviewer),
        "said": (draft.said if draft else card.said) if card else {},
        "note": (draft.note if draft else card.note) if card else "",
    }
    if card is None:
        return values
    if mode == QUALITY:
        state = desk.follower.state
        found = text_of(state, card.item, desk.follower.texts) if state else None
        return values | {"text": found, "questions": QUESTIONS, "hints": HINTS}
    assert desk.sheet is not None
    if mode == RATING:
        return values | {"answer": desk.sheet.answers[card.item], "levels": paper.LEVELS}
    left, right = sides(card.item, reviewer, desk.wanted.seed)
    return values | {"left": desk.sheet.answers[left], "right": desk.sheet.answers[right]}


def told_seconds(seconds: float) -> str:
    """The median look at an item, in words."""
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def told_minutes(progress: Progress) -> str:
    """How long the rest may take, in words."""
    minutes = progress.minutes_left
    if minutes is None or progress.done < 3 or not progress.left:
        return ""
    if minutes < 1:
        return "under a minute left"
    return f"about {minutes:.0f} min left" if minutes < 90 else f"about {minutes / 60:.1f} h left"


def watch(desk: Desk) -> Values:
    """The run as it stands: counts, rates, the way from candidates to tasks, and the newest of them."""
    follower, state = desk.follower, desk.follower.state
    if state is None:
        return {"status": None, "fault": follower.fault}
    status = status_of(state, read_machine(desk.folder if desk.folder.is_dir() else None).prices)
    newest = []
    for task in reversed(state.machine[-NEWEST:]):
        newest.append((task, state.annotated.get(task.name)))
    funnel = [("candidates", status.candidates, "all")]
    funnel += [(f"refused: {rule}", count, "lost") for rule, count in status.refused.items()]
    funnel += [("accepted", status.accepted, ""), ("annotated", status.annotated, "")]
    funnel += [("with instances", status.annotated - status.without_instances, "")]
    most = max(1, status.candidates)
    return {
        "status": status,
        "fault": follower.fault,
        "rate": follower.per_minute(),
        "changed_at": follower.changed_at,
        "funnel": [(name, count, kind, bars.meter(count / most, kind)) for name, count, kind in funnel],
        "newest": newest,
        "spark": bars.sparkline(values) if len(values := yields(state)) > 3 else "",
    }


def outcome(desk: Desk, reviewer: str, unblind: bool) -> Values:
    """All results. unblind: whether the models' names are to be shown."""
    reviews = desk.reviews
    judged = {mode: reviews.all_standing(mode, desk.digest(mode)) for mode in MODES}
    columns = results.columns(reviews)
    strips = [bars.against_paper(row, paper.TABLE_2[row.question]) for row in columns[0].rows]
    key = desk.sheet.key() if desk.sheet and unblind else None
    counts = results.level_counts(judged[RATING], key) if key else {}
    chart: list[tuple[str, Sequence[int], bool]] = [(model, each, False) for model, each in counts.items()]
    chart += [(f"{model} (paper)", each, True) for model, each in paper.FIGURE_6]
    names = {**QUESTIONS, "all": ""}
    disputed = [
        _disputed(desk, dispute, reviewer)
        for mode in MODES
        for dispute in results.disputes(judged[mode], mode)[:MOST_DISPUTES]
    ]
    return {
        "columns": columns,
        "rows": list(zip(names, strips, strict=True)),
        "paper": paper,
        "judged": {mode: len(each) for mode, each in judged.items()},
        "raters": {mode: len({each.reviewer for each in said}) for mode, said in judged.items()},
        "bad": len(bad_tasks(reviews)),
        "seconds": {mode: _median([each.seconds for each in said]) for mode, said in judged.items()},
        "has_key": desk.sheet is not None and (desk.sheet.folder / "key.json").is_file(),
        "unblind": key is not None,
        "waiting": [
            (name, left) for name in desk.names() if (left := desk.progress(RATING, name).left + desk.progress(PAIR, name).left)
        ] if desk.sheet else [],
        "counts": counts,
        "stacked": bars.stacked(chart) if counts else "",
        "duels": results.duels(judged[PAIR], key) if key else [],
        "agreements": [(mode, each) for mode in MODES for each in results.agreements(judged[mode], mode)],
        "disputes": disputed,
    }  # fmt: skip


def _median(seconds: list[float]) -> float | None:
    looks = sorted(each for each in seconds if each > 0)
    return looks[len(looks) // 2] if looks else None


def _disputed(desk: Desk, dispute: results.Dispute, reviewer: str) -> Values:
    instruction, state = "", desk.follower.state
    if dispute.mode == QUALITY:
        found = text_of(state, dispute.item, desk.follower.texts) if state else None
        instruction = found[0] if found else ""
    elif desk.sheet:
        answer = desk.sheet.answers.get(dispute.item.split(BETWEEN)[0])
        instruction = answer.instruction if answer else ""
    mine = dispute.item in desk.items(dispute.mode, reviewer)
    return {
        "mode": dispute.mode,
        "title": TITLES[dispute.mode],
        "item": dispute.item.replace(BETWEEN, " and "),
        "instruction": clipped(instruction, 220) or "(not in this run)",
        "said": [(each.reviewer, told(dispute.mode, each.said), each.note) for each in dispute.judged],
        "url": Place(reviewer).url(dispute.mode, item=dispute.item) if mine else "",
    }


def told(mode: str, said: Said) -> list[tuple[str, str]]:
    """What was said in short: (words, class of the mark)."""
    if mode == QUALITY:
        return [(f"{name} {'yes' if said[name] else 'no'}", "yes" if said[name] else "no") for name in QUESTIONS]
    if mode == RATING:
        return [(str(said["level"]), f"level-{str(said['level']).lower()}")]
    better = str(said["better"])
    return [("tie" if better == "tie" else f"{better} is better", "")]


def run_name(folder: Path) -> str:
    return clipped(folder.resolve().name or str(folder), 40)
