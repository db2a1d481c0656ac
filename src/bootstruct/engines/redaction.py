"""Removing secrets from server responses: the key, and user, password and key inside an address.

A server that repeats a key seldom repeats it unchanged: it may be escaped (JSON, HTML, addresses), encoded (base64, as in
the header of a password, or hexadecimal), or split over lines or texts. All these forms are found in the bytes of the
response, before any other code reads them.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

LEAST_SECRET = (
    8  # characters; a shorter key ("EMPTY", "none") is not a secret, and its letters occur in genuine replies
)
LEAST_PART = 12  # characters of a part of a key that is removed by itself
MARK = b"[key]"
# What may occur between two characters of a split key: blanks, quotes, commas, pluses, escaped line ends, hidden marks.
_BETWEEN = (
    rb"(?:[\s\"'+,]|\\+[nrt\"']|\\+u(?:200[b-f]|00ad|2060|feff|000[ad]|0020)|\xe2\x80[\x8b-\x8f]|\xc2\xad|\xe2\x81\xa0"
    rb"|\xef\xbb\xbf){0,8}"
)

_NO_LETTERS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isalnum())
_ESCAPED = re.compile(rb"\\u00[2-7]|\\u200[b-f]|\\u2060|\\u00ad|\\ufeff|\\x[2-7]|%(?:25)*[2-7][0-9A-Fa-f]|&#x?[0-9]")


class Redactor:
    """Replaces secrets by a mark.

    Args:
        secrets: the secrets; those shorter than `LEAST_SECRET` are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= LEAST_SECRET}, key=len, reverse=True)
        forms = [form for secret in known for form in _forms(secret)]
        self._pattern = re.compile(b"|".join(forms), re.IGNORECASE) if forms else None
        self._literals = [form for secret in known for form in _literals(secret)]
        self._compact = [compact for secret in known if (compact := _compacted(secret.encode()))]

    def clean(self, content: bytes) -> bytes:
        """The content without the secrets.

        Example:
            >>> Redactor(["sk-0123456789"]).clean(b"no sk-0123456789, no sk%2D0123456789")
            b'no [key], no [key]'
        """
        if self._pattern is None or not self._may_hold(content):
            return content
        return self._pattern.sub(MARK, content)

    def _may_hold(self, content: bytes) -> bool:
        """Whether a full search is worthwhile: the expression takes a hundred times as long as this."""
        if any(form in content for form in self._literals) or _ESCAPED.search(content):
            return True
        compact = _compacted(content)
        return any(part in compact for part in self._compact)


def _forms(secret: str) -> Iterator[bytes]:
    """Expressions of every form in which a secret is found."""
    yield _BETWEEN.join(map(_character, secret.encode()))
    yield from map(re.escape, _literals(secret))


def _literals(secret: str) -> Iterator[bytes]:
    """Forms that are searched for literally: halves, hexadecimal, base64, and as a part of an address."""
    half = len(secret) // 2
    if half >= LEAST_PART:  # the two halves of a key that was split over two texts
        yield secret[:half].encode()
        yield secret[half:].encode()
    yield secret.encode().hex().encode()
    yield secret.encode().hex().upper().encode()
    yield from _base64_cores(secret.encode())
    if (quoted := quote(secret, safe="")) != secret:
        yield quoted.encode()


def _compacted(content: bytes) -> bytes:
    """Letters and digits only, without escaped line ends: a key that was split is in one piece."""
    for escape in (b"\\n", b"\\r", b"\\t"):
        if escape in content:
            content = content.replace(escape, b"")
    return content.translate(None, _NO_LETTERS).lower()


def _character(code: int) -> bytes:
    """One character, as it is or escaped: behind backslashes, as in JSON, in an address, or by number as in HTML."""
    char = re.escape(bytes([code]))
    return rb"(?:\\*%b|\\+u00%02x|\\+x%02x|%%(?:25)*%02x|&#0*%d;|&#x0*%x;)" % (char, code, code, code, code, code)


def _base64_cores(secret: bytes) -> set[bytes]:
    """The base64 form of a secret at any position, without the letters at its ends that depend on its surroundings."""
    found = set()
    for before in range(3):
        plain = base64.b64encode(b"\0" * before + secret)
        first = (0, 2, 3)[before]
        last = (len(secret) + before) * 8 // 6
        core = plain[first:last]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return {core for core in found if len(core) >= LEAST_SECRET}
