"""The shared prefix of prompts: found automatically, computed once, its keys and values reused.

The paper's classification prompt begins with 31 demonstrations and its instance prompts with a dozen tasks; only the
last lines change. Prompts that agree in their first tokens are grouped, and the prefix that they share is kept for
later prompts. A kept prefix shrinks to the part that is actually shared, because keys and values of a token do not
depend on what follows.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 32  # tokens worth sharing
MOST_KEPT = 4  # prefixes that are kept, about as many as a recipe has steps
RECENT = 8  # prompts that later ones are compared with

Layers = list[tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """The tokens of a prefix, and for each layer their keys and values of shape (1, heads, tokens, width)."""

    tokens: tuple[int, ...]
    layers: Layers

    def cut(self, length: int) -> "SharedPrefix":
        """The first `length` tokens of it."""
        layers = [(keys[:, :, :length].clone(), values[:, :, :length].clone()) for keys, values in self.layers]
        return SharedPrefix(self.tokens[:length], layers)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common at the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # bisection over slices: comparing lists is quick
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def clusters(prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indices of the prompts, grouped if neighbours in sorted order share at least LEAST tokens.

    Prompts that share with no other form one cluster at the end.
    """
    order = sorted(range(len(prompts)), key=lambda n: tuple(prompts[n]))
    found: list[list[int]] = []
    for place, n in enumerate(order):
        if place and common_length(prompts[order[place - 1]], prompts[n]) >= LEAST:
            found[-1].append(n)
        else:
            found.append([n])
    alone = [cluster[0] for cluster in found if len(cluster) == 1]
    together = [cluster for cluster in found if len(cluster) > 1]
    return [*together, *([alone] if alone else [])]


class PrefixCache:
    """The prefixes of one model.

    Args:
        compute: gives the keys and values of tokens, layer by layer.
        most: prefixes that are kept.
    """

    def __init__(self, compute: Callable[[tuple[int, ...]], Layers], most: int = MOST_KEPT) -> None:
        self._compute, self._most = compute, most
        self._kept: OrderedDict[tuple[int, ...], SharedPrefix] = OrderedDict()
        self._recent: deque[tuple[int, ...]] = deque(maxlen=RECENT)
        self.computed = self.reused = 0  # how often, for tests and benchmarks

    def split(self, prompts: Sequence[Sequence[int]]) -> list[tuple[list[int], SharedPrefix | None]]:
        """The prompts' indices in groups, each with the prefix that all its prompts begin with.

        At least one token of every prompt follows its prefix.
        """
        groups: list[tuple[list[int], SharedPrefix | None]] = []
        for cluster in clusters(prompts):
            rows = [tuple(prompts[n]) for n in cluster]
            shared = rows[0][: min(common_length(rows[0], row) for row in rows)]
            if len(rows) > 1 and len(shared) >= LEAST:
                groups.append((cluster, self._prefix_of(shared, min(map(len, rows)))))
            else:
                groups += self._of_singles(cluster, rows)
            self._recent.append(rows[0])
        return groups

    def _of_singles(
        self, cluster: list[int], rows: list[tuple[int, ...]]
    ) -> list[tuple[list[int], SharedPrefix | None]]:
        """Groups for prompts that share no prefix in this batch, but may share one with earlier prompts."""
        groups: list[tuple[list[int], SharedPrefix | None]] = []
        left = []
        for n, row in zip(cluster, rows, strict=True):
            length = max((common_length(other, row) for other in (*self._kept, *self._recent)), default=0)
            prefix = self._prefix_of(row[:length], len(row)) if length >= LEAST else None
            if prefix is None:
                left.append(n)
            else:
                groups.append(([n], prefix))
        return [*groups, (left, None)] if left else groups

    def _prefix_of(self, shared: tuple[int, ...], shortest: int) -> SharedPrefix | None:
        """A kept prefix that covers most of the shared tokens, otherwise a new one; None if too few are left.

        Args:
            shared: the tokens that the prompts share.
            shortest: length of the shortest prompt, of which one token must remain.
        """
        shared = shared[: shortest - 1]
        if len(shared) < LEAST:
            return None
        near = max(self._kept, key=lambda tokens: common_length(tokens, shared), default=())
        length = common_length(near, shared)
        if 2 * length >= len(shared) and 2 * length >= len(near) and length >= LEAST:
            prefix = self._kept.pop(near)
            if length < len(near):
                prefix = prefix.cut(length)
            self.reused += 1
        else:
            prefix = SharedPrefix(shared, self._compute(shared))
            self.computed += 1
        self._kept[prefix.tokens] = prefix
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return prefix
