"""The one writer of rows: JSON Lines, JSON, CSV, TSV, text, Parquet, Arrow and folders of `datasets`, gzip and zstd.

The name of a file says what it becomes. It is there whole or not at all, and never in place of a file that its rows were
read from. Rows are not held in memory: what needs to know all columns first keeps the rows in a temporary file.
"""

import contextlib
import csv
import gzip
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

from bootstruct.errors import InputError
from bootstruct.io.arrow_writing import write_arrow, write_parquet
from bootstruct.io.column_types import ColumnType, add_row, as_json, fitted, mixed_columns
from bootstruct.io.dataset_folders import PARTS, whole_folder, write_dataset_folder
from bootstruct.io.files import json_bytes, whole_file
from bootstruct.io.formulas import guarded
from bootstruct.io.optional import require_pyarrow, require_zstd

Row: TypeAlias = Mapping[str, Any]
Target: TypeAlias = Path | BinaryIO

CONTAINERS: Final[Mapping[str, tuple[str, ...]]] = {  # name -> endings of files that are one
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "txt": (".txt",),
    "parquet": (".parquet",),
    "arrow": (".arrow", ".feather"),
    "dataset": (),
}
COMPRESSIONS: Final[Mapping[str, str]] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
BATCH: Final = 1 << 16  # rows of a batch in a table
_PACKED_ALREADY: Final = ("parquet", "arrow", "dataset")


@dataclass(frozen=True, slots=True)
class FileForm:
    """What a file of rows is.

    Attributes:
        container: a name of `CONTAINERS`.
        compression: `gzip` or `zstd`, empty for none.
    """

    container: str
    compression: str = ""


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
        """Write what is left when all rows are there."""


def form_of(path: Target, default: str = "jsonl", container: str | None = None) -> FileForm:
    """Return what a file becomes by its name, as in `train.csv.gz`.

    Args:
        path: the file; a stream has no name.
        default: the container where the name says none.
        container: the container, whatever the name says; `dataset` is a folder, which no name says.

    Raises:
        InputError: the container is unknown, or cannot be compressed.

    Example:
        >>> form_of(Path("train.csv.gz"))
        FileForm(container='csv', compression='gzip')
    """
    if container is not None and container not in CONTAINERS:
        raise InputError(f"container {container!r}: unknown; use one of {', '.join(CONTAINERS)}.")
    suffixes = [suffix.lower() for suffix in path.suffixes] if isinstance(path, Path) else []
    compression = COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    ending = suffixes[-2:-1] if compression else suffixes[-1:]
    named = next((name for name, endings in CONTAINERS.items() if set(ending) & set(endings)), default)
    form = FileForm(container or named, compression)
    if compression and form.container in _PACKED_ALREADY:
        raise InputError(f"{path}: a file of {form.container} is compressed inside; leave out {suffixes[-1]!r}.")
    return form


def require_other_file(path: Target | None, sources: Iterable[Path], what: str = "an input") -> None:
    """Raise InputError where a file to write is one that is read from, by whatever name."""
    if not isinstance(path, Path):
        return
    for source in sources:
        with contextlib.suppress(OSError):
            if path.resolve() == source.resolve() or path.samefile(source):
                raise InputError(f"{path}: is {what}, which would be lost; name another file to write.")


@contextlib.contextmanager
def row_writer(
    target: Target, form: FileForm | None = None, columns: Mapping[str, ColumnType] | None = None
) -> Iterator[RowWriter]:
    """What takes the rows of a file; the file is there whole when the block ends without an error.

    Args:
        target: the file, or a stream open for bytes.
        form: what it becomes; left out, what its name says.
        columns: of CSV and of tables, the names of the columns in order with their types; left out, they follow from
            the rows: all names in order of appearance, with JSON as text where values of a column differ in type.

    Raises:
        InputError: it cannot be written, pyarrow is missing, or a row does not fit (plain text takes texts alone; only
            JSON has room for half of a character).
    """
    form = form or form_of(target)
    written = WrittenRows()
    if form.container == "dataset":
        with _folder_writer(target, written, columns) as writer:
            yield writer
        return
    with _opened(target) as file, _compressed(file, form.compression) as packed:
        with _writer(form.container, packed, written, columns) as writer:
            yield writer
            writer.finish()


def write_rows(
    target: Target,
    rows: Iterable[Row],
    form: FileForm | None = None,
    columns: Mapping[str, ColumnType] | None = None,
) -> WrittenRows:
    r"""Write all rows of a file; arguments and errors as in `row_writer`.

    Example:
        >>> import io
        >>> stream = io.BytesIO()
        >>> write_rows(stream, [{"a": 1}, {"a": 2}]).rows, stream.getvalue()
        (2, b'{"a": 1}\n{"a": 2}\n')
    """
    with row_writer(target, form, columns) as writer:
        for row in rows:
            writer.add(row)
    return writer.written


class _JsonLines(RowWriter):
    def add(self, row: Row) -> None:
        self._file.write(json_bytes(row) + b"\n")
        self.written.rows += 1


class _JsonList(RowWriter):
    def add(self, row: Row) -> None:
        lines = json_bytes(row, indent=1).replace(b"\n", b"\n ")
        self._file.write((b",\n " if self.written.rows else b"[\n ") + lines)
        self.written.rows += 1

    def finish(self) -> None:
        self._file.write(b"\n]\n" if self.written.rows else b"[]\n")


