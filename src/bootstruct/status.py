"""What a run has come to, in numbers: the funnel, tokens, money, and how far it is."""

from dataclasses import dataclass

from bootstruct.events import State, Usage
from bootstruct.settings import Prices


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a run. cost: US dollars at list price, None where a model's price is not known.

    refused: candidates refused, by rule. yield_rate: accepted instructions per request over the last 100 requests.
    """

    recipe: str
    model: str
    digest: str
    origin: str
    seeds: int
    requests: int
    candidates: int
    refused: dict[str, int]
    accepted: int
    annotated: int
    classification: int
    without_instances: int
    instances: int
    refused_instances: dict[str, int]
    failed: int
    calls: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    yield_rate: float


RECENT = 100


def status_of(state: State, prices: Prices) -> Status:
    """The numbers of a state."""
    done = list(state.annotated.values())
    refused_instances: dict[str, int] = {}
    for annotated in done:
        for refused in annotated.refused:
            refused_instances[refused.rule] = refused_instances.get(refused.rule, 0) + 1
    usage = total(state)
    recent = state.marks[-RECENT - 1 :] if len(state.marks) > RECENT else [0, *state.marks]
    return Status(
        recipe=state.recipe.recipe,
        model=state.recipe.model,
        digest=state.recipe.digest(),
        origin=state.origin,
        seeds=len(state.seeds),
        requests=len(state.marks),
        candidates=state.candidates,
        refused=dict(sorted(state.refusals.items(), key=lambda rule: (-rule[1], rule[0]))),
        accepted=len(state.machine),
        annotated=len(done),
        classification=sum(a.is_classification for a in done),
        without_instances=sum(not a.instances for a in done),
        instances=sum(len(a.instances) for a in done),
        refused_instances=dict(sorted(refused_instances.items(), key=lambda rule: (-rule[1], rule[0]))),
        failed=state.failures,
        calls=usage.requests,
        reused=usage.reused,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=cost_of(state, prices),
        yield_rate=(recent[-1] - recent[0]) / max(1, len(recent) - 1),
    )


def total(state: State) -> Usage:
    """Usage over all steps and models."""
    each = list(state.usage.values())
    return Usage(
        sum(u.requests for u in each),
        sum(u.prompt_tokens for u in each),
        sum(u.completion_tokens for u in each),
        sum(u.reused for u in each),
    )


def cost_of(state: State, prices: Prices) -> float | None:
    """What the replies cost at list price, in US dollars; None where a price is not known."""
    cost = 0.0
    for (_, model), usage in state.usage.items():
        part = prices.cost(model, usage.prompt_tokens, usage.completion_tokens)
        if part is None:
            part = prices.cost(state.recipe.model, usage.prompt_tokens, usage.completion_tokens)
        if part is None:
            return None
        cost += part
    return cost
