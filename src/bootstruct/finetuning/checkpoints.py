"""Checkpoints of a training: which one to continue from, and whether this user's own training wrote it.

The trainer keeps the state of the optimizer, of the schedule and of the random numbers in pickles (`optimizer.pt`,
`scheduler.pt`, `rng_state*.pth`). A pickle can run code when it is read, so only pickles from a training of this user
on this machine are read: their digests are recorded outside the folder (`io.trust`), and compared before anything is
opened.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError
from bootstruct.io.trust import confirm, is_confirmed

CHECKPOINTS: Final = "checkpoints"
TRAINER_STATE: Final = "trainer_state.json"
_PLAIN: Final = {".safetensors", ".json", ".jsonl", ".txt", ".md", ".jinja", ".model"}  # formats that hold data only


def last_checkpoint(out: Path) -> Path | None:
    """The newest complete checkpoint: the trainer's state is the last file of each."""
    found = []
    for folder in (out / CHECKPOINTS).glob("checkpoint-*"):
        with contextlib.suppress(OSError, ValueError):
            json.loads((folder / TRAINER_STATE).read_text(encoding="utf-8"))
            found.append((int(folder.name.rpartition("-")[2]), folder))
    return max(found)[1] if found else None


def record_checkpoint(checkpoint: Path, rank: int) -> None:
    """Record that this training wrote the checkpoint's files.

    Args:
        checkpoint: its folder, complete.
        rank: number of this process; each records its own random state, the first one everything else.

    Raises:
        InputError: the place of the records, outside the folder, cannot be written.
    """
    for path in _recorded(checkpoint):
        own = path.name in ("rng_state.pth", f"rng_state_{rank}.pth")
        if own or (rank == 0 and not path.name.startswith("rng_state")):
            confirm(path, _identity(path))


def require_own(checkpoint: Path) -> None:
    """Check that each file of a checkpoint is unchanged since this user's training wrote it.

    Raises:
        InputError: a file was changed or cut, or comes from elsewhere.
    """
    for path in _recorded(checkpoint):
        if path.is_symlink() or not is_confirmed(path, _identity(path)):
            raise InputError(
                f"{path}: is not a file that a training of yours on this machine wrote: it was damaged, changed, or comes from "
                f"elsewhere, and it may be a pickle, which can run code. Remove {checkpoint} to continue from the checkpoint "
                "before it, or start again in another folder."
            )


def remove_pickled_settings(out: Path) -> None:
    """Remove the trainer's pickled settings from a finished model, because nothing reads them."""
    (out / "training_args.bin").unlink(missing_ok=True)


def _recorded(checkpoint: Path) -> Iterator[Path]:
    """Files that may be pickles, and the weights; the trainer never reads its pickled settings again."""
    for path in sorted(checkpoint.rglob("*")):
        if path.name == "training_args.bin" or path.is_dir():
            continue
        if path.suffix not in _PLAIN or path.suffix == ".safetensors":
            yield path


def _identity(path: Path) -> dict[str, object]:
    """The record of a file: the size of weights, which cannot run code; a digest of everything else."""
    if path.suffix == ".safetensors":
        return {"bytes": path.stat().st_size}
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
