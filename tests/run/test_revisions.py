"""Rounds: tasks that the solvers reject are revised by later requests, in an order that depends on what was committed alone."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Ask, Check, Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.errors import InputError, RequestRejectedError, RunStoppedError
from bootstruct.history.verify import verify
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import CandidatesJudged, InstancesChecked
from bootstruct.journal.file import read_events, read_state
from bootstruct.journal.state import State
from bootstruct.novelty.rouge import rouge_l
from bootstruct.pipeline import generate
from bootstruct.run.goal import Goal
from bootstruct.run.pacing import Pacer
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.run.task_provenance import proposed_by
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Prompt, Reply, Sampling
from tests.config.test_recipe_checks import with_checks
from tests.support.checked_runs import keys, throttled
from tests.support.crashes import exported, run_with_crashes
from tests.support.gap_runs import GAP, gap_recipe, solving
from tests.support.marks import trials
from tests.support.scripts import open_journal, outcome, run_to, with_lag

TASKS = 50
MARK = "Revise"
REVISE = Ask(
    MARK + " {{ instruction }}\n{% for one in instances %}{{ one.verdict }} {{ one.weak }}<{{ one.strong }} "
    "{{ one.weak_answer }}|{{ one.strong_answer }}\n{% endfor %}{{ round }}/{{ rounds }}\n1. {{ instruction }}\n2.",
    Sampling(0.7, stop=("\n3.",)),
)
ROUNDS = replace(GAP, rounds=2, revise=REVISE)
RECIPE = with_lag(gap_recipe(ROUNDS), least=2)


def revising(prompt: Prompt) -> Reply:
    """Of five revisions, two change a word, one nothing, one all of it, and one cannot be read."""
    if not prompt.text.startswith(MARK):
        return solving(prompt)
    words, n = prompt.text.split("\n")[0].removeprefix(f"{MARK} ").split(), prompt.sample
    text = " ".join((*words[:-1], str(n % 9999)) if n % 5 < 2 else words)
    text = f"Count all {n} and {n % 97} again, {words[2]}" if n % 5 == 3 else text
    return Reply("" if n % 5 == 4 else f" {text}", "stop", 30, 9, prompt.model)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path]:
    """One request at a time."""
    path = tmp_path_factory.mktemp("rounds") / "journal.jsonl"
    return run_to(path, throttled(ScriptedEngine(revising), 1), TASKS, RECIPE), path


def judged(path: Path) -> list[CandidatesJudged]:
    return [event for _, event in read_events(path) if isinstance(event, CandidatesJudged)]


def test_a_revision_shows_the_verdict_and_goes_through_everything_again(straight: tuple[State, Path]) -> None:
    state, path = straight
    texts = {task.name: task.text for task in state.accepted}
    revisions = [event for event in judged(path) if event.revises]
    assert len(revisions) > 5
    generations, rules = Counter[int](), Counter[str | None]()
    for event in revisions:
        parent = event.revises
        assert event.shown == (parent,)
        prompt, shown = propose_prompt(state, event.index)
        assert shown == (parent,)
        assert proposed_by(state, path, f"{event.index}.0").prompt == prompt.text
        (checked,) = state.checked[parent]
        assert not checked.kept
        told = prompt.text.split("\n")
        for line, verdict in zip(told[1:], [v for v in checked.verdicts if v.scores], strict=False):
            weak, strong = verdict.scores
            assert line.startswith(f"{verdict.rule} {round(100 * weak)}<{round(100 * strong)} {verdict.answers[0]}|")
        generations[sum(1 for _ in state.ancestors(parent))] += 1
        for number, candidate in enumerate(event.verdicts):
            rules[candidate.rule] += 1
            if candidate.kept:
                assert candidate.text != texts[parent]
                assert f"{event.index}.{number}" in state.completed
                assert f"{event.index}.{number}" in state.checked
            elif candidate.rule == "too similar":
                assert candidate.text == texts[parent] or candidate.neighbour not in [*state.ancestors(parent)]
    assert generations[1] and generations[2] and set(generations) == {1, 2}  # `rounds: 2`
    assert rules[None] and rules["too similar"]
    near = [(event, v) for event in revisions for v in event.verdicts if v.kept]
    assert any(rouge_l(texts[event.revises], v.text) > 0.7 for event, v in near), "a revision may be like its parent"


def test_each_rejected_task_is_revised_once_and_nothing_else_is(straight: tuple[State, Path]) -> None:
    state, path = straight
    parents = [event.revises for event in judged(path) if event.revises]
    assert len(parents) == len(set(parents))
    places = {task.name: place for place, task in enumerate(state.accepted)}
    assert [places[name] for name in parents] == sorted(places[name] for name in parents)
    for event in judged(path):
        visible = state.recipe.propose.lag.of(event.index)
        if event.revises:  # the task was there when the request was drawn
            assert int(event.revises.partition(".")[0]) <= event.index - visible
    for name in parents:
        assert state.passed_instances(name) == ()
    for task in state.accepted:
        (checked,) = state.checked[task.name]
        rejected = any(v.scores and not v.kept for v in checked.verdicts) and not checked.kept
        waits = places[task.name] in state.to_revise
        is_last = sum(1 for _ in state.ancestors(task.name)) == 3
        assert (task.name in parents or waits) == (rejected and not is_last)


@pytest.mark.parametrize("trial", trials(2, 40))
def test_any_speed_any_crash_same_bytes(tmp_path: Path, straight: tuple[State, Path], trial: int) -> None:
    path = tmp_path / "journal.jsonl"
    state, _ = run_with_crashes(path, revising, TASKS, trial, RECIPE, 200)
    assert outcome(state) == outcome(straight[0])
    assert (state.checked, state.revises) == (straight[0].checked, straight[0].revises)
    read = read_state(path)
    assert read is not None and exported(path, read) == exported(straight[1], straight[0])
    assert len(keys(path)) == len(set(keys(path)))
    assert verify(path).disagreements == []


def test_sixty_four_at_once(tmp_path: Path, straight: tuple[State, Path]) -> None:
    rng, path = random.Random(5), tmp_path / "journal.jsonl"
    engine = ScriptedEngine(revising, delay=lambda prompt: rng.random() * 0.002)
    state = run_to(path, throttled(engine, 64), TASKS, RECIPE)
    assert (outcome(state), state.checked) == (outcome(straight[0]), straight[0].checked)
    assert exported(path, state) == exported(straight[1], straight[0])
    assert verify(path).disagreements == []


def test_an_extended_run_equals_one_made_at_once(tmp_path: Path, straight: tuple[State, Path]) -> None:
    path = tmp_path / "journal.jsonl"
    run_to(path, throttled(ScriptedEngine(revising), 7), 20, RECIPE)
    state = run_to(path, throttled(ScriptedEngine(revising), 32), TASKS)
    assert (outcome(state), state.checked) == (outcome(straight[0]), straight[0].checked)


def test_instances_that_pass_are_the_goal(tmp_path: Path) -> None:
    async def main() -> State:
        state, journal = open_journal(tmp_path / "journal.jsonl", RECIPE)
        try:
            await generate(ActiveRun(state, journal, ScriptedEngine(revising)), Goal(instances=30), None)
        finally:
            journal.close()
        return state

    state = asyncio.run(main())
    assert sum(len(state.passed_instances(task.name)) for task in state.accepted) >= 30


CORRUPTIONS: dict[str, Any] = {
    "another parent": lambda e: replace(e, revises="0.0"),
    "no revision": lambda e: replace(e, revises=""),
    "shown": lambda e: replace(e, shown=("0.0",)),
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_verify_reports_another_order(tmp_path: Path, straight: tuple[State, Path], corrupt: Any) -> None:
    events = [event for _, event in read_events(straight[1])]
    place, found = [(n, e) for n, e in enumerate(events) if isinstance(e, CandidatesJudged) and e.revises][3]
    events[place] = corrupt(found)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    assert verify(path).disagreements


def test_verify_reports_changed_answers(tmp_path: Path, straight: tuple[State, Path]) -> None:
    events = [event for _, event in read_events(straight[1])]
    place, found = next(
        (n, e) for n, e in enumerate(events) if isinstance(e, InstancesChecked) and any(v.answers for v in e.verdicts)
    )
    verdicts = tuple(replace(v, answers=("x", "y")) if v.answers else v for v in found.verdicts)
    events[place] = replace(found, verdicts=verdicts)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    assert verify(path).disagreements


def test_failed_requests_are_no_reason_to_revise_and_retrying_them_changes_no_order(tmp_path: Path) -> None:
    def refusing(prompt: Prompt) -> Reply:
        if prompt.step.startswith("check") and prompt.sample % 17 == 0:
            raise RequestRejectedError(400, "content policy")
        return revising(prompt)

    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(refusing), 16), TASKS, RECIPE)
    failed = {task for task, (checked,) in state.checked.items() if checked.failed}
    before = dict(state.revises), list(state.to_revise), list(state.accepted)
    assert failed and not failed & set(state.revises.values())

    async def retry() -> State:
        state, journal = open_journal(path)
        try:
            await generate(ActiveRun(state, journal, ScriptedEngine(revising), retry_failed=True), TASKS, None)
        finally:
            journal.close()
        return state

    after = asyncio.run(retry())
    assert (after.revises, after.to_revise, after.accepted) == before
    assert verify(path).disagreements == []
    longer = run_to(
        path, throttled(ScriptedEngine(revising), 16), TASKS + 20
    )  # replies in flight still fit their prompts
    assert len(longer.accepted) >= TASKS + 20
    assert verify(path).disagreements == []


def test_budget_in_the_middle(tmp_path: Path, straight: tuple[State, Path]) -> None:
    path, whole = tmp_path / "journal.jsonl", len(keys(straight[1]))

    def session(cap: int) -> State:
        async def main() -> State:
            state, journal = open_journal(path, RECIPE)
            used = sum(used.requests for used in state.usage.values())
            budget = Budget(BudgetLimits(requests=cap), Prices(), BudgetAmount(used))
            engine = throttled(BudgetedEngine(ScriptedEngine(revising), budget), 8)
            try:
                await generate(ActiveRun(state, journal, engine, pacer=Pacer(state, budget)), TASKS, None)
            finally:
                journal.close()
            return state

        return asyncio.run(main())

    for cap in (whole // 3, whole * 3 // 4):
        with pytest.raises(RunStoppedError, match="budget is used up"):
            session(cap)
        partial = read_state(path)
        assert partial is not None and len(keys(path)) <= cap
        unfinished = len(partial.accepted) - partial.checks_done
        assert unfinished <= max(4, 0.06 * len(partial.accepted)), "what was begun was paid for to its end"
    assert outcome(session(10**6)) == outcome(straight[0])


def again(path: Path, old: Path, chosen: Recipe, tasks: int) -> list[Prompt]:
    engine = ScriptedEngine(revising)

    async def main() -> None:
        state, journal = open_journal(path, chosen)
        try:
            await generate(ActiveRun(state, journal, engine, RecordedEngine(old)), tasks, None)
        finally:
            journal.close()

    asyncio.run(main())
    return engine.asked


def test_the_same_recipe_again_costs_nothing(tmp_path: Path, straight: tuple[State, Path]) -> None:
    asked = again(tmp_path / "journal.jsonl", straight[1], RECIPE, TASKS)
    assert {prompt.step for prompt in asked} <= {"propose"} and len(asked) <= 64


def test_status_counts_revisions(straight: tuple[State, Path]) -> None:
    state, path = straight
    status = status_of(state, Prices())
    revisions = [event for event in judged(path) if event.revises]
    assert status.revised["requests"] == len(revisions)
    assert status.revised["accepted"] == sum(verdict.kept for event in revisions for verdict in event.verdicts)
    assert 0 < status.revised["passed"] <= status.revised["accepted"]
    assert status_of(run_state_without(), Prices()).revised == {}


def run_state_without() -> State:
    from bootstruct.journal.events import RunStarted
    from bootstruct.journal.state import begin
    from tests.support.scripts import SEEDS

    return begin(RunStarted(gap_recipe(GAP), SEEDS))


@pytest.mark.parametrize("name", ["paper", "chat", "cot", "alpaca", "evol", "pocket"])
def test_a_number_is_enough(tmp_path: Path, name: str) -> None:
    check = {"kind": "solver-gap", "weak": {"model": "small"}, "rounds": 2}
    chosen = with_checks(tmp_path, check, name=name)
    (gap,) = chosen.checks
    assert gap.revise is not None and chosen.revising is gap
    assert chosen.api_of(gap.revise) == chosen.api_of(chosen.propose.ask)
    assert (gap.revise.reply, gap.revise.model) == (chosen.propose.ask.reply, chosen.propose.ask.model)
    dry_run(chosen)
    assert from_mapping(json.loads(json.dumps(to_mapping(chosen))), "x") == chosen


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rounds": -1}, "rounds: must be between 0 and 100"),
        ({"rounds": 1, "revise": {"api": "chat"}}, r"needs the same `reply` and `api` as propose\.ask"),
        ({"revise": {"prompt": "x", "sampling": {}}}, "revise: needs `rounds`"),
        ({"rounds": 1, "revise": {"prompt": "{{ what }}"}}, "what"),
        ({"kind": "rubric", "weak": None, "rounds": 1}, "rounds: needs `kind: solver-gap`"),
    ],
)
def test_faults_are_told(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    check = {"kind": "solver-gap", "weak": {"model": "small"}} | values
    with pytest.raises(InputError, match=message):
        dry_run(with_checks(tmp_path, {name: value for name, value in check.items() if value is not None}))


def test_a_request_about_a_passage_revises_nothing() -> None:
    from bootstruct.config.recipe import Documents

    mapping = json.loads(json.dumps(to_mapping(replace(RECIPE, documents=Documents(REVISE, REVISE)))))
    with pytest.raises(InputError, match="documents: cannot be used with `rounds`"):
        from_mapping(mapping, "recipe.yaml")


def test_only_one_check_has_rounds(tmp_path: Path) -> None:
    check = {"kind": "solver-gap", "weak": {"model": "small"}, "rounds": 1}
    with pytest.raises(InputError, match="another check has rounds"):
        with_checks(tmp_path, check, check | {"name": "other"})


def test_without_rounds_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(solving), 8), 20, gap_recipe(GAP))
    assert not (state.revises or state.to_revise)
    text = path.read_text()
    assert '"revises"' not in text and '"answers"' not in text and '"rounds"' not in text
    assert isinstance(GAP, Check)


def folder_of(path: Path, chosen: Recipe, state: State) -> Path:
    """A run folder with this recipe and the run's seeds, which has not begun."""
    import yaml

    from bootstruct.journal.codec import seed_to_json
    from bootstruct.run.init import init_run

    init_run(path, "paper", None, None, None, (), False)
    (path / "seeds.jsonl").write_text("".join(json.dumps(seed_to_json(seed)) + "\n" for seed in state.seeds))
    (path / "recipe.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(to_mapping(chosen)))))
    return path


def finish_from(folder: Path, old: Path, answer: Any) -> tuple[State, list[Prompt]]:
    """Complete and check what the folder's journal holds, without growing."""
    from bootstruct.run.folder import open_run

    state, journal = open_run(folder)
    engine = ScriptedEngine(answer)

    async def main() -> None:
        await generate(ActiveRun(state, journal, engine, RecordedEngine(old)), Goal(grows=False))
        journal.close()

    asyncio.run(main())
    return state, engine.asked


def test_other_thresholds_for_nothing_by_rejudging(tmp_path: Path, straight: tuple[State, Path]) -> None:
    """The requests of the old run stay, with its revisions; what they brought is judged by other thresholds."""
    from bootstruct.history.rejudge import rejudge

    old, path = straight
    check = replace(ROUNDS, weak_below=0.3, gap=0.6)
    folder = folder_of(tmp_path / "new", replace(RECIPE, checks=(check,)), old)
    rejudge(folder, path.parent)
    state, asked = finish_from(folder, path, revising)
    assert asked == []
    assert (state.accepted, state.revises) == (old.accepted, old.revises)
    assert state.checked.keys() == old.checked.keys() and state.checked != old.checked
    assert verify(folder / "journal.jsonl").disagreements == []
    longer = run_to(folder / "journal.jsonl", throttled(ScriptedEngine(revising), 8), TASKS + 15)
    assert len(longer.revises) > len(old.revises)
    assert len(set(longer.revises.values())) == len(longer.revises)
    assert verify(folder / "journal.jsonl").disagreements == []


def test_outputs_of_such_a_run_can_be_rewritten(tmp_path: Path, straight: tuple[State, Path]) -> None:
    from bootstruct.history.rewrite import rewrite_outputs

    folder = tmp_path / "better"
    rewrite_outputs(folder, straight[1].parent, "better")
    state, asked = finish_from(
        folder, straight[1], lambda prompt: Reply(f"A better answer {prompt.sample}", "stop", 9, 9, "better")
    )
    assert {prompt.stage for prompt in asked} == {"rewrite"}
    assert [task.text for task in state.accepted] == [task.text for task in straight[0].accepted]
    assert verify(folder / "journal.jsonl").disagreements == []


def test_a_preview_says_what_revisions_may_cost(tmp_path: Path, straight: tuple[State, Path]) -> None:
    from bootstruct.history.estimate import estimate
    from bootstruct.history.preview import preview

    folder = folder_of(tmp_path / "run", RECIPE, straight[0])
    made = asyncio.run(preview(folder, 2, 300, engine=ScriptedEngine(revising)))
    found = estimate(made, RECIPE, Prices(), 300)
    without = estimate(made, replace(RECIPE, checks=(GAP,)), Prices(), 300)
    assert without.revisions is None and found.revisions is not None
    assert found.requests == without.requests
    per_request = made.accepted / 2  # of 300 tasks, 200 are revisions if every task uses both of its rounds
    assert found.revisions == pytest.approx(200 * (4 / per_request) - 200 / per_request, abs=1)
    assert found.revision_tokens is not None and found.revision_tokens > 0


@pytest.mark.parametrize("name", ["99.0", "0.77", "x", "", "9" * 5000 + ".0"])
def test_a_journal_that_revises_what_is_not_there_is_refused(straight: tuple[State, Path], name: str) -> None:
    from bootstruct.errors import JournalError
    from bootstruct.journal.state import apply, begin

    events = [event for _, event in read_events(straight[1])]
    state = begin(events[0])
    first = next(event for event in events if isinstance(event, CandidatesJudged))
    apply(state, first)
    event = CandidatesJudged(1, (), (), revises=name)
    assert list(state.ancestors(name)) == ([name] if name else [])
    if not name:
        apply(state, event)
        return
    with pytest.raises(JournalError, match="which is not accepted"):
        apply(state, event)


@pytest.mark.parametrize(
    "part",
    [{"scores": [0.1]}, {"scores": [0.1, 2]}, {"scores": "ab"}, {"answers": ["a"]}, {"answers": [1, 2]}],
    ids=str,
)
def test_a_verdict_that_is_none_is_refused(part: dict[str, Any]) -> None:
    from bootstruct.errors import JournalError
    from bootstruct.journal.codec import from_json

    row = {"event": "checked", "task": "0.0", "check": "gap", "verdicts": [{"instance": 0} | part]}
    with pytest.raises(JournalError, match="not an event"):
        from_json(row)
