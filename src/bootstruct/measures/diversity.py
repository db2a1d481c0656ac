"""All measures of one set of texts: each at one common size, with an interval, and over the whole set.

Most measures depend on how many texts there are, so sets are compared on random samples of one size. An interval
comes from half-samples drawn without replacement (the delete-half jackknife). The usual bootstrap draws with
replacement and thus plants the duplicates that these measures count; its intervals would miss the value.
"""

import lzma
import math
import random
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bootstruct.measures.ngrams import (
    Ints,
    TokenizedTexts,
    Tokenizer,
    blank_tokens,
    distinct_share,
    ngram_diversity,
    self_repetition,
    tokenized,
)
from bootstruct.measures.self_bleu import bleu_texts, self_bleu
from bootstruct.measures.vendi import ngram_kernel, vendi

SIZE: Final = 1000  # the most texts in a comparison of sets
DRAWS: Final = 40  # half-samples
LEAST: Final = 20  # texts, below which no interval is given
_GZIP: Final = 31  # zlib's window of 32 KB, in a gzip frame
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure.

    Attributes:
        key: its name in JSON.
        label: its name for people.
        more_is_diverse: whether a higher value means a more diverse set.
        source: where it was published.
        most: the highest value there can be.
        is_number_of_texts: whether the highest value is the number of texts.
    """

    key: str
    label: str
    more_is_diverse: bool
    source: str
    most: float = math.inf
    is_number_of_texts: bool = False

    @property
    def direction(self) -> str:
        """Which values are more diverse, in words."""
        return "higher" if self.more_is_diverse else "lower"


@dataclass(frozen=True, slots=True)
class DiversityValue:
    """One measure of one set.

    Attributes:
        measure: what is measured.
        value: over the sample; nan if it is not defined.
        low, high: the 95% interval; None if there are too few texts.
        whole: over all texts of the set; None if only the sample is measured.
    """

    measure: Measure
    value: float
    low: float | None = None
    high: float | None = None
    whole: float | None = None


DISTINCT_1: Final = Measure("distinct_1", "distinct-1", True, "Li et al. 2016, arXiv:1510.03055", 1)
DISTINCT_2: Final = Measure("distinct_2", "distinct-2", True, "Li et al. 2016, arXiv:1510.03055", 1)
NGRAM_DIVERSITY: Final = Measure(
    "ngram_diversity", "n-gram diversity", True, "Meister et al. 2023, arXiv:2202.00666", 4
)
SELF_REPETITION: Final = Measure("self_repetition", "self-repetition", False, "Salkar et al. 2022, AACL")
SELF_BLEU: Final = Measure("self_bleu", "Self-BLEU", False, "Zhu et al. 2018, arXiv:1802.01886", 100)
GZIP: Final = Measure("compression_gzip", "compression ratio, gzip", False, "Shaib et al. 2024, arXiv:2403.00553")
XZ: Final = Measure("compression_xz", "compression ratio, xz", False, "Shaib et al. 2024, arXiv:2403.00553")
VENDI: Final = Measure(
    "vendi_ngrams", "Vendi score, n-grams", True, "Friedman and Dieng 2023, arXiv:2210.02410", is_number_of_texts=True
)
VERBS: Final = Measure(
    "verb_object_entropy", "verb-object entropy, bits", True, "the pairs of arXiv:2212.10560, fig. 3"
)
SEEDS: Final = Measure("seeds_covered", "seeds that are nearest to some text", True, "bootstruct", 1)
SEED_ENTROPY: Final = Measure("seed_entropy", "entropy of the nearest seeds, bits", True, "bootstruct")


def entropy(values: Sequence[Hashable]) -> float:
    """The entropy of how often different values occur, in bits; nan without any.

    Example:
        >>> entropy(["write poem", "write poem", "sort list", "sort list"])
        1.0
    """
    counts = np.array(list(Counter(values).values()), dtype=np.float64)
    if not len(counts):
        return float("nan")
    shares = counts / counts.sum()
    return float(abs((shares * np.log2(shares)).sum()))


def compression_ratio(texts: Sequence[bytes], by: str = "gzip") -> float:
    """Bytes of all texts, a blank between each two, for each byte of them compressed; nan without any.

    Args:
        texts: as UTF-8.
        by: `gzip`, which sees repeats within 32 KB, or `xz`, which sees them within 8 MB.
    """
    whole = b" ".join(texts)
    if not whole:
        return float("nan")
    if by == "xz":
        return len(whole) / len(lzma.compress(whole))
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return len(whole) / (len(packer.compress(whole)) + len(packer.flush()))


Statistic = Callable[[Ints], float]  # of some rows of the sample


def lexical_measures(texts: Sequence[str], tokenize: Tokenizer = blank_tokens) -> list[tuple[Measure, Statistic]]:
    """The measures of words, each as a function of row numbers of these texts."""
    words, marks = tokenized(texts, tokenize), bleu_texts(texts)
    encoded = [text.encode("utf-8", "replace") for text in texts]
    kernel = ngram_kernel(words)

    def packed(by: str) -> Statistic:
        return lambda rows: compression_ratio([encoded[row] for row in rows], by)

    def of_words(measure: Callable[[TokenizedTexts], float]) -> Statistic:
        return lambda rows: measure(words.take(rows))

    return [
        (DISTINCT_1, of_words(lambda chosen: distinct_share(chosen, 1))),
        (DISTINCT_2, of_words(lambda chosen: distinct_share(chosen, 2))),
        (NGRAM_DIVERSITY, of_words(ngram_diversity)),
        (SELF_REPETITION, of_words(self_repetition)),
        (SELF_BLEU, lambda rows: self_bleu(marks.take(rows))),
        (GZIP, packed("gzip")),
        (XZ, packed("xz")),
        (VENDI, lambda rows: vendi(kernel[np.ix_(rows, rows)])),
    ]


def label_measures(
    pairs: Sequence[Hashable | None] | None, seeds: Sequence[int] | None, seed_count: int
) -> list[tuple[Measure, Statistic]]:
    """The measures of verb-object pairs and of nearest seeds, where they are known.

    Args:
        pairs: the verb and object of each text, None if none was found; None without a reader of verbs.
        seeds: the number of the seed that is nearest to each text; None without seeds.
        seed_count: how many seeds there are.
    """
    found: list[tuple[Measure, Statistic]] = []
    if pairs is not None:
        found.append((VERBS, lambda rows: entropy([pairs[row] for row in rows if pairs[row] is not None])))
    if seeds is not None:
        nearest = np.array(seeds, dtype=np.int64)
        found.append((SEEDS, lambda rows: len(np.unique(nearest[rows])) / seed_count))
        found.append((SEED_ENTROPY, lambda rows: entropy(nearest[rows].tolist())))
    return found


def measured(
    size: int, statistics: Sequence[tuple[Measure, Statistic]], wholes: dict[str, float] | None = None
) -> tuple[DiversityValue, ...]:
    """Every measure over a sample of texts, with its interval.

    Args:
        size: texts of the sample, whose rows are 0 to size - 1.
        statistics: what is measured.
        wholes: values over the whole set by key.
    """
    every, found = np.arange(size), []
    chance = np.random.default_rng(size)
    halves = [np.sort(chance.permutation(size)[: size // 2]) for _ in range(DRAWS)] if size >= LEAST else []
    for measure, statistic in statistics:
        value, draws = statistic(every), [statistic(rows) for rows in halves]
        if measure.is_number_of_texts:  # what it lacks is what varies
            low, high = _interval(0.0, float(size), size - value, [size // 2 - draw for draw in draws])
            low, high = (None, None) if low is None or high is None else (size - high, size - low)
        else:
            low, high = _interval(0.0, measure.most, value, draws)
        found.append(DiversityValue(measure, value, low, high, (wholes or {}).get(measure.key)))
    return tuple(found)


def _interval(
    least: float, most: float, value: float, draws: Sequence[float]
) -> tuple[float, float] | tuple[None, None]:
    """Relative to the value, because a half-sample has another level; the spread is that of the sample."""
    known = np.array([draw for draw in draws if not math.isnan(draw)])
    if len(known) < DRAWS or math.isnan(value):
        return None, None
    spread = float(known.std(ddof=1) / known.mean()) if known.mean() > 0 else 0.0
    return max(least, value * (1 - _Z * spread)), min(most, value * (1 + _Z * spread))


def whole_measures(texts: Sequence[str], tokenize: Tokenizer = blank_tokens) -> dict[str, float]:
    """The measures, by key, whose time grows in proportion to the texts, over all of them."""
    words = tokenized(texts, tokenize)
    found = {
        DISTINCT_1.key: distinct_share(words, 1),
        DISTINCT_2.key: distinct_share(words, 2),
        NGRAM_DIVERSITY.key: ngram_diversity(words),
        SELF_REPETITION.key: self_repetition(words),
        GZIP.key: compression_ratio([text.encode("utf-8", "replace") for text in texts]),
    }
    del words
    return found | {SELF_BLEU.key: self_bleu(bleu_texts(texts))}


def sample_rows(count: int, size: int) -> list[int]:
    """The numbers of a random sample, in ascending order, the same each time.

    Example:
        >>> sample_rows(5, 5), len(sample_rows(100, 10))
        ([0, 1, 2, 3, 4], 10)
    """
    return sorted(random.Random(f"diversity/{count}").sample(range(count), size))
