"""Which rows of which runs are exported: several runs in one file without near-duplicates, and parts by task."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError
from bootstruct.export.rows import TrainingRow, training_rows
from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex

TRAIN: Final = "train"  # the part that is left when all others have their share
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
        folder: its folder, whose name stands before the ids where there are several runs.
    """

    state: State
    journal: Path
    without: Collection[str] = ()
    folder: Path | None = None


@dataclass(slots=True)
class Selection:
    """The rows to export.

    Attributes:
        rows: of each run, in their order.
        tasks: the number of tasks that they are of; seeds are counted too.
        tasks_left_out: the number of tasks that are not exported, by reason.
        rows_left_out: the number of rows of exported tasks that are not exported, by reason.
    """

    rows: list[list[TrainingRow]] = field(default_factory=list)
    tasks: int = 0
    tasks_left_out: Counter[str] = field(default_factory=Counter)
    rows_left_out: Counter[str] = field(default_factory=Counter)


def select(runs: Sequence[RunSource], seeds: bool, threshold: float | None = None) -> Selection:
    """Return the rows of runs.

    Each run's own decisions stand. A task whose instruction is too similar to one that is exported from an earlier run (a
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
        rows = list(training_rows(source.state, seeds, source.without, name))
        texts = dict.fromkeys(row.instruction for row in rows)
        near = {text for text in texts if index.nearest(text) is not None} if number else set()
        kept = [row for row in rows if row.instruction not in near]
        selection.rows.append(kept)
        _count(selection, source, seeds, kept, len({row.task for row in rows if row.instruction in near}))
        if len(runs) > 1:
            index.extend(text for text in texts if text not in near)
    return selection


def _count(selection: Selection, source: RunSource, seeds: bool, kept: list[TrainingRow], near: int) -> None:
    state, out = source.state, selection.tasks_left_out
    completed = state.completed_tasks
    bad = sum(task.name in source.without for task in completed)
    usable = {task.name for task in completed if task.name not in source.without and state.passed_instances(task.name)}
    empty_seeds = sum(not seed.instances for seed in state.seeds) if seeds else 0
    exported = {row.task_name for row in kept}
    selection.tasks += len(exported)
    found = {
        OPEN: len(state.accepted) - len(completed),
        REVIEWED_BAD: bad,
        NO_INSTANCE: len(completed) - bad - len(usable) + empty_seeds,
        TOO_SIMILAR: near,
    }
    out.update({reason: count for reason, count in found.items() if count})
    if over := sum(len(state.passed_instances(name)) for name in usable & exported) - sum(not r.is_seed for r in kept):
        selection.rows_left_out[OVER_LIMIT] += over


def names_of(runs: Sequence[RunSource]) -> list[str]:
    """What stands before the ids of each run: nothing for one alone, else the name of its folder, made different."""
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


def parts_of(rows: Iterable[TrainingRow], shares: Mapping[str, float]) -> dict[str, str]:
    """Return the part that each instruction belongs to: `train`, or one of those named.

    The rows of an instruction stay together. Which part they go to follows from the instruction alone, so it is the same in
    every export, whatever else is in it. A part that would be empty gets one task.

    Args:
        rows: all rows.
        shares: the share of each part.

    Raises:
        InputError: there are fewer tasks than parts.
    """
    texts = sorted({row.instruction for row in rows}, key=_rank)
    parts = {}
    for text in texts:
        behind, rank = 0.0, _rank(text)
        for name, share in shares.items():
            behind += share
            if rank < behind:
                parts[text] = name
                break
        else:
            parts[text] = TRAIN
    for name in shares:
        left = [text for text in texts if parts[text] == TRAIN]
        if name not in parts.values() and len(left) > 1:
            parts[left[0]] = name
    if missing := next((name for name in (TRAIN, *shares) if name not in parts.values()), None):
        raise InputError(f"--split: {len(texts)} tasks are too few for a part {missing!r}; leave it out.")
    return parts


def _rank(text: str) -> float:
    """A number in [0, 1) that an instruction has once and for all."""
    return int.from_bytes(hashlib.blake2b(f"split/{text}".encode("utf-8", "replace"), digest_size=8).digest()) / 2**64
