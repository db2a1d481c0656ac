"""The values for the page's template: numbers as words, figures as SVG. One `DatasetPanel` for each data set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from bootstruct import paper
from bootstruct.render.bars import share_bar
from bootstruct.render.numbers import money, number, percent
from bootstruct.render.sanitize import clip, visible
from bootstruct.reporting import charts, statistics
from bootstruct.reporting.measure import DatasetMeasures
from bootstruct.reporting.statistics import Bins, Curve, DatasetCounts, SimilarityScores, Verbs

LABELS_SHOWN, LABEL_LONGEST = 12, 48
VERBS_LISTED = 8
NONE = "–"


@dataclass(frozen=True, slots=True)
class ReportFigure:
    """A drawing with its caption and the numbers behind it, for readers who cannot see it."""

    title: str
    svg: Markup
    caption: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class MissingFigure:
    """A figure that cannot be drawn, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class ReportBar:
    """One bar of a list: its name, its value as text, and the drawing."""

    name: str
    value: str
    svg: Markup


@dataclass(slots=True)
class DatasetPanel:
    """One data set on the page."""

    label: str
    measured: DatasetMeasures
    tiles: list[tuple[str, str, str]] = field(default_factory=list)
    verbs: ReportFigure | MissingFigure | None = None
    top_verbs: list[ReportBar] = field(default_factory=list)
    near: list[ReportFigure | MissingFigure] = field(default_factory=list)
    lengths: list[ReportFigure | MissingFigure] = field(default_factory=list)
    labels: list[ReportBar] = field(default_factory=list)
    labels_note: str = ""
    growth: list[ReportFigure | MissingFigure] = field(default_factory=list)


PAPER_COUNTS = statistics.DatasetCounts(**paper.TABLE_1)  # type: ignore[arg-type]


def table_rows(tables: Sequence[DatasetCounts]) -> list[tuple[str, list[str]]]:
    """Table 1, a row for each number: (name, the figures of each data set)."""
    lines = [
        ("Instructions", 0, "instructions"),
        ("classification", 0, "classification"),
        ("other", 0, "other"),
        ("Instances", 0, "instances"),
        ("with an empty input", 0, "empty_inputs"),
        ("Words per instruction", 1, "words_instruction"),
        ("Words per non-empty input", 1, "words_input"),
        ("Words per output", 1, "words_output"),
    ]
    return [(name, [number(getattr(table, key), digits) for table in tables]) for name, digits, key in lines]


def panels(all_measured: Sequence[DatasetMeasures]) -> list[DatasetPanel]:
    """A panel for each data set, drawn over the same bins so that they can be compared."""
    every = [entry.lengths for entry in all_measured]
    longest = [
        statistics.usual_longest([lengths.instruction for lengths in every]),
        statistics.usual_longest([lengths.input for lengths in every]),
        statistics.usual_longest([lengths.output for lengths in every]),
    ]
    made = []
    for measured in all_measured:
        panel = DatasetPanel(visible(measured.subject.label), measured)
        panel.tiles = _tiles(measured)
        panel.verbs = _verbs(measured)
        panel.top_verbs = _top_verbs(measured)
        panel.near = [_near_seeds(measured), _near_pool(measured)]
        panel.lengths = _lengths(measured, longest)
        _labels(panel)
        panel.growth = [_yield(measured), _vocabulary(measured)]
        made.append(panel)
    return made


def _tiles(measured: DatasetMeasures) -> list[tuple[str, str, str]]:
    """(name, figure, text beside it) of the most informative numbers."""
    table, tiles = measured.table, []
    tiles.append(("instructions", number(table.instructions), f"paper {PAPER_COUNTS.instructions:,}"))
    tiles.append(("instances", number(table.instances), f"paper {PAPER_COUNTS.instances:,}"))
    if measured.verbs is not None:
        share = percent(measured.verbs.found, measured.verbs.read)
        published = f"paper {paper.PAIRS / PAPER_COUNTS.instructions:.0%}"
        if not measured.verbs.is_like_paper:
            published = f"by the paper's method {_between(measured.verbs)}; {published}"
        tiles.append(("verb and object found", share, published))
    if measured.near is not None:
        far = f"{measured.near.below(paper.NEAR):.0%}"
        tiles.append((f"below {paper.NEAR} ROUGE-L with the seeds", far, "paper over half"))
    if measured.funnel is not None and measured.funnel.steps[0].count:
        kept = percent(table.instructions, measured.funnel.steps[0].count)
        tiles.append(("of the candidates accepted", kept, f"{measured.funnel.steps[0].count:,} candidates"))
    if measured.cost is not None and measured.cost > 0:
        tiles.append(
            ("at list price", money(measured.cost), f"{sum(spent.requests for spent in measured.spent):,} requests")
        )
    return tiles


