"""The novelty filter: is anything in the pool too similar to this text, and what is nearest to it.

`Index` answers for a growing pool exactly as comparing with every member by `rouge_score` would, float for float and
tie for tie, without comparing with every member. How it finds the few that matter is told in `novelty_postings`.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from bootstruct.stages.novelty_postings import LONGEST, Postings
from bootstruct.stages.rouge import THRESHOLD, f_measure, f_measures, required_lcs, requirement, tokenizer_named

_GAP: Final = range(0xD800, 0xE000)  # surrogates are no code points of a string
_FIRST_ORDER: Final = 64  # members
_MEMBERS_PER_ADD: Final = 4  # moved to the new order at each add while one is being built
_SMALL: Final = 2048  # members that are all compared with rather than bounded first
_LIKELY: Final = 256  # members compared with first
_ROWS: Final = 4096  # texts compared with all seeds at once

Text = str | tuple[int, ...]  # token codes; a string where every code is a code point: rapidfuzz is fastest on those


def _joined(codes: Sequence[int]) -> Text:
    try:
        return "".join(map(chr, codes))
    except ValueError:  # past the last code point
        return tuple(codes)


def _codes(text: Text) -> Sequence[int]:
    return list(map(ord, text)) if isinstance(text, str) else text


class Vocabulary:
    """Numbers for tokens, in order of arrival, that can stand in a string."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return self.code_at(len(self._codes))

    @staticmethod
    def code_at(position: int) -> int:
        return position if position < _GAP.start else position + len(_GAP)

    def known(self, tokens: Iterable[str]) -> list[int]:
        """The codes of those tokens that have one."""
        get = self._codes.get
        return [code for token in tokens if (code := get(token)) is not None]

    def learn(self, tokens: Iterable[str]) -> list[int]:
        """The codes of all tokens, new ones for those not met before."""
        codes = self._codes
        learned = []
        for token in tokens:
            code = codes.get(token)
            if code is None:
                code = codes[token] = self.code_at(len(codes))
            learned.append(code)
        return learned


class Index:
    """Texts in order of arrival; append-only.

    Answers depend on the texts, the threshold, `strict` and the tokenizer, never on when the postings were rebuilt.
    A text without tokens scores 0 against everything. Scores are ROUGE-L F with the member as target; where a list of
    members is asked for, the most similar come first and equals in order of position.
    """

    def __init__(self, threshold: float = THRESHOLD, strict: bool = True, tokenizer: str = "rouge") -> None:
        """`strict`: over the threshold is F > threshold, else F >= threshold.

        ValueError unless 0 < threshold <= 1 and the tokenizer is known.
        """
        requirement(1, 1, threshold, strict)
        self.threshold = threshold
        self.strict = strict
        self.tokenizer = tokenizer
        self._tokens = tokenizer_named(tokenizer)
        self._vocabulary = Vocabulary()
        self._counts = array("q")  # how often each code occurred
        self._members: list[Text] = []
        self._lengths = array("q")
        self._long: list[int] = []  # positions of members that are not posted
        self._postings = Postings(self._counts, threshold, strict)
        self._next: Postings | None = None  # in a newer order, while it is being built
        self._ordered = 0  # members when the newest order was frozen

    def __len__(self) -> int:
        return len(self._members)

    def add(self, text: str) -> int:
        """Append a text, similar to others or not; its position."""
        return self._add(self._tokens(text))

    def extend(self, texts: Iterable[str]) -> None:
        """Append many texts: about twice as fast as one by one, and leaves the postings in a fresh order."""
        for text in texts:
            self._append(self._tokens(text))
        self._begin()
        self.maintain(len(self._members))

    def nearest(self, text: str) -> tuple[float, int] | None:
        """Score and position of the most similar member over the threshold, the first of equals; None if none is."""
        return _first(self._over(self._tokens(text)))

    def over(self, text: str) -> list[tuple[float, int]]:
        """Score and position of every member over the threshold."""
        return sorted(self._over(self._tokens(text)), key=_rank)

    def decide(self, texts: Iterable[str]) -> list[tuple[bool, float | None, int | None]]:
        """Judge texts one after another: kept where nothing is over the threshold, and then a member at once.

        For each text whether it was kept, and if not the score and position of the nearest member.
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
        """The score with every member, by position: compares with all of them."""
        return self._scores(self._tokens(text), None)

    def mean(self, text: str) -> float:
        """The mean score over all members, as numpy takes it by position; 0 for an empty index. Compares with all."""
        return float(np.mean(self.scores(text))) if self._members else 0.0

    def top(self, text: str, k: int) -> list[tuple[float, int]]:
        """Score and position of the k most similar members, over the threshold or not; fewer where there are fewer."""
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
        # Score those with the greatest bounds; then only what can still match the k-th of them matters.
        likely = np.argpartition(-bounds, enough)[:enough]
        scores = self._scores(tokens, likely)
        bounds[likely] = -1
        rest = np.flatnonzero(bounds >= np.partition(scores, -k)[-k])
        return _best(np.concatenate((scores, self._scores(tokens, rest))), np.concatenate((likely, rest)), k)

    def best(self, text: str) -> tuple[float, int] | None:
        """Score and position of the most similar member, over the threshold or not; None for an empty index."""
        return _first(self.top(text, 1))

    def maintain(self, members: int) -> bool:
        """Bring up to so many members into a newer order, if one is due; whether work is left.

        An order is due when the index has doubled since the last one. Every `add` does a little of the work, so calling
        this is never needed: it is for using idle time. Answers never depend on it, only their speed does.
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
        """Freeze a new order."""
        self._next = Postings(self._counts, self.threshold, self.strict)
        self._ordered = len(self._members)

    def _catch_up(self) -> None:
        """Post members that are not posted yet: none, unless an `extend` was interrupted."""
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
        """Score and position of every member over the threshold, in no particular order."""
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
        """The scores with the members at these positions, or with all."""
        members, lengths = self._members, np.frombuffer(self._lengths, dtype=np.int64)
        if positions is not None:
            members, lengths = [members[position] for position in positions.tolist()], lengths[positions]
        known = self._vocabulary.known(tokens)
        if not known or not members:
            return np.zeros(len(members))
        lcs = cdist([_joined(known)], members, scorer=LCSseq.similarity, dtype=np.uint32)[0]
        return f_measures(lcs.astype(np.int64), lengths, len(tokens))


