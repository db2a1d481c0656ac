"""Training files from one run or several, from Python: `export_runs` and `export_for`."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bootstruct.errors import InputError

if TYPE_CHECKING:
    from bootstruct.export.files import ExportResult, OnProgress
    from bootstruct.export.for_trainer import TrainerExport
    from bootstruct.export.selection import RunSource

StrPath = str | PathLike[str]


def export_runs(
    runs: StrPath | Sequence[StrPath],
    format: str,
    path: StrPath,
    *,
    seeds: bool | None = None,
    reviewed: str | None = None,
    split: Mapping[str, float] | None = None,
    container: str | None = None,
    threshold: float | None = None,
    margin: float | None = None,
    thoughts: bool = False,
    on_progress: "OnProgress | None" = None,
) -> "ExportResult":
    """Write the completed tasks of runs as training data. The same runs give the same bytes.

    Of several runs, each adds what is new compared with the earlier ones: a task whose instruction is too similar to
    an exported one is left out and counted. Ids then begin with the name of the run.

    Args:
        runs: run folders: one or several.
        format: `messages`, `alpaca`, `prompt-completion`, `prompt-completion-chat`, `sharegpt`, `openai`, `parquet`,
            `preference`, `preference-text` or `original`.
        path: the file to write; for `original` a folder. Its ending determines its kind: `.jsonl`, `.json`, `.csv`,
            `.tsv`, `.parquet`, `.arrow`, the first four also with `.gz` or `.zst`.
        seeds: include the seed tasks; None does so in `original` only.
        reviewed: `good` leaves out the tasks that most of their reviewers call bad.
        split: shares of parts that get files of their own, as in `{"test": 0.1}`; the rest is `train`. The instances of a
            task stay together, and a task is in the same part of every export.
        container: the kind of file, whatever its name is; `dataset` is a folder for `datasets.load_from_disk`.
        threshold: with several runs, the ROUGE-L F-measure above which a later run's task is left out; None uses that
            of the first run's recipe.
        margin: with pairs of answers (`preference`, `preference-text`), the least margin. The pairs come from runs
            that answer the same requests, with the better run named first, or from one run with an `agreement` or
            `solver-gap` check.
        thoughts: with `messages` and `prompt-completion-chat`, begin answers with what the model thought before them,
            between `<think>` tags, where the journal holds it.
        on_progress: called with the number of rows written and that of all rows, after every 1,000 rows and at the end.

    Returns:
        The number of rows by file, and what was left out and why.

    Raises:
        InputError: unknown format, nothing to write, or the place cannot be written or is a file of a run.

    Example:
        >>> import bootstruct as bs
        >>> from bootstruct.errors import InputError
        >>> run = bs.init("runs/first", model="openai/gpt-4.1-mini")
        >>> try:
        ...     bs.export_runs(["runs/first"], "messages", "train.jsonl", split={"test": 0.1})
        ... except InputError as error:
        ...     print(error)
        The run has no accepted instruction yet; run `bootstruct generate` first.
    """
    from bootstruct.export.files import export_runs as write

    sources = _sources(runs, reviewed, "export_runs")
    return write(sources, format, Path(path), seeds, split, container, threshold, margin, on_progress, thoughts)


def export_for(
    runs: StrPath | Sequence[StrPath],
    trainer: str,
    folder: StrPath,
    *,
    base_model: str | None = None,
    seeds: bool | None = None,
    reviewed: str | None = None,
    split: Mapping[str, float] | None = None,
    threshold: float | None = None,
    on_progress: "OnProgress | None" = None,
) -> "TrainerExport":
    """Write a folder that a trainer takes as it is: the data, its entry and a configuration file.

    Args:
        runs: run folders: one or several.
        trainer: `trl`, `axolotl`, `llama-factory`, `unsloth`, `open-instruct` or `torchtune`.
        folder: the folder.
        base_model: the model to train, a name on the Hugging Face hub or a folder; None for a small one.
        seeds: include the seed tasks.
        reviewed: as for `export_runs`.
        split: the share of one part on which the loss is measured, as in `{"test": 0.1}`.
        threshold: as for `export_runs`.
        on_progress: as for `export_runs`.

    Returns:
        The files, the command that starts the training, and what was left out.

    Raises:
        InputError: unknown trainer, nothing to write, or the trainer has no settings for the model.

    Example:
        >>> import bootstruct as bs
        >>> from bootstruct.errors import InputError
        >>> run = bs.init("runs/second", model="openai/gpt-4.1-mini")
        >>> try:
        ...     bs.export_for("runs/second", "trl", "training")
        ... except InputError as error:
        ...     print(error)
        The run has no accepted instruction yet; run `bootstruct generate` first.
    """
    from bootstruct.export.for_trainer import export_for as write
    from bootstruct.export.trainers import BASE_MODEL

    sources = _sources(runs, reviewed, "export_for")
    return write(sources, trainer, Path(folder), base_model or BASE_MODEL, seeds, split, threshold, on_progress)


def _sources(runs: StrPath | Sequence[StrPath], reviewed: str | None, caller: str) -> "list[RunSource]":
    from bootstruct.api.runs import read_state
    from bootstruct.export.selection import RunSource
    from bootstruct.journal.file import NAME
    from bootstruct.journal.reviews import tasks_marked_bad

    if reviewed not in (None, "good"):
        raise InputError(f"reviewed: takes 'good' or None, not {reviewed!r}.")
    folders = [Path(run) for run in ([runs] if isinstance(runs, str | PathLike) else runs)]
    if not folders:
        raise InputError(f"{caller}: name a run.")
    return [
        RunSource(read_state(run), run / NAME if run.is_dir() else run, tasks_marked_bad(run) if reviewed else (), run)
        for run in folders
    ]
