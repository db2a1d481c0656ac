"""ROUGE-L with the tokens and the floats of Google's `rouge_score`, and its threshold as whole numbers.

The similarity of two texts is F = 2PR / (P + R) with P = LCS / n and R = LCS / m, where m and n count the tokens of the
target and of the prediction and LCS is the length of their longest common subsequence (the released code). Floats are
rounded, so a pair whose true value is exactly 0.7 may come out above it: decisions must use the reference's own float. For
given m, n and threshold it determines the smallest LCS that exceeds the threshold; everything else compares integers.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from bootstruct.novelty.porter import stem

THRESHOLD: Final = 0.7  # the paper and its code: rejected iff the best F exceeds it
Tokenizer = Callable[[str], list[str]]

_ALPHANUMERIC: Final = re.compile(r"[a-z0-9]+")

# Scripts written without blanks between words: each character is a token. First and last code points of blocks.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x312F),  # radicals, Han signs, Hiragana, Katakana, Bopomofo
    (0x3190, 0x4DBF),  # Kanbun, Bopomofo, Katakana extensions, Han extension A
    (0x4E00, 0xA4CF),  # Han, Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar extended
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x3FFFF),  # Han supplements
)


class _SeparatorTable(dict[int, str]):
    """What `str.translate` replaces each code point with, so that blanks separate tokens; filled as needed."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
            replacement = ""  # a variation selector, not a letter
        elif category == "Cf":
            replacement = " " if code == 0x200B else ""  # zero-width spaces end a word; joiners, soft hyphens do not
        elif category[0] in "LN" or category in ("Mn", "Mc"):
            replacement = f" {chr(code)} " if any(low <= code <= high for low, high in _UNSPACED) else chr(code)
        else:
            replacement = " "
        self[code] = replacement
        return replacement


_SEPARATED: Final = _SeparatorTable()


def tokens(text: str) -> list[str]:
    """Return the reference's tokens: runs of a-z and 0-9 after lower-casing."""
    return _ALPHANUMERIC.findall(text.lower())


def stemmed_tokens(text: str) -> list[str]:
    """Return the reference's tokens with its stemmer: tokens of more than three letters are stemmed."""
    return [stem(token) if len(token) > 3 else token for token in tokens(text)]


def unicode_tokens(text: str) -> list[str]:
    """Return the words of any script: runs of letters, marks and digits after NFKC and case folding.

    Scripts that put no blanks between words (Han, kana, Thai, Lao, Khmer, Myanmar and a few more) give one token per
    character; Hangul gives words.

    Example:
        >>> unicode_tokens("Ça va? 写诗")
        ['ça', 'va', '写', '诗']
    """
    if text.isascii():
        return text.lower().translate(_SEPARATED).split()
    folded = unicodedata.normalize("NFKC", text).casefold()  # may decompose letters again
    return unicodedata.normalize("NFKC", folded).translate(_SEPARATED).split()


TOKENIZERS: Final[Mapping[str, Tokenizer]] = {
    "rouge": tokens,
    "unicode": unicode_tokens,
    "rouge-stemmed": stemmed_tokens,
}


def tokenizer_named(name: str) -> Tokenizer:
    """Return the tokenizer of a name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return TOKENIZERS[name]
    except KeyError:
        raise ValueError(f"no tokenizer {name!r}: choose one of {', '.join(TOKENIZERS)}") from None


def f_measure(lcs: int, m: int, n: int) -> float:
    """Return the reference's F-measure.

    Args:
        lcs: tokens in the longest common subsequence.
        m: tokens of the target.
        n: tokens of the prediction.
    """
    if lcs == 0 or m == 0 or n == 0:
        return 0.0
    precision = lcs / n
    recall = lcs / m
    return 2 * precision * recall / (precision + recall)


def f_measures(lcs: NDArray[np.int64], m: NDArray[np.int64] | int, n: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Return `f_measure` of arrays that broadcast: the same floats. Where m or n is 0, `lcs` must be 0."""
    precision = lcs / np.maximum(n, 1)
    recall = lcs / np.maximum(m, 1)
    scores: NDArray[np.float64] = 2 * precision * recall
    return np.divide(scores, precision + recall, out=scores, where=scores > 0)


def lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two token lists."""
    numbers: dict[str, int] = {}
    one = [numbers.setdefault(token, len(numbers)) for token in first]
    other = [numbers.setdefault(token, len(numbers)) for token in second]
    return LCSseq.similarity(one, other)  # numbers, because rapidfuzz compares strings by their hash


def rouge_l(target: str, prediction: str, tokenizer: str = "rouge") -> float:
    """Return the ROUGE-L F-measure of two texts, between 0 and 1; a text without tokens scores 0.

    Args:
        target: the reference text.
        prediction: the text to score.
        tokenizer: `rouge`, `unicode` or `rouge-stemmed`.

    Raises:
        ValueError: the tokenizer is unknown.

    Example:
        >>> rouge_l("Name three rivers in Africa.", "Name five rivers in Asia.")
        0.6
    """
    tokenize = tokenizer_named(tokenizer)
    first, second = tokenize(target), tokenize(prediction)
    return f_measure(lcs_length(first, second), len(first), len(second))


@dataclass(frozen=True, slots=True)
class LcsRequirement:
    """What texts of m tokens need to exceed the threshold with texts of n tokens.

    Attributes:
        required: for each n, the smallest sufficient LCS; min(m, n) + 1 if none suffices.
        shortest: the smallest n for which an LCS suffices; 0 if there is none.
        longest: the greatest such n; -1 if there is none.
    """

    required: NDArray[np.int64]
    shortest: int
    longest: int


@lru_cache(maxsize=1024)
def requirement(m: int, longest: int, threshold: float = THRESHOLD, strict: bool = True) -> LcsRequirement:
    """Return the smallest sufficient LCS of a text of m tokens with texts of every length up to `longest`.

    Args:
        m: tokens of the text.
        longest: the greatest length to tabulate.
        threshold: above 0, at most 1.
        strict: whether exceeding means F > threshold (the released code, Alpaca), or F >= threshold.

    Raises:
        ValueError: the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold must be above 0 and at most 1, not {threshold!r}")
    n = np.arange(longest + 1, dtype=np.int64)
    bound = np.minimum(m, n)
    required = bound + 1
    if m:
        # F is 2 LCS / (m + n) up to rounding, so the result lies within one of this; the smallest is kept last.
        near = np.floor(threshold * (m + n) / 2).astype(np.int64)
        for lcs in (near + 2, near + 1, near, near - 1):
            possible = (lcs >= 1) & (lcs <= bound)
            score = f_measures(np.maximum(lcs, 0), m, n)
            exceeds = score > threshold if strict else score >= threshold
            required = np.where(possible & exceeds, lcs, required)
    required.setflags(write=False)  # the cached array is shared
    within = np.flatnonzero(required <= bound)
    if not len(within):
        return LcsRequirement(required, 0, -1)
    return LcsRequirement(required, int(within[0]), int(within[-1]))


def required_lcs(m: int, n: int, threshold: float = THRESHOLD, strict: bool = True) -> int:
    """Return the smallest LCS whose F exceeds the threshold for m and n tokens; min(m, n) + 1 if none does."""
    bound = min(m, n)
    for lcs in range(max(1, math.floor(threshold * (m + n) / 2) - 1), bound + 1):
        score = f_measure(lcs, m, n)
        if score > threshold or (score == threshold and not strict):
            return lcs
    return bound + 1
