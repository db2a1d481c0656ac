"""Data sets on the Hugging Face hub as sources: `hub:org/name`, fetched through the hub's own client into its cache."""

import os
import re
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError

PREFIX: Final = "hub:"
ENDINGS: Final = (
    ".jsonl",
    ".json",
    ".csv",
    ".tsv",
    ".parquet",
    ".arrow",
    ".jsonl.gz",
    ".json.gz",
    ".csv.gz",
    ".jsonl.zst",
)
MOST_FILES: Final = 100
_SOURCE: Final = re.compile(r"hub:([\w.-]+/[\w.-]+)((?:/[\w .+=-]+)*?)(?:@([\w./-]+))?")
_DESCRIPTIONS: Final = ("croissant.json", "dataset_info.json", "dataset_infos.json")


def is_on_hub(path: Path) -> bool:
    """Whether a path names a data set on the hub.

    Example:
        >>> is_on_hub(Path("hub:org/name")), is_on_hub(Path("data.jsonl"))
        (True, False)
    """
    return str(path).startswith(PREFIX)


def fetch(path: Path) -> list[Path]:
    """Return the files of a data set on the hub, fetched where they are not in the hub's cache.

    Args:
        path: `hub:org/name` for the training split, `hub:org/name/FILE` for one file or one folder of files; each may be
            followed by `@` and a revision.

    Raises:
        InputError: the name is none, the client is not installed, the data set cannot be reached, or which files are meant
            is not clear.
    """
    match = _SOURCE.fullmatch(str(path))
    if match is None or ".." in str(path):
        raise InputError(
            f"{path}: is not a data set on the hub; write hub:org/name, or hub:org/name/FILE for one file."
        )
    repository, inner, revision = match[1], match[2].strip("/"), match[3]
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError:
        raise InputError(f"{path}: needs the hub's own client: pip install 'bootstruct[hub]'.") from None
    endpoint: Any = os.environ.get("HF_ENDPOINT") or None
    try:
        if is_offline():
            place = snapshot_download(repository, repo_type="dataset", revision=revision, local_files_only=True)
            found = sorted(str(file.relative_to(place)) for file in Path(place).rglob("*") if file.is_file())
        else:
            api = HfApi(endpoint=endpoint)
            found = sorted(api.list_repo_files(repository, repo_type="dataset", revision=revision))
        names = _chosen(path, found, inner)
        return [_file(repository, name, revision, endpoint) for name in names]
    except InputError:
        raise
    except Exception as exc:  # the client raises errors of its own, of its HTTP library and of the system
        reason = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise InputError(f"{path}: cannot be fetched: {reason}") from None


def is_offline() -> bool:
    """Whether the hub is switched off by `HF_HUB_OFFLINE`."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _file(repository: str, name: str, revision: str | None, endpoint: str | None) -> Path:
    from huggingface_hub import hf_hub_download

    options: dict[str, Any] = {"repo_type": "dataset", "revision": revision, "endpoint": endpoint}
    return Path(hf_hub_download(repository, name, local_files_only=is_offline(), **options))


def _chosen(path: Path, files: list[str], inner: str) -> list[str]:
    """Which of the files of a repository are meant."""
    data = [
        name
        for name in files
        if name.lower().endswith(ENDINGS)
        and name not in _DESCRIPTIONS
        and ".." not in name
        and not name.startswith("/")
    ]
    if inner:
        found = [name for name in data if name == inner or name.startswith(f"{inner}/")]
    else:
        found = [name for name in data if re.search(r"(?:^|[^a-z])train(?:[^a-z]|$)", name.lower())] or data
        found = found if len({re.sub(r"[^/]*$", "", name) for name in found}) == 1 else _one_folder(found)
    if not found or len(found) > MOST_FILES or len({_ending(name) for name in found}) > 1:
        shown = ", ".join(data[:6]) + (", ..." if len(data) > 6 else "")
        what = "names no file of rows" if not found else "names files of several kinds, or too many"
        raise InputError(f"{path}: {what}; name one, as in hub:org/name/FILE (there: {shown or 'no file of rows'}).")
    return found


def _one_folder(names: list[str]) -> list[str]:
    """Those of one configuration: the folder `default` or `data` if there is one, else none."""
    for folder in ("default/", "data/"):
        if found := [name for name in names if name.startswith(folder)]:
            return found
    return []


def _ending(name: str) -> str:
    return next(ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(ending))
