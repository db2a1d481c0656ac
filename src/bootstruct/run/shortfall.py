"""Why a run brings nothing: the kinds of the last replies, and what to change in each case. Pure."""

from collections import Counter

from bootstruct.errors import RunStoppedError
from bootstruct.journal.events import UNREADABLE
from bootstruct.journal.state import State
from bootstruct.render.numbers import number
from bootstruct.run.failure_reasons import failure_reasons, group_failures
from bootstruct.run.outcomes import (
    FAILED,
    REJECTED,
    advice_for,
    advice_for_rule,
    by_count,
    causes,
    without_instances,
)


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
        FAILED if event.failed else event.unread or (REJECTED if event.verdicts else UNREADABLE) for event in events
    )
    rules = Counter(verdict.rule for event in events for verdict in event.verdicts if verdict.rule is not None)
    failed = (state.failed_requests.get(f"propose/{event.index}") for event in events if event.failed)
    failures = group_failures(failure for failure in failed if failure is not None)
    found = f"The last {number(requests)} requests brought no new instruction"
    why = causes(outcomes, rules, failures, "all candidates of")
    main = outcomes.most_common(1)[0][0]
    advice = advice_for(main, failures) or advice_for_rule(by_count(rules)[0][0], len(state.accepted))
    return f"{found}: {why}. {advice}; --ignore-stall continues nevertheless."


def no_instances_reason(state: State, tasks: int) -> str:
    """Why completing tasks is abandoned, and what to do; empty if one of the last `tasks` has an instance.

    Args:
        state: the run's state.
        tasks: how many completed tasks in a row without an instance are too many.
    """
    count = len(state.completed)
    if count < tasks or (tasks and state.completed[state.accepted[count - 1].name].instances):
        return ""
    last = [state.completed[task.name] for task in state.accepted[count - tasks : count]]
    if any(task.instances for task in last):
        return ""
    found = f"The last {number(tasks)} completed tasks have no instance"
    return f"{found}: {without_instances(last, failure_reasons(state))}; --ignore-stall continues nevertheless."


def nothing_usable(state: State) -> str:
    """Why nothing of the completed tasks can be exported, and what to do; empty if something can be, or none is completed.

    Args:
        state: the run's state.
    """
    tasks = list(state.completed.values())
    if not tasks or any(state.passed_instances(task.task) for task in tasks):
        return ""
    count = "The only task" if len(tasks) == 1 else f"Each of the {number(len(tasks))} tasks"
    if any(task.instances for task in tasks):
        return f"{count} is without an instance that passed the checks. Change the checks or the model in a new run."
    return f"{count} is without an instance: {without_instances(tasks, failure_reasons(state))}."
