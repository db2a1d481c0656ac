"""What a running `generate` shows: a panel on a terminal, a plain line now and then elsewhere, nothing with --quiet."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstruct.cli.echo import echo, made_visible
from bootstruct.engines.traffic.retrying import FailureStreak
from bootstruct.journal.events import FILTERED, REFUSAL
from bootstruct.render.numbers import duration, money, number
from bootstruct.render.sanitize import one_line, visible
from bootstruct.run.progress import Progress
from bootstruct.run.status import by_reason

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

LINE_SECONDS = 10.0
TROUBLE_SECONDS = 5.0  # without a reply, after which it is shown what the servers answer
SILENT_SECONDS = 30.0  # without a reply and without an error, after which that is shown
SHOWN_RULES = 3  # rules named at the end, those that rejected most
REASON_LONGEST = 160  # characters
WORDS = {"checking": "checking", "ending": "ending"}


class ProgressDisplay:
    """A context around a generation: shows each `Progress` it is given, and says at the end what the run came to."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.last: Progress | None = None
        self._shown = 0.0
        self._in_trouble = False
        self._noted: set[str] = set()
        self._live: Live | None = None

    def __enter__(self) -> "ProgressDisplay":
        """Start the panel where there is a terminal."""
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self._panel, console=Console(stderr=True), refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the panel away."""
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
    for note in _notes(progress):
        table.add_row("", Text(note), "")
    tokens = f"{number(progress.prompt_tokens)} + {number(progress.completion_tokens)} tokens"
    table.add_row("spent", tokens, _money(progress))
    reused = f", {number(progress.reused)} reused" if progress.reused else ""
    table.add_row("time", duration(progress.seconds) + reused, _time_left(progress))
    return Panel(table, title=Text(f"{progress.recipe} · {progress.model}"), title_align="left", expand=False)


def summary(progress: Progress, folder: Path, is_complete: bool | None = None) -> str:
    """What the run has come to, in a line or a few.

    Args:
        progress: the last snapshot of the session.
        folder: the run folder.
        is_complete: whether the goal was reached; None if the numbers tell.
    """
    lines = [
        f"{number(progress.accepted)} instructions accepted, {number(progress.completed)} completed with "
        f"{number(progress.instances)} instances; {number(progress.replies)} replies in {duration(progress.seconds)}"
    ]
    if progress.rejections:
        lines.append(_rejected(progress))
    if tokens := progress.prompt_tokens + progress.completion_tokens:
        spent = f", {money(progress.cost)} at list price" if progress.cost else ""
        lines.append(f"{number(tokens)} tokens over the whole run{spent}")
    if progress.checked is not None:
        passed = f"{number(progress.passed_checks)} instances passed all checks"
        lines.append(f"{number(progress.checked)} tasks checked; {passed}")
    if progress.failures:
        lines.append(f"{_failures(progress)}; --retry-failed sends those about tasks again")
    if progress.unread:
        again = "; --retry-failed asks again for these tasks" if _is_retried(progress) else ""
        lines.append(f"{_unread(progress)}{again}")
    if progress.timed_out:
        timed_out = f"{number(progress.timed_out)} requests timed out"
        lines.append(f"{timed_out}; the budget counts them at their upper bound. --timeout N waits longer")
    if progress.passed_checks and (progress.completed >= progress.goal if is_complete is None else is_complete):
        lines.append(f"Next: bootstruct export {folder} --format messages --out {folder / 'train.jsonl'}")
    return "\n".join(lines)


def _rejected(progress: Progress) -> str:
    """How many candidates were rejected, and by which rules most."""
    total = sum(progress.rejections.values())
    rules = list(progress.rejections.items())
    shown = [f"{number(count)} {visible(rule)}" for rule, count in rules[:SHOWN_RULES]]
    others = sum(count for _, count in rules[SHOWN_RULES:])
    shown += [f"{number(others)} by other rules"] if others else []
    return f"{number(total)} of {number(total + progress.accepted)} candidates rejected: {', '.join(shown)}"


def _time_left(progress: Progress) -> str:
    if progress.phase in WORDS:
        return WORDS[progress.phase]
    return "time left not known yet" if progress.seconds_left is None else f"{duration(progress.seconds_left)} left"


def _notes(progress: Progress) -> list[str]:
    """What is going on beside the usual: trouble, failures, batches at a server, servers that get no requests for now."""
    suspended = [f"{visible(name)} suspended: {why}" for name, why in progress.suspended.items()]
    failures = _failures(progress) if progress.failures else ""
    unread = _unread(progress) if progress.unread else ""
    return [note for note in (trouble(progress), failures, unread, progress.batches, *suspended) if note]


def trouble(progress: Progress) -> str:
    """What the servers answer in place of replies, once that has lasted for some seconds; empty if all is well."""
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


def _failures(progress: Progress) -> str:
    """How many requests failed for good, and the most frequent reason."""
    count = progress.failures
    text = f"{number(count)} request{'s' * (count > 1)} failed for good"
    if not progress.failed_by_reason:
        return text
    most = progress.failed_by_reason[0]
    times = f"most often ({number(most.count)} times) with " if len(progress.failed_by_reason) > 1 else ""
    return f"{text}: {times}{one_line(most.text, REASON_LONGEST).rstrip('.')}"


def _unread(progress: Progress) -> str:
    """From how many replies nothing could be read, by reason."""
    reasons = {reason: sum(steps.values()) for reason, steps in by_reason(progress.unread).items()}
    count = sum(reasons.values())
    named = ", ".join(f"{reason} {number(times)}" for reason, times in reasons.items())
    return f"nothing could be read from {number(count)} {'reply' if count == 1 else 'replies'} ({named})"


def _is_retried(progress: Progress) -> bool:
    """Whether --retry-failed asks again after any of the replies that were not read."""
    rows = (
        row for step, reasons in progress.unread.items() if step in ("kind", "instances", "rewrite") for row in reasons
    )
    return any(reason not in (REFUSAL, FILTERED) for reason in rows)


def _money(progress: Progress) -> str:
    if not progress.cost:
        return ""
    at_goal = progress.cost_at_goal
    return f"{money(progress.cost)} now" + (f", {money(at_goal)} at the goal" if at_goal else "")
