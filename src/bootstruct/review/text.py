"""Text that a model or a person wrote, made fit to be shown: escaped, and nothing in it can hide or reorder a page."""

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

# Controls, invisible and direction marks. The joiners U+200C and U+200D stay: scripts and emoji need them.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
LONGEST_NAME: Final = 40


def shown(text: str) -> Markup:
    """Escaped; every character that cannot be seen, or that turns its surroundings around, as a visible mark."""
    return Markup(_HIDDEN.sub(_mark, str(escape(text.replace("\r\n", "\n")))))


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    title = unicodedata.name(found[0], "control character").lower()
    return f'<span class="mark" title="{title}">U+{code:04X}</span>'


def hides(text: str) -> bool:
    """True where a text has characters that cannot be seen, or that turn their surroundings around."""
    return _HIDDEN.search(text) is not None or "\n" in text or "\t" in text


def clipped(text: str, most: int) -> str:
    """At most so many characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def reviewer_name(text: str) -> str:
    """A reviewer's name as it is written down: spaces made plain. ValueError says why it cannot be one."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise ValueError("Please give a name.")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"Please give a name of at most {LONGEST_NAME} characters.")
    if hides(name) or any(each in name for each in '/\\?#%:<>"&;,=') or name in (".", ".."):
        raise ValueError("Please give a name of letters, digits, spaces, dots and dashes.")
    return name
