"""How rows are written in each container: one after another, or in batches if a table has typed columns."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeAlias

from bootstruct.errors import InputError
from bootstruct.io.arrow_writing import TableFile, TableForm
from bootstruct.io.column_types import ColumnType, add_row, as_json, fitted, mixed_columns
from bootstruct.io.files import json_bytes
from bootstruct.io.formulas import guarded

Row: TypeAlias = Mapping[str, Any]

BATCH, BATCH_CHARACTERS = 1 << 14, 1 << 24  # the most rows, and characters of texts, of a batch in a table
FORMULA: Final = "texts that a spreadsheet would take for a formula, led by an apostrophe"


@dataclass(slots=True)
class WrittenRows:
    """What was written into a file.

    Attributes:
        rows: how many rows.
        changes: how values were changed because the file has no room for them as they are, and how many each time.
    """

    rows: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def notes(self) -> list[str]:
        """The changes as sentences for a user."""
        return [f"{count:,} {what}" if count > 1 else f"1 {what}" for what, count in self.changes.items()]


class RowWriter:
    """Takes the rows of one file, one by one; `row_writer` opens it."""

    def __init__(self, file: BinaryIO, written: WrittenRows) -> None:
        self._file, self.written = file, written

    def add(self, row: Row) -> None:
        """Write a row."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write the rest after the last row."""


class JsonLines(RowWriter):
    """One object per line."""

    def add(self, row: Row) -> None:
        """Write a row."""
        self._file.write(json_bytes(row) + b"\n")
        self.written.rows += 1


class JsonList(RowWriter):
    """One list of objects."""

    def add(self, row: Row) -> None:
        """Write a row."""
        lines = json_bytes(row, indent=1).replace(b"\n", b"\n ")
        self._file.write((b",\n " if self.written.rows else b"[\n ") + lines)
        self.written.rows += 1

    def finish(self) -> None:
        """Write the rest after the last row."""
        self._file.write(b"\n]\n" if self.written.rows else b"[]\n")


class PlainText(RowWriter):
    """One text per line, for rows that contain only a text."""

    def add(self, row: Row) -> None:
        """Write a row."""
        values = [value for value in row.values() if value is not None]
        number = self.written.rows + 1
        if len(values) != 1 or not isinstance(values[0], str):
            found = ", ".join(map(str, list(row)[:6]))
            raise InputError(
                f"row {number}: a line of plain text holds one text, but this row has {found}; use .jsonl."
            )
        if len(values[0].splitlines()) > 1:
            raise InputError(f"row {number}: its text has several lines, which plain text cannot keep; use .jsonl.")
        self._file.write(_utf8(values[0], f"row {number}") + b"\n")
        self.written.rows += 1


class ColumnWriter(RowWriter):
    """Rows of named columns.

    If the columns are given, rows are written as they come; else they wait in a temporary file until all names and
    types are known.

    Args:
        file: the file.
        written: counts them.
        columns: the types of the columns by name, in order; None if they follow from the rows.
    """

    def __init__(self, file: BinaryIO, written: WrittenRows, columns: Mapping[str, ColumnType] | None) -> None:
        super().__init__(file, written)
        self.columns = dict(columns or {})
        self._waiting = None if columns is not None else tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._begun = False

    def add(self, row: Row) -> None:
        """Write a row, or keep it until all columns are known."""
        self.written.rows += 1
        if self._waiting is None:
            self._put(row)
            return
        content = json_bytes(dict(row))  # not the line that it was read from, whose bytes may be no UTF-8
        add_row(self.columns, json.loads(content))
        self._waiting.write(content + b"\n")

    def finish(self) -> None:
        """Write the rest after the last row."""
        if self._waiting is not None:
            self._waiting.seek(0)
            for line in self._waiting:
                self._put(json.loads(line))
        self._begin_once()
        self._end()

    def close(self) -> None:
        """Let go of what is held, also where the rows ended in an error."""
        if self._waiting is not None:
            self._waiting.close()

    def _put(self, row: Row) -> None:
        self._begin_once()
        self._write(row)

    def _begin_once(self) -> None:
        if not self._begun:
            self._begin()
            self._begun = True

    def _begin(self) -> None:
        """Write what comes before the rows; all columns are known."""
        raise NotImplementedError

    def _write(self, row: Row) -> None:
        """Write a row, or keep it for the next batch."""
        raise NotImplementedError

    def _end(self) -> None:
        """Write what is left."""


class CommaTable(ColumnWriter):
    """CSV."""

    separator = ","

    def _begin(self) -> None:
        self._number, self._text = 0, io.StringIO()
        self._lines = csv.writer(self._text, delimiter=self.separator, lineterminator="\r\n")
        self._line([guarded(name) for name in self.columns], "the head line")

    def _write(self, row: Row) -> None:
        self._number += 1
        self._line([self._cell(row.get(name)) for name in self.columns], f"row {self._number}")

    def _line(self, cells: list[str], where: str) -> None:
        self._lines.writerow(cells)
        self._file.write(_utf8(self._text.getvalue(), where))
        self._text.seek(0)
        self._text.truncate()

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            cell = guarded(value)
            if cell != value:
                self.written.changes[FORMULA] += 1
            return cell
        if isinstance(value, list | dict):
            self.written.changes["lists and objects, written as JSON text"] += 1
        return as_json(value)


class TabTable(CommaTable):
    """TSV."""

    separator = "\t"


class ParquetTable(ColumnWriter):
    """A Parquet file: a table of typed columns, written a batch of rows at a time."""

    form: TableForm = "parquet"

    def _begin(self) -> None:
        self._table = TableFile(self._file, self.columns, self.form)
        self._batch, self._held = list[Row](), 0
        if names := mixed_columns(self.columns):
            self.written.changes[f"columns with values of several types, written as JSON text: {', '.join(names)}"] = (
                len(names)
            )

    def _write(self, row: Row) -> None:
        self._batch.append({name: fitted(row.get(name), kind) for name, kind in self.columns.items()})
        self._held += _characters(row)
        if len(self._batch) == BATCH or self._held >= BATCH_CHARACTERS:
            self._write_batch()

    def _write_batch(self) -> None:
        self._table.write(self._batch)
        self._batch, self._held = [], 0

    def _end(self) -> None:
        if self._batch or not self.written.rows:
            self._write_batch()

    def close(self) -> None:
        """Let go of what is held, and of the table."""
        super().close()
        if self._begun:
            self._table.close()


class ArrowTable(ParquetTable):
    """An Arrow file."""

    form = "arrow"


class ArrowStream(ParquetTable):
    """An Arrow stream, as in the folders of `datasets`."""

    form = "stream"


def _characters(value: Any) -> int:
    """About how much of a table a value takes: the characters of its texts, and a few bytes for anything else."""
    if isinstance(value, str):
        return len(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 8 + sum(map(_characters, inner))


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _half_character(where) from None


def _half_character(where: str) -> InputError:
    return InputError(
        f"{where}: contains half of a character (\\ud800 to \\udfff alone), which only JSON has room for; use .jsonl."
    )
