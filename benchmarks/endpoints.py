"""Measure how several equal servers work together, and print a table of ratios.

    python benchmarks/endpoints.py [CASE ...] [--rounds 2] [--seconds 20]

The servers are simulators in processes of their own. Each serves 16 requests at once in 0.5 s and lets the others wait, so that
no processor core is the limit. Our client completes accepted instructions, with two requests per task, through the stack and
journal that `generate` uses. Throughput is the number of replies in the journal per second. A case with a change makes it after
a third of the time. What follows, the time until the change is noticed included, is compared with what the unchanged servers
did before.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load_parts import NAME, Server, median, run_folder, serving

import bootstruct.engines.traffic.concurrency_limiter as limiters
from bootstruct.config.machine import MachineSettings
from bootstruct.engines.build import open_engine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.journal.file import Journal, read_state
from bootstruct.journal.state import State
from bootstruct.pipeline import generate, grow_pool
from bootstruct.run.goal import Goal
from bootstruct.run.pacing import Pacer
from bootstruct.run.scheduler import ActiveRun

SLOTS, LATENCY = 16, 0.5
WORDS = ("--latency", str(LATENCY), "--slots", str(SLOTS))
TASKS = 3000  # more than any case completes
SETTLED = 0.25  # share of the time after which throughput is counted, because the limiter has found its level by then


@dataclass
class Seen:
    """What was observed during one run.

    Attributes:
        counts: pairs of seconds and the number of replies so far, a few times per second.
        aside: pairs of seconds and a text that says which server was suspended or came back, and why.
        levels: the concurrency of each server at the end.
    """

    counts: list[tuple[float, int]]
    aside: list[tuple[float, str]]
    levels: list[int]

    def rate(self, first: float, last: float) -> float:
        """Return the replies per second between two moments, which are given in seconds."""
        inside = [count for count in self.counts if first <= count[0] <= last]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


async def watch(state: State, stack: Any, seconds: float, at: float, change: Callable[[], None] | None) -> Seen:
    """Observe a run for some seconds from the first reply on, and make the change when it is due."""
    while not state.usage:
        await asyncio.sleep(0.05)
    seen, began = Seen([], [], []), time.monotonic()
    known: list[str] = []
    while (now := time.monotonic() - began) < seconds:
        seen.counts.append((now, sum(used.requests for used in state.usage.values())))
        if change is not None and now >= at:
            await asyncio.to_thread(change)
            change = None
        result = [
            f"{backend.number}: {backend.suspension.reason}"
            for backend in stack.limiter.suspended
            if backend.suspension
        ]
        if result != known:
            seen.aside += [(now, entry) for entry in result if entry not in known]
            seen.aside += [(now, f"{entry[0]} is back") for entry in known if entry[0] not in {t[0] for t in result}]
            known = result
        await asyncio.sleep(0.1)
    seen.levels = [backend.level for backend in stack.limiter.backends]
    return seen


def go(
    servers: list[Server],
    seconds: float,
    concurrency: int | None,
    change: Callable[[], None] | None = None,
    at: float = 0.0,
) -> Seen:
    """Make one run against these servers and stop it after some seconds."""
    with run_folder(TASKS) as folder:
        return asyncio.run(_go(folder, servers, seconds, concurrency, change, at))


async def _go(
    folder: Path,
    servers: list[Server],
    seconds: float,
    concurrency: int | None,
    change: Callable[[], None] | None,
    at: float,
) -> Seen:
    stack = open_engine(
        MachineSettings(base_url=tuple(s.url for s in servers), concurrency=concurrency), BudgetLimits(), BudgetAmount()
    )
    journal = Journal(folder / NAME)
    state = read_state(folder / NAME)
    assert state is not None
    work = asyncio.create_task(generate(ActiveRun(state, journal, stack.engine), 1))
    try:
        return await watch(state, stack, seconds, at, change)
    finally:
        work.cancel()
        await asyncio.sleep(0)
        work.cancel()  # a second time: do not wait for what is in flight
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({work}, timeout=1)
        await stack.engine.aclose()
        journal.close()


@contextlib.contextmanager
def farm(number: int) -> Iterator[list[Server]]:
    """Start equal servers, which end with the block."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(serving(*WORDS)) for _ in range(number)]


def two(rounds: int, seconds: float) -> None:
    """Compare two servers with one of them alone."""
    for concurrency in (None, 64):
        ratios, rates = [], []
        for _ in range(rounds):
            with farm(2) as servers:
                one = go(servers[:1], seconds, concurrency).rate(SETTLED * seconds, seconds)
                both = go(servers, seconds, concurrency).rate(SETTLED * seconds, seconds)
            ratios.append(both / one)
            rates.append(f"{both:.0f}/s to {one:.0f}/s")
        tell(f"two servers against one, {concurrency or 'auto'}", ">= 1.9", median(ratios), ", ".join(rates), 1.9)


