"""Writing files completely or not at all."""

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bootstruct.errors import InputError
from bootstruct.io.json_values import SourceRow


def write_whole(path: Path, content: bytes, is_private: bool = False) -> None:
    """Write a file completely or not at all.

    Args:
        path: the file.
        content: its bytes.
        is_private: whether only the user may read it (mode 0600), as for settings.

    Raises:
        InputError: the place cannot be written.
    """
    with whole_file(path, is_private) as file:
        file.write(content)


def json_bytes(value: Any, indent: int | None = None) -> bytes:
    r"""Return JSON as UTF-8.

    Where a text holds half of a character (`\ud800` to `\udfff` alone), which UTF-8 has no bytes for, all characters beyond
    ASCII are written as escapes, so that the value is the same when it is read again. What a table may hold and JSON has no
    form for becomes text: dates and times in ISO's form, exact decimals as they are written, bytes in base64. A row that
    knows the line that it was read from is that line.
    """
    if isinstance(value, SourceRow) and indent is None:
        return value.line
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, default=_as_text).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, default=_as_text).encode()


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


@contextlib.contextmanager
def whole_file(path: Path, is_private: bool = False) -> Iterator[BinaryIO]:
    """A file to write piece by piece, there whole once the block ends without an error. Raises as `write_whole`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if not is_private:  # the temporary file is
                os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror}; choose another place.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
