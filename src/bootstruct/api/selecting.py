"""Choose rows to train on, from Python: `select`."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bootstruct.errors import InputError

if TYPE_CHECKING:
    from bootstruct.selection.rules import SelectionRule
    from bootstruct.selection.select import SelectionResult

StrPath = str | PathLike[str]


def select(
    *sources: StrPath,
    size: int,
    by: "SelectionRule" = "random",
    out: StrPath | BinaryIO | None = None,
    per: str | None = None,
    quality: str | None = None,
    grade: str | None = None,
    model: str | None = None,
    embed: str | None = None,
    base_url: str | None = None,
    embeddings: StrPath | None = None,
    seed: int = 0,
    fields: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> "SelectionResult":
    """Choose rows of runs and files. The same rows and options give the same choice.

    Each chosen row gets a column `selection` with its rank, the rule, the score and why it was chosen.

    Args:
        sources: run folders or files of instruction data, in any container and shape that `docs/files.md` lists.
        size: how many rows to choose.
        by: the rule: `random`; `longest` outputs; `perplexity` of the output (lowest first) or `ifd`
            (instruction-following difficulty, highest below 1 first) under a small model; `grade`, a field of the rows;
            `k-center`, the row farthest from all chosen before; `mixture`, the rank by `quality` times that distance.
        out: the file for the chosen rows, of the kind that its name says.
        per: choose equally many of each group: `type` (classification or not), or the name of a field, as in `topic`.
        quality: of `mixture`: `longest`, `perplexity`, `ifd` or `grade`.
        grade: the field with the grades; `a.b` is field b within a.
        model: of `perplexity` and `ifd`: `pocket` or `hf/FOLDER`.
        embed: of `k-center` and `mixture`: the model of embeddings, as in `hf/FOLDER` or `hashed`.
        base_url: with `embed="openai/MODEL"`: the server.
        embeddings: a folder that keeps the vectors.
        seed: of `random`.
        fields: the names of fields by their meaning.
        on_step: called with a line about the current step.

    Returns:
        The chosen rows in the order of the input, and an account of the others.

    Raises:
        InputError: a file cannot be read or written, options do not fit together, or there are fewer rows than `size`.
        EngineUnavailableError: a model cannot be loaded or reached.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> rows = [{"instruction": f"Count to {n}.", "output": " ".join("1" * n)} for n in range(1, 6)]
        >>> _ = pathlib.Path("data.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
        >>> chosen = bs.select("data.jsonl", size=2, by="longest", out="few.jsonl")
        >>> [row["instruction"] for row in chosen.rows], chosen.rows[1]["selection"]["why"]
        (['Count to 4.', 'Count to 5.'], 'output of 5 words')
    """
    from bootstruct.api.runs import read_state
    from bootstruct.io.writers import form_of, require_other_file, write_rows
    from bootstruct.reporting.from_run import is_run
    from bootstruct.run.folder import source_files
    from bootstruct.selection.select import SelectionOptions, select_rows

    if not sources:
        raise InputError("select: name a run folder or a file of instruction data.")
    paths = [Path(source) for source in sources]
    target = Path(out) if isinstance(out, str | PathLike) else out
    require_other_file(target, source_files(paths))
    kept = None if embeddings is None else Path(embeddings)
    options = SelectionOptions(size, by, per, quality, grade, model, embed, base_url, kept, seed, fields)
    options.check()
    found = select_rows(
        [read_state(path) if is_run(path) else path for path in paths], options, on_step or (lambda step: None)
    )
    if target is not None:
        write_rows(target, found.rows, form_of(target))
    return found
