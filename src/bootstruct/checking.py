"""The third stream, beyond the paper: the recipe's checks of the instances of each annotated task.

It commits in the order of the tasks, like the others, and decides about instances only: neither the pool nor what was
annotated depends on it.
"""

from contextlib import aclosing

from bootstruct.drive import News, Run, in_order
from bootstruct.events import Checked
from bootstruct.stages.checks import Checks

CHECKED_AHEAD = 512  # tasks likewise; each may ask dozens of questions at once


async def check_instances(run: Run, written: News) -> None:
    """Beyond the paper: the recipe's checks of the instances of each annotated task."""
    state, checks = run.state, Checks(run.state.recipe)

    def may_start(n: int) -> bool:
        return n < min(len(state.annotated), state.checks_done + (run.ahead or CHECKED_AHEAD))

    async def conversation(n: int) -> tuple[Checked, ...]:
        task = state.machine[n]
        return await run.consult(checks.flow(task, state.annotated[task.name].instances))

    if not state.recipe.checks:
        return
    async with aclosing(in_order(state.checks_done, may_start, conversation, written)) as answers:
        async for n, decided in answers:
            for checked in decided[len(state.checked.get(state.machine[n].name, ())) :]:
                run.record(checked)


async def check_again(run: Run) -> None:
    """Check what `--retry-failed` brought, and ask again what failed for good while checking; the later event wins."""
    state, checks = run.state, Checks(run.state.recipe)
    done = [task for task in state.machine if task.name in state.checked and not state.is_settled(task.name)]
    again = [t for t in done if run.retry_failed or not any(checked.failed for checked in state.checked[t.name])]

    async def conversation(n: int) -> tuple[Checked, ...]:
        return await run.consult(checks.flow(again[n], state.annotated[again[n].name].instances))

    async with aclosing(in_order(0, lambda n: n < len(again), conversation)) as answers:
        async for n, decided in answers:
            for checked in decided:
                if checked not in state.checked[again[n].name]:
                    run.record(checked)
