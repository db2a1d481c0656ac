"""ROUGE-L with the tokens and the floats of Google's `rouge_score`, and its threshold as whole numbers.

The similarity of two texts is F = 2PR / (P + R) with P = LCS / n and R = LCS / m, where m and n count the tokens of the
target and of the prediction and LCS is their longest common subsequence (the released code). Floats round, so a pair
whose true value is exactly 0.7 may come out above it: a decision must be taken on the reference's own float. For given
m, n and threshold that float says which LCS is the smallest to exceed it; all else is then comparing integers.
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

from bootstruct.stages.porter import stem

THRESHOLD: Final = 0.7  # the paper and its code: rejected iff the best F exceeds it
Tokenizer = Callable[[str], list[str]]

_ALPHANUMERIC: Final = re.compile(r"[a-z0-9]+")

# Scripts written without blanks between words: each character is a token. First and last code point of the blocks.
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


class _Separated(dict[int, str]):
    """What `str.translate` puts for each code point so that blanks separate tokens; fills itself."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
            put = ""  # selects a glyph, not a letter
        elif category == "Cf":
            put = " " if code == 0x200B else ""  # the zero-width blank ends a word; joiners and soft hyphens do not
        elif category[0] in "LN" or category in ("Mn", "Mc"):
            put = f" {chr(code)} " if any(low <= code <= high for low, high in _UNSPACED) else chr(code)
        else:
            put = " "
        self[code] = put
        return put


_SEPARATED: Final = _Separated()


def tokens(text: str) -> list[str]:
    """The reference's tokens: runs of a-z and 0-9 after lower-casing."""
    return _ALPHANUMERIC.findall(text.lower())


def stemmed_tokens(text: str) -> list[str]:
    """The reference's tokens with its stemmer: those of more than three letters are stemmed."""
    return [stem(token) if len(token) > 3 else token for token in tokens(text)]


def unicode_tokens(text: str) -> list[str]:
    """Words of any script: runs of letters, marks and digits after NFKC and case folding.

    Scripts that put no blanks between words (Han, kana, Thai, Lao, Khmer, Myanmar and a few more) give one token per
    character; Hangul gives words.
    """
    if text.isascii():
        return text.lower().translate(_SEPARATED).split()
    folded = unicodedata.normalize("NFKC", text).casefold()  # which may take composed letters apart again
    return unicodedata.normalize("NFKC", folded).translate(_SEPARATED).split()


TOKENIZERS: Final[Mapping[str, Tokenizer]] = {
    "rouge": tokens,
    "unicode": unicode_tokens,
    "rouge-stemmed": stemmed_tokens,
}


def tokenizer_named(name: str) -> Tokenizer:
    """The tokenizer of that name; ValueError naming the known ones."""
    try:
        return TOKENIZERS[name]
    except KeyError:
        raise ValueError(f"no tokenizer {name!r}: choose one of {', '.join(TOKENIZERS)}") from None


def f_measure(lcs: int, m: int, n: int) -> float:
    """The reference's F for a longest common subsequence of `lcs` tokens of a target of m and a prediction of n."""
    if lcs == 0 or m == 0 or n == 0:
        return 0.0
    precision = lcs / n
    recall = lcs / m
    return 2 * precision * recall / (precision + recall)


def f_measures(lcs: NDArray[np.int64], m: NDArray[np.int64] | int, n: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """`f_measure` of arrays that broadcast: the same floats. Where m or n is 0, LCS must be."""
    precision = lcs / np.maximum(n, 1)
    recall = lcs / np.maximum(m, 1)
    scores: NDArray[np.float64] = 2 * precision * recall
    return np.divide(scores, precision + recall, out=scores, where=scores > 0)


def lcs_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Tokens in the longest common subsequence of two token lists."""
    numbers: dict[str, int] = {}
    one = [numbers.setdefault(token, len(numbers)) for token in first]
    other = [numbers.setdefault(token, len(numbers)) for token in second]
    return LCSseq.similarity(one, other)  # numbers, not strings: rapidfuzz compares strings by their hash


def rouge_l(target: str, prediction: str, tokenizer: str = "rouge") -> float:
    """ROUGE-L F between 0 and 1; a text without tokens scores 0. ValueError for an unknown tokenizer."""
    cut = tokenizer_named(tokenizer)
    first, second = cut(target), cut(prediction)
    return f_measure(lcs_length(first, second), len(first), len(second))


@dataclass(frozen=True, slots=True)
class Requirement:
    """For texts of m tokens: what it takes to exceed the threshold against one of n tokens, n = 0 .. longest asked for.

    `required[n]` is the smallest LCS that does; where none does it is min(m, n) + 1, out of reach. `shortest` and
    `longest` bound the n within reach (0 and -1 where there is none).
    """

    required: NDArray[np.int64]
    shortest: int
    longest: int


@lru_cache(maxsize=1024)
def requirement(m: int, longest: int, threshold: float = THRESHOLD, strict: bool = True) -> Requirement:
    """The smallest sufficient LCS for a text of m tokens against every length up to `longest`.

    `strict`: exceeding is F > threshold (both the original and Alpaca), else F >= threshold. ValueError unless
    0 < threshold <= 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold must be above 0 and at most 1, not {threshold!r}")
    n = np.arange(longest + 1, dtype=np.int64)
    bound = np.minimum(m, n)
    required = bound + 1
    if m:
        # F is 2 LCS / (m + n) up to rounding, so the answer lies within one of this; larger first, the smallest stays.
        near = np.floor(threshold * (m + n) / 2).astype(np.int64)
        for lcs in (near + 2, near + 1, near, near - 1):
            possible = (lcs >= 1) & (lcs <= bound)
            score = f_measures(np.maximum(lcs, 0), m, n)
            exceeds = score > threshold if strict else score >= threshold
            required = np.where(possible & exceeds, lcs, required)
    required.setflags(write=False)  # shared by all who ask
    within = np.flatnonzero(required <= bound)
    if not len(within):
        return Requirement(required, 0, -1)
    return Requirement(required, int(within[0]), int(within[-1]))


def required_lcs(m: int, n: int, threshold: float = THRESHOLD, strict: bool = True) -> int:
    """The smallest LCS whose F exceeds the threshold for m against n tokens; min(m, n) + 1 where none does."""
    bound = min(m, n)
    for lcs in range(max(1, math.floor(threshold * (m + n) / 2) - 1), bound + 1):
        score = f_measure(lcs, m, n)
        if score > threshold or (score == threshold and not strict):
            return lcs
    return bound + 1
