"""Which rows of which runs are exported: several runs in one file without near-duplicates, and parts by task."""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError
from bootstruct.export.rows import TrainingRow, training_rows
from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex

TRAIN: Final = "train"  # the part that remains after all others have their share
OPEN: Final = "not completed yet"
REVIEWED_BAD: Final = "marked bad by reviewers"
NO_INSTANCE: Final = "without an instance to export"
TOO_SIMILAR: Final = "too similar to a task of an earlier run"
OVER_LIMIT: Final = "instances beyond the recipe's limit for each task"
_PART: Final = re.compile(r"\w{1,40}")


@dataclass(frozen=True, slots=True)
class RunSource:
    """A run to export.

    Attributes:
        state: its state.
        journal: its journal, from which the format `original` reads the replies.
        without: names of tasks to leave out, such as those that people marked as bad.
        folder: its folder, whose name begins the ids if there are several runs.
    """

    state: State
    journal: Path
    without: Collection[str] = ()
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of a run, made anew each time that they are gone through: no list of them is held.

    Attributes:
        source: the run.
        seeds: whether the seeds are among them.
        run: the beginning of their ids.
        without: instructions whose rows are left out.
    """

    source: RunSource
    seeds: bool
    run: str = ""
    without: Collection[str] = ()

    def __iter__(self) -> Iterator[TrainingRow]:
        """The rows in their order."""
        rows = training_rows(self.source.state, self.seeds, self.source.without, self.run)
        return (row for row in rows if row.instruction not in self.without) if self.without else rows


@dataclass(slots=True)
class Selection:
    """The rows to export.

    Attributes:
        rows: of each run, in their order; they can be gone through several times.
        count: the number of rows.
        tasks: the number of tasks that they are of; seeds are counted too.
        tasks_left_out: the number of tasks that are not exported, by reason.
        rows_left_out: the number of rows of exported tasks that are not exported, by reason.
    """

    rows: list[Iterable[TrainingRow]] = field(default_factory=list)
    count: int = 0
    tasks: int = 0
    tasks_left_out: Counter[str] = field(default_factory=Counter)
    rows_left_out: Counter[str] = field(default_factory=Counter)


def select(runs: Sequence[RunSource], seeds: bool, threshold: float | None = None) -> Selection:
    """Return the rows of runs.

    Each run's own decisions are kept. A task whose instruction is too similar to one that is exported from an earlier run (a
    seed among them, if seeds are exported) is left out: its ROUGE-L exceeds the threshold, and words are split as the
    first run's recipe says.

    Args:
        runs: the runs in order.
        seeds: whether the seed tasks are part of it.
        threshold: the ROUGE-L F-measure above which a task is left out; None takes that of the first run's recipe.
    """
    selection, names = Selection(), names_of(runs)
    novelty = runs[0].state.recipe.propose.novelty
    limit = novelty.threshold if threshold is None else threshold
    index = NoveltyIndex(limit, tokenizer=novelty.tokenizer)
    for number, (source, name) in enumerate(zip(runs, names, strict=True)):
        rows, near = RunRows(source, seeds, name), set[str]()
        if len(runs) > 1:
            texts = dict.fromkeys(row.instruction for row in rows)
            near = {text for text in texts if index.nearest(text) is not None} if number else near
            index.extend(text for text in texts if text not in near)
        selection.rows.append(RunRows(source, seeds, name, near))
        _count(selection, rows, near)
    return selection


def _count(selection: Selection, rows: RunRows, near: Collection[str]) -> None:
    """Count the rows and tasks of a run, and those left out."""
    source, state, out, near_tasks = rows.source, rows.source.state, selection.tasks_left_out, 0
    for (task, is_seed), own in itertools.groupby(rows, lambda row: (row.task_name, row.is_seed)):
        instructions = [row.instruction for row in own]
        if instructions[0] in near:
            near_tasks += 1
            continue
        selection.tasks += 1
        selection.count += len(instructions)
        if not is_seed and (over := len(state.passed_instances(task)) - len(instructions)):
            selection.rows_left_out[OVER_LIMIT] += over
    completed = state.completed_tasks
    bad = sum(task.name in source.without for task in completed)
    usable = sum(task.name not in source.without and bool(state.passed_instances(task.name)) for task in completed)
    empty_seeds = sum(not seed.instances for seed in state.seeds) if rows.seeds else 0
    found = {
        OPEN: len(state.accepted) - len(completed),
        REVIEWED_BAD: bad,
        NO_INSTANCE: len(completed) - bad - usable + empty_seeds,
        TOO_SIMILAR: near_tasks,
    }
    out.update({reason: count for reason, count in found.items() if count})


def names_of(runs: Sequence[RunSource]) -> list[str]:
    """The beginning of the ids of each run: nothing for a single run, else the name of its folder, made unique."""
    if len(runs) == 1:
        return [""]
    folders = [(source.folder or source.journal.parent).resolve() for source in runs]
    if twice := next((folder for folder, count in Counter(folders).items() if count > 1), None):
        raise InputError(f"{twice}: is named twice; name each run once.")
    shared = {name for name, count in Counter(folder.name for folder in folders).items() if count > 1}
    return [
        f"{folder.name}-{number}" if folder.name in shared else folder.name for number, folder in enumerate(folders, 1)
    ]


def read_splits(texts: Iterable[str]) -> dict[str, float]:
    """Return the share of each part.

    Args:
        texts: as in `test=0.1`, or several in one, as in `test=0.1,validation=0.05`.

    Raises:
        InputError: one is no name with a share, or all together leave nothing for `train`.

    Example:
        >>> read_splits(["test=0.1"])
        {'test': 0.1}
    """
    shares: dict[str, float] = {}
    for text in (part for whole in texts for part in whole.split(",") if part.strip()):
        name, _, share = (part.strip() for part in text.partition("="))
        try:
            shares[name] = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
        except ValueError:
            raise InputError(f"--split {text}: write a name and a share, as in test=0.1.") from None
        if not _PART.fullmatch(name) or not 0 < shares[name] < 1:
            raise InputError(f"--split {text}: write a name of letters and a share between 0 and 1, as in test=0.1.")
    train = shares.pop(TRAIN, None)
    if sum(shares.values()) >= 1 or (train is not None and abs(train + sum(shares.values()) - 1) > 1e-6):
        raise InputError(f"--split: `{TRAIN}` is what the other parts leave; name those alone, as in test=0.1.")
    return shares


def parts_of(rows: Iterable[TrainingRow], shares: Mapping[str, float]) -> Callable[[str], str]:
    """Return what says which part an instruction belongs to: `train`, or one of those named.

    The rows of an instruction stay together. Which part they go to follows from the instruction alone, so it is the same in
    every export, whatever else is in it. A part that would be empty gets one task.

    Args:
        rows: all rows; gone through until each part has one.
        shares: the share of each part.

    Raises:
        InputError: there are fewer tasks than parts.
    """
    texts, empty = set[str](), {TRAIN, *shares}
    for row in rows:
        texts.add(row.instruction)
        empty.discard(_part_by_rank(row.instruction, shares))
        if not empty:
            return lambda instruction: _part_by_rank(instruction, shares)
    left = sorted((text for text in texts if _part_by_rank(text, shares) == TRAIN), key=_rank)
    moved = {}
    for name in shares:
        if name in empty and len(left) > 1:
            moved[left.pop(0)] = name
            empty.discard(name)
    if missing := next((name for name in (TRAIN, *shares) if name in empty), None):
        raise InputError(f"--split: {len(texts)} tasks are too few for a part {missing!r}; leave it out.")
    return lambda instruction: moved.get(instruction) or _part_by_rank(instruction, shares)


def _part_by_rank(text: str, shares: Mapping[str, float]) -> str:
    behind, rank = 0.0, _rank(text)
    for name, share in shares.items():
        behind += share
        if rank < behind:
            return name
    return TRAIN


def _rank(text: str) -> float:
    """A fixed number in [0, 1) for an instruction."""
    return int.from_bytes(hashlib.blake2b(f"split/{text}".encode("utf-8", "replace"), digest_size=8).digest()) / 2**64
