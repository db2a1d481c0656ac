"""What a preview found, and the estimate of the whole run that follows from it. Pure."""

import math
from dataclasses import dataclass, field

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.journal.cost import total_price
from bootstruct.journal.keys import AGAIN, SHARED
from bootstruct.journal.state import Usage
from bootstruct.types import Instance, RejectedInstance, Reply, Verdict

ASSUMED_CONCURRENCY = 16  # requests in flight that the estimate of time assumes
NOTHING_ACCEPTED = (
    "The preview accepted no instruction, so nothing can be estimated: read the replies. Does the model fit the recipe "
    "(chat models: recipe chat)?"
)


@dataclass(slots=True)
class PreviewedRequest:
    """One request and what was parsed from its reply.

    Attributes:
        step: the step of the run: `propose`, `kind`, `kinds`, `instances`, `rewrite/N` or `check NAME`; with `/again` for
            a request that was made once more.
        subject: what it is about: `request N`, or the instruction of a task.
        prompt: the prompt as text.
        reply: the reply; None if the request failed for good.
        verdicts: the verdicts on the candidates in the reply.
        instances: the instances in the reply that were kept.
        rejected: the instances in the reply that were rejected.
        seconds: how long the reply took; None if it was recorded before.
    """

    step: str
    subject: str
    prompt: str
    reply: Reply | None
    verdicts: tuple[Verdict, ...] = ()
    instances: tuple[Instance, ...] = ()
    rejected: tuple[RejectedInstance, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take if it goes on as in its preview; later requests bring less.

    Attributes:
        tasks: the number of accepted instructions that it is for.
        instruction_requests: requests for new instructions.
        requests: all requests.
        prompt_tokens: tokens of all prompts.
        completion_tokens: tokens of all replies.
        cost: US dollars at list price; None if a price is not known.
        seconds: wall time at 16 requests in flight; None if nothing was timed.
    """

    tasks: int
    instruction_requests: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None


@dataclass(slots=True)
class Preview:
    """The first requests of a run, and what the run is estimated to take.

    Attributes:
        requests: the requests in the order in which they were asked.
        accepted: the number of accepted instructions.
        completed: the number of accepted instructions that were classified and given instances: one for each request.
        instances: the number of their instances.
        estimate: what the whole run will take; None if no instruction was accepted.
    """

    requests: list[PreviewedRequest] = field(default_factory=list)
    accepted: int = 0
    completed: int = 0
    instances: int = 0
    estimate: Estimate | None = None


def estimate(preview: Preview, recipe: Recipe, prices: Prices, tasks: int) -> Estimate:
    """Estimate a run from its first requests.

    Args:
        preview: the first requests of the run.
        recipe: the run's recipe.
        prices: the prices of models.
        tasks: the number of accepted instructions to reach.

    Raises:
        InputError: no instruction was accepted.
    """
    if not preview.accepted:
        raise InputError(NOTHING_ACCEPTED)
    counts = _request_counts(preview, recipe, tasks)
    prompt_tokens = completion_tokens = total = 0
    seconds: float | None = 0.0
    cost: float | None = 0.0
    for step, count in counts.items():
        answered = [row for row in preview.requests if row.step.partition("/")[0] == step and row.reply]
        if not answered:
            continue
        total += count
        step_prompt = round(count * sum(row.reply.prompt_tokens for row in answered if row.reply) / len(answered))
        step_reply = round(count * sum(row.reply.completion_tokens for row in answered if row.reply) / len(answered))
        prompt_tokens, completion_tokens = prompt_tokens + step_prompt, completion_tokens + step_reply
        step_cost = _mean_cost(answered, recipe.model_at(step), prices)
        cost = None if cost is None or step_cost is None else cost + count * step_cost
        timed = [row.seconds for row in answered if row.seconds is not None]
        seconds = None if seconds is None or not timed else seconds + count * sum(timed) / len(timed)
    wall = None if seconds is None else seconds / ASSUMED_CONCURRENCY
    return Estimate(tasks, counts["propose"], total, prompt_tokens, completion_tokens, cost, wall)


def _mean_cost(answered: list[PreviewedRequest], requested: str, prices: Prices) -> float | None:
    """Return what a reply costs on average in US dollars; None if a price is not known."""
    usage: dict[str, Usage] = {}
    for reply in (row.reply for row in answered if row.reply):
        used = Usage(1, reply.prompt_tokens, reply.completion_tokens)
        usage[reply.model] = usage.get(reply.model, Usage()).plus(used)
    cost = total_price(((used, model, requested) for model, used in usage.items()), prices)
    return None if cost is None else cost / len(answered)


def _request_counts(preview: Preview, recipe: Recipe, tasks: int) -> dict[str, int]:
    """Return how many requests of each step a run needs; checks are counted as if none of them rejected anything."""
    steps = [row.step for row in preview.requests]
    made = [step.removesuffix(AGAIN) for step in steps]  # those made once more count for their step
    proposed, tried = steps.count("propose"), max(1, steps.count("instances"))
    requests = math.ceil(tasks * proposed / preview.accepted)
    counts = {
        "propose": math.ceil(requests * made.count("propose") / proposed),
        SHARED: math.ceil(requests * made.count(SHARED) / proposed),
        "kind": math.ceil(tasks * made.count("kind") / tried),
        "instances": math.ceil(tasks * made.count("instances") / tried),
        "rewrite": math.ceil(tasks * sum(step.startswith("rewrite/") for step in steps) / tried),
    }
    instances_per_task = preview.instances / max(1, preview.completed)
    called = max(1, sum(bool(row.instances) for row in preview.requests))  # times that a check in Python was called
    for check in recipe.checks:
        step = f"check {check.name}"
        asks = steps.count(step) / called if check.kind == "python" else check.asks
        counts[step] = math.ceil(tasks * instances_per_task * asks)
    return counts
