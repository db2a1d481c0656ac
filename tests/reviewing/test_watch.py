"""Following a journal: read once, read on, and never disturbed by what stands half written at its end."""

import fcntl
import os
from pathlib import Path
from random import Random

import pytest

from bootstruct.journal.file import Journal, read_state
from bootstruct.reviewing import watch
from bootstruct.reviewing.watch import JournalFollower, RunCounts, yields
from tests.support.review_runs import append, events, make_run, tasks


def test_in_pieces_it_comes_to_the_same_as_at_once(tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", tasks(60)) / "journal.jsonl"
    raw, draws = whole.read_bytes(), Random(5)
    for _ in range(20):
        growing = tmp_path / "journal.jsonl"
        growing.unlink(missing_ok=True)
        follower, at = JournalFollower(growing), 0
        assert follower.look()
        while at < len(raw):
            more = draws.choice((1, 40, 900, 9000))
            with growing.open("ab") as file:
                file.write(raw[at : at + more])
            at += more
            follower.look(draws.choice((None, 100, 5000)))
        while not follower.look(1000):
            pass
        assert follower.state == read_state(whole)
        assert follower.texts == {task.name: task.text for task in read_state(whole).accepted}  # type: ignore[union-attr]


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, tasks(30))
    follower = JournalFollower(run / "journal.jsonl")
    follower.look(None)
    opened: list[Path] = []
    unwatched = watch.open_inside
    monkeypatch.setattr(watch, "open_inside", lambda folder, path: opened.append(path) or unwatched(folder, path))
    follower.look()
    assert opened == []
    before = follower._offset
    append(run, events(tasks(30))[1:2])
    opened.clear()
    follower.look()
    assert opened == [run / "journal.jsonl"]
    assert follower._offset > before


def test_a_slice_at_a_time(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks(60))
    follower, looks = JournalFollower(run / "journal.jsonl"), 1
    while not follower.look(2000):
        looks += 1
    assert looks > 5
    assert follower.state == read_state(run / "journal.jsonl")


def test_a_journal_begun_anew_is_read_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks(30))
    follower = JournalFollower(run / "journal.jsonl")
    follower.look(None)
    (run / "journal.jsonl").write_bytes(b"")
    append(run, events(tasks(5)))
    follower.look(None)
    assert follower.state == read_state(run / "journal.jsonl")
    os.replace(make_run(tmp_path / "other", tasks(50)) / "journal.jsonl", run / "journal.jsonl")
    follower.look(None)
    assert follower.state is not None
    assert len(follower.state.accepted) == 50


def test_a_bad_line_is_told_and_what_came_before_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks(10))
    count = (run / "journal.jsonl").read_bytes().count(b"\n")
    with (run / "journal.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    follower = JournalFollower(run / "journal.jsonl")
    follower.look(None)
    assert follower.fault.startswith(f"journal.jsonl:{count + 1}: ")
    assert follower.state is not None
    assert len(follower.state.accepted) == 10


def test_the_writer_is_not_locked_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks(10))
    follower = JournalFollower(run / "journal.jsonl")
    follower.look(None)
    journal = Journal(run / "journal.jsonl")
    follower.look()
    with (run / "journal.jsonl").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    journal.close()


def test_rates_are_those_of_the_last_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("bootstruct.reviewing.watch.time.monotonic", lambda: clock[0])
    result = events(tasks(48))
    append(tmp_path, result[:3])
    follower = JournalFollower(tmp_path / "journal.jsonl")
    follower.look()
    assert follower.per_minute() is None
    clock[0] += 30
    append(tmp_path, result[3:9])  # three more requests, 24 tasks
    follower.look()
    assert follower.per_minute() == RunCounts(30.0, 6, 48, 0)
    clock[0] += 300
    follower.look()
    clock[0] += 30
    follower.look()
    assert follower.per_minute().accepted == 0  # type: ignore[union-attr]


def test_the_yield_over_the_run_adds_up(tmp_path: Path) -> None:
    state = read_state(make_run(tmp_path, tasks(100)) / "journal.jsonl")
    assert state is not None
    assert yields(state) == [8.0] * 12 + [4.0]
    assert len(yields(state, 5)) == 5
    state.accepted_after.clear()
    assert yields(state) == []
