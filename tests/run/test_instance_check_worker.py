"""Checks of instances as a third stream: the same data at any speed and after any crash, and nothing paid twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.engines.base import Engine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.errors import RequestRejectedError, RunStoppedError
from bootstruct.export.rows import training_rows
from bootstruct.finetuning.data import read_data
from bootstruct.finetuning.settings import MixturePart
from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.file import read_events, read_state
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.stages.contamination import training_texts_of_run
from bootstruct.types import Prompt, Reply
from tests.support.checked_runs import (
    ALL,
    TASKS,
    checked_recipe,
    checking,
    events,
    fill_outputs,
    found,
    keys,
    throttled,
)
from tests.support.crashes import exported, run_with_crashes
from tests.support.journals import sealed
from tests.support.marks import trials
from tests.support.scripts import answer, open_journal, outcome, run_to, unread_keys


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, dict[str, bytes], Path]:
    """A run without checks fills the table of outputs; then the run with all of them, one question at a time."""
    fill_outputs(tmp_path_factory.mktemp("plain"))
    path = tmp_path_factory.mktemp("checked") / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(checking), 1), TASKS, checked_recipe(*ALL))
    return state, exported(path, state), path


def test_one_decision_for_each_task_and_check_in_order(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    wanted = [(task.name, check.name) for task in state.accepted for check in ALL]
    assert [(e.task, e.check) for e in events(path, InstancesChecked) if isinstance(e, InstancesChecked)] == wanted
    assert all(state.is_settled(task.name) for task in state.accepted)
    assert not [key for key in state.replies if key.startswith("check/")]


def test_a_refused_instance_is_not_asked_about_again(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    asked, refusing = set(keys(path)), Counter[str]()
    for task in state.accepted:
        left = set(range(len(state.completed[task.name].instances)))
        for check, decided in zip(ALL, state.checked[task.name], strict=True):
            about = {int(key.split("/")[3]) for key in asked if key.startswith(f"check/{task.name}/{check.name}/")}
            assert about == (left if check.asks else set())
            assert [verdict.instance for verdict in decided.verdicts] == sorted(left)
            left = set(decided.kept)
            refusing[check.name] += len(decided.verdicts) - len(left)
    assert all(refusing[check.name] for check in ALL), f"a check that refused nothing shows nothing: {refusing}"


def test_what_stands_is_what_every_reader_sees(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    standing = [(task.text, instance) for task in state.accepted for instance in state.passed_instances(task.name)]
    written = sum(len(entry.instances) for entry in state.completed.values())
    assert 0 < len(standing) < written
    assert [(row.instruction, row.instance) for row in training_rows(state)] == standing
    data = read_data([MixturePart(str(path.parent), seeds=False)], 0, 0.0, 1)
    assert {entry.task for entry in data.train} == {text for text, _ in standing}
    result = status_of(state, Prices())
    assert (result.instances, result.passed_checks) == (written, len(standing))
    in_run = sum(len(entry.parts) - 1 for entry in training_texts_of_run(state)) - sum(
        2 * len(s.instances) for s in state.seeds
    )
    assert in_run == 2 * len(standing)


def test_status_tells_what_each_check_took(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    result = status_of(state, Prices({"davinci-002": (2.0, 2.0)}))
    assert [entry.name for entry in result.checks] == [check.name for check in ALL]
    by_name = {entry.name: entry for entry in result.checks}
    everything = keys(path)
    for entry in result.checks:
        assert entry.requests == sum(key.split("/")[2] == entry.name for key in everything if key.startswith("check/"))
        assert entry.asked == entry.kept + sum(entry.rejected.values())
    assert by_name["agreement"].prompt_tokens == 40 * by_name["agreement"].requests
    assert by_name["agreement"].cost == pytest.approx(42 * by_name["agreement"].requests * 2e-6)
    assert by_name["away"].requests == 0 and by_name["away"].cost == 0
    assert by_name["rubric"].unreadable > 0, "a grade that cannot be read is kept by default, and counted"
    assert [entry.asked for entry in result.checks][1:] == [entry.kept for entry in result.checks][:-1]


@pytest.mark.parametrize("trial", trials(2, 8))
def test_any_speed_any_crash_same_bytes(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], trial: int
) -> None:
    path = tmp_path / "journal.jsonl"
    state, _ = run_with_crashes(path, checking, TASKS, trial, checked_recipe(*ALL), 200)
    assert outcome(state) == outcome(straight[0])
    assert state.checked == straight[0].checked
    read = read_state(path)
    assert read is not None and read.checked == straight[0].checked
    assert exported(path, read) == straight[1]
    assert len(keys(path)) == len(set(keys(path)))
    assert found(path).disagreements == []


@pytest.mark.parametrize("cut", range(1, len(ALL)))
def test_killed_between_two_checks_of_a_task(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], cut: int
) -> None:
    """The journal ends right after `cut` checks of some task: going on asks nothing that it holds."""
    lines = straight[2].read_bytes().splitlines(keepends=True)
    where = [n for n, event in enumerate(e for _, e in read_events(straight[2])) if isinstance(event, InstancesChecked)]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines[: where[4 * 12 + cut - 1] + 1]))
    before = read_state(path)
    assert before is not None and before.checks_done == 12 and len(before.checked) == 13
    engine = ScriptedEngine(checking)
    state = run_to(path, engine, TASKS)
    assert len(keys(path)) == len(set(keys(path))) == len(keys(straight[2]))
    assert state.checked == straight[0].checked
    assert found(path).disagreements == []


def test_a_finished_run_asks_nothing(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(straight[2].read_bytes())
    silent = ScriptedEngine(checking)
    run_to(path, silent, TASKS)
    assert silent.asked == []
    assert path.read_bytes() == straight[2].read_bytes()


def test_without_checks_nothing_changes(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, ScriptedEngine(answer), TASKS)
    assert outcome(state) == outcome(straight[0])
    assert not events(path, InstancesChecked)
    assert b'"checks"' not in path.read_bytes()
    assert all(state.passed_instances(task.name) == state.completed[task.name].instances for task in state.accepted)
    assert status_of(state, Prices()).checks == []


def refusing(bad: Callable[[Prompt], bool], calls: list[Prompt] | None = None) -> Callable[[Prompt], Reply]:
    def some(prompt: Prompt) -> Reply:
        if calls is not None:
            calls.append(prompt)
        if bad(prompt):
            raise RequestRejectedError(400, "content policy")
        return checking(prompt)

    return some


def is_bad(prompt: Prompt) -> bool:
    return prompt.step.startswith("check") and prompt.sample % 11 == 0


def test_a_question_that_failed_for_good_holds_its_instance_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(refusing(is_bad)), 16), TASKS, checked_recipe(*ALL))
    failed = [entry for decided in state.checked.values() for entry in decided if entry.failed]
    assert failed
    assert state.failures == len(failed) == status_of(state, Prices()).failed
    for entry in failed:
        undecided = set(range(len(state.completed[entry.task].instances))) - {v.instance for v in entry.verdicts}
        standing = state.passed_instances(entry.task)
        assert undecided and not {state.completed[entry.task].instances[n] for n in undecided} & set(standing)
    assert sum(check.undecided for check in status_of(state, Prices()).checks)
    assert found(path).disagreements == []
    silent = ScriptedEngine(refusing(is_bad))
    run_to(path, silent, TASKS)
    assert silent.asked == []  # it is not asked again unasked for


def retried(path: Path, engine: Engine) -> State:
    async def main() -> State:
        state, journal = open_journal(path)
        try:
            await generate(ActiveRun(state, journal, engine, retry_failed=True), TASKS, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_retry_failed_asks_those_only_and_ends_as_if_nothing_had_failed(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]
) -> None:
    path = tmp_path / "journal.jsonl"
    before = run_to(path, throttled(ScriptedEngine(refusing(is_bad)), 16), TASKS, checked_recipe(*ALL))
    answered, unread = set(keys(path)), unread_keys(before)
    engine = ScriptedEngine(checking)
    state = retried(path, engine)
    assert any(prompt.step.startswith("check") for prompt in engine.asked)
    assert sum(not prompt.step.startswith("check") for prompt in engine.asked) == len(unread)
    assert {key for key, count in Counter(keys(path)).items() if count > 1} == unread
    assert answered < set(keys(path))
    assert state.checked == straight[0].checked
    assert state.failures == 0
    assert exported(path, state) == straight[1]
    assert found(path).disagreements == []


def test_retry_that_fails_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = run_to(path, ScriptedEngine(refusing(is_bad)), TASKS, checked_recipe(*ALL))
    state = retried(path, ScriptedEngine(refusing(is_bad)))
    assert state.checked == before.checked
    assert state.failures == before.failures


def test_a_retried_annotation_is_checked_too(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    without = run_to(
        path,
        ScriptedEngine(refusing(lambda p: p.step == "instances" and p.sample % 5 == 0)),
        TASKS,
        checked_recipe(*ALL),
    )
    failed = [task for task in without.accepted if without.completed[task.name].failed]
    assert failed
    state = retried(path, throttled(ScriptedEngine(checking), 9))
    assert state.checked == straight[0].checked
    assert exported(path, state) == straight[1]
    assert found(path).disagreements == []


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_in_the_middle_of_a_retry(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], step: int
) -> None:
    """The retried checks of a task are written one by one; a kill between two of them leaves work, and no question twice."""
    path = tmp_path / "journal.jsonl"
    unread = unread_keys(run_to(path, ScriptedEngine(refusing(is_bad)), TASKS, checked_recipe(*ALL)))
    size = len(path.read_bytes().splitlines())
    retried(path, ScriptedEngine(checking))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > size + 20
    for end in range(size, len(lines), step):
        path.write_bytes(b"".join(lines[:end]))
        state = retried(path, ScriptedEngine(checking))
        assert state.checked == straight[0].checked, end
        assert {key for key, count in Counter(keys(path)).items() if count > 1} <= unread, end


def test_budget_in_the_middle(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    """Out of money while checking: everything stands, a higher cap goes on to the same end."""
    path = tmp_path / "journal.jsonl"
    whole = len(keys(straight[2]))
    for cap in (whole // 2, whole * 3 // 4):
        before = read_state(path) if path.exists() else None
        spent = BudgetAmount(sum(used.requests for used in before.usage.values())) if before else BudgetAmount()
        engine = BudgetedEngine(ScriptedEngine(checking), Budget(BudgetLimits(requests=cap), Prices(), spent))
        with pytest.raises(RunStoppedError, match="budget is used up"):
            run_to(path, throttled(engine, 8), TASKS, checked_recipe(*ALL))
        assert len(keys(path)) == cap
        partial = read_state(path)
        assert partial is not None
        assert [row.instance for row in training_rows(partial)] == [
            instance
            for task in partial.accepted[: partial.checks_done]
            for instance in partial.passed_instances(task.name)
        ]
    state = run_to(path, ScriptedEngine(checking), TASKS)
    assert state.checked == straight[0].checked
    assert len(keys(path)) == len(set(keys(path)))


CORRUPTIONS: dict[str, Callable[[InstancesChecked], InstancesChecked]] = {
    "a refused one kept": lambda e: replace(e, verdicts=tuple(replace(v, rule=None) for v in e.verdicts)),
    "a score": lambda e: replace(e, verdicts=tuple(replace(v, score=0.123) for v in e.verdicts)),
    "a rule": lambda e: replace(e, verdicts=tuple(replace(v, rule="other") for v in e.verdicts)),
    "a verdict less": lambda e: replace(e, verdicts=e.verdicts[:-1]),
    "marked failed": lambda e: replace(e, failed=True),
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
@pytest.mark.parametrize("check", [check.name for check in ALL])
def test_verify_reports_a_changed_verdict(
    tmp_path: Path,
    straight: tuple[State, dict[str, bytes], Path],
    corrupt: Callable[[InstancesChecked], InstancesChecked],
    check: str,
) -> None:
    import orjson

    from bootstruct.journal.codec import to_json

    result = [event for _, event in read_events(straight[2])]
    place = next(
        n for n, e in enumerate(result)
        if isinstance(e, InstancesChecked) and e.check == check and e.verdicts and not all(v.kept for v in e.verdicts)
    )  # fmt: skip
    damaged = result[place]
    assert isinstance(damaged, InstancesChecked)
    result[place] = corrupt(damaged)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in result))
    assert found(path).disagreements


def test_verify_reports_another_question(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    for old, new in (
        (b'"key":"check/', b'"key":"check/9'),
        (b"/agreement/0/0", b"/agreement/0/7"),
        (b"/rubric/0/0", b"/nobody/0/0"),
    ):
        path.write_bytes(sealed(straight[2].read_bytes().replace(old, new, 1)))
        assert path.read_bytes() != straight[2].read_bytes()
        assert found(path).disagreements
