"""An append-only file of events. One writer; a torn last line is cut by the writer and passed over by readers."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from bootstruct.errors import BadInput, BadJournal, NewerJournal, StoppedShort
from bootstruct.event_json import from_json, to_json
from bootstruct.events import Event, Replied, State, apply, begin

SYNC_SECONDS = 0.1  # an event is on the disk this long after it was written, at the latest
NAME = "journal.jsonl"


def read_events(path: Path) -> Iterator[tuple[int, Event]]:
    """(file offset, event) of every whole line. Raises BadJournal naming file:line."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise BadInput(f"{path.parent}: has no {path.name}; is it a run folder? `bootstruct init` makes one.") from None
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}.") from None
    offset = 0
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # a torn tail, or a line that is being written
            try:
                yield offset, from_json(orjson.loads(line))
            except NewerJournal as exc:
                raise NewerJournal(f"{path}:{number}: {_told(exc)}.") from None
            except (BadJournal, ValueError) as exc:
                raise BadJournal(
                    f"{path}:{number}: {_told(exc)}. The lines above are intact; cut here to go on."
                ) from None
            offset += len(line)


def _told(exc: Exception) -> str:
    text = str(exc).rstrip(".")
    return text if isinstance(exc, BadJournal) else f"not an event: {text}"


def read_state(path: Path) -> State | None:
    """The state a journal tells, None where it holds no event yet."""
    state: State | None = None
    for number, (offset, event) in enumerate(read_events(path), 1):
        try:
            if state is None:
                state = begin(event)
            else:
                apply(state, event, offset)
        except BadJournal as exc:
            raise BadJournal(f"{path}:{number}: {exc}") from None
    return state


def read_reply(path: Path, offset: int) -> Replied | None:
    """The reply recorded at a file offset (see State.answered), None if a failure stands there."""
    with path.open("rb") as file:
        file.seek(offset)
        event = from_json(orjson.loads(file.readline()))
    return event if isinstance(event, Replied) else None


def open_to_append(path: Path, taken: str) -> int:
    """The file, opened to be appended to and locked: one writer at a time. Raises BadInput where it cannot be written, or
    with `taken` where another process holds it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as exc:
        raise BadInput(f"{path}: cannot be written: {exc.strerror}; check the folder and its permissions.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise BadInput(f"{path.parent}: {taken}") from None
    return file


class Journal:
    """The one writer of a journal. Every append is one write(); the disk is told to keep it in groups, off the loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_to_append(path, "another bootstruct is writing to this run; wait for it or stop it.")
        self.size = self._cut_torn_tail()
        self._syncing: asyncio.Task[None] | None = None
        self._dirty = False
        self._sync_error: OSError | None = None

    def append(self, event: Event) -> int:
        """Write one event and return its file offset. A write that fails leaves no part of a line behind."""
        if self._sync_error is not None:
            self._fail(self._sync_error)
        line = orjson.dumps(to_json(event), default=_never) + b"\n"
        offset = self.size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as exc:
            os.ftruncate(self._file, offset)
            self._fail(exc)
        self.size += len(line)
        self._dirty = True
        self._sync_later()
        return offset

    def clear(self) -> None:
        """Forget everything: for a run that was begun and never answered."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def close(self) -> None:
        """Sync what is not on the disk yet and let go of the lock. Raises StoppedShort where the disk refuses."""
        if self._file < 0:
            return
        try:
            if self._dirty:
                os.fsync(self._file)
        except OSError as exc:
            self._fail(exc)
        finally:
            os.close(self._file)
            self._file = -1

    def _sync_later(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop (imports, tests), `close` syncs
        if self._syncing is None:
            self._syncing = loop.create_task(self._sync())

    async def _sync(self) -> None:
        await asyncio.sleep(SYNC_SECONDS / 2)
        self._syncing = None
        if self._file < 0:
            return  # closed meanwhile, which synced
        written = self.size
        try:
            await asyncio.to_thread(os.fsync, self._file)
        except (OSError, ValueError) as exc:
            if self._file >= 0 and isinstance(exc, OSError):
                self._sync_error = exc
        else:
            self._dirty = self._dirty and self.size != written

    def _fail(self, exc: OSError) -> None:
        raise StoppedShort(
            f"{self.path}: cannot be written: {exc.strerror}. All before is saved; make room, then run the same command again."
        ) from None

    def _cut_torn_tail(self) -> int:
        size = os.fstat(self._file).st_size
        keep = size
        while keep > 0:
            start = max(0, keep - (1 << 16))
            block = os.pread(self._file, keep - start, start)
            newline = block.rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep != size:
            os.ftruncate(self._file, keep)
        return keep


def _never(value: object) -> object:
    raise TypeError(f"not JSON: {type(value).__name__}")
