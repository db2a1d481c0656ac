"""The novelty index in shards, for sets that exceed the memory of one machine.

Exact: the same answers as one `NoveltyIndex`.

Each shard, an actor on a Ray cluster, holds every n-th text that was kept, and finds the nearest text in its shard
for each candidate of a block. A score depends only on its two texts, so the best of these is the nearest of all.
Which texts are kept depends on the order, so it is decided in one place: here, block by block. The texts that the
shards cannot know yet (those kept in this block and in the one before) are in a small index of their own.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bootstruct.engines.ray.actors import LOCAL, connect, name_of, reason_of
from bootstruct.errors import EngineUnavailableError
from bootstruct.novelty.index import NoveltyIndex

P = TypeVar("P")
BLOCK = 500  # candidates per request
LOAD = 5000  # texts sent to a shard at once
PLACED = 60.0  # seconds that the shards may take to find their places


@dataclass(frozen=True, slots=True)
class Hit(Generic[P]):
    """The hit of a candidate: score, position in the order of keeping, and the data kept with the text."""

    score: float
    position: int
    near: P

    @property
    def rank(self) -> tuple[float, int]:
        """The sort key for the nearest of several hits."""
        return -self.score, self.position


Found = list[tuple[int, Hit[Any]]]  # (number in the block, hit), for those that have one


class Shard:
    """A shard of the pool and of the set to keep away from; it runs in an actor."""

    def __init__(self, threshold: float, tokenizer: str) -> None:
        self._indices = {name: NoveltyIndex(threshold, tokenizer=tokenizer) for name in ("away", "pool")}
        self._members: dict[str, list[tuple[int, Any]]] = {name: [] for name in self._indices}

    def add(self, name: str, texts: list[str], members: list[tuple[int, Any]]) -> int:
        """Add texts with their positions in the whole and their data. Returns how many there are now."""
        index = self._indices[name]
        if len(index) or len(texts) < LOAD:
            for text in texts:
                index.add(text)
        else:
            index.extend(texts)
        self._members[name] += members
        return len(index)

    def nearest(self, texts: list[str]) -> tuple[Found, Found]:
        """For each text that has one, the nearest over the threshold, in the set to keep away from and in the pool."""
        return self._nearest("away", texts), self._nearest("pool", texts)

    def _nearest(self, name: str, texts: list[str]) -> Found:
        index, members, found = self._indices[name], self._members[name], []
        for number, text in enumerate(texts):
            if len(index) and (hit := index.nearest(text)) is not None:
                found.append((number, Hit(hit[0], *members[hit[1]])))
        return found

    def memory(self) -> int:
        """Bytes of this process in memory."""
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * 4096


class Shards(Generic[P]):
    """A pool over several shards.

    Raises EngineUnavailableError if the cluster is not there, has no room, or loses a shard.

    Args:
        away: a set to which no kept text may be near. P is the data of each text with a hit.
    """

    def __init__(
        self, away: Iterable[tuple[str, P]], threshold: float, tokenizer: str, address: str = LOCAL,
        count: int | None = None,
    ) -> None:  # fmt: skip
        self._ray, self._address = connect(address), address
        self._threshold, self._tokenizer = threshold, tokenizer
        self._kept = 0
        count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        actor = self._ray.remote(Shard).options(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")
        self._shards = [actor.remote(threshold, tokenizer) for _ in range(count)]
        try:
            self._get([shard.add.remote("away", [], []) for shard in self._shards], PLACED)
        except TimeoutError:
            raise EngineUnavailableError(
                f"{name_of(address)} has no room for {count} shards of one CPU each; use fewer (--shards)."
            ) from None
        texts, entries = list[str](), list[P]()
        for text, about in away:
            texts.append(text)
            entries.append(about)
        for first in range(0, len(texts), LOAD * count):
            self._add("away", first, texts[first : first + LOAD * count], entries[first : first + LOAD * count])

    def decide(self, blocks: Iterable[list[tuple[str, P]]]) -> Iterator[list[tuple[Hit[P] | None, bool]]]:
        """For each text of each block, in order.

        Yields the text to which it is too near (None if it is kept), and whether that belongs to the set to keep away
        from. One block is on its way to the shards while the one before is decided.
        """
        before: list[tuple[str, P]] = []  # kept in the block decided last
        waiting: tuple[list[tuple[str, P]], list[Any]] | None = None
        for block in blocks:
            pending = [shard.nearest.remote([text for text, _ in block]) for shard in self._shards]
            if waiting is not None:
                decisions, before = self._settle(*waiting, before)
                yield decisions
            waiting = (block, pending)
        if waiting is not None:
            yield self._settle(*waiting, before)[0]

    def _settle(
        self, block: list[tuple[str, P]], pending: list[Any], before: list[tuple[str, P]]
    ) -> tuple[list[tuple[Hit[P] | None, bool]], list[tuple[str, P]]]:
        """The decisions of a block, and what was kept.

        Args:
            before: kept after the shards were asked, in order.
        """
        fresh, first = NoveltyIndex(self._threshold, tokenizer=self._tokenizer), self._kept - len(before)
        fresh.extend(text for text, _ in before)
        held, kept = list(before), list[tuple[str, P]]()
        away, pool = self._best(pending)
        decisions: list[tuple[Hit[P] | None, bool]] = []
        for number, (text, about) in enumerate(block):
            if number in away:
                decisions.append((away[number], True))
                continue
            hits = [pool[number]] if number in pool else []
            if (near := fresh.nearest(text)) is not None:
                hits.append(Hit(near[0], first + near[1], held[near[1]][1]))
            decisions.append((min(hits, key=lambda hit: hit.rank, default=None), False))
            if not hits:
                fresh.add(text)
                held.append((text, about))
                kept.append((text, about))
        self._add("pool", self._kept, [text for text, _ in kept], [about for _, about in kept])
        self._kept += len(kept)
        return decisions, kept

    def _best(self, pending: list[Any]) -> tuple[dict[int, Hit[P]], dict[int, Hit[P]]]:
        best: tuple[dict[int, Hit[P]], dict[int, Hit[P]]] = ({}, {})
        for entries in self._get(pending):
            for mine, found in zip(best, entries, strict=True):
                for number, hit in found:
                    if number not in mine or hit.rank < mine[number].rank:
                        mine[number] = hit
        return best

    def _add(self, name: str, first: int, texts: list[str], entries: list[P]) -> None:
        """Distribute texts, from this position on, without waiting: an actor works in the order of its calls."""
        for number, shard in enumerate(self._shards):
            start = (number - first) % len(self._shards)
            mine = range(start, len(texts), len(self._shards))
            if mine:
                shard.add.remote(name, [texts[n] for n in mine], [(first + n, entries[n]) for n in mine])

    def memory(self) -> list[int]:
        """Bytes in memory, of each shard's process."""
        return [int(row) for row in self._get([shard.memory.remote() for shard in self._shards])]

    def _get(self, pending: list[Any], timeout: float | None = None) -> list[Any]:
        try:
            return list(self._ray.get(pending, timeout=timeout))
        except self._ray.exceptions.GetTimeoutError:
            raise TimeoutError from None
        except self._ray.exceptions.RayError as exc:
            raise EngineUnavailableError(
                f"{name_of(self._address)} lost a shard of the index ({reason_of(exc)}); nothing was written. "
                "Run the command again."
            ) from None

    def close(self) -> None:
        """Stop the shards."""
        for shard in self._shards:
            with contextlib.suppress(Exception):
                self._ray.kill(shard)
        self._ray.shutdown()
