"""Texts that a spreadsheet would compute as formulas, made safe in CSV files and restored on reading. Pure."""

import re
from typing import Final

_BEGINS_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: full width
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?")


def guarded(text: str) -> str:
    """Return a text as a spreadsheet shows it: led by an apostrophe if it would be computed as a formula.

    Numbers stay as they are. A text that begins with apostrophes before such a sign gets one more, so that `unguarded`
    gives back every text.

    Example:
        >>> guarded("=1+1"), guarded("-5"), guarded("- a list")
        ("'=1+1", '-5', "'- a list")
    """
    return f"'{text}" if _BEGINS_FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return text[1:] if text[:1] == "'" and _BEGINS_FORMULA.match(text) else text
