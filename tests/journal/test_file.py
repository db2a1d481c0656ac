"""The journal: torn tails, bad lines, one writer. Full disks: see `test_journal_disk.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

from bootstruct.errors import InputError, JournalError
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RunStarted
from bootstruct.journal.file import Journal, read_events, read_reply, read_state
from bootstruct.journal.state import State
from bootstruct.types import Reply
from tests.support.journals import sealed, unsealed
from tests.support.scripts import SEEDS, recipe

STARTED = RunStarted(recipe(), SEEDS)


def replied(n: int, text: str = "x") -> ReplyReceived:
    return ReplyReceived(f"propose/{n}", "d" * 32, Reply(text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def four_lines(path: Path) -> Path:
    """A journal: begun, two replies, one decision."""
    journal = Journal(path)
    for event in (STARTED, replied(0), replied(1), CandidatesJudged(0, (), ())):
        journal.append(event)
    journal.close()
    return path


@pytest.fixture
def begun(path: Path) -> Path:
    return four_lines(path)


def fault(path: Path) -> str:
    with pytest.raises((JournalError, InputError)) as caught:
        read_state(path)
    return str(caught.value)


def events(path: Path) -> list[object]:
    return [event for _, event in read_events(path)]


# Writing and reading


def test_what_was_appended_is_read(path: Path) -> None:
    journal = Journal(path)
    result = [STARTED, replied(0, "line\nbreak \u2028 \U0001f600"), replied(1, "\x00"), CandidatesJudged(0, ("a",), ())]
    offsets = [journal.append(event) for event in result]
    journal.close()
    assert [event for _, event in read_events(path)] == result
    assert [offset for offset, _ in read_events(path)] == offsets
    assert read_reply(path, offsets[1]) == result[1]
    assert read_reply(path, offsets[3]) is None
    assert path.read_bytes().count(b"\n") == 4


def test_each_event_is_in_the_file_at_once(path: Path) -> None:
    journal = Journal(path)
    for n in range(3):
        journal.append(replied(n))
        assert len(events(path)) == n + 1
    journal.close()


def test_appending_goes_on_where_the_file_ends(begun: Path) -> None:
    before = begun.read_bytes()
    journal = Journal(begun)
    assert journal.log.size == len(before)
    assert journal.append(replied(2)) == len(before)
    journal.close()
    assert begun.read_bytes().startswith(before)
    assert len(events(begun)) == 5


def test_no_journal_and_an_empty_one(path: Path) -> None:
    assert "has no journal.jsonl; is it a run folder? `bootstruct init` makes one." in fault(path)
    path.touch()
    assert read_state(path) is None
    assert fault(path.parent) == f"{path.parent}: cannot be read: Is a directory."


# Torn tails


@pytest.mark.parametrize("tail", [b"{", b'{"event":"replied","key":"pro', b"\xf0\x9f", b"x" * 200_000, b"\x00" * 4096])
def test_a_torn_tail_is_passed_over_by_readers_and_cut_by_the_writer(begun: Path, tail: bytes) -> None:
    whole = begun.read_bytes()
    begun.write_bytes(whole + tail)
    assert len(events(begun)) == 4
    assert begun.read_bytes() == whole + tail  # reading changes nothing
    Journal(begun).close()
    assert begun.read_bytes() == whole


def test_a_journal_that_is_all_torn_tail(path: Path) -> None:
    path.write_bytes(b'{"event":"started"')
    assert read_state(path) is None
    Journal(path).close()
    assert path.read_bytes() == b""


def test_a_torn_tail_at_every_byte(begun: Path) -> None:
    """Wherever the machine stopped: the whole lines are read, the writer leaves them and nothing else."""
    whole = begun.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    last = whole[ends[0] :]
    for keep in range(len(last) + 1):
        begun.write_bytes(whole[: ends[0] + keep])
        kept = max(end for end in ends if end <= ends[0] + keep)
        assert len(events(begun)) == ends.index(kept) + 1
        journal = Journal(begun)
        assert journal.log.size == kept == begun.stat().st_size
        journal.append(CandidatesJudged(0, (), ()))
        journal.close()
        assert len(events(begun)) == ends.index(kept) + 2


def test_a_whole_line_without_its_newline_is_torn_too(begun: Path) -> None:
    begun.write_bytes(begun.read_bytes().removesuffix(b"\n"))
    assert len(events(begun)) == 3


# Bad lines


REMEDY = "The lines above are intact; restore the file from a copy, or remove this line and those below it to continue."
SPOILED = [
    (b"", "not an event: "),
    (b"{", "not an event: "),
    (b"nonsense", "not an event: "),
    (b"\xff\xfe", "not an event: "),
    (b"[]", "not an event: expected an object"),
    (b"5", "not an event: expected an object"),
    (b'{"event":"replied"}', "not an event: 'reply' is missing"),
    (
        b'{"event":"replied","key":5,"digest":"d","reply":{"text":"","finish":""}}',
        "not an event: expected text, found 5",
    ),
    (b'{"event":"proposed","index":"a","shown":[],"verdicts":[]}', "not an event: expected a whole number, found 'a'"),
    (b'{"event":"replied"}{"event":"replied"}', "not an event: "),
    (b"[" * 5000, "not an event: "),
]


@pytest.mark.parametrize(("line", "expected"), SPOILED, ids=[str(line[:30]) for line, _ in SPOILED])
def test_a_bad_line_in_the_middle(begun: Path, line: bytes, expected: str) -> None:
    lines = begun.read_bytes().split(b"\n")
    lines.insert(2, line)
    begun.write_bytes(unsealed(b"\n".join(lines)))  # an old journal; in a new one every such line lacks its checksum
    message = fault(begun)
    assert message.startswith(f"{begun}:3: {expected}")
    assert message.endswith(f". {REMEDY}")
    assert "\n" not in message
    assert len(message) < 500
    intact = read_events(begun)
    assert [next(intact)[1], next(intact)[1]] == [STARTED, replied(0)]
    with pytest.raises(JournalError):
        next(intact)


def test_a_line_beyond_all_measure_is_named_and_not_read(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.journal.file._LONGEST_LINE", 1 << 20)
    begun.write_bytes(begun.read_bytes() + b"x" * (3 << 20))  # a torn tail would be passed over
    message = fault(begun)
    assert message.startswith(f"{begun}:5: not an event: the line is longer than 1 MiB.")
    assert message.endswith(REMEDY)


def test_cutting_there_does_go_on(begun: Path) -> None:
    lines = begun.read_bytes().split(b"\n")
    begun.write_bytes(b"\n".join([*lines[:2], b"nonsense", *lines[2:]]))
    assert f"{begun}:3: " in fault(begun)
    begun.write_bytes(b"\n".join(lines[:2]) + b"\n")
    state = read_state(begun)
    assert state is not None
    assert set(state.replies) == {"propose/0"}


def test_the_writer_refuses_what_does_not_begin_as_a_journal_and_changes_nothing(begun: Path) -> None:
    spoiled = b"nonsense\n" + begun.read_bytes() + b"half a line"
    begun.write_bytes(spoiled)
    with pytest.raises(JournalError, match=":1: not an event"):
        Journal(begun)
    assert begun.read_bytes() == spoiled


@pytest.mark.parametrize(
    ("place", "event", "expected"),
    [
        (4, STARTED, ":5: a journal starts once"),
        (4, CandidatesJudged(5, (), ()), ":5: request 5 is judged out of order: expected 1"),
        (0, replied(0), ":1: a journal begins with `started`, but this one begins with `replied`"),
    ],
)
def test_events_out_of_order(
    begun: Path, place: int, event: RunStarted | ReplyReceived | CandidatesJudged, expected: str
) -> None:
    other = begun.with_name("other.jsonl")
    journal = Journal(other)
    journal.append(event)
    journal.close()
    lines = begun.read_bytes().splitlines(keepends=True)
    begun.write_bytes(sealed([*lines[:place], other.read_bytes(), *lines[place:]]))
    assert fault(begun).startswith(f"{begun}{expected}")


@pytest.mark.parametrize("line", [b'{"event":"paused"}', b'{"event":"started","version":99}'])
def test_what_a_newer_version_wrote_is_not_to_be_cut(begun: Path, line: bytes) -> None:
    begun.write_bytes(sealed(begun.read_bytes() + line + b"\n"))
    message = fault(begun)
    assert "install" in message
    assert "cut here" not in message


# One writer


def test_a_second_writer_is_refused(begun: Path) -> None:
    first = Journal(begun)
    with pytest.raises(InputError, match="another bootstruct is writing to this run; wait for it or stop it") as caught:
        Journal(begun)
    assert str(begun.parent) in str(caught.value)
    first.append(replied(2))  # the first one is not disturbed
    assert len(events(begun)) == 5  # and anybody may read
    first.close()
    Journal(begun).close()


def test_a_writer_in_another_process(begun: Path) -> None:
    script = f"from pathlib import Path\nfrom bootstruct.journal.file import Journal\nJournal(Path({str(begun)!r}))"
    mine = Journal(begun)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "another bootstruct is writing" in result.stderr
    mine.close()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_refused_writer_does_not_cut_the_line_that_is_being_written(begun: Path) -> None:
    first = Journal(begun)
    with begun.open("ab") as file:
        file.write(b'{"half":')
    with pytest.raises(InputError):
        Journal(begun)
    assert begun.read_bytes().endswith(b'{"half":')
    first.close()


def test_closing_twice_is_closing(begun: Path) -> None:
    journal = Journal(begun)
    journal.close()
    journal.close()


def test_a_state_is_read_as_it_was_written(begun: Path) -> None:
    state = read_state(begun)
    assert isinstance(state, State)
    assert (state.accepted_after, set(state.replies), set(state.reply_offsets)) == (
        [0],
        {"propose/1"},
        {"propose/0", "propose/1"},
    )
    for key, offset in state.reply_offsets.items():
        result = read_reply(begun, offset)
        assert result is not None
        assert result.key == key
