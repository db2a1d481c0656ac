"""Parquet and Arrow files and folders of `datasets.save_to_disk`, read in batches. Needs pyarrow."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from bootstruct.errors import InputError
from bootstruct.io.optional import require_pyarrow
from bootstruct.io.trust import open_inside

BATCH = 1024  # rows read at once
PIECE: Final = 1 << 16  # bytes of a column read at once
PARQUET: Final = b"PAR1"  # the first bytes
ARROW_FILE: Final = b"ARROW1\0\0"
ARROW_STREAM: Final = b"\xff\xff\xff\xff"
STATE, SPLITS = "state.json", "dataset_dict.json"  # what `save_to_disk` writes into the folder of a set, or of several


def read_parquet(source: Path | BinaryIO, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file one by one.

    Args:
        source: the file, or its content.
        name: what errors call it; left out, its path.

    Raises:
        InputError: it cannot be read, or pyarrow is missing.
    """
    name = name or str(source)
    pyarrow = require_pyarrow(f"{name}: reading Parquet")
    try:
        # Read in pieces, one group of rows after another: else pyarrow holds on to all that it has read, or a whole group.
        with pyarrow.parquet.ParquetFile(source, buffer_size=PIECE, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(BATCH, row_groups=[group]):
                    yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException) as exc:
        raise _unreadable(name, "Parquet", exc) from None


def read_arrow(source: Path | BinaryIO, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of an Arrow file or stream one by one. Arguments and errors as for `read_parquet`."""
    name = name or str(source)
    pyarrow = require_pyarrow(f"{name}: reading Arrow")
    try:
        with pyarrow.memory_map(str(source)) if isinstance(source, Path) else pyarrow.PythonFile(source) as file:
            start = file.read(len(ARROW_FILE))
            file.seek(0)
            if start == ARROW_FILE:
                reader = pyarrow.ipc.open_file(file)
                batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
            else:
                batches = iter(pyarrow.ipc.open_stream(file))
            for batch in batches:
                for first in range(0, batch.num_rows, BATCH):
                    yield from batch.slice(first, BATCH).to_pylist()
    except (OSError, pyarrow.ArrowException) as exc:
        raise _unreadable(name, "Arrow", exc) from None


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
    names = [str(entry.get("filename", "")) for entry in files if isinstance(entry, dict)] if files else []
    for name in names:
        path = place / name
        with io.FileIO(open_inside(folder, path)) as content:
            yield from read_arrow(content, str(path))


def _object(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        with io.FileIO(open_inside(folder, path)) as file:
            value = json.loads(file.read())
    except (OSError, ValueError) as exc:
        raise InputError(f"{path}: cannot be read: {exc}.") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: is not what `datasets.save_to_disk` writes.")
    return value


def _unreadable(name: str, container: str, exc: Exception) -> InputError:
    reason = " ".join(str(exc).split())[:200]
    return InputError(f"{name}: cannot be read as {container}: {reason}.")
