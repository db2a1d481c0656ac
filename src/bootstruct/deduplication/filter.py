"""The novelty filter alone, for any file of texts: keep what is new, and say to what the rest is too similar.

Rows are decided strictly in order, each against all kept before it (and against a second set, if given), so the
decisions do not depend on how the rows are read.
"""

import contextlib
import heapq
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bootstruct.deduplication.compact import RowPlace, RowPlaces
from bootstruct.deduplication.comparison import Entry, Groups, Json, RowComparison
from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.fields import EXPECTED
from bootstruct.io.row_texts import instruction_of
from bootstruct.io.row_writers import WrittenRows
from bootstruct.io.rows import read_rows
from bootstruct.io.tasks import require_used
from bootstruct.novelty.index import NoveltyIndex
from bootstruct.novelty.rouge import TOKENIZERS

if TYPE_CHECKING:
    from bootstruct.deduplication.meaning import MeaningRule
    from bootstruct.deduplication.shards import Shards

EXAMPLES = 5  # dropped rows that are kept if not all are listed
WITHOUT_TEXT = "without a text, kept as they are"


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """A row that is too similar to one kept before it, or to one of the set to keep away from.

    Attributes:
        score: ROUGE-L, or the cosine if it is near in meaning.
        in_meaning: whether it was dropped by the rule of meaning.
    """

    place: RowPlace
    score: float
    near: RowPlace
    against: bool
    in_meaning: bool = False


Decided = tuple[Entry, DroppedRow | None]  # a row, and why it was dropped


@dataclass(slots=True)
class DedupResult:
    """The result of a de-duplication.

    Attributes:
        rows: number of rows that were read.
        kept: number of those kept.
        dropped: each dropped row; if `lists_dropped` is false, only the most similar ones.
        without_text: rows without a usable text; they are kept and counted.
        near: number of rows dropped for the set to keep away from.
        equal: number of rows dropped because an earlier row has all the same texts.
        in_meaning: number of rows dropped by the rule of meaning.
        dropped_rows: number of all dropped rows.
        lists_dropped: whether `dropped` holds all of them, which takes memory.
        accounts: an account of the rows of each file: those to filter, then those to keep away from.
        written: what was written, and the changes to values that do not fit into the file.
    """

    rows: int = 0
    kept: int = 0
    dropped: list[DroppedRow] = field(default_factory=list)
    without_text: int = 0
    near: int = 0
    equal: int = 0
    in_meaning: int = 0
    dropped_rows: int = 0
    lists_dropped: bool = True
    accounts: list[RowAccount] = field(default_factory=list)
    written: WrittenRows | None = None
    _nearest: list[tuple[float, int, DroppedRow]] = field(default_factory=list)

    def drop(self, row: DroppedRow, is_equal: bool) -> None:
        """Count a dropped row."""
        self.dropped_rows += 1
        self.near += row.against
        self.equal += is_equal
        self.in_meaning += row.in_meaning
        if self.lists_dropped:
            self.dropped.append(row)
            return
        entry = (row.score, -self.dropped_rows, row)
        (heapq.heappush if len(self._nearest) < EXAMPLES else heapq.heappushpop)(self._nearest, entry)
        self.dropped = [near for _, _, near in self._nearest]


def read(
    path: Path, account: RowAccount | None = None, compared: RowComparison | None = None
) -> Iterator[tuple[int, Json]]:
    """(row number, row) of a file of rows or texts; rows of JSON Lines keep their line as it is."""
    columns = ((compared.fields if compared else None) or {}).values()
    return read_rows(path, surrogates="keep", bare_text=True, account=account, columns=columns, is_raw=True)


