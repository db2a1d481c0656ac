"""Reading the instances of one task: markers at line starts only, in any case and any of the usual shapes.

Repairs of the released code's faults (each has a test): an answer may hold the word "Example" or a second "Output:"; of
conflicting instances only those that conflict go; a truncated answer without input is cut back to what is whole.
"""

import re
from bisect import bisect_left
from collections import Counter

from bootstruct.domain import Instance, Refused, Reply
from bootstruct.stages.read_original import Read, broken
from bootstruct.stages.rules import count_words
from bootstruct.stages.said import (
    CHATTER,
    CUT_OFF,
    FENCE,
    INPUT,
    LABEL,
    OPENING,
    OUTPUT,
    RULER,
    SHORT_LABEL,
    Marker,
    after_each,
    field,
    plain_fields,
    said,
    says_none,
)

LEAST_SALVAGED_WORDS = 20

_ABOUT_EXAMPLES = re.compile(r"\b(?:examples?|instances)\b", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"[ \t]*+\d{1,3}[.)]")
_WHOLE = re.compile(
    r"[.!?…؟।][\"'”’)\]]*(?=\s|\Z)|[。！？][」』”’）]*|^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+[^\s][^\n]*(?=\n)",
    re.MULTILINE,
)

_NAMED = re.compile(r"[ \t]*(?P<name>[^\W\d_][\w ]{0,30}):", re.IGNORECASE)
_INLINE_INPUT = re.compile(
    r"(?<![ \t])[ \t]*+(?:[|,;–—-][ \t]++|(?<=[ \t]))[*_]*+input[*_]*+[ \t]*+[:：][*_]*+[ \t]*+", re.IGNORECASE
)
_EXAMPLE = re.compile(
    r"^[ \t]*+[*_#]*+[ \t]*+example[ \t]*+\#?+(?P<number>\d{0,4}+)[ \t]*+[.:)]*+[*_]*+[.:]?+[ \t]*+"
    r"(?:(?=\n|\Z)|(?<=[\d.:)* \t])(?=(?P<title>[^\n])))",
    re.IGNORECASE | re.MULTILINE,
)


def instances(reply: Reply, is_classification: bool) -> Read:
    """The instances of one task and those refused, each with its rule."""
    text = _unfenced(said(reply.text))
    opening = OPENING.match(text)
    text = _without_last_words(text[opening.end() if opening else 0 :], greeted=opening is not None)
    text = plain_fields(_unfenced(text))
    pairs = _label_first(text) if is_classification else _input_first(text)
    pairs = [Instance("" if says_none(pair.input) else pair.input, pair.output) for pair in pairs]
    refused: list[Refused] = []
    if reply.is_cut and pairs:
        last = pairs.pop()
        if (whole := _salvaged(last, is_classification)) is not None:
            pairs.append(whole)
        else:
            refused.append(Refused(last, CUT_OFF))
    return settled(pairs, refused)


def settled(pairs: list[Instance], refused: list[Refused]) -> Read:
    """The instances to keep of those read, and the refused ones: doubles go silently, of a conflict all sides go."""
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
    return head if CHATTER.fullmatch(last) and (greeted or _ABOUT_EXAMPLES.search(last)) else text


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
        return [_pair(part, answered=False) for part in _runs_of_pairs(text) if part]
    parts = [part.strip() for _, part in after_each(headings, text)]
    lead = text[: headings[0].start()].strip()
    answered = [bool(OUTPUT.search(part)) for part in parts]
    if OUTPUT.search(lead):
        if not any(answered):
            return [_pair(text, answered=False)]  # the "Example 1" stands inside the answer
        parts.insert(0, lead)
    return [_pair(part, answered=not any(answered)) for part in parts if part]


