"""What the page's template is given: numbers as words, figures as SVG. One `Panel` for each data set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from bootstruct.report import figures, numbers, paper
from bootstruct.report.measure import Measured
from bootstruct.report.numbers import Bins, Curve, Nearness, Table
from bootstruct.report.text import clip, visible

LABELS_SHOWN, LABEL_LONGEST = 12, 48
VERBS_LISTED = 8
NONE = "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption and the numbers behind it, for those who read rather than see."""

    title: str
    svg: Markup
    caption: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that cannot be drawn, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    value: str
    svg: Markup


@dataclass(slots=True)
class Panel:
    """One data set on the page."""

    label: str
    measured: Measured
    tiles: list[tuple[str, str, str]] = field(default_factory=list)
    verbs: Figure | Missing | None = None
    top_verbs: list[Bar] = field(default_factory=list)
    near: list[Figure | Missing] = field(default_factory=list)
    lengths: list[Figure | Missing] = field(default_factory=list)
    labels: list[Bar] = field(default_factory=list)
    labels_note: str = ""
    growth: list[Figure | Missing] = field(default_factory=list)


def number(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def percent(part: float, whole: float) -> str:
    return NONE if not whole else f"{part / whole:.1%}" if part / whole < 0.0995 else f"{part / whole:.0%}"


def money(value: float | None) -> str:
    return NONE if value is None else f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:.4f}"


def table_rows(tables: Sequence[Table]) -> list[tuple[str, list[str]]]:
    """Table 1, a row for each number: (name, the figures of each data set)."""
    lines = [
        ("Instructions", 0, "instructions"),
        ("classification", 0, "classification"),
        ("other", 0, "other"),
        ("Instances", 0, "instances"),
        ("with an empty input", 0, "empty_inputs"),
        ("Words an instruction", 1, "words_instruction"),
        ("Words a non-empty input", 1, "words_input"),
        ("Words an output", 1, "words_output"),
    ]
    return [(name, [number(getattr(table, key), digits) for table in tables]) for name, digits, key in lines]


def panels(all_measured: Sequence[Measured]) -> list[Panel]:
    """A panel for each data set, drawn over the same bins so that they can be compared."""
    every = [each.lengths for each in all_measured]
    longest = [
        numbers.usual_longest([each.instruction for each in every]),
        numbers.usual_longest([each.input for each in every]),
        numbers.usual_longest([each.output for each in every]),
    ]
    made = []
    for measured in all_measured:
        panel = Panel(visible(measured.subject.label), measured)
        panel.tiles = _tiles(measured)
        panel.verbs = _verbs(measured)
        panel.top_verbs = _top_verbs(measured)
        panel.near = [_near_seeds(measured), _near_pool(measured)]
        panel.lengths = _lengths(measured, longest)
        _labels(panel)
        panel.growth = [_yield(measured), _vocabulary(measured)]
        made.append(panel)
    return made


def _tiles(measured: Measured) -> list[tuple[str, str, str]]:
    """(name, figure, what stands beside it) of the few numbers that say most."""
    table, tiles = measured.table, []
    tiles.append(("instructions", number(table.instructions), f"paper {paper.TABLE.instructions:,}"))
    tiles.append(("instances", number(table.instances), f"paper {paper.TABLE.instances:,}"))
    if measured.verbs is not None:
        share = percent(measured.verbs.found, measured.verbs.read)
        tiles.append(("verb and object found", share, f"paper {paper.PAIRS / paper.TABLE.instructions:.0%}"))
    if measured.near is not None:
        far = f"{measured.near.below(paper.NEAR):.0%}"
        tiles.append((f"below {paper.NEAR} ROUGE-L with the seeds", far, "paper over half"))
    if measured.funnel is not None and measured.funnel.steps[0].count:
        kept = percent(table.instructions, measured.funnel.steps[0].count)
        tiles.append(("of the candidates accepted", kept, f"{measured.funnel.steps[0].count:,} candidates"))
    if measured.cost is not None and measured.cost > 0:
        tiles.append(
            ("at list price", money(measured.cost), f"{sum(each.requests for each in measured.spent):,} requests")
        )
    return tiles


