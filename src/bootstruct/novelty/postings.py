"""Postings of the novelty index, which find the members that may exceed the threshold without comparing texts.

A text is a sequence of token codes. Orders, bits and filters only decide how much is compared: each step keeps every member
that could reach the required length of the longest common subsequence (LCS), so no result depends on them.

1. Prefix filter. Put the tokens of both texts into one global order, rarest first, equal tokens together. If they
   share r tokens, the rarest shared one is at a position i <= m - r in one text and j <= n - r in the other. So a member
   is posted under its first n - r + 1 positions only, where r is the smallest LCS that any other text could require.
2. Length. A posting packs length n, position j and member, and each token's postings are kept sorted: only lengths for
   which i <= m - required still holds are read.
3. Position. j <= n - required.
4. Signature. Each token has one of 64 bits, which it may share. Each bit of one text that the other lacks is a token that
   cannot match; a member with more of those than the required LCS allows is dropped.
"""

from array import array
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.novelty.rouge import LcsRequirement, requirement

LONGEST: Final = 4095  # tokens; longer members are not posted, the index compares them one by one
_LENGTH_AT: Final = 44
_POSITION_AT: Final = 32
_MEMBER: Final = (1 << _POSITION_AT) - 1
_SIGNATURE_BITS: Final = 64
_OWN_BITS: Final = 24  # this many of the most frequent tokens have a bit to themselves
_RARITY_AT: Final = 32


@dataclass(frozen=True, slots=True)
class ReachTable:
    """The requirement on posted members, in the forms that a look-up needs.

    Attributes:
        required: for each length, the smallest sufficient LCS.
        shortest: the smallest length of a member that can exceed the threshold.
        longest: the greatest such length.
        least: the smallest LCS that suffices for any length.
        farthest: for each LCS, the greatest length that requires no more than it; 0 if there is none.
        limit: for each length, the greatest posting that passes the position filter.
    """

    required: NDArray[np.int64]
    shortest: int
    longest: int
    least: int
    farthest: list[int]
    limit: NDArray[np.int64]


@lru_cache(maxsize=1024)
def reach_table(m: int, threshold: float, strict: bool) -> ReachTable:
    """Return what members of up to `LONGEST` tokens need to exceed the threshold with a text of m tokens."""
    longest = min(LONGEST, max(64, 1 << (2 * m).bit_length()))
    needed: LcsRequirement = requirement(m, longest, threshold, strict)
    if needed.longest == longest < LONGEST:
        needed = requirement(m, LONGEST, threshold, strict)
    required = needed.required
    n = np.arange(len(required), dtype=np.int64)
    within = required <= np.minimum(m, n)
    least = int(required[within].min()) if within.any() else m + 1
    farthest = np.zeros(m + 2, dtype=np.int64)
    np.maximum.at(farthest, required[within], n[within])
    limit = np.where(within, (n << _LENGTH_AT) | ((n - required) << _POSITION_AT) | _MEMBER, -1)
    return ReachTable(required, needed.shortest, needed.longest, least, np.maximum.accumulate(farthest).tolist(), limit)


