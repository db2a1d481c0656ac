"""JSON in the forms in which it holds rows: lines, lists, objects one after another, columns. Read piece by piece."""

import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.chats import CHAT_FIELDS
from bootstruct.io.fields import LIST_FIELDS
from bootstruct.io.row_faults import NOT_JSON, RowFault
from bootstruct.io.shapes import has_shape
from bootstruct.io.streams import HEAD, decoded
from bootstruct.io.unique_names import unique

LONGEST_LINE = 1 << 28  # bytes of one row
WRAPPERS: Final = ("data", "rows", "examples", "records", "train")  # fields of one object that hold all rows
_BLANKS: Final = re.compile(r"[ \t\r\n\ufeff]*")
_NEAR_THE_END: Final = 16  # characters; an error there may be caused by text that was not read yet


class SourceRow(dict[str, Any]):
    """A row that knows the line that it was read from, to be written again as it is."""

    __slots__ = ("line",)
    line: bytes


Values = Iterator[tuple[int, Any]]  # (line or position from 1, a value or a RowFault)


def parse(text: str) -> Any:
    """The value of a text, a RowFault where it is not JSON or no row to rely on."""
    try:
        return unique(json.loads(text), text)
    except (ValueError, RecursionError) as exc:
        if text.rstrip().endswith("},"):
            return RowFault(
                NOT_JSON, "a comma after the object, which lines do not have; remove it, or write a JSON list"
            )
        return RowFault(NOT_JSON, str(exc))


