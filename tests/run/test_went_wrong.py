"""A run in which more than half of something went wrong says so: what, why, what to change; and exits with 1."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.config.recipe import Check
from bootstruct.journal.events import (
    CUT,
    EMPTY,
    REFUSAL,
    UNREADABLE,
    CandidatesJudged,
    InstancesChecked,
    ReplyReceived,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State, apply, begin
from bootstruct.run.went_wrong import went_wrong
from bootstruct.stages.parsing.instances import DUPLICATE
from bootstruct.stages.propose import NO_JSON
from bootstruct.stages.rules import TOO_SIMILAR
from bootstruct.types import CheckVerdict, Instance, Prompt, RejectedInstance, Reply
from tests.run.test_shortfall import judged
from tests.support.commands import bootstruct, simulator
from tests.support.scripts import answer, recipe

GOOD = (Instance("a", "b"),)


def begun(*checks: Check) -> State:
    return begin(RunStarted(replace(recipe(), checks=checks), ()))


def unread(state: State, reason: str) -> None:
    apply(state, CandidatesJudged(len(state.accepted_after), (), (), unread=reason))


def complete(state: State, count: int, *tasks: TaskCompleted) -> None:
    """Accept and complete so many good tasks, and these."""
    for task in (*[TaskCompleted("", False, GOOD)] * count, *tasks):
        judged(state, None)
        apply(state, replace(task, task=state.accepted[-1].name))


def test_instances_that_repeat_another_are_no_fault() -> None:
    state, repeated = begun(), RejectedInstance(GOOD[0], DUPLICATE)
    complete(state, 0, TaskCompleted("", False, GOOD, (repeated,) * 9))
    assert went_wrong(state) == ()


def test_half_is_not_more_than_half_and_what_is_too_similar_is_no_fault() -> None:
    state = begun()
    complete(state, 2)
    unread(state, REFUSAL)
    unread(state, EMPTY)
    assert went_wrong(state) == ()
    for _ in range(9):
        judged(state, TOO_SIMILAR)
    assert went_wrong(state) == ()


def test_requests_are_counted_with_their_causes() -> None:
    state = begun()
    complete(state, 2)
    for reason in (REFUSAL, REFUSAL, UNREADABLE):
        unread(state, reason)
    judged(state, failed="no such field")
    judged(state, NO_JSON)
    (found,) = went_wrong(state)
    assert found.startswith("5 of 7 requests for instructions brought nothing to read: ")
    assert "2 replies were refused" in found
    assert "2 replies were unreadable" in found
    assert "1 failed for good with 400: no such field" in found


def test_failures_of_other_requests_are_not_those_of_requests_for_instructions() -> None:
    state = begun()
    complete(state, 1, *[TaskCompleted("", False, (), failed=True)] * 3)
    apply(state, RequestFailed("annotate/1.0/kind", "", 400, "too long"))
    (found,) = went_wrong(state)
    assert found.startswith("3 of 4 completed tasks have no instance: 3 failed for good with 400: too long. ")
    assert "--retry-failed" in found


def test_task_types_and_instances() -> None:
    silent = TaskCompleted("", False, GOOD, unread=(("kind", UNREADABLE),))
    state = begun()
    complete(state, 1, silent, silent)
    (found,) = went_wrong(state)
    assert found.startswith("2 of 3 replies about task types could not be read: 2 replies were unreadable. ")
    poor = TaskCompleted(
        "", False, GOOD, tuple(RejectedInstance(GOOD[0], rule) for rule in ("empty output", "cut off"))
    )
    state = begun()
    complete(state, 1, poor, poor)
    (found,) = went_wrong(state)
    assert found.startswith("4 of 7 instances were rejected as unusable: cut off 2, empty output 2. ")


def test_a_check_without_verdicts() -> None:
    check = Check("judge", "rubric")
    state = begun(check)
    complete(state, 3)
    for n, task in enumerate(state.accepted):
        verdict = CheckVerdict(0, None, None, "no readable grade" if n else "")
        apply(state, InstancesChecked(task.name, "judge", (verdict,)))
    (found,) = went_wrong(state)
    assert found.startswith("2 of 3 instances have no verdict of the check 'judge': 2 replies were unreadable. ")


def test_a_run_without_anything_usable_says_that_once() -> None:
    state = begun()
    complete(state, 0, TaskCompleted("", False, (), unread=(("instances", CUT),)))
    assert went_wrong(state) == ()


@pytest.mark.slow
def test_text_json_and_python_say_the_same_and_the_exit_code_is_1(tmp_path: Path) -> None:
    reason = "requests for instructions brought nothing to read"
    with simulator("--fault", "refusal=0.8") as server:
        run = tmp_path / "run"
        words = ["init", run, "--recipe", "paper", "--model", "openai/sim", "--base-url", server.url]
        assert bootstruct(*words).returncode == 0
        done = bootstruct("generate", run, "--tasks", 8, "--ignore-stall")
        assert done.returncode == 1
        assert reason in done.stderr.split("More than half went wrong: ")[1]
        again = bootstruct("generate", run, "--tasks", 8, "--json", "--quiet")
        assert again.returncode == 1
        row = json.loads(again.stdout)
        assert row["is_complete"] is True
        assert any(reason in sentence for sentence in row["went_wrong"])
        assert row["next"] == [f"bootstruct status {run}"]
        result = bs.generate(run, tasks=8)
        assert list(result.went_wrong) == row["went_wrong"]
        assert reason in result.summary
        status = json.loads(bootstruct("status", run, "--json").stdout)
        assert sum(status["unread"]["propose"].values()) > status["requests"] / 2
        assert "replies not read: filtered" in " ".join(bootstruct("status", run, COLUMNS="200").stdout.split())


def test_new_goals_after_a_run_without_anything_usable_tell_the_truth_too(tmp_path: Path) -> None:
    def empty(prompt: Prompt) -> Reply:
        return replace(answer(prompt), text="") if prompt.stage == "instances" else answer(prompt)

    bs.init(tmp_path / "run", recipe="paper", model="python/script")
    engine = bs.ScriptedEngine(empty)
    for tasks in (3, 6):
        result = bs.generate(tmp_path / "run", tasks=tasks, engine=engine)
        assert "without an instance" in result.stopped
        assert result.next_commands == []
    short = bs.generate(tmp_path / "run", tasks=500, engine=engine, max_requests=40)
    assert "The budget is used up" in short.stopped
    assert "without an instance" in short.stopped
    assert any(isinstance(event, ReplyReceived) for _, event in read_events(tmp_path / "run" / "journal.jsonl"))
