"""A run in numbers: candidates, accepted instructions, tokens, cost, and progress."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from bootstruct.config.machine import Prices
from bootstruct.journal.cost import cost_of, saved_by_batch
from bootstruct.journal.keys import check_of
from bootstruct.journal.state import State
from bootstruct.journal.usage import Usage
from bootstruct.run.documents import coverage_totals
from bootstruct.run.failure_reasons import FailureReason, failure_reasons
from bootstruct.stages.draw import draw_evolution, visible_count
from bootstruct.stages.followups import draw_intents


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """What one check of the recipe decided and used.

    Attributes:
        name: the check's name in the recipe.
        kind: `agreement`, `rubric`, `back-check`, `grounded`, `decontamination` or `python`.
        asked: instances it decided on.
        kept: of those, instances that passed.
        rejected: of those, instances it rejected, by rule.
        unreadable: of those, instances without a readable reply; passed or rejected as the recipe says.
        undecided: instances about which a request failed for good; they have not passed.
        requests: replies paid for.
        reused: replies reused free.
        prompt_tokens: tokens of prompts.
        completion_tokens: tokens of replies.
        cost: US dollars at list price, None if a price is not known.
    """

    name: str
    kind: str
    asked: int
    kept: int
    rejected: dict[str, int]
    unreadable: int
    undecided: int
    requests: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a run; docs/status.md describes the same names, as `bootstruct status --json` prints them.

    Attributes:
        recipe: name of the recipe.
        model: the recipe's model.
        digest: digest of the recipe.
        origin: `generate`, `import`, `rejudge` or `rewrite`.
        seeds: number of seed tasks.
        requests: requests for instructions that are judged.
        candidates: texts read from their replies.
        rejected: rejected candidates, by rule.
        accepted: accepted instructions.
        evolved: of a recipe that rewrites instructions, `requests` that did so and instructions `accepted` from these.
        revised: of a recipe with `rounds`, `requests` that revised a rejected task, instructions `accepted` from these, and
            tasks among these of which an instance `passed` all checks.
        documents: of a run about documents, how many `documents` and `passages` there are, the passages that were `shown` and
            those `covered` by an accepted task, and the tasks `accepted` about them.
        completed: accepted instructions whose task type and instances are decided.
        classification: of those, classification tasks.
        without_instances: of those, tasks without a usable instance.
        instances: instances kept.
        rejected_instances: rejected instances, by rule.
        conversations: of a recipe with `followups`, instances with further `turns`, how many these are, how many turns the
            recipe `wanted`, and in how many the model wrote the other side as well, which was `cut` off.
        checks: what each check of the recipe decided.
        passed_checks: instances that passed all checks; without checks all instances.
        unread: by step and reason, the replies from which nothing could be read, as in `{"kind": {"unreadable": 2}}`.
        failed: requests that failed for good.
        failed_by_reason: their reasons, most frequent first.
        replies: replies paid for.
        reused: replies reused free.
        prompt_tokens: tokens of prompts, as the servers counted them.
        completion_tokens: tokens of replies, likewise.
        cost: US dollars at list price, None if a model's price is not known.
        batched: of the replies paid for, those that came by batch.
        saved: US dollars that batches saved against the list price; None if a price is not known.
        suspended: servers to which a running run sends nothing for now, and why.
        retries: attempts that failed before their replies came.
        reply_seconds: time spent answering, summed over replies.
        busy_seconds: time with at least one request in flight; 0 if the journal does not tell.
        sessions: the number of sessions in that time.
        yield_rate: accepted instructions per request over the last 100 requests.
    """

    recipe: str
    model: str
    digest: str
    origin: str
    seeds: int
    requests: int
    candidates: int
    rejected: dict[str, int]
    accepted: int
    evolved: dict[str, int]
    revised: dict[str, int]
    documents: dict[str, int]
    completed: int
    classification: int
    without_instances: int
    instances: int
    rejected_instances: dict[str, int]
    conversations: dict[str, int]
    checks: list[CheckStatus]
    passed_checks: int
    unread: dict[str, dict[str, int]]
    failed: int
    failed_by_reason: list[FailureReason]
    replies: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    batched: int
    saved: float | None
    suspended: dict[str, str]
    retries: int
    reply_seconds: float
    busy_seconds: float
    sessions: int
    yield_rate: float


RECENT = 100  # requests over which the yield is taken
PAUSE = 60.0  # seconds without a request that set two sessions apart


