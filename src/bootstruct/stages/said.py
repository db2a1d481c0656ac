"""What a reply says, apart from how models wrap it: thoughts, end tokens, greetings, fences, rulers, field names.

Shared by the robust readers of instructions and of instances. All of it is linear in the length of a reply.
"""

import re

Marker = re.Match[str]
CUT_OFF = "cut off"

FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
RULER = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|={3,})[ \t]*$", re.MULTILINE)
OPENING = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|ok|great|here(?:'s|’s| is| are| you)|below (?:is|are)|"
    r"(?:i'm |i’m |i'd be )?happy to)\b[^\n]*(?:(?<=[:!.])[ \t]*\n|\n[ \t]*\n)",
    re.IGNORECASE,
)
CHATTER = re.compile(
    r"\(?(?:let me know|i hope|hope (?:this|these|that)|feel free|would you like|if you(?:'d| would) like|note:|"
    r"these (?:new )?(?:tasks|examples|instructions))\b[^\n]*",
    re.IGNORECASE,
)
_END_TOKEN = re.compile(r"<\|(?:endoftext|end_of_text|im_end|eot_id|end)\|>|<end_of_turn>|</s>\s*\Z")
_COLON = r"[*_]*+[ \t]*+[:：][ \t]*+[*_]*+[ \t]*+"
_NO_INPUT = re.compile(
    r"(?:none(?: (?:needed|required))?|n/?a|nil|null|empty|-|not (?:applicable|needed|required)|"
    r"no\s?(?:further |additional )?input(?: (?:is )?(?:needed|required|necessary|given|provided))?)",
    re.IGNORECASE,
)


def field(name: str) -> re.Pattern[str]:
    """A field marker at the start of a line: "Output:", "output 2 :", "**Output:**" ... `name` is an expression."""
    return re.compile(rf"^[ \t]*+[*_]{{0,3}}+{name}[ \t]*+\d*+{_COLON}", re.IGNORECASE | re.MULTILINE)


OUTPUT = field(r"(?:example[ \t]++)?output")
INPUT = field(r"(?:example[ \t]++)?input")
LABEL = field(r"class[ \t]++label")
SHORT_LABEL = field("label")
_STYLED = re.compile(
    r"^[ \t]*+(?P<list>(?:[-•>*]|\d{1,2}[.)])[ \t]++)?(?P<hash>\#{1,6}[ \t]*+)?(?P<bold>[*_]{0,3}+)"
    r"(?P<name>(?:example[ \t]++)?(?:input|output|class[ \t]++label|label)[ \t]*+\d*+)"
    rf"(?:(?P<colon>{_COLON})|[*_]*+[ \t]*+(?=\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)


def said(text: str) -> str:
    """A reply without the model's own thoughts before it, its end-of-text tokens, and carriage returns."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.rpartition("</think>")[2]
    if text.lstrip().startswith("<think>"):
        return ""  # it was cut while it still thought
    return _END_TOKEN.split(text, maxsplit=1)[0]


def plain_fields(text: str) -> str:
    """The text with its fields as "Input: ..." lines, where the first one is a list entry, a heading, or bold alone.

    Only fields of that style are changed: "- Output:" in an answer that began with "Output:" stays a line of the answer.
    """
    style = next((found for each in _STYLED.finditer(text) if (found := _style(each))), "plain")
    if style == "plain":
        return text
    return _STYLED.sub(lambda each: f"{each['name'].strip()}: " if _style(each) == style else each[0], text)


def _style(each: Marker) -> str:
    """How a field is written; empty where it is none: without a colon, a name must be a heading or bold."""
    if each["hash"]:
        return "heading"
    if each["colon"]:
        return "list" if each["list"] else "plain"
    return "bold" if len(each["bold"]) > 1 else ""


def after_each(markers: list[Marker], text: str) -> list[tuple[Marker, str]]:
    """Each marker with what stands after it, up to the next one."""
    ends = [*(marker.start() for marker in markers), len(text)][1:]
    return [(marker, text[marker.end() : end]) for marker, end in zip(markers, ends, strict=True)]


def says_none(given: str) -> bool:
    """Is this input a way to say that there is none?"""
    return _NO_INPUT.fullmatch(given.strip("<>()[]\"'*_. \n")) is not None
