"""How instructions and outputs are typed: marks that tell one careful writer from many people."""

import re

_MARKDOWN = re.compile(r"\*\*|(?<!\w)\*\w[^*\n]*\*|^#+ |^\s*[-*] |^\||```|`[^`\n]+`", re.MULTILINE)


def has_markdown(text: str) -> bool:
    """Whether the text has bold, italics, code, headings, lists or tables in Markdown (numbered lists are plain text too).

    >>> has_markdown("**Three** tins"), has_markdown("- milk"), has_markdown("3 * 4 = 12")
    (True, True, False)
    """
    return _MARKDOWN.search(text) is not None


def lacks_end_mark(text: str) -> bool:
    """Whether the text ends without a full stop, question or exclamation mark, colon or closing quotation mark."""
    return text.rstrip("'\")")[-1:] not in tuple(".?!:")


def starts_lower(text: str) -> bool:
    """Whether the first letter is a small one."""
    return text[:1].islower()