def _verbs(measured: Measured) -> Figure | Missing | None:
    verbs, title = measured.verbs, "What the instructions ask for"
    if verbs is None:
        return None
    if not verbs.found:
        return Missing(title, "No instruction has a root verb with a direct object that the reader could find.")
    top = verbs.top(paper.VERBS, paper.OBJECTS)
    covered = sum(count for _, _, kids in top for _, count in kids) / verbs.read
    share = percent(verbs.found, verbs.read)
    svg = figures.sunburst(
        top,
        f"Sunburst of the {len(top)} commonest root verbs and their {paper.OBJECTS} commonest objects, "
        f"led by {', '.join(verb for verb, _, _ in top[:3])}. The table below has all numbers.",
        (share, "verb + object"),
    )
    sample = f" of a random sample of {verbs.read:,}" if verbs.read < verbs.of else f" of {verbs.read:,}"
    caption = (
        f"{verbs.found:,}{sample} instructions ({share}) have a root verb with a direct object; the paper found "
        f"{paper.PAIRS:,} of {paper.TABLE.instructions:,} ({paper.PAIRS / paper.TABLE.instructions:.0%}). The "
        f"{len(top)} commonest verbs with their {paper.OBJECTS} commonest objects make up {covered:.0%} of all "
        f"instructions (paper: {paper.COVERED:.0%}); {len(verbs.pairs):,} different pairs. Read by {verbs.reader}."
    )
    rows = tuple((verb, f"{n:,}", ", ".join(f"{noun} {count:,}" for noun, count in kids)) for verb, n, kids in top)
    return Figure(title, Markup(svg), caption, ("Root verb", "Instructions", "Commonest objects"), rows)


def _top_verbs(measured: Measured) -> list[Bar]:
    top = measured.verbs.top(VERBS_LISTED, 1) if measured.verbs is not None else []
    read = measured.verbs.read if measured.verbs is not None else 0
    return [Bar(verb, f"{n:,} · {percent(n, read)}", Markup(figures.bar(n / top[0][1]))) for verb, n, _ in top]


def _near_seeds(measured: Measured) -> Figure | Missing:
    near, title = measured.near, "Best ROUGE-L with the seeds"
    if near is None:
        why = (
            "No seeds are known: name them with --seeds FILE." if not measured.subject.seeds else "No instruction yet."
        )
        return Missing(title, why)
    caption = (
        f"{near.below(paper.NEAR):.0%} stay below {paper.NEAR} with all {len(measured.subject.seeds)} seeds"
        f" (paper: over half). Mean {near.scores.mean():.2f}.{_sampled(near)}"
    )
    return _scores(near, title, caption, [(paper.NEAR, f"{near.below(paper.NEAR):.0%} below {paper.NEAR}")], paper.NEAR)


def _near_pool(measured: Measured) -> Figure | Missing:
    title = "Nearest other text of the pool"
    if measured.neighbours is None:
        return Missing(title, "It takes two texts to compare.")
    near = measured.neighbours.nearness
    caption = f"Best ROUGE-L with any other instruction or seed. Mean {near.scores.mean():.2f}.{_sampled(near)}"
    marks = []
    if measured.subject.told is not None:
        limit = measured.subject.told.state.recipe.propose.novelty.threshold
        marks.append((limit, f"refused above {limit:g}"))
    return _scores(near, title, caption, marks)


def _sampled(near: Nearness) -> str:
    return f" From a random sample of {len(near.scores):,} of {near.of:,}." if near.sampled else ""


def _scores(near: Nearness, title: str, caption: str, marks: Sequence[figures.Mark], pale: float = 2) -> Figure:
    bins = numbers.score_bins(near.scores)
    svg = figures.histogram(bins, f"Histogram. {title}: {caption}", "ROUGE-L F-measure", marks, pale)
    return Figure(title, Markup(svg), caption, ("ROUGE-L from", "Instructions"), bin_rows(bins))


