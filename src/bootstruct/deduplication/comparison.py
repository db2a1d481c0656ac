"""Which texts of a row are compared, and which rows belong together."""

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from bootstruct.deduplication.compact import DigestTable, RowPlace
from bootstruct.errors import InputError
from bootstruct.io.row_texts import group_of, inputs_of, instruction_of, is_chat, task_key, texts_of
from bootstruct.io.shapes import ShapeError, read_task_row

Json: TypeAlias = dict[str, Any]
On: TypeAlias = Literal["group", "instruction", "instruction+input", "all"]
_SHAPES: Final = 1000  # sets of field names whose shape is remembered
WAYS: Final[Mapping[str, str]] = {  # what counts as equal, in words
    "group": "instructions; rows of one instruction stay together",
    "instruction": "instructions, as the paper does",
    "instruction+input": "instruction and input together",
    "all": "all texts of a row together",
}


@dataclass(frozen=True, slots=True)
class RowComparison:
    """How rows are compared.

    Attributes:
        on: a name of `WAYS`.
        fields: the names of fields by their meaning, as `--fields` gives them.
    """

    on: On = "group"
    fields: Mapping[str, str] | None = None
    _shapes: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Check the name. Raises InputError for an unknown one."""
        if self.on not in WAYS:
            raise InputError(f"on {self.on!r}: unknown; use one of {', '.join(WAYS)}.")

    def text(self, row: Json) -> str | None:
        """The text of a row that is compared; None if it has none."""
        instruction = instruction_of(row, self.fields)
        if self.on == "all":
            texts = list(dict.fromkeys(texts_of(row, self.fields)))
            return "\n".join(texts) or None
        if instruction is None or self.on != "instruction+input":
            return instruction
        inputs = [text for text in inputs_of(row, self.fields) if text != instruction]
        return "\n".join((instruction, *inputs))

    def shape(self, row: Json) -> str:
        """The users' name for the shape of a row, by the names of its fields; empty if it has none."""
        names = tuple(row)
        if names not in self._shapes:
            if len(self._shapes) > _SHAPES:
                return ""
            try:
                self._shapes[names] = read_task_row(row, self.fields).shape_name
            except ShapeError:
                return ""
        return self._shapes[names]

    def task(self, row: Json, text: str) -> str:
        """The common key of the rows of one task."""
        return task_key(text, group_of(row) if is_chat(row, self.fields) else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row on its way through the filter.

    Attributes:
        row: the row.
        place: the place of its text, None if it has none.
        leader: number of the first row of its group, which decides for it; None for such a first row itself.
        equal: the place of an earlier row with all the same texts.
    """

    row: Json
    place: RowPlace | None
    leader: int | None = None
    equal: RowPlace | None = None


class Groups:
    """Finds the rows that belong together, and those that are equal in all texts, by digests of 64 bits."""

    def __init__(self, compared: RowComparison) -> None:
        self._compared = compared
        self._leaders = DigestTable()  # digest of a task -> number of its first row
        self._rows = DigestTable()  # digest of all texts -> number of the first such row
        self._lines, self._files, self._paths = array("q"), array("l"), list[str]()  # by number: the place of a row

    def entries(self, rows: Iterator[tuple[Json, RowPlace | None]]) -> Iterator[Entry]:
        """The rows, each with its group."""
        for number, (row, place) in enumerate(rows):
            self._note(place)
            if place is None:
                yield Entry(row, None)
                continue
            texts = _digest(*texts_of(row, self._compared.fields), place.text, *_systems(row))
            leader = self._leaders.setdefault(_digest(self._compared.task(row, place.text)), number)
            first = self._rows.setdefault(texts, number)
            yield Entry(row, place, None if leader == number else leader, self._place(first, place.text, number))

    def _note(self, place: RowPlace | None) -> None:
        if place is not None and (not self._paths or self._paths[-1] != place.path):
            self._paths.append(place.path)
        self._lines.append(place.row if place is not None else 0)
        self._files.append(len(self._paths) - 1)

    def _place(self, first: int, text: str, number: int) -> RowPlace | None:
        """The place of the first of equal rows, None if it is this one."""
        return None if first == number else RowPlace(self._paths[self._files[first]], self._lines[first], text)


def _systems(row: Json) -> Iterator[str]:
    """The system messages of a row: rows that differ only in them are not equal."""
    yield from (str(row[name]) for name in ("system", "system_prompt") if row.get(name))
    for name in ("messages", "conversations"):
        turns = row.get(name)
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, dict) and "system" in (turn.get("role"), turn.get("from")):
                yield str(turn.get("content", turn.get("value")))


def _digest(*texts: str) -> int:
    hashed = hashlib.blake2b(digest_size=8)
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        hashed.update(len(content).to_bytes(8, "big"))
        hashed.update(content)
    return int.from_bytes(hashed.digest(), "big")
