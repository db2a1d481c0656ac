"""The nearest of many vectors, exactly: blocked matrix products, no index, no approximation."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
BLOCK: Final = 1024  # texts decided between two matrix products
_COLUMNS: Final = 65_536  # members compared with at a time: 256 MB of similarities


class NearestInMeaning:
    """Members and their vectors; finds for each text, in order, the nearest member over the threshold.

    A block of texts is compared with all members at once; members that the block itself adds are compared one by one,
    so the decisions are the same as for one text after another. The memory is 4 d bytes per member, plus 256 MB.

    Args:
        threshold: the cosine above which a member is near.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._members: Vectors = np.empty((0, 0), np.float32)
        self._count = 0
        self._block: Vectors = np.empty((0, 0), np.float32)
        self._best: tuple[NDArray[np.float32], NDArray[np.int64]] = (np.empty(0, np.float32), np.empty(0, np.int64))
        self._added: list[tuple[int, int]] = []  # row of the block, number of the member

    def __len__(self) -> int:
        """The number of members."""
        return self._count

    def extend(self, vectors: Vectors) -> None:
        """Add members."""
        if self._count + len(vectors) > len(self._members):
            room = np.empty(
                (max(1024, 2 * len(self._members), self._count + len(vectors)), vectors.shape[1]), np.float32
            )
            if self._count:
                room[: self._count] = self._members[: self._count]
            self._members = room
        self._members[self._count : self._count + len(vectors)] = vectors
        self._count += len(vectors)

    def begin(self, vectors: Vectors) -> None:
        """Take a block of texts, which `nearest` and `keep` then name by their row."""
        self._block, self._added = vectors, []
        self._best = top_one(vectors, self._members[: self._count])

    def nearest(self, row: int) -> tuple[float, int] | None:
        """(cosine, member) of the nearest member, the earliest of equal ones; None if none exceeds the threshold."""
        score, member = float(self._best[0][row]), int(self._best[1][row])
        if self._added:
            scores = self._block[[other for other, _ in self._added]] @ self._block[row]
            place = int(scores.argmax())
            if scores[place] > score:
                score, member = float(scores[place]), self._added[place][1]
        return (score, member) if score > self.threshold else None

    def keep(self, row: int) -> None:
        """Make a text of the block a member."""
        self._added.append((row, self._count))
        self.extend(self._block[row : row + 1])


def top_one(queries: Vectors, members: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The highest cosine of each query with any member, and that member's number; -1 without members.

    Args:
        queries: vectors of length 1, shape (n, d).
        members: vectors of length 1, shape (m, d).
    """
    best = np.full(len(queries), -1.0, np.float32)
    where = np.full(len(queries), -1, np.int64)
    for start in range(0, len(members), _COLUMNS):
        scores = queries @ members[start : start + _COLUMNS].T
        place = scores.argmax(axis=1)
        value = scores[np.arange(len(queries)), place]
        better = value > best
        best[better], where[better] = value[better], start + place[better]
    return best, where
