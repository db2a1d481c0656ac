"""Checksums of journal lines: whatever happens to a journal, it opens as it was, or names the line. Old ones open as ever."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.errors import JournalError, NewerJournalError
from bootstruct.journal.codec import has_checksum
from bootstruct.journal.events import VERSION, CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.journal.file import Journal, read_events, read_reply, read_state
from bootstruct.reviewing.watch import JournalFollower
from bootstruct.types import Instance, Reply, Verdict
from tests.support.journals import sealed, unsealed
from tests.support.scripts import SEEDS, recipe

Damage = Callable[[random.Random, list[bytes]], bytes]


def history() -> list[Event]:
    result: list[Event] = [RunStarted(recipe(), SEEDS)]
    for index in range(6):
        result.append(
            ReplyReceived(f"propose/{index}", f"{index:032x}", Reply(f"10. Name {index} rivers é.", model="m"))
        )
        result.append(CandidatesJudged(index, ("s0",), (Verdict(f"Name {index} rivers é."),)))
        result.append(ReplyReceived(f"annotate/{index}.0/kind", "d" * 32, Reply("No")))
        result.append(TaskCompleted(f"{index}.0", False, (Instance("", f"Nile, {index}"),)))
    return result


EVENTS = history()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    writer = Journal(path)
    for event in EVENTS:
        writer.append(event)
    writer.close()
    return path


def flip(rng: random.Random, lines: list[bytes]) -> bytes:
    content = bytearray(b"".join(lines))
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def flip_late(rng: random.Random, lines: list[bytes]) -> bytes:
    """A flip behind the first line, which is by far the longest."""
    content = bytearray(b"".join(lines))
    content[rng.randrange(len(lines[0]), len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def flip_checksum(rng: random.Random, lines: list[bytes]) -> bytes:
    at = rng.randrange(len(lines))
    line = bytearray(lines[at])
    line[-rng.randint(1, 19)] ^= 1 << rng.randrange(8)
    return b"".join([*lines[:at], bytes(line), *lines[at + 1 :]])


def cut(rng: random.Random, lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    return content[: rng.randrange(len(content))]


def cut_out(rng: random.Random, lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    first, last = sorted(rng.sample(range(len(lines[0]), len(content)), 2))
    return content[:first] + content[last:]


def swap(rng: random.Random, lines: list[bytes]) -> bytes:
    one, two = rng.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return b"".join(lines)


def duplicate(rng: random.Random, lines: list[bytes]) -> bytes:
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"".join(lines)


def replay(rng: random.Random, lines: list[bytes]) -> bytes:
    """A line in the place of another."""
    lines[rng.randrange(len(lines))] = rng.choice(lines)
    return b"".join(lines)


def drop(rng: random.Random, lines: list[bytes]) -> bytes:
    del lines[rng.randrange(len(lines) - 1)]
    return b"".join(lines)


def zero(rng: random.Random, lines: list[bytes]) -> bytes:
    """A block of zeros, as a file system leaves it."""
    content = bytearray(b"".join(lines))
    at, size = rng.randrange(len(content)), rng.choice([1, 16, 512, 4096])
    content[at : at + size] = bytes(min(size, len(content) - at))
    return bytes(content)


def insert(rng: random.Random, lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    at = rng.randrange(len(content))
    return content[:at] + rng.choice([b" ", b"\n", b"\x00", b"0", b'"', b"}", b"\r\n", b"x" * 300]) + content[at:]


DAMAGES: list[Damage] = [flip, flip_late, flip_checksum, cut, cut_out, swap, duplicate, replay, drop, zero, insert]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_no_damaged_journal_is_misread(journal: Path, damage: Damage) -> None:
    """A thousand and more in all: each opens as a prefix of what was written (a torn tail), or its line is named."""
    whole, named = journal.read_bytes(), 0
    for seed in range(100):
        damaged = damage(random.Random(seed), whole.splitlines(keepends=True))
        journal.write_bytes(damaged)
        read, fault = read_until_fault(journal)
        assert read == EVENTS[: len(read)], seed
        if fault:
            named += 1
            assert fault.startswith(f"{journal}:{len(read) + 1}: "), (seed, fault)
        elif len(read) < len(EVENTS):  # only a torn tail may pass without a word
            assert not damaged.endswith(b"\n") or whole.startswith(damaged), seed
    assert named or damage is cut


def read_until_fault(journal: Path) -> tuple[list[Event], str]:
    """The events up to the first fault, and what is said about it; empty where there is none."""
    events: list[Event] = []
    try:
        events.extend(event for _, event in read_events(journal))
    except JournalError as exc:
        return events, str(exc)
    return events, ""


def test_every_bit_of_a_line_counts(journal: Path) -> None:
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    start, line = sum(map(len, lines[:3])), lines[3]
    for at in range(len(line) - 1):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[start + at] ^= 1 << bit
            journal.write_bytes(damaged)
            with pytest.raises(JournalError, match=r"journal.jsonl:4: "):
                list(read_events(journal))


def test_the_sentence_says_what_to_do(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b"Name 2 rivers", b"Name 3 rivers", 1))
    with pytest.raises(JournalError) as caught:
        read_state(journal)
    assert str(caught.value) == (
        f"{journal}:10: the line was changed, moved or damaged after it was written: its checksum does not match. The lines "
        "above are intact; restore the file from a copy, or remove this line and those below it to continue."
    )
    follower = JournalFollower(journal)
    follower.look(None)
    assert follower.fault.startswith("journal.jsonl:10: the line was changed")


def test_a_line_without_a_checksum_is_named_where_others_have_one(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:-1], unsealed(lines[-1])]))
    with pytest.raises(JournalError, match=rf"journal.jsonl:{len(lines)}: .*its checksum is missing"):
        read_state(journal)
    follower = JournalFollower(journal)
    follower.look(None)
    assert "its checksum is missing" in follower.fault


def test_a_reply_read_again_is_checked_again(journal: Path) -> None:
    state = read_state(journal)
    assert state is not None
    offset = state.reply_offsets["propose/3"]
    assert read_reply(journal, offset) == EVENTS[13]
    journal.write_bytes(journal.read_bytes().replace(b"10. Name 3", b"10. Name 4"))
    with pytest.raises(JournalError, match="its checksum does not match"):
        read_reply(journal, offset)


def test_journals_without_checksums_open_and_go_on(journal: Path) -> None:
    journal.write_bytes(unsealed(journal.read_bytes()))
    assert [event for _, event in read_events(journal)] == EVENTS
    writer = Journal(journal)
    offset = writer.append(ReplyReceived("propose/6", "e" * 32, Reply("x")))
    writer.close()
    assert [event for _, event in read_events(journal)][: len(EVENTS)] == EVENTS
    content = bytearray(journal.read_bytes())
    assert has_checksum(bytes(content[offset:]))
    content[offset + 30] ^= 4  # what is written now is protected
    journal.write_bytes(content)
    with pytest.raises(JournalError, match=rf"journal.jsonl:{len(EVENTS) + 1}: .*checksum does not match"):
        list(read_events(journal))


def test_a_newer_version_is_not_called_damaged(journal: Path) -> None:
    """A later format may compute its checksums in another way."""
    newer = journal.read_bytes().replace(b'"version":%d' % VERSION, b'"version":%d' % (VERSION + 1), 1)
    for content in (newer, sealed(newer)):
        journal.write_bytes(content)
        with pytest.raises(NewerJournalError, match="written by a newer bootstruct"):
            list(read_events(journal))
