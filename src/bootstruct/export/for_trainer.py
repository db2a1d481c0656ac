"""Folders that a trainer takes as they are: the training file, the data set entry and the configuration file."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.export.files import ExportResult, OnProgress, export_runs
from bootstruct.export.selection import RunSource
from bootstruct.export.trainers import BASE_MODEL, DATA, Json, find_trainer
from bootstruct.io.files import json_bytes, write_whole


@dataclass(frozen=True, slots=True)
class TrainerExport:
    """A folder for a trainer.

    Attributes:
        trainer: its name.
        folder: the folder.
        base_model: the model that is trained.
        result: what was written and left out; its files hold the configuration, with 0 rows.
        command: what starts the training.
        before: what must be done once before, in a sentence; may be empty.
    """

    trainer: str
    folder: Path
    base_model: str
    result: ExportResult
    command: str
    before: str = ""


def export_for(
    runs: Sequence[RunSource],
    trainer: str,
    folder: Path,
    base_model: str = BASE_MODEL,
    seeds: bool | None = None,
    splits: Mapping[str, float] | None = None,
    threshold: float | None = None,
    on_progress: OnProgress | None = None,
) -> TrainerExport:
    """Write a folder that a trainer takes as it is.

    Args:
        runs: the runs, as for `export_runs`.
        trainer: a name of `TRAINERS`.
        folder: the folder; its file `data/train.jsonl` and the configuration are written anew.
        base_model: the model to train, a name on the Hugging Face hub or a folder.
        seeds: whether the seed tasks are part of the data.
        splits: the share of one part beside `train`, on which the loss is measured.
        threshold: as for `export_runs`.
        on_progress: as for `export_runs`.

    Raises:
        InputError: the trainer is unknown, there is nothing to write, more than one part is named, or the trainer has no
            settings for the model.
    """
    chosen, splits = find_trainer(trainer), splits or {}
    _require_place(runs, folder, splits)
    test = f"{DATA}/{next(iter(splits))}.jsonl" if splits else ""
    settings = chosen.settings(base_model, test if chosen.evaluates else "")
    out = folder / DATA if splits else folder / DATA / "train.jsonl"
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    written = export_runs(runs, chosen.format, out, seeds, splits, "jsonl", threshold, on_progress=on_progress)
    extra = {folder / chosen.config: _yaml(settings, chosen.command)}
    if chosen.entry is not None:
        info = chosen.entry([Path(name).stem for name in written.files])
        extra[folder / DATA / "dataset_info.json"] = json_bytes(info, indent=2) + b"\n"
    for path, content in extra.items():
        write_whole(path, content)
    notes = list(written.notes)
    if test and not chosen.evaluates:
        notes.append(f"{trainer} measures no loss during training; {test} is for you")
    files = written.files | {str(path): 0 for path in extra}
    before = chosen.before.format(base=base_model, folder=base_model.rpartition("/")[2])
    result = dataclasses.replace(written, files=files, notes=notes)
    return TrainerExport(trainer, folder, base_model, result, f"cd {_quoted(folder)} && {chosen.command}", before)


def _require_place(runs: Sequence[RunSource], folder: Path, splits: Mapping[str, float]) -> None:
    if len(splits) > 1:
        raise InputError("--for: a trainer takes one part beside `train`; name one, as in --split test=0.1.")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder, which gets the data and the configuration.")
    if any(folder.resolve() == source.journal.parent.resolve() for source in runs):
        raise InputError(f"{folder}: is the folder of the run; name another folder.")


def _quoted(path: Path) -> str:
    text = str(path)
    return (
        text if all(letter.isalnum() or letter in "/._-" for letter in text) else "'" + text.replace("'", "'\\''") + "'"
    )


def _yaml(settings: Json, command: str) -> bytes:
    import yaml

    head = f"# Written by bootstruct export. Run in this folder: {command}\n"
    return (head + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)).encode()
