"""Optional sections of a page, prepared for the template: quality review, distance from test sets, diversity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from bootstruct import paper
from bootstruct.journal.reviews import ALL_THREE, QUESTIONS, published_table
from bootstruct.render.bars import share_bar
from bootstruct.render.numbers import counted, percent
from bootstruct.render.sanitize import clip, visible
from bootstruct.reporting import charts, statistics
from bootstruct.reporting.held_out import HeldOutOverlap
from bootstruct.reporting.measure import DatasetMeasures
from bootstruct.reporting.quality import Quality
from bootstruct.reporting.view import ReportBar, ReportFigure, bin_rows
from bootstruct.stages.contamination import LEAST_INPUT, NEAR_THRESHOLD, RUN_LENGTH, TaskOverlap

PAIRS, LONGEST = 10, 400  # pairs that are shown of a test set, and characters of their texts
LABELS = QUESTIONS | {ALL_THREE: "All three"}


@dataclass(frozen=True, slots=True)
class QualityView:
    """The quality section of the page.

    Attributes:
        rows: (question, share of yes, interval, the paper's share with its interval).
    """

    rows: tuple[tuple[str, str, str, str], ...]
    caption: str


@dataclass(frozen=True, slots=True)
class NearestMatch:
    """A task of a test set and the training text nearest to it.

    Attributes:
        shared: what is equal in the two, in words.
    """

    score: str
    task: str
    text: str
    nearest: str
    nearest_text: str
    shared: str


@dataclass(frozen=True, slots=True)
class TestSetOverlapView:
    """A test set: the distribution of its scores, counts, and the pairs to look at."""

    label: str
    figure: ReportFigure
    counts: tuple[ReportBar, ...]
    pairs: tuple[NearestMatch, ...]
    more: int
    alarming: int


def quality_view(quality: Quality | None) -> QualityView | None:
    """The quality section, if people have judged the run."""
    if quality is None:
        return None
    published = published_table()
    rows = tuple(
        (
            LABELS[row.question],
            f"{row.share:.0%}",
            f"{row.low:.0%} to {row.high:.0%}",
            "{0.share:.0%} ({0.low:.0%} to {0.high:.0%})".format(published[row.question]),
        )
        for row in quality.rows
    )
    drawn = f" of {quality.drawn:,} drawn" if quality.drawn > quality.tasks else ""
    several = (
        " A task that several people judged counts once, as the share of them who say yes."
        if quality.reviewers > 1
        else ""
    )
    caption = (
        f"{counted(quality.tasks, 'task')}{drawn}, judged by {counted(quality.reviewers, 'reviewer')}; paper: "
        f"{paper.TABLE_2_TASKS} tasks, one expert. The intervals are Wilson's, 95%.{several}"
    )
    return QualityView(rows, caption)


def nearby_view(near: HeldOutOverlap) -> TestSetOverlapView:
    """The section about one test set."""
    tasks = near.found.tasks
    alarming = [task for task in tasks if task.is_alarming]
    shown = list(dict.fromkeys([*alarming, *tasks]))[:PAIRS]
    pairs = tuple(_pair(nearness, near.instructions[nearness.task]) for nearness in shown)
    counts = tuple(
        ReportBar(
            name,
            f"{count:,} · {percent(count, len(tasks))}" if count else "0",
            share_bar(0, count / len(tasks)),
        )
        for name, count in shared_counts(near)
    )
    return TestSetOverlapView(
        visible(near.label), _figure(near), counts, pairs, len(alarming) - len(shown), len(alarming)
    )


def shared_counts(near: HeldOutOverlap) -> list[tuple[str, int]]:
    """How many tasks of a test set are near, and how many share something word for word."""
    summary = near.found.summary()
    return [
        (f"ROUGE-L {NEAR_THRESHOLD:g} or more", summary["at_least"]["0.7"]),
        ("ROUGE-L 0.5 or more", summary["at_least"]["0.5"]),
        ("the same instruction", summary["same_instruction"]),
        ("the same instruction and input", summary["same_example"]),
        (f"the same input of {LEAST_INPUT} words or more", summary["same_input"]),
        ("the same shorter input", summary["same_short_input"]),
        (f"{RUN_LENGTH} consecutive words", summary["sharing_13_words"]),
    ]


def _figure(near: HeldOutOverlap) -> ReportFigure:
    scores = np.array([task.score for task in near.found.tasks])
    title = "Best ROUGE-L with the training data"
    caption = (
        f"{counted(len(scores), 'task')} against {counted(near.found.texts, 'training text')}: mean {scores.mean():.2f}, "
        f"highest {scores.max():.2f}."
    )
    bins = statistics.score_bins(scores)
    marks = [(NEAR_THRESHOLD, f"{NEAR_THRESHOLD:g}")]
    svg = charts.histogram(bins, f"Histogram. {title}: {caption}", "ROUGE-L F-measure", marks)
    return ReportFigure(title, Markup(svg), caption, ("ROUGE-L from", "Test tasks"), bin_rows(bins))


def _pair(task: TaskOverlap, instruction: str) -> NearestMatch:
    shared = [
        f"same instruction as {', '.join(task.same_instruction)}" if task.same_instruction else "",
        f"same input as in {', '.join(task.same_input)}" if task.same_input else "",
        f"same short input as in {', '.join(task.same_short_input)}" if task.same_short_input else "",
        f"{task.runs:,} of {task.of_runs:,} runs of {RUN_LENGTH} words, first in {task.where}" if task.runs else "",
    ]
    return NearestMatch(
        f"{task.score:.2f}",
        _shown(task.task),
        _shown(instruction),
        _shown(task.nearest) if task.score else "",  # with no word in common, all texts are equally near
        _shown(task.nearest_text) if task.score else "",
        _shown("; ".join(filter(None, shared))),
    )


def _shown(text: str) -> str:
    return visible(clip(text, LONGEST))


def nearby_views(all_nearby: Sequence[HeldOutOverlap]) -> list[TestSetOverlapView]:
    """The sections about all test sets."""
    return [nearby_view(nearby) for nearby in all_nearby]


def sample_note(measured: DatasetMeasures) -> str:
    """The texts that the measures of diversity cover; empty if there are none."""
    found = measured.diversity
    if found is None:
        return ""
    sample = (
        f"a random sample of {found.sample:,} of {found.texts:,}"
        if found.sample < found.texts
        else f"all {found.texts:,}"
    )
    tokens = "pieces between blanks" if found.tokens == "blanks" else "words of any script"
    return f"Of {sample} instructions; their tokens are {tokens}."