def _verbs(measured: DatasetMeasures) -> ReportFigure | MissingFigure | None:
    verbs, title = measured.verbs, "What the instructions ask for"
    if verbs is None:
        return None
    if not verbs.found:
        return MissingFigure(title, "No instruction has a root verb with a direct object that could be found.")
    top = verbs.top(paper.VERBS, paper.OBJECTS)
    covered = sum(count for _, _, kids in top for _, count in kids) / verbs.read
    share = percent(verbs.found, verbs.read)
    svg = charts.sunburst(
        top,
        f"Sunburst of the {len(top)} most common root verbs and their {paper.OBJECTS} most common objects, "
        f"led by {', '.join(verb for verb, _, _ in top[:3])}. The table below has all numbers.",
        (share, "verb + object"),
    )
    sample = f" of a random sample of {verbs.read:,}" if verbs.read < verbs.of else f" of {verbs.read:,}"
    caption = (
        f"{verbs.found:,}{sample} instructions ({share}) have a root verb with a direct object, found by {verbs.reader}. "
        f"{like_for_like(verbs)} The "
        f"{len(top)} most common verbs with their {paper.OBJECTS} most common objects make up {covered:.0%} of all "
        f"instructions (paper: {paper.COVERED:.0%}); {len(verbs.pairs):,} different pairs."
    )
    rows = tuple((verb, f"{n:,}", ", ".join(f"{noun} {count:,}" for noun, count in kids)) for verb, n, kids in top)
    return ReportFigure(title, Markup(svg), caption, ("Root verb", "Instructions", "Commonest objects"), rows)


def like_for_like(verbs: Verbs) -> str:
    """The share beside the paper's, as a sentence: by the paper's own method, or what that method would find."""
    published = f"{paper.PAIRS:,} of {PAPER_COUNTS.instructions:,} ({paper.PAIRS / PAPER_COUNTS.instructions:.0%})"
    if verbs.is_like_paper:
        return f"The paper, by the same method, found {published}."
    return (
        f"The paper found {published} by another method, spaCy's parse of the first sentence, which would find about "
        f"{_between(verbs)} here: it found {verbs.like_paper[0]} to {verbs.like_paper[1]} pairs for each pair of these rules "
        "wherever the two were compared."
    )


def _between(verbs: Verbs) -> str:
    low, high = verbs.shares_like_paper
    return f"{100 * low:.0f} to {high:.0%}"


def _top_verbs(measured: DatasetMeasures) -> list[ReportBar]:
    top = measured.verbs.top(VERBS_LISTED, 1) if measured.verbs is not None else []
    read = measured.verbs.read if measured.verbs is not None else 0
    return [ReportBar(verb, f"{n:,} · {percent(n, read)}", share_bar(n / top[0][1])) for verb, n, _ in top]


def _near_seeds(measured: DatasetMeasures) -> ReportFigure | MissingFigure:
    near, title = measured.near, "Best ROUGE-L with the seeds"
    if near is None:
        why = (
            "No seeds are known; name them with --seeds FILE." if not measured.subject.seeds else "No instruction yet."
        )
        return MissingFigure(title, why)
    caption = (
        f"{near.below(paper.NEAR):.0%} stay below {paper.NEAR} with all {len(measured.subject.seeds)} seeds"
        f" (paper: over half). Mean {near.scores.mean():.2f}.{_sampled(near)}"
    )
    return _scores(near, title, caption, [(paper.NEAR, f"{near.below(paper.NEAR):.0%} below {paper.NEAR}")], paper.NEAR)


def _near_pool(measured: DatasetMeasures) -> ReportFigure | MissingFigure:
    title = "Nearest other text of the pool"
    if measured.neighbours is None:
        return MissingFigure(title, "At least two texts are needed for a comparison.")
    near = measured.neighbours.nearness
    caption = f"Best ROUGE-L with any other instruction or seed. Mean {near.scores.mean():.2f}.{_sampled(near)}"
    marks = []
    if measured.subject.history is not None:
        limit = measured.subject.history.state.recipe.propose.novelty.threshold
        marks.append((limit, f"rejected above {limit:g}"))
    return _scores(near, title, caption, marks)


def _sampled(near: SimilarityScores) -> str:
    return f" From a random sample of {len(near.scores):,} of {near.of:,}." if near.sampled else ""


