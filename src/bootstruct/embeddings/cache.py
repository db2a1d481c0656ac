"""Vectors kept in a folder: one file per model, one record per text, found by the digest of the text."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.errors import InputError

DIGEST: Final = 16  # bytes of a text's digest
_HEAD: Final = 256  # bytes of the head: one line of JSON, filled up with blanks
MOST_WIDTH: Final = 65_536  # numbers of a vector


def digest_of(text: str) -> bytes:
    """The digest by which the vector of a text is found."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:DIGEST]


class VectorCache:
    """The vectors of one model.

    Args:
        folder: where the file is; None keeps nothing.
        identity: of the model.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        self.identity = hashlib.sha256(identity.encode()).hexdigest()
        self.path = None if folder is None else folder / f"{self.identity[:16]}.vectors"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "VectorCache":
        """Open nothing yet: the file is made with the first vector."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def find(self, texts: Sequence[str]) -> dict[int, NDArray[np.float32]]:
        """The vectors of those texts that have one, by their number.

        Raises InputError if the file is not one of ours, or is damaged.
        """
        if self.path is None or not self.path.is_file():
            return {}
        content = self.path.read_bytes()
        width = self._width(content[:_HEAD])
        record = np.dtype([("digest", f"V{DIGEST}"), ("vector", "<f4", (width,))])
        whole = (len(content) - _HEAD) // record.itemsize  # an interrupted write leaves an incomplete last record
        records = np.frombuffer(content, record, whole, _HEAD)
        places = {bytes(records["digest"][row]): row for row in range(whole)}
        found = {}
        for number, text in enumerate(texts):
            row = places.get(digest_of(text))
            if row is not None and np.isfinite(records["vector"][row]).all():
                found[number] = np.array(records["vector"][row])
        return found

    def _width(self, head: bytes) -> int:
        fault = InputError(f"{self.path}: is not a file of vectors of this model; delete it, and it is made again.")
        try:
            fields: Any = json.loads(head)
            width = fields["width"]
        except (ValueError, TypeError, KeyError, UnicodeDecodeError):
            raise fault from None
        if fields.get("model") != self.identity or not isinstance(width, int) or not 0 < width <= MOST_WIDTH:
            raise fault
        return width

    def add(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Write the vectors of texts, shape (texts, d)."""
        if self.path is None or not len(texts):
            return
        record = np.dtype([("digest", f"V{DIGEST}"), ("vector", "<f4", (vectors.shape[1],))])
        if self._file is None:
            self._file = self._opened(self.path, vectors.shape[1], record.itemsize)
        rows = np.empty(len(texts), record)
        rows["digest"] = [np.void(digest_of(text)) for text in texts]
        rows["vector"] = vectors
        self._file.write(rows.tobytes())
        self._file.flush()

    def _opened(self, path: Path, width: int, size: int) -> IO[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            head = json.dumps({"model": self.identity, "width": width}).encode().ljust(_HEAD - 1) + b"\n"
            path.write_bytes(head)
        elif self._width(path.read_bytes()[:_HEAD]) != width:
            raise InputError(f"{path}: contains vectors of another length; delete it, and it is made again.")
        os.truncate(path, _HEAD + (path.stat().st_size - _HEAD) // size * size)
        return path.open("ab")
