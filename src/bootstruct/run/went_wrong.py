"""What went wrong more often than not, and what to change: a run that reached its goal may still be bad. Pure.

It counts what brought nothing. Candidates that rules, novelty or checks reject do not count: that is the purpose of
these, and a growing pool rejects more and more of them.
"""

from collections import Counter

from bootstruct.config.recipe import Check
from bootstruct.journal.events import REFUSAL, UNREADABLE
from bootstruct.journal.keys import check_of, step_of
from bootstruct.journal.state import State
from bootstruct.render.numbers import number
from bootstruct.run.failure_reasons import FailureReason, group_failures
from bootstruct.run.outcomes import FAILED, advice_for, causes, named, without_instances
from bootstruct.run.shortfall import nothing_usable
from bootstruct.run.status import undecided_instances
from bootstruct.stages.parsing.instances import DUPLICATE
from bootstruct.stages.propose import NO_JSON


def went_wrong(state: State) -> tuple[str, ...]:
    """A sentence or two for each of these of which more than half went wrong, over the whole run; none if all is well.

    - requests for instructions that failed for good, or from whose replies nothing could be read;
    - replies about task types that could not be read;
    - completed tasks without an instance;
    - instances that were rejected as unusable (of those that only repeat another, nothing is lost);
    - instances without a verdict of a check: its reply could not be read, or the request failed for good.

    Args:
        state: the run's state.
    """
    found = [_requests(state), _task_types(state)]
    if not nothing_usable(state):  # which says so already
        found += [_tasks(state), _instances(state)]
    found += [_check(state, place, check) for place, check in enumerate(state.recipe.checks)]
    return tuple(sentence for sentence in found if sentence)


def _requests(state: State) -> str:
    """Requests for instructions. Those of a run whose outputs are rewritten were another run's."""
    if state.origin == "rewrite":
        return ""
    later = sum(task.failed for task in state.completed.values())
    later += sum(event.failed for events in state.checked.values() for event in events)
    outcomes = Counter({reason: count for (step, reason), count in state.unread.items() if step == "propose"})
    outcomes[FAILED] += state.failures - later
    outcomes[UNREADABLE] += state.rejections.get(NO_JSON, 0)  # one for each reply that is not a list of tasks
    failures = _failures(state, "propose")
    return _sentence("requests for instructions brought nothing to read", outcomes, len(state.accepted_after), failures)


def _task_types(state: State) -> str:
    tasks = [task for task in state.completed.values() if not task.failed]
    outcomes = Counter(reason for task in tasks for step, reason in task.unread if step == "kind")
    return _sentence("replies about task types could not be read", outcomes, len(tasks), [])


def _tasks(state: State) -> str:
    without = [task for task in state.completed.values() if not task.instances]
    if not _is_most(len(without), len(state.completed)):
        return ""
    why = without_instances(without, _failures(state, "annotate"))
    return f"{_share(len(without), len(state.completed))} completed tasks have no instance: {why}."


def _instances(state: State) -> str:
    tasks = state.completed.values()
    rules = Counter(rejected.rule for task in tasks for rejected in task.rejected if rejected.rule != DUPLICATE)
    total = rules.total() + sum(len(task.instances) for task in tasks)
    if not _is_most(rules.total(), total):
        return ""
    advice = advice_for(REFUSAL if REFUSAL in max(rules, key=rules.__getitem__) else UNREADABLE, [])
    return f"{_share(rules.total(), total)} instances were rejected as unusable: {named(rules)}. {advice}."


def _check(state: State, place: int, check: Check) -> str:
    decided = [events[place] for events in state.checked.values() if len(events) > place]
    verdicts = [verdict for event in decided for verdict in event.verdicts]
    undecided = undecided_instances(state, place)
    outcomes = Counter({UNREADABLE: sum(verdict.is_unreadable for verdict in verdicts), FAILED: undecided})
    failures = _failures(state, "check", check.name)
    what = f"instances have no verdict of the check {check.name!r}"
    return _sentence(what, outcomes, len(verdicts) + undecided, failures)


def _sentence(what: str, outcomes: Counter[str], total: int, failures: list[FailureReason]) -> str:
    """How many of all went wrong, the causes, and what to change; empty if it was not more than half."""
    if not _is_most(outcomes.total(), total):
        return ""
    advice = advice_for(outcomes.most_common(1)[0][0], failures)
    return f"{_share(outcomes.total(), total)} {what}: {causes(+outcomes, Counter(), failures, '')}. {advice}."


def _is_most(part: int, whole: int) -> bool:
    return 2 * part > whole


def _share(part: int, whole: int) -> str:
    return f"{number(part)} of {number(whole)}"


def _failures(state: State, stream: str, check: str = "") -> list[FailureReason]:
    """The reasons of requests of one stream (and check) that failed for good."""
    found = [(key.split("/"), event) for key, event in state.failed_requests.items()]
    return group_failures(
        event for parts, event in found if parts[0] == stream and check in ("", check_of(step_of(event.key)))
    )
