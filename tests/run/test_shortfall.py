"""Why a run brings nothing: each reason by its name, and the advice that belongs to it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.recipe import Check
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import RunStoppedError
from bootstruct.journal.events import (
    CUT,
    CUT_WHILE_THINKING,
    EMPTY,
    FILTERED,
    REFUSAL,
    TOOL_CALLS,
    UNREADABLE,
    CandidatesJudged,
    InstancesChecked,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.journal.file import read_state
from bootstruct.journal.state import State, apply, begin
from bootstruct.run.shortfall import no_instances_reason, nothing_usable, stall_reason
from bootstruct.stages.rules import TOO_SIMILAR
from bootstruct.types import CheckVerdict, Instance, Prompt, RejectedInstance, Reply, Verdict
from tests.support.scripts import answer, recipe, run_to

CONTEXT = "the maximum context length is 2048 tokens, you requested {}"


def begun() -> State:
    return begin(RunStarted(recipe(), ()))


def judged(state: State, *rules: str | None, failed: str = "") -> None:
    """One more request: its candidates by the rule that rejects each, or the reason for which it failed."""
    index = len(state.accepted_after)
    if failed:
        apply(state, RequestFailed(f"propose/{index}", "", 400, failed))
    verdicts = tuple(Verdict(f"text {index}", rule) for rule in rules)
    apply(state, CandidatesJudged(index, (), verdicts, failed=bool(failed)))


def tasks(count: int) -> State:
    state = begun()
    for _ in range(count):
        judged(state, None)
    return state


def test_a_pool_runs_dry_only_where_candidates_are_too_similar() -> None:
    state = begun()
    for _ in range(5):
        judged(state, TOO_SIMILAR, "too short")
    found = stall_reason(state, 5)
    assert "all candidates of 5 were rejected (too similar 5, too short 5)" in found
    assert "is exhausted" in found
    assert "add seeds" in found
    for _ in range(2):
        judged(state, "too short", "too short")
    found = stall_reason(state, 5)
    assert "is exhausted" not in found
    assert "seeds" not in found
    assert "rule 'too short'" in found


def test_failures_are_named_with_the_limit_that_the_server_gave() -> None:
    state = begun()
    for n in range(5):
        judged(state, failed=CONTEXT.format(3000 + n))
    found = stall_reason(state, 5)
    assert "5 failed for good with 400: the maximum context length is 2048 tokens, you requested …" in found
    assert "longer context" in found
    assert "seeds" not in found


def test_no_stall_while_anything_new_comes() -> None:
    state = begun()
    for _ in range(4):
        judged(state, TOO_SIMILAR)
    assert stall_reason(state, 5) == ""
    judged(state, None)
    assert stall_reason(state, 5) == ""
    for _ in range(5):
        judged(state, TOO_SIMILAR)
    assert stall_reason(state, 5) != ""


def test_only_the_last_requests_are_described() -> None:
    state = begun()
    for _ in range(200):
        judged(state, "too short")
    for _ in range(5):
        judged(state, TOO_SIMILAR)
    assert "(too similar 5)" in stall_reason(state, 5)


def test_tasks_that_all_failed_are_nothing_usable() -> None:
    state = tasks(3)
    assert nothing_usable(state) == ""
    for n in range(3):
        apply(state, RequestFailed(f"annotate/{n}.0/instances", "", 400, CONTEXT.format(3000 + n)))
        apply(state, TaskCompleted(f"{n}.0", False, (), failed=True))
    found = nothing_usable(state)
    assert found.startswith("Each of the 3 tasks is without an instance: 3 failed for good with 400: ")
    assert "2048 tokens" in found
    assert "export" not in found


def test_rejected_instances_are_named_by_their_rules() -> None:
    state = tasks(1)
    rejected = (RejectedInstance(Instance("", ""), "empty output"),)
    apply(state, TaskCompleted("0.0", False, (), rejected))
    assert "The only task is without an instance: all instances of 1 were rejected (empty output 1)" in nothing_usable(
        state
    )


def test_one_instance_is_something() -> None:
    state = tasks(2)
    apply(state, TaskCompleted("0.0", False, (), failed=True))
    apply(state, TaskCompleted("1.0", False, (Instance("", "x"),)))
    assert nothing_usable(state) == ""


def test_instances_that_fail_all_checks_are_nothing_usable() -> None:
    state = tasks(1)
    state.recipe = replace(state.recipe, checks=(Check("near", "decontamination"),))
    apply(state, TaskCompleted("0.0", False, (Instance("", "x"),)))
    apply(state, InstancesChecked("0.0", "near", (CheckVerdict(0, "near"),)))
    assert "without an instance that passed the checks" in nothing_usable(state)


@pytest.mark.parametrize(
    "reason",
    [CUT_WHILE_THINKING, CUT, UNREADABLE, EMPTY, REFUSAL, FILTERED, TOOL_CALLS],
    ids=lambda reason: str(reason),
)
def test_each_reason_has_its_name_and_its_advice(reason: str) -> None:
    state = begun()
    for n in range(5):
        apply(state, CandidatesJudged(n, (), (), unread=reason if n else UNREADABLE))
    stalled = stall_reason(state, 5)
    usable = tasks(2)
    for n in range(2):
        apply(usable, TaskCompleted(f"{n}.0", False, (), unread=(("instances", reason),)))
    for found in (stalled, nothing_usable(usable)):
        assert NAMED[reason] in found
        assert ADVICE[reason] in found
        assert "add seeds" not in found
        assert "is exhausted" not in found


NAMED = {
    CUT_WHILE_THINKING: "replies were cut while thinking",
    CUT: "replies were cut",
    UNREADABLE: "replies were unreadable",
    EMPTY: "replies were empty",
    REFUSAL: "replies were refused",
    FILTERED: "replies were filtered",
    TOOL_CALLS: "replies were tool calls in place of text",
}
ADVICE = {
    CUT_WHILE_THINKING: "`more_tokens`",
    CUT: "`max_tokens`",
    UNREADABLE: "bootstruct preview",
    EMPTY: "bootstruct doctor",
    REFUSAL: "does not refuse",
    FILTERED: "filter objects to",
    TOOL_CALLS: "without tools",
}


def test_the_most_frequent_outcome_comes_first_and_decides_the_advice() -> None:
    state = begun()
    for n in range(6):
        apply(state, CandidatesJudged(n, (), (), unread=EMPTY if n % 3 else CUT_WHILE_THINKING))
    found = stall_reason(state, 6)
    assert "4 replies were empty; 2 replies were cut while thinking. Look at the server" in found


def test_completing_ends_where_no_task_gets_an_instance() -> None:
    state = tasks(6)
    for n in range(5):
        assert no_instances_reason(state, 4) == ""
        apply(
            state, TaskCompleted(f"{n}.0", False, (Instance("", "x"),) if n == 0 else (), unread=(("instances", CUT),))
        )
    found = no_instances_reason(state, 4)
    assert found.startswith("The last 4 completed tasks have no instance: 4 replies were cut. Raise `max_tokens`")
    apply(state, TaskCompleted("5.0", False, (Instance("", "x"),)))
    assert no_instances_reason(state, 4) == ""


def test_a_run_whose_instances_cannot_be_read_stops_and_costs_nothing_when_run_again(tmp_path: Path) -> None:
    def silent(prompt: Prompt) -> Reply | str:
        return answer(prompt) if prompt.step in ("propose", "kind") else ""

    path = tmp_path / "journal.jsonl"
    with pytest.raises(RunStoppedError, match="The last 20 completed tasks have no instance: 20 replies were empty"):
        run_to(path, ScriptedEngine(silent), 60, stall_after=20)
    state = read_state(path)
    assert state is not None
    assert 20 <= len(state.completed) < 60
    with pytest.raises(RunStoppedError, match="no instance"):
        run_to(path, engine := ScriptedEngine(silent), 60, stall_after=20)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("cut off", CUT), ("is a refusal", REFUSAL), ("no JSON", UNREADABLE)],
    ids=lambda value: str(value),
)
def test_rules_about_the_form_of_replies_have_the_advice_of_their_reason(rule: str, reason: str) -> None:
    state = begun()
    for _ in range(5):
        judged(state, rule)
    found = stall_reason(state, 5)
    assert f"({rule} 5)" in found
    assert ADVICE[reason] in found
    assert "is exhausted" not in found
