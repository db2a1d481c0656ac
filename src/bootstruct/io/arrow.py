"""Parquet and Arrow files and folders of `datasets.save_to_disk`, read in batches. Needs pyarrow."""

import contextlib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from bootstruct.errors import InputError
from bootstruct.io.arrow_messages import MalformedError, unpacked_lengths
from bootstruct.io.optional import require_pyarrow
from bootstruct.io.parquet_pages import unpacked_sizes
from bootstruct.io.streams import MOST_SWOLLEN, MOST_TIMES
from bootstruct.io.trust import open_inside

BATCH = 1024  # rows read at once
PIECE: Final = 1 << 16  # bytes of a column read at once
AT_ONCE: Final = 1 << 26  # bytes of texts that are made from a file at once
ROW: Final = 64  # bytes that a row counts for beside its texts
PARQUET: Final = b"PAR1"  # the first bytes
ARROW_FILE: Final = b"ARROW1\0\0"
ARROW_STREAM: Final = b"\xff\xff\xff\xff"
_FAULTS: Final = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)  # of pyarrow on damaged files, beside its own
LARGEST_STATE: Final = 1 << 24  # bytes of a file that describes a folder
STATE, SPLITS = "state.json", "dataset_dict.json"  # what `save_to_disk` writes into the folder of a set, or of several