def dedup(
    paths: Iterable[Path],
    against: Iterable[Path] = (),
    compared: RowComparison | None = None,
    threshold: float = 0.7,
    tokenizer: str = "unicode",
    result: DedupResult | None = None,
    keep: Callable[[Json], None] = lambda row: None,
    drop: Callable[[Json], None] = lambda row: None,
    shards: "Callable[[Iterable[RowPlace]], Shards[RowPlace]] | None" = None,
    meaning: "MeaningRule | None" = None,
) -> Iterator[DedupResult]:
    """Decide all rows; yields the running totals after each row (for progress).

    Args:
        paths: the files to filter.
        against: files to which no kept row may be near.
        compared: which texts of a row are compared, and whether the rows of one instruction stay together.
        threshold: the ROUGE-L F-measure above which a row is dropped.
        tokenizer: how texts are split into words.
        result: the totals, which are updated.
        keep: called with each row kept.
        drop: called with each row dropped, as `report_row` puts it.
        shards: makes the pool over several machines, given the places to keep away from; by default this machine
            holds it.
        meaning: also drops rows that are too near in meaning; not with shards.

    Raises:
        InputError: a file cannot be read, has no text in any row, or an option is out of range.
    """
    if tokenizer not in TOKENIZERS:
        raise InputError(f"tokenizer {tokenizer!r}: unknown; use one of {', '.join(TOKENIZERS)}.")
    if not 0 < threshold <= 1:
        raise InputError(f"threshold {threshold:g}: must be in (0, 1].")
    result, compared = result or DedupResult(), compared or RowComparison()
    paths, against = tuple(paths), tuple(against)
    result.accounts = [RowAccount(str(path)) for path in (*paths, *against)]
    rows = _rows(zip(paths, result.accounts, strict=False), compared)
    entries = Groups(compared).entries(rows) if compared.on == "group" else (Entry(row, place) for row, place in rows)
    away = places(zip(against, result.accounts[len(paths) :], strict=True), compared)
    decided = (
        _here(entries, away, threshold, tokenizer, meaning) if shards is None else _elsewhere(entries, shards(away))
    )
    for entry, hit in _together(decided):
        result.rows += 1
        result.without_text += entry.place is None
        if hit is None:
            result.kept += 1
            keep(entry.row)
        else:
            result.drop(hit, is_equal=entry.equal is not None and hit.near is entry.equal)
            drop(report_row(hit))
        yield result


def _rows(files: Iterable[tuple[Path, RowAccount]], compared: RowComparison) -> Iterator[tuple[Json, RowPlace | None]]:
    """All rows in order, each with its text and place, None if it has no text."""
    for path, account in files:
        texts, first = 0, tuple[str, ...]()
        for number, row in read(path, account, compared):
            text, first = compared.text(row), first or tuple(map(str, row))[:8]
            texts += text is not None
            account.use(compared.shape(row), () if text is not None else (WITHOUT_TEXT,))
            yield row, None if text is None else RowPlace(str(path), number, text)
        if not texts:
            if account.read and not account.used:
                require_used(account)
            name = (compared.fields or {}).get("instruction")
            where = f"the field {name!r}" if name else f"any of {EXPECTED}"
            found = f" (found {', '.join(first)})" if first else ""
            raise InputError(f"{path}: no row has a text in {where}{found}; name the field with --field.")


def _here(
    entries: Iterable[Entry],
    against: Iterable[RowPlace],
    threshold: float,
    tokenizer: str,
    meaning: "MeaningRule | None",
) -> Iterator[Decided]:
    away, index = NoveltyIndex(threshold, tokenizer=tokenizer), NoveltyIndex(threshold, tokenizer=tokenizer)
    away_places, kept = RowPlaces(), RowPlaces()
    away.extend(_texts_of(against if meaning is None else meaning.keep_away(against), away_places))
    for entry, row in ((entry, -1) for entry in entries) if meaning is None else meaning.rows(entries):
        hit = None
        if (place := entry.place) is not None and entry.leader is None:
            if (found := away.nearest(place.text)) is not None:
                hit = DroppedRow(place, found[0], away_places[found[1]], True)
            elif (found := index.nearest(place.text)) is not None:
                hit = DroppedRow(place, found[0], kept[found[1]], False)
            elif meaning is not None and (near := meaning.nearest(row)) is not None:
                score, number, is_away = near
                hit = DroppedRow(place, score, (away_places if is_away else kept)[number], is_away, True)
            else:
                index.add(place.text)
                kept.append(place)
                if meaning is not None:
                    meaning.kept.keep(row)
        yield entry, hit


