"""When a run has reached its goal of tasks or of instances. Tested between commits; it changes no byte. Pure."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from bootstruct.errors import InputError
from bootstruct.journal.state import State
from bootstruct.render.numbers import number

PRIOR_INSTANCES: Final = 2.0  # per task, before any is completed
USUAL: Final = 100  # accepted instructions if no goal is named


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal of `generate`.

    Attributes:
        tasks: accepted instructions; None for no such goal.
        instances: instances that passed all checks (without checks, all count); None for no such goal.
        grows: whether requests for new instructions may be sent; otherwise only accepted tasks are completed.
    """

    tasks: int | None = None
    instances: int | None = None
    grows: bool = True

    def last_task(self, state: State) -> int:
        """How many accepted tasks will be completed.

        The pool grows by whole replies, so a goal of N tasks means the tasks accepted up to the first request after
        which there were N; if there are fewer, it means all.

        Example:
            >>> from bootstruct.config.loading import read_recipe, recipe_folder
            >>> from pathlib import Path
            >>> state = State(read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml"), ())
            >>> state.accepted_after.extend([4, 9, 15])
            >>> Goal(5).last_task(state), Goal(9).last_task(state)
            (9, 9)
        """
        place = len(state.accepted_after) if self.tasks is None else bisect_left(state.accepted_after, self.tasks)
        return state.accepted_after[place] if place < len(state.accepted_after) else len(state.accepted)

    def target(self, state: State) -> int:
        """How many tasks will be completed at the goal, as far as that is known."""
        is_short = self.grows and self.tasks is not None and len(state.accepted) < self.tasks
        return self.tasks if is_short and self.tasks is not None else self.last_task(state)

    def has_enough_tasks(self, state: State) -> bool:
        """Whether no further instruction is needed."""
        return not self.grows or (self.tasks is not None and len(state.accepted) >= self.tasks)


class InstanceCount:
    """Instances that count, summed once per task, in the order in which tasks are completed (and checked)."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._tasks = self._count = 0

    @property
    def tasks(self) -> int:
        """How many tasks are settled: completed and, where the recipe has checks, checked."""
        return self.state.checks_done if self.state.recipe.checks else len(self.state.completed)

    @property
    def count(self) -> int:
        """Their instances that passed."""
        done = self.tasks
        for task in self.state.accepted[self._tasks : done]:
            self._count += len(self.state.passed_instances(task.name))
        self._tasks = max(self._tasks, done)
        return self._count

    @property
    def per_task(self) -> float:
        """Instances per settled task; 2 before there is any."""
        return self.count / self._tasks if self._tasks and self._count else PRIOR_INSTANCES


def goal_of(state: State, tasks: int | None, instances: int | None, grow: bool) -> Goal:
    """The goal of a session of `generate`.

    Without `tasks` and `instances`, it is 100 accepted instructions, or all if the run has at least that many. A run
    of rewritten outputs does not grow, and a rejudged one grows only if a goal is named.

    Raises:
        InputError: a number is below 1, or nothing is accepted that could be completed without growing.
    """
    for name, value in (("tasks", tasks), ("instances", instances)):
        if value is not None and value < 1:
            raise InputError(f"{name}: must be at least 1, not {value}.")
    if not grow and not state.accepted:
        raise InputError("--no-grow: no instruction is accepted yet, so there is nothing to complete; leave it out.")
    if tasks is None and instances is None:
        is_small = len(state.accepted) < USUAL and state.origin != "rejudge"
        tasks, grow = (USUAL, True) if grow and is_small else (None, False)
    return Goal(tasks, instances, grow and state.origin != "rewrite")


def goal_notes(state: State, tasks: int | None, goal: Goal) -> list[str]:
    """Notes on what the goal means for this run if that may be surprising, one line each."""
    accepted, last = len(state.accepted), goal.last_task(state)
    notes = []
    if state.origin == "rewrite" and (tasks is None or tasks > accepted):
        more = f", and --tasks {tasks} adds none" if tasks is not None else ""
        notes.append(
            f"a run of rewritten outputs cannot grow: it has the {number(accepted)} tasks from which it was made{more}"
        )
    if state.origin == "rejudge" and goal.tasks is None and goal.instances is None:
        left = accepted - len(state.completed)
        todo = (
            f"; the {number(left)} of its {number(accepted)} accepted tasks that are left are completed" if left else ""
        )
        notes.append(f"a rejudged run grows only with --tasks or --instances{todo}")
    if last < accepted:
        notes.append(
            f"the run has {number(accepted)} accepted instructions; for --tasks {goal.tasks} the first {number(last)} are "
            "completed, and the others stay as they are"
        )
    return notes
