"""Measure how instructions and outputs are typed, by marks that distinguish one careful writer from many people."""

import re

_MARKDOWN = re.compile(r"\*\*|(?<!\w)\*\w[^*\n]*\*|^#+ |^\s*[-*] |^\||```|`[^`\n]+`", re.MULTILINE)


def has_markdown(text: str) -> bool:
    """Return whether the text has bold, italics, code, headings, lists or tables in Markdown.

    Numbered lists do not count, because they are also plain text.

    >>> has_markdown("**Three** tins"), has_markdown("- milk"), has_markdown("3 * 4 = 12")
    (True, True, False)
    """
    return _MARKDOWN.search(text) is not None


def lacks_end_mark(text: str) -> bool:
    """Return whether the text ends without a full stop, question or exclamation mark, colon or closing quotation mark."""
    return text.rstrip("'\")")[-1:] not in tuple(".?!:")


def starts_lower(text: str) -> bool:
    """Return whether the first letter is a lower-case letter."""
    return text[:1].islower()
