"""Why a run brings nothing: what the last replies were, by name, and what to change for that reason. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from bootstruct.errors import RunStoppedError
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
from bootstruct.journal.state import State
from bootstruct.render.numbers import number
from bootstruct.run.failure_reasons import FailureReason, failure_reasons, group_failures
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.rules import KEPT_AWAY, TOO_SIMILAR

MOST_NAMED: Final = 4  # rules that a message names
_FAILED, _REJECTED = "failed for good", "rejected"
_NO_JSON: Final = "no JSON"  # the rule for replies that were asked for as JSON and are none
_CONTEXT = re.compile(
    r"context (?:length|window|size)|n_ctx|(?:prompt|input) is too long|too many tokens", re.IGNORECASE
)
_FILTER = re.compile(r"content.?(?:filter|management|policy)|safety|moderation", re.IGNORECASE)
_ADVICE: Final = {
    CUT_WHILE_THINKING: "Raise `more_tokens` or `max_tokens` in the recipe of a new run, or let the model think less "
    "(`extra: {reasoning_effort: low}` in its sampling, where the server has that)",
    CUT: "Raise `max_tokens` in the recipe of a new run",
    REFUSAL: "Take a model that does not refuse these requests, or change the prompts in the recipe of a new run",
    FILTERED: "Take out of the seeds and prompts of a new run what the server's filter objects to, or take another server",
    EMPTY: "Look at the server with `bootstruct doctor --model`: it may take whole answers for thoughts (a reasoning parser "
    "that does not fit the model), or the model needs another recipe (`chat` for chat models, `paper` for base models)",
    TOOL_CALLS: "Start the server without tools, or take a model that answers in text",
    UNREADABLE: "Look at some replies with `bootstruct preview`, and take another recipe (`chat` for chat models, `paper` for "
    "base models) or another model in a new run",
}
_OTHER_FAILURE: Final = "Change what the reason names, at the server or in the recipe of a new run"


def stop_if_stalled(state: State, stall_after: int | None) -> None:
    """Raises RunStoppedError after so many requests in a row that brought nothing new."""
    if stall_after is not None and (reason := stall_reason(state, stall_after)):
        raise RunStoppedError(reason)


def stop_if_no_instances(state: State, stall_after: int | None) -> None:
    """Raises RunStoppedError after so many completed tasks in a row without an instance, where more are to come."""
    is_last = len(state.completed) == len(state.accepted)
    if stall_after is not None and not is_last and (reason := no_instances_reason(state, stall_after)):
        raise RunStoppedError(reason)


def stall_reason(state: State, requests: int) -> str:
    """Why a run stalls, and what to do; empty if the last `requests` requests brought anything new.

    Args:
        state: the run's state.
        requests: how many requests in a row without a new instruction make a stall.
    """
    judged = len(state.accepted_after)
    before = state.accepted_after[-requests - 1] if judged > requests else 0
    if judged < requests or state.accepted_after[-1] != before:
        return ""
    events = list(state.recent)[-requests:]
    outcomes = Counter(
        _FAILED if event.failed else event.unread or (_REJECTED if event.verdicts else UNREADABLE) for event in events
    )
    rules = Counter(verdict.rule for event in events for verdict in event.verdicts if verdict.rule is not None)
    failed = (state.failed_requests.get(f"propose/{event.index}") for event in events if event.failed)
    failures = group_failures(failure for failure in failed if failure is not None)
    found = f"The last {number(requests)} requests brought no new instruction"
    causes = _causes(outcomes, rules, failures, "all candidates of")
    main = outcomes.most_common(1)[0][0]
    advice = _advice(main, failures) or _advice_for_rule(_by_count(rules)[0][0], len(state.accepted))
    return f"{found}: {causes}. {advice}; --ignore-stall continues all the same."


def no_instances_reason(state: State, tasks: int) -> str:
    """Why completing tasks is given up, and what to do; empty if one of the last `tasks` completed tasks has an instance.

    Args:
        state: the run's state.
        tasks: how many completed tasks in a row without an instance are too many.
    """
    last = [
        state.completed[task.name]
        for task in state.accepted[max(0, len(state.completed) - tasks) : len(state.completed)]
    ]
    if len(last) < tasks or any(task.instances for task in last):
        return ""
    found = f"The last {number(tasks)} completed tasks have no instance"
    return f"{found}: {_without_instances(last, failure_reasons(state))}; --ignore-stall continues all the same."


def nothing_usable(state: State) -> str:
    """Why nothing of the completed tasks can be exported, and what to do; empty where something can be, or none is completed.

    Args:
        state: the run's state.
    """
    tasks = list(state.completed.values())
    if not tasks or any(state.passed_instances(task.task) for task in tasks):
        return ""
    count = "The only task" if len(tasks) == 1 else f"Each of the {number(len(tasks))} tasks"
    if any(task.instances for task in tasks):
        return f"{count} is without an instance that passed the checks. Change the checks or the model in a new run."
    return f"{count} is without an instance: {_without_instances(tasks, failure_reasons(state))}."


def _without_instances(tasks: Sequence[TaskCompleted], failures: list[FailureReason]) -> str:
    """Why tasks have no instances, and what to do; without the last period."""
    outcomes: Counter[str] = Counter()
    for task in tasks:
        unread = [reason for step, reason in task.unread if step != SHARED]
        outcomes[_FAILED if task.failed else _REJECTED if task.rejected else unread[-1] if unread else UNREADABLE] += 1
    rules = Counter(rejected.rule for task in tasks for rejected in task.rejected)
    main = outcomes.most_common(1)[0][0]
    advice = _advice(main, failures) or "Take another model or recipe in a new run"
    advice += "; --retry-failed then sends them again" if main == _FAILED else ""
    return f"{_causes(outcomes, rules, failures, 'all instances of')}. {advice}"


def _causes(outcomes: Counter[str], rules: Counter[str], failures: list[FailureReason], rejected: str) -> str:
    """What requests came to, most frequent first."""
    parts = []
    for outcome, count in outcomes.most_common():
        if outcome == _REJECTED:
            parts.append(f"{rejected} {number(count)} were rejected ({_named(rules)})")
        elif outcome == _FAILED:
            parts.append(f"{number(count)} failed for good{_mostly(failures)}")
        else:
            replies = "1 reply was" if count == 1 else f"{number(count)} replies were"
            parts.append(f"{replies} {_PHRASES.get(outcome, outcome)}")
    return "; ".join(parts)


_PHRASES: Final = {REFUSAL: "refused", TOOL_CALLS: "tool calls in place of text"}


def _by_count(rules: Counter[str]) -> list[tuple[str, int]]:
    """Rules by count; of equal counts those that compare with the pool first."""
    return sorted(rules.items(), key=lambda row: (-row[1], row[0] not in (TOO_SIMILAR, KEPT_AWAY), row[0]))


def _named(rules: Counter[str]) -> str:
    return ", ".join(f"{rule} {number(count)}" for rule, count in _by_count(rules)[:MOST_NAMED])


def _mostly(failures: list[FailureReason]) -> str:
    """The most frequent reason, as it goes on after how many failed."""
    if not failures:
        return ""
    most = f", most often ({number(failures[0].count)} times)" if len(failures) > 1 else ""
    return f"{most} with {failures[0].text.rstrip('.')}"


def _advice(outcome: str, failures: list[FailureReason]) -> str:
    """What to do about the main outcome; empty for rejections, which depend on the rule."""
    if outcome == _REJECTED:
        return ""
    return _advice_for_failures(failures) if outcome == _FAILED else _ADVICE.get(outcome, _ADVICE[UNREADABLE])


def _advice_for_rule(rule: str, pool: int) -> str:
    if rule == TOO_SIMILAR:
        dry = f"The pool of {number(pool)} has run dry for this model and recipe"
        return f"{dry}: add seeds, or change the sampling, in a new run"
    if rule == KEPT_AWAY:
        return "The model writes what the run keeps away from: change the seeds or the sampling in a new run"
    for what, reason in ((CUT_OFF, CUT), (_NO_JSON, UNREADABLE), (REFUSAL, REFUSAL)):
        if what in rule:
            return _ADVICE[reason]
    return f"Change the prompt, the model or the rule {rule!r} in a new run"


def _advice_for_failures(failures: list[FailureReason]) -> str:
    reason = failures[0].reason if failures else ""
    if _CONTEXT.search(reason):
        return "Serve the model with a longer context, or lower `max_tokens` in the recipe of a new run"
    return _ADVICE[FILTERED] if _FILTER.search(reason) else _OTHER_FAILURE
