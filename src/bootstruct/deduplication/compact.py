"""The data of millions of rows in arrays, which take a fraction of the memory of as many objects. Pure."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_FIRST_SLOTS: Final = 1024  # a power of two, as all later sizes


@dataclass(frozen=True, slots=True)
class RowPlace:
    """The place of a text: file and row, counted from 1 as in an editor (for JSON lists and Parquet: the n-th row)."""

    path: str
    row: int
    text: str


class RowPlaces:
    """The places of rows by number, in the order in which they were added.

    Example:
        >>> places = RowPlaces([RowPlace("a.jsonl", 3, "Sing.")])
        >>> places[0], len(places)
        (RowPlace(path='a.jsonl', row=3, text='Sing.'), 1)
    """

    def __init__(self, places: Iterable[RowPlace] = ()) -> None:
        self._paths = list[str]()
        self._files, self._rows, self._ends = array("l"), array("q"), array("q")
        self._texts = bytearray()  # one after another
        for place in places:
            self.append(place)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> RowPlace:
        """The place with this number, from 0. Raises IndexError if there is none."""
        begin, end = self._ends[number - 1] if number else 0, self._ends[number]
        text = self._texts[begin:end].decode("utf-8", "surrogatepass")
        return RowPlace(self._paths[self._files[number]], self._rows[number], text)

    def append(self, place: RowPlace) -> None:
        """Add a place."""
        if not self._paths or self._paths[-1] != place.path:
            self._paths.append(place.path)
        self._texts += place.text.encode("utf-8", "surrogatepass")
        self._files.append(len(self._paths) - 1)
        self._rows.append(place.row)
        self._ends.append(len(self._texts))


class DigestTable:
    """Numbers by digests of 64 bits: a hash table with open addressing, 16 bytes per slot, two slots in three in use.

    Example:
        >>> table = DigestTable()
        >>> table.setdefault(7, 0), table.setdefault(7, 1), len(table)
        (0, 0, 1)
    """

    def __init__(self) -> None:
        self._used = 0
        self._make(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._used

    def setdefault(self, digest: int, number: int) -> int:
        """Return the number of a digest, this one if it has none yet.

        Args:
            digest: 64 bits, evenly distributed. 0 counts as 1.
            number: at least 0.
        """
        digest = digest or 1
        slot = self._slot(digest)
        if self._digests[slot]:
            return self._numbers[slot]
        self._digests[slot], self._numbers[slot] = digest, number
        self._used += 1
        if 3 * self._used > 2 * len(self._digests):
            self._grow()
        return number

    def _slot(self, digest: int) -> int:
        """The slot of a digest, or the free slot where it belongs."""
        digests, slot = self._digests, digest & self._mask
        while digests[slot] and digests[slot] != digest:
            slot = (slot + 1) & self._mask
        return slot

    def _make(self, slots: int) -> None:
        self._mask = slots - 1
        self._digests = array("Q", bytes(8 * slots))
        self._numbers = array("q", bytes(8 * slots))

    def _grow(self) -> None:
        digests, numbers = self._digests, self._numbers
        self._make(2 * len(digests))
        for digest, number in zip(digests, numbers, strict=True):
            if digest:
                slot = self._slot(digest)
                self._digests[slot], self._numbers[slot] = digest, number
