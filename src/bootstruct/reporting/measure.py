"""All numbers of one subject, measured once; page and card are two presentations of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bootstruct.config.machine import Prices, read_machine
from bootstruct.errors import InputError
from bootstruct.reporting import statistics
from bootstruct.reporting.diversity import SetDiversity
from bootstruct.reporting.funnel import Funnel, StepUsage, funnel_of, spent
from bootstruct.reporting.held_out import HeldOutOverlap, HeldOutSet, nearby
from bootstruct.reporting.quality import Quality, quality_of
from bootstruct.reporting.statistics import (
    Curve,
    DatasetCounts,
    Labels,
    Lengths,
    Neighbours,
    SimilarityScores,
    Verbs,
    Yield,
)
from bootstruct.reporting.subject import Dataset
from bootstruct.reporting.topic_map import MappedTopics
from bootstruct.reporting.verbs import VerbReader

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DatasetMeasures:
    """A subject and its numbers; None if it has nothing to measure.

    Attributes:
        order: see `statistics.order_of`.
    """

    subject: Dataset
    order: list[int]
    tokenizer: str
    lengths: Lengths
    table: DatasetCounts
    near: SimilarityScores | None
    neighbours: Neighbours | None
    verbs: Verbs | None
    labels: Labels | None
    vocabulary: Curve | None
    yields: Yield | None
    funnel: Funnel | None
    spent: tuple[StepUsage, ...]
    quality: Quality | None
    nearby: tuple[HeldOutOverlap, ...]
    diversity: SetDiversity | None = None
    topics: MappedTopics | None = None

    @property
    def cost(self) -> float | None:
        """US dollars at list price, None if a price is not known or nothing was paid for."""
        costs = [entry.cost for entry in self.spent]
        return None if not costs or None in costs else sum(value for value in costs if value is not None)


def measure(
    subject: Dataset,
    reader: VerbReader | None,
    tell: Tell,
    held_out: Sequence[HeldOutSet] = (),
    diversity: SetDiversity | None = None,
    topics: MappedTopics | None = None,
) -> DatasetMeasures:
    """Measure a subject, with test sets if some are given; `tell` is called with a line about the current step."""
    quality = quality_of(subject)  # first, because a damaged file of reviews should not be noticed only at the end
    order, tokenizer = statistics.order_of(subject), statistics.tokenizer_of(subject)
    tell(f"{subject.label}: {len(subject.tasks):,} instructions; lengths and words")
    lengths = statistics.lengths_of(subject)
    vocabulary = statistics.vocabulary_of(subject, tokenizer)
    tell(f"{subject.label}: ROUGE-L with the seeds and within the pool")
    near = statistics.near_seeds(subject, order, tokenizer)
    neighbours = statistics.neighbours_of(subject, order, tokenizer)
    tell(f"{subject.label}: verbs and objects")
    verbs = statistics.verbs_of(subject, order, reader) if reader and subject.tasks else None
    if held_out:
        tell(f"{subject.label}: distance from the test sets")
    return DatasetMeasures(
        subject=subject,
        order=order,
        tokenizer=tokenizer,
        lengths=lengths,
        table=statistics.table_of(subject, lengths),
        near=near,
        neighbours=neighbours,
        verbs=verbs,
        labels=statistics.labels_of(subject),
        vocabulary=vocabulary,
        yields=statistics.yield_of(subject),
        funnel=funnel_of(subject),
        spent=tuple(spent(subject.history, _prices(subject))) if subject.history else (),
        quality=quality,
        nearby=nearby(subject, held_out, tokenizer),
        diversity=diversity,
        topics=topics,
    )


def _prices(subject: Dataset) -> Prices:
    """The run's price table, or the shipped one if its settings file cannot be read: a report must not fail."""
    try:
        return read_machine(subject.history.journal.parent if subject.history else None).prices
    except InputError:
        return Prices()
