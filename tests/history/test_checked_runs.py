"""Checks of instances beside other things: added later, extended, all refused, in disorder, previewed."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Check, Recipe
from bootstruct.engines.base import Engine
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import JournalError
from bootstruct.export.rows import training_rows
from bootstruct.history.estimate import estimate
from bootstruct.history.preview import preview
from bootstruct.journal.events import InstancesChecked, RunStarted, TaskCompleted
from bootstruct.journal.keys import AGAIN
from bootstruct.journal.state import State, apply, begin
from bootstruct.pipeline import generate
from bootstruct.run.folder import read_plan
from bootstruct.run.init import init_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.types import CheckVerdict, Prompt, Reply
from tests.support import virtual_time
from tests.support.checked_runs import (
    AGREEMENT,
    ALL,
    BACK,
    RUBRIC,
    TASKS,
    checked_recipe,
    checking,
    fill_outputs,
    throttled,
)
from tests.support.crashes import exported
from tests.support.scripts import SEEDS, answer, finish, open_journal, outcome, run_to


@pytest.fixture(scope="module", autouse=True)
def outputs(tmp_path_factory: pytest.TempPathFactory) -> None:
    fill_outputs(tmp_path_factory.mktemp("plain"))


def test_an_extended_run_equals_one_made_at_once(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts" / "journal.jsonl", tmp_path / "whole" / "journal.jsonl"
    parts.parent.mkdir(), whole.parent.mkdir()
    run_to(parts, throttled(ScriptedEngine(checking), 5), 10, checked_recipe(*ALL))
    extended = run_to(parts, throttled(ScriptedEngine(checking), 64), 40)
    at_once = run_to(whole, ScriptedEngine(checking), 40, checked_recipe(*ALL))
    assert extended.checked == at_once.checked
    assert exported(parts, extended) == exported(whole, at_once)


def reused(path: Path, old: Path, chosen: Recipe, engine: Engine, tasks: int = TASKS) -> State:
    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(ActiveRun(state, journal, engine, RecordedEngine(old)), tasks, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_checks_are_added_to_a_finished_run_for_the_price_of_the_checks(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    plain = run_to(old, ScriptedEngine(answer), TASKS)
    engine = ScriptedEngine(checking)
    state = reused(new, old, checked_recipe(AGREEMENT, RUBRIC), engine)
    assert engine.asked
    assert {prompt.step for prompt in engine.asked} == {"check agreement", "check rubric"}
    assert outcome(state) == outcome(plain)
    more = ScriptedEngine(checking)  # and one check more on top of that
    last = reused(tmp_path / "last.jsonl", new, checked_recipe(AGREEMENT, RUBRIC, BACK), more)
    assert {prompt.step for prompt in more.asked} == {"check back"}
    assert [entry[:2] for entry in last.checked.values()] == list(state.checked.values())


def test_all_instances_rejected(tmp_path: Path) -> None:
    strict = replace(AGREEMENT, at_least=1.0)
    state = run_to(tmp_path / "journal.jsonl", ScriptedEngine(lambda p: answer(p) if p.step[:5] != "check" else "!?"), TASKS,
                   checked_recipe(strict, RUBRIC))  # fmt: skip
    assert sum(len(entry.instances) for entry in state.completed.values())
    assert list(training_rows(state)) == []
    result = status_of(state, Prices())
    assert result.passed_checks == 0
    assert result.checks[1].asked == result.checks[1].requests == 0


def test_checks_run_beside_the_other_streams(tmp_path: Path) -> None:
    order: list[str] = []

    def note(prompt: Prompt) -> Reply:
        order.append(prompt.step)
        return checking(prompt)

    kinds = itertools.count()

    def slow(prompt: Prompt) -> float:
        """The task types of the first ten tasks are there at once, those of the others after a while."""
        return 0.2 if prompt.step == "kind" and next(kinds) >= 10 else 0.0

    engine = ScriptedEngine(note, slow)
    virtual_time.run(finish(tmp_path / "journal.jsonl", engine, TASKS, checked_recipe(RUBRIC)))
    first = order.index("check rubric")
    assert "instances" in order[first:], "no check was asked before the last annotation"


def small_state(*checks: Check) -> State:
    state = begin(RunStarted(checked_recipe(*checks), SEEDS))
    from bootstruct.journal.events import CandidatesJudged
    from bootstruct.types import Instance, Verdict

    apply(state, CandidatesJudged(0, (), (Verdict("One task of some kind"), Verdict("Another task of its kind"))))
    apply(state, TaskCompleted("0.0", False, (Instance("a", "b"), Instance("c", "d"))))
    return state


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (InstancesChecked("0.1", "rubric", ()), "out of order"),  # not annotated yet
        (InstancesChecked("9.9", "rubric", ()), "out of order"),
        (InstancesChecked("0.0", "back", ()), "out of order"),
        (InstancesChecked("0.0", "strange", ()), "does not have"),
        (InstancesChecked("0.0", "rubric", (CheckVerdict(2),)), "an instance that it does not have"),
    ],
)
def test_disorder_in_a_journal_is_reported(event: InstancesChecked, fault: str) -> None:
    with pytest.raises(JournalError, match=fault):
        apply(small_state(RUBRIC, BACK), event)


def test_a_preview_makes_one_request_of_each_check_and_counts_all(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    plain = read_plan(folder)[0]
    path = folder / "recipe.yaml"
    path.write_text(
        path.read_text() + "\nchecks: [{kind: agreement, samples: 3}, {kind: rubric}, {kind: decontamination}]\n"
    )
    engine = ScriptedEngine(checking)
    result = asyncio.run(preview(folder, 2, engine=engine))
    asked = [prompt.step for prompt in engine.asked]
    assert 0 < asked.count("check agreement") == asked.count("check rubric") <= result.completed
    recipe = read_plan(folder)[0]
    with_checks, without = (
        estimate(result, entry, Prices({"davinci-002": (2.0, 2.0)}), 600) for entry in (recipe, plain)
    )
    expected = 4 * 600 * result.instances / result.completed
    assert with_checks.requests - without.requests == pytest.approx(expected, abs=2)
    assert with_checks.cost is not None and without.cost is not None
    assert with_checks.cost > without.cost


def test_the_checks_of_a_preview_ask_once_more_where_the_run_would(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    path = folder / "recipe.yaml"
    path.write_text(path.read_text() + "\nchecks: [{kind: rubric}]\n")

    def thinking(prompt: Prompt) -> Reply:
        if prompt.step == "check rubric":  # all of the first reply is thought
            return Reply("<think>Is it good? I wonder", "length", 90, 40, "scripted")
        return checking(replace(prompt, step=prompt.step.removesuffix(AGAIN)))

    engine = ScriptedEngine(thinking)
    result = asyncio.run(preview(folder, 2, engine=engine))
    asked = [prompt.step for prompt in engine.asked]
    assert 0 < asked.count("check rubric") == asked.count(f"check rubric{AGAIN}")
    assert [row.step for row in result.requests].count(f"check rubric{AGAIN}") == asked.count(f"check rubric{AGAIN}")
    assert estimate(result, read_plan(folder)[0], Prices({"davinci-002": (2.0, 2.0)}), 600).requests > 0
