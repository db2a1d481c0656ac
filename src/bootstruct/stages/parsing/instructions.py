"""Parse instructions from free text: markers at line starts only, in any case and the usual shapes.

Repairs of faults of the released code, each with a test: case is kept; a truncated reply loses only its last item;
"10)", "Task 10:", bullets, code fences and chat preambles are understood. Instances are parsed in `instances.py`, task
types in `task_types.py`.
"""

import re

from bootstruct.stages.parsing.cleanup import (
    CLOSING_REMARK,
    CUT_OFF,
    GREETING,
    INPUT,
    OUTPUT,
    Marker,
    clean_reply,
    means_no_input,
    split_after,
    without_layout,
)
from bootstruct.stages.parsing.refusals import is_refusal
from bootstruct.types import Candidate, Reply

FARTHEST_SKIP = 20  # a number further ahead of the list than this is text ("2016. The year ..."), not a marker
DEEPER = 2  # columns by which a marker must be indented to belong to a list inside an item

REFUSED = "refusal"  # the rule under which a reply is rejected that declines to write tasks
_REPEATED_HEADER = re.compile(
    r"[^\n]*\bseries of\b[^\n]*\btasks\b[^\n]*:", re.IGNORECASE
)  # the header of the prompt, repeated
_NUMBERED = re.compile(
    r"^(?P<indent>[ \t>]*+)(?:\#{1,6}+[ \t]*+)?(?:[*_]{1,2})?(?P<word>(?:task|instruction|question|aufgabe|tarea|tarefa|tâche"
    r"|compito|opgave|zadanie|задание|задача|问题|任务|题目|問題|タスク|과제|문제)[ \t]*+(?:\#[ \t]*+)?|第)?"
    r"(?P<open>[(\[])?(?P<number>\d{1,5}|[①-⑳🔟]|[一二三四五六七八九十](?=[、．]))[ \t]*+"
    r"(?:(?:(?<=[①-⑳🔟])|(?<=[①-⑳🔟][ \t]))(?=[^\d\s])|题[:：]?"
    r"|\\?[.)\]:](?:[*_]{1,2})?(?=\s|[^\d\s]|\Z)|[、．）：]|\ufe0f?\u20e3|-(?=[ \t]++\D)"
    r"|[*_]{1,2}[.):]?(?=\s)|(?(word)(?=\n|\Z)|(?!)))[ \t]*+",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"^(?P<indent>[ \t]*)[-*•‣–][ \t]+", re.MULTILINE)
_ANSWERS = re.compile(
    r"^[ \t]*+\#{1,6}+[ \t]*+(?:response|answers?|output|solutions?)[ \t]*+:?[ \t]*+$", re.IGNORECASE | re.MULTILINE
)
_CIRCLED = (
    {chr(ord("①") + n): n + 1 for n in range(20)}
    | {"🔟": 10}
    | {word: n for n, word in enumerate("一二三四五六七八九十", 1)}
)
_INLINE = re.compile(r"(?<=\S)[ \t]++\(?(?P<number>\d{1,3})[.)][ \t]++(?=[^\s\d])")
_LETTERED = re.compile(r"^(?P<indent>[ \t]*)\(?(?P<letter>[a-z]|[ivx]{1,5})[.)][ \t]+", re.IGNORECASE | re.MULTILINE)
_CHECKBOX = re.compile(r"\[[ xX]?\][ \t]+")
_PREFIX = re.compile(
    r"(?:task|instruction|question|prompt|aufgabe|tarea|tâche)[ \t]*(?:\#?\d{1,3})?[ \t]*:[ \t]+(?=\S)", re.IGNORECASE
)
_OWN_ANSWER = re.compile(r"^[ \t]*[*_]{0,2}(?:answer|response|solution)[*_]{0,2}[ \t]*:", re.IGNORECASE | re.MULTILINE)
_LETTER = re.compile(r"[^\W_]")  # or a digit
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LEADING_BOLD = re.compile(r"\A\*\*(?=[^\s*])(.+?)(?<=[^\s*])\*\*")
_QUOTES = ('""', "“”", "‘’", "''", "«»", "「」", "**", "__")  # pairs that may wrap an item; * and _ count as ** and __


