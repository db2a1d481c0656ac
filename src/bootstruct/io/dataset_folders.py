"""Folders as `datasets.save_to_disk` writes them, of one set or of several parts."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError

DATA_FILE: Final = "data-00000-of-00001.arrow"
PARTS: Final = ("train", "validation", "test")  # names of parts that `datasets` knows
_FILES: Final = frozenset({DATA_FILE, "dataset_info.json", "state.json", "dataset_dict.json"})


def finish_dataset_folder(folder: Path, split: str = "") -> None:
    """Write beside the table of a folder, `DATA_FILE`, what `datasets.load_from_disk` needs.

    Args:
        folder: the folder with the table, in Arrow's stream format.
        split: name of the part that it is of a larger set, as in `train`.
    """
    with open(folder / DATA_FILE, "rb") as file:
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    state: dict[str, object] = {
        "_data_files": [{"filename": DATA_FILE}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split or None,
    }
    (folder / "state.json").write_text(json.dumps(state, indent=2) + "\n")
    about = {"citation": "", "description": "", "features": None, "homepage": "", "license": ""}
    (folder / "dataset_info.json").write_text(json.dumps(about, indent=2) + "\n")


def write_parts(folder: Path, parts: Sequence[str]) -> None:
    """Write what makes the folders of parts below a folder one `datasets.DatasetDict`."""
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}) + "\n")


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder to write into, which is at its place once the block ends without an error.

    Raises:
        InputError: there is something else than a folder of `datasets` at its place, or it cannot be written.
    """
    _require_own_folder(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as place:
            made, before = Path(place) / "made", Path(place) / "before"
            made.mkdir()
            yield made
            if path.exists():
                os.replace(path, before)
            os.replace(made, path)
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}; choose another place.") from None


def _require_own_folder(path: Path) -> None:
    """Raise InputError where a folder holds anything but a data set that `datasets` can read."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; the container `dataset` is a folder of files.")
    strange = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name not in _FILES]
    if strange:
        raise InputError(f"{path}: holds {strange[0].relative_to(path)}, which would be lost; name a new folder.")
