"""The one writer of reviews.jsonl: a judgement is on the disk before the page says so."""

import os
from pathlib import Path

import orjson

from bootstruct.errors import StoppedShort
from bootstruct.journal import open_to_append
from bootstruct.judgements import ReviewEvent, read_reviews, review_to_json


class Ledger:
    """Appends events. One holder at a time; a torn last line is cut when it is opened.

    reviews: what the file told then; the holder applies what it writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_to_append(
            path, "another review page is open on this run; all reviewers can use that one, or stop it."
        )
        try:
            whole = path.read_bytes().rfind(b"\n") + 1
            if whole != os.fstat(self._file).st_size:
                os.ftruncate(self._file, whole)
            self._size = whole
            self.reviews = read_reviews(path)
        except BaseException:
            os.close(self._file)
            raise

    def write(self, event: ReviewEvent) -> None:
        """Append one event and wait until the disk has it; the caller applies it then. Raises StoppedShort where it cannot
        be written; no part of it stays behind."""
        line = orjson.dumps(review_to_json(event)) + b"\n"
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
            os.fsync(self._file)
        except OSError as exc:
            os.ftruncate(self._file, self._size)
            raise StoppedShort(
                f"{self.path.name} cannot be written: {exc.strerror}. Make room, then send again."
            ) from None
        self._size += len(line)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
