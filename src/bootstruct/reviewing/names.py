"""Names of reviewers: which are allowed, and how they are recorded."""

import unicodedata
from typing import Final

from bootstruct.render.sanitize import hides

LONGEST_NAME: Final = 40  # characters


def reviewer_name(text: str) -> str:
    """A reviewer's name as it is recorded, with plain spaces. ValueError says why it is not allowed."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise ValueError("Please give a name.")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"Please give a name of at most {LONGEST_NAME} characters.")
    if hides(name) or any(word in name for word in '/\\?#%:<>"&;,=') or name in (".", ".."):
        raise ValueError("Please give a name of letters, digits, spaces, dots and dashes.")
    return name
