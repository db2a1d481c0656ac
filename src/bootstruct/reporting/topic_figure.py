"""The map of topics: a section of the page that shows clusters of instructions, named by their own words, and the holes."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from bootstruct.measures.topics import NONE
from bootstruct.render.numbers import counted, percent
from bootstruct.render.sanitize import clip, visible
from bootstruct.reporting import charts
from bootstruct.reporting.holes import Coverage
from bootstruct.reporting.topic_map import FEWEST, MAPPED_SEEDS, MappedTopics
from bootstruct.reporting.view import MissingFigure, ReportFigure

LONGEST = 120  # characters of a text that hovering shows
TITLE = "What they are about"


@dataclass(frozen=True, slots=True)
class TopicsView:
    """The section of one data set: its map, and its holes as rows of a table."""

    figure: ReportFigure | MissingFigure
    head: str
    holes: tuple[tuple[str, str, str, str], ...]
    notes: tuple[str, ...]


def topics_view(mapped: MappedTopics | None, coverage: Coverage | None) -> TopicsView:
    """The section about the topics of one data set."""
    if coverage is None:
        return TopicsView(_figure(mapped), "", (), ())
    rows = tuple(
        (
            place.kind,
            visible(place.name),
            f"{place.count:,} · {percent(place.count, place.of)}",
            f"{place.expected:.1%}",
        )
        for place in coverage.thin
    )
    head = f"{len(rows):,} of {counted(len(coverage.places), 'place')} of {visible(coverage.taxonomy)}"
    return TopicsView(_figure(mapped), head, rows, tuple(visible(note) for note in coverage.notes))


def _figure(mapped: MappedTopics | None) -> ReportFigure | MissingFigure:
    if mapped is None:
        return MissingFigure(TITLE, f"A map of topics needs at least {FEWEST} instructions.")
    found, count = mapped.found, len(mapped.texts) - mapped.seeds
    marks = [
        charts.MapMark(float(x), float(y), int(cluster), visible(clip(text, LONGEST)), number >= count)
        for number, (text, cluster, (x, y)) in enumerate(zip(mapped.texts, found.of, found.places, strict=True))
    ]
    names = [visible(cluster.name) for cluster in found.clusters]
    svg = charts.scatter(
        marks, names, f"Map of {count:,} instructions in {len(names)} clusters. The table has all numbers."
    )
    rows = []
    for number, name in enumerate(names):
        own = found.clusters[number].members
        tasks = sum(member < count for member in own)
        rows.append((name, f"{tasks:,} ({percent(tasks, count)})", f"{len(own) - tasks:,}" if mapped.seeds else ""))
    loose = int((found.of == NONE).sum())
    head = ("Cluster", "Instructions", "Seeds") if mapped.seeds else ("Cluster", "Instructions", "")
    return ReportFigure(TITLE, Markup(svg), _caption(mapped, count, loose), head, tuple(rows))


def _caption(mapped: MappedTopics, count: int, loose: int) -> str:
    sample = f"A random sample of {count:,} of {mapped.of:,}" if count < mapped.of else f"All {count:,}"
    seeds = (
        f" Squares are {'the' if mapped.seeds < MAPPED_SEEDS else 'the first'} {mapped.seeds:,} seeds."
        if mapped.seeds
        else ""
    )
    by = (
        f"by the embeddings of {visible(mapped.by)}"
        if mapped.by
        else "by their words, which is coarse; `report --embed` clusters by meaning"
    )
    alike = mapped.found.agreement
    agreement = (
        ""
        if math.isnan(alike)
        else f" The rank correlation of distances on the map with those of the vectors is {alike:.2f}."
    )
    words = f" {loose:,} at the left edge share no word with others." if loose else ""
    return (
        f"{sample} instructions, clustered {by}; each cluster has the words that set it apart.{seeds}{words} Alike clusters "
        f"lie near each other.{agreement} Point at a mark to read it."
    )
