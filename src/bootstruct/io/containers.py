"""Containers, the file formats that hold rows: JSON, CSV, Parquet, Arrow, plain text, folders; told by their content."""

import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io import arrow
from bootstruct.io.fields import KNOWN_FIELDS
from bootstruct.io.json_values import Values, json_lines, json_list, json_objects, lines_of
from bootstruct.io.streams import all_of, as_utf8, decoded, head_of, is_seekable_file
from bootstruct.io.tables import is_table, separator_of, table_values

LIST_MARK: Final = re.compile(r"(?:\d+[.)]|[-*\u2022])\s+")


@dataclass(frozen=True, slots=True)
class Container:
    """A file or folder of rows that has been opened: its container, and the values in it.

    Attributes:
        name: the name of the container, such as `JSON Lines`.
        values: the values with their places, read as they are asked for.
        by_line: whether a place is a line of the file; otherwise it is the row's position.
        notes: how many of the rows read so far were read otherwise than they are written in the file, by how.
    """

    name: str
    values: Values
    by_line: bool = True
    notes: Counter[str] = field(default_factory=Counter)


def container_of(
    path: Path,
    file: io.BufferedReader,
    bare_text: bool = False,
    is_raw: bool = False,
    columns: Collection[str] = (),
) -> Container:
    """Tell by its content which container a file is, and begin to read its rows.

    Args:
        path: the file. Its name matters only for tables with unknown columns.
        file: its content, decompressed.
        bare_text: whether plain text is read, one row per line.
        is_raw: whether rows of JSON Lines keep their line.
        columns: names of columns, besides the known ones, by which a table is recognised.

    Raises:
        InputError: the file holds no rows in any known form.
    """
    head = head_of(file)
    if head.startswith((arrow.PARQUET, arrow.ARROW_FILE, arrow.ARROW_STREAM)):
        source = path if is_seekable_file(file) else io.BytesIO(all_of(file, path))
        is_parquet = head.startswith(arrow.PARQUET)
        read = arrow.read_parquet if is_parquet else arrow.read_arrow
        return _positions("Parquet" if is_parquet else "Arrow", read(source, str(path)))
    file = as_utf8(file, path)
    start = head_of(file).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    known = KNOWN_FIELDS | {name.lower() for name in columns}
    if start.startswith("[") and not (bare_text and _is_bracketed_text(start)):
        return Container("JSON list", json_list(path, file), by_line=False)
    if start.startswith("{"):
        if _begins_with_row(start):
            return Container("JSON Lines", json_lines(path, file, is_raw))
        return Container("JSON", json_objects(path, file), by_line=False)
    if start and not start.startswith('"{') and is_table(start, known, _is_named(path, ".csv", ".tsv")):
        name = {"\t": "TSV", ";": "CSV with semicolons", "|": "CSV with bars"}
        called, notes = name.get(separator_of(start.split("\n", 1)[0]), "CSV"), Counter[str]()
        return Container(called, table_values(path, file, notes), notes=notes)
    if not start or start.startswith('"') or _has_json_line(start):
        return Container("JSON Lines", json_lines(path, file, is_raw))
    if _is_yaml(start, known):
        raise InputError(f"{path}: looks like YAML; write the rows as JSON, or as CSV.")
    if _is_named(path, ".parquet", ".arrow"):
        raise InputError(f"{path}: cannot be read as {path.suffix[1:].capitalize()}: its content is something else.")
    if bare_text:
        if _is_listed(start):
            return Container("plain text, its list marks taken off", _text_values(path, file, LIST_MARK))
        return Container("plain text", _text_values(path, file))
    raise InputError(
        f"{path}: is plain text without columns that are known; rows with fields (JSON Lines, JSON, CSV, Parquet) are "
        "expected, and --fields names columns of a CSV."
    )


def folder_container(folder: Path) -> Container:
    """Begin to read a folder that `datasets.save_to_disk` wrote. Raises InputError for any other folder."""
    if not arrow.is_dataset_folder(folder):
        raise InputError(f"{folder}: is a folder; name its files, or a folder that `datasets.save_to_disk` wrote.")
    return _positions("folder of datasets", arrow.read_dataset_folder(folder))


def _positions(name: str, rows: Iterable[Any]) -> Container:
    return Container(name, iter(enumerate(rows, 1)), by_line=False)


def _text_values(path: Path, file: io.BufferedReader, mark: re.Pattern[str] | None = None) -> Values:
    """The lines of plain text, without list marks."""
    for number, line in lines_of(path, file):
        try:
            text = line.decode().strip() if number > 1 else decoded(line, path, number).strip()
        except UnicodeDecodeError:
            text = decoded(line, path, number)  # raises an error that names the place
        if text := (mark.sub("", text, count=1) if mark else text):
            yield number, text


def _is_listed(start: str) -> bool:
    """Whether all of the first lines, but the last, which may be cut, are members of a list: `1. ...` or `- ...`."""
    lines = [line.strip() for line in start.split("\n")[:200] if line.strip()]
    return len(lines) > 1 and all(LIST_MARK.match(line) for line in lines)


def _begins_with_row(start: str) -> bool:
    """Whether the first line is a whole object, or looks like a broken one; else one object takes several lines."""
    line, newline, _ = start.partition("\n")
    if not newline:
        return True
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return '"' in line.strip("{ \r\t")  # broken, and to be named as a line, unless it is a lone bracket
    return True


def _has_json_line(start: str) -> bool:
    """Whether one of the first lines is an object, so that those before it are broken rows."""
    return any(line.startswith("{") and line.endswith("}") for line in map(str.strip, start.split("\n")[:50]))


def _is_bracketed_text(start: str) -> bool:
    """Whether a text that begins with a bracket is not a list, such as `[Task 1] Name a fruit.`."""
    inner = start[1:].lstrip()
    return bool(inner) and inner[0] not in '[{]"-0123456789' and not inner.startswith(("true", "false", "null", "NaN"))


def _is_yaml(start: str, known: Set[str]) -> bool:
    """Whether the first lines are keys with values, one of which is a known field."""
    lines = [line.strip().removeprefix("- ") for line in start.split("\n")[:20]]
    keys = [line.partition(":")[0].strip(' "') for line in lines if ":" in line]
    is_document = bool(lines) and lines[0] == "---"
    return (is_document or start.partition("\n")[0].strip().removeprefix("- ").partition(":")[0] in keys) and any(
        key in known | {"instances"} for key in keys
    )


def _is_named(path: Path, *endings: str) -> bool:
    return path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(endings)
