"""GGUF files: which file a name means, and whether the file is whole. The weights themselves are read by transformers.

A header names how many strings and numbers follow. Libraries believe it, and a damaged file can keep them busy
forever. So the header is read here first, and nothing in it may reach beyond the end of the file.
"""

import importlib.util
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from bootstruct.errors import EngineUnavailableError, InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of the scalar types
MOST_LAYERS = 10_000  # of a model; the deepest have some hundreds
DEEPEST = 4  # arrays within arrays; real files have one level


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The content of the header of a GGUF file.

    Attributes:
        architecture: the family of the model, such as `llama`.
        parts: the number of files into which the model is split; 1 if it is whole.
        tensors: how many there are.
    """

    architecture: str
    parts: int
    tensors: int


def is_gguf(path: Path) -> bool:
    """Whether the path is a GGUF file, by its name or its first bytes (some programs store models without a suffix)."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".gguf":
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def gguf_in(folder: Path) -> Path | None:
    """The GGUF file of a folder that holds no other weights, None if there is none.

    Raises:
        InputError: there are several, so the choice is unclear.
    """
    if any(folder.glob("*.safetensors")):
        return None
    files = sorted(path for path in folder.glob("*.gguf") if path.is_file())
    if len(files) > 1:
        names = ", ".join(path.name for path in files[:4]) + (", ..." if len(files) > 4 else "")
        raise InputError(f"{folder}: contains {len(files)} GGUF files ({names}); name one, as in hf/{files[0]}.")
    return files[0] if files else None


def require_gguf(path: Path) -> None:
    """Check that GGUF files can be read, importing nothing. Raises InputError if not."""
    if importlib.util.find_spec("gguf") is None:
        raise InputError(
            f"{path}: GGUF files need the package gguf, which is not installed: pip install 'bootstruct[local]'."
        )


def read_header(path: Path, name: str) -> GgufHeader:
    """Read the header of a GGUF file from end to end.

    Args:
        path: the file.
        name: of the model, as shown to the user.

    Raises:
        EngineUnavailableError: the file is not a GGUF file, is damaged or incomplete, or is a part of a split model.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] != MAGIC:
                raise EngineUnavailableError(
                    f"The model {name} cannot be loaded: {path.name} is not a GGUF file; its first bytes are "
                    f"{start[:4]!r}. Download it again."
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                header = _HeaderReader(data).read()
    except (struct.error, ValueError, OSError) as exc:
        raise EngineUnavailableError(
            f"The model {name} cannot be loaded: {path.name} is damaged or incomplete ({exc}); download it again."
        ) from None
    if header.parts > 1:
        raise EngineUnavailableError(
            f"The model {name} cannot be loaded: {path.name} is one of {header.parts} parts; join them into one file "
            "(`llama-gguf-split --merge`)."
        )
    return header


class _HeaderReader:
    """One pass over the header. Raises ValueError or struct.error if it reaches beyond the end of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at, self.order = data, 4, "<"

    def read(self) -> GgufHeader:
        version = self._number("I")
        if version & 0xFFFF == 0:  # written on a machine of the other byte order
            self.at, self.order = 4, ">"
            version = self._number("I")
        if version not in VERSIONS:
            raise ValueError(f"version {version} of the format")
        tensors, count = self._number("Q"), self._number("Q")
        facts: dict[bytes, object] = {}
        for _ in range(count):
            key = self._bytes()
            facts[key] = self._value(self._number("I"))
        for key, value in facts.items():
            if key.endswith(b".block_count") and isinstance(value, int) and value > MOST_LAYERS:
                raise ValueError(f"{value:,} layers")
        for _ in range(tensors):
            self._bytes()
            self._skip(8 * self._number("I") + 12)
        architecture, parts = facts.get(b"general.architecture", b""), facts.get(b"split.count", 1)
        shown = architecture.decode("utf-8", "replace") if isinstance(architecture, bytes) else ""
        return GgufHeader(shown, parts if isinstance(parts, int) else 1, tensors)

    def _number(self, form: str) -> int:
        (number,) = struct.unpack_from(self.order + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(number)

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise ValueError("it ends within its header")

    def _bytes(self) -> bytes:
        size = self._number("Q")
        begin = self.at
        self._skip(size)
        return self.data[begin : self.at]

    def _value(self, kind: int, depth: int = 0) -> object:
        """A string, a number of 32 bits, or None for anything else."""
        if kind == STRING:
            return self._bytes()
        if kind == ARRAY:
            if depth == DEEPEST:
                raise ValueError("arrays within arrays")
            self._array(depth)
            return None
        if kind not in SIZES:
            raise ValueError(f"a value of unknown type {kind}")
        begin = self.at
        self._skip(SIZES[kind])
        return int.from_bytes(self.data[begin : self.at], "little" if self.order == "<" else "big")

    def _array(self, depth: int) -> None:
        kind, count = self._number("I"), self._number("Q")
        if kind in SIZES:
            self._skip(SIZES[kind] * count)
            return
        for _ in range(count):
            self._value(kind, depth + 1)
