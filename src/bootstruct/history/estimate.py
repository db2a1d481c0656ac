"""The results of a preview, and the estimate of the whole run that follows from them. Pure."""

import math
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Final

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.journal.cost import price_of
from bootstruct.journal.keys import AGAIN, SHARED
from bootstruct.journal.usage import Usage
from bootstruct.stages.followups import SPEAKERS
from bootstruct.types import Instance, RejectedInstance, Reply, Verdict

ASSUMED_CONCURRENCY = 16  # requests in flight that the estimate of time assumes
STUDENT: Final = (
    6.31,
    2.92,
    2.35,
    2.13,
    2.02,
    1.94,
    1.89,
    1.86,
    1.83,
    1.81,
    1.80,
    1.78,
)  # for 90%, by degrees of freedom
MOST_DOUBT: Final = 3.0  # a factor of at most 20 is reported
NOTHING_ACCEPTED = (
    "The preview accepted no instruction, so nothing can be estimated: read the replies. Does the model fit the recipe "
    "(chat models: recipe chat)?"
)

NOTHING_USABLE = (
    "No task of the preview has a usable instance, so a run would yield nothing: read the replies, then change the recipe or "
    "the model."
)


@dataclass(slots=True)
class PreviewedRequest:
    """One request and what was parsed from its reply.

    Attributes:
        step: the step of the run: `propose`, `kind`, `kinds`, `instances`, `rewrite/N` or `check NAME`; with `/again` for
            a request that was made once more.
        subject: its subject: `request N`, or the instruction of a task.
        prompt: the prompt as text.
        reply: the reply; None if the request failed for good.
        verdicts: the verdicts on the candidates in the reply.
        instances: the instances in the reply that were kept.
        rejected: the instances in the reply that were rejected.
        seconds: how long the reply took; None if it was recorded before.
        unread: why nothing could be read from the reply; empty if something was.
    """

    step: str
    subject: str
    prompt: str
    reply: Reply | None
    verdicts: tuple[Verdict, ...] = ()
    instances: tuple[Instance, ...] = ()
    rejected: tuple[RejectedInstance, ...] = ()
    seconds: float | None = None
    unread: str = ""


