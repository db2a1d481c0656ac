"""From a path to bytes and text: files, the standard input, run folders, gzip and zstd, UTF-8 and UTF-16."""

import codecs
import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from bootstruct.errors import InputError
from bootstruct.io.optional import require_zstd
from bootstruct.io.trust import open_inside

STDIN = Path("-")  # the standard input instead of a file
HEAD = 1 << 16  # bytes by which a file is recognised
LARGEST_FILE = 8 << 30  # bytes, unpacked; of files that must be in memory as a whole
MOST_SWOLLEN, MOST_TIMES = 1 << 28, 100  # bytes that any file may be unpacked, and how many times its size beyond
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_WIDE: Final = {  # byte order marks, the longer ones first
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_OTHERS: Final = {  # how files begin that hold no rows, what they are, and what to do
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    _GZIP: "compressed twice, with gzip inside; decompress it once, as in `gzip -d`",
    _ZSTD: "compressed twice, with zstd inside; decompress it once, as in `zstd -d`",
    b"BZh": "compressed with bzip2; decompress it first, as in `bzip2 -d`",
    b"\xfd7zXZ": "compressed with xz; decompress it first, as in `xz -d`",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document; save its text",
    b"\x93NUMPY": "a NumPy array; write it as JSON Lines",
    b"\x80\x04": "a Python pickle, which is never opened; write the rows as JSON Lines",
    b"FEA1": "a file of Feather's first version; save it as Parquet",
    b"ORC": "an ORC file; save it as Parquet",
    b"Obj\x01": "an Avro file; save it as Parquet",
    b"version https://git-lfs": "a Git LFS pointer in place of a file; fetch the file with `git lfs pull`",
}


@contextlib.contextmanager
def opened(path: Path, folder: Path | None = None) -> Iterator[io.BufferedReader]:
    """A file open to read, decompressed where it is gzip or zstd; errors while it is read name it.

    Args:
        path: the file; `-` is the standard input.
        folder: the run folder that the file belongs to; no link is followed below it (see `io.trust`).

    Raises:
        InputError: it cannot be read, or it begins like something that holds no rows.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = _open(path, folder, stack)
            yield _decompressed(file, path, stack)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file.") from None
        except (OSError, EOFError, zlib.error) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            if isinstance(exc, EOFError):
                reason = "it ends too early, as after a broken download; fetch it again"
            raise InputError(f"{path}: cannot be read: {reason}.") from None


def _open(path: Path, folder: Path | None, stack: contextlib.ExitStack) -> io.BufferedReader:
    if folder is not None:
        inside = open_inside(folder, path)
        return stack.enter_context(cast("io.BufferedReader", open(inside, "rb", buffering=HEAD)))
    if path != STDIN:
        file = cast("io.BufferedReader", stack.enter_context(path.open("rb", buffering=HEAD)))
        return file if file.seekable() else _rewound(file)
    return _rewound(sys.stdin.buffer)


def _rewound(source: BinaryIO) -> io.BufferedReader:
    """A pipe whose `peek` sees a whole head, not one line only."""
    return io.BufferedReader(_Rewound(source.read(HEAD), source), HEAD)


class _Rewound(io.RawIOBase):
    """A stream whose first bytes were read already, from its beginning."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        content = content or self._rest.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _decompressed(file: io.BufferedReader, path: Path, stack: contextlib.ExitStack) -> io.BufferedReader:
    start = file.peek(4)[:4]
    if start.startswith(_GZIP):
        unpacked: Any = gzip.GzipFile(fileobj=file)
    elif start.startswith(_ZSTD):
        unpacked = _zstd_file(file, path)
    else:
        return file
    stack.enter_context(contextlib.closing(unpacked))
    return _rewound(unpacked)


def _zstd_file(file: io.BufferedReader, path: Path) -> Any:
    zstd = require_zstd(f"{path}: is compressed with zstd", "decompress it, as in `zstd -d`")

    class ZstdFile(zstd.ZstdFile):  # type: ignore[misc, name-defined]
        """Damaged data is an error of the operating system's kind, as with gzip."""

        def read(self, size: int | None = -1) -> bytes:
            try:
                return super().read(size)  # type: ignore[no-any-return]
            except zstd.ZstdError as exc:
                raise OSError(str(exc)) from None

    return ZstdFile(file)


def head_of(file: io.BufferedReader) -> bytes:
    """The first bytes of a file, which later reads return again."""
    return file.peek(HEAD)


def is_seekable_file(file: io.BufferedReader) -> bool:
    """Whether it is an ordinary file on disk, neither a pipe nor decompressed."""
    return isinstance(file.raw, io.FileIO) and file.seekable()


def as_utf8(file: io.BufferedReader, path: Path) -> io.BufferedReader:
    """The same text as UTF-8: a file that begins with the byte order mark of UTF-16 or UTF-32 is decoded.

    Raises:
        InputError: the file begins like one that holds no text.
    """
    head = head_of(file)
    for start, what in _OTHERS.items():
        if head.startswith(start):
            raise InputError(f"{path}: is {what}.")
    if head[:64].removeprefix(_BOM).lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(f"{path}: is a web page or XML, such as the page of a failed download; save the data itself.")
    for mark, encoding in _WIDE.items():
        if head.startswith(mark):
            return io.BufferedReader(_Utf8Stream(file, encoding, path), HEAD)
    if b"\0" in head[:4096]:
        wide = {head[1:2]: "UTF-16LE", head[:1]: "UTF-16BE"}.get(b"\0")
        advice = f"{wide} without a byte order mark; {_iconv(wide)}" if wide else "binary data, not rows of text"
        raise InputError(f"{path}: is {advice}.")
    return file


class _Utf8Stream(io.RawIOBase):
    """UTF-16 or UTF-32 with its byte order mark, read as UTF-8."""

    def __init__(self, source: BinaryIO, encoding: str, path: Path) -> None:
        self._source, self._path, self._encoding = source, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            chunk = self._source.read(HEAD)
            try:
                self._ready = self._decoder.decode(chunk, final=not chunk).encode()
            except UnicodeError:
                raise InputError(f"{self._path}: is damaged {self._encoding.upper()}; save it as UTF-8.") from None
            if not chunk and not self._ready:
                return 0
        content, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


def all_of(file: io.BufferedReader, path: Path) -> bytes:
    """The rest of a file. Raises InputError where it is too large to be held in memory, or swells beyond all measure."""
    most = LARGEST_FILE
    if path.is_file():
        most = min(most, max(MOST_SWOLLEN, MOST_TIMES * path.stat().st_size))
    pieces, size = [], 0
    while piece := file.read(1 << 20):  # a single `read` would claim memory for the largest file at once
        pieces.append(piece)
        size += len(piece)
        if size > most:
            what = f"{LARGEST_FILE >> 30} GiB" if most == LARGEST_FILE else f"{MOST_TIMES} times its size once unpacked"
            raise InputError(f"{path}: contains more than {what}; split it.")
    return b"".join(pieces)


def decoded(raw: bytes, path: Path, line: int | None = None, first: int = 1) -> str:
    """Bytes as text, without a byte order mark at the beginning of the file.

    Args:
        raw: the bytes.
        path: the file, for errors.
        line: its line, if they are one; None for bytes of several lines.
        first: the number of their first line.

    Raises:
        InputError: they are not UTF-8, with the line, what they probably are and how to convert the file.
    """
    try:
        return raw.decode("utf-8-sig" if (line or first) == 1 else "utf-8")
    except UnicodeDecodeError as exc:
        number = line if line is not None else raw.count(b"\n", 0, exc.start) + first
        probably = likely_encoding(raw)
        raise InputError(f"{path}:{number}: not UTF-8 but probably {probably}; {_iconv(probably)}.") from None


def likely_encoding(raw: bytes) -> str:
    """The probable encoding of bytes that are not UTF-8; a guess for the user to check."""
    high = sum(byte > 0x7F for byte in raw)
    letters = sum(byte > 0x40 and chr(byte).isalpha() for byte in raw if byte < 0x80)
    if high <= max(letters, 4):
        return "WINDOWS-1252"
    for encoding, is_own in (
        ("euc_jp", lambda text: any("\u3040" <= c <= "\u30ff" for c in text)),
        ("shift_jis", lambda text: any("\u3041" <= c <= "\u30f6" for c in text)),
        ("euc_kr", lambda text: sum("\uac00" <= c <= "\ud7a3" for c in text) * 2 > sum(c > "\x7f" for c in text)),
        ("gb18030", lambda text: sum("\u4e00" <= c <= "\u9fff" for c in text) * 2 > sum(c > "\x7f" for c in text)),
        ("cp1251", lambda text: sum("\u0400" <= c <= "\u04ff" for c in text) * 2 > sum(c > "\x7f" for c in text)),
    ):
        with contextlib.suppress(UnicodeDecodeError):
            if is_own(text := raw.decode(encoding)):
                if encoding != "cp1251":
                    return encoding.upper().replace("_", "-")
                return "WINDOWS-1251" if sum(map(str.islower, text)) >= sum(map(str.isupper, text)) else "KOI8-R"
    return "WINDOWS-1252"


def _iconv(encoding: str) -> str:
    return f"save it as UTF-8, as in `iconv -f {encoding} -t UTF-8 FILE > NEW`"
