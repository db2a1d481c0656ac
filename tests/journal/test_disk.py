"""The journal and the disk: what is left of a write that fails, and when the disk is told to keep what was written."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.errors import InputError, RunStoppedError
from bootstruct.io import log as logs
from bootstruct.journal.file import Journal, read_events
from tests.journal.test_file import four_lines, replied


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def begun(path: Path) -> Path:
    return four_lines(path)


def events(path: Path) -> list[object]:
    return [event for _, event in read_events(path)]


# A disk that takes no more


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From now on, files take so many more bytes; then a write is short, and the next one fails."""

    def set_room(room: int) -> None:
        left = [room]
        really = os.write

        def write(file: int, content: bytes) -> int:
            if left[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = really(file, content[: left[0]])
            left[0] -= done
            return done

        monkeypatch.setattr(os, "write", write)

    return set_room


@pytest.mark.parametrize("room", [0, 1, 30, 77])
def test_a_full_disk_leaves_no_part_of_a_line(
    begun: Path, room: int, full_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begun.read_bytes()
    journal = Journal(begun)
    full_after(room)
    with pytest.raises(RunStoppedError) as caught:
        journal.append(replied(2, "y" * 200))
    assert str(caught.value) == (
        f"{begun}: cannot be written: No space left on device. Everything before is saved; free some space, then run the same "
        "command again."
    )
    assert caught.value.exit_code == 1
    assert begun.read_bytes() == whole
    monkeypatch.undo()  # room was made
    assert journal.append(replied(2)) == len(whole)
    journal.close()
    assert len(events(begun)) == 5


def test_short_writes_are_gone_on_with(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, really = Journal(begun), os.write
    monkeypatch.setattr(os, "write", lambda file, content: really(file, content[:7]))
    journal.append(replied(2, "y" * 100))
    monkeypatch.undo()
    journal.append(replied(3))
    journal.close()
    assert events(begun)[4:] == [replied(2, "y" * 100), replied(3)]


def test_a_full_disk_for_real(begun: Path) -> None:
    """A file size limit of the process stands for the full disk: the kernel itself writes short, then fails."""
    script = f"""
import resource, signal
from pathlib import Path
from bootstruct.types import Reply
from bootstruct.errors import RunStoppedError
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import Journal
path = Path({str(begun)!r})
size = path.stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
journal = Journal(path)
try:
    journal.append(ReplyReceived("propose/2", "d" * 32, Reply("y" * 500)))
except RunStoppedError as exc:
    print(exc)
print(path.stat().st_size - size)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert "cannot be written: File too large. Everything before is saved" in result[0]
    assert result[1] == "0"
    assert len(events(begun)) == 4


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.parent.chmod(0o500)], ids=["folder", "shut"]
)
def test_a_place_that_cannot_be_written(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    if os.geteuid() == 0 and not path.is_dir():
        path.parent.chmod(0o700)
        pytest.skip("root may write everywhere")
    with pytest.raises(InputError, match=r"cannot be written: .*; check the folder and its permissions"):
        Journal(path)
    path.parent.chmod(0o700)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        Journal(tmp_path / "none" / "journal.jsonl")


# When the disk is told


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of the file at each sync, filled as the test goes."""
    result: list[int] = []
    really = os.fsync

    def fsync(file: int) -> None:
        result.append(os.fstat(file).st_size)
        really(file)

    monkeypatch.setattr(logs.os, "fsync", fsync)
    return result


def test_many_appends_are_synced_in_one_group(begun: Path, syncs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SYNC_SECONDS", 0.02)

    async def main() -> None:
        journal = Journal(begun)
        for n in range(100):
            journal.append(replied(n))
        assert syncs == []  # appending does not wait for the disk
        await until(lambda: len(syncs) == 1)
        assert syncs == [journal.log.size]  # one for all hundred
        journal.append(replied(100))
        await until(lambda: len(syncs) == 2)
        await asyncio.sleep(0.1)
        assert syncs == [syncs[0], journal.log.size]  # and none where there is nothing new
        journal.close()
        assert len(syncs) == 2

    asyncio.run(main())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


def test_a_group_is_not_put_off_by_further_appends(
    begun: Path, syncs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SYNC_SECONDS", 0.04)

    async def main() -> None:
        journal = Journal(begun)
        async with asyncio.timeout(10):
            n = 0
            while not syncs:  # an append every other moment: the group must end all the same
                journal.append(replied(n))
                n += 1
                await asyncio.sleep(0.001)
        journal.close()

    asyncio.run(main())
    assert syncs


def test_closing_syncs_what_is_left(begun: Path, syncs: list[int]) -> None:
    journal = Journal(begun)
    journal.append(replied(2))
    size = journal.log.size
    assert syncs == []
    journal.close()
    assert syncs == [size]


def test_closing_without_anything_new_syncs_nothing(begun: Path, syncs: list[int]) -> None:
    Journal(begun).close()
    assert syncs == []


def test_a_failed_sync_stops_the_next_append(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SYNC_SECONDS", 0.02)

    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def main() -> None:
        journal = Journal(begun)
        monkeypatch.setattr(logs.os, "fsync", fsync)
        journal.append(replied(2))
        await until(lambda: journal.log._sync_error is not None)
        with pytest.raises(RunStoppedError, match="cannot be written: Input/output error"):
            journal.append(replied(3))
        monkeypatch.undo()
        journal.close()

    asyncio.run(main())
    assert len(events(begun)) == 5


def test_a_failed_last_sync_is_told_in_a_sentence(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    journal = Journal(begun)
    journal.append(replied(2))
    monkeypatch.setattr(logs.os, "fsync", fsync)
    with pytest.raises(RunStoppedError, match="cannot be written: Input/output error"):
        journal.close()
    monkeypatch.undo()
    Journal(begun).close()


def test_closing_in_the_middle_of_a_group_loses_none_of_it(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group's sync waits for a thread; close comes first. What was appended must be synced all the same."""
    monkeypatch.setattr(logs, "SYNC_SECONDS", 0.02)
    synced: list[int] = []
    asked = asyncio.Event()

    async def no_thread_free(call: Callable[[int], None], file: int) -> None:
        asked.set()
        await asyncio.sleep(3600)

    async def main() -> None:
        journal = Journal(begun)
        monkeypatch.setattr(logs.asyncio, "to_thread", no_thread_free)
        monkeypatch.setattr(logs.os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
        journal.append(replied(2))
        await asked.wait()
        journal.close()

    asyncio.run(main())
    assert synced == [begun.stat().st_size]