Range = tuple[float, float]  # from, to


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated use of a run that continues as in its preview; later requests yield less.

    The ranges are intervals of 90% from the variation among the previewed requests; None if it had fewer than two.

    Attributes:
        tasks: the number of accepted instructions for which it holds.
        instruction_requests: requests for new instructions.
        requests: all requests.
        prompt_tokens: tokens of all prompts.
        completion_tokens: tokens of all replies.
        cost: US dollars at list price; None if a price is not known.
        seconds: wall time at 16 requests in flight; None if nothing was timed.
        requests_range: of `requests`.
        tokens_range: of prompt and reply tokens together.
        cost_range: of `cost`.
        revisions: with `rounds`, how many requests for instructions are made beyond these if every task is rejected in all of
            its rounds; None if the recipe revises nothing.
        revision_tokens: the tokens of such further requests.
        revision_cost: their cost; None if a price is not known.
    """

    tasks: int
    instruction_requests: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None
    requests_range: Range | None = None
    tokens_range: Range | None = None
    cost_range: Range | None = None
    revisions: int | None = None
    revision_tokens: int | None = None
    revision_cost: float | None = None


@dataclass(slots=True)
class Preview:
    """The first requests of a run, and the estimate for the run.

    Attributes:
        requests: the requests in the order in which they were sent.
        accepted: the number of accepted instructions.
        completed: the number of accepted instructions that were classified and given instances: one for each request.
        instances: the number of their instances.
        estimate: the estimate for the whole run; None if no instruction was accepted.
        warnings: a sentence for each unusable part.
    """

    requests: list[PreviewedRequest] = field(default_factory=list)
    accepted: int = 0
    completed: int = 0
    instances: int = 0
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()

    @property
    def has_usable_instances(self) -> bool:
        """Whether any previewed task has an instance, or none was completed by a request of its own."""
        return bool(self.instances) or not self.completed


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
    uses = [
        _step_use(step, count, rows, recipe, prices)
        for step, count in counts.items()
        if (rows := [row for row in preview.requests if row.step.partition("/")[0] == step and row.reply])
    ]
    costs = [use.cost for use in uses]
    seconds = [use.seconds for use in uses]
    known = None not in costs
    revisions = _most_revisions(preview, recipe, tasks)
    growing = next(use for use in uses if use.step == "propose")
    return Estimate(
        tasks,
        counts["propose"],
        sum(use.count for use in uses),
        round(sum(use.count * use.prompt_tokens for use in uses)),
        round(sum(use.count * use.completion_tokens for use in uses)),
        sum(use.count * (use.cost or 0.0) for use in uses) if known else None,
        None if None in seconds else sum(u.count * (u.seconds or 0.0) for u in uses) / ASSUMED_CONCURRENCY,
        interval(preview, tasks, [(use.step, use.count, [1.0] * len(use.tokens)) for use in uses]),
        interval(preview, tasks, [(use.step, use.count, use.tokens) for use in uses]),
        interval(preview, tasks, [(use.step, use.count, use.costs) for use in uses]) if known else None,
        revisions,
        None if revisions is None else round(revisions * (growing.prompt_tokens + growing.completion_tokens)),
        None if revisions is None or growing.cost is None else revisions * growing.cost,
    )


def _most_revisions(preview: Preview, recipe: Recipe, tasks: int) -> int | None:
    """Return how many more requests for instructions a run makes if all tasks are rejected as often as they may be revised.

    Of the accepted tasks, all but one in `rounds + 1` are then revisions, which are requested one at a time; a candidate is
    accepted as often as in the preview.
    """
    check = recipe.revising
    if check is None:
        return None
    revised = tasks * check.rounds / (check.rounds + 1)
    proposed = sum(row.step == "propose" for row in preview.requests)
    candidates = sum(len(row.verdicts) for row in preview.requests)
    usual, alone = preview.accepted / proposed, min(1.0, preview.accepted / max(1, candidates))
    return math.ceil(max(0.0, revised / alone - revised / usual))


@dataclass(frozen=True, slots=True)
class _StepUse:
    """The use of the replies of a step: means, and single values where they vary."""

    step: str
    count: int
    prompt_tokens: float
    completion_tokens: float
    cost: float | None
    seconds: float | None
    tokens: list[float]
    costs: list[float]


def _step_use(step: str, count: int, rows: list[PreviewedRequest], recipe: Recipe, prices: Prices) -> _StepUse:
    replies = [row.reply for row in rows if row.reply]
    prompts, written = [r.prompt_tokens for r in replies], [r.completion_tokens for r in replies]
    costs = [_cost(reply, recipe.model_at(step), prices) for reply in replies]
    timed = [row.seconds for row in rows if row.seconds is not None]
    known = [cost for cost in costs if cost is not None]
    return _StepUse(
        step,
        count,
        mean(prompts),
        mean(written),
        mean(known) if len(known) == len(costs) else None,
        mean(timed) if timed else None,
        [float(reply.prompt_tokens + reply.completion_tokens) for reply in replies],
        known,
    )


def interval(preview: Preview, tasks: int, parts: list[tuple[str, int, list[float]]]) -> Range | None:
    """The interval of a total, from the variation among the previewed requests, on a logarithmic scale.

    Two things vary: the instructions accepted per request (at least as much as counts do by chance), which determine
    the number of requests for instructions, and the use of a reply relative to its step. The last reply is judged
    whole, so the upper end includes its tasks too.

    Args:
        preview: the first requests of the run.
        tasks: the number of accepted instructions to reach.
        parts: for each step its name, how many requests it needs, and the use of each previewed reply.

    Returns:
        None if the preview has fewer than two requests for instructions.
    """
    yields = [sum(v.kept for v in row.verdicts) for row in preview.requests if row.step == "propose"]
    total = sum(count * mean(values) for _, count, values in parts)
    if len(yields) < 2 or total <= 0 or not any(yields):
        return None
    growing = sum(count * mean(values) for step, count, values in parts if step in ("propose", SHARED))
    variance = growing**2 * max((stdev(yields) / mean(yields)) ** 2 / len(yields), 1 / sum(yields))
    several = [values for _, _, values in parts if len(values) > 1 and mean(values)]
    freedom = sum(len(values) - 1 for values in several)
    squares = sum((len(values) - 1) * (stdev(values) / mean(values)) ** 2 for values in several)
    relative = squares / freedom if freedom else 0.0
    variance += sum((count * mean(values)) ** 2 * relative / len(values) for _, count, values in parts)
    quantile = STUDENT[min(max(freedom, 1), len(STUDENT)) - 1]
    factor = math.exp(min(quantile * math.sqrt(variance) / total, MOST_DOUBT))
    return total / factor, total * factor * (1 + max(yields) / tasks)


def _cost(reply: Reply, requested: str, prices: Prices) -> float | None:
    """Return what a reply costs in US dollars; None if the price is not known."""
    return price_of(Usage(1, reply.prompt_tokens, reply.completion_tokens), reply.model, requested, prices)


def _accepted_per_request(preview: Preview, recipe: Recipe, proposed: int) -> float:
    """Return the accepted instructions per request for instructions, in the course of a run.

    If requests rewrite accepted instructions, which no request of a preview does, each of them counts with one
    candidate, which is accepted as often as the others.
    """
    usual, evolve = preview.accepted / proposed, recipe.propose.evolve
    if evolve is None:
        return usual
    candidates = sum(len(row.verdicts) for row in preview.requests)
    rewriting = min(usual, preview.accepted / max(1, candidates))
    return (1 - evolve.share) * usual + evolve.share * rewriting


def _request_counts(preview: Preview, recipe: Recipe, tasks: int) -> dict[str, int]:
    """Return how many requests of each step a run needs; checks are counted as if none of them rejected anything."""
    steps = [row.step for row in preview.requests]
    made = [step.removesuffix(AGAIN) for step in steps]  # those made once more count for their step
    proposed, tried = steps.count("propose"), max(1, steps.count("instances"))
    requests = math.ceil(tasks / _accepted_per_request(preview, recipe, proposed))
    counts = {
        "propose": math.ceil(requests * made.count("propose") / proposed),
        SHARED: math.ceil(requests * made.count(SHARED) / proposed),
        "kind": math.ceil(tasks * made.count("kind") / tried),
        "instances": math.ceil(tasks * made.count("instances") / tried),
        **{
            stage: math.ceil(tasks * sum(step.startswith(f"{stage}/") for step in steps) / max(1, preview.completed))
            for stage in ("rewrite", *SPEAKERS)
        },
    }
    instances_per_task = preview.instances / max(1, preview.completed)
    called = max(1, sum(bool(row.instances) for row in preview.requests))  # times that a check in Python was called
    for check in recipe.checks:
        if check.kind == "python":
            step = f"check {check.name}"
            counts[step] = math.ceil(tasks * instances_per_task * steps.count(step) / called)
        for sort in check.all_requests:
            step = f"check {sort.name}"
            first = steps.count(step)
            twice = made.count(step) / first if first else 1.0
            counts[step] = math.ceil(tasks * instances_per_task * sort.count * twice)
    return counts