def status_of(state: State, prices: Prices, suspended: Mapping[str, str] | None = None) -> Status:
    """The numbers of a state.

    Args:
        suspended: servers that a running run has suspended, and why.
    """
    done = list(state.completed.values())
    rejected_instances: dict[str, int] = {}
    for completed in done:
        for rejected in completed.rejected:
            rejected_instances[rejected.rule] = rejected_instances.get(rejected.rule, 0) + 1
    usage = total(state)
    recent = state.accepted_after[-RECENT - 1 :] if len(state.accepted_after) > RECENT else [0, *state.accepted_after]
    return Status(
        recipe=state.recipe.recipe,
        model=state.recipe.model,
        digest=state.recipe.digest(),
        origin=state.origin,
        seeds=len(state.seeds),
        requests=len(state.accepted_after),
        candidates=state.candidates,
        rejected=dict(sorted(state.rejections.items(), key=lambda rule: (-rule[1], rule[0]))),
        accepted=len(state.accepted),
        evolved=evolved(state),
        revised=revised(state),
        documents=coverage_totals(state),
        completed=len(done),
        classification=sum(a.is_classification for a in done),
        without_instances=sum(not a.instances for a in done),
        instances=sum(len(a.instances) for a in done),
        rejected_instances=dict(sorted(rejected_instances.items(), key=lambda rule: (-rule[1], rule[0]))),
        conversations=conversations(state),
        checks=checks_of(state, prices),
        passed_checks=sum(len(state.passed_instances(task)) for task in state.completed),
        unread=unread_replies(state),
        failed=state.failures,
        failed_by_reason=failure_reasons(state),
        replies=usage.requests,
        reused=usage.reused,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=cost_of(state, prices),
        batched=usage.batched,
        saved=saved_by_batch(state, prices),
        suspended=dict(suspended or {}),
        retries=usage.retries,
        reply_seconds=usage.seconds,
        busy_seconds=sum(last - first for first, last in state.busy_spans),
        sessions=sessions(state),
        yield_rate=(recent[-1] - recent[0]) / max(1, len(recent) - 1),
    )


def evolved(state: State) -> dict[str, int]:
    """How many requests rewrote an accepted instruction, and how many instructions were accepted from them.

    Requests that were taken from another run are not counted: they were drawn there.
    """
    propose, after = state.recipe.propose, state.accepted_after
    if propose.evolve is None:
        return {}
    drawn = [
        index
        for index in range(state.inherited, len(after))
        if index not in state.revises
        and draw_evolution(propose, state.recipe.seed, index, visible_count(propose, index, after)) is not None
    ]
    kept = sum(after[index] - (after[index - 1] if index else 0) for index in drawn)
    return {"requests": len(drawn), "accepted": kept}


def revised(state: State) -> dict[str, int]:
    """How many requests revised a rejected task, and how many tasks came and passed the checks; empty without `rounds`."""
    if state.recipe.revising is None:
        return {}
    tasks = [task.name for task in state.accepted if int(task.name.partition(".")[0]) in state.revises]
    passed = sum(bool(state.passed_instances(task)) for task in tasks)
    return {"requests": len(state.revises), "accepted": len(tasks), "passed": passed}


def conversations(state: State) -> dict[str, int]:
    """How many instances have further turns, how many turns there are and were wanted, and in how many one side was cut.

    Empty if the recipe has no `followups`.
    """
    recipe, followups = state.recipe, state.recipe.followups
    if followups is None:
        return {}
    done = [(task.task, n, pair) for task in state.completed.values() for n, pair in enumerate(task.instances)]
    return {
        "instances": sum(bool(instance.turns) for _, _, instance in done),
        "turns": sum(len(instance.turns) for _, _, instance in done),
        "wanted": sum(len(draw_intents(recipe, followups, task, number)) for task, number, _ in done),
        "cut": sum(bool(turn.cut) for _, _, instance in done for turn in instance.turns),
    }


def unread_replies(state: State) -> dict[str, dict[str, int]]:
    """By step and reason, how many replies gave nothing to read (of two to the same request, the second counts)."""
    found: dict[str, dict[str, int]] = {}
    for (step, reason), count in sorted(state.unread.items()):
        found.setdefault(step, {})[reason] = count
    return found


def by_reason(unread: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Counts by reason and step of counts by step and reason, most frequent reason first."""
    found: dict[str, dict[str, int]] = {}
    for step, reasons in unread.items():
        for reason, count in reasons.items():
            found.setdefault(reason, {})[step] = count
    return dict(sorted(found.items(), key=lambda row: -sum(row[1].values())))


def sessions(state: State) -> int:
    """In how many sessions the run was made: spans with requests, more than PAUSE seconds apart."""
    spans = state.busy_spans
    return bool(spans) + sum(later[0] - earlier[1] > PAUSE for earlier, later in pairwise(spans))


def total(state: State) -> Usage:
    """Usage over all steps and models."""
    return reduce(Usage.plus, state.usage.values(), Usage())


def checks_of(state: State, prices: Prices) -> list[CheckStatus]:
    """What each check of the recipe did, in their order."""
    statuses = []
    for place, check in enumerate(state.recipe.checks):
        decided = [checks[place] for checks in state.checked.values() if len(checks) > place]
        verdicts = [verdict for event in decided for verdict in event.verdicts]
        steps = {at for at, _ in state.usage if check_of(at) == check.name}
        used = reduce(Usage.plus, (usage for (at, _), usage in state.usage.items() if at in steps), Usage())
        costs = [cost_of(state, prices, step) for step in sorted(steps)]
        statuses.append(
            CheckStatus(
                name=check.name,
                kind=check.kind,
                asked=len(verdicts),
                kept=sum(verdict.kept for verdict in verdicts),
                rejected=dict(Counter(verdict.rule for verdict in verdicts if verdict.rule is not None).most_common()),
                unreadable=sum(verdict.is_unreadable for verdict in verdicts),
                undecided=undecided_instances(state, place),
                requests=used.requests,
                reused=used.reused,
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                cost=None if None in costs else sum(cost or 0.0 for cost in costs),
            )
        )
    return statuses


def undecided_instances(state: State, place: int) -> int:
    """Instances about which a request of check number `place` failed for good."""
    count = 0
    for task, checks in state.checked.items():
        if len(checks) > place and checks[place].failed:
            before = len(checks[place - 1].kept) if place else len(state.completed[task].instances)
            count += before - len(checks[place].verdicts)
    return count
