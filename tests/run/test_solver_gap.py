"""Runs with a weak and a strong solver: the same bytes at any speed and after kills, verified, judged again, in budgets."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Check, Recipe
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.errors import InputError, RequestRejectedError, RunStoppedError
from bootstruct.history.estimate import estimate
from bootstruct.history.preview import preview
from bootstruct.history.verify import verify
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.file import read_events, read_state
from bootstruct.journal.keys import AGAIN
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.folder import read_plan
from bootstruct.run.init import init_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.types import Prompt, Reply
from tests.support.checked_runs import AGREEMENT, keys, throttled
from tests.support.crashes import exported, run_with_crashes
from tests.support.gap_runs import GAP, JUDGED, gap_recipe, solving
from tests.support.marks import trials
from tests.support.scripts import open_journal, outcome, run_to

TASKS = 30
BY_JUDGE = replace(AGREEMENT, measure="judge", judge=JUDGED.judge)
CHECKS = {"numbers": GAP, "judge": JUDGED}


def rules_of(state: State) -> Counter[str | None]:
    return Counter(verdict.rule for (checked,) in state.checked.values() for verdict in checked.verdicts)


@pytest.fixture(scope="module", params=CHECKS)
def straight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path, Recipe]:
    """One request at a time."""
    path, chosen = tmp_path_factory.mktemp("gap") / "journal.jsonl", gap_recipe(CHECKS[request.param])
    return run_to(path, throttled(ScriptedEngine(solving), 1), TASKS, chosen), path, chosen


def test_every_verdict_occurs_and_is_derived_again(straight: tuple[State, Path, Recipe]) -> None:
    state, path, _ = straight
    rules = rules_of(state)
    assert all(rules[rule] for rule in (None, "too hard", "too easy")), rules
    assert verify(path).disagreements == []
    assert not [key for key in state.replies if key.startswith("check/")]


@pytest.mark.parametrize("trial", trials(2, 30))
def test_any_speed_any_crash_same_bytes(tmp_path: Path, straight: tuple[State, Path, Recipe], trial: int) -> None:
    path, (first, journal, chosen) = tmp_path / "journal.jsonl", straight
    state, _ = run_with_crashes(path, solving, TASKS, trial, chosen, 200)
    assert outcome(state) == outcome(first)
    assert state.checked == first.checked
    read = read_state(path)
    assert read is not None and exported(path, read) == exported(journal, first)
    assert len(keys(path)) == len(set(keys(path)))
    assert [key for key in sorted(keys(path)) if key[:2] == "ch"] == [
        key for key in sorted(keys(journal)) if key[:2] == "ch"
    ]
    assert verify(path).disagreements == []


def test_sixty_four_at_once(tmp_path: Path, straight: tuple[State, Path, Recipe]) -> None:
    rng, path, (first, journal, chosen) = random.Random(3), tmp_path / "journal.jsonl", straight
    engine = ScriptedEngine(solving, delay=lambda prompt: rng.random() * 0.002)
    state = run_to(path, throttled(engine, 64), TASKS, chosen)
    assert (outcome(state), state.checked) == (outcome(first), first.checked)
    assert exported(path, state) == exported(journal, first)


@pytest.mark.parametrize(
    "values",
    [{"rule": None}, {"score": 0.123}, {"rule": "other"}, {"scores": (0.1, 0.2)}],
    ids=["kept", "score", "rule", "scores"],
)
def test_verify_reports_a_changed_verdict(
    tmp_path: Path, straight: tuple[State, Path, Recipe], values: dict[str, Any]
) -> None:
    events = [event for _, event in read_events(straight[1])]
    place, found = next(
        (n, e) for n, e in enumerate(events) if isinstance(e, InstancesChecked) and not all(v.kept for v in e.verdicts)
    )
    verdicts = tuple(replace(verdict, **values) for verdict in found.verdicts)
    events[place] = replace(found, verdicts=verdicts)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    (disagreement,) = verify(path).disagreements
    assert "check 'gap'" in disagreement


def again(path: Path, old: Path, chosen: Recipe) -> tuple[State, list[Prompt]]:
    """A new run with another recipe, in which the old run's replies are reused: its state, and what it asked."""
    engine = ScriptedEngine(solving)

    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(ActiveRun(state, journal, engine, RecordedEngine(old)), TASKS, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main()), engine.asked


@pytest.mark.parametrize(
    "values", [{"strong_at_least": 0.9}, {"weak_below": 0.2, "gap": 0.9}, {"measure": "exact", "judge": None}]
)
def test_judged_again_by_other_thresholds_for_nothing(
    tmp_path: Path, straight: tuple[State, Path, Recipe], values: dict[str, Any]
) -> None:
    old, path, chosen = straight
    other = replace(chosen, checks=(replace(chosen.checks[0], **values),))
    state, asked = again(tmp_path / "journal.jsonl", path, other)
    assert {prompt.step for prompt in asked} <= {"propose"}  # requests that were in flight when the goal was reached
    assert outcome(state) == outcome(old)
    assert rules_of(state) != rules_of(old)


