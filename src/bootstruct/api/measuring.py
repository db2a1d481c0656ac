"""How diverse data sets are, from Python: `diversity`."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bootstruct.errors import InputError

if TYPE_CHECKING:
    from bootstruct.io.accounts import RowAccount
    from bootstruct.reporting.diversity import MeasuredText, SetDiversity

StrPath = str | PathLike[str]


def diversity(
    *runs: StrPath,
    on: "MeasuredText" = "instruction",
    size: int | None = None,
    seeds: StrPath | None = None,
    fields: Mapping[str, str] | None = None,
    whole: bool = True,
    on_step: Callable[[str], None] | None = None,
    accounts: "list[RowAccount] | None" = None,
) -> "tuple[SetDiversity, ...]":
    """Measure how diverse data sets are, side by side.

    Most measures depend on the number of texts, so each set is measured on a random sample of the same size, the same one
    each time. Intervals are at 95%, from 40 half-samples drawn without replacement.

    Args:
        runs: run folders, exports, or any files of instruction data.
        on: which texts: `instruction` of each task, `output` of each instance, or `all` texts of a task as one.
        size: texts of each set that are compared; left out, as many as the smallest set has, at most 1,000.
        seeds: the seed tasks whose coverage is measured; a run brings its own.
        fields: names of fields of files by what they hold, as in `{"instruction": "task", "output": "reply"}`.
        whole: take the measures that take time in proportion to the texts over all texts as well.
        on_step: called with what is being done.
        accounts: a list that receives what became of the rows of each file.

    Returns:
        For each set its measures, each with value, interval, direction and source.

    Raises:
        InputError: a source cannot be read, has fewer than two texts, or fewer than `size`.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> rows = [{"instruction": f"Name {n} fruits that are red.", "output": "apple"} for n in range(30)]
        >>> _ = pathlib.Path("data.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
        >>> (found,) = bs.diversity("data.jsonl")
        >>> round(found.value("distinct_1").value, 3), found.value("self_bleu").measure.direction
        (0.194, 'lower')
    """
    from bootstruct.reporting.diversity import MEASURED_TEXTS, diversity_of
    from bootstruct.reporting.read_subjects import read_subjects
    from bootstruct.reporting.verbs import reader

    if not runs:
        raise InputError("diversity: name a run folder or a file of instruction data.")
    if on not in MEASURED_TEXTS:
        raise InputError(f"on {on!r}: unknown; use one of {', '.join(MEASURED_TEXTS)}.")
    if size is not None and size < 2:
        raise InputError(f"size {size}: compare at least two texts.")
    tell = on_step or (lambda step: None)
    tell("reading")
    subjects = read_subjects([Path(run) for run in runs], None if seeds is None else Path(seeds), fields)
    if accounts is not None:
        accounts += [subject.account for subject in subjects if subject.account is not None]
    return diversity_of(subjects, reader(), on, size, whole, tell)