def _headings(text: str) -> list[Marker]:
    """Headings "Example 1", "Example 2" ... in sequence; an "Example" that is not the next one is part of an answer.

    One that comes out of sequence counts where an "Output:" stands both before and after it. Those without a number, and
    those with a title ("Example 1: The easy one"), count where the first one is like that, too.
    """
    found = [each for each in _EXAMPLE.finditer(text) if not each["title"] or each["number"]]
    found = [each for each in found if not each["title"] or found[0]["title"]]
    found = [each for each in found if each["number"] or not found[0]["number"]]
    outputs = [marker.start() for marker in OUTPUT.finditer(text)]
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
    outputs = [marker.start() for marker in OUTPUT.finditer(text)]
    if not outputs:
        return []
    named = _NAMED.match(text)
    first = field(re.escape(named["name"].strip())) if named else INPUT
    starts = [0]
    for marker in sorted([*INPUT.finditer(text), *first.finditer(text)], key=re.Match.start):
        repeats = OUTPUT.match(marker[0]) is not None
        if _any_within(outputs, starts[-1], marker.start()) and not (repeats and not _ends_whole(text, marker.start())):
            starts.append(marker.start())
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _ends_whole(text: str, end: int) -> bool:
    return text[max(0, end - 80) : end].rstrip()[-1:] in tuple(".!?…。！？")


def _pair(part: str, answered: bool) -> Instance:
    """The instance in one part. `answered`: a part without "Output:" is an answer, else an input left unanswered."""
    part = _unfenced(part)
    marker = OUTPUT.search(part)
    if marker is None:
        given, output = ("", part) if answered and not INPUT.match(part) else (part, "")
    else:
        given, output = part[: marker.start()], part[marker.end() :]
    given = given.strip().removeprefix(": ")
    title, _, rest = given.partition("\n")
    if ":" not in title and INPUT.match(rest.lstrip()):
        given = rest.lstrip()
    if match := INPUT.match(given):
        given = given[match.end() :]
    return Instance(_without_ruler(given), _without_ruler(output))


def _without_ruler(text: str) -> str:
    """Stripped, and without the line of dashes that only separates it from what follows."""
    text = text.strip()
    head, _, last = text.rpartition("\n")
    return head.strip() if head and RULER.match(last) else text


def _unfenced(text: str) -> str:
    """Without the one code fence that wraps the whole text (fences inside it stay)."""
    text = text.strip()
    fences = list(FENCE.finditer(text))
    if len(fences) == 2 and fences[0].start() == 0 and fences[1].end() == len(text):
        inside = text[fences[0].end() : fences[1].start()].strip("\n")
        return inside if OUTPUT.search(inside) or LABEL.search(inside) else text
    return text


def _label_first(text: str) -> list[Instance]:
    markers = list(LABEL.finditer(text)) or list(SHORT_LABEL.finditer(text))
    if not markers:
        return []
    named = [part.strip().partition("\n") for _, part in after_each(markers, text)]
    labels, inputs = [name for name, _, _ in named], [given for _, _, given in named]
    before = [text[: markers[0].start()], *inputs[:-1]]
    if not inputs[-1].strip() and _begin_alike(before):
        inputs = before  # each label stands after its input
    made = []
    for name, given in zip(labels, inputs, strict=True):
        label, *inline = _INLINE_INPUT.split(name, maxsplit=1)
        given = _without_ruler(_without_heading("\n".join([*inline, given])))
        if match := INPUT.match(given):
            given = given[match.end() :].strip()
        made.append(Instance(given, label.strip().strip("*_").strip()))
    return made


def _begin_alike(inputs: list[str]) -> bool:
    """Do all of these begin with the same field?"""
    names = [_NAMED.match(_without_heading(given)) for given in inputs]
    return None not in names and len({name["name"].lower() for name in names if name}) == 1


def _without_heading(given: str) -> str:
    """Without an "Example 2" at either end: it belongs to the instance before or after."""
    lines = given.strip().split("\n")
    for at in (0, -1):
        if lines and _EXAMPLE.fullmatch(lines[at]):
            del lines[at]
    return "\n".join(lines)
