"""The third stream, beyond the paper: the recipe's checks of the instances of each completed task.

It commits in the order of the tasks, like the other streams, and decides only about instances: neither the pool nor a
completed task depends on it.
"""

from contextlib import aclosing

from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.state import State
from bootstruct.run.scheduler import ActiveRun, in_order
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.types import Instance

CHECKED_AHEAD = 512  # tasks whose checks have begun beyond the first undecided one; each may make dozens of requests


async def check_instances(run: ActiveRun) -> None:
    """Check the instances of each completed task, in order."""
    state, checks = run.state, InstanceChecks(run.state.recipe, run.code, run.state.asks_again)

    def may_start(n: int) -> bool:
        is_wanted = not run.pacer.has_enough_instances
        return is_wanted and n < min(len(state.completed), state.checks_done + (run.pacer.begun or CHECKED_AHEAD))

    async def conversation(n: int) -> tuple[InstancesChecked, ...]:
        task = state.accepted[n]
        return await run.consult(checks.flow(task, *_instances(state, task.name)))

    if not state.recipe.checks:
        return
    async with aclosing(in_order(state.checks_done, may_start, conversation, run.pacer.completed)) as decisions:
        async for n, decided in decisions:
            for checked in decided[len(state.checked.get(state.accepted[n].name, ())) :]:
                run.record(checked)
            if run.pacer.has_enough_instances:
                break


async def check_again(run: ActiveRun) -> None:
    """Check what `--retry-failed` brought, and repeat failed requests of checks; the later event wins.

    The checks of a task whose instances were replaced are forgotten, so that they are made again.
    """
    state, checks = run.state, InstanceChecks(run.state.recipe, run.code, run.state.asks_again)
    done = [task for task in state.accepted if task.name in state.checked and not state.is_settled(task.name)]
    again = [t for t in done if run.retry_failed or not any(checked.failed for checked in state.checked[t.name])]

    async def conversation(n: int) -> tuple[InstancesChecked, ...]:
        return await run.consult(checks.flow(again[n], *_instances(state, again[n].name)))

    async with aclosing(in_order(0, lambda n: n < len(again), conversation)) as decisions:
        async for n, decided in decisions:
            for checked in decided:
                if checked not in state.checked[again[n].name]:
                    run.record(checked)


def _instances(state: State, task: str) -> tuple[tuple[Instance, ...], bool]:
    """(the instances of a completed task, whether it is a classification task)."""
    completed = state.completed[task]
    return completed.instances, completed.is_classification
