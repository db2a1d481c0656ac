"""JSON as models write it: after a greeting, in a fence, cut in the middle, with raw newlines or bare quotes in its texts.

One pass, linear in the length of the text and DEEPEST levels deep; no number is converted, so none can be too large.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

DEEPEST = 16  # levels; the schemas have three
PLACES = 3  # line starts at which a reply is taken for JSON

_START = re.compile(r"^[ \t]*+(?:(?:```|~~~)[^\n]*\n\s*+)?(?=[{\[])", re.MULTILINE)
_PLAIN = re.compile(r'[^"\\]*+')
_BLANK = re.compile(r"\s*+")
_ENDS = re.compile(r"\s*+(?:[,:\]}]|\Z)")  # what may follow the quote that closes a text; any other quote is part of it
_WORD = re.compile(r"-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?|[A-Za-z]++")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_NAMED: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}


class Number(str):
    """A number as it was written."""


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a value (None: nothing of it), where the text ended or went on as something that is no JSON."""

    value: Any


Found = tuple[Any, int]  # a value (text, Number, bool, None, dict, list, or a Part of one) and where it ends


def found(text: str) -> Iterator[list[Any]]:
    """The JSON values of a text, for each of the first places where it may begin: one value, or several in a row."""
    for place in islice(_START.finditer(text), PLACES):
        values, at = [], place.end()
        while text.startswith(("{", "["), at):
            value, at = _value(text, at, 0)
            values.append(value)
            if isinstance(value, Part):
                break
            at = _skip(text, at)
            at = _skip(text, at + 1) if text.startswith(",", at) else at
        yield values


def bare(value: Any) -> Any:
    """The value itself, whole or not."""
    return value.value if isinstance(value, Part) else value


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, depth: int) -> Found:
    at = _skip(text, at)
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at + 1)
    if first in ("{", "[") and depth < DEEPEST:
        return (_object if first == "{" else _list)(text, at + 1, depth)
    if (match := _WORD.match(text, at)) is None:
        return Part(None), at
    word = match[0]
    if word[0].isalpha():
        known = word.lower() in _NAMED
        return (_NAMED[word.lower()], match.end()) if known else (Part(None), at)
    return Number(word), match.end()


def _string(text: str, at: int) -> Found:
    parts: list[str] = []
    while True:
        plain = _PLAIN.match(text, at)
        assert plain
        parts.append(plain[0])
        at = plain.end()
        if at >= len(text):
            return Part("".join(parts)), at
        if text[at] == '"':
            at += 1
            if _ENDS.match(text, at):
                return "".join(parts), at
            parts.append('"')
            continue
        escaped = text[at + 1 : at + 2]
        if escaped == "u" and (code := _HEX.match(text, at + 2)):
            made, at = _unicode(text, int(code[0], 16), at + 6)
            parts.append(made)
            continue
        parts.append(_ESCAPES.get(escaped, f"\\{escaped}"))
        at += 2


def _unicode(text: str, code: int, at: int) -> tuple[str, int]:
    """The character of an escape that ends at `at`; halves of a pair that stand alone become U+FFFD."""
    if 0xD800 <= code < 0xDC00 and text.startswith("\\u", at) and (low := _HEX.match(text, at + 2)):
        second = int(low[0], 16)
        if 0xDC00 <= second < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + second - 0xDC00), at + 6
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code), at


def _object(text: str, at: int, depth: int) -> Found:
    fields: dict[str, Any] = {}
    while True:
        at = _skip(text, at)
        first = text[at : at + 1]
        if first == "}":
            return fields, at + 1
        if first == ",":
            at += 1
            continue
        if first != '"':
            return Part(fields), at
        key, at = _string(text, at + 1)
        at = _skip(text, at)
        if isinstance(key, Part) or text[at : at + 1] != ":":
            return Part(fields), at
        value, at = _value(text, at + 1, depth + 1)
        if not (isinstance(value, Part) and key in fields):  # the later one counts, but for a piece
            fields[key] = value
        if isinstance(value, Part):
            return Part(fields), at


def _list(text: str, at: int, depth: int) -> Found:
    items: list[Any] = []
    while True:
        at = _skip(text, at)
        first = text[at : at + 1]
        if first == "]":
            return items, at + 1
        if first == ",":
            at += 1
            continue
        if not first:
            return Part(items), at
        value, at = _value(text, at, depth + 1)
        if isinstance(value, Part) and value.value is None and items and at < len(text):
            items[-1] = Part(items[-1])  # no JSON goes on here: a bare quote may have ended the last one too early
        else:
            items.append(value)
        if isinstance(value, Part):
            return Part(items), at
