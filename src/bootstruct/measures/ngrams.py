"""Texts as numbered tokens, and their repetitions: distinct n-grams, n-gram diversity, self-repetition. Exact."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootstruct.novelty.rouge import unicode_tokens

Ints = NDArray[np.int64]
Tokenizer = Callable[[str], list[str]]


def blank_tokens(text: str) -> list[str]:
    """The unchanged pieces between blanks: the tokens of the published measures."""
    return text.split()


def tokenizer_for(texts: Sequence[str]) -> tuple[str, Tokenizer]:
    """Blanks, unless one text in ten is in a script without blanks between words; then `novelty.rouge.unicode_tokens`.

    Returns its name (`blanks`, `unicode`) and the function; the first thousand texts decide.

    Example:
        >>> tokenizer_for(["Name a fruit."])[0], tokenizer_for(["写一首关于大海的诗"])[0]
        ('blanks', 'unicode')
    """
    some = [text for text in texts[:1000] if not text.isascii()]
    unspaced = sum(len(unicode_tokens(text)) > 2 * len(text.split()) for text in some)
    return ("unicode", unicode_tokens) if unspaced > len(texts[:1000]) / 10 else ("blanks", blank_tokens)


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """Texts one after another as numbers of tokens.

    Attributes:
        ids: the token of each position, shape (tokens,).
        starts: where each text begins, and the end of the last, shape (texts + 1,).
        vocabulary: number of different tokens.
    """

    ids: Ints
    starts: Ints
    vocabulary: int

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Tokens of each text, shape (texts,)."""
        return np.diff(self.starts)

    def take(self, rows: Ints) -> "TokenizedTexts":
        """Some of the texts, in the order given."""
        lengths = self.lengths[rows]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        offsets = np.repeat(self.starts[rows] - starts[:-1], lengths)
        return TokenizedTexts(self.ids[np.arange(starts[-1]) + offsets], starts, self.vocabulary)

    def joined(self) -> "TokenizedTexts":
        """All of it as one text."""
        return TokenizedTexts(self.ids, np.array([0, len(self.ids)]), self.vocabulary)


def tokenized(texts: Sequence[str], tokenize: Tokenizer = blank_tokens) -> TokenizedTexts:
    """Number the tokens of texts.

    Example:
        >>> tokenized(["a b a", "b"]).ids.tolist()
        [0, 1, 0, 1]
    """
    numbers: dict[str, int] = {}
    rows = [np.array([numbers.setdefault(token, len(numbers)) for token in tokenize(text)], np.int64) for text in texts]
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows], dtype=np.int64))).astype(np.int64)
    return TokenizedTexts(np.concatenate([*rows, np.empty(0, np.int64)]), starts, len(numbers))


@dataclass(frozen=True, slots=True)
class NGrams:
    """The n-grams of texts: a number for each different one, and the text that each occurrence stands in."""

    grams: Ints
    texts: Ints
    distinct: int


def ngrams(texts: TokenizedTexts, most: int) -> list[NGrams]:
    """The n-grams within each text, for n from 1 to `most`. Equal numbers mean equal n-grams; nothing is hashed."""
    owner = np.repeat(np.arange(len(texts)), texts.lengths)
    ends = np.repeat(texts.starts[1:], texts.lengths)
    found: list[NGrams] = []
    places = np.arange(len(texts.ids))
    numbers, distinct = texts.ids, texts.vocabulary
    for n in range(1, most + 1):
        if n > 1:
            fits = places + n <= ends[places]
            places, numbers = places[fits], numbers[fits]
            numbers = numbers * max(1, texts.vocabulary) + texts.ids[places + n - 1]
        different, numbers = np.unique(numbers, return_inverse=True)
        distinct = len(different)
        found.append(NGrams(numbers.astype(np.int64), owner[places], distinct))
    return found


def distinct_share(texts: TokenizedTexts, n: int) -> float:
    """Distinct-n: different n-grams as a share of all, from 0 to 1; nan without any (Li et al. 2016).

    Example:
        >>> distinct_share(tokenized(["a b a b"]), 2)
        0.6666666666666666
    """
    found = ngrams(texts, n)[-1]
    return found.distinct / len(found.grams) if len(found.grams) else float("nan")


def ngram_diversity(texts: TokenizedTexts, most: int = 4) -> float:
    """The sum of distinct-n for n from 1 to 4, of all texts as one, as the package `diversity` has it (arXiv 2202.00666)."""
    shares = [found.distinct / len(found.grams) for found in ngrams(texts.joined(), most) if len(found.grams)]
    return float(sum(shares)) if len(shares) == most else float("nan")


def self_repetition(texts: TokenizedTexts, n: int = 4) -> float:
    """Self-repetition: the mean over texts of log(1 + how often its n-grams stand in other texts) (Salkar et al. 2022).

    Example:
        >>> self_repetition(tokenized(["name a big red fruit", "paint a big red fruit"])).__round__(4)
        0.6931
    """
    found = ngrams(texts, n)[-1]
    if not len(texts):
        return float("nan")
    pairs = np.unique(found.texts * max(1, found.distinct) + found.grams)
    owner, gram = pairs // max(1, found.distinct), pairs % max(1, found.distinct)
    elsewhere = np.bincount(gram, minlength=found.distinct)[gram] - 1
    return float(np.log1p(np.bincount(owner, elsewhere, len(texts))).mean())
