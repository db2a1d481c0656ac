"""What a run has come to, in numbers: the funnel, tokens, money, and how far it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from bootstruct.events import State, Usage
from bootstruct.settings import Prices


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """What one check did to how many instances, and what it took.

    asked: those it decided on, kept or refused (by rule). unreadable: of those, without a reply that could be read, kept
    or refused as the recipe says. undecided: those about which a question failed for good; they do not stand.
    """

    name: str
    kind: str
    asked: int
    kept: int
    refused: dict[str, int]
    unreadable: int
    undecided: int
    requests: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a run. cost: US dollars at list price, None where a model's price is not known.

    refused: candidates refused, by rule. yield_rate: accepted instructions per request over the last 100 requests.
    answer_seconds: summed over replies; busy_seconds: with at least one question in flight, in so many `sittings`. Both
    are 0 where the journal does not tell. batched: replies that came by batch; saved: US dollars that this saved. aside:
    servers set aside now, and why.
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
    checks: list[CheckStatus]
    standing: int
    failed: int
    calls: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    batched: int
    saved: float | None
    aside: dict[str, str]
    retries: int
    answer_seconds: float
    busy_seconds: float
    sittings: int
    yield_rate: float


RECENT = 100
PAUSE = 60.0  # seconds


def status_of(state: State, prices: Prices, aside: Mapping[str, str] | None = None) -> Status:
    """The numbers of a state. aside: servers that a run which is going on has set aside, and why."""
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
        checks=checks_of(state, prices),
        standing=sum(len(state.standing(task)) for task in state.annotated),
        failed=state.failures,
        calls=usage.requests,
        reused=usage.reused,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=cost_of(state, prices),
        batched=usage.batched,
        saved=saved_by_batch(state, prices),
        aside=dict(aside or {}),
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


def checks_of(state: State, prices: Prices) -> list[CheckStatus]:
    """What each check of the recipe did, in their order."""
    told = []
    for place, check in enumerate(state.recipe.checks):
        decided = [checks[place] for checks in state.checked.values() if len(checks) > place]
        verdicts = [verdict for each in decided for verdict in each.verdicts]
        step = f"check {check.name}"
        used = reduce(Usage.plus, (usage for (at, _), usage in state.usage.items() if at == step), Usage())
        told.append(
            CheckStatus(
                name=check.name,
                kind=check.kind,
                asked=len(verdicts),
                kept=sum(verdict.kept for verdict in verdicts),
                refused=dict(Counter(verdict.rule for verdict in verdicts if verdict.rule is not None).most_common()),
                unreadable=sum(verdict.is_unreadable for verdict in verdicts),
                undecided=_undecided(state, place),
                requests=used.requests,
                reused=used.reused,
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                cost=cost_of(state, prices, step),
            )
        )
    return told


def _undecided(state: State, place: int) -> int:
    """Instances that a question about failed for good."""
    count = 0
    for task, checks in state.checked.items():
        if len(checks) > place and checks[place].failed:
            before = len(checks[place - 1].kept) if place else len(state.annotated[task].instances)
            count += before - len(checks[place].verdicts)
    return count


def cost_of(state: State, prices: Prices, step: str | None = None) -> float | None:
    """What the replies (of one step) cost, at list price and by batch at its part of it, in US dollars; None where a price
    is not known."""
    cost = 0.0
    for (at, model), usage in state.usage.items():
        if step is not None and at != step:
            continue
        known = model if prices.of(model) else state.recipe.model_at(at)
        part = prices.cost(known, usage.prompt_tokens, usage.completion_tokens)
        if part is None and not usage.requests:
            part = 0.0  # all of it was taken from other runs
        if part is None:
            return None
        by_batch = prices.cost(known, usage.batched_prompt, usage.batched_completion) or 0.0
        cost += part - (1 - prices.batch_factor) * by_batch
    return cost


def saved_by_batch(state: State, prices: Prices) -> float | None:
    """What batches have saved against the list price, in US dollars; None where a price is not known."""
    saved = 0.0
    for (at, model), usage in state.usage.items():
        known = model if prices.of(model) else state.recipe.model_at(at)
        part = prices.cost(known, usage.batched_prompt, usage.batched_completion)
        if part is None and usage.batched:
            return None
        saved += (1 - prices.batch_factor) * (part or 0.0)
    return saved
