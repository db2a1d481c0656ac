"""A budget buys finished tasks and decides only where a run ends; completing keeps up with growing."""

import asyncio
import random
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.draining import DrainingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import BudgetUsedUpError, InputError
from bootstruct.journal.cost import known_cost
from bootstruct.journal.events import CandidatesJudged, RunStarted
from bootstruct.journal.file import read_state
from bootstruct.journal.state import State, apply, begin
from bootstruct.journal.usage import Usage
from bootstruct.pipeline import generate
from bootstruct.run.goal import Goal, goal_notes, goal_of
from bootstruct.run.pacing import Pacer
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt, Reply, Verdict
from tests.support.crashes import Crash, fragile
from tests.support.journals import sealed
from tests.support.marks import trials
from tests.support.scripts import answer, open_journal, outcome, recipe, run_to

PRICES = Prices({"scripted": (0.4, 1.6), "davinci-002": (0.4, 1.6)})
TASKS = 60


def spent(state: State) -> BudgetAmount:
    used = Usage()
    for usage in state.usage.values():
        used = used.plus(usage)
    return BudgetAmount(used.requests, used.tokens, known_cost(state, PRICES))


def session(
    path: Path,
    limits: BudgetLimits,
    concurrency: int,
    goal: Goal,
    ahead: int | None = None,
    fuse: int = 10**9,
    seed: int = 0,
) -> tuple[State, str]:
    """One session under limits: the state it leaves, and why it stopped."""
    rng = random.Random(seed)

    async def main() -> tuple[State, str]:
        state, journal = open_journal(path, recipe(), fragile(fuse))
        budget = Budget(limits, PRICES, spent(state))
        limiter = ConcurrencyLimiter(concurrency)
        inner = DrainingEngine(ScriptedEngine(answer, lambda prompt: rng.random() * 0.003))
        engine = ThrottledEngine([BudgetedEngine(inner, budget)], limiter)
        pacer = Pacer(state, budget, ahead, lambda: limiter.level)
        try:
            await generate(ActiveRun(state, journal, engine, pacer=pacer), goal, None)
        except BudgetUsedUpError as exc:
            return state, str(exc)
        finally:
            journal.close()
        return state, ""

    return asyncio.run(main())


def without_completed(path: Path, cut: Path) -> None:
    """A copy of a journal in which no task is completed; the replies stay."""
    lines = path.read_bytes().splitlines(keepends=True)
    cut.write_bytes(sealed(line for line in lines if b'"event":"annotated"' not in line))


@pytest.mark.parametrize("trial", trials(2, 8))
def test_ending_and_going_on_gives_the_bytes_of_going_through(tmp_path: Path, trial: int) -> None:
    rng = random.Random(trial)
    path, whole = tmp_path / "journal.jsonl", tmp_path / "whole.jsonl"
    expected = outcome(run_to(whole, ThrottledEngine([ScriptedEngine(answer)], ConcurrencyLimiter(3)), TASKS))
    limit, stops = 10, 0
    while True:
        limits = (BudgetLimits(requests=limit), BudgetLimits(tokens=500 * limit), BudgetLimits(cost=0.0003 * limit))
        fuse = rng.choice([10**9, rng.randint(5, 80)])
        try:
            state, stopped = session(
                path, rng.choice(limits), rng.randint(1, 64), Goal(TASKS), rng.choice([None, 1, 50]), fuse, limit
            )
        except Crash:
            continue
        if not stopped:
            break
        stops += 1
        limit = round(limit * 1.6)
    assert stops
    assert outcome(state) == expected


@pytest.mark.parametrize("limits", [BudgetLimits(requests=300), BudgetLimits(tokens=140_000), BudgetLimits(cost=0.09)])
@pytest.mark.parametrize("concurrency", [1, 64])
def test_what_a_budget_buys_is_finished(tmp_path: Path, limits: BudgetLimits, concurrency: int) -> None:
    state, stopped = session(tmp_path / "journal.jsonl", limits, concurrency, Goal(100_000))
    assert limits.exceeded_by(spent(state)) is None
    assert len(state.completed) >= 0.95 * len(state.accepted) > 60
    assert f" of {len(state.accepted)} accepted tasks are completed" in stopped
    read = read_state(tmp_path / "journal.jsonl")
    assert read is not None
    assert outcome(read) == outcome(state)


def test_a_tiny_budget_still_buys_tasks(tmp_path: Path) -> None:
    state, stopped = session(tmp_path / "journal.jsonl", BudgetLimits(requests=9), 8, Goal(100))
    assert len(state.completed) >= 2
    assert "tasks are completed" in stopped


