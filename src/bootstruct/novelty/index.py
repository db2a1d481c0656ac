"""The novelty index: whether a pool holds a text that is too similar to a given one, and which text is nearest.

For a growing pool, `NoveltyIndex` gives exactly the results of comparing with every member by `rouge_score`, float for float
and tie for tie, without comparing with every member. `postings.py` describes how it finds the few that matter.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from bootstruct.novelty.postings import LONGEST, Postings
from bootstruct.novelty.rouge import THRESHOLD, f_measure, f_measures, required_lcs, requirement, tokenizer_named

_SURROGATES: Final = range(0xD800, 0xE000)  # no code points of a string
_FIRST_ORDER: Final = 64  # members, before the first order of tokens is built
_MEMBERS_PER_ADD: Final = 4  # moved to the new order at each add while one is being built
_SMALL: Final = 2048  # up to this many members, `top` compares with all of them
_LIKELY: Final = 256  # members that `top` compares with first
_TEXTS_AT_ONCE: Final = 4096  # compared with all seeds

TokenCodes = str | tuple[int, ...]  # a string if every code is a code point, because rapidfuzz is fastest on strings


def _joined(codes: Sequence[int]) -> TokenCodes:
    try:
        return "".join(map(chr, codes))
    except ValueError:  # past the last code point
        return tuple(codes)


def _codes(text: TokenCodes) -> Sequence[int]:
    return list(map(ord, text)) if isinstance(text, str) else text


class Vocabulary:
    """Codes for tokens, in order of arrival, that can be code points of a string."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return self.code_at(len(self._codes))

    @staticmethod
    def code_at(position: int) -> int:
        """Return the code of the token that arrives at this position."""
        return position if position < _SURROGATES.start else position + len(_SURROGATES)

    def known(self, tokens: Iterable[str]) -> list[int]:
        """Return the codes of those tokens that have one."""
        get = self._codes.get
        return [code for token in tokens if (code := get(token)) is not None]

    def learn(self, tokens: Iterable[str]) -> list[int]:
        """Return the codes of all tokens, and new codes for new tokens."""
        codes = self._codes
        learned = []
        for token in tokens:
            code = codes.get(token)
            if code is None:
                code = codes[token] = self.code_at(len(codes))
            learned.append(code)
        return learned