def _scores(
    near: SimilarityScores, title: str, caption: str, marks: Sequence[charts.Mark], pale: float = 2
) -> ReportFigure:
    bins = statistics.score_bins(near.scores)
    svg = charts.histogram(bins, f"Histogram. {title}: {caption}", "ROUGE-L F-measure", marks, pale)
    return ReportFigure(title, Markup(svg), caption, ("ROUGE-L from", "Instructions"), bin_rows(bins))


def bin_rows(bins: Bins) -> tuple[tuple[str, ...], ...]:
    """The bins of a histogram as rows of a table."""
    return tuple((f"{edge:g}", f"{count:,}") for edge, count in zip(bins.edges, bins.counts, strict=False))


def _lengths(measured: DatasetMeasures, longest: Sequence[int]) -> list[ReportFigure | MissingFigure]:
    made: list[ReportFigure | MissingFigure] = []
    named = [
        ("Instructions", measured.lengths.instruction, PAPER_COUNTS.words_instruction),
        ("Non-empty inputs", measured.lengths.input, PAPER_COUNTS.words_input),
        ("Outputs", measured.lengths.output, PAPER_COUNTS.words_output),
    ]
    for (title, values, theirs), most in zip(named, longest, strict=True):
        if not len(values):
            made.append(MissingFigure(title, "None in this data set."))
            continue
        mean = float(values.mean())
        bins = statistics.length_bins(values, most)
        caption = f"Mean {mean:.1f} words (paper: {theirs}), median {np.median(values):g}, longest {values.max():,}."
        marks = [(mean, f"mean {mean:.1f}")]
        svg = charts.histogram(bins, f"Histogram of lengths. {title}: {caption}", "words", marks, width=charts.NARROW)
        made.append(ReportFigure(title, Markup(svg), caption, ("Words from", "Count"), bin_rows(bins)))
    return made


def _labels(panel: DatasetPanel) -> None:
    labels = panel.measured.labels
    if labels is None:
        known = panel.measured.table.classification is not None
        why = (
            "No classification task has an instance."
            if known
            else "This source does not say which tasks are classification."
        )
        panel.labels_note = why
        return
    total = sum(labels.counts.values())
    top = sorted(labels.counts.items(), key=lambda row: (-row[1], row[0]))[:LABELS_SHOWN]
    for label, count in top:
        name = visible(clip(label, LABEL_LONGEST)) or "(empty)"
        panel.labels.append(ReportBar(name, f"{count:,} · {percent(count, total)}", share_bar(count / top[0][1])))
    panel.labels_note = (
        f"{labels.tasks:,} classification tasks with {total:,} labels, {len(labels.counts):,} of them different; the "
        f"most common makes up {percent(top[0][1], total)}."
    )
    if labels.several:
        alike = f"{labels.one_label:,} have the same label in all."
        panel.labels_note += f" Of {labels.several:,} tasks with several instances, {alike}"


def _yield(measured: DatasetMeasures) -> ReportFigure | MissingFigure:
    found, title = measured.yields, "Yield over the run"
    if found is None:
        return MissingFigure(title, "Only a run with a few requests can show its yield.")
    first, last = found.accepted.y[0], found.accepted.y[-1]
    caption = (
        f"Accepted instructions per 100 requests, in windows of {found.window:,}: {first:,.0f} at first, "
        f"{last:,.0f} at last. "
        "A run is becoming exhausted if the upper line falls and the rejections rise."
    )
    curves = [("accepted", found.accepted), ("too similar", found.near)]
    svg = charts.lines(curves, f"Curve. {title}: {caption}", "request")
    rows = zip(found.accepted.x, found.accepted.y, found.near.y, strict=True)
    history = tuple((f"{x - found.window / 2:,.0f}", f"{y:,.0f}", f"{near:,.0f}") for x, y, near in rows)
    return ReportFigure(title, Markup(svg), caption, ("Request", "Accepted per 100", "Too similar per 100"), history)


def _vocabulary(measured: DatasetMeasures) -> ReportFigure | MissingFigure:
    curve: Curve | None = measured.vocabulary
    title = "Growth of the vocabulary"
    if curve is None:
        return MissingFigure(title, "At least two instructions are needed for a curve.")
    half = curve.y[len(curve.y) // 2]
    caption = f"{curve.y[-1]:,.0f} different words in the instructions; {half:,.0f} of them in the first half."
    svg = charts.lines([("words", curve)], f"Curve. {title}: {caption}", "instructions")
    rows = tuple((f"{x:,.0f}", f"{y:,.0f}") for x, y in zip(curve.x, curve.y, strict=True))
    return ReportFigure(title, Markup(svg), caption, ("Instructions", "Different words"), rows)
