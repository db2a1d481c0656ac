"""What an evaluation asks, and what was found wrong with the files it reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

SHOWN: Final = 5  # examples of a problem that are named


@dataclass(frozen=True, slots=True)
class Case:
    """One instance of an evaluation task. task: the name it is counted under; source: the name in the file."""

    task: str
    instance: str
    instruction: str
    input: str
    references: tuple[str, ...]
    category: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """What its reply is filed under."""
        return f"predict/{self.task}/{self.instance}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the input: what, how often, the first few places, and what was done about it."""

    kind: str
    count: int
    examples: tuple[str, ...]
    done: str

    def told(self) -> str:
        """In words."""
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.count} {self.kind} ({'; '.join(self.examples)}{more}): {self.done}"


@dataclass(slots=True)
class Problems:
    """Collects problems by kind while a file is read."""

    _found: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, kind: str, example: str, done: str) -> None:
        slot = (kind, done)
        self._counts[slot] = self._counts.get(slot, 0) + 1
        examples = self._found.setdefault(slot, [])
        if len(examples) < SHOWN:
            examples.append(example)

    def take(self, others: Iterable[Problem]) -> None:
        """Add what was found elsewhere."""
        for each in others:
            slot = (each.kind, each.done)
            self._counts[slot] = self._counts.get(slot, 0) + each.count
            self._found.setdefault(slot, []).extend(each.examples[: SHOWN - len(self._found.get(slot, ()))])

    def all(self) -> tuple[Problem, ...]:
        return tuple(Problem(k, self._counts[k, d], tuple(found), d) for (k, d), found in self._found.items())
