"""What `generate` shows while it runs and at its end, above all in trouble."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.cli.evaluate.options import line as evaluation_line
from bootstruct.cli.progress import ProgressDisplay, line, panel
from bootstruct.engines.traffic.retrying import FailureStreak
from bootstruct.evaluation.collect_replies import EvaluationProgress
from bootstruct.run.closing import closing_summary as summary
from bootstruct.run.failure_reasons import FailureReason
from bootstruct.run.progress import Progress

QUIET = Progress(
    recipe="chat", model="openai/m", goal=10, accepted=4, completed=3, checked=None, instances=5, passed_checks=5,
    rejections={}, rejected_instances={}, failures=0, failed_by_reason=[], unread={}, replies=9, reused=0, prompt_tokens=10, completion_tokens=10, cost=None,
    replies_per_second=1.0, accepted_per_second=0.5, seconds=60.0, seconds_left=None, phase="growing", in_flight=2,
    concurrency=2, concurrency_is_fixed=True, retries=0, seconds_without_reply=0.5, failure_streak=None, timed_out=0,
    suspended={}, batches="",
)  # fmt: skip
LOADING = FailureStreak("503: Loading [model]", 8, 6.2, 3.0)
TROUBLE = "no reply for 6.2 s, 8 errors, the last one: 503: Loading [model]; next attempt in 3.0 s"


def shown(capsys: pytest.CaptureFixture[str], *snapshots: Progress, quiet: bool = False) -> list[str]:
    display = ProgressDisplay(quiet)
    for snapshot in snapshots:
        display.update(snapshot)
    return capsys.readouterr().err.splitlines()


def test_errors_that_last_are_on_the_line_and_in_the_panel() -> None:
    from rich.console import Console

    now = replace(QUIET, failure_streak=LOADING)
    assert TROUBLE in line(now)
    console = Console(width=200, file=io.StringIO())
    with console.capture() as printed:
        console.print(panel(now))
    assert TROUBLE in printed.get()


def test_errors_of_a_moment_are_not_shown() -> None:
    assert "503" not in line(replace(QUIET, failure_streak=replace(LOADING, seconds=4.0)))


def test_trouble_is_shown_at_once_and_then_at_the_usual_pace(capsys: pytest.CaptureFixture[str]) -> None:
    now = [replace(QUIET, seconds=61 + n / 4, failure_streak=LOADING if n else None) for n in range(20)]
    lines = shown(capsys, replace(QUIET, seconds=60.5), *now)
    assert [TROUBLE in text for text in lines] == [False, True]


def test_a_long_silence_without_an_error_is_shown() -> None:
    assert "no reply for 45 s, 2 requests in flight" in line(replace(QUIET, seconds_without_reply=45.0))
    assert "no reply" not in line(replace(QUIET, seconds_without_reply=45.0, batches="batch 1: 3 of 9 done"))


def test_a_suspended_server_is_noted_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = replace(QUIET, seconds=0.5, suspended={"http://a/v1": "cannot be reached"})
    lines = shown(capsys, now, now, replace(now, suspended={}), now)
    assert lines == ["note: http://a/v1 is suspended: cannot be reached; the others continue without it"]
    assert shown(capsys, now, quiet=True) == []


def test_the_summary_names_the_most_frequent_reason() -> None:
    failed = [FailureReason(400, "the limit is 2048 tokens", 7), FailureReason(413, "too large", 1)]
    text = summary(replace(QUIET, failures=8, failed_by_reason=failed), Path("runs/a"))
    assert "8 requests failed for good: most often (7 times) with 400: the limit is 2048 tokens" in text
    assert "--retry-failed" in text


def test_an_export_is_advised_where_there_is_something_to_export() -> None:
    done = replace(QUIET, goal=4, accepted=4, completed=4)
    assert "bootstruct export runs/a" in summary(done, Path("runs/a"))
    assert "export" not in summary(replace(done, instances=0, passed_checks=0), Path("runs/a"))


def test_an_export_is_advised_where_the_goal_was_reached() -> None:
    done = replace(QUIET, goal=9, accepted=4, completed=4)
    assert "export" in summary(done, Path("runs/a"), is_complete=True)
    assert "export" not in summary(replace(done, goal=4), Path("runs/a"), is_complete=False)


def test_the_summary_names_the_rules_that_rejected_most_and_what_was_spent() -> None:
    rejections = {"too similar": 40, "too short": 7, "cut off": 2, "near a kept-away text": 1, "\x1b[31m": 1}
    now = replace(QUIET, accepted=50, rejections=rejections, prompt_tokens=900, completion_tokens=100, cost=0.25)
    text = summary(now, Path("runs/a"))
    assert "51 of 101 candidates rejected: 40 too similar, 7 too short, 2 cut off, 2 by other rules" in text
    assert "1,000 tokens over the whole run, $0.2500 at list price" in text


def test_replies_that_could_not_be_read_are_named() -> None:
    unread = {"propose": {"refusal": 2}, "kind": {"unreadable": 1}, "instances": {"unreadable": 3}}
    text = summary(replace(QUIET, unread=unread), Path("runs/a"))
    assert "nothing could be read from 6 replies (unreadable 4, refusal 2); --retry-failed" in text
    assert "--retry-failed" not in summary(replace(QUIET, unread={"instances": {"refusal": 2}}), Path("runs/a"))


def test_an_evaluation_shows_errors_that_last_too() -> None:
    now = EvaluationProgress(Path("eval/a"), 3, 9, 0.0, 10, 10, None, 60.0, None, failure_streak=LOADING)
    assert evaluation_line(now).endswith(f"; {TROUBLE}")
    assert "no reply" not in evaluation_line(replace(now, failure_streak=None))