def parse_instructions(reply: Reply, opened: int | None) -> list[Candidate]:
    """Return the candidate instructions of a reply, in order.

    Args:
        reply: the model's reply.
        opened: the number that the prompt ended with ("9."), so that the reply begins inside an item; None if the reply
            stands alone (chat), so that text before the first marker is a preamble.
    """
    text = without_layout(clean_reply(reply.text))
    text = _ANSWERS.split(text, maxsplit=1)[0] if _ANSWERS.match(text) is None else text
    parts = _items(text, opened)
    if len(parts) == 1 and is_refusal(parts[0]):
        return [Candidate(_one_line(parts[0]), REFUSED)]
    lines = {part: Candidate(item) for part in dict.fromkeys(parts) if (item := _one_line(part))}  # equal parts once
    candidates = [lines[part] for part in parts if part in lines]
    if reply.is_cut and candidates and parts[-1].strip():
        candidates[-1] = Candidate(candidates[-1].text, CUT_OFF)
    return candidates


def _items(text: str, opened: int | None) -> list[str]:
    """Split a list into its raw items."""
    markers = _chain(_outermost(list(_NUMBERED.finditer(text))), text, opened)
    if not markers:
        markers = _outermost(list(_BULLET.finditer(text)))
        if markers and opened is not None and text[: markers[0].start()].rstrip().endswith(":"):
            markers = []  # the only item announces a list
    if not markers:
        markers = _lettered(text)
    if not markers:
        return split_inline(_unmarked(text, opened), opened)
    items = [("**" if marker[0].count("**") % 2 else "") + item for marker, item in split_after(markers, text)]
    lead = text[: markers[0].start()]
    if opened is not None and not _is_preamble(lead, markers[0], opened):
        items.insert(0, lead)
    items[-1] = _without_closing_remark(items[-1])
    return split_inline(items, _number(markers[0]) if len(items) == 1 else None) if len(items) < 3 else items


def _number(marker: Marker) -> int:
    """Return the number of a marker; 0 if it has none."""
    written = marker.groupdict().get("number") or "0"
    return _CIRCLED[written] if written in _CIRCLED else int(written)


def _lettered(text: str) -> list[Marker]:
    """Return the markers a), b), c) or I., II., III. if every line has one."""
    markers = list(_LETTERED.finditer(text))
    if len(markers) < 2:
        return []
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    return markers if len(markers) == lines else []


def split_inline(items: list[str], opened: int | None) -> list[str]:
    """Split items in which a list runs on without new lines: "Name a bird. 10. Name a fish. 11. ...".

    Args:
        items: texts, each perhaps with its own number before it.
        opened: the number that the prompt ended with; None if there is none.
    """
    parts = {item: _split_inline(item, opened) for item in dict.fromkeys(items)}  # equal items once
    return [part for item in items for part in parts[item]]


def _split_inline(item: str, opened: int | None) -> list[str]:
    chain: list[Marker] = []
    first = _NUMBERED.match(item)
    wanted = _number(first) + 1 if first else opened + 1 if opened is not None else None
    ends = 0  # markers of the chain that follow the end of a sentence
    for marker in _INLINE.finditer(item):
        number = int(marker["number"])
        if number != wanted and not (wanted is None and number in (1, 2)):
            continue
        before = item[marker.start() - 1]  # no blank: a marker begins after one that is none
        if number == wanted or before in ".?!:;。？！\"')”":
            chain.append(marker)
            wanted = number + 1
            ends += before in ".?!。？！\"')”"
    if not chain or (ends < len(chain) and len(chain) < 2):
        return [item]
    return [item[first.end() if first else 0 : chain[0].start()], *(rest for _, rest in split_after(chain, item))]


