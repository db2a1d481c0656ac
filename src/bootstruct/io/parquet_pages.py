"""The sizes of the pages of a Parquet file once they are unpacked, read from the head of each page.

The foot of a file says how large its columns are, but that may be wrong; pyarrow reserves what the head of a page says. A head
is a struct in Thrift's compact protocol, of which only the first fields are needed here (Parquet's `PageHeader`).
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from bootstruct.io.arrow_messages import MalformedError, read_at

Wanted: TypeAlias = dict[int, "Wanted"]  # the numbers of the fields that are kept, each with those of the structs in it

_HEAD: Final = 1 << 10  # bytes that are enough for most heads
_LARGEST: Final = 1 << 24  # bytes of a head or of the foot
_DEEPEST: Final = 16  # structs and lists inside one another
_UNPACKED, _PACKED = 2, 3  # fields of a head
_GROUPS, _COLUMNS, _ABOUT, _SIZE, _DATA, _DICTIONARY = (
    4,
    1,
    3,
    7,
    9,
    11,
)  # fields of the foot, its groups, their columns ...
_FOOT: Final[Wanted] = {_GROUPS: {_COLUMNS: {_ABOUT: {_SIZE: {}, _DATA: {}, _DICTIONARY: {}}}}}
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12  # kinds of values


def unpacked_sizes(file: Any, size: int) -> Iterator[int]:
    """The sizes of all pages of a file once they are unpacked, in bytes.

    Args:
        file: the file; what reads it next must go to its place first.
        size: of the file, in bytes.

    Raises:
        MalformedError: its foot or a page is damaged.
    """
    length = int.from_bytes(read_at(file, size - 8, 4), "little")
    if length > min(size - 8, _LARGEST):
        raise MalformedError
    try:
        foot = _CompactStruct(read_at(file, size - 8 - length, length)).fields(_FOOT)
    except IndexError:
        raise MalformedError from None
    columns = (column for group in _structs(foot.get(_GROUPS)) for column in _structs(group.get(_COLUMNS)))
    for about in (column.get(_ABOUT) for column in columns):
        if isinstance(about, dict):
            begin, first, length = (about.get(field, 0) for field in (_DATA, _DICTIONARY, _SIZE))
            if not all(isinstance(number, int) for number in (begin, first, length)):
                raise MalformedError
            begin = first if 0 < first < begin else begin
            yield from _pages(file, begin, begin + length)


def _structs(value: Any) -> list[dict[int, Any]]:
    return value if isinstance(value, list) else []


def _pages(file: Any, place: int, end: int) -> Iterator[int]:
    while place < end:
        size, packed, unpacked = _head(file, place, end)
        yield unpacked
        place += size + packed


def _head(file: Any, place: int, end: int) -> tuple[int, int, int]:
    """The size of the head of a page, of the packed page behind it, and of the page once it is unpacked."""
    wanted = _HEAD
    while True:
        raw = read_at(file, place, min(wanted, end - place))
        head = _CompactStruct(raw)
        try:
            fields = head.fields({_UNPACKED: {}, _PACKED: {}})
            break
        except IndexError:
            if len(raw) < wanted or wanted >= _LARGEST:
                raise MalformedError from None
            wanted *= 16
    packed, unpacked = fields.get(_PACKED), fields.get(_UNPACKED)
    if not isinstance(packed, int) or not isinstance(unpacked, int) or packed < 0:
        raise MalformedError
    return head.at, packed, unpacked


class _CompactStruct:
    """A struct in Thrift's compact protocol. Its methods raise IndexError where the bytes end too early."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def fields(self, wanted: Wanted, depth: int = 0) -> dict[int, Any]:
        """The wanted fields of a struct by their numbers: whole numbers, structs, and lists of structs."""
        found, number = dict[int, Any](), 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._number()
            value = self._value(kind & 15, wanted.get(number, {}), depth)
            if number in wanted:
                found[number] = value
        return found

    def _value(self, kind: int, wanted: Wanted, depth: int) -> Any:
        if depth > _DEEPEST:
            raise MalformedError
        if _BYTE < kind < _DOUBLE:
            return self._number()
        if kind == _STRUCT:
            return self.fields(wanted, depth + 1)
        if kind in (_LIST, _SET):
            return self._list(wanted, depth)
        if kind in (_BYTE, _DOUBLE, _BINARY):
            self._skip({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint())
        elif kind not in (_TRUE, _FALSE):  # there is no map in a file
            raise MalformedError
        return None

    def _list(self, wanted: Wanted, depth: int) -> list[Any]:
        mark = self._byte()
        count, kind = mark >> 4, mark & 15
        found = []
        for _ in range(self._varint() if count == 15 else count):
            if kind in (_TRUE, _FALSE):
                self._skip(1)
                continue
            value = self._value(kind, wanted, depth + 1)
            if wanted and isinstance(value, dict):
                found.append(value)
        return found

    def _byte(self) -> int:
        self.at += 1
        return self.raw[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.raw):
            raise IndexError

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise MalformedError

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
