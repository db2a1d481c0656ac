"""The closing summary of a session of `generate`: the same in text, in `--json` and in Python."""

import shlex
from pathlib import Path
from typing import Final

from bootstruct.journal.events import FILTERED, REFUSAL
from bootstruct.render.numbers import duration, money, number
from bootstruct.render.sanitize import one_line, visible
from bootstruct.run.progress import Progress
from bootstruct.run.status import by_reason

SHOWN_RULES: Final = 3  # rules named, those that rejected most
REASON_LONGEST: Final = 160  # characters of a reason


def closing_summary(progress: Progress, folder: Path, is_complete: bool | None = None) -> str:
    """The result of the run in a few lines: tasks, rejections, failures, cost, time, and the next commands.

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
        lines.append(_rejected(progress.rejections, progress.accepted, "candidates"))
    if progress.rejected_instances:
        lines.append(_rejected(progress.rejected_instances, progress.instances, "instances"))
    if tokens := progress.prompt_tokens + progress.completion_tokens:
        spent = f", {money(progress.cost)} at list price" if progress.cost else ""
        lines.append(f"{number(tokens)} tokens over the whole run{spent}")
    if progress.checked is not None:
        passed = f"{number(progress.passed_checks)} instances passed all checks"
        lines.append(f"{number(progress.checked)} tasks checked; {passed}")
    if progress.failures:
        lines.append(f"{failures_in_words(progress)}; --retry-failed sends those about tasks again")
    if progress.unread:
        again = "; --retry-failed repeats the requests for these tasks" if _is_retried(progress) else ""
        lines.append(f"{unread_in_words(progress)}{again}")
    if progress.timed_out:
        timed_out = f"{number(progress.timed_out)} requests timed out"
        lines.append(f"{timed_out}; the budget counts them at their upper bound. --timeout N waits longer")
    lines += [f"More than half went wrong: {sentence}" for sentence in progress.went_wrong]
    lines += [f"Next: {command}" for command in next_commands(progress, folder, is_complete)]
    return "\n".join(lines)


def next_commands(progress: Progress, folder: Path, is_complete: bool | None = None) -> list[str]:
    """The commands that make sense now, most useful first; parameters as in `closing_summary`."""
    run = shlex.quote(str(folder))
    if is_complete is None:
        is_complete = progress.completed >= progress.goal
    if progress.went_wrong:
        return [f"bootstruct status {run}"]
    if not (progress.passed_checks and is_complete):
        return []
    return [f"bootstruct export {run} --format messages --out {shlex.quote(str(folder / 'train.jsonl'))}"]


def failures_in_words(progress: Progress) -> str:
    """How many requests failed for good, and the most frequent reason."""
    count = progress.failures
    text = f"{number(count)} request{'s' * (count > 1)} failed for good"
    if not progress.failed_by_reason:
        return text
    most = progress.failed_by_reason[0]
    times = f"most often ({number(most.count)} times) with " if len(progress.failed_by_reason) > 1 else ""
    return f"{text}: {times}{one_line(most.text, REASON_LONGEST).rstrip('.')}"


def unread_in_words(progress: Progress) -> str:
    """From how many replies nothing could be read, by reason."""
    reasons = {reason: sum(steps.values()) for reason, steps in by_reason(progress.unread).items()}
    count = sum(reasons.values())
    named = ", ".join(f"{reason} {number(times)}" for reason, times in reasons.items())
    return f"nothing could be read from {number(count)} {'reply' if count == 1 else 'replies'} ({named})"


def _rejected(by_rule: dict[str, int], kept: int, what: str) -> str:
    """How many candidates or instances were rejected, and by which rules most."""
    total = sum(by_rule.values())
    rules = list(by_rule.items())
    shown = [f"{number(count)} {visible(rule)}" for rule, count in rules[:SHOWN_RULES]]
    others = sum(count for _, count in rules[SHOWN_RULES:])
    shown += [f"{number(others)} by other rules"] if others else []
    return f"{number(total)} of {number(total + kept)} {what} rejected: {', '.join(shown)}"


def _is_retried(progress: Progress) -> bool:
    """Whether --retry-failed repeats a request for any of the replies that were not read."""
    rows = (
        row for step, reasons in progress.unread.items() if step in ("kind", "instances", "rewrite") for row in reasons
    )
    return any(reason not in (REFUSAL, FILTERED) for reason in rows)
