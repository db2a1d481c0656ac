"""The two sections that not every page has, made ready for the template: quality review, and distance from test sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from bootstruct.judgements import ALL_THREE, QUESTIONS
from bootstruct.report import figures, numbers, paper
from bootstruct.report.held_out import Nearby
from bootstruct.report.quality import Quality
from bootstruct.report.text import clip, visible
from bootstruct.report.view import Bar, Figure, bin_rows, percent
from bootstruct.stages.overlap import NEAR, RUN_LENGTH, Nearness

PAIRS, LONGEST = 10, 400  # pairs that are shown of a test set, and characters of their texts
SAID = QUESTIONS | {ALL_THREE: "All three"}


@dataclass(frozen=True, slots=True)
class QualityView:
    """rows: (question, share of yes, interval, the paper's share)."""

    rows: tuple[tuple[str, str, str, str], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A task of a test set and the training text nearest to it. shared: what is equal in the two, in words."""

    score: str
    task: str
    text: str
    nearest: str
    nearest_text: str
    shared: str


@dataclass(frozen=True, slots=True)
class NearbyView:
    """A test set: how its scores are spread, counts, and the pairs to look at."""

    label: str
    figure: Figure
    counts: tuple[Bar, ...]
    pairs: tuple[Pair, ...]
    more: int
    alarming: int


def quality_view(quality: Quality | None) -> QualityView | None:
    if quality is None:
        return None
    rows = tuple(
        (SAID[row.question], f"{row.share:.0%}", f"{row.low:.0%} to {row.high:.0%}", f"{paper.QUALITY[row.question]}%")
        for row in quality.rows
    )
    drawn = f" of {quality.drawn:,} drawn" if quality.drawn > quality.tasks else ""
    several = " A task that several judged counts as the share of them who say yes." if quality.reviewers > 1 else ""
    caption = (
        f"{counted(quality.tasks, 'task')}{drawn}, judged by {counted(quality.reviewers, 'reviewer')}; paper: "
        f"{paper.JUDGED} tasks, one expert. The interval is Wilson's, 95%.{several}"
    )
    return QualityView(rows, caption)


def nearby_view(near: Nearby) -> NearbyView:
    tasks = near.found.tasks
    alarming = [each for each in tasks if each.is_alarming]
    shown = list(dict.fromkeys([*alarming, *tasks]))[:PAIRS]
    pairs = tuple(_pair(each, near.instructions[each.task]) for each in shown)
    counts = tuple(
        Bar(
            name,
            f"{count:,} · {percent(count, len(tasks))}" if count else "0",
            Markup(figures.bar(0, count / len(tasks))),
        )
        for name, count in shared_counts(near)
    )
    return NearbyView(visible(near.label), _figure(near), counts, pairs, len(alarming) - len(shown), len(alarming))


def shared_counts(near: Nearby) -> list[tuple[str, int]]:
    """How many tasks of a test set are near, and how many share something word for word."""
    summary = near.found.summary()
    return [
        (f"ROUGE-L {NEAR:g} or more", summary["at_least"]["0.7"]),
        ("ROUGE-L 0.5 or more", summary["at_least"]["0.5"]),
        ("the same instruction", summary["same_instruction"]),
        ("the same input", summary["same_input"]),
        (f"{RUN_LENGTH} words in a row", summary["sharing_13_words"]),
    ]


def _figure(near: Nearby) -> Figure:
    scores = np.array([each.score for each in near.found.tasks])
    title = "Best ROUGE-L with the training data"
    caption = (
        f"{counted(len(scores), 'task')} against {counted(near.found.texts, 'training text')}: mean {scores.mean():.2f}, "
        f"highest {scores.max():.2f}."
    )
    bins = numbers.score_bins(scores)
    marks = [(NEAR, f"{NEAR:g}")]
    svg = figures.histogram(bins, f"Histogram. {title}: {caption}", "ROUGE-L F-measure", marks)
    return Figure(title, Markup(svg), caption, ("ROUGE-L from", "Test tasks"), bin_rows(bins))


def _pair(each: Nearness, instruction: str) -> Pair:
    shared = [
        f"same instruction as {', '.join(each.same_instruction)}" if each.same_instruction else "",
        f"same input as in {', '.join(each.same_input)}" if each.same_input else "",
        f"{each.runs:,} of {each.of_runs:,} runs of {RUN_LENGTH} words, first in {each.where}" if each.runs else "",
    ]
    return Pair(
        f"{each.score:.2f}",
        _shown(each.task),
        _shown(instruction),
        _shown(each.nearest) if each.score else "",  # with no word in common any text is as near as another
        _shown(each.nearest_text) if each.score else "",
        _shown("; ".join(filter(None, shared))),
    )


def _shown(text: str) -> str:
    return visible(clip(text, LONGEST))


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def nearby_views(all_nearby: Sequence[Nearby]) -> list[NearbyView]:
    return [nearby_view(each) for each in all_nearby]