def _rank(hit: tuple[float, int]) -> tuple[float, int]:
    """Sorts the most similar first, equals by position."""
    return -hit[0], hit[1]


def _first(hits: Sequence[tuple[float, int]]) -> tuple[float, int] | None:
    return min(hits, key=_rank, default=None)


def _best(scores: NDArray[np.float64], positions: NDArray[np.int64], k: int) -> list[tuple[float, int]]:
    order = np.lexsort((positions, -scores))[:k]
    return list(zip(scores[order].tolist(), positions[order].tolist(), strict=True))


def best_against(seeds: Sequence[str], texts: Sequence[str], tokenizer: str = "rouge") -> list[tuple[float, int]]:
    """For each text its best score with a small set of seeds as targets, and which seed (the first of equals).

    ValueError where there are no seeds or the tokenizer is unknown.
    """
    if not seeds:
        raise ValueError("no seeds to compare with")
    cut, vocabulary = tokenizer_named(tokenizer), Vocabulary()
    targets = [_joined(vocabulary.learn(cut(seed))) for seed in seeds]
    n = np.array([len(target) for target in targets], dtype=np.int64)
    found: list[tuple[float, int]] = []
    for start in range(0, len(texts), _ROWS):
        tokens = [cut(text) for text in texts[start : start + _ROWS]]
        known = [_joined(vocabulary.known(row)) for row in tokens]
        m = np.array([len(row) for row in tokens], dtype=np.int64)
        lcs = cdist(known, targets, scorer=LCSseq.similarity, dtype=np.uint32).astype(np.int64)
        scores = f_measures(lcs, n[None, :], m[:, None])
        nearest = scores.argmax(axis=1)
        found += zip(scores[np.arange(len(known)), nearest].tolist(), nearest.tolist(), strict=True)
    return found


def pairs_over(
    texts: Iterable[str], threshold: float = THRESHOLD, strict: bool = True, tokenizer: str = "rouge"
) -> Iterator[tuple[int, int, float]]:
    """All pairs of texts over the threshold, ordered: position of the later, position of the earlier, score."""
    index = Index(threshold, strict, tokenizer)
    for later, text in enumerate(texts):
        for score, earlier in sorted(index.over(text), key=lambda hit: hit[1]):
            yield later, earlier, score
        index.add(text)
