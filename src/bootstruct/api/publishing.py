"""Put data sets on the Hugging Face hub, from Python: `push`."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bootstruct.errors import InputError

if TYPE_CHECKING:
    from bootstruct.io.accounts import RowAccount

StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class PushResult:
    """What went to the hub, or would go.

    Attributes:
        repository: as in `org/name`.
        address: of the data set.
        files: bytes by path in the repository.
        card: the text of the card, which is README.md there.
        commit: the address of the commit; empty after a dry run.
        notes: what an export left out or changed, and files of rows that were there before and stay.
        accounts: an account of the rows of a file.
    """

    repository: str
    address: str
    files: Mapping[str, int]
    card: str
    commit: str = ""
    notes: tuple[str, ...] = ()
    accounts: "tuple[RowAccount, ...]" = ()


def push(
    source: StrPath,
    repository: str,
    *,
    formats: str | Sequence[str] = "messages",
    split: Mapping[str, float] | None = None,
    seeds: bool | None = None,
    reviewed: str | None = None,
    licence: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    message: str = "Data set made with bootstruct",
    on_step: Callable[[str], None] | None = None,
) -> PushResult:
    """Put a run or a file of instruction data on the Hugging Face hub, with a card and Croissant metadata, in one commit.

    The token is that of the environment (`HF_TOKEN`) or of the hub's own login; it is never written by bootstruct.

    Args:
        source: a run folder, or a file of rows, which goes as it is.
        repository: the data set, as in `org/name`; it is made if it does not exist.
        formats: of a run, the format of the rows (`messages`, `alpaca`, ...), or several; each is a configuration of the data
            set, and the first is its default.
        split: of a run, shares of parts beside `train`, as in `{"test": 0.1}`.
        seeds: of a run, include the seed tasks.
        reviewed: of a run, `good` leaves out the tasks that most of their reviewers call bad.
        licence: as the hub names it, such as `cc-by-4.0`.
        private: a new repository is private.
        dry_run: send nothing, and use no network.
        message: the message of the commit.
        on_step: called with a line about the current step.

    Returns:
        What went, or would go.

    Raises:
        InputError: the source, the name or an option cannot be used, or there is no token.
        EngineUnavailableError: the hub refuses, or cannot be reached.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> _ = pathlib.Path("train.jsonl").write_text(json.dumps({"instruction": "Name a colour.", "output": "Red."}))
        >>> planned = bs.push("train.jsonl", "me/colours", dry_run=True)
        >>> sorted(planned.files)
        ['README.md', 'croissant.json', 'default/train.jsonl']
    """
    from bootstruct.publishing.hub import address_of, upload
    from bootstruct.publishing.plan import make_plan, require_repository
    from bootstruct.reporting.build import card_of

    path, tell, address = Path(source), on_step or (lambda step: None), address_of(require_repository(repository))
    with tempfile.TemporaryDirectory(prefix="bootstruct-push-") as folder:
        tell("reading")
        if path.is_dir() or path.name == "journal.jsonl":
            data, notes = _exported(path, Path(folder), formats, split, seeds, reviewed)
        elif split or seeds is not None or reviewed or formats != "messages":
            raise InputError(
                f"{path}: is a file, which goes as it is; formats, split, seeds and reviewed are for runs."
            )
        else:
            data, notes = {"default": {"train": path}}, ()
        card, accounts = card_of(path, tell)
        plan = make_plan(repository, data, card, licence, private, address)
        files = {file.path: file.size for file in plan.files}
        if not dry_run:
            tell(f"sending to {address}")
        commit, stay = ("", ()) if dry_run else upload(plan, message)
    notes += tuple(
        f"{name} was there before and stays; delete it on the hub if it is no longer part of this" for name in stay
    )
    return PushResult(repository, address, files, plan.card, commit, notes, accounts)


def _exported(
    run: Path,
    folder: Path,
    formats: str | Sequence[str],
    split: Mapping[str, float] | None,
    seeds: bool | None,
    reviewed: str | None,
) -> tuple[dict[str, dict[str, Path]], tuple[str, ...]]:
    """The files of a run by format and split, and what they left out."""
    from bootstruct.api.exporting import export_runs

    data, notes = dict[str, dict[str, Path]](), list[str]()
    for format in [formats] if isinstance(formats, str) else formats:
        if format == "original":
            raise InputError(
                "push: the format `original` is a folder of files for the released code; name another one."
            )
        ending = "parquet" if format == "parquet" else "jsonl"
        place = folder / format
        place.mkdir()
        out = place if split else place / f"train.{ending}"
        made = export_runs(run, format, out, seeds=seeds, reviewed=reviewed, split=split, container=ending)
        data[format] = {Path(name).stem: Path(name) for name in made.files}
        left_out = {**made.tasks_left_out, **made.rows_left_out}
        notes += [f"{format}: {count:,} left out: {reason}" for reason, count in left_out.items()]
        notes += [f"{format}: {note}" for note in made.notes]
    return data, tuple(notes)
