"""A few requests of a run before the run: what is asked, what comes back, what is read from it, and what it will cost.

The replies go to `preview.jsonl` and are taken over by `generate`: nothing of a preview is paid twice.
"""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from bootstruct.domain import Instance, Instruction, Prompt, Refused, Reply, Verdict
from bootstruct.drive import Reuse, Run
from bootstruct.engines import Engine
from bootstruct.errors import BadInput
from bootstruct.events import SHARED, Annotated, Proposed, Started, apply, begin, key_of, siblings
from bootstruct.journal import Journal, read_state
from bootstruct.lineage import text_of
from bootstruct.recipe import Recipe
from bootstruct.runs import PREVIEW, read_plan
from bootstruct.settings import Prices
from bootstruct.stages.annotate import annotate, heard
from bootstruct.stages.checks import Checks
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_instructions

AT_ONCE = 16  # the concurrency that the estimate of time assumes


@dataclass(frozen=True, slots=True)
class Shown:
    """One question as asked, its reply (None: it failed), what was read from it, and the seconds it took."""

    step: str
    about: str
    question: str
    reply: Reply | None
    verdicts: tuple[Verdict, ...] = ()
    instances: tuple[Instance, ...] = ()
    refused: tuple[Refused, ...] = ()
    seconds: float | None = None


@dataclass(slots=True)
class Preview:
    """What was asked, in order, and how many instructions were accepted from how many requests.

    annotated, instances: accepted instructions that were taken further, and what they brought.
    """

    shown: list[Shown] = field(default_factory=list)
    requests: int = 0
    accepted: int = 0
    annotated: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run to `tasks` accepted instructions will take if it goes on as in the preview (later it brings less).

    cost: US dollars, None where the price is not known. seconds: at 16 questions in flight, None where nothing was timed.
    """

    tasks: int
    requests: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float | None


async def preview(folder: Path, engine: Engine, requests: int, reuse: Reuse | None = None) -> Preview:
    """Ask the first `requests` requests of the run and annotate the first accepted instruction of each."""
    recipe, seeds = read_plan(folder)
    path = folder / PREVIEW
    plan = Started(recipe, seeds)
    before = read_state(path) if path.is_file() else None
    journal = Journal(path)
    try:
        if before is None or (before.recipe, before.seeds) != (recipe, seeds):
            if before is None or not before.answered:
                journal.clear()
            else:  # an edited recipe: the old replies stay, they may still be the answer to the same question
                journal.close()
                path.replace(folder / f"preview-{before.recipe.digest()[:8]}.jsonl")
                journal = Journal(path)
            journal.append(plan)
            before = None
        state = before or begin(plan)
        run = Run(state, journal, engine, reuse)
        told = Preview(requests=requests)
        pool = Pool(recipe).catch_up(state)
        for index in range(min(requests, recipe.propose.lag.least)):
            await _one(run, pool, index, told)
        return told
    finally:
        journal.close()


async def _one(run: Run, pool: Pool, index: int, told: Preview) -> None:
    recipe, key = run.state.recipe, f"propose/{index}"
    prompt, shown = propose_prompt(run.state, index)
    reply, seconds = await _timed(run, key, prompt)
    candidates = read_instructions(recipe, reply, shown) if reply else []
    verdicts = pool.judge(index, candidates)
    told.shown.append(Shown("propose", f"request {index}", text_of(prompt), reply, verdicts, seconds=seconds))
    apply(run.state, Proposed(index, shown, verdicts))  # as the run will, but in memory only
    pool.catch_up(run.state)
    kept = run.state.machine[told.accepted :]
    told.accepted += len(kept)
    for task in kept[:1]:
        await _annotate(run, task, told)


async def _timed(run: Run, key: str, prompt: Prompt) -> tuple[Reply | None, float | None]:
    """The reply and the seconds it took, None where it was on record already."""
    known, began = key in run.state.replies, time.monotonic()
    reply = await run.ask(key, prompt)
    return reply, None if known else time.monotonic() - began


async def _annotate(run: Run, task: Instruction, told: Preview) -> None:
    flow = annotate(run.state.recipe, task, siblings(run.state, task.name))
    prompt: Prompt | None = next(flow, None)
    while prompt is not None:
        reply, seconds = await _timed(run, key_of(task.name, prompt.step), prompt)
        asked, following = prompt, None
        instances: tuple[Instance, ...] = ()
        refused: tuple[Refused, ...] = ()
        if (said := heard(prompt, reply)) is not None:
            try:
                following = flow.send(said)
            except StopIteration as done:
                annotated: Annotated = done.value
                instances, refused = annotated.instances, annotated.refused
                told.annotated, told.instances = told.annotated + 1, told.instances + len(instances)
        told.shown.append(Shown(asked.step, task.text, text_of(asked), reply, (), instances, refused, seconds))
        prompt = following
        if prompt is None and instances:
            await _check(run, task, instances, told)


async def _check(run: Run, task: Instruction, instances: tuple[Instance, ...], told: Preview) -> None:
    """The first question of each check about the first instance of a task."""
    checks = Checks(run.state.recipe)
    for check in run.state.recipe.checks:
        for key, prompt in list(checks.questions(check, task, instances, [0]).items())[:1]:
            reply, seconds = await _timed(run, key, prompt)
            told.shown.append(Shown(prompt.step, task.text, text_of(prompt), reply, seconds=seconds))


def estimate(told: Preview, recipe: Recipe, prices: Prices, tasks: int) -> Estimate:
    """From the measured yield, tokens and times of a preview. Raises BadInput where it accepted nothing."""
    if not told.accepted:
        raise BadInput(
            "The preview accepted no instruction, so nothing can be estimated: read the replies above. Does the model fit "
            "the recipe (chat models: recipe chat)?"
        )
    requests = math.ceil(tasks * len([s for s in told.shown if s.step == "propose"]) / told.accepted)
    calls = prompt_tokens = completion_tokens = 0
    seconds: float | None = 0.0
    cost: float | None = 0.0
    tried = max(1, sum(s.step == "instances" for s in told.shown))
    proposed = sum(s.step == "propose" for s in told.shown)
    together = math.ceil(requests * sum(s.step == SHARED for s in told.shown) / proposed)
    alone = math.ceil(tasks * sum(s.step == "kind" for s in told.shown) / tried)
    rewritten = math.ceil(tasks * sum(s.step.startswith("rewrite/") for s in told.shown) / tried)
    steps = (("propose", requests), (SHARED, together), ("kind", alone), ("instances", tasks), ("rewrite", rewritten))
    each = told.instances / max(1, told.annotated)  # instances a task; all are asked about, as if no check refused any
    checks = ((f"check {check.name}", math.ceil(tasks * each * check.asks)) for check in recipe.checks)
    for step, times in (*steps, *checks):
        asked = [s for s in told.shown if s.step.partition("/")[0] == step and s.reply]
        if not asked:
            continue
        before = prompt_tokens, completion_tokens
        calls += times
        prompt_tokens += round(times * sum(s.reply.prompt_tokens for s in asked if s.reply) / len(asked))
        completion_tokens += round(times * sum(s.reply.completion_tokens for s in asked if s.reply) / len(asked))
        part = prices.cost(recipe.model_at(step), prompt_tokens - before[0], completion_tokens - before[1])
        cost = None if cost is None or part is None else cost + part
        timed = [s.seconds for s in asked if s.seconds is not None]
        seconds = None if seconds is None or not timed else seconds + times * sum(timed) / len(timed)
    return Estimate(
        tasks, requests, calls, prompt_tokens, completion_tokens, cost, None if seconds is None else seconds / AT_ONCE
    )
