"""What a report is about, in one shape, whatever it was read from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bootstruct.domain import Instance
from bootstruct.events import State

WITH, WITHOUT, FAILED, WAITING = "with instances", "without instances", "failed", "waiting"


@dataclass(frozen=True, slots=True)
class Task:
    """One instruction. kind: is it a classification task, None where the source does not say.

    status: WITH or WITHOUT instances, FAILED (never answered), WAITING (not annotated yet).
    """

    name: str
    text: str
    instances: tuple[Instance, ...] = ()
    kind: bool | None = None
    status: str = WITH


@dataclass(frozen=True, slots=True)
class Answered:
    """A raw reply. step: `propose`, `kind`, `instances`, `rewrite`. question: the prompt, only where the source recorded it."""

    step: str
    text: str
    finish: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a task came from: its request, the names of the examples shown, the raw replies, the recorded neighbours."""

    request: str = ""
    shown: tuple[str, ...] = ()
    replies: tuple[Answered, ...] = ()
    neighbours: tuple[tuple[float, str], ...] = ()
    refused: tuple[tuple[str, Instance], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An example of a refused text: what it said, and what it was too near to (`keep away` texts have no name)."""

    text: str
    score: float | None = None
    neighbour: str = ""


@dataclass(slots=True)
class Told:
    """What only a run can tell: its state, and what was gathered while its journal was folded.

    read, near: candidates of each request, and those of them that novelty refused. examples: some refused texts by rule.
    """

    state: State
    journal: Path
    read: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    examples: dict[str, list[Refusal]] = field(default_factory=dict)
    instance_refusals: dict[str, int] = field(default_factory=dict)
    instance_examples: dict[str, list[Refusal]] = field(default_factory=dict)
    shown: dict[int, tuple[str, ...]] = field(default_factory=dict)
    cut: int = 0


def no_lineage(task: Task) -> Lineage:
    return Lineage()


@dataclass(slots=True)
class Subject:
    """A data set under report. `label` is how the page calls it, `source` what it was read from, in words.

    seeds: (name, text). notes: what the reader should know about the source. lineage: asked for rows that are shown.
    """

    label: str
    source: str
    tasks: list[Task]
    seeds: list[tuple[str, str]] = field(default_factory=list)
    told: Told | None = None
    notes: list[str] = field(default_factory=list)
    lineage: Callable[[Task], Lineage] = no_lineage
