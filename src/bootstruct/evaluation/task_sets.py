"""The evaluation set with which answers are compared: user-oriented tasks, or a split of Super-NaturalInstructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase, Problem
from bootstruct.evaluation.superni import INSTANCES, read_split
from bootstruct.evaluation.user_tasks import read_user_tasks
from bootstruct.io.accounts import RowAccount


@dataclass(frozen=True, slots=True)
class TaskSet:
    """An evaluation set.

    Attributes:
        cases: its instances; None if no set is named.
        problems: what was left out of its files, and why.
        accounts: what became of the rows of its file.
    """

    cases: tuple[EvaluationCase, ...] | None = None
    problems: tuple[Problem, ...] = ()
    accounts: tuple[RowAccount, ...] = ()


def read_task_set(
    tasks: Path | None = None,
    data: Path | None = None,
    split: Path | None = None,
    only: Sequence[str] = (),
    instances: int = INSTANCES,
) -> TaskSet:
    """Read the evaluation set that is named.

    Args:
        tasks: a file of user-oriented tasks.
        data: a checkout of natural-instructions instead.
        split: with `data`: a list of task names.
        only: with `data`: these tasks only.
        instances: with `data`: how many instances of each task are used, the first ones.

    Raises:
        InputError: both are named, or a file cannot be read.
    """
    if data and tasks:
        raise InputError("--data and --tasks: use one of the two.")
    if data:
        found = read_split(data, split, tuple(only), instances)
        return TaskSet(found.cases, found.problems, (found.account,))
    if not tasks:
        return TaskSet()
    accounts: list[RowAccount] = []
    return TaskSet(*read_user_tasks(tasks, accounts=accounts), tuple(accounts))
