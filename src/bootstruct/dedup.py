"""The novelty filter alone, for any file of texts: keep what is new, say of the rest what it is too similar to.

Rows are decided strictly in order, each against all kept before it (and against a second set, if given), so the
decisions do not depend on how the rows are read.
"""

import contextlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstruct.errors import BadInput
from bootstruct.files import read_text, whole_file, write_whole
from bootstruct.stages.novelty import Index
from bootstruct.stages.rouge import TOKENIZERS

if TYPE_CHECKING:
    from bootstruct.shards import Shards

Json = dict[str, Any]
FIELDS = ("instruction", "text", "prompt", "question", "input")
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: file and row, counted from 1 as in an editor (for JSON lists and Parquet: the n-th row)."""

    path: str
    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is too similar to one kept before it, or to one of the set to keep away from."""

    place: Place
    score: float
    near: Place
    against: bool


Decided = tuple[Json, Place | None, Dropped | None]  # a row, where its text stands, why it was dropped


@dataclass(slots=True)
class Told:
    """What a de-duplication came to. without_text: rows without a usable text; they are kept and counted."""

    rows: int = 0
    kept: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    without_text: int = 0

    @property
    def near(self) -> int:
        """How many were dropped for the set to keep away from."""
        return sum(each.against for each in self.dropped)