def read_parquet(source: Path | BinaryIO, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file one by one.

    Args:
        source: the file, or its content.
        name: its name in errors; by default its path.

    Raises:
        InputError: it cannot be read, or pyarrow is missing.
    """
    name = name or str(source)
    pyarrow = require_pyarrow(f"{name}: reading Parquet")
    bounds = UnpackedBounds(name, _size_of(source))
    try:
        columns = _parquet_texts(pyarrow, source, bounds)
        # Read in pieces, one group of rows after another: else pyarrow holds on to all that it has read, or a whole group.
        more: dict[str, Any] = {"buffer_size": PIECE, "pre_buffer": False}
        with pyarrow.parquet.ParquetFile(source, read_dictionary=columns, **more) as coded:
            sizes = [_rows_at_once(coded, group, bounds) for group in range(coded.num_row_groups)]
            if not isinstance(source, Path):
                source.seek(0)
            with pyarrow.parquet.ParquetFile(source, **more) as file:
                _require_unique(file.schema_arrow, name)
                for group, size in enumerate(sizes):
                    for batch in file.iter_batches(size, row_groups=[group]):
                        yield from batch.to_pylist()
    except MalformedError:
        raise InputError(f"{name}: is damaged Parquet; fetch it or save it again.") from None
    except (*_FAULTS, pyarrow.ArrowException) as exc:
        raise _unreadable(name, "Parquet", exc) from None


def _parquet_texts(pyarrow: Any, source: Path | BinaryIO, bounds: "UnpackedBounds") -> list[str]:
    """The columns that hold texts, after a look at what the file says of its sizes."""
    with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as file:
        bounds.require_lengths(unpacked_sizes(file, _size_of(source)))
        file.seek(0)
    about = pyarrow.parquet.read_metadata(source)
    if not isinstance(source, Path):
        source.seek(0)
    bounds.take(about.num_rows, 0)
    columns = (about.schema.column(number) for number in range(len(about.schema)))
    return [str(column.path) for column in columns if column.physical_type == "BYTE_ARRAY"]


def _rows_at_once(coded: Any, group: int, bounds: "UnpackedBounds") -> int:
    """How many rows of a group are read at once, so that equal texts, stored once in the file, fit into memory many times."""
    largest = 1
    for batch in coded.iter_batches(BATCH, row_groups=[group]):
        size = unpacked_size(batch)
        bounds.take(0, size)
        largest = max(largest, size)
    return max(1, min(BATCH, BATCH * AT_ONCE // largest))


def read_arrow(source: Path | BinaryIO, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of an Arrow file or stream one by one. Arguments and errors as for `read_parquet`."""
    name = name or str(source)
    pyarrow = require_pyarrow(f"{name}: reading Arrow")
    try:
        with (
            pyarrow.memory_map(str(source))
            if isinstance(source, Path)
            else pyarrow.PythonFile(source, mode="r") as file
        ):
            bounds = UnpackedBounds(name, _size_of(source))
            bounds.require_lengths(unpacked_lengths(file, _size_of(source)))
            file.seek(0)
            start = file.read(len(ARROW_FILE))
            file.seek(0)
            if start == ARROW_FILE:
                reader = pyarrow.ipc.open_file(file)
                schema = reader.schema
                batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
            else:
                stream = pyarrow.ipc.open_stream(file)
                schema, batches = stream.schema, iter(stream)
            _require_unique(schema, name)
            for batch in batches:
                batch.validate(full=True)  # offsets in a stranger's file may point anywhere
                size = unpacked_size(batch)
                bounds.take(batch.num_rows, size)
                step = max(1, min(BATCH, batch.num_rows * AT_ONCE // max(1, size)))
                for first in range(0, batch.num_rows, step):
                    yield from batch.slice(first, step).to_pylist()
    except MalformedError:
        raise InputError(f"{name}: is damaged Arrow; fetch it or save it again.") from None
    except (*_FAULTS, pyarrow.ArrowException) as exc:
        raise _unreadable(name, "Arrow", exc) from None


def _require_unique(schema: Any, name: str) -> None:
    """Raise InputError where two columns, or two fields of an object in a column, have one name."""
    waiting: list[Any] = [list(schema)]
    while waiting:
        fields = waiting.pop()
        names = [field.name for field in fields]
        if len(set(names)) < len(names):
            twice = next(one for one in names if names.count(one) > 1)
            raise InputError(f"{name}: has the column {twice!r:.80} twice; rename one of the columns.")
        kinds = [field.type for field in fields]
        waiting += [[kind.field(n) for n in range(kind.num_fields)] for kind in kinds if kind.num_fields]


class UnpackedBounds:
    """What a file may hold once it is unpacked: equal texts are stored once, and blank rows take no room.

    Args:
        name: of the file, for errors.
        size: of the file, in bytes.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name, self.most, self.taken = name, max(MOST_SWOLLEN, MOST_TIMES * size), 0

    def take(self, rows: int, size: int) -> None:
        """Count rows and bytes. Raises InputError if they are too many."""
        self.taken += ROW * rows + size
        self.require(self.taken)

    def require_lengths(self, lengths: Iterable[int]) -> None:
        """Raises InputError if compressed parts of these lengths, once unpacked, are too many bytes together."""
        total = 0
        for length in lengths:
            total += length if length >= 0 else self.most + 1  # no length is negative
            self.require(total)

    def require(self, size: int) -> None:
        """Raises InputError if so many bytes are too many."""
        if size > self.most:
            raise InputError(f"{self.name}: contains more than {MOST_TIMES} times its size once unpacked; split it.")


def _size_of(source: Path | BinaryIO) -> int:
    if isinstance(source, Path):
        return source.stat().st_size
    here = source.tell()
    size = source.seek(0, io.SEEK_END)
    source.seek(here)
    return size


def unpacked_size(batch: Any) -> int:
    """Bytes of the values of a record batch, each counted as often as it occurs.

    Raises:
        OSError: a column has a type in which values overlap.
    """
    return sum(_unpacked(column) for column in batch.columns)


def _unpacked(array: Any) -> int:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        values, indices = array.dictionary, array.indices.drop_null()
        if not len(indices):
            return len(array)
        lengths = _lengths(values)
        if lengths is None:
            raise OSError(f"a column of type {kind}")
        counts = np.bincount(indices.to_numpy(zero_copy_only=False).astype(np.int64), minlength=len(lengths))
        return int((counts * lengths).sum())
    if pa.types.is_struct(kind):
        return sum(_unpacked(part) for part in array.flatten())
    if pa.types.is_map(kind):
        return _unpacked(array.keys) + _unpacked(array.items) + 4 * len(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _unpacked(array.flatten()) + 4 * len(array)
    if any(mark in str(kind) for mark in ("list_view", "run_end")) or pa.types.is_union(kind):
        raise OSError(f"a column of type {kind}; save it with plain types")
    if (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        return int(pc.sum(pc.binary_length(array)).as_py() or 0) + 4 * len(array)
    lengths = _lengths(array)
    return int(lengths.sum()) if lengths is not None else int(array.nbytes)


def _lengths(values: Any) -> Any:
    """The size of each value of an array of texts or numbers, in bytes; None if it holds others."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if str(kind) in ("string_view", "binary_view"):  # 16 bytes for each value, which begin with its length
        raw = np.frombuffer(values.buffers()[1], dtype=np.int32).reshape(-1, 4)
        return raw[values.offset : values.offset + len(values), 0].astype(np.int64)
    if (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    ):
        return pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_primitive(kind) or pa.types.is_null(kind):
        return np.full(len(values), 8)
    return None


def is_dataset_folder(folder: Path) -> bool:
    """Whether `datasets.save_to_disk` wrote a folder."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def read_dataset_folder(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a folder that `datasets.save_to_disk` wrote, without that package.

    Raises:
        InputError: it holds several splits, it cannot be read, or pyarrow is missing.
    """
    if (folder / SPLITS).is_file():
        splits = _object(folder, SPLITS).get("splits")
        names = [name for name in splits if isinstance(name, str)] if isinstance(splits, list) else []
        if len(names) != 1:
            raise InputError(f"{folder}: holds the splits {', '.join(names)}; name one, as in {folder / names[0]}."
                             if names else f"{folder / SPLITS}: names no split.")  # fmt: skip
        yield from _read_split(folder, names[0])
    else:
        yield from _read_split(folder, "")


def _read_split(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    place = folder / split if split else folder
    state = _object(folder, f"{split}/{STATE}" if split else STATE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{place}: was written by an old version of datasets; save it again with a current one.")
    files = state.get("_data_files")
    names = (
        [entry.get("filename") if isinstance(entry, dict) else None for entry in files]
        if isinstance(files, list)
        else []
    )
    for name in names:
        if not isinstance(name, str) or not name:
            raise InputError(f"{place / STATE}: is not what `datasets.save_to_disk` writes.")
        path = place / name
        with io.FileIO(open_inside(folder, path)) as content:
            yield from read_arrow(content, str(path))


def _object(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        with io.FileIO(open_inside(folder, path)) as file:
            value = json.loads(file.read(LARGEST_STATE))
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{path}: cannot be read: {exc}.") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: is not what `datasets.save_to_disk` writes.")
    return value


def _unreadable(name: str, container: str, exc: Exception) -> InputError:
    reason = " ".join(str(exc).split())[:200]
    return InputError(f"{name}: cannot be read as {container}: {reason}.")
