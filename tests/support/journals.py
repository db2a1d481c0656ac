"""Journals changed on purpose: lines edited, taken out or put in, with checksums that are right for what they say now."""

import re
from collections.abc import Iterable

from bootstruct.journal.codec import with_checksum

CHECKSUM = re.compile(rb',"crc":"[0-9a-f]{8}"}$')


def sealed(lines: bytes | Iterable[bytes]) -> bytes:
    """A journal of these lines, each with the checksum of what it holds now; lines that are no objects stay as they are."""
    rows = lines.splitlines() if isinstance(lines, bytes) else [line.rstrip(b"\n") for line in lines]
    result = bytearray()
    for row in rows:
        plain = CHECKSUM.sub(b"}", row)
        result += with_checksum(plain, len(result)) if plain.endswith(b"}") else plain + b"\n"
    return bytes(result)


def unsealed(journal: bytes) -> bytes:
    """A journal as versions without checksums wrote it."""
    return b"".join(CHECKSUM.sub(b"}", line) + b"\n" for line in journal.splitlines())