def read(path: Path) -> Iterator[tuple[int, Json]]:
    """(row number, row) of a JSONL, JSON or Parquet file, read piece by piece where the format allows it."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(path)
    elif suffix == ".json":
        yield from _json(path)
    else:
        yield from _jsonl(path)


def _jsonl(path: Path) -> Iterator[tuple[int, Json]]:
    try:
        file = path.open("rb")
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}.") from None
    with file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield number, _row(json.loads(line), f"{path}:{number}")
                except (ValueError, RecursionError) as exc:
                    raise BadInput(f"{path}:{number}: not JSON: {exc}.") from None


def _json(path: Path) -> Iterator[tuple[int, Json]]:
    try:
        rows = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise BadInput(f"{path}: not JSON: {exc}.") from None
    if not isinstance(rows, list):
        raise BadInput(f"{path}: expected a list of objects, found {type(rows).__name__}.")
    for number, row in enumerate(rows, 1):
        yield number, _row(row, f"{path}: row {number}")


def _parquet(path: Path) -> Iterator[tuple[int, Json]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadInput(f"{path}: reading Parquet needs pyarrow: pip install 'bootstruct[parquet]'.") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (OSError, pyarrow.ArrowException) as exc:
        raise BadInput(f"{path}: cannot be read as Parquet: {exc}.") from None


def _row(row: object, where: str) -> Json:
    if isinstance(row, str):
        return {"text": row}
    if not isinstance(row, dict):
        raise BadInput(f"{where}: expected an object or a text, found {type(row).__name__}.")
    return row


def text_of(row: Json, name: str | None) -> str | None:
    """The text of a row: its field `name`, else the first of the usual ones, else the first user message."""
    for each in (name,) if name else FIELDS:
        if isinstance(row.get(each), str) and row[each].strip():
            return str(row[each])
    if name is None:
        for message in row.get("messages") or row.get("conversations") or ():
            if isinstance(message, dict) and message.get("role", message.get("from")) in ("user", "human"):
                content = message.get("content", message.get("value"))
                return content if isinstance(content, str) and content.strip() else None
    return None


def dedup(
    paths: Iterable[Path],
    against: Iterable[Path] = (),
    name: str | None = None,
    threshold: float = 0.7,
    tokenizer: str = "unicode",
    told: Told | None = None,
    keep: Callable[[Json], None] = lambda row: None,
    shards: "Callable[[Iterable[Place]], Shards[Place]] | None" = None,
) -> Iterator[Told]:
    """Decide all rows, calling `keep` with each one kept; yields the running totals after each row (for progress).

    shards: makes the pool over several machines, given the places to keep away from; this machine holds it if left out.

    Raises BadInput where a file cannot be read, has no text in any row, or an option is out of range.
    """
    if tokenizer not in TOKENIZERS:
        raise BadInput(f"tokenizer {tokenizer!r}: unknown; take one of {', '.join(TOKENIZERS)}.")
    if not 0 < threshold <= 1:
        raise BadInput(f"threshold {threshold:g}: must lie in (0, 1].")
    told = told or Told()
    entries = _entries(paths, name)
    if shards is None:
        decided = _here(entries, places(against, name), threshold, tokenizer)
    else:
        decided = _elsewhere(entries, shards(places(against, name)))
    for row, place, hit in decided:
        told.rows += 1
        told.without_text += place is None
        if hit is not None:
            told.dropped.append(hit)
        else:
            told.kept += 1
            keep(row)
        yield told


def _entries(paths: Iterable[Path], name: str | None) -> Iterator[tuple[Json, Place | None]]:
    """All rows in order, each with its text and place, None where it has no text."""
    for path in paths:
        texts = 0
        for number, row in read(path):
            text = text_of(row, name)
            texts += text is not None
            yield row, None if text is None else Place(str(path), number, text)
        if not texts:
            wanted = f"the field {name!r}" if name else f"any of {', '.join(FIELDS)}, or messages"
            raise BadInput(f"{path}: no row has a text in {wanted}; name the field with --field.")


def _here(
    entries: Iterable[tuple[Json, Place | None]], against: Iterable[Place], threshold: float, tokenizer: str
) -> Iterator[Decided]:
    away, index = Index(threshold, tokenizer=tokenizer), Index(threshold, tokenizer=tokenizer)
    away_places, kept = list(against), list[Place]()
    away.extend(place.text for place in away_places)
    for row, place in entries:
        hit = None
        if place is not None:
            if (found := away.nearest(place.text)) is not None:
                hit = Dropped(place, found[0], away_places[found[1]], True)
            elif (found := index.nearest(place.text)) is not None:
                hit = Dropped(place, found[0], kept[found[1]], False)
            else:
                index.add(place.text)
                kept.append(place)
        yield row, place, hit


def _elsewhere(entries: Iterator[tuple[Json, Place | None]], shards: "Shards[Place]") -> Iterator[Decided]:
    """The same decisions by the shards, a block at a time."""
    from bootstruct.shards import BLOCK

    blocks = deque[list[tuple[Json, Place | None]]]()

    def texts() -> Iterator[list[tuple[str, Place]]]:
        while block := list(islice(entries, BLOCK)):
            blocks.append(block)
            yield [(place.text, place) for _, place in block if place is not None]

    for decisions in shards.decide(texts()):
        each = iter(decisions)
        for row, place in blocks.popleft():
            near, against = next(each) if place is not None else (None, False)
            yield row, place, Dropped(place, near.score, near.near, against) if place and near else None


def places(paths: Iterable[Path], name: str | None) -> Iterator[Place]:
    """The texts of a set to keep away from, in order."""
    for path in paths:
        for number, row in read(path):
            if (text := text_of(row, name) or text_of(row, None)) is not None:
                yield Place(str(path), number, text)


def write(path: Path, rows: Iterable[Json]) -> None:
    """Write rows in the format that the name says: .json a list, .parquet a table, anything else JSONL."""
    with writing(path) as add:
        for row in rows:
            add(row)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Callable[[Json], None]]:
    """What takes the rows of a file one by one, as `write` writes them; the file is there when the block has ended. JSONL
    goes to the disk at once, the other formats are held until then."""
    if path.suffix not in (".json", ".parquet"):
        with whole_file(path) as file:

            def add(row: Json) -> None:
                file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

            yield add
        return
    rows = list[Json]()
    yield rows.append
    if path.suffix == ".json":
        write_whole(path, json.dumps(rows, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass") + b"\n")
    else:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise BadInput(f"{path}: writing Parquet needs pyarrow: pip install 'bootstruct[parquet]'.") from None
        sink = pyarrow.BufferOutputStream()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink, compression="zstd")
        write_whole(path, sink.getvalue().to_pybytes())


def report_rows(told: Told) -> Iterator[Json]:
    """One object for each dropped row: what, where, and what it is too similar to."""
    for each in told.dropped:
        near = {"file": each.near.path, "row": each.near.row, "text": each.near.text}
        here = {"file": each.place.path, "row": each.place.row, "text": each.place.text}
        yield here | {"score": each.score, "near": near, "against": each.against}
