"""The one writer of reviews.jsonl: a judgement is on disk before the page confirms it."""

from pathlib import Path

import orjson

from bootstruct.errors import RunStoppedError
from bootstruct.io.log import AppendLog
from bootstruct.journal.reviews import ReviewEvent, read_reviews, review_to_json


class ReviewLedger:
    """Appends review events. `reviews` is the content of the file at opening; the holder applies what it writes.

    Raises InputError if another page holds the file, JournalError where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        taken = "another review page is open on this run; all reviewers can use that one, or stop it."
        read_reviews(path)  # a file without reviews is refused before anything of it is cut
        remedy = "Free some space, then send the form again."
        self._log = AppendLog(path, taken, remedy, syncs_later=False, begins=b'{"event":')
        try:
            self.reviews = read_reviews(path)
        except BaseException:
            self._log.close()
            raise

    def write(self, event: ReviewEvent) -> None:
        """Append one event and wait until it is on disk; the caller then applies it.

        Raises RunStoppedError where it cannot be written; no part of it stays behind.
        """
        offset = self._log.append(orjson.dumps(review_to_json(event)) + b"\n")
        try:
            self._log.sync()
        except RunStoppedError:
            self._log.cut(offset)
            raise

    def close(self) -> None:
        """Release the file."""
        self._log.close()
