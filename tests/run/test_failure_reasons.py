"""Failures grouped by reason: what varies does not keep equal reasons apart, what is constant stays to be read."""

from bootstruct.config.machine import Prices
from bootstruct.journal.events import ReplyReceived, RequestFailed, RunStarted
from bootstruct.journal.state import apply, begin
from bootstruct.run.failure_reasons import LONGEST, FailureReason, group_failures
from bootstruct.run.status import status_of
from bootstruct.types import Reply
from tests.support.scripts import recipe


def grouped(*reasons: str, status: int = 400) -> list[tuple[str, int]]:
    found = group_failures(RequestFailed(f"annotate/{n}.0/kind", "", status, text) for n, text in enumerate(reasons))
    return [(reason.reason, reason.count) for reason in found]


def test_numbers_that_differ_are_left_out_and_others_stay() -> None:
    said = "maximum context length is 2048 tokens, you requested {} ({})"
    assert grouped(*[said.format(2600, n) for n in range(4)]) == [
        ("maximum context length is 2048 tokens, you requested 2600 (…)", 4)
    ]


def test_ids_do_not_keep_equal_reasons_apart() -> None:
    assert grouped("req_8fa9: no room at 0x7f31", "req_1b: no room at 0x7e00") == [("…: no room at …", 2)]


def test_other_words_and_other_statuses_are_other_reasons() -> None:
    assert grouped("filtered", "too long", "filtered") == [("filtered", 2), ("too long", 1)]
    failures = [RequestFailed("a", "", 400, "no"), RequestFailed("b", "", 413, "no")]
    assert [reason.text for reason in group_failures(failures)] == ["400: no", "413: no"]


def test_a_reason_is_shown_on_one_line_and_safely() -> None:
    assert FailureReason(0, "a\x1b[31m\n b", 1).text == "a␛[31m b"
    assert len(FailureReason(500, "x" * 10_000, 1).text) <= LONGEST + len("500: ")


def test_a_request_answered_later_no_longer_counts() -> None:
    state = begin(RunStarted(recipe(), ()))
    for number in range(2):
        apply(state, RequestFailed(f"annotate/{number}.0/kind", "", 400, f"too long ({number})"))
    assert status_of(state, Prices()).failed_by_reason == [FailureReason(400, "too long (…)", 2)]
    apply(state, ReplyReceived("annotate/0.0/kind", "", Reply("No")))
    assert status_of(state, Prices()).failed_by_reason == [FailureReason(400, "too long (1)", 1)]
