"""The append-only log: one writer at a time, one write per line; an incomplete last line is cut on opening."""

import asyncio
import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import NoReturn

from bootstruct.errors import InputError, RunStoppedError
from bootstruct.io.trust import open_inside

SYNC_SECONDS = 0.1  # a line is on the disk this long after it was written, at the latest


class AppendLog:
    """A file of lines that is only ever appended to.

    A write that fails leaves no part of a line behind. Inside a running event loop the disk is told to keep what was written
    in groups, off the loop; elsewhere `close` (or `sync`) does so.

    Args:
        path: the file; made if it does not exist.
        taken: the rest of the error's sentence if another process holds the file.
        remedy: what to do if the disk refuses, as a sentence.
        syncs_later: whether what is written inside an event loop is synced by itself; otherwise the caller calls `sync`.
        begins: what the first line begins with; a file that holds anything else is left alone.

    Raises:
        InputError: the file cannot be written, another process holds it, or it is something else.
    """

    def __init__(self, path: Path, taken: str, remedy: str, syncs_later: bool = True, begins: bytes = b"") -> None:
        self.path, self.remedy, self._syncs_later = path, remedy, syncs_later
        self._file = _open_locked(path, taken)
        try:
            self._recognise(begins)
            self.size = self._cut_torn_tail()
        except BaseException:
            os.close(self._file)
            raise
        self._syncing: asyncio.Task[None] | None = None
        self._dirty = False
        self._sync_error: OSError | None = None

    def append(self, line: bytes) -> int:
        """Write one line and return its file offset.

        Raises:
            RunStoppedError: the disk refuses, somebody deleted the file, or it is closed already.
        """
        if self._sync_error is not None:
            self._fail(self._sync_error)
        self._require_file()
        offset = self.size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as exc:
            with contextlib.suppress(OSError):  # then an incomplete line stays, which the next writer cuts
                os.ftruncate(self._file, offset)
            self._fail(exc)
        self.size += len(line)
        self._dirty = True
        if self._syncs_later:
            self._sync_later()
        return offset

    def sync(self) -> None:
        """Wait until everything is on disk; what the disk refuses is undone. Raises RunStoppedError then."""
        self._require_file()
        try:
            os.fsync(self._file)
        except OSError as exc:
            self._fail(exc)
        self._dirty = False

    def cut(self, size: int) -> None:
        """Take back everything behind the first `size` bytes. Raises RunStoppedError if the file is gone or closed."""
        self._require_file()
        os.ftruncate(self._file, size)
        self.size = size

    def close(self) -> None:
        """Sync what is not on the disk yet and let go of the lock. Raises RunStoppedError if the disk refuses."""
        if self._file < 0:
            return
        try:
            if self._dirty:
                os.fsync(self._file)
        except OSError as exc:
            self._fail(exc)
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)  # a sync in a thread may keep its own descriptor a moment longer
            os.close(self._file)
            self._file = -1

    def _require_file(self) -> None:
        """Check that what is written now can be found again. Raises RunStoppedError where it cannot."""
        if self._file < 0:
            raise RunStoppedError(f"{self.path}: is closed already; {self.remedy}")
        if not os.fstat(self._file).st_nlink:
            raise RunStoppedError(
                f"{self.path}: was deleted or replaced while this command was writing to it. Restore it from a copy, or run "
                "the same command again to begin anew."
            )

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
            try:
                own = os.dup(self._file)  # the other one may be closed meanwhile
            except OSError:  # no descriptor is left
                os.fsync(self._file)
            else:
                await asyncio.to_thread(_sync_and_close, own)
        except OSError as exc:
            if self._file >= 0:
                self._sync_error = exc
        else:
            self._dirty = self._dirty and self.size != written

    def _fail(self, exc: OSError) -> NoReturn:
        raise RunStoppedError(f"{self.path}: cannot be written: {exc.strerror}. {self.remedy}") from None

    def _recognise(self, begins: bytes) -> None:
        head = os.pread(self._file, len(begins), 0)
        if not begins.startswith(head):
            raise InputError(f"{self.path}: was not written by bootstruct, so nothing is written to it; move it away.")

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


def _open_locked(path: Path, taken: str) -> int:
    try:
        file = open_inside(path.parent, path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}; check the folder and its permissions.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(file)
        if exc.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise InputError(f"{path.parent}: {taken}") from None
        raise InputError(
            f"{path}: cannot be locked against other writers: {exc.strerror}; put the folder on a file system that supports "
            "locks, as local ones do."
        ) from None
    return file


def _sync_and_close(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)