class _PlainText(RowWriter):
    """One text per line: of rows that hold a text and nothing else."""

    def add(self, row: Row) -> None:
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


class _SpooledRows(RowWriter):
    """Rows in a temporary file until all columns are known."""

    def __init__(self, file: BinaryIO, written: WrittenRows, columns: Mapping[str, ColumnType] | None) -> None:
        super().__init__(file, written)
        self._given, self._found = columns, dict[str, ColumnType]()
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)

    def add(self, row: Row) -> None:
        content = json_bytes(row)
        if self._given is None:
            add_row(self._found, json.loads(content))
        self._rows.write(content + b"\n")
        self.written.rows += 1

    def close(self) -> None:
        self._rows.close()

    @property
    def columns(self) -> Mapping[str, ColumnType]:
        return self._found if self._given is None else self._given

    def rows(self) -> Iterator[dict[str, Any]]:
        self._rows.seek(0)
        return map(json.loads, self._rows)

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The rows in batches, each with a value that fits for every column."""
        batch: list[dict[str, Any]] = []
        for row in self.rows():
            batch.append({name: fitted(row.get(name), kind) for name, kind in self.columns.items()})
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch or not self.written.rows:
            yield batch

    def note_mixed_columns(self) -> None:
        if names := mixed_columns(self.columns):
            self.written.changes[f"columns with values of several types, written as JSON text: {', '.join(names)}"] = (
                len(names)
            )


class _Table(_SpooledRows):
    """CSV or TSV."""

    separator = ","

    def finish(self) -> None:
        number, text = 0, io.StringIO()
        table = csv.writer(text, delimiter=self.separator, lineterminator="\r\n")
        table.writerow([guarded(name) for name in self.columns])
        for number, row in enumerate(self.rows(), 1):
            table.writerow([self._cell(row.get(name)) for name in self.columns])
            self._file.write(_utf8(text.getvalue(), f"row {number}"))
            text.seek(0)
            text.truncate()
        if not number:
            self._file.write(_utf8(text.getvalue(), "the head line"))

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


class _TabTable(_Table):
    separator = "\t"


class _Parquet(_SpooledRows):
    def finish(self) -> None:
        self.note_mixed_columns()
        write_parquet(self._file, self.batches(), self.columns)


class _Arrow(_SpooledRows):
    def finish(self) -> None:
        self.note_mixed_columns()
        write_arrow(self._file, self.batches(), self.columns)


FORMULA: Final = "texts that a spreadsheet would take for a formula, led by an apostrophe"
_STREAMED: Final[Mapping[str, type[RowWriter]]] = {"jsonl": _JsonLines, "json": _JsonList, "txt": _PlainText}
_SPOOLED: Final[Mapping[str, type[_SpooledRows]]] = {
    "csv": _Table,
    "tsv": _TabTable,
    "parquet": _Parquet,
    "arrow": _Arrow,
    "dataset": _SpooledRows,
}


@contextlib.contextmanager
def _writer(
    container: str, file: BinaryIO, written: WrittenRows, columns: Mapping[str, ColumnType] | None
) -> Iterator[RowWriter]:
    if container in _STREAMED:
        yield _STREAMED[container](file, written)
        return
    if container in _PACKED_ALREADY:
        require_pyarrow(f"Writing {'Parquet' if container == 'parquet' else 'Arrow'}")  # before the work, not after it
    with contextlib.closing(_SPOOLED[container](file, written, columns)) as writer:
        yield writer


@contextlib.contextmanager
def _folder_writer(
    target: Target, written: WrittenRows, columns: Mapping[str, ColumnType] | None
) -> Iterator[RowWriter]:
    if not isinstance(target, Path):
        raise InputError("The container `dataset` is a folder of files; name one with --out.")
    with whole_folder(target) as folder, _writer("dataset", io.BytesIO(), written, columns) as writer:
        yield writer
        spooled = cast("_SpooledRows", writer)
        spooled.note_mixed_columns()
        write_dataset_folder(folder, spooled.batches(), spooled.columns, target.name if target.name in PARTS else "")


@contextlib.contextmanager
def _opened(target: Target) -> Iterator[BinaryIO]:
    if isinstance(target, Path):
        if target.is_dir():
            raise InputError(f"{target}: is a folder; name a file, as in {target / 'data.jsonl'}.")
        with whole_file(target) as file:
            yield file
        return
    with (
        tempfile.TemporaryFile() as file
    ):  # a stream is no file: it cannot be taken back where the rows end in an error
        yield file
        file.seek(0)
        shutil.copyfileobj(file, target)
        target.flush()


@contextlib.contextmanager
def _compressed(file: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    if compression == "gzip":  # without name and time: equal rows, equal bytes
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            yield cast("BinaryIO", packed)
    elif compression == "zstd":
        with require_zstd("Compressing with zstd", "name a file .gz").ZstdFile(file, "wb") as packed:
            yield packed
    else:
        yield file


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _half_character(where) from None


def _half_character(where: str) -> InputError:
    return InputError(
        f"{where}: contains half of a character (\\ud800 to \\udfff alone), which only JSON has room for; use .jsonl."
    )