def test_a_weaker_solver_costs_its_own_requests_only(tmp_path: Path, straight: tuple[State, Path, Recipe]) -> None:
    _, path, chosen = straight
    assert GAP.weak is not None
    weak = replace(GAP.weak, model="tiny")
    _, asked = again(tmp_path / "j.jsonl", path, replace(chosen, checks=(replace(chosen.checks[0], weak=weak),)))
    steps = {prompt.step.removesuffix(AGAIN) for prompt in asked}
    assert steps - {"propose"} <= {"check gap.weak", "check gap.judge"}
    assert sum(prompt.step == "check gap.weak" for prompt in asked) > 0


def test_status_counts_and_prices_every_solver(straight: tuple[State, Path, Recipe]) -> None:
    state, path, chosen = straight
    prices = {"davinci-002": (1.0, 1.0), "small": (1.0, 1.0), "large": (100.0, 100.0), "judge": (10.0, 10.0)}
    (found,) = status_of(state, Prices(prices)).checks
    asked = Counter(key.split("/")[2] for key in keys(path) if key.startswith("check/"))
    assert found.requests == asked.total()
    assert asked["gap.weak"] > 0 < asked["gap.strong"]
    assert bool(asked["gap.judge"]) == (chosen.checks[0].judge is not None)
    each = 25e-6 * (asked["gap.weak"] + 100 * asked["gap.strong"] + 10 * asked["gap.judge"])
    assert found.cost == pytest.approx(each)
    assert found.asked == found.kept + sum(found.rejected.values())


def test_a_cap_on_money_wants_the_price_of_every_solver(tmp_path: Path) -> None:
    import bootstruct as bs

    bs.init(tmp_path / "run", model="openai/gpt-4.1-mini", recipe="chat")
    recipe = tmp_path / "run" / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "\nchecks: [{kind: solver-gap, weak: {model: nobody-knows}}]\n")
    with pytest.raises(InputError, match="--max-cost: the price of 'nobody-knows' is not known"):
        bs.generate(tmp_path / "run", tasks=5, max_cost=1.0, engine=ScriptedEngine(solving))


def is_bad(prompt: Prompt) -> bool:
    return prompt.step.startswith("check") and prompt.sample % 13 == 0


def test_a_request_that_failed_for_good_holds_its_instance_back(
    tmp_path: Path, straight: tuple[State, Path, Recipe]
) -> None:
    def refusing(prompt: Prompt) -> Reply:
        if is_bad(prompt):
            raise RequestRejectedError(400, "content policy")
        return solving(prompt)

    path, chosen = tmp_path / "journal.jsonl", straight[2]
    state = run_to(path, throttled(ScriptedEngine(refusing), 16), TASKS, chosen)
    failed = [checked for (checked,) in state.checked.values() if checked.failed]
    assert failed and state.failures == len(failed)
    assert verify(path).disagreements == []

    async def retry() -> State:
        state, journal = open_journal(path)
        try:
            await generate(ActiveRun(state, journal, ScriptedEngine(solving), retry_failed=True), TASKS, None)
        finally:
            journal.close()
        return state

    assert asyncio.run(retry()).checked == straight[0].checked
    assert verify(path).disagreements == []


def test_budget_in_the_middle(tmp_path: Path, straight: tuple[State, Path, Recipe]) -> None:
    path, (first, journal, chosen) = tmp_path / "journal.jsonl", straight
    whole = len(keys(journal))
    for cap in (whole // 3, whole * 3 // 4):
        before = read_state(path) if path.exists() else None
        spent = BudgetAmount(sum(used.requests for used in before.usage.values())) if before else BudgetAmount()
        engine = BudgetedEngine(ScriptedEngine(solving), Budget(BudgetLimits(requests=cap), Prices(), spent))
        with pytest.raises(RunStoppedError, match="budget is used up"):
            run_to(path, throttled(engine, 8), TASKS, chosen)
        assert len(keys(path)) == cap
    assert run_to(path, ScriptedEngine(solving), TASKS).checked == first.checked


@pytest.mark.parametrize("check", [GAP, JUDGED, BY_JUDGE], ids=["gap", "gap by a judge", "agreement"])
def test_a_preview_asks_once_of_each_sort_and_counts_all(tmp_path: Path, check: Check) -> None:
    init_run(tmp_path / "run", "paper", "openai/m", None, None, (), False)
    import yaml

    from bootstruct.config.recipe import to_mapping

    mapping = orjson.loads(orjson.dumps(to_mapping(replace(read_plan(tmp_path / "run")[0], checks=(check,)))))
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(mapping))
    made = asyncio.run(preview(tmp_path / "run", 2, 100, engine=ScriptedEngine(solving)))
    steps = Counter(row.step for row in made.requests if row.step.startswith("check"))
    assert steps == {f"check {sort.name}": 2 for sort in check.all_requests}
    per_task = made.instances / made.completed
    planned = read_plan(tmp_path / "run")[0]
    with_checks = estimate(made, planned, Prices(), 100)
    without = estimate(made, replace(planned, checks=()), Prices(), 100)
    most = sum(sort.count for sort in check.all_requests)
    assert with_checks.requests - without.requests == 100 * per_task * most
