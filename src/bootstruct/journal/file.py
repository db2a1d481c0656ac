"""The journal's file: events are read line by line, and there is one writer. Readers ignore an incomplete last line."""

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from bootstruct.errors import InputError, JournalError, NewerJournalError
from bootstruct.io.log import AppendLog
from bootstruct.io.trust import open_inside
from bootstruct.journal.codec import decode_line, encode_line, has_checksum
from bootstruct.journal.events import Event, ReplyReceived
from bootstruct.journal.state import State, apply, begin

NAME = "journal.jsonl"
PROGRESS_EVENTS = 1000  # events between two calls of on_progress
_LONGEST_LINE = 1 << 28  # bytes; a response of a server has at most 16 MiB


def read_events(path: Path) -> Iterator[tuple[int, Event]]:
    """(file offset, event) of every whole line. Raises JournalError naming file:line."""
    try:
        file = os.fdopen(open_inside(path.parent, path), "rb")
    except FileNotFoundError:
        raise InputError(
            f"{path.parent}: has no {path.name}; is it a run folder? `bootstruct init` makes one."
        ) from None
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}.") from None
    offset, has_checksums = 0, False
    with file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), 1):
            if len(line) > _LONGEST_LINE:
                raise JournalError(
                    f"{path}:{number}: not an event: the line is longer than {_LONGEST_LINE >> 20} MiB. The lines above are "
                    "intact; restore the file from a copy, or remove this line and those below it to continue."
                )
            if not line.endswith(b"\n"):
                return  # a torn tail, or a line that is being written
            if number == 1:
                has_checksums = has_checksum(line)
            try:
                event = decode_line(line, offset, has_checksums)
            except NewerJournalError as exc:
                raise NewerJournalError(f"{path}:{number}: {str(exc).rstrip('.')}.") from None
            except JournalError as exc:
                raise JournalError(
                    f"{path}:{number}: {str(exc).rstrip('.')}. The lines above are intact; restore the file from a copy, "
                    "or remove this line and those below it to continue."
                ) from None
            yield offset, event
            offset += len(line)


def read_state(path: Path, on_progress: Callable[[int], object] | None = None) -> State | None:
    """The state that a journal's events add up to, None if it holds none yet.

    Args:
        path: the journal.
        on_progress: called with the number of bytes read, after every 1,000 events.
    """
    state: State | None = None
    with _without_collection():
        for number, (offset, event) in enumerate(read_events(path), 1):
            try:
                if state is None:
                    state = begin(event)
                else:
                    apply(state, event, offset)
            except JournalError as exc:
                raise JournalError(f"{path}:{number}: {exc}") from None
            if on_progress is not None and number % PROGRESS_EVENTS == 0:
                on_progress(offset)
    return state


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Switch off the garbage collector meanwhile: events have no cycles, and each search would cover all of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_reply(path: Path, offset: int) -> ReplyReceived | None:
    """The reply recorded at a file offset (see State.reply_offsets), None if a failure stands there."""
    with open(open_inside(path.parent, path), "rb") as file:
        file.seek(offset)
        event = decode_line(file.readline(), offset)
    return event if isinstance(event, ReplyReceived) else None


class Journal:
    """The one writer of a journal: an append-only log of events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        taken = "another bootstruct is writing to this run; wait for it or stop it."
        remedy = "Everything before is saved; free some space, then run the same command again."
        if path.is_file():
            next(read_events(path), None)  # a file that is not a journal is refused before anything of it is cut
        self.log = AppendLog(path, taken, remedy, begins=b'{"event":')

    def append(self, event: Event) -> int:
        """Write one event and return its file offset. Raises RunStoppedError if the disk refuses."""
        return self.log.append(encode_line(event, self.log.size))

    def clear(self) -> None:
        """Forget everything; for a run that was begun without any reply."""
        self.log.cut(0)

    def close(self) -> None:
        """Sync what is not on the disk yet and release the lock. Raises RunStoppedError if the disk refuses."""
        self.log.close()


def journal_path(folder: Path) -> Path:
    """The journal of a run given as a folder or as the journal file itself. Raises InputError if there is none."""
    path = folder / NAME if folder.is_dir() else folder.resolve() if folder.is_symlink() else folder
    if not path.is_file():
        raise InputError(f"{folder}: is neither a run folder with a journal nor a journal.")
    return path