def _texts_of(rows: Iterable[RowPlace], places: RowPlaces) -> Iterator[str]:
    """The texts of rows; their places are noted."""
    for row in rows:
        places.append(row)
        yield row.text


def _elsewhere(entries: Iterator[Entry], shards: "Shards[RowPlace]") -> Iterator[Decided]:
    """The same decisions by the shards, one block at a time."""
    from bootstruct.deduplication.shards import BLOCK

    blocks = deque[list[Entry]]()

    def texts() -> Iterator[list[tuple[str, RowPlace]]]:
        while block := list(islice(entries, BLOCK)):
            blocks.append(block)
            yield [(entry.place.text, entry.place) for entry in block if entry.place and entry.leader is None]

    for decisions in shards.decide(texts()):
        remaining = iter(decisions)
        for entry in blocks.popleft():
            is_asked = entry.place is not None and entry.leader is None
            near, against = next(remaining) if is_asked else (None, False)
            hit = DroppedRow(entry.place, near.score, near.near, against) if entry.place and near else None
            yield entry, hit


def _together(decided: Iterable[Decided]) -> Iterator[Decided]:
    """The decisions: a row of a group shares that of the group's first row, and equal rows are kept once."""
    leaders: dict[int, int] = {}  # of dropped first rows, by their number: which of these they are
    scores, nears, against, in_meaning = array("d"), RowPlaces(), bytearray(), bytearray()
    for number, (entry, hit) in enumerate(decided):
        if entry.leader is None:
            if hit is not None:
                leaders[number] = len(nears)
                scores.append(hit.score)
                nears.append(hit.near)
                against.append(hit.against)
                in_meaning.append(hit.in_meaning)
        elif entry.place is not None:
            first = leaders.get(entry.leader)
            if first is not None:
                shared = bool(against[first]), bool(in_meaning[first])
                hit = DroppedRow(entry.place, scores[first], nears[first], *shared)
            elif entry.equal is not None:
                hit = DroppedRow(entry.place, 1.0, entry.equal, False)
        yield entry, hit


@contextlib.contextmanager
def shard_maker(
    address: str | None, count: int | None, threshold: float, tokenizer: str
) -> "Iterator[Callable[[Iterable[RowPlace]], Shards[RowPlace]]]":
    """A function that makes the shards on a Ray cluster; they are closed at the end of the block."""
    from bootstruct.deduplication.shards import Shards
    from bootstruct.engines.ray.actors import address_of, require_ray

    require_ray()
    made: list[Shards[RowPlace]] = []

    def make(away: Iterable[RowPlace]) -> Shards[RowPlace]:
        texts = ((place.text, place) for place in away)
        made.append(Shards(texts, threshold, tokenizer, address_of(address), count))
        return made[0]

    try:
        yield make
    finally:
        for value in made:
            value.close()


def places(files: Iterable[tuple[Path, RowAccount]], compared: RowComparison) -> Iterator[RowPlace]:
    """The texts of a set to keep away from, in order.

    Raises:
        InputError: a file cannot be read, or no row of it has a text.
    """
    for path, account in files:
        for number, row in read(path, account, compared):
            text = compared.text(row) or instruction_of(row)
            if text is None:
                account.leave_out(number, "without a text")
                continue
            account.use(compared.shape(row))
            yield RowPlace(str(path), number, text)
        if not account.used:
            raise InputError(f"{path}: no row has a text in any of {EXPECTED}; there is nothing to keep away from.")


def report_row(dropped: DroppedRow) -> Json:
    """A dropped row as an object: its text, its place, and the row to which it is too similar."""
    near = {"file": dropped.near.path, "row": dropped.near.row, "text": dropped.near.text}
    here = {"file": dropped.place.path, "row": dropped.place.row, "text": dropped.place.text}
    by = {"by": "meaning"} if dropped.in_meaning else {}
    return here | {"score": dropped.score, "near": near, "against": dropped.against} | by
