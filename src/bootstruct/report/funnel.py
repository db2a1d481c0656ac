"""From requests to tasks with instances: what was refused on the way, by which rule, and what it cost."""

from dataclasses import dataclass

from bootstruct.events import State
from bootstruct.report.subject import FAILED, WAITING, WITH, WITHOUT, Refusal, Subject, Told
from bootstruct.settings import Prices
from bootstruct.stages.pool import EMPTY, KEPT_AWAY, TOO_SIMILAR

EXAMPLES = 6  # instances shown of those that a check refused


@dataclass(frozen=True, slots=True)
class Step:
    """`count` texts are left after this step, `lost` were refused by it. share: of all candidates."""

    name: str
    count: int
    lost: int = 0
    share: float = 0.0
    examples: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """requests: of the growing pool; steps: from candidates to tasks with instances; instances: refused ones by rule."""

    requests: int
    steps: tuple[Step, ...]
    instances: tuple[Step, ...]
    harsh: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """Usage of one step with one model. cost: US dollars at list price, None where the price is not known. seconds: of
    answering, summed over replies; 0 where the journal does not tell. retries: failed calls before them.
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


def funnel_of(subject: Subject) -> Funnel | None:
    """None where the subject is no run: only a run knows what was refused."""
    told = subject.told
    if told is None:
        return None
    state = told.state
    total = max(1, state.candidates)
    steps = [Step("candidates read", state.candidates, 0, 1.0)]
    left = state.candidates
    for rule in rules_in_order(told):
        lost = state.refusals[rule]
        left -= lost
        steps.append(Step(rule, left, lost, lost / total, tuple(told.examples.get(rule, ()))))
    statuses = {
        status: sum(task.status == status for task in subject.tasks) for status in (WITH, WITHOUT, FAILED, WAITING)
    }
    steps.append(Step("accepted", left, 0, left / total))
    steps.append(Step("with instances", statuses[WITH], left - statuses[WITH], statuses[WITH] / total))
    refused = sorted(told.instance_refusals.items(), key=lambda each: (-each[1], each[0]))
    read = max(1, sum(len(each.instances) + len(each.refused) for each in state.annotated.values()))
    instances = tuple(Step(rule, 0, n, n / read, tuple(told.instance_examples.get(rule, ()))) for rule, n in refused)
    for place, check in enumerate(state.recipe.checks):
        verdicts = [v for checks in state.checked.values() for each in checks[place : place + 1] for v in each.verdicts]
        lost = sum(not verdict.kept for verdict in verdicts)
        instances += (Step(f"check {check.name}", len(verdicts) - lost, lost, lost / read, _refused_by(state, place)),)
    harsh = next((rule for rule, lost in state.refusals.items() if lost > state.candidates / 2), "")
    return Funnel(len(state.marks), tuple(steps), instances, harsh)


def _refused_by(state: State, place: int) -> tuple[Refusal, ...]:
    """Some instances that a check refused, spread over the run."""
    texts = {task.name: task.text for task in state.machine}
    found = []
    for task, checks in state.checked.items():
        for verdict in checks[place].verdicts if len(checks) > place else ():
            if not verdict.kept:
                instance = state.annotated[task].instances[verdict.instance]
                why = verdict.rule if verdict.score is None else f"{verdict.rule}, {verdict.score:.2f}"
                said = f"{texts[task]}\nInput: {instance.input or '(empty)'}\nOutput: {instance.output}"
                found.append(Refusal(f"{said}\n({why})"))
    return tuple(found[:: max(1, len(found) // EXAMPLES)][:EXAMPLES])


def rules_in_order(told: Told) -> list[str]:
    """The names of the rules that refused something, in the order in which they were applied."""
    named = [rule.name for rule in told.state.recipe.propose.rules]
    late = [KEPT_AWAY, TOO_SIMILAR]
    early = sorted(rule for rule in told.state.refusals if rule not in named and rule not in late and rule != EMPTY)
    kept_out = [
        rule for rule in early if rule.startswith("not in")
    ]  # an import's files lack them, no rule refused them
    early = [rule for rule in early if rule not in kept_out]
    return [rule for rule in (*early, EMPTY, *named, *late, *kept_out) if told.state.refusals.get(rule)]


def spent(told: Told, prices: Prices) -> list[Spent]:
    """Usage by step and model, in the order of a run's steps."""
    rows = []
    order = {"propose": 0, "kind": 1, "instances": 2, "rewrite": 3}
    order |= {f"check {check.name}": 4 + place for place, check in enumerate(told.state.recipe.checks)}
    for (step, model), usage in sorted(told.state.usage.items(), key=lambda each: (order.get(each[0][0], 99), each[0])):
        cost = prices.cost(model, usage.prompt_tokens, usage.completion_tokens)
        if cost is None:
            cost = prices.cost(told.state.recipe.model_at(step), usage.prompt_tokens, usage.completion_tokens)
        if cost is None and not usage.requests:
            cost = 0.0  # all of it was taken from other runs
        name = model or told.state.recipe.model_at(step)
        tokens = usage.prompt_tokens, usage.completion_tokens
        rows.append(Spent(step, name, usage.requests, usage.reused, *tokens, cost, usage.seconds, usage.retries))
    return rows
