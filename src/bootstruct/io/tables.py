"""Tables in text: CSV with commas, semicolons, tabs or bars between the cells, and a head line that names the columns."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError
from bootstruct.io.formulas import unguarded
from bootstruct.io.json_values import LONGEST_LINE, Values, lines_of
from bootstruct.io.row_faults import RowFault
from bootstruct.io.streams import decoded

SEPARATORS: Final = ",;\t|"
UNGUARDED: Final = "with the apostrophe taken off that keeps a spreadsheet from computing a text"
_QUOTED: Final = re.compile(r'"[^"]*"')


def is_table(head: str, known: Set[str], is_named: bool) -> bool:
    """Whether the first line of a text names columns.

    Args:
        head: the beginning of the text.
        known: names of columns, in lower case, of which one tells a table.
        is_named: whether the file is called CSV or TSV: the names need not be known then.
    """
    line = head.split("\n", 1)[0].strip("\r")
    names = [name.strip(' "').lower() for name in re.split(f"[{SEPARATORS}]", line)]
    if len(names) == 1:
        return bool(names[0]) and (is_named or names[0] in known)
    return is_named or (bool(known & set(names)) and all(len(name) < 80 for name in names))


def table_values(path: Path, file: io.BufferedReader, notes: Counter[str]) -> Values:
    """The rows of a table, each at the line on which it ends.

    Args:
        path: the file.
        file: its content.
        notes: counts the rows in which a text was read otherwise than it stands there (`UNGUARDED`).

    Raises:
        InputError: the head line names a column twice, or the text is not CSV from some line on.
    """
    csv.field_size_limit(LONGEST_LINE)
    lines = (decoded(line, path, number) for number, line in lines_of(path, file))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return
    if "\r" in _QUOTED.sub("", first).rstrip("\r\n"):
        raise InputError(
            f"{path}: its lines end with \\r alone, as older Macs wrote them; convert it, as in "
            "`tr '\\r' '\\n' < FILE > NEW`."
        )
    reader = csv.reader(_chain(first, lines), delimiter=separator_of(first), strict=True)
    try:
        names = [name.strip() for name in next(reader)]
        while names and not names[-1]:
            names.pop()  # separators at the end of the head line, as spreadsheets write them
        if len(set(names)) < len(names):
            twice = next(name for name, count in Counter(names).items() if count > 1)
            raise InputError(f"{path}:1: the head line names {twice!r:.80} twice; rename one of the columns.")
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue  # a blank line, or separators alone as spreadsheets write them
            while len(cells) > len(names) and not cells[-1].strip():
                cells.pop()  # separators at the end of a line, as spreadsheets write them
            if len(cells) == len(names):
                texts = list(map(unguarded, cells))
                if texts != cells:
                    notes[UNGUARDED] += 1
                yield reader.line_num, dict(zip(names, texts, strict=True))
            else:
                detail = f"has {len(cells)} fields where the head line names {len(names)}; quote separators"
                yield reader.line_num, RowFault("with another number of fields than the head line", detail)
    except csv.Error as exc:
        raise InputError(f"{path}:{reader.line_num}: not CSV: {exc}; double each quote within a quoted cell.") from None


def separator_of(line: str) -> str:
    """What separates the names in a head line: a tab if there is one outside quotes, else what is there most often."""
    bare = _QUOTED.sub("", line)
    return "\t" if "\t" in bare else max(",;|", key=bare.count)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
