"""Reading replies as models write them: markers at line starts only, in any case and any of the usual shapes.

Repairs of the released code's faults (each has a test): case is kept; a truncated reply loses its last item only;
"10)", "Task 10:", bullets, code fences and chat preambles are understood. Instances are read in `read_instances`.
"""

import re

from bootstruct.domain import Candidate, Reply
from bootstruct.stages.read_instances import instances
from bootstruct.stages.said import (
    CHATTER,
    CUT_OFF,
    FENCE,
    INPUT,
    OPENING,
    OUTPUT,
    RULER,
    Marker,
    after_each,
    said,
    says_none,
)

__all__ = ["CUT_OFF", "instances", "instructions", "is_classification"]

FARTHEST_SKIP = 20  # a number this far ahead of the list is text ("2016. The year ..."), not a marker
DEEPER = 2  # columns by which a marker must be indented to belong to a list inside an item

_ECHO = re.compile(r"[^\n]*\bseries of\b[^\n]*\btasks\b[^\n]*:", re.IGNORECASE)  # the head of the prompt, begun again
_NUMBERED = re.compile(
    r"^(?P<indent>[ \t>]*+)(?:\#{1,6}+[ \t]*+)?(?:[*_]{1,2})?(?P<word>(?:task|instruction|question)[ \t]*+(?:\#[ \t]*+)?)?"
    r"(?P<open>[(\[])?(?P<number>\d{1,5})[ \t]*+"
    r"(?:\\?[.)\]:](?:[*_]{1,2})?(?=\s|[^\d\s]|\Z)|[、．）：]|\ufe0f?\u20e3|-(?=[ \t]++\D)"
    r"|[*_]{1,2}[.):]?(?=\s)|(?(word)(?=\n|\Z)|(?!)))[ \t]*+",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"^(?P<indent>[ \t]*)[-*•‣–][ \t]+", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LEADING_BOLD = re.compile(r"\A\*\*(?=[^\s*])(.+?)(?<=[^\s*])\*\*")
_QUOTES = (
    '""',
    "“”",
    "‘’",
    "''",
    "«»",
    "「」",
    "**",
    "__",
)  # what an item may be wrapped in; ** and __ for * and _, too
_WORD = re.compile(r"[^\W\d_]+")
_ANSWERS = re.compile(
    r"(?:^|[,;])[ \t>*_(#-]*+(?:task[ \t]++)?\#?(\d{1,4})[ \t]*+[.):=–-]*+[ \t]*+[*_]{0,2}(yes|no)\b", re.IGNORECASE
)


def instructions(reply: Reply, opened: int | None) -> list[Candidate]:
    """The candidate instructions of a reply, in order.

    opened: the number the prompt ended with ("9."), so that the reply begins inside an item; None where the reply is an
    answer of its own (chat), so that text before the first marker is a preamble.
    """
    text = RULER.sub("", FENCE.sub("", said(reply.text))).strip("\n")
    parts = _items(text, opened)
    found = [Candidate(item) for part in parts if (item := _one_line(part))]
    if reply.is_cut and found and parts[-1].strip():
        found[-1] = Candidate(found[-1].text, CUT_OFF)
    return found


def _items(text: str, opened: int | None) -> list[str]:
    """The raw items of a list."""
    markers = _chain(_outermost(list(_NUMBERED.finditer(text))), text, opened)
    if not markers:
        markers = _outermost(list(_BULLET.finditer(text)))
        if markers and opened is not None and text[: markers[0].start()].rstrip().endswith(":"):
            markers = []  # the one item there is announces a list
    if not markers:
        return _unmarked(text, opened)
    items = [("**" if marker[0].count("**") % 2 else "") + item for marker, item in after_each(markers, text)]
    lead = text[: markers[0].start()]
    if opened is not None and not _is_preamble(lead, markers[0], opened):
        items.insert(0, lead)
    items[-1] = _without_chatter(items[-1])
    return items


def _unmarked(text: str, opened: int | None) -> list[str]:
    """The items of a reply without any marker: the item that the prompt opened, or else every line."""
    if opened is not None:
        return [_without_chatter(text)]
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and (lines[0].rstrip().endswith(":") or OPENING.match(f"{lines[0]}\n\n")):
        del lines[0]
    while len(lines) > 1 and CHATTER.match(lines[-1].lstrip()):
        del lines[-1]
    return lines


def _is_preamble(lead: str, first: Marker, opened: int) -> bool:
    """Is the text before the first marker no item? It is one where the list goes on from it."""
    if not lead.strip():
        return True
    number = int(first["number"]) if "number" in first.groupdict() else opened
    apart = number == opened and _BLANK_LINE.search(lead) is not None
    return number != opened + 1 and (apart or lead.rstrip().endswith(":"))


def _without_chatter(item: str) -> str:
    """An item without what the model says to its reader on the lines after it."""
    first, *lines = item.split("\n")
    end = next((n for n, line in enumerate(lines) if first.strip() and CHATTER.match(line.lstrip())), len(lines))
    return "\n".join([first, *lines[:end]])


def _outermost(markers: list[Marker]) -> list[Marker]:
    """Without the markers of lists inside an item, which stand deeper."""
    columns = [len(marker["indent"].expandtabs(4)) for marker in markers]
    deep = min(columns, default=0) + DEEPER
    return [marker for marker, column in zip(markers, columns, strict=True) if column < deep]


def _chain(found: list[Marker], text: str, opened: int | None) -> list[Marker]:
    """The markers of the outer list. Numbers that start again below the last one belong to a list inside an item, or
    begin the count anew (`_begins_anew`).

    A reply that never takes up the number it was opened with counts in its own way, from wherever it starts.
    """
    numbers = [int(marker["number"]) for marker in found]
    last_place = {number: place for place, number in enumerate(numbers)}
    taken_up = opened is not None and not {opened, opened + 1}.isdisjoint(numbers)
    if taken_up and opened is not None and set(range(1, opened + 1)) <= set(numbers):
        taken_up = False  # its own list, from 1 past that number
    last = opened if taken_up else None
    chain: list[Marker] = []
    for place, (marker, number) in enumerate(zip(found, numbers, strict=True)):
        if number > FARTHEST_SKIP + (last or 0):
            continue
        if last is not None and number < last:
            before = text[found[place - 1].end() if place else 0 : marker.start()]
            resumed = last_place.get(last + 1, -1) > place
            if number not in (1, opened) or not _begins_anew(before, resumed):
                continue
        chain.append(marker)
        last = number
    return chain


def _begins_anew(before: str, resumed: bool) -> bool:
    """Does a first number after the item `before` begin a new list, rather than one inside that item?

    An item that ends with a colon announces a list of its own; so does one after which the outer count is resumed.
    """
    head, *rest = _BLANK_LINE.split(before, maxsplit=1)
    if _ECHO.fullmatch(head.strip()):
        return True
    return not head.rstrip("*_ \t\n").endswith(":") and (bool(rest) or not resumed)


def _one_line(part: str) -> str:
    """An item as one line. What follows a blank line is chatter, unless the item announced something (":")."""
    part = part.strip()
    if not (head := _BLANK_LINE.split(part, maxsplit=1)[0]).rstrip().endswith(":"):
        part = head
    if (answer := OUTPUT.search(part)) and answer.start():
        part = part[: answer.start()]
    if (given := INPUT.search(part)) and given.start() and says_none(part[given.end() :]):
        part = part[: given.start()]
    line = _LEADING_BOLD.sub(r"\1", " ".join(part.split())).removeprefix("**").strip()
    for mark in _QUOTES:
        if len(line) > 2 and line[0] + line[-1] == mark[0] + mark[-1] and not any(c in line[1:-1] for c in mark):
            line = line[1:-1].strip()
    return line if any(each.isalnum() for each in line) and not _ECHO.fullmatch(line) else ""


def is_classification(reply: Reply) -> bool:
    """True iff the first word that is yes or no, in any case, is yes. All else counts as no (section 2.2)."""
    words = (word.lower() for word in _WORD.findall(said(reply.text)))
    return next((word for word in words if word in ("yes", "no")), "no") == "yes"


def kinds(reply: Reply, count: int) -> list[tuple[int | None, bool | None]]:
    """(number, is it classification) of each answer in a reply about `count` tasks: "3. Yes", or "3. the task ... Yes".

    Without numbers: so many lines, each of which begins with yes or no.
    """
    text = said(reply.text)
    lines = [line for line in text.split("\n") if line.strip()]
    found: list[tuple[int | None, bool | None]] = []
    for line in lines:
        if at_once := _ANSWERS.findall(line):
            found += [(int(number), word.lower() == "yes") for number, word in at_once]
        elif (numbered := _NUMBERED.match(line)) and (last := _WORD.findall(line)[-1:]):
            found.append((int(numbered["number"]), {"yes": True, "no": False}.get(last[0].lower())))
    first = [(_WORD.findall(line)[:1] or [""])[0].lower() for line in lines]
    if not found and len(first) == count and all(word in ("yes", "no") for word in first):
        return [(place, word == "yes") for place, word in enumerate(first, 1)]
    return found
