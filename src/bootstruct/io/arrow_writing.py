"""Tables of typed columns as files: Parquet and Arrow, written one batch of rows at a time. Needs pyarrow."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, Literal, TypeAlias

from bootstruct.errors import InputError
from bootstruct.io.column_types import NULL, ColumnType
from bootstruct.io.optional import require_pyarrow

TableForm: TypeAlias = Literal["parquet", "arrow", "stream"]
_SCALARS: Final = {
    **dict.fromkeys(("null", "text", "json"), "string"),
    **dict.fromkeys(("int", "long"), "int64"),
    "float": "float64",
    "bool": "bool_",
}


class TableFile:
    """A table that is written one batch of rows at a time, so that it may be larger than memory.

    Args:
        file: the file; it stays open.
        columns: the types of the columns by name, in order.
        form: `parquet`, compressed with zstd; `arrow`, a file, which is Feather of version 2 as well; or `stream`, Arrow's
            stream format, which `datasets` keeps its tables in.

    Raises:
        InputError: pyarrow is missing.
    """

    def __init__(self, file: BinaryIO, columns: Mapping[str, ColumnType], form: TableForm) -> None:
        self._pyarrow = pyarrow = require_pyarrow("Writing Parquet" if form == "parquet" else "Writing Arrow")
        self._schema = schema = _schema(pyarrow, columns)
        self._writer: Any
        if form == "parquet":
            self._writer = pyarrow.parquet.ParquetWriter(file, schema, compression="zstd")
        else:
            self._writer = (pyarrow.ipc.new_stream if form == "stream" else pyarrow.ipc.new_file)(file, schema)

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows that fit the columns. Raises InputError if one does not, as one with half of a character."""
        self._writer.write_table(_table(self._pyarrow, rows, self._schema))

    def close(self) -> None:
        """Write the end of the table."""
        self._writer.close()


def _table(pyarrow: Any, rows: Sequence[Mapping[str, Any]], schema: Any) -> Any:
    try:
        return pyarrow.Table.from_pylist(rows, schema=schema)
    except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError) as exc:
        reason = " ".join(str(exc).split())[:200]
        where = f"column {column!r}: " if (column := _unfit_column(pyarrow, rows, schema)) else ""
        raise InputError(
            f"The rows do not fit into a table of typed columns: {where}{reason}; write JSON Lines."
        ) from None


def _unfit_column(pyarrow: Any, rows: Sequence[Mapping[str, Any]], schema: Any) -> str:
    """The first column that cannot be written by itself; empty if each can."""
    for field in schema:
        try:
            pyarrow.array([row.get(field.name) for row in rows], type=field.type)
        except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError):
            return str(field.name)
    return ""


def _schema(pyarrow: Any, columns: Mapping[str, ColumnType]) -> Any:
    return pyarrow.schema([(name, _arrow_type(pyarrow, kind)) for name, kind in columns.items()])


def _arrow_type(pyarrow: Any, kind: ColumnType) -> Any:
    if kind.kind == "list":
        return pyarrow.list_(_arrow_type(pyarrow, kind.element or NULL))
    if kind.kind == "struct":
        return pyarrow.struct([(name, _arrow_type(pyarrow, inner)) for name, inner in kind.fields])
    return getattr(pyarrow, _SCALARS[kind.kind])()
