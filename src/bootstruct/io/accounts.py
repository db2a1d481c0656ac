"""An account of every row of a file: read = used + left out for a named reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bootstruct.io.row_faults import fault_in_words
from bootstruct.io.shapes import WITHOUT_OUTPUT
from bootstruct.render.numbers import number


@dataclass(slots=True)
class RowAccount:
    """The account of the rows of one file: each row read is either used or left out.

    Attributes:
        path: the file, as it was named.
        container: the container of the rows, as in `JSON Lines` or `CSV`.
        read: number of rows read; blank lines do not count.
        used: number of those used.
        left_out: the lines (or positions, from 1) of rows that were left out, by reason.
        details: the exact fault of the first row of each reason.
        shapes: number of rows used by shape (`Alpaca's shape`).
        other_fields: names of fields that were not read, of the first row without an output.
        notes: number of used rows with a note, by note (`without output`).
        unit: the name of a row if it is a file of its own (`task`).
    """

    path: str
    container: str = ""
    read: int = 0
    used: int = 0
    left_out: dict[str, list[int]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    shapes: Counter[str] = field(default_factory=Counter)
    other_fields: tuple[str, ...] = ()
    notes: Counter[str] = field(default_factory=Counter)
    unit: str = "row"

    def use(self, shape: str = "", notes: Iterable[str] = ()) -> None:
        """Count a row that is used."""
        self.used += 1
        if shape:
            self.shapes[shape] += 1
        self.notes.update(notes)

    def leave_out(self, line: int, reason: str, detail: str = "") -> None:
        """Count a row that is left out.

        Args:
            line: its line or position.
            reason: as in `without an instruction`; one of few.
            detail: the exact fault of this row.
        """
        self.left_out.setdefault(reason, []).append(line)
        if detail:
            self.details.setdefault(reason, detail)

    @property
    def omitted(self) -> int:
        """Number of rows left out."""
        return sum(map(len, self.left_out.values()))

    def first_fault(self) -> str:
        """The first row that was left out, as errors name it; empty if none was."""
        if not self.left_out:
            return ""
        reason, lines = min(self.left_out.items(), key=lambda entry: entry[1][0])
        return f"{self.path}:{lines[0]}: {fault_in_words(reason, self.details.get(reason, ''))}"

    def in_words(self, lines: bool = False) -> str:
        """One line: how many rows, of which shape, and what was left out and why.

        Args:
            lines: whether to name the lines of the rows that were left out.

        Example:
            >>> account = RowAccount("train.json", "JSON list", read=3)
            >>> account.use("Alpaca's shape"), account.use("Alpaca's shape", ["without output"])
            (None, None)
            >>> account.leave_out(3, "without an instruction")
            >>> account.in_words()
            "train.json (JSON list): 3 rows, Alpaca's shape; 1 without output; 1 left out: 1 without an instruction"
        """
        shapes = [name for name, _ in self.shapes.most_common()]
        if len(shapes) > 1:
            named = " and ".join(f"{number(count)} in {name}" for name, count in self.shapes.most_common())
        else:
            named = "".join(shapes)
        held = f" ({self.container})" if self.container else ""
        text = (
            f"{self.path}{held}: {number(self.read)} {self.unit}{'s' * (self.read != 1)}{f', {named}' if named else ''}"
        )
        text += "".join(f"; {number(count)} {note}" for note, count in self.notes.most_common())
        if self.other_fields and self.notes[WITHOUT_OUTPUT] == self.used > 0:
            text += f" (not read: {', '.join(self.other_fields)}; name the output with --fields output=NAME)"
        if self.left_out:
            text += f"; {number(self.omitted)} left out: " + ", ".join(map(self._reason, self.left_out))
            if lines:
                text += "".join(f"\n  {reason}: {line_ranges(found)}" for reason, found in self.left_out.items())
        return text

    def _reason(self, reason: str) -> str:
        found, detail = self.left_out[reason], self.details.get(reason, "")
        shown = detail and not detail.startswith("a row without instruction")
        return f"{number(len(found))} {reason}{f' (line {found[0]}: {detail:.100})' if shown else ''}"

    def to_row(self) -> dict[str, Any]:
        """All of it as plain JSON values; `left_out` holds the lines of the rows by reason."""
        return {
            "path": self.path,
            "container": self.container,
            "read": self.read,
            "used": self.used,
            "left_out": {reason: list(lines) for reason, lines in self.left_out.items()},
            "shapes": dict(self.shapes),
            "notes": dict(self.notes),
        }


def line_ranges(lines: list[int]) -> str:
    """Numbers with runs of them shortened: `line 3, 7-12`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return f"line{'s' * (len(lines) != 1)} {shown}"
