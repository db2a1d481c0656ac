"""Requests that revise a task which the solvers of a check rejected: which request revises which task, and its prompt. Pure.

A revision is a request for instructions like any other: it has a number in their order, its candidates are judged by the same
rules and for novelty, and what is accepted is completed and checked. docs/why/revisions.md gives the reasons.
"""

from bisect import bisect_left
from typing import Any

from bootstruct.config.recipe import Check
from bootstruct.journal.state import State, task_named
from bootstruct.stages.draw import visible_count
from bootstruct.types import CheckVerdict, Instance, Instruction


def verdicts_are_in(state: State, index: int) -> bool:
    """Return whether the checks have decided on all tasks that request `index` may see; without `rounds`, it does not ask."""
    if state.recipe.revising is None or index < state.inherited:
        return True
    return state.checks_done >= visible_count(state.recipe.propose, index, state.accepted_after)


def revised_task(state: State, index: int) -> Instruction | None:
    """Return the task that request `index` revises; None if it asks for new ones.

    Of the tasks that the request may see, it is the first one that waits for a revision and that no earlier request revises.

    Args:
        state: the state, in which `verdicts_are_in` holds for the request.
        index: the number of the request.
    """
    judged = len(state.accepted_after)
    if index < judged:
        name = state.revises.get(index)
        return None if name is None else task_named(state, name)
    if not state.to_revise:
        return None
    taken = 0
    for earlier in range(max(judged, state.inherited), index + 1):
        visible = visible_count(state.recipe.propose, earlier, state.accepted_after)
        has_one = taken < bisect_left(state.to_revise, visible)
        if earlier == index:
            return state.accepted[state.to_revise[taken]] if has_one else None
        taken += has_one
    return None


def revision_values(state: State, check: Check, task: Instruction) -> dict[str, object]:
    """Return what the template of a request for a revision may use.

    Args:
        state: the state.
        check: the check that rejected the task.
        task: the task.
    """
    completed, checked = state.revised_because[task.name]
    rejected = [verdict for verdict in checked.verdicts if verdict.scores and not verdict.kept]
    return {
        "instruction": " ".join(task.text.split()),
        "instances": [_instance_values(completed.instances[verdict.instance], verdict) for verdict in rejected],
        "round": sum(1 for _ in state.ancestors(task.name)),
        "rounds": check.rounds,
        "with_instances": state.recipe.propose.with_instances,
    }


def example_values(check: Check, with_instances: bool) -> dict[str, object]:
    """Return made-up values of the same form, with which a template is tried out before anything is paid for."""
    verdict = CheckVerdict(0, "too easy", 0.0, scores=(1.0, 1.0), answers=("An answer.", "An answer."))
    shown = _instance_values(Instance("An input.", "An output."), verdict)
    values: dict[str, object] = {"instruction": "An instruction.", "instances": [shown]}
    return {**values, "round": 1, "rounds": check.rounds, "with_instances": with_instances}


def _instance_values(instance: Instance, verdict: CheckVerdict) -> dict[str, Any]:
    weak, strong = verdict.scores
    weak_answer, strong_answer = verdict.answers or ("", "")
    return {
        "input": instance.input,
        "output": instance.output,
        "verdict": verdict.rule,
        "weak": round(100 * weak),
        "strong": round(100 * strong),
        "weak_answer": weak_answer,
        "strong_answer": strong_answer,
    }
