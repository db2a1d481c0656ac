"""The panel names what a run waits for most: from what is measured, in plain words, on a clock that the test turns."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.cli.progress import panel
from bootstruct.config.machine import Prices
from bootstruct.engines.build import EngineStack
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.pipeline import generate
from bootstruct.run.pacing import Pacer
from bootstruct.run.progress import ProgressMeter
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.slowest import Activity, SlowestPart, slowest_part
from bootstruct.types import Prompt, Reply
from tests.cli.test_progress import QUIET
from tests.support.scripts import answer, open_journal

FULL = Activity({"instances": 3, "propose": 1}, level=4, queued=9)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (FULL, "the server: all 4 requests are in flight, most for instances, and 9 wait"),
        (replace(FULL, is_fixed=True), "most for instances (--concurrency allows no more), and 9 wait"),
        (replace(FULL, is_local=True, busy=1.0), "the model on this machine: all 4 requests"),
        (replace(FULL, busy=0.97), "this machine: reading and judging replies takes 97% of a core"),
        (replace(FULL, is_failing=True), "the server: it answers with errors"),
        (replace(FULL, unaffordable=2), "the budget: 2 requests wait until those in flight have used less"),
        (Activity({"check judge": 1}, 1), "the server: the one request is in flight, for checks"),
        (Activity({}, 8, growth="ahead", unfinished=40), "completing: growing waits until some of 40 unfinished tasks"),
        (
            Activity({"kind": 1}, 8, growth="budget", unfinished=1),
            "the budget: growing waits until 1 unfinished task is",
        ),
        (Activity({"propose": 2}, 8, growth="order"), "the oldest request for instructions: further ones show tasks"),
        (Activity({"kind": 1}, 8, uncommitted=5), "the oldest task: 5 later ones are answered and wait for it"),
        (Activity({"kind": 2}, 8), "the last 2 requests"),
        (Activity({}, 8, batches=True), "the server's batch API"),
    ],
)
def test_each_part_by_its_name(now: Activity, words: str) -> None:
    assert words in slowest_part(now)[1]


def test_a_moment_does_not_change_the_name() -> None:
    time = [0.0]
    watch = SlowestPart(lambda: time[0], lambda: 0.0)
    for _ in range(12):
        time[0] += 0.25
        assert watch.name(FULL).startswith("the server")
    assert watch.name(Activity({}, 8, growth="ahead", unfinished=3)).startswith("the server")
    for _ in range(16):
        time[0] += 0.25
        named = watch.name(Activity({}, 8, growth="ahead", unfinished=3))
    assert named.startswith("completing")


def test_cpu_is_taken_between_two_looks() -> None:
    time, cpu = [0.0], [0.0]
    watch = SlowestPart(lambda: time[0], lambda: cpu[0])
    time[0], cpu[0] = 2.0, 1.9
    assert watch.busy() == pytest.approx(0.95)
    time[0] = 4.0
    assert watch.busy() == 0.0


def test_the_panel_shows_it() -> None:
    from rich.console import Console

    console = Console(width=160, file=io.StringIO())
    with console.capture() as printed:
        console.print(panel(replace(QUIET, slowest="completing: growing waits")))
    assert "slowest" in printed.get()
    assert "completing: growing waits" in printed.get()


def looks(path: Path, concurrency: int, slow: str, ahead: int | None = None, cost: float | None = None) -> set[str]:
    """What the meter names while a run goes on whose step `slow` answers last; each look is a minute after the one before."""
    seen: set[str] = set()
    time = [0.0]

    async def main() -> None:
        state, journal = open_journal(path)
        limiter = ConcurrencyLimiter(concurrency)
        budget = Budget(
            BudgetLimits(cost=cost), Prices({"davinci-002": (0.4, 1.6), "scripted": (0.4, 1.6)}), BudgetAmount()
        )

        def watched(prompt: Prompt) -> Reply:
            time[0] += 60.0
            seen.add(meter.snapshot().slowest)
            return answer(prompt)

        engine = ScriptedEngine(watched, lambda prompt: 0.02 if prompt.step == slow else 0.0)
        retrying = RetryingEngine(ThrottledEngine([BudgetedEngine(engine, budget)], limiter))
        pacer = Pacer(state, budget, ahead, lambda: limiter.level)
        stack = EngineStack(retrying, limiter, retrying, budget)
        meter = ProgressMeter(state, stack, budget.prices, 20, pacer, lambda: time[0], lambda: 0.0)
        await generate(ActiveRun(state, journal, retrying, pacer=pacer), 20, None)
        journal.close()

    asyncio.run(main())
    return seen


def test_a_run_names_the_server_where_all_requests_are_in_flight(tmp_path: Path) -> None:
    seen = looks(tmp_path / "journal.jsonl", 2, "instances")
    assert any(text.startswith("the server: all 2 requests are in flight, most for instances") for text in seen), seen


def test_a_run_names_completing_where_growing_waits_for_it(tmp_path: Path) -> None:
    seen = looks(tmp_path / "journal.jsonl", 64, "instances", ahead=1)
    assert any(text.startswith("completing: growing waits") for text in seen), seen


def test_a_run_names_the_order_where_requests_wait_for_an_earlier_one(tmp_path: Path) -> None:
    seen = looks(tmp_path / "journal.jsonl", 64, "propose", ahead=500)
    assert any(text.startswith("the oldest request for instructions") for text in seen), seen