def test_the_same_budget_again_buys_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first, _ = session(path, BudgetLimits(requests=120), 16, Goal(10_000))
    again, stopped = session(path, BudgetLimits(requests=120), 16, Goal(10_000))
    assert spent(again).requests <= 120
    assert len(again.completed) - len(first.completed) <= 1
    assert stopped.startswith("The budget is used up: --max-requests 120")


@pytest.mark.parametrize("ahead", [1, 8, 30])
def test_completing_keeps_up_with_growing(tmp_path: Path, ahead: int) -> None:
    """At every moment the tasks without all their replies are few: at most `ahead`, and those of the last replies."""
    most = 0
    path = tmp_path / "journal.jsonl"

    async def main() -> State:
        nonlocal most
        state, journal = open_journal(path)

        def watched(prompt: Prompt) -> Reply:
            nonlocal most
            most = max(most, len(state.accepted) - len(state.completed))
            return answer(prompt)

        engine = ThrottledEngine([ScriptedEngine(watched, lambda _: 0.0002)], ConcurrencyLimiter(4))
        pacer = Pacer(state, ahead=ahead, level=lambda: 4)
        await generate(ActiveRun(state, journal, engine, pacer=pacer), 150, None)
        journal.close()
        return state

    state = asyncio.run(main())
    assert len(state.completed) == len(state.accepted) >= 150
    assert most <= ahead + 2 * 7  # a request brings at most 7


def test_a_lower_goal_completes_so_many_tasks(tmp_path: Path) -> None:
    """The tasks of a goal are those of a run that was never asked for more."""
    path, alone = tmp_path / "journal.jsonl", tmp_path / "alone.jsonl"
    state, _ = session(path, BudgetLimits(), 8, Goal(100))
    cut = tmp_path / "cut.jsonl"
    without_completed(path, cut)
    lower, stopped = session(cut, BudgetLimits(), 8, Goal(20))
    straight, _ = session(alone, BudgetLimits(), 8, Goal(20))
    assert not stopped
    assert len(lower.accepted) == len(state.accepted)
    assert list(lower.completed.values()) == list(straight.completed.values())
    assert 20 <= len(lower.completed) < 30


def test_a_goal_of_instances(tmp_path: Path) -> None:
    counts = set()
    for concurrency in (1, 32):
        state, stopped = session(tmp_path / f"{concurrency}.jsonl", BudgetLimits(), concurrency, Goal(instances=90))
        assert not stopped
        counts.add(tuple(state.completed))
        last = next(reversed(state.completed.values()))
        assert sum(len(task.instances) for task in state.completed.values()) - len(last.instances) < 90
        assert sum(len(task.instances) for task in state.completed.values()) >= 90
    assert len(counts) == 1


def test_a_goal_of_instances_pays_for_few_tasks_beyond_it(tmp_path: Path) -> None:
    state, _ = session(tmp_path / "journal.jsonl", BudgetLimits(), 64, Goal(instances=90))
    kinds = sum(used.requests for (step, _), used in state.usage.items() if step == "kind")
    assert kinds <= len(state.completed) + 25  # 46 are needed; without the bound it begins all 90 that are accepted


def test_without_growing_only_accepted_tasks_are_completed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    session(path, BudgetLimits(), 8, Goal(30))
    cut = tmp_path / "cut.jsonl"
    without_completed(path, cut)
    state, _ = session(cut, BudgetLimits(), 8, Goal(grows=False))
    whole = read_state(path)
    assert whole is not None
    assert outcome(state) == outcome(whole)


def test_goals_of_runs_that_are_there() -> None:
    state = begin(RunStarted(recipe(), ()))
    with pytest.raises(InputError, match="nothing to complete"):
        goal_of(state, None, None, grow=False)
    with pytest.raises(InputError, match="at least 1"):
        goal_of(state, None, 0, grow=True)
    assert goal_of(state, None, None, grow=True) == Goal(100)
    apply(state, CandidatesJudged(0, (), tuple(Verdict(f"text {n}") for n in range(120))))
    assert goal_of(state, None, None, grow=True) == Goal(grows=False)
    assert goal_of(state, None, 7, grow=True) == Goal(None, 7)
    assert goal_notes(state, 5, Goal(5)) == []  # they came with one reply, which is judged whole
    apply(state, CandidatesJudged(1, (), (Verdict("one more"),)))
    assert (
        "has 121 accepted instructions; for --tasks 5 the first 120 are completed" in goal_notes(state, 5, Goal(5))[0]
    )
    state.origin = "rewrite"
    assert "cannot grow" in goal_notes(state, 500, goal_of(state, 500, None, grow=True))[0]
    state.origin = "rejudge"
    assert "grows only with --tasks" in goal_notes(state, None, goal_of(state, None, None, grow=True))[0]