def lines_of(path: Path, file: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    r"""(number from 1, line) of every line. Lines end with `\n` only. Raises InputError for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InputError(f"{path}:{number}: a line of more than {LONGEST_LINE >> 20} MiB is too long for a row.")
        yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def json_lines(path: Path, file: io.BufferedReader, is_raw: bool) -> Values:
    """One value per line; a file of one line may be an object of columns.

    Args:
        path: the file.
        file: its content.
        is_raw: whether rows keep their line (`SourceRow`), bytes that are not UTF-8 included.
    """
    only: tuple[int, Any] | None = None  # a first line that may be the whole file: one object of columns
    begun = False
    broken: tuple[bytes, Any] = b"", None  # the last line that was not JSON: the next may be equal to it
    for number, line in lines_of(path, file):
        if not line.strip():
            continue
        if line == broken[0] and only is None:
            yield number, broken[1]
            continue
        if only is not None:
            yield only
            only = None
        text = line.decode("utf-8", "surrogateescape") if is_raw else decoded(line, path, number)
        value = parse(text.rstrip("\r\n"))
        broken = (line, value) if isinstance(value, RowFault) and number > 1 else broken
        if is_raw and isinstance(value, dict):
            value = SourceRow(value)
            value.line = line.rstrip(b"\r\n")
        if not begun and rows_within(value) is not None:
            only = number, value
        else:
            yield number, value
        begun = True
    if only is not None:
        yield from rows_within(only[1]) or ()


def json_list(path: Path, file: io.BufferedReader) -> Values:
    """The elements of a list, or of several lists of objects one after another."""
    reader, number = JsonReader(path, file), 0
    while True:
        reader.take("[")
        value: Any = None
        while reader.next_character() != "]":
            if value is not None:
                reader.take(",")
            value, number = reader.value(), number + 1
            yield number, value
        reader.take("]")
        if not reader.next_character():
            return
        if reader.next_character() != "[" or not isinstance(value, dict):
            raise reader.error("there is more after the end of the list")


def json_objects(path: Path, file: io.BufferedReader) -> Values:
    """Objects of several lines each; a single one may hold columns, or all rows in a list."""
    reader = JsonReader(path, file)
    first, number = reader.value(), 1
    if not reader.next_character() and (rows := rows_within(first)) is not None:
        yield from rows
        return
    yield 1, first
    while reader.next_character():
        number += 1
        yield number, reader.value()


class JsonReader:
    """JSON values one after another, of a file that is read piece by piece.

    Args:
        path: the file, for errors.
        file: its content.
    """

    def __init__(self, path: Path, file: io.BufferedReader) -> None:
        self._path, self._file = path, file
        self._text, self._at, self._line = "", 0, 1
        self._rest = b""  # bytes of a character that is not whole yet
        self._has_ended = False
        self._decode = json.JSONDecoder().raw_decode

    def next_character(self) -> str:
        """The next character that is not blank; empty at the end of the file."""
        while True:
            found = _BLANKS.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Pass over this character. Raises InputError if another one comes."""
        if self.next_character() != character:
            raise self.error(f"{character!r} is expected")
        self._at += 1

    def value(self) -> Any:
        """The next value, a RowFault where it is no row to rely on. Raises InputError if there is none."""
        self.next_character()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as exc:
                is_cut = exc.pos >= len(self._text) - _NEAR_THE_END or exc.msg.startswith("Unterminated string")
                if is_cut and self._more():
                    continue
                self._at = min(exc.pos, len(self._text))
                raise self.error(exc.msg) from None
            except (ValueError, RecursionError) as exc:
                raise self.error(str(exc)) from None
            if end == len(self._text) and self._more():  # a number may go on
                continue
            begin, self._at = self._at, end
            return unique(value, self._text[begin:end])

    def error(self, what: str) -> InputError:
        """The error that names this place."""
        line = self._line + self._text.count("\n", 0, self._at)
        return InputError(f"{self._path}:{line}: not JSON: {what}.")

    def _more(self) -> bool:
        """Read another piece, as large as the buffer, and forget what was parsed; False at the end of the file."""
        if self._has_ended:
            return False
        self._line += self._text.count("\n", 0, self._at)
        held = len(self._text) - self._at
        if held > LONGEST_LINE:
            raise InputError(f"{self._path}:{self._line}: a row of more than {LONGEST_LINE >> 20} MiB is too long.")
        piece = self._file.read(max(HEAD, held))
        self._has_ended = not piece
        raw, self._rest = _whole_characters(self._rest + piece, self._has_ended)
        line = self._line + self._text.count("\n", self._at)
        self._text = self._text[self._at :] + decoded(raw, self._path, first=line)
        self._at = 0
        return True


def _whole_characters(raw: bytes, is_end: bool) -> tuple[bytes, bytes]:
    """Bytes of whole characters, and those of one that is cut at the end."""
    if is_end:
        return raw, b""
    for back in range(1, min(4, len(raw)) + 1):
        if raw[-back] & 0xC0 != 0x80:  # where the last character begins
            length = 1 if raw[-back] < 0x80 else 2 if raw[-back] < 0xE0 else 3 if raw[-back] < 0xF0 else 4
            return (raw, b"") if length <= back else (raw[:-back], raw[-back:])
    return raw, b""


def rows_within(value: object) -> Values | None:
    """The rows that one object holds: as columns, as pandas writes them, or as a list in one field; None for a row."""
    if not isinstance(value, dict) or not value:
        return None
    if set(value) == {"columns", "index", "data"} and isinstance(value["data"], list):
        return _split_table(value)
    if _is_columns(value):
        columns = [list(cells.values()) if isinstance(cells, dict) else cells for cells in value.values()]
        return ((n, dict(zip(value, cells, strict=True))) for n, cells in enumerate(zip(*columns, strict=True), 1))
    if len(value) > 1 and all(isinstance(row, dict) and has_shape(row) for row in value.values()):
        return iter(enumerate(value.values(), 1))  # rows by their names
    lists = [name for name in WRAPPERS if _is_list_of_objects(value.get(name))]
    if len(lists) == 1 and not has_shape(value):
        return iter(enumerate(value[lists[0]], 1))
    return None


def _split_table(value: Mapping[str, Any]) -> Values:
    for number, cells in enumerate(value["data"], 1):
        if isinstance(cells, list) and len(cells) == len(value["columns"]):
            yield number, dict(zip(value["columns"], cells, strict=True))
        else:
            yield number, RowFault("not as long as the list of columns")


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_columns(value: Mapping[str, Any]) -> bool:
    """Whether an object holds columns of equal length: lists, or objects with numbered cells, as pandas writes them."""
    if not all(value.values()):
        return False
    columns = list(value.values())
    if all(isinstance(column, dict) and list(column) == list(columns[0]) for column in columns):
        return all(name.isdecimal() for name in columns[0])
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return False
    in_a_row = (dict, str) if value.keys() & set(CHAT_FIELDS) else (dict,)
    return not any(isinstance(cell, in_a_row) for name in LIST_FIELDS & value.keys() for cell in value[name])
