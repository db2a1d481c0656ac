"""The only sanitizer, which makes text from models, files, servers and people safe to show.

Sanitized text cannot hide, reorder its surroundings, move a cursor or break a page. `visible` is for terminals and plain
text, `escaped` for HTML, `in_script` for JSON inside a script element; all of them share one table of hidden
characters.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape

# Controls (except tab and newline), invisible characters and direction marks, unpaired surrogates, tags. The joiners U+200C
# and U+200D stay: scripts and emoji need them. So does one variation selector behind a character; further ones choose nothing
# and can hide a text.
HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]|(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_IN_SCRIPT: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_UNSAFE: Final = re.compile("[<>&\u2028\u2029]")


def visible(text: str) -> str:
    r"""Plain text in which every hidden character is a visible mark; tabs and newlines stay.

    Example:
        >>> visible("a\x1b[31m\u202eb\u200b")
        'a␛[31m[U+202E]b[U+200B]'
    """
    if text.isascii() and text.isprintable():
        return text
    return HIDDEN.sub(_plain_mark, text.replace("\r\n", "\n"))


def escaped(text: str) -> Markup:
    r"""Text as HTML: escaped, with every hidden character as a marked span with its name.

    Example:
        >>> print(escaped("<b>\u200b"))
        &lt;b&gt;<span class="mark" title="zero width space">U+200B</span>
    """
    return Markup(HIDDEN.sub(_html_mark, str(escape(text.replace("\r\n", "\n")))))


def in_script(value: Any) -> str:
    """JSON that can stand in a script element of any page: no character of it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: _IN_SCRIPT[found[0]], text)


def in_json_line(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    r"""A value as one line of JSON in which no character is hidden; a reader gets the value unchanged.

    Args:
        value: the value.
        default: makes a plain value of one that JSON has no form for.

    Example:
        >>> print(in_json_line({"a": "\u202eé"}))
        {"a": "\u202eé"}
    """
    return HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(value, ensure_ascii=False, default=default))


def hides(text: str) -> bool:
    """Whether a text has hidden characters, tabs or newlines."""
    return HIDDEN.search(text) is not None or "\n" in text or "\t" in text


def clip(text: str, most: int) -> str:
    """The text, cut to this number of characters, with a note of how many are left out.

    Example:
        >>> clip("abcdef", 3)
        'abc […, 3 more characters]'
    """
    return text if len(text) <= most else f"{text[:most]} […, {len(text) - most:,} more characters]"


def one_line(text: str, most: int) -> str:
    """The text on one line, cut to this number of characters, with an ellipsis if something is left out.

    Example:
        >>> one_line("a  line   and another", 10)
        'a line an…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _plain_mark(found: re.Match[str]) -> str:
    return _plain_mark_of(found[0])


@lru_cache(maxsize=512)
def _plain_mark_of(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(0x2400 + code) if code < 0x20 else f"[U+{code:04X}]"


def _html_mark(found: re.Match[str]) -> str:
    return _html_mark_of(found[0])


@lru_cache(maxsize=512)
def _html_mark_of(character: str) -> str:
    code = ord(character)
    title = unicodedata.name(character, "control character").lower()
    return f'<span class="mark" title="{title}">U+{code:04X}</span>'
