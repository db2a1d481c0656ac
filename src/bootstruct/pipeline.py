"""The whole pipeline, on one page. Read this first.

    seeds -> draw -> propose -> read -> judge -> pool -> annotate -> instances (-> checks) -> (export) -> training examples

The streams run at once: one grows the pool, one completes the accepted tasks, and one runs the recipe's checks, if
any. Each commits strictly in the order of its own index. Every request goes through `run.ask`, which looks in the
journal first, so running again resumes.
"""

from contextlib import aclosing
from functools import partial

from bootstruct.journal.events import CandidatesJudged, TaskCompleted
from bootstruct.journal.state import is_left
from bootstruct.run.goal import Goal
from bootstruct.run.instance_check_worker import check_again, check_instances
from bootstruct.run.scheduler import ActiveRun, in_order, together
from bootstruct.run.shortfall import stop_if_no_instances, stop_if_stalled
from bootstruct.stages.annotate import annotate_in
from bootstruct.stages.passages import passage_name
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_candidates
from bootstruct.stages.revisions import revised_task, verdicts_are_in
from bootstruct.stages.steering import recorded_hints
from bootstruct.types import Reply

STALL_AFTER = 100  # committed requests in a row without a kept instruction before a run stops by itself


async def generate(run: ActiveRun, goal: Goal | int, stall_after: int | None = STALL_AFTER) -> None:
    """Bring the run to its goal: a number of accepted instructions, all of them completed, or a number of instances.

    Raises RunStoppedError (budget, stall, silence) and EngineUnavailableError (key, model, server); all paid replies are kept.
    """
    run.pacer.goal = Goal(goal) if isinstance(goal, int) else goal
    completing = complete_tasks(run, None if run.retry_failed else stall_after)
    await together(run, grow_pool(run, stall_after), completing, check_instances(run), retry_failed(run))
    await together(run, check_again(run))
    run.pacer.raise_if_ended()


async def grow_pool(run: ActiveRun, stall_after: int | None) -> None:
    """Stage 1: ask for new instructions until there are enough. The last reply is judged whole; the overshoot stays."""
    state, propose = run.state, run.state.recipe.propose
    pool = Pool(state.recipe, run.code).catch_up(state)

    def may_start(index: int) -> bool:
        is_drawn = index - propose.lag.of(index) < len(state.accepted_after) and verdicts_are_in(state, index)
        return is_drawn and run.pacer.may_ask(index)

    async def request(index: int) -> tuple[tuple[str, ...], Reply | None]:
        prompt, shown = propose_prompt(state, index)
        return shown, await run.ask_twice(f"propose/{index}", prompt)

    if not run.pacer.goal.has_enough_tasks(state):
        stop_if_stalled(state, stall_after)
    async with aclosing(in_order(len(state.accepted_after), may_start, request, run.pacer.more)) as replies:
        async for index, (shown, reply) in replies:
            candidates, unread = read_candidates(state.recipe, reply, shown, state.asks_again)
            revised = revised_task(state, index)
            revises = revised.name if revised else ""
            verdicts = pool.judge(index, candidates, [*state.ancestors(revises)])
            if not await run.pacer.may_judge(sum(verdict.kept for verdict in verdicts)):
                break
            names, hints = (revises, passage_name(state.recipe, index)), recorded_hints(state, index)
            run.record(CandidatesJudged(index, shown, verdicts, reply is None, unread, *names, hints))
            pool.catch_up(state)
            if run.pacer.goal.has_enough_tasks(state):
                break
            stop_if_stalled(state, stall_after)
    run.pacer.grown.close()


async def complete_tasks(run: ActiveRun, stall_after: int | None) -> None:
    """Stages 2 and 3: classify each accepted instruction and write its instances."""
    state = run.state
    stop_if_no_instances(state, stall_after)

    starts = in_order(len(state.completed), run.pacer.may_complete, partial(_complete, run), run.pacer.grown)
    async with aclosing(starts) as tasks:
        async for n, task in tasks:
            run.record(task or TaskCompleted(state.accepted[n].name, False, (), failed=True))
            if run.pacer.has_enough_instances:
                break
            stop_if_no_instances(state, stall_after)
    run.pacer.completed.close()


async def retry_failed(run: ActiveRun) -> None:
    """Ask again for tasks that failed for good or could not be read, if the user wants it; the later event wins."""
    completed = [*run.state.completed.values()] if run.retry_failed else []
    failed = [n for n, task in enumerate(completed) if is_left(run.state, task)]

    async with aclosing(in_order(0, lambda n: n < len(failed), lambda n: _complete(run, failed[n]))) as tasks:
        async for _, task in tasks:
            if task is not None:
                run.record(task)


async def _complete(run: ActiveRun, n: int) -> TaskCompleted | None:
    task = run.state.accepted[n]
    completed = await run.converse(task.name, annotate_in(run.state, task))
    run.pacer.finish(n)
    return completed
