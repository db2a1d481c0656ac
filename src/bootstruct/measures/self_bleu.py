"""Self-BLEU, exact for sets of any size: each text against all others, without comparing pairs (Zhu et al. 2018).

The BLEU is that of `sacrebleu.sentence_bleu`: tokens of mteval-v13a, exponential smoothing, effective order, the length of
the nearest reference. An n-gram's highest count in the other texts is its highest count of all, or the second highest for
the text that holds the highest; so one pass over the n-grams serves all texts.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.measures.ngrams import Ints, NGrams, TokenizedTexts, ngrams, tokenized

ORDER: Final = 4
_ENTITIES: Final = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_SPLITS: Final = (  # marks stand alone; full stops, commas and hyphens within numbers do not
    (re.compile(r"([!-+:-@\[-`{-~/])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def tokens_13a(text: str) -> list[str]:
    """The tokens of mteval-v13a, which published BLEU scores use.

    Example:
        >>> tokens_13a("Add 3.5, then 1,000-2.")
        ['Add', '3.5', ',', 'then', '1,000', '-', '2', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, mark in _ENTITIES:
        text = text.replace(entity, mark)
    text = f" {text} "
    for pattern, replacement in _SPLITS:
        text = pattern.sub(replacement, text)
    return text.split()


def bleu_texts(texts: Sequence[str]) -> TokenizedTexts:
    """Texts as Self-BLEU reads them."""
    return tokenized(texts, tokens_13a)


def self_bleu(texts: TokenizedTexts) -> float:
    """The mean BLEU, 0 to 100, of each text with all others as references; nan for fewer than two.

    Example:
        >>> round(self_bleu(bleu_texts(["Name a fruit.", "Name a fruit.", "Add the numbers."])), 2)
        71.99
    """
    return float(self_bleus(texts).mean()) if len(texts) > 1 else float("nan")


def self_bleus(texts: TokenizedTexts) -> NDArray[np.float64]:
    """The BLEU of each text with all others as references, shape (texts,)."""
    lengths = texts.lengths
    correct = np.stack([_clipped(found, len(texts)) for found in ngrams(texts, ORDER)])
    totals = np.maximum(lengths[None, :] - np.arange(ORDER)[:, None], 0)
    logs, smooth = np.zeros(len(texts)), np.ones(len(texts))
    for matched, total in zip(correct, totals, strict=True):
        smooth = np.where((matched == 0) & (total > 0), 2 * smooth, smooth)
        share = np.where(matched > 0, matched, 1 / smooth) / np.maximum(total, 1)
        logs += np.where(total > 0, np.log(100 * share), 0.0)
    orders = np.maximum((totals > 0).sum(axis=0), 1)
    brevity = np.exp(np.minimum(0.0, 1 - _nearest_lengths(lengths) / np.maximum(lengths, 1)))
    return np.where(correct.any(axis=0), brevity * np.exp(logs / orders), 0.0)


def _clipped(found: NGrams, texts: int) -> Ints:
    """For each text: its n-grams that occur in another one, counted at most as often as there."""
    size = max(1, found.distinct)
    pairs, counts = np.unique(found.texts * size + found.grams, return_counts=True)
    owner, gram = pairs // size, pairs % size
    order = np.lexsort((-counts, gram))
    owner, gram, counts = owner[order], gram[order], counts[order]
    first = np.concatenate(([True], gram[1:] != gram[:-1])) if len(gram) else np.empty(0, bool)
    highest = counts[first][np.cumsum(first) - 1]
    has_second = np.concatenate((~first[1:], [False])) & first  # the next one is of the same n-gram
    second = np.where(has_second, np.concatenate((counts[1:], [0])), 0)
    elsewhere = np.where(first, second, highest)
    return np.bincount(owner, np.minimum(counts, elsewhere), texts).astype(np.int64)


def _nearest_lengths(lengths: Ints) -> Ints:
    """For each text the length of the other text that is nearest to its own, the shorter of two."""
    different, counts = np.unique(lengths, return_counts=True)
    place = np.searchsorted(different, lengths)
    low, high = different[np.maximum(place - 1, 0)], different[np.minimum(place + 1, len(different) - 1)]
    is_first, is_last = place == 0, place == len(different) - 1
    takes_low = ~is_first & (is_last | (lengths - low <= high - lengths))
    return np.where(counts[place] > 1, lengths, np.where(takes_low, low, high))
