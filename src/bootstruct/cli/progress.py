"""The display of a running `generate`: a panel on a terminal, plain lines elsewhere, nothing with --quiet."""

import sys
from typing import TYPE_CHECKING

from bootstruct.cli.echo import echo, made_visible
from bootstruct.engines.traffic.retrying import FailureStreak
from bootstruct.render.numbers import duration, money, number
from bootstruct.render.sanitize import one_line, visible
from bootstruct.run.closing import REASON_LONGEST, failures_in_words, unread_in_words
from bootstruct.run.progress import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

LINE_SECONDS = 10.0
TROUBLE_SECONDS = 5.0  # without a reply, after which it is shown what the servers answer
SILENT_SECONDS = 30.0  # without a reply and without an error, after which that is shown
WORDS = {"checking": "checking", "ending": "ending"}


class ProgressDisplay:
    """A context around a generation that shows each `Progress`, and the result at the end."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.last: Progress | None = None
        self._shown = 0.0
        self._in_trouble = False
        self._noted: set[str] = set()
        self._live: Live | None = None

    def __enter__(self) -> "ProgressDisplay":
        """Start the panel if there is a terminal."""
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self._panel, console=Console(stderr=True), refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the panel."""
        if self._live:
            self._live.stop()

    def update(self, progress: Progress) -> None:
        """Show the newest numbers."""
        self.last = progress
        if self.quiet:
            return
        for server, why in progress.suspended.items():
            if server not in self._noted:  # once for each, since it may be over before the next line
                self._noted.add(server)
                echo(f"note: {visible(server)} is suspended: {why}; the others continue without it", err=True)
        was_in_trouble, self._in_trouble = self._in_trouble, bool(trouble(progress))
        is_news = self._in_trouble and not was_in_trouble
        if self._live or (progress.seconds - self._shown < LINE_SECONDS and not is_news):
            return
        self._shown = progress.seconds
        echo(line(progress), err=True)

    def _panel(self) -> "RenderableType":
        return panel(made_visible(self.last)) if self.last else ""


def line(progress: Progress) -> str:
    """One plain line."""
    tokens = number(progress.prompt_tokens + progress.completion_tokens)
    spent = f", {money(progress.cost)}" if progress.cost else ""
    facts = [
        f"{progress.accepted}/{progress.goal} accepted, {progress.completed} completed",
        f"{sum(progress.rejections.values())} rejected, {progress.replies_per_second:.1f} replies/s",
        f"{tokens} tokens{spent}, {_time_left(progress)}",
    ]
    return ", ".join(facts) + "".join(f"; {note}" for note in _notes(progress))


def panel(progress: Progress) -> "RenderableType":
    """The panel of a terminal."""
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=10)
    table.add_column(min_width=32)
    table.add_column(style="dim")
    counts = [("accepted", progress.accepted), ("completed", progress.completed)]
    counts += [("checked", progress.checked)] if progress.checked is not None else []
    for name, count in counts:
        bar = ProgressBar(progress.goal, min(count, progress.goal), width=32)
        table.add_row(name, bar, f"{number(count)} of {number(progress.goal)}")
    top = [f"{rule} {number(count)}" for rule, count in list(progress.rejections.items())[:3]]
    table.add_row("rejected", number(sum(progress.rejections.values())), Text(", ".join(top)))
    adapted = "" if progress.concurrency_is_fixed else " (adapted)"
    level = f"{progress.in_flight} of {progress.concurrency}{adapted}, {progress.retries} retries"
    rates = f"{progress.replies_per_second:.1f} replies/s, {progress.accepted_per_second:.1f} accepted/s"
    table.add_row("in flight", level, rates)
    if progress.slowest:
        table.add_row("slowest", Text(progress.slowest), "")
    for note in _notes(progress):
        table.add_row("", Text(note), "")
    tokens = f"{number(progress.prompt_tokens)} + {number(progress.completion_tokens)} tokens"
    table.add_row("spent", tokens, _money(progress))
    reused = f", {number(progress.reused)} reused" if progress.reused else ""
    table.add_row("time", duration(progress.seconds) + reused, _time_left(progress))
    return Panel(table, title=Text(f"{progress.recipe} · {progress.model}"), title_align="left", expand=False)


def _time_left(progress: Progress) -> str:
    if progress.phase in WORDS:
        return WORDS[progress.phase]
    return "time left not known yet" if progress.seconds_left is None else f"{duration(progress.seconds_left)} left"


def _notes(progress: Progress) -> list[str]:
    """Everything out of the ordinary: trouble, failures, batches at a server, suspended servers."""
    suspended = [f"{visible(name)} suspended: {why}" for name, why in progress.suspended.items()]
    failures = failures_in_words(progress) if progress.failures else ""
    unread = unread_in_words(progress) if progress.unread else ""
    return [note for note in (trouble(progress), failures, unread, progress.batches, *suspended) if note]


def trouble(progress: Progress) -> str:
    """What the servers answer instead of replies, after this has lasted for some seconds; empty if all is well."""
    if errors := streak_in_words(progress.failure_streak):
        return errors
    if progress.seconds_without_reply >= SILENT_SECONDS and progress.in_flight and not progress.batches:
        count = progress.in_flight
        return f"no reply for {duration(progress.seconds_without_reply)}, {count} request{'s' * (count > 1)} in flight"
    return ""


def streak_in_words(streak: FailureStreak | None) -> str:
    """Failures that have lasted for some seconds: how often, the last reason, and the next attempt; empty for none."""
    if streak is None or streak.seconds < TROUBLE_SECONDS:
        return ""
    errors = "1 error" if streak.count == 1 else f"{number(streak.count)} errors, the last one"
    following = "" if streak.next_seconds is None else f"; next attempt in {duration(streak.next_seconds)}"
    reason = visible(one_line(streak.reason, REASON_LONGEST)).rstrip(".")
    return f"no reply for {duration(streak.seconds)}, {errors}: {reason}{following}"


def _money(progress: Progress) -> str:
    if not progress.cost:
        return ""
    at_goal = progress.cost_at_goal
    return f"{money(progress.cost)} now" + (f", {money(at_goal)} at the goal" if at_goal else "")
