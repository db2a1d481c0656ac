"""Checks of instances beside other things: added later, extended, all refused, in disorder, previewed."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.domain import Checkmark, Prompt, Reply
from bootstruct.drive import Run
from bootstruct.engines import Engine
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import BadJournal
from bootstruct.events import Annotated, Checked, Started, State, apply, begin
from bootstruct.export import rows
from bootstruct.pipeline import generate
from bootstruct.recipe import Check, Recipe
from bootstruct.settings import Prices
from bootstruct.status import status_of
from tests.checked_runs import (
    AGREEMENT,
    ALL,
    BACK,
    RUBRIC,
    TASKS,
    checked_recipe,
    checking,
    throttled,
)
from tests.scripts import SEEDS, answer, open_journal, outcome, run_to
from tests.test_replay import exported


def test_extended_is_as_made_at_once(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts" / "journal.jsonl", tmp_path / "whole" / "journal.jsonl"
    parts.parent.mkdir(), whole.parent.mkdir()
    run_to(parts, throttled(Scripted(checking), 5), 10, checked_recipe(*ALL))
    extended = run_to(parts, throttled(Scripted(checking), 64), 40)
    at_once = run_to(whole, Scripted(checking), 40, checked_recipe(*ALL))
    assert extended.checked == at_once.checked
    assert exported(parts, extended) == exported(whole, at_once)


def reused(path: Path, old: Path, chosen: Recipe, engine: Engine, tasks: int = TASKS) -> State:
    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(Run(state, journal, engine, Recorded(old)), tasks, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_checks_are_added_to_a_finished_run_for_the_price_of_the_checks(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    plain = run_to(old, Scripted(answer), TASKS)
    engine = Scripted(checking)
    state = reused(new, old, checked_recipe(AGREEMENT, RUBRIC), engine)
    assert engine.asked
    assert {prompt.step for prompt in engine.asked} == {"check agreement", "check rubric"}
    assert outcome(state) == outcome(plain)
    more = Scripted(checking)  # and one check more on top of that
    last = reused(tmp_path / "last.jsonl", new, checked_recipe(AGREEMENT, RUBRIC, BACK), more)
    assert {prompt.step for prompt in more.asked} == {"check back"}
    assert [each[:2] for each in last.checked.values()] == list(state.checked.values())


def test_all_instances_refused(tmp_path: Path) -> None:
    strict = replace(AGREEMENT, at_least=1.0)
    state = run_to(tmp_path / "journal.jsonl", Scripted(lambda p: answer(p) if p.step[:5] != "check" else "!?"), TASKS,
                   checked_recipe(strict, RUBRIC))  # fmt: skip
    assert sum(len(each.instances) for each in state.annotated.values())
    assert list(rows(state)) == []
    told = status_of(state, Prices())
    assert told.standing == 0
    assert told.checks[1].asked == told.checks[1].requests == 0


def test_checks_run_beside_the_other_streams(tmp_path: Path) -> None:
    order: list[str] = []

    def note(prompt: Prompt) -> Reply:
        order.append(prompt.step)
        return checking(prompt)

    def slow(prompt: Prompt) -> float:
        return 0.2 if prompt.step == "kind" and prompt.sample % 4 == 0 else 0.0

    run_to(tmp_path / "journal.jsonl", Scripted(note, slow), TASKS, checked_recipe(RUBRIC))
    first = order.index("check rubric")
    assert "instances" in order[first:], "no check was asked before the last annotation"


def small_state(*checks: Check) -> State:
    state = begin(Started(checked_recipe(*checks), SEEDS))
    from bootstruct.domain import Instance, Verdict
    from bootstruct.events import Proposed

    apply(state, Proposed(0, (), (Verdict("One task of some kind"), Verdict("Another task of its kind"))))
    apply(state, Annotated("0.0", False, (Instance("a", "b"), Instance("c", "d"))))
    return state


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (Checked("0.1", "rubric", ()), "out of order"),  # not annotated yet
        (Checked("9.9", "rubric", ()), "out of order"),
        (Checked("0.0", "back", ()), "out of order"),
        (Checked("0.0", "strange", ()), "does not have"),
        (Checked("0.0", "rubric", (Checkmark(2),)), "an instance that it does not have"),
    ],
)
def test_disorder_in_a_journal_is_told(event: Checked, fault: str) -> None:
    with pytest.raises(BadJournal, match=fault):
        apply(small_state(RUBRIC, BACK), event)


def test_a_preview_asks_one_question_of_each_check_and_counts_all(tmp_path: Path) -> None:
    from bootstruct.plan import init_run
    from bootstruct.preview import estimate, preview
    from bootstruct.runs import read_plan

    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    plain = read_plan(folder)[0]
    path = folder / "recipe.yaml"
    path.write_text(
        path.read_text() + "\nchecks: [{kind: agreement, samples: 3}, {kind: rubric}, {kind: decontamination}]\n"
    )
    engine = Scripted(checking)
    told = asyncio.run(preview(folder, engine, 2))
    asked = [prompt.step for prompt in engine.asked]
    assert 0 < asked.count("check agreement") == asked.count("check rubric") <= told.annotated
    recipe = read_plan(folder)[0]
    with_checks, without = (estimate(told, each, Prices({"davinci-002": (2.0, 2.0)}), 600) for each in (recipe, plain))
    expected = 4 * 600 * told.instances / told.annotated
    assert with_checks.calls - without.calls == pytest.approx(expected, abs=2)
    assert with_checks.cost is not None and without.cost is not None
    assert with_checks.cost > without.cost
