"""Text that a model wrote, made fit to be shown: nothing in it can hide, reorder its surroundings, or break a page."""

import json
import re
from typing import Any

_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, but no tab, newline or return
    "\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"  # line separators, direction overrides, annotations
    "\ud800-\udfff]"  # halves of characters
)
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_UNSAFE = re.compile("[<>&\u2028\u2029]")


def visible(text: str) -> str:
    """Control characters, direction overrides and broken halves of characters as visible marks; all else as it is."""
    return _CONTROL.sub(_mark, text.replace("\r\n", "\n")) if not text.isascii() or not text.isprintable() else text


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(0x2400 + code) if code < 0x20 else f"[U+{code:04X}]"


def clip(text: str, most: int) -> str:
    """At most so many characters, saying how many are left out."""
    return text if len(text) <= most else f"{text[:most]} […, {len(text) - most:,} more characters]"


def in_script(value: Any) -> str:
    """JSON that can stand in a script element of any page: no character of it can end the element or a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: _IN_SCRIPT[found[0]], text)