class NoveltyIndex:
    """An append-only index of texts that finds similar ones by ROUGE-L (section 2.2).

    Results depend only on the texts, the threshold, `strict` and the tokenizer. Scores are ROUGE-L F-measures from 0 to 1, with
    the member of the index as the target; a text without tokens scores 0 with everything. Lists of members are sorted by
    score, then by position.

    Example:
        >>> index = NoveltyIndex()
        >>> index.add("Write a short poem about the sea.")
        0
        >>> index.nearest("Write a short poem about the moon.")
        (0.8571428571428571, 0)
        >>> index.nearest("Translate the sentence into French.") is None
        True
    """

    def __init__(self, threshold: float = THRESHOLD, strict: bool = True, tokenizer: str = "rouge") -> None:
        """Make an empty index.

        Args:
            threshold: above 0, at most 1; 0.7 in the paper.
            strict: whether too similar means F > threshold (as in the paper), or F >= threshold.
            tokenizer: `rouge`, `unicode` or `rouge-stemmed`.

        Raises:
            ValueError: the threshold or the tokenizer cannot be used.
        """
        requirement(1, 1, threshold, strict)
        self.threshold = threshold
        self.strict = strict
        self.tokenizer = tokenizer
        self._tokens = tokenizer_named(tokenizer)
        self._vocabulary = Vocabulary()
        self._counts = array("q")  # how often each code occurred
        self._members: list[TokenCodes] = []
        self._lengths = array("q")
        self._long: list[int] = []  # positions of members that are not posted
        self._postings = Postings(self._counts, threshold, strict)
        self._next: Postings | None = None  # in a newer order, while it is being built
        self._ordered = 0  # members when the newest order was frozen

    def __len__(self) -> int:
        return len(self._members)

    def add(self, text: str) -> int:
        """Append a text, similar to others or not, and return its position."""
        return self._add(self._tokens(text))

    def extend(self, texts: Iterable[str]) -> None:
        """Append many texts, about twice as fast as one by one."""
        for text in texts:
            self._append(self._tokens(text))
        self._begin()
        self.maintain(len(self._members))

    def nearest(self, text: str) -> tuple[float, int] | None:
        """Return score and position of the most similar member over the threshold; None if no member is over it."""
        return _first(self._over(self._tokens(text)))

    def over(self, text: str) -> list[tuple[float, int]]:
        """Return score and position of every member over the threshold, the most similar first."""
        return sorted(self._over(self._tokens(text)), key=_rank)

    def decide(self, texts: Iterable[str]) -> list[tuple[bool, float | None, int | None]]:
        """Judge texts one after another; each that is kept becomes a member at once.

        Returns:
            For each text: whether it was kept, and if not, score and position of the nearest member.
        """
        decisions: list[tuple[bool, float | None, int | None]] = []
        for text in texts:
            tokens = self._tokens(text)
            nearest = _first(self._over(tokens))
            if nearest is None:
                self._add(tokens)
                decisions.append((True, None, None))
            else:
                decisions.append((False, *nearest))
        return decisions

    def scores(self, text: str) -> NDArray[np.float64]:
        """Return the score with every member, by position. Compares with all of them."""
        return self._scores(self._tokens(text), None)

    def mean(self, text: str) -> float:
        """Return the mean score over all members; 0 for an empty index. Compares with all of them."""
        return float(np.mean(self.scores(text))) if self._members else 0.0

    def top(self, text: str, k: int) -> list[tuple[float, int]]:
        """Return score and position of the k most similar members, over the threshold or not."""
        tokens = self._tokens(text)
        if k <= 0:
            return []
        enough = max(_LIKELY, 4 * k)
        if len(self._members) <= max(_SMALL, enough):
            return _best(self._scores(tokens, None), np.arange(len(self._members)), k)
        self._catch_up()
        lengths = np.frombuffer(self._lengths, dtype=np.int64)
        most = self._postings.most_shared(self._vocabulary.known(tokens), lengths)
        bounds = f_measures(most, lengths, len(tokens))
        # Score the members with the greatest bounds; then only those that can still reach the k-th of these scores.
        likely = np.argpartition(-bounds, enough)[:enough]
        scores = self._scores(tokens, likely)
        bounds[likely] = -1
        rest = np.flatnonzero(bounds >= np.partition(scores, -k)[-k])
        return _best(np.concatenate((scores, self._scores(tokens, rest))), np.concatenate((likely, rest)), k)

    def best(self, text: str) -> tuple[float, int] | None:
        """Return score and position of the most similar member, over the threshold or not; None for an empty index."""
        return _first(self.top(text, 1))

    def maintain(self, members: int) -> bool:
        """Move members into a newer order of tokens, if one is due.

        An order is due when the index has doubled since the last one. Every `add` does a part of the work, so calling this is
        never necessary: it uses idle time. Results do not depend on it, only their speed does.

        Args:
            members: how many to move at most.

        Returns:
            Whether work is left.
        """
        if self._next is None:
            if len(self._members) < max(_FIRST_ORDER, 2 * self._ordered):
                return False
            self._begin()
        postings = self._next
        assert postings is not None
        start = len(postings)
        for member in self._members[start : start + members]:
            postings.post(_codes(member))
        if len(postings) < len(self._members):
            return True
        self._postings, self._next = postings, None
        return False

    def _begin(self) -> None:
        """Fix a new order of tokens."""
        self._next = Postings(self._counts, self.threshold, self.strict)
        self._ordered = len(self._members)

    def _catch_up(self) -> None:
        """Post members that are not posted yet; there are none unless an `extend` was interrupted."""
        while len(self._postings) < len(self._members):
            self._postings.post(_codes(self._members[len(self._postings)]))

    def _append(self, tokens: Sequence[str]) -> list[int]:
        codes = self._vocabulary.learn(tokens)
        counts = self._counts
        counts.extend([0] * (len(self._vocabulary) - len(counts)))
        for code in codes:
            counts[code] += 1
        if len(codes) > LONGEST:
            self._long.append(len(self._members))
        self._lengths.append(len(codes))
        self._members.append(_joined(codes))
        return codes

    def _add(self, tokens: Sequence[str]) -> int:
        self._catch_up()
        self._postings.post(self._append(tokens))
        self.maintain(_MEMBERS_PER_ADD)
        return len(self._members) - 1

    def _over(self, tokens: Sequence[str]) -> list[tuple[float, int]]:
        """Return score and position of every member over the threshold, in no particular order."""
        self._catch_up()
        known = self._vocabulary.known(tokens)
        if not known:
            return []
        m = len(tokens)
        needs = self._postings.candidates(known, m - len(known))
        for position in self._long:
            needs[position] = required_lcs(m, self._lengths[position], self.threshold, self.strict)
        members, text = self._members, _joined(known)
        over = []
        for position, needed in needs.items():
            member = members[position]
            lcs = LCSseq.similarity(text, member, score_cutoff=needed)
            if lcs >= needed:
                over.append((f_measure(lcs, len(member), m), position))
        return over

    def _scores(self, tokens: Sequence[str], positions: NDArray[np.int64] | None) -> NDArray[np.float64]:
        """Return the scores with the members at these positions, or with all."""
        members, lengths = self._members, np.frombuffer(self._lengths, dtype=np.int64)
        if positions is not None:
            members, lengths = [members[position] for position in positions.tolist()], lengths[positions]
        known = self._vocabulary.known(tokens)
        if not known or not members:
            return np.zeros(len(members))
        lcs = cdist([_joined(known)], members, scorer=LCSseq.similarity, dtype=np.uint32)[0]
        return f_measures(lcs.astype(np.int64), lengths, len(tokens))


