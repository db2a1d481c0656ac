"""The only writer of rows: JSON Lines, JSON, CSV, TSV, text, Parquet, Arrow and folders of `datasets`, gzip and zstd.

The name of a file determines its kind. It is written completely or not at all, and never replaces a file from which
its rows were read. Rows are not held in memory: they are written as they come, those of a table in batches; what
needs to know all columns first keeps the rows in a temporary file (`io.row_writers`).
"""

import contextlib
import gzip
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from bootstruct.errors import InputError
from bootstruct.io.column_types import ColumnType
from bootstruct.io.dataset_folders import DATA_FILE, PARTS, finish_dataset_folder, whole_folder
from bootstruct.io.files import whole_file
from bootstruct.io.optional import require_pyarrow, require_zstd
from bootstruct.io.row_writers import (
    ArrowStream,
    ArrowTable,
    ColumnWriter,
    CommaTable,
    JsonLines,
    JsonList,
    ParquetTable,
    PlainText,
    Row,
    RowWriter,
    TabTable,
    WrittenRows,
)

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
NOT_WRITTEN: Final = frozenset(  # endings of files that would be taken for something else than rows
    [
        ".xlsx",
        ".xls",
        ".ods",
        ".yaml",
        ".yml",
        ".zip",
        ".bz2",
        ".xz",
        ".7z",
        ".pkl",
        ".npy",
        ".npz",
        ".db",
        ".sqlite",
        ".html",
        ".orc",
        ".avro",
    ]
)
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


def form_of(path: Target, default: str = "jsonl", container: str | None = None) -> FileForm:
    """Return what a file becomes by its name, as in `train.csv.gz`.

    Args:
        path: the file; a stream has no name.
        default: the container where the name says none.
        container: the container, whatever the name says; `dataset` is a folder, which no name says.

    Raises:
        InputError: the container is unknown or cannot be compressed, or the name says something else.

    Example:
        >>> form_of(Path("train.csv.gz"))
        FileForm(container='csv', compression='gzip')
    """
    if container is not None and container not in CONTAINERS:
        raise InputError(f"container {container!r}: unknown; use one of {', '.join(CONTAINERS)}.")
    suffixes = [suffix.lower() for suffix in path.suffixes] if isinstance(path, Path) else []
    compression = COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    ending = suffixes[-2:-1] if compression else suffixes[-1:]
    if container is None and (strange := next((end for end in ending if end in NOT_WRITTEN), "")):
        raise InputError(f"{path}: no rows are written as {strange}; name a file .jsonl, .csv or .parquet.")
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
    with (
        _opened(target) as file,
        _compressed(file, form.compression) as packed,
        _writer(form.container, packed, written, columns) as writer,
    ):
        yield writer


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


_STREAMED: Final[Mapping[str, type[RowWriter]]] = {"jsonl": JsonLines, "json": JsonList, "txt": PlainText}
_WITH_COLUMNS: Final[Mapping[str, type[ColumnWriter]]] = {
    "csv": CommaTable,
    "tsv": TabTable,
    "parquet": ParquetTable,
    "arrow": ArrowTable,
    "dataset": ArrowStream,
}


@contextlib.contextmanager
def _writer(
    container: str, file: BinaryIO, written: WrittenRows, columns: Mapping[str, ColumnType] | None
) -> Iterator[RowWriter]:
    """What writes the rows; the end of the file is written when the block ends without an error."""
    if container in _STREAMED:
        writer = _STREAMED[container](file, written)
        yield writer
        writer.finish()
        return
    if container in _PACKED_ALREADY:
        require_pyarrow(f"Writing {'Parquet' if container == 'parquet' else 'Arrow'}")  # before the work, not after it
    with contextlib.closing(_WITH_COLUMNS[container](file, written, columns)) as table:
        yield table
        table.finish()


@contextlib.contextmanager
def _folder_writer(
    target: Target, written: WrittenRows, columns: Mapping[str, ColumnType] | None
) -> Iterator[RowWriter]:
    if not isinstance(target, Path):
        raise InputError("The container `dataset` is a folder of files; name one with --out.")
    with whole_folder(target) as folder:
        with open(folder / DATA_FILE, "wb") as file, _writer("dataset", file, written, columns) as writer:
            yield writer
        finish_dataset_folder(folder, target.name if target.name in PARTS else "")


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