def _unmarked(text: str, opened: int | None) -> list[str]:
    """Return the items of a reply without any marker: the item that the prompt opened, or else every line."""
    if opened is not None:
        return [_without_closing_remark(text)]
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and (lines[0].rstrip().endswith(":") or GREETING.match(f"{lines[0]}\n\n")):
        del lines[0]
    while len(lines) > 1 and CLOSING_REMARK.match(lines[-1].lstrip()):
        del lines[-1]
    return lines


def _is_preamble(lead: str, first: Marker, opened: int) -> bool:
    """Return whether the text before the first marker is a preamble, not an item that the list goes on from."""
    if not lead.strip():
        return True
    number = _number(first) if "number" in first.groupdict() else opened
    apart = number == opened and _BLANK_LINE.search(lead) is not None
    return number != opened + 1 and (apart or lead.rstrip().endswith(":"))


def _without_closing_remark(item: str) -> str:
    """Drop the lines after an item in which the model addresses its reader."""
    first, *lines = item.split("\n")
    if not first.strip():
        return item
    end = next((n for n, line in enumerate(lines) if line and CLOSING_REMARK.match(line.lstrip())), len(lines))
    return "\n".join([first, *lines[:end]])


def _outermost(markers: list[Marker]) -> list[Marker]:
    """Drop the markers of lists inside an item, which are indented further."""
    columns = [len(marker["indent"].expandtabs(4)) for marker in markers]
    deep = min(columns, default=0) + DEEPER
    return [marker for marker, column in zip(markers, columns, strict=True) if column < deep]


def _chain(found: list[Marker], text: str, opened: int | None) -> list[Marker]:
    """Return the markers of the outer list.

    Numbers that start again below the last one belong to a list inside an item, or restart the count (`_restarts`). A
    reply that never continues the number at the end of the prompt counts from its own first number.
    """
    numbers = [_number(marker) for marker in found]
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
            if number not in (1, opened) or not _restarts(before, resumed):
                continue
        chain.append(marker)
        last = number
    return chain


def _restarts(before: str, resumed: bool) -> bool:
    """Return whether a first number after the item `before` starts a new list, rather than one inside that item.

    An item that ends with a colon announces a list of its own; so does one after which the outer count is resumed.
    """
    head, *rest = _BLANK_LINE.split(before, maxsplit=1)
    if _REPEATED_HEADER.fullmatch(head.strip()):
        return True
    return not head.rstrip("*_ \t\n").endswith(":") and (bool(rest) or not resumed)


def _one_line(part: str) -> str:
    """Return an item on one line. Text after a blank line is dropped, unless the item announces something (":")."""
    part = part.strip()
    if not (head := _BLANK_LINE.split(part, maxsplit=1)[0]).rstrip().endswith(":"):
        part = head
    for pattern in (OUTPUT, _OWN_ANSWER):
        if (answer := pattern.search(part)) and answer.start():
            part = part[: answer.start()]
    if (given := INPUT.search(part)) and given.start() and means_no_input(part[given.end() :]):
        part = part[: given.start()]
    line = (
        _CHECKBOX.sub("", " ".join(part.split()), count=1) if part.lstrip().startswith("[") else " ".join(part.split())
    )
    line = _PREFIX.sub("", line, count=1) if _PREFIX.match(line) else line
    line = _LEADING_BOLD.sub(r"\1", line).removeprefix("**").strip()
    for mark in _QUOTES:
        if len(line) > 2 and line[0] + line[-1] == mark[0] + mark[-1] and not any(c in line[1:-1] for c in mark):
            line = line[1:-1].strip()
    return line if _LETTER.search(line) and not _REPEATED_HEADER.fullmatch(line) else ""


def reads_as_list(reply: Reply) -> bool:
    """Return whether a reply is a list of several items: numbered, bulleted, or in one line."""
    text = without_layout(clean_reply(reply.text))
    numbered = _chain(_outermost(list(_NUMBERED.finditer(text))), text, None)
    if len(numbered) > 1 or len(list(_BULLET.finditer(text))) > 1 or _lettered(text):
        return True
    return len(split_inline([text], None)) > 1
