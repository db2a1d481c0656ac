"""Parse JSON as models write it.

Understood are JSON after a greeting, in a code fence or cut off; comments, single and typographic quotes, raw newlines and
bare quotes in strings; missing commas, and `...` instead of items. One pass, linear in the length of the text, at most
DEEPEST levels deep. Numbers are kept as text, so none is too large.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

DEEPEST = 16  # levels; the schemas have three
PLACES = 8  # places at which JSON is looked for

_LINE_START = r"^[ \t]*+(?:(?:```|~~~)[^\n]*\n\s*+)?(?=[{\[])"
_LIST_START = re.compile(_LINE_START, re.MULTILINE)  # the same as the next one for a text without objects
_START = re.compile(  # JSON begins a line, or an object with a first key follows other words on it
    rf"{_LINE_START}"
    r"|(?<=[^\s\w\"'“{\[,(])[ \t]*(?=\{\s{0,20}[\"'“][^\n\"'”:{]{1,40}[\"'”]\s?[:：])"
    r"|(?<=[^\s\"'“{\[,(])[ \t]?(?=\{\s{0,20}[\"'“](?:tasks|examples|instructions|answers|is_classification)[\"'”])",
    re.MULTILINE,
)
_QUOTES = {  # by the mark that opens a string: what runs on inside it, and marks of which the last may close it
    '"': (re.compile(r'[^"\\]*+'), re.compile('"++')),
    "'": (re.compile(r"[^'\\]*+"), re.compile("'++")),
    "“": (re.compile(r"[^”“\\]*+"), re.compile("[”“]++")),
    "„": (re.compile(r"[^”“\\]*+"), re.compile("[”“]++")),
    "‘": (re.compile(r"[^’\\]*+"), re.compile("’++")),
}
_NO_BLANK = frozenset("\"'[]{},:“‘„")  # with these nothing is to be passed over
_BLANK = re.compile(r"(?:\s++|//[^\n]*+|\#[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)*+")
_ENDS = re.compile(  # what may follow the quote that closes a string; any other quote is part of it
    r"\s*+(?:[,:：，\]}]|\Z|//|/\*|\#\s|\.\.\.)|[ \t]*+\n\s*+[\"“'{\[]"
)
_KEY = re.compile(r"[A-Za-z_][\w-]{0,40}(?=\s{0,9}:)")
_SKIPPED = (",", ".", "…", "，", "、")
_DOTS = re.compile(r",|\.{2,}|…+|[，、]")
_COMMANDS = (  # of LaTeX, that begin as an escape of JSON does
    r"f(?:rac|lat)\b|b(?:eta|ar|inom|egin|ullet|oldsymbol)\b|r(?:ho|ight|angle|ceil|floor)\b|n(?:eq|abla|otin)\b"
    r"|t(?:imes|ext(?:bf|it)?|heta|an|au|riangle)\b"
)
_LATEX = re.compile(_COMMANDS)
_OWN_ESCAPE = re.compile(rf"\\(?:{_COMMANDS}|u[dD][89a-fA-F])")  # read otherwise than by the parser of JSON itself
_WORD = re.compile(r"-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?|[A-Za-z]++")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_NAMED: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}


class JsonNumber(str):
    """A number as its original text."""


@dataclass(frozen=True, slots=True)
class PartialJson:
    """The beginning of a value (None if there is nothing of it), where the text ended or stopped being JSON."""

    value: Any


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_STRICT = json.JSONDecoder(strict=False, parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=_refuse_constant)
ParsedValue = tuple[Any, int]  # a value (str, JsonNumber, bool, None, dict, list or PartialJson) and where it ends


def json_values(text: str) -> Iterator[list[Any]]:
    """Yield the JSON values at each of the first places where JSON may begin: one value, or several in a row."""
    if "{" not in text and "[" not in text:
        return
    done = 0
    strict = _OWN_ESCAPE.search(text) is None  # until it fails: most replies are JSON, and its own parser is fast
    for place in islice((_START if "{" in text else _LIST_START).finditer(text), PLACES):
        if place.end() < done:
            continue  # inside what was read already
        values, at = [], place.end()
        while text.startswith(("{", "["), at):
            whole = _strict_value(text, at) if strict else None
            strict = whole is not None
            value, at = whole or _value(text, at, 0)
            values.append(value)
            if isinstance(value, PartialJson):
                break
            at = _skip(text, at)
            at = _skip(text, at + 1) if text.startswith(",", at) else at
        if not any(isinstance(value, PartialJson) for value in values):
            done = at
        yield values


def _strict_value(text: str, at: int) -> ParsedValue | None:
    """Return an object or a list that is JSON as the standard has it; None if it is not, or is too deep."""
    try:
        value, end = _STRICT.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    return (value, end) if end - at <= 2 * DEEPEST or _levels(value, DEEPEST) <= DEEPEST else None


def _levels(value: Any, most: int) -> int:
    """Return how many levels of objects and lists a value has; no more than one above `most` are looked at."""
    if type(value) not in (dict, list) or most < 0:
        return 0
    inner = value.values() if type(value) is dict else value
    return 1 + max((_levels(entry, most - 1) for entry in inner if type(entry) in (dict, list)), default=0)


def unwrap(value: Any) -> Any:
    """Return the value itself, whole or not."""
    return value.value if isinstance(value, PartialJson) else value


def _skip(text: str, at: int) -> int:
    if text[at : at + 1] in _NO_BLANK:
        return at
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, depth: int) -> ParsedValue:
    at = _skip(text, at)
    first = text[at : at + 1]
    if first in _QUOTES:
        return _string(text, at + 1, first)
    if first in ("{", "[") and depth < DEEPEST:
        return (_object if first == "{" else _list)(text, at + 1, depth)
    if (match := _WORD.match(text, at)) is None:
        return PartialJson(None), at
    word = match[0]
    if word[0].isalpha():
        known = word.lower() in _NAMED
        return (_NAMED[word.lower()], match.end()) if known else (PartialJson(None), at)
    return JsonNumber(word), match.end()


def _string(text: str, at: int, quote: str) -> ParsedValue:
    running, closing = _QUOTES[quote]
    parts: list[str] = []
    while True:
        plain = running.match(text, at)
        assert plain
        parts.append(plain[0])
        at = plain.end()
        if at >= len(text):
            return PartialJson("".join(parts)), at
        if marks := closing.match(text, at):
            parts.append(text[at : marks.end() - 1])
            at = marks.end()
            if _ENDS.match(text, at):
                return "".join(parts), at
            parts.append(text[at - 1])
            continue
        escaped = text[at + 1 : at + 2]
        if _LATEX.match(text, at + 1):  # a command such as \\frac, not a form feed
            parts.append("\\")
            at += 1
            continue
        if escaped == "u" and (code := _HEX.match(text, at + 2)):
            character, at = _unicode(text, int(code[0], 16), at + 6)
            parts.append(character)
            continue
        parts.append(_ESCAPES.get(escaped, f"\\{escaped}"))
        at += 2


def _unicode(text: str, code: int, at: int) -> tuple[str, int]:
    """Return the character of a Unicode escape that ends at `at`; half of a surrogate pair becomes U+FFFD."""
    if 0xD800 <= code < 0xDC00 and text.startswith("\\u", at) and (low := _HEX.match(text, at + 2)):
        second = int(low[0], 16)
        if 0xDC00 <= second < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + second - 0xDC00), at + 6
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code), at


def _object(text: str, at: int, depth: int) -> ParsedValue:
    fields: dict[str, Any] = {}
    while True:
        at = _skip(text, at)
        first = text[at : at + 1]
        if first == "}":
            return fields, at + 1
        if first == "]" and fields:
            return fields, at  # closed by the bracket of the list around it
        if first in _SKIPPED and (skipped := _DOTS.match(text, at)):
            at = skipped.end()
            continue
        if first in _QUOTES:
            key, at = _string(text, at + 1, first)
        elif (name := _KEY.match(text, at)) is not None:
            key, at = name[0], name.end()
        else:
            return PartialJson(fields), at
        at = _skip(text, at)
        if isinstance(key, PartialJson) or text[at : at + 1] not in (":", "："):
            return PartialJson(fields), at
        value, at = _value(text, at + 1, depth + 1)
        if not (isinstance(value, PartialJson) and key in fields):  # the later value wins, unless it is only a part
            fields[key] = value
        if isinstance(value, PartialJson):
            return PartialJson(fields), at


def _list(text: str, at: int, depth: int) -> ParsedValue:
    items: list[Any] = []
    while True:
        at = _skip(text, at)
        first = text[at : at + 1]
        if first == "]":
            return items, at + 1
        if first == "}" and items:
            return items, at  # closed by the brace of the object around it
        if first in _SKIPPED and (skipped := _DOTS.match(text, at)):
            at = skipped.end()
            continue
        if not first:
            return PartialJson(items), at
        value, at = _value(text, at, depth + 1)
        if isinstance(value, PartialJson) and value.value is None and items and at < len(text):
            # This is no JSON: a bare quote may have ended the last item too early.
            items[-1] = PartialJson(items[-1])
        else:
            items.append(value)
        if isinstance(value, PartialJson):
            return PartialJson(items), at
