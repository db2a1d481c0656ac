"""Reading replies as people write them: markers only at line starts, any case, any of the usual shapes; nothing guessed.

Repairs of the released code's faults (each has a test): case is kept; a truncated reply loses its last item only;
"10)", "Task 10:", bullets, code fences and chat preambles are understood; an answer may hold the word "Example" or a
second "Output:"; of conflicting instances only those that conflict go.
"""

import re
from collections import Counter

from bootstruct.domain import Candidate, Instance, Refused, Reply
from bootstruct.stages.read_original import Read, broken

CUT_OFF = "cut off"
FARTHEST_SKIP = 20  # a number this far ahead of the list is text ("2016. The year ..."), not a marker

_FENCE = re.compile(r"^[ \t]*(```|~~~).*$", re.MULTILINE)
_NUMBERED = re.compile(
    r"^[ \t>]*(?:[*_]{1,2})?(?:(?:task|instruction|question)[ \t]*#?[ \t]*)?(?P<number>\d{1,5})[ \t]*"
    r"(?:[.)\]:](?:[*_]{1,2})?(?=\s|[^\d\s])|[*_]{1,2}[.):]?(?=\s))[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"^[ \t]*[-*•‣–][ \t]+", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"[.!?…。！？؟।][\"'”’)\]]*(?=\s|$)")

_EXAMPLE = re.compile(
    r"^[ \t]*[*_#]*[ \t]*example[ \t]*(?P<number>\d*)[ \t]*[.:)]*[*_]*[ \t]*(?=\n|$|[*_]*(?:input|output)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_OUTPUT = re.compile(r"^[ \t]*[*_]*output[ \t]*\d*[*_]*[ \t]*:[*_]*[ \t]*", re.IGNORECASE | re.MULTILINE)
_INPUT = re.compile(r"^[ \t]*[*_]*input[ \t]*\d*[*_]*[ \t]*:[*_]*[ \t]*", re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(r"^[ \t]*[*_]*class[ \t]+label[ \t]*\d*[*_]*[ \t]*:[*_]*[ \t]*", re.IGNORECASE | re.MULTILINE)
_NO_INPUT = {"none", "n/a", "na", "no input", "not applicable", "noinput", "empty", "-"}
LEAST_SALVAGED_WORDS = 20


def instructions(reply: Reply, opened: int | None) -> list[Candidate]:
    """The candidate instructions of a reply, in order.

    opened: the number the prompt ended with ("9."), so that the reply begins inside an item; None where the reply is an
    answer of its own (chat), so that text before the first marker is a preamble.
    """
    text = _FENCE.sub("", reply.text.replace("\r\n", "\n")).strip("\n")
    parts, numbered = _items(text, opened)
    found = [Candidate(item) for part in parts if (item := _one_line(part, numbered))]
    if reply.is_cut and found:
        found[-1] = Candidate(found[-1].text, CUT_OFF)
    return found


def _items(text: str, opened: int | None) -> tuple[list[str], bool]:
    """The raw items of a list, and whether it had markers at all."""
    markers = _chain(list(_NUMBERED.finditer(text)), opened)
    if not markers:
        markers = list(_BULLET.finditer(text))
    if not markers and opened is not None:
        return [text], True
    if not markers:
        lines = [line for line in text.split("\n") if line.strip()]
        return lines[1:] if len(lines) > 1 and lines[0].rstrip().endswith(":") else lines, False
    items = _after_each(markers, text)
    lead = text[: markers[0].start()].strip()
    if opened is not None and lead and not lead.endswith(":"):
        items.insert(0, lead)
    return items, True


def _after_each(markers: list[re.Match[str]], text: str) -> list[str]:
    """What stands after each marker, up to the next one."""
    ends = [marker.start() for marker in markers[1:]] + [len(text)]
    return [text[marker.end() : end] for marker, end in zip(markers, ends, strict=False)]


def _chain(found: list[re.Match[str]], opened: int | None) -> list[re.Match[str]]:
    """The markers of the outer list. Numbers that start again below the last one belong to a list inside an item.

    A reply that never takes up the number it was opened with counts in its own way, from wherever it starts.
    """
    chain: list[re.Match[str]] = []
    taken_up = opened is not None and any(int(marker["number"]) in (opened, opened + 1) for marker in found)
    last = opened if taken_up else None
    for marker in found:
        number = int(marker["number"])
        if number > FARTHEST_SKIP + (last or 0) or (last is not None and number < last):
            continue
        chain.append(marker)
        last = number
    return chain


def _one_line(part: str, numbered: bool) -> str:
    """An item as one line. What follows a blank line is chatter, unless the item announced something (":")."""
    part = part.strip()
    if numbered and not (head := _BLANK_LINE.split(part, maxsplit=1)[0]).rstrip().endswith(":"):
        part = head
    line = " ".join(part.split())
    for mark in ("**", "__"):
        if line.count(mark) % 2 == 1:
            line = line.replace(mark, "", 1).strip()
        if line.startswith(mark) and line.endswith(mark) and len(line) > 4:
            line = line[2:-2].strip()
    if len(line) > 2 and line[0] + line[-1] in ('""', "“”") and line.count('"') in (0, 2):
        line = line[1:-1].strip()
    return line


def is_classification(reply: Reply) -> bool:
    """True iff the first word that is yes or no, in any case, is yes. All else counts as no (section 2.2)."""
    words = (word.lower() for word in _WORD.findall(reply.text))
    return next((word for word in words if word in ("yes", "no")), "no") == "yes"


def instances(reply: Reply, is_classification: bool) -> Read:
    """The instances of one task and those refused, each with its rule."""
    text = reply.text.replace("\r\n", "\n")
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


def _says_none(given: str) -> bool:
    return given.strip("<>()[]. \n").lower() in _NO_INPUT


def _salvaged(last: Instance, is_classification: bool) -> Instance | None:
    """A truncated answer to a task without input, cut back to its last whole sentence, if enough of it is left."""
    if last.input or is_classification:
        return None
    ends = [match.end() for match in _SENTENCE_END.finditer(last.output)]
    whole = last.output[: ends[-1]] if ends else ""
    return Instance("", whole) if len(whole.split()) >= LEAST_SALVAGED_WORDS else None


def _input_first(text: str) -> list[Instance]:
    text = _unfenced(text)
    headings = _headings(text)
    if headings:
        parts = [part.strip() for part in _after_each(headings, text)]
    else:
        parts = _runs_of_pairs(text)
    return [_pair(part) for part in parts if part]


def _headings(text: str) -> list[re.Match[str]]:
    """Headings "Example 1", "Example 2" ... in sequence; an "Example" that is not the next one is part of an answer."""
    chain: list[re.Match[str]] = []
    for heading in _EXAMPLE.finditer(text):
        number = int(heading["number"] or len(chain) + 1)
        if number == len(chain) + 1 or not chain:
            chain.append(heading)
    return chain


def _runs_of_pairs(text: str) -> list[str]:
    """Without headings: a new instance begins where an "Input:" follows an "Output:"."""
    if not _OUTPUT.search(text):
        return []
    starts = [0]
    for marker in _INPUT.finditer(text):
        if _OUTPUT.search(text, starts[-1], marker.start()):
            starts.append(marker.start())
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _pair(part: str) -> Instance:
    marker = _OUTPUT.search(part)
    if marker is None:
        return Instance("", part.strip())
    given, output = part[: marker.start()].strip(), part[marker.end() :].strip()
    if match := _INPUT.match(given):
        given = given[match.end() :].strip()
    return Instance(given, _unfenced(output))


def _unfenced(text: str) -> str:
    """Without the one code fence that wraps the whole text (fences inside it stay)."""
    text = text.strip()
    fences = list(_FENCE.finditer(text))
    if len(fences) == 2 and fences[0].start() == 0 and fences[1].end() == len(text) and _OUTPUT.search(text):
        return text[fences[0].end() : fences[1].start()].strip("\n")
    return text


def _label_first(text: str) -> list[Instance]:
    text = _unfenced(text)
    made = []
    for part in _after_each(list(_LABEL.finditer(text)), text):
        name, _, given = part.strip().partition("\n")
        given = given.strip()
        if match := _INPUT.match(given):
            given = given[match.end() :].strip()
        made.append(Instance(given, name.strip().strip("*_").strip()))
    return made