def _rank(match: tuple[float, int]) -> tuple[float, int]:
    """Sort the most similar first, equal scores by position."""
    return -match[0], match[1]


def _first(matches: Sequence[tuple[float, int]]) -> tuple[float, int] | None:
    return min(matches, key=_rank, default=None)


def _best(scores: NDArray[np.float64], positions: NDArray[np.int64], k: int) -> list[tuple[float, int]]:
    order = np.lexsort((positions, -scores))[:k]
    return list(zip(scores[order].tolist(), positions[order].tolist(), strict=True))


def best_against(seeds: Sequence[str], texts: Sequence[str], tokenizer: str = "rouge") -> list[tuple[float, int]]:
    """Return the best score of each text with a small set of seeds as targets, and the number of that seed.

    Args:
        seeds: the texts to compare with.
        texts: the texts to score.
        tokenizer: `rouge`, `unicode` or `rouge-stemmed`.

    Raises:
        ValueError: there are no seeds, or the tokenizer is unknown.
    """
    if not seeds:
        raise ValueError("no seeds to compare with")
    tokenize, vocabulary = tokenizer_named(tokenizer), Vocabulary()
    targets = [_joined(vocabulary.learn(tokenize(seed))) for seed in seeds]
    n = np.array([len(target) for target in targets], dtype=np.int64)
    best: list[tuple[float, int]] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        tokens = [tokenize(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
        known = [_joined(vocabulary.known(row)) for row in tokens]
        m = np.array([len(row) for row in tokens], dtype=np.int64)
        lcs = cdist(known, targets, scorer=LCSseq.similarity, dtype=np.uint32).astype(np.int64)
        scores = f_measures(lcs, n[None, :], m[:, None])
        nearest = scores.argmax(axis=1)
        best += zip(scores[np.arange(len(known)), nearest].tolist(), nearest.tolist(), strict=True)
    return best


def pairs_over(
    texts: Iterable[str], threshold: float = THRESHOLD, strict: bool = True, tokenizer: str = "rouge"
) -> Iterator[tuple[int, int, float]]:
    """Yield all pairs of texts over the threshold: position of the later, position of the earlier, score.

    Args:
        texts: the texts.
        threshold: above 0, at most 1.
        strict: whether too similar means F > threshold, or F >= threshold.
        tokenizer: `rouge`, `unicode` or `rouge-stemmed`.
    """
    index = NoveltyIndex(threshold, strict, tokenizer)
    for later, text in enumerate(texts):
        for score, earlier in sorted(index.over(text), key=lambda match: match[1]):
            yield later, earlier, score
        index.add(text)
