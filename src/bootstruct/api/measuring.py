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
    embed: str | None = None,
    base_url: str | None = None,
    embeddings: StrPath | None = None,
    taxonomy: StrPath | None = None,
    on_step: Callable[[str], None] | None = None,
    accounts: "list[RowAccount] | None" = None,
) -> "tuple[SetDiversity, ...]":
    """Measure how diverse data sets are, side by side.

    Most measures depend on the number of texts, so each set is measured on a random sample of the same size, the same one
    each time. Intervals are at 95%, from 40 half-samples drawn without replacement.

    Args:
        runs: run folders, exports, or any files of instruction data.
        on: which texts: `instruction` of each task, `output` of each instance, or `all` texts of a task as one.
        size: texts of each set that are compared; by default as many as the smallest set has, at most 1,000.
        seeds: the seed tasks whose coverage is measured; a run has its own.
        fields: the names of fields of files by their meaning, as in `{"instruction": "task", "output": "reply"}`.
        whole: also apply the measures whose time grows in proportion to the texts to all texts.
        embed: measure meaning as well, by vectors of this model: `openai/MODEL`, `hf/FOLDER`, `static/FOLDER` or `hashed`.
        base_url: with `embed="openai/MODEL"`: the server.
        embeddings: a folder that keeps the vectors; by default `embeddings` in the first run folder, else they are not kept.
        taxonomy: a YAML file of the topics, task types, lengths and verbs that the sets should cover, instead of what their
            seeds cover (docs/diversity.md).
        on_step: called with a line about the current step.
        accounts: a list that receives an account of the rows of each file.

    Returns:
        For each set its measures, each with value, interval, direction and source, and how it covers the taxonomy.

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
    from bootstruct.reporting.holes import read_taxonomy
    from bootstruct.reporting.read_subjects import read_subjects
    from bootstruct.reporting.vectors import embedding_function, short_name
    from bootstruct.reporting.verbs import reader

    if not runs:
        raise InputError("diversity: name a run folder or a file of instruction data.")
    if on not in MEASURED_TEXTS:
        raise InputError(f"on {on!r}: unknown; use one of {', '.join(MEASURED_TEXTS)}.")
    if size is not None and size < 2:
        raise InputError(f"size {size} is too small; compare at least two texts.")
    tell = on_step or (lambda step: None)
    paths = [Path(run) for run in runs]
    vectors = embedding_function(paths, embed, base_url, None if embeddings is None else Path(embeddings), tell)
    known = None if taxonomy is None else read_taxonomy(Path(taxonomy))
    tell("reading")
    subjects = read_subjects(paths, None if seeds is None else Path(seeds), fields)
    if accounts is not None:
        accounts += [subject.account for subject in subjects if subject.account is not None]
    return diversity_of(subjects, reader(), on, size, whole, tell, vectors, known, short_name(embed))
