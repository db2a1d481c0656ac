"""The one reader of rows: JSON, CSV, Parquet, Arrow or plain text, told apart by content, every fault named at its place."""

import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.containers import container_of, folder_container
from bootstruct.io.hub import fetch, is_on_hub
from bootstruct.io.json_values import SourceRow
from bootstruct.io.row_faults import RowFault
from bootstruct.io.streams import STDIN, all_of, as_utf8, decoded, opened

Row: TypeAlias = dict[str, Any]
Surrogates = Literal["refuse", "keep"]

__all__ = ["STDIN", "Row", "SourceRow", "read_json", "read_rows", "read_text"]


def read_text(path: Path, folder: Path | None = None) -> str:
    """Return a file's content as text: UTF-8, or UTF-16 with its byte order mark.

    Args:
        path: the file.
        folder: the run folder that the file belongs to; no link is followed below it (see `io.trust`).

    Raises:
        InputError: the file cannot be read or is in another encoding (with the line).
    """
    with opened(path, folder) as file:
        return decoded(all_of(as_utf8(file, path), path), path)


def read_json(path: Path, folder: Path | None = None) -> Any:
    """Return the one JSON value that a file holds; `folder` as in `read_text`.

    Raises:
        InputError: the file cannot be read or is not JSON (with the line).
    """
    text = read_text(path, folder)
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise InputError(f"{path}:{exc.lineno}: not JSON: {exc}.") from None
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{path}: not JSON: {exc}.") from None


def read_rows(
    path: Path,
    surrogates: Surrogates = "refuse",
    bare_text: bool = False,
    account: RowAccount | None = None,
    folder: Path | None = None,
    columns: Collection[str] = (),
    is_raw: bool = False,
) -> Iterator[tuple[int, Row]]:
    r"""Yield (line or position from 1, row) of every row of a file; blank lines are skipped.

    A file is JSON Lines, a JSON list of objects, objects one after another, one JSON object of columns or with the rows
    in a field such as `data`, CSV (with commas, semicolons, tabs or bars) with a head line, Parquet or Arrow, each also
    compressed with gzip or zstd: its content decides, not its name. A folder is one that `datasets.save_to_disk`
    wrote. Lines end with `\n` or `\r\n` only: rows may hold U+2028 and U+0085, on which other splitting breaks. A row in
    which an object has a name twice, with different values, cannot be read.

    Args:
        path: the file; `-` is the standard input, and `hub:org/name` a data set on the Hugging Face hub (see `io.hub`).
        surrogates: what happens to half a character (`\ud800` to `\udfff` alone): `refuse` the row with an error, as where
            it would go into a prompt or a training file, or `keep` it, as where other people's files are shown or filtered.
        bare_text: whether a row may be a text instead of an object; it is then read as `{"text": ...}`. A file that holds
            neither JSON nor a table is then plain text, one row per line.
        account: counts the rows read, and those that cannot be read, which are left out then. Rows that are yielded are
            for the caller to count (`use`, `leave_out`). Without it the first row that cannot be read is an error.
        folder: the run folder that the file belongs to; no link is followed below it (see `io.trust`).
        columns: names of columns beside the known ones that tell a table from plain text.
        is_raw: whether rows of JSON Lines are `SourceRow`, which keep their line as it is, bytes that are no UTF-8 included.

    Raises:
        InputError: the file cannot be read, or a row of it, with its place.
    """
    if folder is None and is_on_hub(path):
        yield from _rows_of_files(fetch(path), surrogates, bare_text, account, columns, is_raw)
        return
    with contextlib.ExitStack() as stack:
        if folder is None and path.is_dir():
            container = folder_container(path)
        else:
            file = stack.enter_context(opened(path, folder))
            container = container_of(path, file, bare_text, is_raw, columns)
        if account is not None:
            account.container = container.name
        for number, value in container.values:
            row = {"text": value} if bare_text and type(value) is str else value
            if account is not None:
                account.read += 1
            fault = _fault(row, surrogates, bare_text)
            if fault is None:
                yield number, row
            elif account is not None:
                account.leave_out(number, fault.reason, str(fault))
            else:
                where = f"{path}:{number}" if container.by_line else f"{path}: row {number}"
                raise InputError(f"{where}: {fault.sentence}.")
        if account is not None:
            account.notes.update(container.notes)


def _rows_of_files(
    paths: Sequence[Path],
    surrogates: Surrogates,
    bare_text: bool,
    account: RowAccount | None,
    columns: Collection[str],
    is_raw: bool,
) -> Iterator[tuple[int, Row]]:
    """The rows of several files as those of one, numbered through."""
    before = last = 0
    for path in paths:
        for number, row in read_rows(path, surrogates, bare_text, account, None, columns, is_raw):
            last = before + number
            yield last, row
        before = last


def _fault(row: object, surrogates: Surrogates, bare_text: bool) -> RowFault | None:
    if isinstance(row, RowFault):
        return row
    if not isinstance(row, dict):
        expected = "an object or a text" if bare_text else "an object"
        return RowFault("not an object", f"expected {expected}, found {type(row).__name__}")
    if surrogates == "refuse" and not _is_unicode(row):
        return RowFault(
            "with half of a character", "contains half of a character (\\ud800 to \\udfff alone); correct it"
        )
    return None


def _is_unicode(row: Row) -> bool:
    try:
        for name, value in row.items():
            if type(value) is not str or type(name) is not str:
                json.dumps(row, ensure_ascii=False, default=str).encode()
                return True
            if not value.isascii() or not name.isascii():
                f"{name}{value}".encode()
    except UnicodeEncodeError:
        return False
    return True
