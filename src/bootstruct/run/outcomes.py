"""Why requests and tasks brought nothing, in words: the causes by name, and what to change. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from bootstruct.journal.events import (
    CUT,
    CUT_WHILE_THINKING,
    EMPTY,
    FILTERED,
    REFUSAL,
    TOOL_CALLS,
    UNREADABLE,
    TaskCompleted,
)
from bootstruct.journal.keys import SHARED
from bootstruct.render.numbers import number
from bootstruct.run.failure_reasons import FailureReason
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.propose import NO_JSON
from bootstruct.stages.rules import KEPT_AWAY, TOO_SIMILAR

MOST_NAMED: Final = 4  # rules that a message names
FAILED, REJECTED = "failed for good", "rejected"
_CONTEXT = re.compile(
    r"context (?:length|window|size)|n_ctx|(?:prompt|input) is too long|too many tokens", re.IGNORECASE
)
_FILTER = re.compile(r"content.?(?:filter|management|policy)|safety|moderation", re.IGNORECASE)
_ADVICE: Final = {
    CUT_WHILE_THINKING: "Raise `more_tokens` or `max_tokens` in the recipe of a new run, or let the model think less "
    "(`extra: {reasoning_effort: low}` in its sampling, where the server has that)",
    CUT: "Raise `max_tokens` in the recipe of a new run",
    REFUSAL: "Use a model that does not refuse these requests, or change the prompts in the recipe of a new run",
    FILTERED: "Remove from the seeds and prompts of a new run what the server's filter objects to, or use another server",
    EMPTY: "Look at the server with `bootstruct doctor --model`: it may take whole answers for thoughts (a reasoning parser "
    "that does not fit the model), or the model needs another recipe (`chat` for chat models, `paper` for base models)",
    TOOL_CALLS: "Start the server without tools, or use a model that answers in text",
    UNREADABLE: "Look at some replies with `bootstruct preview`, and use another recipe (`chat` for chat models, `paper` for "
    "base models) or another model in a new run",
}
_OTHER_FAILURE: Final = "Change what the reason names, at the server or in the recipe of a new run"


def without_instances(tasks: Sequence[TaskCompleted], failures: list[FailureReason]) -> str:
    """Why tasks have no instances, and what to do; without the final period."""
    outcomes: Counter[str] = Counter()
    for task in tasks:
        unread = [reason for step, reason in task.unread if step != SHARED]
        outcomes[FAILED if task.failed else REJECTED if task.rejected else unread[-1] if unread else UNREADABLE] += 1
    rules = Counter(rejected.rule for task in tasks for rejected in task.rejected)
    main = outcomes.most_common(1)[0][0]
    advice = advice_for(main, failures) or "Use another model or recipe in a new run"
    advice += "; --retry-failed then sends them again" if main == FAILED else ""
    return f"{causes(outcomes, rules, failures, 'all instances of')}. {advice}"


def causes(outcomes: Counter[str], rules: Counter[str], failures: list[FailureReason], rejected: str) -> str:
    """The outcomes of requests, most frequent first."""
    parts = []
    for outcome, count in outcomes.most_common():
        if outcome == REJECTED:
            parts.append(f"{rejected} {number(count)} were rejected ({named(rules)})")
        elif outcome == FAILED:
            parts.append(f"{number(count)} failed for good{_mostly(failures)}")
        else:
            replies = "1 reply was" if count == 1 else f"{number(count)} replies were"
            parts.append(f"{replies} {_PHRASES.get(outcome, outcome)}")
    return "; ".join(parts)


_PHRASES: Final = {REFUSAL: "refused", TOOL_CALLS: "tool calls in place of text"}


def by_count(rules: Counter[str]) -> list[tuple[str, int]]:
    """Rules by count; of equal counts those that compare with the pool first."""
    return sorted(rules.items(), key=lambda row: (-row[1], row[0] not in (TOO_SIMILAR, KEPT_AWAY), row[0]))


def named(rules: Counter[str]) -> str:
    """The rules that rejected most, with their counts."""
    return ", ".join(f"{rule} {number(count)}" for rule, count in by_count(rules)[:MOST_NAMED])


def _mostly(failures: list[FailureReason]) -> str:
    """The most frequent reason, to be added after the number of failures."""
    if not failures:
        return ""
    most = f", most often ({number(failures[0].count)} times)" if len(failures) > 1 else ""
    return f"{most} with {failures[0].text.rstrip('.')}"


def advice_for(outcome: str, failures: list[FailureReason]) -> str:
    """What to do about the main outcome; empty for rejections, which depend on the rule."""
    if outcome == REJECTED:
        return ""
    return _advice_for_failures(failures) if outcome == FAILED else _ADVICE.get(outcome, _ADVICE[UNREADABLE])


def advice_for_rule(rule: str, pool: int) -> str:
    """What to do if one rule rejects nearly all candidates."""
    if rule == TOO_SIMILAR:
        dry = f"The pool of {number(pool)} is exhausted for this model and recipe"
        return f"{dry}: add seeds, or change the sampling, in a new run"
    if rule == KEPT_AWAY:
        return "The model writes what the run keeps away from: change the seeds or the sampling in a new run"
    for what, reason in ((CUT_OFF, CUT), (NO_JSON, UNREADABLE), (REFUSAL, REFUSAL)):
        if what in rule:
            return _ADVICE[reason]
    return f"Change the prompt, the model or the rule {rule!r} in a new run"


def _advice_for_failures(failures: list[FailureReason]) -> str:
    reason = failures[0].reason if failures else ""
    if _CONTEXT.search(reason):
        return "Serve the model with a longer context, or lower `max_tokens` in the recipe of a new run"
    return _ADVICE[FILTERED] if _FILTER.search(reason) else _OTHER_FAILURE
