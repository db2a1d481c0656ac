"""The cases of an evaluation, and the faults of the files that it reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bootstruct.io.accounts import RowAccount

SHOWN: Final = 5  # examples of a problem that are named


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """One instance of an evaluation task.

    Attributes:
        task: the name it is counted under.
        source: the name in the file.
    """

    task: str
    instance: str
    instruction: str
    input: str
    references: tuple[str, ...]
    category: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        """The key under which its reply is filed."""
        return f"predict/{self.task}/{self.instance}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the input: what, how often, the first few places, and what was done about it."""

    kind: str
    count: int
    examples: tuple[str, ...]
    done: str

    def in_words(self) -> str:
        """In words."""
        more = ", ..." if self.count > len(self.examples) else ""
        return f"{self.count} {self.kind} ({'; '.join(self.examples)}{more}): {self.done}"


@dataclass(slots=True)
class Problems:
    """Collects problems by kind while a file is read."""

    _found: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, kind: str, example: str, done: str) -> None:
        """Count a problem of a kind, with an example and what was done about it."""
        slot = (kind, done)
        self._counts[slot] = self._counts.get(slot, 0) + 1
        examples = self._found.setdefault(slot, [])
        if len(examples) < SHOWN:
            examples.append(example)

    def take_rows(self, account: RowAccount, besides: str = "") -> None:
        """Add the rows of a file that were left out, by reason; a reason that was added elsewhere is skipped."""
        name = Path(account.path).name
        for reason, lines in account.left_out.items():
            if reason == besides:
                continue
            for line in lines:
                detail = account.details.get(reason, "") if line == lines[0] else ""
                self.add(f"rows {reason}", f"{name}:{line}{f': {detail}' if detail else ''}", "left out")

    def take(self, others: Iterable[Problem]) -> None:
        """Add problems that were found elsewhere."""
        for other in others:
            slot = (other.kind, other.done)
            self._counts[slot] = self._counts.get(slot, 0) + other.count
            self._found.setdefault(slot, []).extend(other.examples[: SHOWN - len(self._found.get(slot, ()))])

    def all(self) -> tuple[Problem, ...]:
        """Every kind of problem that occurred."""
        return tuple(Problem(k, self._counts[k, d], tuple(found), d) for (k, d), found in self._found.items())
