"""The subject of a report, in one shape, whatever its source."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bootstruct.io.accounts import RowAccount
from bootstruct.journal.state import State
from bootstruct.types import Instance, Passage

WITH, WITHOUT, FAILED, WAITING = "with instances", "without instances", "failed", "waiting"


@dataclass(frozen=True, slots=True)
class ReportTask:
    """One instruction.

    Attributes:
        kind: is it a classification task, None if the source does not say.
        status: WITH or WITHOUT instances, FAILED (never answered), WAITING (not completed yet).
    """

    name: str
    text: str
    instances: tuple[Instance, ...] = ()
    kind: bool | None = None
    status: str = WITH


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """A raw reply.

    Attributes:
        step: `propose`, `kind`, `instances`, `rewrite`.
        question: the prompt, only if the source recorded it.
    """

    step: str
    text: str
    finish: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class TaskLineage:
    """The lineage of a task: its request, the names of the examples shown, the raw replies, the recorded neighbours.

    Attributes:
        rejected: rejected instances, each with the rule.
        passage: the part of a document that it is about.
        topic: the topic that the recipe dealt to its request; empty if it deals none or that is not known.
        scores: the name of a check, the number of the instance from 1, the score, and the rule if it was rejected.
    """

    request: str = ""
    shown: tuple[str, ...] = ()
    replies: tuple[RecordedReply, ...] = ()
    neighbours: tuple[tuple[float, str], ...] = ()
    rejected: tuple[tuple[str, Instance], ...] = ()
    passage: Passage | None = None
    topic: str = ""
    scores: tuple[tuple[str, int, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedCandidate:
    """An example of a rejected text, and the text to which it was too similar (`keep away` texts have no name).

    Attributes:
        name: the number of its request and its place in the reply, as in the name of a task; empty for instances.
    """

    text: str
    score: float | None = None
    neighbour: str = ""
    name: str = ""


@dataclass(slots=True)
class RunHistory:
    """The data that only a run has: its state, and what was collected while its journal was folded.

    Attributes:
        read, near: candidates of each request, and those of them that novelty rejected.
        examples: some rejected texts by rule, for the funnel.
        rejected: more of them by rule, for the browser of the tasks.
    """

    state: State
    journal: Path
    read: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    examples: dict[str, list[RejectedCandidate]] = field(default_factory=dict)
    rejected: dict[str, list[RejectedCandidate]] = field(default_factory=dict)
    instance_rejections: dict[str, int] = field(default_factory=dict)
    instance_examples: dict[str, list[RejectedCandidate]] = field(default_factory=dict)
    shown: dict[int, tuple[str, ...]] = field(default_factory=dict)
    cut: int = 0


def no_lineage(task: ReportTask) -> TaskLineage:
    """The lineage of a task about which nothing is known."""
    return TaskLineage()


@dataclass(slots=True)
class Dataset:
    """A data set in a report. `label` is its name on the page, `source` its source in words.

    Attributes:
        seeds: (name, text).
        notes: what the reader should know about the source.
        lineage: asked for rows that are shown.
        seed_types: whether each seed is a classification task, None where that is not known; empty if no seed's type is known.
        account: an account of the rows of a file.
    """

    label: str
    source: str
    tasks: list[ReportTask]
    seeds: list[tuple[str, str]] = field(default_factory=list)
    history: RunHistory | None = None
    notes: list[str] = field(default_factory=list)
    lineage: Callable[[ReportTask], TaskLineage] = no_lineage
    account: RowAccount | None = None
    seed_types: list[bool | None] = field(default_factory=list)
