"""Cut the text of a document into passages, at headings, paragraphs and ends of sentences. Pure, linear in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bootstruct.stages.rules import count_words
from bootstruct.types import Passage

LEAST_WORDS: Final = 10  # a passage with fewer says too little to ask about
LONGEST_WORD: Final = 20  # characters that count as one word in strings without blanks, so that these are cut as well
LONGEST_HEADING: Final = 200  # characters of the headings that are kept with a passage
PAGE: Final = "\f"  # ends a page of a document that has pages
_LINE: Final = re.compile(r"[^\n\f]*[\n\f]?")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+([^\n]*)")
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")
_ENDS: Final = tuple(".!?…。！？")
_PIECE: Final = re.compile(
    rf"[^\s。！？]{{1,{LONGEST_WORD}}}[。！？]{{0,9}}|[。！？]{{1,9}}"
)  # words, or parts of long strings


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, a heading or a part of a long paragraph: its span, its words, and the headings above it."""

    start: int
    end: int
    words: int
    heading: str
    is_heading: bool = False
    page: int = 1


def cut_into_passages(document: str, text: str, size: int, has_headings: bool = True) -> tuple[list[Passage], int]:
    r"""Return the passages of a document in order, and how many were left out because they have under 10 words.

    Paragraphs are put together until the next one would make the passage too long. A passage begins anew at a heading
    if it has a quarter of its size by then, and at a new page. A paragraph that is too long alone is cut at an end of a
    sentence, or else between two words. The headings at the beginning of a passage may exceed its size.

    Args:
        document: the document's name.
        text: its text, with `\n` at line ends and `\f` at the end of each page.
        size: the most words of a passage.
        has_headings: whether lines such as `## Leave` are headings, as in Markdown.

    Example:
        >>> text = "# Birds\n\nThe wren is a small brown bird, with a loud song.\n\n" + "It nests in holes. " * 3
        >>> passages, _ = cut_into_passages("birds.md", text, 14)
        >>> [(passage.start, passage.end, passage.heading) for passage in passages]
        [(0, 58, ''), (60, 116, 'Birds')]
    """
    passages, short = list[Passage](), 0
    for blocks in _grouped(_blocks(text, size, has_headings), size):
        start, end = blocks[0].start, blocks[-1].end
        if sum(block.words for block in blocks) < LEAST_WORDS:
            short += 1
            continue
        passages.append(Passage(document, start, end, text[start:end], blocks[0].heading[:LONGEST_HEADING]))
    return passages, short


def _grouped(blocks: Iterator[_Block], size: int) -> Iterator[list[_Block]]:
    """Put blocks together to passages."""
    group, words = list[_Block](), 0
    for block in blocks:
        is_full = words + block.words > size or (group and block.page != group[-1].page)
        is_bare = words < size and all(row.is_heading for row in group)  # a heading stays with what is below it
        if group and not is_bare and (is_full or (block.is_heading and 4 * words >= size)):
            kept = [group.pop()] if len(group) > 1 and group[-1].is_heading and not block.is_heading else []
            yield group
            group, words = kept, sum(row.words for row in kept)
        group.append(block)
        words += block.words
    if group:
        yield group


def _blocks(text: str, size: int, has_headings: bool) -> Iterator[_Block]:
    """Paragraphs and headings in order; a paragraph that is too long comes in several parts."""
    above: list[tuple[int, str]] = []  # (level, heading)
    start, end, page, fence = -1, -1, 1, ""
    has_pages = PAGE in text
    for line in _LINE.finditer(text):
        content = line[0].rstrip("\n\f")
        mark = _FENCE.match(content) if has_headings else None
        found = _HEADING.match(content) if has_headings and not fence else None
        if mark is not None:
            fence = "" if mark[1] == fence else fence or mark[1]
        is_blank = not content.strip()
        if start >= 0 and (is_blank or found is not None):
            yield from _parts(text, start, end, size, _path(above, page if has_pages else 0), page)
            start = -1
        if found is not None:
            level, title = len(found[1]), found[2].strip().rstrip("#").strip()
            above = [row for row in above if row[0] < level]
            yield from _parts(
                text, *_trimmed(text, *line.span()), size, _path(above, page if has_pages else 0), page, True
            )
            above.append((level, title))
        elif not is_blank:
            start = start if start >= 0 else line.start()
            end = line.end()
        if line[0].endswith(PAGE):
            if start >= 0:
                yield from _parts(text, start, end, size, _path(above, page if has_pages else 0), page)
                start = -1
            page += 1
    if start >= 0:
        yield from _parts(text, start, end, size, _path(above, page if has_pages else 0), page)


def _path(above: list[tuple[int, str]], page: int) -> str:
    return " > ".join(title for _, title in above if title) or (f"page {page}" if page else "")


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return start, end


def _parts(
    text: str, start: int, end: int, size: int, heading: str, page: int, is_heading: bool = False
) -> Iterator[_Block]:
    """A paragraph as blocks of at most `size` words."""
    start, end = _trimmed(text, start, end)
    words, part = 0, start
    last, words_then = -1, 0  # the last end of a sentence in this part
    for piece in _PIECE.finditer(text, start, end):
        more = count_words(piece[0], "any script")
        while words and words + more > size:
            place = last if last > part else piece.start()
            yield _Block(*_trimmed(text, part, place), words_then if last > part else words, heading, is_heading, page)
            words, part = (words - words_then if last > part else 0), place
            last, words_then = -1, 0
        words += more
        if piece[0].rstrip("\"'”’)").endswith(_ENDS):
            last, words_then = piece.end(), words
    if words:
        yield _Block(*_trimmed(text, part, end), words, heading, is_heading, page)
