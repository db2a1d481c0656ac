"""What a run has come to, in numbers: the funnel, tokens, money, and how far it is."""

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from bootstruct.events import State, Usage
from bootstruct.settings import Prices


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a run. cost: US dollars at list price, None where a model's price is not known.

    refused: candidates refused, by rule. yield_rate: accepted instructions per request over the last 100 requests.
    answer_seconds: summed over replies; busy_seconds: with at least one question in flight, in so many `sittings`. Both
    are 0 where the journal does not tell.
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
    retries: int
    answer_seconds: float
    busy_seconds: float
    sittings: int
    yield_rate: float


RECENT = 100
PAUSE = 60.0  # seconds


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
        retries=usage.retries,
        answer_seconds=usage.seconds,
        busy_seconds=sum(last - first for first, last in state.busy),
        sittings=sittings(state),
        yield_rate=(recent[-1] - recent[0]) / max(1, len(recent) - 1),
    )


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 10 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def sittings(state: State) -> int:
    """In how many goes the run was made: spans of asking with more than PAUSE seconds between them."""
    spans = state.busy
    return bool(spans) + sum(later[0] - earlier[1] > PAUSE for earlier, later in pairwise(spans))


def total(state: State) -> Usage:
    """Usage over all steps and models."""
    return reduce(Usage.plus, state.usage.values(), Usage())


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
