"""From requests to tasks with instances: what was rejected, by which rule, and the cost."""

from dataclasses import dataclass

from bootstruct.config.machine import Prices
from bootstruct.journal.cost import usage_cost
from bootstruct.journal.state import State
from bootstruct.reporting.subject import FAILED, WAITING, WITH, WITHOUT, Dataset, RejectedCandidate, RunHistory
from bootstruct.run.failure_reasons import failure_reasons
from bootstruct.stages.rules import EMPTY, KEPT_AWAY, TOO_SIMILAR

EXAMPLES = 6  # instances shown of those that a check rejected
MOST_REASONS = 20  # reasons of failures that are shown
FAILED_REQUEST, UNREAD_REPLY = "request failed for good", "nothing read from the reply about {step}"
STEPS = {"propose": "new instructions", "kind": "a task type", "kinds": "task types", "rewrite": "a new output"}
STEPS |= {"user": "a user's next turn", "assistant": "the answer to it"}


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """`count` texts are left after this step; `lost` were rejected by it.

    Attributes:
        share: of all candidates.
    """

    name: str
    count: int
    lost: int = 0
    share: float = 0.0
    examples: tuple[RejectedCandidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """The numbers of the funnel.

    Attributes:
        requests: of the growing pool.
        steps: from candidates to tasks with instances.
        instances: rejected ones by rule.
        harsh: the rule that rejects more than half of the candidates, if there is one.
        lost: requests that brought nothing, as (outcome, reason, count).
    """

    requests: int
    steps: tuple[FunnelStep, ...]
    instances: tuple[FunnelStep, ...]
    harsh: str = ""
    lost: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StepUsage:
    """Usage of one step with one model.

    Attributes:
        cost: US dollars at list price, None if the price is not known.
        seconds: of answering, summed over replies; 0 if the journal does not tell.
        retries: failed attempts before them.
    """

    step: str
    model: str
    requests: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    retries: int


def funnel_of(subject: Dataset) -> Funnel | None:
    """None if the subject is not a run: only a run records what was rejected."""
    history = subject.history
    if history is None:
        return None
    state = history.state
    total = max(1, state.candidates)
    steps = [FunnelStep("candidates read", state.candidates, 0, 1.0)]
    left = state.candidates
    for rule in rules_in_order(history):
        lost = state.rejections[rule]
        left -= lost
        steps.append(FunnelStep(rule, left, lost, lost / total, tuple(history.examples.get(rule, ()))))
    statuses = {
        status: sum(task.status == status for task in subject.tasks) for status in (WITH, WITHOUT, FAILED, WAITING)
    }
    steps.append(FunnelStep("accepted", left, 0, left / total))
    steps.append(FunnelStep("with instances", statuses[WITH], left - statuses[WITH], statuses[WITH] / total))
    rejected = sorted(history.instance_rejections.items(), key=lambda entry: (-entry[1], entry[0]))
    read = max(1, sum(len(completed.instances) + len(completed.rejected) for completed in state.completed.values()))
    instances = tuple(
        FunnelStep(rule, 0, n, n / read, tuple(history.instance_examples.get(rule, ()))) for rule, n in rejected
    )
    for place, check in enumerate(state.recipe.checks):
        verdicts = [
            v for checks in state.checked.values() for checked in checks[place : place + 1] for v in checked.verdicts
        ]
        lost = sum(not verdict.kept for verdict in verdicts)
        instances += (
            FunnelStep(f"check {check.name}", len(verdicts) - lost, lost, lost / read, _rejected_by(state, place)),
        )
    harsh = next((rule for rule, lost in state.rejections.items() if lost > state.candidates / 2), "")
    return Funnel(len(state.accepted_after), tuple(steps), instances, harsh, lost_requests(state))


def lost_requests(state: State) -> tuple[tuple[str, str, int], ...]:
    """Requests that brought nothing, as (outcome, reason, count): failures, then replies not read."""
    failed = [(FAILED_REQUEST, reason.text, reason.count) for reason in failure_reasons(state)[:MOST_REASONS]]
    unread = [
        (UNREAD_REPLY.format(step=STEPS.get(step, step)), reason, count)
        for (step, reason), count in sorted(state.unread.items(), key=lambda row: (-row[1], row[0]))
    ]
    return (*failed, *unread)


def _rejected_by(state: State, place: int) -> tuple[RejectedCandidate, ...]:
    """Some instances that a check rejected, spread over the run."""
    texts = {task.name: task.text for task in state.accepted}
    found = []
    for task, checks in state.checked.items():
        for verdict in checks[place].verdicts if len(checks) > place else ():
            if not verdict.kept:
                instance = state.completed[task].instances[verdict.instance]
                why = verdict.rule if verdict.score is None else f"{verdict.rule}, {verdict.score:.2f}"
                example_text = f"{texts[task]}\nInput: {instance.input or '(empty)'}\nOutput: {instance.output}"
                found.append(RejectedCandidate(f"{example_text}\n({why})"))
    return tuple(found[:: max(1, len(found) // EXAMPLES)][:EXAMPLES])


def rules_in_order(history: RunHistory) -> list[str]:
    """The names of the rules that rejected something, in the order in which they were applied."""
    named = [rule.name for rule in history.state.recipe.propose.rules]
    late = [KEPT_AWAY, TOO_SIMILAR]
    early = sorted(
        rule for rule in history.state.rejections if rule not in named and rule not in late and rule != EMPTY
    )
    kept_out = [
        rule for rule in early if rule.startswith("not in")
    ]  # they are not in the import's files; no rule rejected them
    early = [rule for rule in early if rule not in kept_out]
    return [rule for rule in (*early, EMPTY, *named, *late, *kept_out) if history.state.rejections.get(rule)]


def spent(history: RunHistory, prices: Prices) -> list[StepUsage]:
    """Usage by step and model, in the order of a run's steps."""
    rows = []
    order = {"propose": 0, "kind": 1, "instances": 2, "rewrite": 3}
    order |= {f"check {check.name}": 4 + place for place, check in enumerate(history.state.recipe.checks)}
    for (step, model), usage in sorted(history.state.usage.items(), key=lambda row: (order.get(row[0][0], 99), row[0])):
        cost = usage_cost(history.state, step, model, prices)
        name = model or history.state.recipe.model_at(step)
        tokens = usage.prompt_tokens, usage.completion_tokens
        rows.append(StepUsage(step, name, usage.requests, usage.reused, *tokens, cost, usage.seconds, usage.retries))
    return rows