def turned(name: str, change: dict[str, Any], rounds: int, seconds: float, is_careless: bool = False) -> None:
    """Compare four servers, of which one changes after a third of the time, with three quarters of what all four did before."""
    for concurrency in (None, 32):  # 32: fewer than the others could take over
        ratios, result = [], []
        for _ in range(rounds):
            with farm(4) as servers, careless() if is_careless else contextlib.nullcontext():
                at = seconds / 3
                seen = go(servers, seconds, concurrency, lambda bad=servers[0]: bad.set(**change), at)  # type: ignore[misc]
            before, after = seen.rate(SETTLED * at, at), seen.rate(at, seconds)
            ratios.append(after / (0.75 * before))
            result.append(
                f"{before:.0f}/s, then {after:.0f}/s; " + ("; ".join(f"{t - at:.1f} s {w}" for t, w in seen.aside))
            )
        goal = None if is_careless else 0.9
        tell(f"{name}, {concurrency or 'auto'}", ">= 0.9" if goal else "-", median(ratios), " | ".join(result), goal)


def grow(rounds: int, _: float) -> None:
    """Compare four servers of which one is slow from the start with four equal ones while the pool grows.

    Growing the pool waits for its oldest request, so one slow server can delay everything.
    """

    def seconds_to(servers: list[Server], tasks: int) -> float:
        async def growing(folder: Path) -> float:
            stack = open_engine(MachineSettings(base_url=tuple(s.url for s in servers)), BudgetLimits(), BudgetAmount())
            journal = Journal(folder / NAME)
            state = read_state(folder / NAME)
            assert state is not None
            alone = Pacer(state, ahead=10**9)  # nothing is completed here
            run, began = ActiveRun(state, journal, stack.engine, pacer=alone), time.monotonic()
            try:
                run.pacer.goal = Goal(tasks)
                await grow_pool(run, None)
                return time.monotonic() - began
            finally:
                await stack.engine.aclose()
                journal.close()

        with run_folder(0) as folder:
            return asyncio.run(growing(folder))

    found: dict[str, list[float]] = {"well": [], "slow": [], "careless": []}
    for _ in range(rounds):
        with farm(4) as servers:
            found["well"].append(seconds_to(servers, 600))
            servers[0].set(**SLOW)
            found["slow"].append(seconds_to(servers, 600))
            with careless():
                found["careless"].append(seconds_to(servers, 600))
    for name, case in (
        ("slow", "growing 600 with one slow server of four"),
        ("careless", "the same, no server suspended"),
    ):
        ratios = [slow / well for slow, well in zip(found[name], found["well"], strict=True)]
        tell(
            f"{case}, times as long",
            "-",
            median(ratios),
            f"{median(found[name]):.1f} s to {median(found['well']):.1f} s",
            None,
        )


@contextlib.contextmanager
def careless() -> Iterator[None]:
    """Use a limiter that only counts the requests in flight and never suspends a server, until the block ends."""
    kept = limiters.ConcurrencyLimiter._suspend
    limiters.ConcurrencyLimiter._suspend = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        limiters.ConcurrencyLimiter._suspend = kept  # type: ignore[method-assign]


def tell(case: str, goal: str, ratio: float, seen: str, least: float | None) -> None:
    """Print a row of the table."""
    met = "-" if least is None else "yes" if ratio >= least else "NO"
    print(f"| {case} | {goal} | {ratio:.2f} | {met} | {seen} |", flush=True)


SLOW, HUNG = {"latency": 10 * LATENCY}, {"faults": {"hang": 1.0}}
BROKEN, LIMITED = {"faults": {"500": 1.0}}, {"faults": {"429": 1.0}, "retry_after": 30.0}
CASES: dict[str, Callable[[int, float], None]] = {
    "two": two,
    "slow": lambda rounds, seconds: turned("one of four turns ten times as slow", SLOW, rounds, seconds),
    "plain": lambda rounds, seconds: turned("the same, no server suspended", SLOW, rounds, seconds, is_careless=True),
    "hung": lambda rounds, seconds: turned("one of four answers no more", HUNG, rounds, seconds),
    "broken": lambda rounds, seconds: turned("one of four answers 500", BROKEN, rounds, seconds),
    "grow": grow,
    "limited": lambda rounds, seconds: turned("one of four answers 429, Retry-After: 30", LIMITED, rounds, seconds),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    words = parser.parse_args()
    print("| case | goal | ratio | met | seen |\n|---|---|---|---|---|")
    for name in words.cases or CASES:
        CASES[name](words.rounds, words.seconds)


if __name__ == "__main__":
    main()
