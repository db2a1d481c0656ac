"""The text of a web page, with its headings written as in Markdown. Nothing in the page is run or fetched.

Python's own parser takes a time that grows with the square of some broken pages, so pages of strangers are cut into
tags and text here, in linear time.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

_RAW: Final = {
    "script",
    "style",
    "title",
    "textarea",
    "iframe",
    "noscript",
    "template",
    "svg",
    "math",
}  # up to the end tag
_ASIDE: Final = {"nav", "footer", "form", "select", "head"}  # parts of pages that are no text of the document
_BLOCKS: Final = {
    *("p", "div", "section", "article", "main", "header", "aside", "ul", "ol", "dl", "dt", "dd", "table", "blockquote"),
    *(
        "figure",
        "figcaption",
        "hr",
        "pre",
        "details",
        "summary",
        "address",
        "caption",
        "thead",
        "tbody",
        "body",
        "html",
    ),
}
_HEADINGS: Final = {f"h{level}": f"{'#' * level} " for level in range(1, 7)}
_BEFORE: Final = {"li": "\n- ", "br": "\n", "tr": "\n", "td": " | ", "th": " | "}
_BLANKS: Final = re.compile(r"[ \t\r\n\f]+")
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+>")
_NAME: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_LONGEST_TAG: Final = (
    1000  # characters in which quotation marks are minded, so that one that is never closed costs no more
)
_BREAK: Final = "\0"


def html_to_text(page: str) -> str:
    r"""Return the text of a web page: paragraphs with a blank line between them, headings as lines that begin with `#`.

    Scripts, styles, navigation, forms, footers and comments are left out.

    Example:
        >>> html_to_text("<title>x</title><h2>Leave</h2><p>Ask <b>two</b> weeks ahead.</p><script>alert(1)</script>")
        '## Leave\n\nAsk two weeks ahead.'
    """
    pieces, is_open = _pieces_of_text(page, _ASIDE)
    if is_open:  # an element that is never closed would hide the rest of the page
        pieces, _ = _pieces_of_text(page, set())
    paragraphs = (part.strip() for part in "".join(pieces).split(_BREAK))
    return "\n\n".join(part for part in paragraphs if part.strip("# \n"))


def _pieces_of_text(page: str, skipped: set[str]) -> tuple[list[str], bool]:
    """The pieces of a page, and whether it ends inside an element that is left out."""
    pieces, inside, depth, verbatim = list[str](), "", 0, 0
    for text, closes, tag in _tags(page):
        if inside:
            depth += (tag == inside) * (-1 if closes else 1)
            inside = inside if depth else ""
            continue
        if text:
            text = _unescaped(text).replace(_BREAK, " ")
            pieces.append(text if verbatim else _BLANKS.sub(" ", text))
        if tag in skipped and not closes:
            inside, depth = tag, 1
        elif tag in _HEADINGS:
            pieces.append(_BREAK if closes else _BREAK + _HEADINGS[tag])
        elif tag in _BLOCKS:
            pieces.append(_BREAK)
            verbatim = max(0, verbatim + (-1 if closes else 1)) if tag == "pre" else verbatim
        elif tag in _BEFORE and not closes:
            pieces.append(_BEFORE[tag])
    return pieces, bool(inside)


def _tags(page: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (text before a tag, whether it is an end tag, its name); the name is empty for comments and at the end."""
    place, lower = 0, page.lower()
    if len(lower) != len(page):  # a few letters have a longer small form
        lower = page
    while (start := page.find("<", place)) >= 0:
        found = _NAME.match(page, start)
        end, closes, tag = start, False, ""
        if found is not None:
            whole = _TAG.match(page, start, start + _LONGEST_TAG)
            end = whole.end() if whole else page.find(">", start) + 1
            closes, tag = bool(found[1]), found[2].lower()
        elif page.startswith("<!--", start):
            end = page.find("-->", start) + 3
            end = end if end > 2 else -1
        elif page.startswith(("<!", "<?", "</"), start):
            end = page.find(">", start) + 1
        else:  # a bare `<`
            yield page[place : start + 1], False, ""
            place = start + 1
            continue
        yield page[place:start], closes, tag
        if end <= start:  # never closed: the rest is no text
            return
        if tag in _RAW and not closes:
            end = lower.find(f"</{tag}", end)
            if end < 0:
                return
        place = end
    yield page[place:], False, ""


def _unescaped(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:  # a number with thousands of digits
        return text
