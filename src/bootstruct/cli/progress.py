"""What a running `generate` shows: a panel on a terminal, a plain line now and then elsewhere, nothing with --quiet.

It only reads: the state, the gate and the budget are looked at a few times a second.
"""

import asyncio
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.tables import money, number
from bootstruct.events import State
from bootstruct.runs import ASIDE_SECONDS, write_aside
from bootstruct.settings import Prices
from bootstruct.status import cost_of, duration, total

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from bootstruct.engines.build import Stack
    from bootstruct.engines.gate import Gate

LINE_SECONDS = 10.0
WINDOW = 60.0  # seconds over which rates are taken


async def tell_aside(folder: Path, gate: "Gate") -> None:
    """Keep the run folder's word on servers that are set aside up to date, for `status`, until cancelled."""
    told = False
    try:
        while True:
            aside = {door.name: door.aside.why for door in gate.aside if door.aside is not None}
            if aside or told:
                write_aside(folder, aside)
            told = bool(aside)
            await asyncio.sleep(ASIDE_SECONDS / 4)
    finally:
        if told:
            write_aside(folder, {})


class Progress:
    """A context around a generation; `result` says what it came to."""

    def __init__(self, state: State, stack: "Stack", prices: Prices, tasks: int, quiet: bool) -> None:
        self.state, self.stack, self.prices, self.tasks, self.quiet = state, stack, prices, tasks, quiet
        self.began = time.monotonic()
        self.start = total(state)
        self._seen = deque([(self.began, len(state.machine), len(state.annotated), self.start.requests)])
        self._live: Live | None = None
        self._lines: asyncio.Task[None] | None = None

    def __enter__(self) -> "Progress":
        if self.quiet:
            return self
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self.panel, console=Console(stderr=True), refresh_per_second=4, transient=True
            )
            self._live.start()
        else:
            self._lines = asyncio.get_running_loop().create_task(self._print_lines())
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
        if self._lines:
            self._lines.cancel()

    async def _print_lines(self) -> None:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            click.echo(self.line(), err=True)

    def _rates(self) -> tuple[float, float, float]:
        """(accepted, annotated, replies) a second, lately."""
        now = time.monotonic()
        here = (now, len(self.state.machine), len(self.state.annotated), total(self.state).requests)
        self._seen.append(here)
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        then = self._seen[0]
        seconds = max(now - then[0], 1e-3)
        return tuple((a - b) / seconds for a, b in zip(here[1:], then[1:], strict=True))  # type: ignore[return-value]

    def _left(self, accepting: float, annotating: float) -> str:
        """Time left, in words: the slower of the two streams decides."""
        missing = max(0, self.tasks - len(self.state.machine))
        unwritten = max(self.tasks, len(self.state.machine)) - len(self.state.annotated)
        if not missing and not unwritten:
            return (
                "checking"
                if self.state.recipe.checks and self.state.checks_done < len(self.state.annotated)
                else "ending"
            )
        if (missing and accepting <= 0) or (unwritten and annotating <= 0):
            return "time left not known yet"
        return (
            f"{duration(max(missing / accepting if missing else 0, unwritten / annotating if unwritten else 0))} left"
        )

    def line(self) -> str:
        """One plain line."""
        accepting, annotating, replies = self._rates()
        usage, state = total(self.state), self.state
        cost = cost_of(state, self.prices)
        spent = f", {money(cost)}" if cost else ""
        return (
            f"{len(state.machine)}/{self.tasks} accepted, {len(state.annotated)} annotated, "
            f"{sum(state.refusals.values())} refused, {replies:.1f} replies/s, "
            f"{number(usage.prompt_tokens + usage.completion_tokens)} tokens{spent}, {self._left(accepting, annotating)}"
            + "".join(f"; {told}" for told in self._elsewhere())
        )

    def _elsewhere(self) -> list[str]:
        """What is going on beside the usual: batches at a server, servers set aside."""
        batches = self.stack.batches.told() if self.stack.batches else ""
        aside = [f"{door.name} set aside: {door.aside.why}" for door in self.stack.gate.aside if door.aside]
        return [*([batches] if batches else []), *aside]

    def panel(self) -> "RenderableType":
        """The panel of a terminal."""
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        accepting, annotating, replies = self._rates()
        state, gate, usage = self.state, self.stack.gate, total(self.state)
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", min_width=10)
        table.add_column(min_width=32)
        table.add_column(style="dim")
        streams = [("accepted", len(state.machine)), ("annotated", len(state.annotated))]
        for name, done in (*streams, *([("checked", state.checks_done)] if state.recipe.checks else [])):
            goal = max(self.tasks, len(state.machine))
            table.add_row(name, ProgressBar(goal, min(done, goal), width=32), f"{number(done)} of {number(goal)}")
        refused = sorted(state.refusals.items(), key=lambda rule: -rule[1])
        table.add_row(
            "refused", number(sum(state.refusals.values())), ", ".join(f"{r} {number(c)}" for r, c in refused[:3])
        )
        level = f"{gate.flying} of {gate.level}{'' if gate.fixed else ' found'}, {self.stack.retrying.retries} retries"
        table.add_row("in flight", level, f"{replies:.1f} replies/s, {accepting:.1f} accepted/s")
        for told in self._elsewhere():
            table.add_row("", told, "")
        cost = cost_of(state, self.prices)
        tokens = f"{number(usage.prompt_tokens)} + {number(usage.completion_tokens)} tokens"
        table.add_row("spent", tokens, self._money(cost))
        reused = f", {number(usage.reused)} reused" if usage.reused else ""
        table.add_row("time", duration(time.monotonic() - self.began) + reused, self._left(accepting, annotating))
        return Panel(table, title=f"{state.recipe.recipe} · {state.recipe.model}", title_align="left", expand=False)

    def _money(self, cost: float | None) -> str:
        if not cost:
            return ""
        done = len(self.state.annotated) / max(self.tasks, len(self.state.machine))
        return f"{money(cost)} now, {money(cost / done)} in the end" if done > 0.02 else f"{money(cost)} now"

    def result(self, folder: Path) -> str:
        """What the run has come to, in a line or a few."""
        state = self.state
        instances = sum(len(each.instances) for each in state.annotated.values())
        asked = total(state).requests - self.start.requests
        told = [
            f"{len(state.machine)} instructions accepted, {len(state.annotated)} annotated with {instances} instances; "
            f"{asked} replies in {duration(time.monotonic() - self.began)}"
        ]
        if state.recipe.checks:
            standing = sum(len(state.standing(task)) for task in state.annotated)
            told.append(f"{state.checks_done} tasks checked; {standing} instances stand")
        if state.failures:
            told.append(f"{state.failures} requests failed for good; --retry-failed asks those of tasks again")
        if presumed := self.stack.budget.presumed:
            told.append(f"{presumed} calls timed out; the budget counts them at their upper bound")
        if state.annotated and len(state.machine) >= self.tasks and len(state.annotated) == len(state.machine):
            told.append(f"Next: bootstruct export {folder} --format messages --out {folder / 'train.jsonl'}")
        return "\n".join(told)
