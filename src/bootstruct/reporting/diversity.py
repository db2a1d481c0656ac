"""How diverse data sets are, side by side: texts of each, a sample of one size, and every measure over it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np

from bootstruct.errors import InputError
from bootstruct.measures.diversity import (
    SIZE,
    DiversityValue,
    Measure,
    label_measures,
    lexical_measures,
    measured,
    sample_rows,
    whole_measures,
)
from bootstruct.measures.ngrams import blank_tokens, tokenizer_for
from bootstruct.measures.vectors import Vectors, vector_measures
from bootstruct.novelty.index import best_against
from bootstruct.novelty.rouge import unicode_tokens
from bootstruct.render.numbers import NONE, number
from bootstruct.reporting.holes import Coverage, Taxonomy, coverage_of
from bootstruct.reporting.statistics import tokenizer_of
from bootstruct.reporting.subject import Dataset, ReportTask
from bootstruct.reporting.verbs import VerbReader

MeasuredText: TypeAlias = Literal["instruction", "output", "all"]
MEASURED_TEXTS: Final = get_args(MeasuredText)
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SetDiversity:
    """The diversity of one data set.

    Attributes:
        label: the name of the set.
        texts: how many texts it has.
        sample: how many of them were measured: a random sample of the common size of all sets.
        on: which texts: `instruction`, `output`, or `all` of a task together.
        tokens: the kind of tokens of n-grams: `blanks` (the pieces between blanks) or `unicode` (words of any script).
        reader: how verbs and objects were found; empty if they were not read.
        seeds: how many seeds the texts were compared with.
        values: the measures.
        coverage: how the set covers the taxonomy of its seeds, or of a file; None without either.
    """

    label: str
    texts: int
    sample: int
    on: MeasuredText
    tokens: str
    reader: str
    seeds: int
    values: tuple[DiversityValue, ...]
    coverage: Coverage | None = None

    def value(self, key: str) -> DiversityValue | None:
        """The measure of that key, None if it was not measured."""
        return next((value for value in self.values if value.measure.key == key), None)

    def to_row(self) -> dict[str, Any]:
        """All of it as plain JSON values; a value that is not defined is null."""
        return {
            "label": self.label,
            "texts": self.texts,
            "sample": self.sample,
            "on": self.on,
            "tokens": self.tokens,
            "verb_reader": self.reader or None,
            "seeds": self.seeds,
            "measures": {
                value.measure.key: {
                    "value": _number(value.value),
                    "low": _number(value.low),
                    "high": _number(value.high),
                    "whole": _number(value.whole),
                    "more_diverse": value.measure.direction,
                    "source": value.measure.source,
                }
                for value in self.values
            },
            "coverage": None if self.coverage is None else self.coverage.to_row(),
        }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)


def measured_texts(subject: Dataset, on: MeasuredText) -> list[str]:
    """The texts of a set that are measured; empty ones are left out.

    Args:
        subject: the set.
        on: `instruction`: one of each task; `output`: one of each instance; `all`: instruction, inputs and outputs of each
            task as one text.
    """
    if on == "output":
        found = [instance.output for task in subject.tasks for instance in task.instances]
    else:
        found = [task.text if on == "instruction" else _whole(task) for task in subject.tasks]
    return [text for text in found if text.strip()]


def _whole(task: ReportTask) -> str:
    parts = [task.text, *(text for instance in task.instances for text in (instance.input, instance.output))]
    return "\n".join(part for part in parts if part)


def common_size(counts: Sequence[int], given: int | None = None) -> int:
    """How many texts of each set are compared: as many as the smallest set has, at most 1,000, or the number given.

    Raises InputError if a set has fewer texts than the number given.
    """
    smallest = min(counts, default=0)
    if given is not None and given > smallest:
        raise InputError(f"--size {given}: the smallest set has {smallest} texts; give a number up to that.")
    return given or min(SIZE, smallest)


def diversity_where_possible(
    subjects: Sequence[Dataset],
    reader: VerbReader | None,
    tell: Tell,
    embed: "Callable[[Sequence[str]], Vectors] | None" = None,
    taxonomy: Taxonomy | None = None,
    by: str = "",
) -> list[SetDiversity | None]:
    """For each set its diversity as the report shows it; None for one with fewer than two instructions."""
    able = [len(measured_texts(subject, "instruction")) > 1 for subject in subjects]
    chosen = [subject for subject, is_able in zip(subjects, able, strict=True) if is_able]
    found = iter(diversity_of(chosen, reader, whole=False, tell=tell, embed=embed, taxonomy=taxonomy, by=by))
    return [next(found) if is_able else None for is_able in able]


def diversity_of(
    subjects: Sequence[Dataset],
    reader: VerbReader | None = None,
    on: MeasuredText = "instruction",
    size: int | None = None,
    whole: bool = True,
    tell: Tell = lambda step: None,
    embed: "Callable[[Sequence[str]], Vectors] | None" = None,
    taxonomy: Taxonomy | None = None,
    by: str = "",
) -> tuple[SetDiversity, ...]:
    """Measure sets side by side, in order. The same texts give the same numbers.

    Args:
        subjects: the sets.
        reader: reads verbs and objects of instructions; None leaves their entropy out.
        on: which texts; verbs and seeds belong to instructions.
        size: texts of each set that are compared; None for as many as the smallest has, at most 1,000.
        whole: whether measures whose time grows in proportion to the texts are also taken over all of them.
        tell: called with a line about the current step.
        embed: returns the vectors of texts; None leaves the measures of meaning out.
        taxonomy: what the sets should cover, instead of what their seeds cover.
        by: the name of the model of embeddings.

    Raises:
        InputError: a set has fewer than two texts, or fewer than `size`.
    """
    every = [measured_texts(subject, on) for subject in subjects]
    for subject, texts in zip(subjects, every, strict=True):
        if len(texts) < 2:
            what = "outputs" if on == "output" else "texts"
            raise InputError(f"{subject.label}: diversity needs at least two {what}, found {len(texts)}.")
    common = common_size([len(texts) for texts in every], size)
    cuts = {tokenizer_for(texts)[0] for texts in every}
    tokens = "unicode" if "unicode" in cuts else "blanks"  # the same for all, so that the sets can be compared
    cut = unicode_tokens if tokens == "unicode" else blank_tokens
    samples = [[texts[row] for row in sample_rows(len(texts), common)] for texts in every]
    vectors = [embed(sample) for sample in samples] if embed is not None else []
    found = []
    for place, (subject, texts, sample) in enumerate(zip(subjects, every, samples, strict=True)):
        tell(f"{subject.label}: {common:,} of {len(texts):,} texts")
        statistics = lexical_measures(sample, cut)
        if vectors:
            statistics += vector_measures(vectors[place], np.concatenate(vectors))
        is_read, seeds = reader is not None and on == "instruction", subject.seeds if on == "instruction" else []
        pairs = list(reader.read(sample)) if reader is not None and is_read else None
        nearest = [number for _, number in _nearest(subject, sample)] if seeds else None
        statistics += label_measures(pairs, nearest, len(seeds))
        if whole and len(texts) > common:
            tell(f"{subject.label}: all {len(texts):,} texts")
        wholes = whole_measures(texts, cut) if whole else None
        values = measured(common, statistics, wholes)
        name = reader.name if reader is not None and is_read else ""
        tell(f"{subject.label}: holes")
        holes = coverage_of(subject, reader, taxonomy, embed, by) if on == "instruction" else None
        found.append(SetDiversity(subject.label, len(texts), common, on, tokens, name, len(seeds), values, holes))
    return tuple(found)


def _nearest(subject: Dataset, texts: Sequence[str]) -> list[tuple[float, int]]:
    return best_against([text for _, text in subject.seeds], texts, tokenizer_of(subject))


def value_in_words(value: DiversityValue | None) -> str:
    """A value with its interval; a dash where there is none."""
    if value is None or math.isnan(value.value):
        return NONE
    between = "" if value.low is None else f" ({number_in_words(value.low)} to {number_in_words(value.high)})"
    return number_in_words(value.value) + between


def number_in_words(value: float | None) -> str:
    """A number with three or four significant digits.

    Example:
        >>> number_in_words(0.52817), number_in_words(95.27), number_in_words(None)
        ('0.528', '95.3', '-')
    """
    if value is None or math.isnan(value):
        return NONE
    return number(value, 3 if value < 10 else 1 if value < 1000 else 0)


def comparison_rows(found: Sequence[SetDiversity | None]) -> list[tuple[Measure, list[str]]]:
    """A row for each measure with its value in each set, in words."""
    measures = {value.measure.key: value.measure for one in found if one is not None for value in one.values}
    return [
        (measure, [value_in_words(one.value(key) if one is not None else None) for one in found])
        for key, measure in measures.items()
    ]
