"""What a run took: seconds of answering, retries, and the time in which anything was in flight."""

import random
import re
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from bootstruct.cli.tables import status_table
from bootstruct.config.machine import Prices
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import TransientError
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RunStarted
from bootstruct.journal.state import State, apply, begin
from bootstruct.render.numbers import duration
from bootstruct.reporting.from_run import run_subject
from bootstruct.reporting.measure import measure
from bootstruct.reporting.page import render
from bootstruct.run.status import PAUSE, status_of
from bootstruct.types import Instance, Reply, Seed, Verdict
from tests.support.scripts import recipe
from tests.support.simulated_servers import prompt
from tests.support.virtual_time import run

DAY = 1.7e9  # some second since 1970


def state_of(*spans: tuple[float, float], retries: int = 0) -> State:
    """A run whose replies were in flight in these spans of seconds."""
    state = begin(RunStarted(recipe(), ()))
    for number, (first, last) in enumerate(spans):
        reply = Reply("x", seconds=last - first, retries=retries)
        apply(state, ReplyReceived(f"propose/{number}", "d", reply, at=DAY + last))
    return state


def test_spans_that_touch_are_one() -> None:
    state = state_of((0, 10), (5, 12), (12, 13), (100, 110))
    assert state.busy_spans == [(DAY, DAY + 13), (DAY + 100, DAY + 110)]
    status = status_of(state, Prices())
    assert (status.busy_seconds, status.reply_seconds, status.sessions) == (23, 28, 2)


def test_a_long_answer_fills_the_gaps_before_it() -> None:
    assert state_of((0, 1), (5, 6), (8, 9), (0.5, 20)).busy_spans == [(DAY, DAY + 20)]


def test_busy_time_is_the_measure_of_the_union() -> None:
    rng = random.Random(3)
    spans = sorted(((at := rng.randrange(300), at + rng.randrange(1, 9)) for _ in range(120)), key=lambda s: s[1])
    covered = {second for first, last in spans for second in range(first, last)}
    state = state_of(*spans)
    assert sum(last - first for first, last in state.busy_spans) == len(covered)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(state.busy_spans))


def test_a_short_pause_is_no_new_sitting() -> None:
    assert status_of(state_of((0, 1), (PAUSE, PAUSE + 1)), Prices()).sessions == 1
    assert status_of(state_of((0, 1), (PAUSE + 2, PAUSE + 3)), Prices()).sessions == 2
    assert status_of(state_of(), Prices()).sessions == 0


def test_reused_replies_took_no_time() -> None:
    state = state_of((0, 10))
    apply(state, ReplyReceived("propose/9", "d", Reply("x", seconds=99.0, retries=4), source="runs/a", at=DAY))
    status = status_of(state, Prices())
    assert (status.busy_seconds, status.reply_seconds, status.retries, status.reused) == (10, 10, 0, 1)


def test_a_reply_says_how_long_it_took_and_how_often_it_was_asked() -> None:
    errors = [TransientError(503, "no"), TransientError(503, "no")]

    def answer(_: object) -> str:
        if errors:
            raise errors.pop()
        return "yes"

    reply = run(
        RetryingEngine(ThrottledEngine([ScriptedEngine(answer, delay=lambda _: 1.5)], ConcurrencyLimiter(1))).complete(
            prompt()
        )
    )
    assert reply.retries == 2
    assert reply.seconds == pytest.approx(1.5)  # of the call that was answered; pauses are not part of it


def test_status_tells_it() -> None:
    status = status_of(state_of((0, 3600), (0, 7200), retries=3), Prices())
    rows = [str(cell) for column in status_table(status).columns for cell in column.cells]
    assert "2 h 0 min" in rows
    assert "2 in flight on average, 5400.0 s per reply" in rows
    assert "6" in rows


def test_the_report_tells_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    started = RunStarted(recipe(), (Seed("s", "Say a word.", (Instance("", "word"),), False),))
    replied = ReplyReceived("propose/0", "d", Reply("x", "stop", 7, 5, "m", 90.0, 3), at=DAY)
    events = [started, replied, CandidatesJudged(0, ("s",), (Verdict("Name a big river."),))]
    journal.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    subject = run_subject(journal, "a run")
    page = render([measure(subject, None, lambda _: None)], None, bounded=True).decode()
    assert "1 min 30 s with a request in flight; 1.0 in flight on average" in page
    assert re.search(r"<td[^>]*>90\.0</td><td[^>]*>3</td>", page)


def test_spans_in_words() -> None:
    assert [duration(s) for s in (0.25, 42, 190, 7500)] == ["0.2 s", "42 s", "3 min 10 s", "2 h 5 min"]
