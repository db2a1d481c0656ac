"""A run followed through its journal while it grows: only new lines are read."""

import os
import time
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bootstruct.errors import JournalError
from bootstruct.io.trust import open_inside
from bootstruct.journal.codec import decode_line, has_checksum
from bootstruct.journal.state import State, apply, begin

WINDOW: Final = 60.0  # seconds over which rates are taken
SLICE: Final = 4 << 20  # bytes read at a time while others wait for their pages


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The counts of a journal at one moment.

    Attributes:
        at: seconds on a clock that only goes forward.
    """

    at: float
    requests: int
    accepted: int
    completed: int


class JournalFollower:
    """The state of a journal, updated by reading on from the end of the last update.

    Never writes, takes no lock.

    state: None as long as there is no event. fault: what is wrong with the journal, kept instead of raised, so that a
    page can show it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self.state: State | None = None
        self.texts: dict[str, str] = {}  # instruction by task
        self.fault = ""
        self.changed_at: float | None = None  # when the journal was last written, by the wall clock
        self._offset, self._number, self._named = 0, 0, 0
        self._has_checksums = False
        self._file_id: tuple[int, int] | None = None
        self._seen: deque[RunCounts] = deque()

    def look(self, most: int | None = SLICE) -> bool:
        """Read what is new, at most this number of bytes. True if there was nothing more to read."""
        try:
            about = os.stat(self.path)
        except OSError:
            return True
        if self._file_id != (about.st_dev, about.st_ino) or about.st_size < self._offset:
            self._forget()  # another file, or one begun again
            self._file_id = about.st_dev, about.st_ino
        self.changed_at = about.st_mtime
        done = True
        if about.st_size > self._offset and not self.fault:
            done = self._read(most)
        self._note()
        return done

    def _read(self, most: int | None) -> bool:
        read = 0
        with open(open_inside(self.path.parent, self.path), "rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._number += 1
                try:
                    if self._number == 1:
                        self._has_checksums = has_checksum(line)
                    event = decode_line(line, self._offset, self._has_checksums)
                    if self.state is None:
                        self.state = begin(event)
                    else:
                        apply(self.state, event, self._offset)
                except JournalError as exc:
                    self.fault = f"{self.path.name}:{self._number}: {str(exc).rstrip('.')}."
                    break
                self._offset += len(line)
                read += len(line)
                if most is not None and read >= most:
                    self._name()
                    return False
        self._name()
        return True

    def _name(self) -> None:
        machine = self.state.accepted if self.state else []
        self.texts.update((task.name, task.text) for task in machine[self._named :])
        self._named = len(machine)

    def _note(self) -> None:
        if self.state is None:
            return
        now = time.monotonic()
        if not self._seen or now - self._seen[-1].at >= 0.5:
            self._seen.append(
                RunCounts(now, len(self.state.accepted_after), len(self.state.accepted), len(self.state.completed))
            )
        while len(self._seen) > 2 and now - self._seen[1].at > WINDOW:
            self._seen.popleft()

    def per_minute(self) -> RunCounts | None:
        """Requests, accepted and completed tasks per minute over the last minute watched; None before two updates."""
        if len(self._seen) < 2 or self._seen[-1].at - self._seen[0].at < 1:
            return None
        first, last = self._seen[0], self._seen[-1]
        scale = 60 / (last.at - first.at)
        return RunCounts(
            last.at - first.at,
            round((last.requests - first.requests) * scale),
            round((last.accepted - first.accepted) * scale),
            round((last.completed - first.completed) * scale),
        )


def yields(state: State, parts: int = 60) -> list[float]:
    """Accepted instructions per request over the run, in this number of equal parts of its requests."""
    count = len(state.accepted_after)
    parts = min(parts, count)
    edges = [count * n // parts for n in range(parts + 1)] if parts else []
    before = [0, *state.accepted_after]
    return [(before[b] - before[a]) / (b - a) for a, b in pairwise(edges)]
