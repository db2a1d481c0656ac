"""What the messages of an Arrow file say of their sizes, read without unpacking anything.

A compressed buffer begins with its length once it is unpacked, and pyarrow reserves that much. Where the buffers are follows
from the metadata of each message, a table of FlatBuffers, of which only the few fields are read that are needed here (Arrow's
formats `Message.fbs` and `File.fbs`).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bootstruct.io.streams import HEAD

FILE_MARK: Final = b"ARROW1"
LARGEST_METADATA: Final = 1 << 28  # bytes of the metadata of one message, or of the foot of a file
_DICTIONARY, _BATCH = 2, 3  # kinds of messages that hold buffers
_OLD_MARK: Final = b"ARROW:experimental_compression"  # of compressed messages before Arrow 1.0
_FLAG: Final = 0xFFFFFFFF  # before the length of the metadata, since Arrow 0.15
_KEPT: Final = -1  # the length of a buffer that was not compressed after all


class MalformedError(ValueError):
    """The file is no Arrow file."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of FlatBuffers, at a place in its bytes."""

    raw: bytes
    place: int

    def number(self, slot: int, form: str, usual: int = 0) -> int:
        """The number in a field."""
        at = self._at(slot)
        return usual if at is None else _unpacked(form, self.raw, at)

    def table(self, slot: int) -> "_Table | None":
        """The table in a field."""
        at = self._at(slot)
        return None if at is None else _Table(self.raw, at + _unpacked("I", self.raw, at))

    def structs(self, slot: int, form: str) -> Iterator[tuple[int, ...]]:
        """The numbers of each struct in the list in a field."""
        at = self._at(slot)
        if at is None:
            return
        begin = at + _unpacked("I", self.raw, at)
        count, size = _unpacked("I", self.raw, begin), struct.calcsize("<" + form)
        if begin + 4 + count * size > len(self.raw):
            raise MalformedError
        yield from struct.iter_unpack("<" + form, self.raw[begin + 4 : begin + 4 + count * size])

    def _at(self, slot: int) -> int | None:
        known = self.place - _unpacked("i", self.raw, self.place)
        where = 4 + 2 * slot
        if where + 2 > _unpacked("H", self.raw, known):
            return None
        offset = _unpacked("H", self.raw, known + where)
        return self.place + offset if offset else None


def _unpacked(form: str, raw: bytes, at: int) -> int:
    if at < 0 or at + struct.calcsize("<" + form) > len(raw):
        raise MalformedError
    return int(struct.unpack_from("<" + form, raw, at)[0])


def _root(raw: bytes) -> _Table:
    return _Table(raw, _unpacked("I", raw, 0))


def unpacked_lengths(file: Any, size: int) -> Iterator[int]:
    """The lengths of all compressed buffers of a file or stream once they are unpacked, one after another.

    Args:
        file: the file; what reads it next must go to its place first.
        size: of the file, in bytes.

    Raises:
        MalformedError: it is no Arrow file.
    """
    if read_at(file, 0, len(FILE_MARK)) == FILE_MARK:
        for place in _places(file, size):
            yield from _message(file, place)[0]
        return
    place = 0
    while place < size:
        lengths, place_of_next = _message(file, place)
        yield from lengths
        if place_of_next <= place:
            return
        place = place_of_next


def _places(file: Any, size: int) -> Iterator[int]:
    """The places of the messages that the foot of a file lists: those that pyarrow reads."""
    length, mark = struct.unpack("<i6s", read_at(file, size - 10, 10))
    if mark != FILE_MARK or not 0 < length <= min(size, LARGEST_METADATA):
        raise MalformedError
    foot = _root(read_at(file, size - 10 - length, length))
    for slot in (2, 3):  # dictionaries, batches
        for place, _, _ in foot.structs(slot, "qixxxxq"):
            yield place


def _message(file: Any, place: int) -> tuple[list[int], int]:
    """The lengths of the compressed buffers of the message at a place, and the place behind it (this one at the end)."""
    (length,) = struct.unpack("<I", read_at(file, place, 4))
    begin = place + 4
    if length == _FLAG:
        (length,) = struct.unpack("<I", read_at(file, begin, 4))
        begin += 4
    if not length:
        return [], place
    if length > LARGEST_METADATA:
        raise MalformedError
    raw = read_at(file, begin, length)
    message = _root(raw)
    body, kind, content = begin + length, message.number(1, "B"), message.table(2)
    end = body + message.number(3, "q")
    if kind not in (_DICTIONARY, _BATCH) or content is None:
        return [], end
    batch = content.table(1) if kind == _DICTIONARY else content
    if batch is None or (batch.table(3) is None and _OLD_MARK not in raw):
        return [], end
    buffers = [body + offset for offset, held in batch.structs(2, "qq") if held >= 8]
    lengths = (struct.unpack("<q", read_at(file, start, 8))[0] for start in buffers)
    return [most for most in lengths if most != _KEPT], end


def read_at(file: Any, place: int, size: int) -> bytes:
    """The bytes at a place of a file. Raises MalformedError where it ends too early."""
    if place < 0:
        raise MalformedError
    file.seek(place)
    pieces, missing = [], size
    while missing and (piece := file.read(min(missing, HEAD))):
        pieces.append(bytes(piece))
        missing -= len(piece)
    if missing:
        raise MalformedError
    return b"".join(pieces)
