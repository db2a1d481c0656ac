"""All numbers of one subject, measured once; page and card are two ways of writing them down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bootstruct.errors import BadInput
from bootstruct.report import numbers
from bootstruct.report.funnel import Funnel, Spent, funnel_of, spent
from bootstruct.report.held_out import HeldOut, Nearby, nearby
from bootstruct.report.numbers import Curve, Labels, Lengths, Nearness, Neighbours, Table, Verbs, Yield
from bootstruct.report.quality import Quality, quality_of
from bootstruct.report.subject import Subject
from bootstruct.report.verbs import Reader
from bootstruct.settings import Prices, read_machine

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """A subject and its numbers; None where it has nothing to measure. order: see `numbers.order_of`."""

    subject: Subject
    order: list[int]
    tokenizer: str
    lengths: Lengths
    table: Table
    near: Nearness | None
    neighbours: Neighbours | None
    verbs: Verbs | None
    labels: Labels | None
    vocabulary: Curve | None
    yields: Yield | None
    funnel: Funnel | None
    spent: tuple[Spent, ...]
    quality: Quality | None
    nearby: tuple[Nearby, ...]

    @property
    def cost(self) -> float | None:
        """US dollars at list price, None where a price is not known or nothing was paid for."""
        costs = [each.cost for each in self.spent]
        return None if not costs or None in costs else sum(each for each in costs if each is not None)


def measure(subject: Subject, reader: Reader | None, tell: Tell, held_out: Sequence[HeldOut] = ()) -> Measured:
    """Measure a subject, beside test sets where some are given; `tell` hears what is being done."""
    quality = quality_of(subject)  # first, because a damaged file of reviews should not be found out at the end
    order, tokenizer = numbers.order_of(subject), numbers.tokenizer_of(subject)
    tell(f"{subject.label}: {len(subject.tasks):,} instructions; lengths and words")
    lengths = numbers.lengths_of(subject)
    vocabulary = numbers.vocabulary_of(subject, tokenizer)
    tell(f"{subject.label}: ROUGE-L with the seeds and within the pool")
    near = numbers.near_seeds(subject, order, tokenizer)
    neighbours = numbers.neighbours_of(subject, order, tokenizer)
    tell(f"{subject.label}: verbs and objects")
    verbs = numbers.verbs_of(subject, order, reader) if reader and subject.tasks else None
    if held_out:
        tell(f"{subject.label}: distance from the test sets")
    return Measured(
        subject=subject,
        order=order,
        tokenizer=tokenizer,
        lengths=lengths,
        table=numbers.table_of(subject, lengths),
        near=near,
        neighbours=neighbours,
        verbs=verbs,
        labels=numbers.labels_of(subject),
        vocabulary=vocabulary,
        yields=numbers.yield_of(subject),
        funnel=funnel_of(subject),
        spent=tuple(spent(subject.told, _prices(subject))) if subject.told else (),
        quality=quality,
        nearby=nearby(subject, held_out, tokenizer),
    )


def _prices(subject: Subject) -> Prices:
    """The run's price table; the shipped one where its settings file cannot be read (that is no reason for no report)."""
    try:
        return read_machine(subject.told.journal.parent if subject.told else None).prices
    except BadInput:
        return Prices()
