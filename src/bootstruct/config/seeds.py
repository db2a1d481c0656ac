"""Seed tasks: the shipped ones, and those of a file of rows in any shape."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount, line_ranges
from bootstruct.io.fields import other_fields
from bootstruct.io.row_faults import fault_in_words
from bootstruct.io.rows import Row, read_rows
from bootstruct.io.shapes import SHAPE_NAMES, WITHOUT_OUTPUT, ShapeError, read_task_row, read_task_type
from bootstruct.types import Instance, Seed

Equals = Literal["refuse", "keep", "merge"]
OURS = SHAPE_NAMES["seeds"]  # the shape of the rows that this package writes
SEED_SETS = ("simple",)  # sets beside the 175, by the names that `init --seeds` takes
MERGED = "merged into a task with the same instruction"
_TWICE = "the same instruction as line {}; remove one of the two"
_SHOWN = 20  # faults that are listed in full


def read_seeds(
    path: Path,
    equals: Equals = "refuse",
    folder: Path | None = None,
    fields: Mapping[str, str] | None = None,
    account: RowAccount | None = None,
) -> tuple[Seed, ...]:
    """Return the seed tasks of a file of rows.

    A row has `instruction`, `instances` (a list of objects with `input` and `output`) and `is_classification`, as in the
    paper's file, or it has one of the other shapes of `io/shapes.py` and then has at most one instance. The rows of plain
    text are instructions.

    Args:
        path: the file.
        equals: what happens to a row that has the instruction of another: `refuse` it with an error, `keep` it as a seed
            of its own, or `merge` it: its instances join those of the first.
        folder: the run folder to which the file belongs, if any (see `io.trust`).
        fields: the names of fields by their meaning, as `--fields` gives them.
        account: counts the rows.

    Raises:
        InputError: the file cannot be read, or some of its rows are not seed tasks; all of these are named with their places.
    """
    account = account or RowAccount(str(path))
    columns = (fields or {}).values()
    rows = read_rows(path, bare_text=True, folder=folder, account=account, columns=columns)
    return seeds_of(rows, account, equals, fields)


def seeds_of(
    rows: Iterable[tuple[int, Row]], account: RowAccount, equals: Equals, fields: Mapping[str, str] | None = None
) -> tuple[Seed, ...]:
    """The seed tasks of rows that are being read with this account; arguments and errors as for `read_seeds`."""
    seeds: list[Seed] = []
    lines: dict[str, int] = {}  # where an instruction occurs first
    ids: set[str] = set()
    types: dict[str, bool] = {}
    faults: dict[int, str] = {}
    for number, row in rows:
        try:
            if equals == "refuse" and not fields and (known := _line_of_text(row, lines)):
                raise _FaultError(_TWICE.format(known))
            seed, task_type, shape, notes = _seed(row, len(seeds), fields)
            first = lines.get(seed.instruction)
            if first is not None and equals == "refuse":
                raise _FaultError(_TWICE.format(first))
            contradicts = task_type is not None and types.setdefault(seed.instruction, task_type) != task_type
            if contradicts and equals == "merge":
                raise _FaultError(f"`is_classification` is not the same as in line {first}; make them agree")
            if seed.id in ids and (first is None or equals != "merge"):
                if shape == OURS or equals == "refuse":
                    raise _FaultError(f"the id {seed.id!r} occurs twice; give each seed an id of its own")
                seed = dataclasses.replace(seed, id=_free_id(ids, len(seeds)))
                notes = (*notes, "with an id that occurs twice, numbered anew")
        except _FaultError as exc:
            faults[number] = str(exc)
            continue
        if WITHOUT_OUTPUT in notes and not account.other_fields:
            account.other_fields = other_fields(row, fields)
        merges = first is not None and equals == "merge"
        account.use(shape, (*notes, MERGED) if merges else notes)
        lines.setdefault(seed.instruction, number)
        ids.add(seed.id)
        seeds.append(seed)
    _require_no_faults(account, faults)
    if not seeds:
        raise InputError(f"{account.path}: contains no seed tasks; one JSON object per line is expected.")
    return tuple(seeds) if equals != "merge" else _merged(seeds, types)


def _line_of_text(row: Row, lines: Mapping[str, int]) -> int | None:
    """Return where the text of a row of plain text occurred before; None for a new text and for any other row."""
    text = row.get("text")
    return lines.get(text) if len(row) == 1 and isinstance(text, str) else None


class _FaultError(ValueError):
    """Why a row is not a seed task."""


def _require_no_faults(account: RowAccount, faults: dict[int, str]) -> None:
    for reason, numbers in account.left_out.items():  # rows that could not be read
        detail = account.details.get(reason, "")
        faults |= {number: fault_in_words(reason, detail if number == numbers[0] else "") for number in numbers}
    if not faults:
        return
    places = sorted(faults)
    if len(places) == 1:
        raise InputError(f"{account.path}:{places[0]}: {faults[places[0]]}.")
    same: dict[str, list[int]] = {}
    for place in places:
        same.setdefault(faults[place], []).append(place)
    listed = "; ".join(f"{line_ranges(found)}: {fault}" for fault, found in list(same.items())[:_SHOWN])
    more = f"; and {len(same) - _SHOWN} other faults" if len(same) > _SHOWN else ""
    raise InputError(f"{account.path}: {len(places)} of {account.read} rows are not seed tasks: {listed}{more}.")


def _merged(seeds: Sequence[Seed], types: Mapping[str, bool]) -> tuple[Seed, ...]:
    """Merge seeds with the same instruction into the first of them, with the instances of all."""
    merged: dict[str, Seed] = {}
    for seed in seeds:
        first = merged.setdefault(seed.instruction, seed)
        instances = tuple(dict.fromkeys((*first.instances, *seed.instances))) if first is not seed else seed.instances
        task_type = types.get(seed.instruction, False)
        merged[seed.instruction] = dataclasses.replace(first, instances=instances, is_classification=task_type)
    return tuple(merged.values())


def _free_id(ids: set[str], position: int) -> str:
    while f"seed_task_{position}" in ids:
        position += 1
    return f"seed_task_{position}"


SeedRow = tuple[Seed, bool | None, str, tuple[str, ...]]  # a seed, its task type if the row says it, its shape, notes


def _seed(row: dict[str, Any], position: int, fields: Mapping[str, str] | None) -> SeedRow:
    given = row.get("is_classification")
    task_type = read_task_type(given)
    if task_type is None and given not in (None, "") and given == given:  # NaN is a cell without a value
        raise _FaultError("`is_classification` must be true or false")
    if "instances" in row and not fields:
        seed = _paper_seed(row, position, task_type)
        notes = () if seed.instances else ("without instances",)
        return seed, task_type, OURS, notes
    try:
        task = read_task_row(row, fields)
    except ShapeError as exc:
        hint = (
            "" if fields or exc.reason != "of no known shape" else "; name other fields with --fields instruction=NAME"
        )
        raise _FaultError(f"{exc}{hint}") from None
    instances = tuple(instance for instance in task.instances if instance.output.strip())
    name = row.get("name")
    # the rows of an export are named `812.3/0` after their task
    seed_id = task.name.partition("/")[0] if task.name.rpartition("/")[2].isdecimal() else task.name
    seed = Seed(
        seed_id or f"seed_task_{position}",
        task.instruction,
        instances,
        bool(task_type),
        name if isinstance(name, str) else "",
    )
    return seed, task_type, task.shape_name, task.notes


def _paper_seed(row: dict[str, Any], position: int, task_type: bool | None) -> Seed:
    """A seed in the form of the paper's file, with every field checked."""
    names = (row.get("id", f"seed_task_{position}"), row.get("name", ""))
    if not all(isinstance(name, str) for name in names) or not names[0]:
        raise _FaultError("`id` and `name` must be text")
    instruction, given = row.get("instruction"), row["instances"]
    if not isinstance(instruction, str) or not instruction.strip():
        raise _FaultError("`instruction` is missing or empty")
    if not isinstance(given, list):
        raise _FaultError("`instances` must be a list of objects with `input` and `output`")
    instances = []
    for value in given:
        if not isinstance(value, dict) or not isinstance(value.get("output"), str):
            raise _FaultError("an instance needs a text `output`, and a text `input` (empty if there is none)")
        if not isinstance(value.get("input", ""), str):
            raise _FaultError("the `input` of an instance must be text")
        instances.append(Instance(value.get("input", ""), value["output"]))
    return Seed(names[0], instruction, tuple(instances), bool(task_type), names[1])


def shipped_seeds(name: str = "") -> Path:
    """Return the file of seed tasks that come with the package: the 175, or the set of this name.

    Raises InputError if no set has the name.

    Example:
        >>> from bootstruct.config.seeds import read_seeds, shipped_seeds
        >>> len(read_seeds(shipped_seeds())), len(read_seeds(shipped_seeds("simple")))
        (175, 100)
    """
    if name and name not in SEED_SETS:
        raise InputError(f"seeds: no set {name!r} comes with bootstruct; there is {', '.join(SEED_SETS)}.")
    return Path(str(resources.files("bootstruct.config") / (f"{name}_seeds.jsonl" if name else "seeds.jsonl")))


def set_or_file(given: str | PathLike[str]) -> str | Path:
    """What `--seeds` names: the text `simple` is the set that comes with the package; all else is a file.

    A file with the name of a set is given as `./simple`, or in Python as a path object.

    Example:
        >>> from pathlib import Path
        >>> from bootstruct.config.seeds import set_or_file
        >>> set_or_file("simple")
        'simple'
        >>> set_or_file("./simple") == set_or_file(Path("simple")) == Path("simple")
        True
    """
    return given if isinstance(given, str) and given in SEED_SETS else Path(given)