def bin_rows(bins: Bins) -> tuple[tuple[str, ...], ...]:
    return tuple((f"{edge:g}", f"{count:,}") for edge, count in zip(bins.edges, bins.counts, strict=False))


def _lengths(measured: Measured, longest: Sequence[int]) -> list[Figure | Missing]:
    made: list[Figure | Missing] = []
    named = [
        ("Instructions", measured.lengths.instruction, paper.TABLE.words_instruction),
        ("Non-empty inputs", measured.lengths.input, paper.TABLE.words_input),
        ("Outputs", measured.lengths.output, paper.TABLE.words_output),
    ]
    for (title, values, theirs), most in zip(named, longest, strict=True):
        if not len(values):
            made.append(Missing(title, "None in this data set."))
            continue
        mean = float(values.mean())
        bins = numbers.length_bins(values, most)
        caption = f"Mean {mean:.1f} words (paper: {theirs}), median {np.median(values):g}, longest {values.max():,}."
        marks = [(mean, f"mean {mean:.1f}")]
        svg = figures.histogram(bins, f"Histogram of lengths. {title}: {caption}", "words", marks, width=figures.NARROW)
        made.append(Figure(title, Markup(svg), caption, ("Words from", "Count"), bin_rows(bins)))
    return made


def _labels(panel: Panel) -> None:
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
    top = sorted(labels.counts.items(), key=lambda each: (-each[1], each[0]))[:LABELS_SHOWN]
    for label, count in top:
        name = visible(clip(label, LABEL_LONGEST)) or "(empty)"
        panel.labels.append(Bar(name, f"{count:,} · {percent(count, total)}", Markup(figures.bar(count / top[0][1]))))
    panel.labels_note = (
        f"{labels.tasks:,} classification tasks with {total:,} labels, {len(labels.counts):,} of them different; the "
        f"commonest makes up {percent(top[0][1], total)}."
    )
    if labels.several:
        alike = f"{labels.one_label:,} show one and the same label in all."
        panel.labels_note += f" Of {labels.several:,} tasks with several instances, {alike}"


def _yield(measured: Measured) -> Figure | Missing:
    found, title = measured.yields, "Yield over the run"
    if found is None:
        return Missing(title, "Only a run with a few requests can show its yield.")
    first, last = found.accepted.y[0], found.accepted.y[-1]
    caption = (
        f"Accepted instructions per 100 requests, in windows of {found.window:,}: {first:,.0f} at first, "
        f"{last:,.0f} at last. "
        "A run dries up where the upper line sinks and the refusals rise."
    )
    curves = [("accepted", found.accepted), ("too similar", found.near)]
    svg = figures.lines(curves, f"Curve. {title}: {caption}", "request")
    rows = zip(found.accepted.x, found.accepted.y, found.near.y, strict=True)
    told = tuple((f"{x - found.window / 2:,.0f}", f"{y:,.0f}", f"{near:,.0f}") for x, y, near in rows)
    return Figure(title, Markup(svg), caption, ("Request", "Accepted per 100", "Too similar per 100"), told)


def _vocabulary(measured: Measured) -> Figure | Missing:
    curve: Curve | None = measured.vocabulary
    title = "Growth of the vocabulary"
    if curve is None:
        return Missing(title, "It takes two instructions to grow.")
    half = curve.y[len(curve.y) // 2]
    caption = f"{curve.y[-1]:,.0f} different words in the instructions; {half:,.0f} of them in the first half."
    svg = figures.lines([("words", curve)], f"Curve. {title}: {caption}", "instructions")
    rows = tuple((f"{x:,.0f}", f"{y:,.0f}") for x, y in zip(curve.x, curve.y, strict=True))
    return Figure(title, Markup(svg), caption, ("Instructions", "Different words"), rows)
