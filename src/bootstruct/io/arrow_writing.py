"""Tables of typed columns as files: Parquet and Arrow. Needs pyarrow.

Rows come in batches, so a table may be larger than memory.
"""

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final

from bootstruct.errors import InputError
from bootstruct.io.column_types import NULL, ColumnType
from bootstruct.io.optional import require_pyarrow

_SCALARS: Final = {
    **dict.fromkeys(("null", "text", "json"), "string"),
    **dict.fromkeys(("int", "long"), "int64"),
    "float": "float64",
    "bool": "bool_",
}
Batches = Iterable[list[dict[str, Any]]]


def write_parquet(file: BinaryIO, batches: Batches, columns: Mapping[str, ColumnType]) -> None:
    """Write rows as a Parquet file, compressed with zstd.

    Args:
        file: where it goes.
        batches: lists of rows that fit the columns.
        columns: the types of the columns by name, in order.

    Raises:
        InputError: pyarrow is missing, or a text holds half of a character.
    """
    pyarrow = require_pyarrow("Writing Parquet")
    schema = _schema(pyarrow, columns)
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(_table(pyarrow, batch, schema))


def write_arrow(file: BinaryIO, batches: Batches, columns: Mapping[str, ColumnType], is_stream: bool = False) -> None:
    """Write rows as an Arrow file, which is Feather of version 2 as well; arguments and errors as in `write_parquet`.

    Args:
        file: where it goes.
        batches: lists of rows.
        columns: the types of the columns.
        is_stream: whether it is Arrow's stream format, which `datasets` keeps its tables in.
    """
    pyarrow = require_pyarrow("Writing Arrow")
    schema = _schema(pyarrow, columns)
    writer = pyarrow.ipc.new_stream(file, schema) if is_stream else pyarrow.ipc.new_file(file, schema)
    with writer:
        for batch in batches:
            writer.write_table(_table(pyarrow, batch, schema))


def _table(pyarrow: Any, rows: list[dict[str, Any]], schema: Any) -> Any:
    try:
        return pyarrow.Table.from_pylist(rows, schema=schema)
    except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError) as exc:
        reason = " ".join(str(exc).split())[:200]
        where = f"column {column!r}: " if (column := _unfit_column(pyarrow, rows, schema)) else ""
        raise InputError(
            f"The rows do not fit into a table of typed columns: {where}{reason}; write JSON Lines."
        ) from None


def _unfit_column(pyarrow: Any, rows: list[dict[str, Any]], schema: Any) -> str:
    """The first column that cannot be written by itself; empty where each can."""
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
