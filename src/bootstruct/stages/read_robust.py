"""Reading replies as models write them: markers at line starts only, in any case and any of the usual shapes.

Repairs of the released code's faults (each has a test): case is kept; a truncated reply loses its last item only;
"10)", "Task 10:", bullets, code fences and chat preambles are understood; an answer may hold the word "Example" or a
second "Output:"; of conflicting instances only those that conflict go.
"""

import re
from bisect import bisect_left
from collections import Counter

from bootstruct.domain import Candidate, Instance, Refused, Reply
from bootstruct.stages.read_original import Read, broken
from bootstruct.stages.rules import count_words

CUT_OFF = "cut off"
FARTHEST_SKIP = 20  # a number this far ahead of the list is text ("2016. The year ..."), not a marker
DEEPER = 2  # columns by which a marker must be indented to belong to a list inside an item
LEAST_SALVAGED_WORDS = 20

Marker = re.Match[str]

_END_TOKEN = re.compile(r"<\|(?:endoftext|end_of_text|im_end|eot_id|end)\|>|<end_of_turn>|</s>\s*\Z")
_OPENING = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|ok|great|here(?:'s|’s| is| are| you)|below (?:is|are)|"
    r"(?:i'm |i’m |i'd be )?happy to)\b[^\n]*\n",
    re.IGNORECASE,
)
_CHATTER = re.compile(
    r"\(?(?:let me know|i hope|hope (?:this|these|that)|feel free|would you like|if you(?:'d| would) like|note:|"
    r"these (?:new )?(?:tasks|examples|instructions))\b[^\n]*",
    re.IGNORECASE,
)
_ABOUT_EXAMPLES = re.compile(r"\b(?:examples?|instances)\b", re.IGNORECASE)
_ECHO = re.compile(r"[^\n]*\bseries of\b[^\n]*\btasks\b[^\n]*:", re.IGNORECASE)  # the head of the prompt, begun again
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_RULER = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|={3,})[ \t]*$", re.MULTILINE)
_NUMBERED = re.compile(
    r"^(?P<indent>[ \t>]*+)(?:\#{1,6}+[ \t]*+)?(?:[*_]{1,2})?(?P<word>(?:task|instruction|question)[ \t]*+(?:\#[ \t]*+)?)?"
    r"(?P<open>[(\[])?(?P<number>\d{1,5})[ \t]*+"
    r"(?:\\?[.)\]:](?:[*_]{1,2})?(?=\s|[^\d\s]|\Z)|[、．）：]|\ufe0f?\u20e3|-(?=[ \t]++\D)"
    r"|[*_]{1,2}[.):]?(?=\s)|(?(word)(?=\n|\Z)|(?!)))[ \t]*+",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"^(?P<indent>[ \t]*)[-*•‣–][ \t]+", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LEADING_BOLD = re.compile(r"\A(\*\*|__)(?=[^\s*_])(.+?)(?<=[^\s*_])\1")
_QUOTES = ('""', "“”", "‘’", "''", "«»", "「」", "**", "__")
_WORD = re.compile(r"[^\W\d_]+")
_LIST_NUMBER = re.compile(r"[ \t]*+\d{1,3}[.)]")
_WHOLE = re.compile(
    r"[.!?…؟।][\"'”’)\]]*(?=\s|\Z)|[。！？][」』”’）]*|^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+[^\s][^\n]*(?=\n)",
    re.MULTILINE,
)

_PREFIX = r"^[ \t]*+(?:[-•>][ \t]++|\d{1,2}[.)][ \t]++)?(?:[*_#]++[ \t]*+)?"
_COLON = r"[*_]*+[ \t]*+[:：][ \t]*+[*_]*+[ \t]*+"


def _field(name: str) -> re.Pattern[str]:
    """A field marker at the start of a line: "Output:", "**Output 2:**", "- output:", "### Output" ..."""
    bare = rf"^[ \t]*+(?:\#{{1,6}}[ \t]++[*_]*+|[*_]{{2}}){name}[ \t]*+\d*+[*_]*+[ \t]*+(?=\n|\Z)"
    return re.compile(rf"{_PREFIX}{name}[ \t]*+\d*+{_COLON}|{bare}", re.IGNORECASE | re.MULTILINE)


_OUTPUT = _field(r"(?:example[ \t]++)?output")
_INPUT = _field(r"(?:example[ \t]++)?input")
_LABEL = _field(r"class[ \t]++label")
_SHORT_LABEL = _field("label")
_NAMED = re.compile(r"[ \t]*(?P<name>[^\W\d_][\w ]{0,30}):", re.IGNORECASE)
_INLINE_INPUT = re.compile(
    r"(?<![ \t])[ \t]*+(?:[|,;–—-][ \t]++|(?<=[ \t]))[*_]*+input[*_]*+[ \t]*+[:：][*_]*+[ \t]*+", re.IGNORECASE
)
_EXAMPLE = re.compile(
    r"^[ \t]*+[*_#]*+[ \t]*+example[ \t]*+\#?+(?P<number>\d{0,4}+)[ \t]*+[.:)]*+[*_]*+[.:]?+[ \t]*+"
    r"(?:(?=\n|\Z)|(?<=[\d.:)* \t])(?=(?P<title>[^\n])))",
    re.IGNORECASE | re.MULTILINE,
)
_NO_INPUT = re.compile(
    r"(?:none(?: (?:needed|required))?|n/?a|nil|null|empty|-|not (?:applicable|needed|required)|"
    r"no\s?(?:further |additional )?input(?: (?:is )?(?:needed|required|necessary|given|provided))?)",
    re.IGNORECASE,
)


def said(text: str) -> str:
    """What a reply says: without the model's own thoughts before it, its end-of-text tokens, and carriage returns."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.rpartition("</think>")[2]
    if text.lstrip().startswith("<think>"):
        return ""  # it was cut while it still thought
    return _END_TOKEN.split(text, maxsplit=1)[0]


def instructions(reply: Reply, opened: int | None) -> list[Candidate]:
    """The candidate instructions of a reply, in order.

    opened: the number the prompt ended with ("9."), so that the reply begins inside an item; None where the reply is an
    answer of its own (chat), so that text before the first marker is a preamble.
    """
    text = _RULER.sub("", _FENCE.sub("", said(reply.text))).strip("\n")
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
    items = [("**" if marker[0].count("**") % 2 else "") + item for marker, item in _after_each(markers, text)]
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
    if len(lines) > 1 and (lines[0].rstrip().endswith(":") or _OPENING.match(lines[0] + "\n")):
        del lines[0]
    return [line for line in lines if not _CHATTER.match(line.lstrip())] if len(lines) > 1 else lines


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
    end = next((n for n, line in enumerate(lines) if first.strip() and _CHATTER.match(line.lstrip())), len(lines))
    return "\n".join([first, *lines[:end]])


def _after_each(markers: list[Marker], text: str) -> list[tuple[Marker, str]]:
    """Each marker with what stands after it, up to the next one."""
    ends = [*(marker.start() for marker in markers), len(text)][1:]
    return [(marker, text[marker.end() : end]) for marker, end in zip(markers, ends, strict=True)]


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
    if (answer := _OUTPUT.search(part)) and answer.start():
        part = part[: answer.start()]
    if (given := _INPUT.search(part)) and given.start() and _says_none(part[given.end() :]):
        part = part[: given.start()]
    line = _LEADING_BOLD.sub(r"\2", " ".join(part.split())).removeprefix("**").strip()
    for mark in _QUOTES:
        if len(line) > 2 and line[0] + line[-1] == mark[0] + mark[-1] and not any(c in line[1:-1] for c in mark):
            line = line[1:-1].strip()
    return line if any(each.isalnum() for each in line) and not _ECHO.fullmatch(line) else ""


def is_classification(reply: Reply) -> bool:
    """True iff the first word that is yes or no, in any case, is yes. All else counts as no (section 2.2)."""
    words = (word.lower() for word in _WORD.findall(said(reply.text)))
    return next((word for word in words if word in ("yes", "no")), "no") == "yes"


def instances(reply: Reply, is_classification: bool) -> Read:
    """The instances of one task and those refused, each with its rule."""
    text = _unfenced(said(reply.text))
    opening = _OPENING.match(text)
    text = _unfenced(_without_last_words(text[opening.end() if opening else 0 :], greeted=opening is not None))
    pairs = _label_first(text) if is_classification else _input_first(text)
    pairs = [Instance("" if _says_none(pair.input) else pair.input, pair.output) for pair in pairs]
    refused: list[Refused] = []
    if reply.is_cut and pairs:
        last = pairs.pop()
        if (whole := _salvaged(last, is_classification)) is not None:
            pairs.append(whole)
        else:
            refused.append(Refused(last, CUT_OFF))
    kept: list[Instance] = []
    for pair in dict.fromkeys(pairs):
        rule = broken(pair)
        if rule:
            refused.append(Refused(pair, rule))
        else:
            kept.append(pair)
    outputs = Counter(pair.input for pair in kept if pair.input)
    refused += [Refused(pair, "conflicting outputs") for pair in kept if outputs[pair.input] > 1]
    return tuple(pair for pair in kept if outputs[pair.input] <= 1), tuple(refused)


def _without_last_words(text: str, greeted: bool) -> str:
    """Without the last paragraph, where the model takes leave of its reader: sure only if it greeted them or means us."""
    head, *rest = text.rstrip().rsplit("\n\n", 1)
    last = rest[0].strip() if rest else ""
    return head if _CHATTER.fullmatch(last) and (greeted or _ABOUT_EXAMPLES.search(last)) else text


def _says_none(given: str) -> bool:
    return _NO_INPUT.fullmatch(given.strip("<>()[]\"'*_. \n")) is not None


def _salvaged(last: Instance, is_classification: bool) -> Instance | None:
    """A truncated answer to a task without input, back to its last whole sentence or list entry, if enough is left."""
    if last.input or is_classification:
        return None
    text = last.output
    found = [match.end() for match in _WHOLE.finditer(text)]
    ends = [end for end in found if not _LIST_NUMBER.fullmatch(text, text.rfind("\n", 0, end) + 1, end)]
    whole = text[: ends[-1]] if ends else ""
    return Instance("", whole) if count_words(whole, "any script") >= LEAST_SALVAGED_WORDS else None


def _input_first(text: str) -> list[Instance]:
    head, _, last = text.rpartition("\n")
    if head and _EXAMPLE.fullmatch(last.strip()):
        text = head.rstrip()  # an example that was not begun
    headings = _headings(text)
    if not headings:
        return [_pair(part, answered=True) for part in _runs_of_pairs(text) if part]
    parts = [part.strip() for _, part in _after_each(headings, text)]
    lead = text[: headings[0].start()].strip()
    answered = [bool(_OUTPUT.search(part)) for part in parts]
    if _OUTPUT.search(lead):
        if not any(answered):
            return [_pair(text, answered=True)]  # the "Example 1" stands inside the answer
        parts.insert(0, lead)
    return [_pair(part, answered=not any(answered)) for part in parts if part]


def _headings(text: str) -> list[Marker]:
    """Headings "Example 1", "Example 2" ... in sequence; an "Example" that is not the next one is part of an answer.

    One that comes out of sequence counts where an "Output:" stands both before and after it. Headings with a title
    after them ("Example 1: The easy one") count where the first one has a title, too.
    """
    found = [each for each in _EXAMPLE.finditer(text) if not each["title"] or each["number"]]
    found = [each for each in found if not each["title"] or found[0]["title"]]
    outputs = [marker.start() for marker in _OUTPUT.finditer(text)]
    ends = [*(each.start() for each in found), len(text)][1:]
    chain: list[Marker] = []
    last = 0
    for each, end in zip(found, ends, strict=True):
        number = int(each["number"] or last + 1)
        answered = chain and _any_within(outputs, chain[-1].end(), each.start())
        if not chain or number == last + 1 or (answered and _any_within(outputs, each.end(), end)):
            chain.append(each)
            last = number
    return chain


def _any_within(places: list[int], start: int, end: int) -> bool:
    """Is any of the (sorted) places in [start, end)?"""
    return bisect_left(places, start) < bisect_left(places, end)


def _runs_of_pairs(text: str) -> list[str]:
    """Without headings: a new instance begins where, after an "Output:", the reply's first field comes again.

    Where that field is "Output:" itself (answers without input), only after a whole sentence: "it prints\\nOutput: 5"
    is one answer.
    """
    outputs = [marker.start() for marker in _OUTPUT.finditer(text)]
    if not outputs:
        return []
    named = _NAMED.match(text)
    first = _field(re.escape(named["name"].strip())) if named else _INPUT
    starts = [0]
    for marker in sorted([*_INPUT.finditer(text), *first.finditer(text)], key=re.Match.start):
        repeats = _OUTPUT.match(marker[0]) is not None
        if _any_within(outputs, starts[-1], marker.start()) and not (repeats and not _ends_whole(text, marker.start())):
            starts.append(marker.start())
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _ends_whole(text: str, end: int) -> bool:
    return text[max(0, end - 80) : end].rstrip()[-1:] in tuple(".!?…。！？")


def _pair(part: str, answered: bool) -> Instance:
    """The instance in one part. `answered`: a part without "Output:" is an answer, else an input left unanswered."""
    part = _unfenced(part)
    marker = _OUTPUT.search(part)
    if marker is None:
        given, output = ("", part) if answered and not _INPUT.match(part) else (part, "")
    else:
        given, output = part[: marker.start()], part[marker.end() :]
    given = given.strip().removeprefix(": ")
    title, _, rest = given.partition("\n")
    if ":" not in title and _INPUT.match(rest.lstrip()):
        given = rest.lstrip()
    if match := _INPUT.match(given):
        given = given[match.end() :]
    return Instance(_without_ruler(given), _without_ruler(output))


def _without_ruler(text: str) -> str:
    """Stripped, and without the line of dashes that only separates it from what follows."""
    text = text.strip()
    head, _, last = text.rpartition("\n")
    return head.strip() if head and _RULER.match(last) else text


def _unfenced(text: str) -> str:
    """Without the one code fence that wraps the whole text (fences inside it stay)."""
    text = text.strip()
    fences = list(_FENCE.finditer(text))
    if len(fences) == 2 and fences[0].start() == 0 and fences[1].end() == len(text):
        inside = text[fences[0].end() : fences[1].start()].strip("\n")
        return inside if _OUTPUT.search(inside) or _LABEL.search(inside) else text
    return text


def _label_first(text: str) -> list[Instance]:
    markers = list(_LABEL.finditer(text)) or list(_SHORT_LABEL.finditer(text))
    if not markers:
        return []
    named = [part.strip().partition("\n") for _, part in _after_each(markers, text)]
    labels, inputs = [name for name, _, _ in named], [given for _, _, given in named]
    lead = text[: markers[0].start()]
    if lead.strip() and not inputs[-1].strip() and not _EXAMPLE.fullmatch(lead.strip()):
        inputs = [lead, *inputs[:-1]]  # each label stands after its input
    made = []
    for name, given in zip(labels, inputs, strict=True):
        label, *inline = _INLINE_INPUT.split(name, maxsplit=1)
        given = _without_ruler(_without_heading("\n".join([*inline, given])))
        if match := _INPUT.match(given):
            given = given[match.end() :].strip()
        made.append(Instance(given, label.strip().strip("*_").strip()))
    return made


def _without_heading(given: str) -> str:
    """Without an "Example 2" at either end: it belongs to the instance before or after."""
    lines = given.strip().split("\n")
    for at in (0, -1):
        if lines and _EXAMPLE.fullmatch(lines[at]):
            del lines[at]
    return "\n".join(lines)
