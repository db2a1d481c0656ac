"""A second rule beside ROUGE-L: nearness in meaning, by the cosine of embeddings; exact, in the order of the rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from bootstruct.deduplication.compact import RowPlace
from bootstruct.deduplication.comparison import Entry
from bootstruct.embeddings.embedder import Embedder, Vectors, embedded
from bootstruct.embeddings.nearest import BLOCK, NearestInMeaning
from bootstruct.errors import InputError


class MeaningRule:
    """The kept rows, and the rows to keep away from, as vectors.

    Args:
        embedder: the model.
        threshold: the cosine above which a text is too near.
        cache: a folder that keeps the vectors.

    Raises InputError if the threshold is out of range.
    """

    def __init__(self, embedder: Embedder, threshold: float, cache: Path | None = None) -> None:
        if not 0 < threshold < 1:
            raise InputError(f"--semantic {threshold:g}: must be between 0 and 1; 0.9 drops paraphrases only.")
        self.away, self.kept = NearestInMeaning(threshold), NearestInMeaning(threshold)
        self._vectors: Callable[[Sequence[str]], Vectors] = lambda texts: embedded(texts, embedder, cache)

    def keep_away(self, places: Iterable[RowPlace]) -> Iterator[RowPlace]:
        """Pass on rows to which no kept row may be near."""
        rows = iter(places)
        while block := list(islice(rows, BLOCK)):
            self.away.extend(self._vectors([place.text for place in block]))
            yield from block

    def rows(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, int]]:
        """Pass on rows with their number in the block that is being decided; -1 for those that are not compared."""
        every = iter(entries)
        while block := list(islice(every, BLOCK)):
            texts = [entry.place.text for entry in block if entry.place is not None and entry.leader is None]
            if texts:
                vectors = self._vectors(texts)
                self.away.begin(vectors)
                self.kept.begin(vectors)
            number = 0
            for entry in block:
                is_compared = entry.place is not None and entry.leader is None
                yield entry, number if is_compared else -1
                number += is_compared

    def nearest(self, row: int) -> tuple[float, int, bool] | None:
        """(cosine, number, whether of the rows to keep away from) of the nearest text that is too near, if there is one."""
        if (found := self.away.nearest(row)) is not None:
            return *found, True
        if (found := self.kept.nearest(row)) is not None:
            return *found, False
        return None
