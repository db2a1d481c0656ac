"""Journals changed on purpose: lines are edited, removed or added, and their checksums are made to match."""

import re
from collections.abc import Iterable

from bootstruct.journal.codec import with_checksum

CHECKSUM = re.compile(rb',"crc":"[0-9a-f]{8}"}$')


def sealed(lines: bytes | Iterable[bytes]) -> bytes:
    """Return a journal of these lines, each with the checksum of its present content.

    Lines that are not objects stay as they are.
    """
    rows = lines.splitlines() if isinstance(lines, bytes) else [line.rstrip(b"\n") for line in lines]
    result = bytearray()
    for row in rows:
        plain = CHECKSUM.sub(b"}", row)
        result += with_checksum(plain, len(result)) if plain.endswith(b"}") else plain + b"\n"
    return bytes(result)


def unsealed(journal: bytes) -> bytes:
    """Return a journal as versions without checksums wrote it."""
    return b"".join(CHECKSUM.sub(b"}", line) + b"\n" for line in journal.splitlines())
