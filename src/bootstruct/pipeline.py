"""The whole pipeline, on one page. Read this first.

    seeds -> draw -> propose -> read -> judge -> pool -> annotate -> instances (-> checks) -> (export) -> training examples

Streams run at once: one grows the pool, one annotates what was accepted, and, where the recipe has checks, one asks about
what was annotated. Each commits strictly in the order of its own index. Every question goes through `run.ask`, which looks
in the journal first: running again *is* resuming.
"""

from contextlib import aclosing

from bootstruct.checking import check_again, check_instances
from bootstruct.domain import Reply
from bootstruct.drive import News, Run, in_order, together
from bootstruct.errors import StoppedShort
from bootstruct.events import Annotated, Proposed, State, siblings
from bootstruct.stages.annotate import annotate
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_instructions

AHEAD = 4096  # tasks annotated beyond the first uncommitted one; bounds memory, changes no byte
STALL_AFTER = 100  # committed requests in a row without a kept instruction before a run stops by itself


async def generate(run: Run, tasks: int, stall_after: int | None = STALL_AFTER) -> None:
    """Bring the run to `tasks` accepted instructions, all of them annotated.

    Raises StoppedShort (budget, stall, silence) and DoorClosed (key, model, server); all that was paid for is recorded.
    """
    grown, written = News(), News()
    streams = (
        grow_pool(run, tasks, grown, stall_after),
        write_instances(run, grown, written),
        check_instances(run, written),
    )
    await together(run, *streams, retry_failed(run))
    await together(run, check_again(run))


async def grow_pool(run: Run, tasks: int, grown: News, stall_after: int | None) -> None:
    """Stage 1: ask for new instructions until there are enough. The last reply is judged whole; the overshoot stays."""
    state, propose = run.state, run.state.recipe.propose
    pool = Pool(state.recipe).catch_up(state)

    def may_start(index: int) -> bool:
        return len(state.machine) < tasks and index - propose.lag.of(index) < len(state.marks)

    async def question(index: int) -> tuple[tuple[str, ...], Reply | None]:
        prompt, shown = propose_prompt(state, index)
        return shown, await run.ask(f"propose/{index}", prompt)

    if may_start(len(state.marks)):
        stop_if_stalled(state, stall_after)
    async with aclosing(in_order(len(state.marks), may_start, question)) as answers:
        async for index, (shown, reply) in answers:
            candidates = read_instructions(state.recipe, reply, shown) if reply else []
            run.record(Proposed(index, shown, pool.judge(index, candidates), failed=reply is None))
            pool.catch_up(state)
            grown.tell()
            if len(state.machine) >= tasks:
                break
            stop_if_stalled(state, stall_after)
    grown.close()


async def write_instances(run: Run, grown: News, written: News) -> None:
    """Stages 2 and 3: classify each accepted instruction and write its instances."""
    state = run.state

    def may_start(n: int) -> bool:
        return n < min(len(state.machine), len(state.annotated) + (run.ahead or AHEAD))

    async def conversation(n: int) -> Annotated | None:
        task = state.machine[n]
        return await run.converse(task.name, annotate(state.recipe, task, siblings(state, task.name)))

    async with aclosing(in_order(len(state.annotated), may_start, conversation, grown)) as answers:
        async for n, annotated in answers:
            run.record(annotated or Annotated(state.machine[n].name, False, (), failed=True))
            written.tell()
    written.close()


async def retry_failed(run: Run) -> None:
    """Ask again what failed for good while annotating, where the user wants it; the later event wins."""
    state = run.state
    failed = [task for task in state.machine if run.retry_failed and (a := state.annotated.get(task.name)) and a.failed]

    async def conversation(n: int) -> Annotated | None:
        task = failed[n]
        return await run.converse(task.name, annotate(state.recipe, task, siblings(state, task.name)))

    async with aclosing(in_order(0, lambda n: n < len(failed), conversation)) as answers:
        async for _, annotated in answers:
            if annotated is not None:
                run.record(annotated)


def stop_if_stalled(state: State, stall_after: int | None) -> None:
    """Raises StoppedShort after so many requests in a row that brought nothing new."""
    if stall_after is None or len(state.marks) < stall_after:
        return
    before = state.marks[-stall_after - 1] if len(state.marks) > stall_after else 0
    if state.marks[-1] == before:
        raise StoppedShort(
            f"The last {stall_after} requests brought no new instruction: the pool of {len(state.machine)} has run dry "
            "for this model and recipe. Add seeds, change the sampling in a new run, or go on with --ignore-stall."
        )
