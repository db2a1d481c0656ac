"""What would go to the hub: data files by configuration and split, the card, and Croissant metadata."""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.files import json_bytes
from bootstruct.io.rows import read_rows
from bootstruct.publishing.croissant import DescribedFile, croissant, sample_columns

CARD, CROISSANT = "README.md", "croissant.json"
SAMPLED_ROWS: Final = 200  # by which columns are described
_PART: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that would go: its path in the repository, its size in bytes, and its content or where that is."""

    path: str
    size: int
    content: bytes | Path


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What would go to a data set repository.

    Attributes:
        repository: as in `org/name`.
        files: every file, in the order of their paths.
        card: the text of the card.
        private: whether a new repository would be private.
    """

    repository: str
    files: tuple[PlannedFile, ...]
    card: str
    private: bool

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def require_repository(name: str) -> str:
    """Return the name of a repository. Raises InputError unless it is of the form `org/name`."""
    parts = name.split("/")
    if len(parts) != 2 or not all(_PART.fullmatch(part) and ".." not in part and "--" not in part for part in parts):
        raise InputError(
            f"{name}: is not the name of a repository; write org/name, with letters, digits, -, _ and dots."
        )
    return name


def make_plan(
    repository: str,
    data: Mapping[str, Mapping[str, Path]],
    card: str,
    licence: str | None = None,
    private: bool = False,
    address: str = "",
) -> PushPlan:
    """Return what would go to the hub.

    Args:
        repository: as in `org/name`.
        data: data files by configuration and split; the first configuration is the default.
        card: the card, with a YAML header.
        licence: the licence as the hub names it; None leaves what the card says.
        private: whether a new repository is private.
        address: where the data set will be.

    Raises:
        InputError: the name of the repository is none, or a file cannot be read.
    """
    require_repository(repository)
    files, described = list[PlannedFile](), list[DescribedFile]()
    configs: list[dict[str, Any]] = []
    for config, splits in data.items():
        named = [{"split": split, "path": _path(config, split, file)} for split, file in splits.items()]
        configs.append({"config_name": config, "data_files": named} | ({"default": True} if not configs else {}))
        for entry, file in zip(named, splits.values(), strict=True):
            size, digest = _measure(file)
            rows = (row for _, row in itertools.islice(read_rows(file), SAMPLED_ROWS))
            files.append(PlannedFile(entry["path"], size, file))
            columns = sample_columns(rows)
            described.append(DescribedFile(entry["path"], config, entry["split"], size, digest, columns))
    card, licence = _with_configs(card, configs, licence)
    about = "Instruction data for language models, made and described with bootstruct."
    metadata = croissant(repository.partition("/")[2], about, licence, address, described)
    for path, content in ((CARD, card.encode("utf-8", "replace")), (CROISSANT, json_bytes(metadata, indent=1) + b"\n")):
        files.append(PlannedFile(path, len(content), content))
    return PushPlan(repository, tuple(sorted(files, key=lambda file: file.path)), card, private)


def _path(config: str, split: str, file: Path) -> str:
    endings = file.suffixes[-2:] if file.suffix in (".gz", ".zst") else file.suffixes[-1:]
    return f"{config}/{split}{''.join(endings).lower()}"


def _measure(file: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError as exc:
        raise InputError(f"{file}: cannot be read: {exc.strerror or exc}.") from None
    return size, digest.hexdigest()


def _with_configs(card: str, configs: Sequence[Mapping[str, Any]], licence: str | None) -> tuple[str, str]:
    """The card with configurations and licence in its header, and the licence."""
    import yaml

    _, header, body = card.split("---\n", 2)
    found = yaml.safe_load(header) or {}
    if licence is not None:
        found["license"] = licence
    found["configs"] = [dict(config) for config in configs]
    written = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{written}---\n{body}", str(found.get("license", "unknown"))