class Postings:
    """Signatures and postings of members 0, 1, 2 ... under one fixed order of rarity.

    Args:
        counts: for each code, how often its token had occurred when the order was fixed; later codes count as rarest.
        threshold: as in `NoveltyIndex`.
        strict: as in `NoveltyIndex`.
    """

    def __init__(self, counts: "array[int]", threshold: float, strict: bool) -> None:
        self.threshold = threshold
        self.strict = strict
        self.signatures = array("Q")
        frequency = np.frombuffer(counts, dtype=np.int64) if len(counts) else np.zeros(0, dtype=np.int64)
        code = np.arange(len(frequency), dtype=np.int64)
        # Sort keys rather than ranks: (count, code) in one number avoids a pause for sorting the vocabulary.
        self._rarity = array("q", ((frequency << _RARITY_AT) | code).tobytes())
        bits = np.uint64(1) << (_OWN_BITS + code % (_SIGNATURE_BITS - _OWN_BITS)).astype(np.uint64)
        own = min(_OWN_BITS, len(code))
        if own:
            frequent = np.sort(np.argpartition(-frequency, own - 1)[:own])
            bits[frequent] = np.uint64(1) << np.arange(own, dtype=np.uint64)
        self._bits = array("Q", bits.tobytes())
        self._lists: list[array[int] | None] = [None] * len(code)

    def __len__(self) -> int:
        return len(self.signatures)

    def _admit(self, code: int) -> None:
        """Give every code up to this one a rarity, a bit and room for postings."""
        for new in range(len(self._lists), code + 1):
            self._rarity.append(new)
            self._bits.append(1 << (_OWN_BITS + new % (_SIGNATURE_BITS - _OWN_BITS)))
            self._lists.append(None)

    def signature(self, codes: Sequence[int]) -> int:
        """Return the bits of these codes."""
        bits = self._bits
        signature = 0
        for code in codes:
            signature |= bits[code]
        return signature

    def post(self, codes: Sequence[int]) -> None:
        """Add the next member, given by its codes."""
        member = len(self.signatures)
        n = len(codes)
        self._admit(max(codes, default=-1))
        lists = self._lists
        ordered = sorted(codes, key=self._rarity.__getitem__)
        packed = (n << _LENGTH_AT) | member
        previous = -1
        depth = n - reach_table(n, self.threshold, self.strict).least + 1 if 0 < n <= LONGEST else 0
        for position in range(depth):
            code = ordered[position]
            if code != previous:
                postings = lists[code]
                if postings is None:
                    lists[code] = array("q", (packed | (position << _POSITION_AT),))
                else:
                    insort(postings, packed | (position << _POSITION_AT))
                previous = code
        self.signatures.append(self.signature(codes))

    def candidates(self, known: Sequence[int], unknown: int) -> dict[int, int]:
        """Find the members that may exceed the threshold with a text.

        The result is complete for members of up to `LONGEST` tokens and holds no longer ones.

        Args:
            known: the codes of the text's known tokens.
            unknown: the number of its unknown tokens.

        Returns:
            For each member, the LCS that it needs; in no particular order.
        """
        m = len(known)
        bounds = reach_table(m + unknown, self.threshold, self.strict)
        if m < bounds.least:
            return {}
        lists, farthest, low = self._lists, bounds.farthest, bounds.shortest << _LENGTH_AT
        found: list[array[int]] = []
        previous = -1
        left = m  # known tokens from here on in the order; at most this many can match
        for code in sorted(known, key=self._rarity.__getitem__):
            if code != previous:
                high = farthest[left]
                if not high:
                    break
                previous = code
                postings = lists[code]
                if postings is not None:
                    start = bisect_left(postings, low)
                    end = bisect_left(postings, (high + 1) << _LENGTH_AT, start)
                    if start < end:
                        found.append(postings[start:end])
            left -= 1
        if not found:
            return {}
        return self._filtered(np.frombuffer(b"".join(found), dtype=np.int64), self.signature(known), m, bounds)

    def _filtered(self, packed: NDArray[np.int64], signature: int, m: int, bounds: ReachTable) -> dict[int, int]:
        packed = packed[packed <= bounds.limit[packed >> _LENGTH_AT]]
        n = packed >> _LENGTH_AT
        required = bounds.required[n]
        member = packed & _MEMBER
        missing, surplus = self._unshared(signature, member)
        passed = (missing <= m - required) & (surplus <= n - required)
        return dict(zip(member[passed].tolist(), required[passed].tolist(), strict=True))

    def _unshared(
        self, signature: int, members: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return how many bits of the signature each member lacks, and how many other bits it has."""
        own = np.uint64(signature)
        others = np.frombuffer(self.signatures, dtype=np.uint64)[members]
        return np.bitwise_count(own & ~others), np.bitwise_count(others & ~own)

    def most_shared(self, known: Sequence[int], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for every member, of these lengths, a number that its LCS with the known codes cannot exceed."""
        missing, surplus = self._unshared(self.signature(known), slice(None))
        most: NDArray[np.int64] = np.minimum(len(known) - missing.astype(np.int64), lengths - surplus)
        return np.maximum(most, 0)
