"""The parts around the content of a reply: thoughts, end tokens, greetings, code fences, rules, field names.

Shared by the robust parsers of instructions and of instances. Everything here is linear in the length of a reply.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from bootstruct.stages.parsing.thoughts import split_thought

Marker = re.Match[str]
CUT_OFF = "cut off"  # the rule under which the last, truncated part of a reply is rejected

CODE_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
HORIZONTAL_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|={3,})[ \t]*$", re.MULTILINE)
GREETING = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|ok|great|here(?:'s|’s| is| are| you)|below (?:is|are)|"
    r"(?:i'm |i’m |i'd be )?happy to)\b[^\n]*(?:(?<=[:!.])[ \t]*\n|\n[ \t]*\n)",
    re.IGNORECASE,
)
CLOSING_REMARK = re.compile(
    r"\(?(?:(?:let me know|i hope|hope (?:this|these|that)|feel free|would you like|if you(?:'d| would) like|"
    r"these (?:new )?(?:tasks|examples|instructions))\b|note:)[^\n]*",
    re.IGNORECASE,
)
_END_TOKEN = re.compile(  # in the middle of a line, with a blank before it, a token is spoken of
    r"(?:(?<! )|(?=<[^<>\n]{1,40}>\s*(?:\Z|\n|<|\[INST)))(?:<\|(?:end_of_text"
    r"|im_end|im_start|eot_id|eom_id|end|return|user|assistant"
    r"|start_header_id|end_of_role|END_OF_TURN_TOKEN)\|>|<(?:end|start)_of_turn>|<eos>|<｜end▁of▁sentence｜>)"
    r"|<\|endoftext\|>|</s>(?=\s*(?:\Z|\n\s*\n|\[INST|<s>|<\|))|(?<=\S)\s?\[/?INST\]"
    r"|(?<=[^\s\w])assistant[ \t]*+\n[ \t]*+\n|(?<=\S)\n(?:User|Human|Assistant)[ \t]*+:?\s*+\Z"
)
_END_SIGN = re.compile(  # what every end token contains; it is found quickly, but the pattern above is tried at every character
    r"<(?:\|(?:end|im_|eo[tm]_id|return|user|assistant|start_h|END_)|/s>|eos>|(?:end|start)_of_turn>|｜end)|\[/?INST\]"
    r"|assistant[ \t]*+\n|\n(?:User|Human|Assistant)[\s:]*+\Z"
)
_DIRECTION_MARKS = re.compile(r"^[\u200e\u200f]++|(?<![\u200e\u200f])[\u200e\u200f]++$", re.MULTILINE)
_EMPTY_PAIRS = {'""', "''", "“”", "()", "[]", "<>", '("")'}
_INVISIBLE = "\ufeff\u200b\u2060"  # marks without a width that are not part of any word
_INDENTED = re.compile(r"\n[ \t]+\S")
_COLON = r"[*_]*+[ \t]*+[:：][ \t]*+[*_]*+[ \t]*+"
_NO_INPUT = re.compile(
    r"(?:none(?: (?:needed|required))?|n/?a|nil|null|empty|-|无|無|没有|无输入|无需输入|なし|없음"
    r"|keine?(?: eingabe)?|aucune?(?: entrée)?"
    r"|ninguna?|ninguno|nessun[oa]?|nenhuma?|brak|geen|yok|لا يوجد|not (?:applicable|needed|required)|"
    r"no\s?(?:further |additional )?input(?: (?:is )?(?:needed|required|necessary|given|provided))?)",
    re.IGNORECASE,
)


class FieldPattern:
    """The pattern of a field marker at the start of a line: "Output:", "output 2 :", "**Output:**" ...

    A text that cannot contain the field is recognised without a search at each of its lines.

    Args:
        name: a regular expression for the field's name.
        word: a word in lower case that each such name contains; may be empty.
    """

    def __init__(self, name: str, word: str = "") -> None:
        self._pattern = re.compile(rf"^[ \t]*+[*_]{{0,3}}+{name}[ \t]*+\d*+{_COLON}", re.IGNORECASE | re.MULTILINE)
        self._word = word
        self.match, self.fullmatch = self._pattern.match, self._pattern.fullmatch

    def search(self, text: str) -> Marker | None:
        """Return the first marker in a text."""
        return self._pattern.search(text) if self._may_be_in(text) else None

    def finditer(self, text: str) -> Iterator[Marker]:
        """Return all markers in a text, in order."""
        return self._pattern.finditer(text) if self._may_be_in(text) else iter(())

    def _may_be_in(self, text: str) -> bool:
        if not text.isascii():
            return ":" in text or "：" in text
        return ":" in text and self._word in text.lower()


OUTPUT = FieldPattern(r"(?:example[ \t]++)?output", "output")
INPUT = FieldPattern(r"(?:example[ \t]++)?input", "input")
LABEL = FieldPattern(r"class[ \t]++label", "label")
SHORT_LABEL = FieldPattern("label", "label")
_STYLED = re.compile(
    r"^[ \t]*+(?P<list>(?:[-•>*]|\d{1,2}[.)])[ \t]++)?(?P<hash>\#{1,6}[ \t]*+)?(?P<bold>[*_]{0,3}+)"
    r"(?P<name>(?:example[ \t]++)?(?:input|output|class[ \t]++label|label)[ \t]*+\d*+)"
    rf"(?:(?P<colon>{_COLON})|[*_]*+[ \t]*+(?=\n|\Z))",
    re.IGNORECASE | re.MULTILINE,
)


@lru_cache(maxsize=16)  # one reply is looked at several times
def clean_reply(text: str) -> str:
    """Return a reply without the thoughts before it, its end-of-text tokens and carriage returns."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        for mark in _INVISIBLE:
            text = text.replace(mark, "")
        text = _DIRECTION_MARKS.sub("", text) if "\u200f" in text or "\u200e" in text else text
    answer = split_thought(text).answer
    if (sign := _END_SIGN.search(answer)) is None:
        return answer
    end = _END_TOKEN.search(answer, max(0, sign.start() - 1))  # a blank before the sign may belong to it
    return answer if end is None else answer[: end.start()]


def may_have_fences(text: str) -> bool:
    """Return whether a text may have a code fence (`CODE_FENCE`)."""
    return "```" in text or "~~~" in text


def without_layout(text: str) -> str:
    """Return a text without code fences, horizontal rules, and blank lines around it."""
    text = CODE_FENCE.sub("", text) if may_have_fences(text) else text
    return (HORIZONTAL_RULE.sub("", text) if any(rule in text for rule in ("---", "***", "===")) else text).strip("\n")


def normalize_fields(text: str) -> str:
    """Return the text with its fields as "Input: ..." lines, where the first field is a list item, a heading or bold.

    Only fields in that style are changed: "- Output:" in an answer that began with "Output:" stays a line of the answer.
    """
    lower = text.lower()
    if not ("nput" in lower or "utput" in lower or "label" in lower):  # in any script: "ı" counts as an "i" below
        return text
    style = next((name for match in _STYLED.finditer(text) if (name := _style(match))), "plain")
    if style == "plain":
        return text
    return _STYLED.sub(lambda match: f"{match['name'].strip()}: " if _style(match) == style else match[0], text)


def _style(marker: Marker) -> str:
    """How a field is written; empty if it is not a field: without a colon, the name must be a heading or bold."""
    if marker["hash"]:
        return "heading"
    if marker["colon"]:
        return "list" if marker["list"] else "plain"
    return "bold" if len(marker["bold"]) > 1 else ""


def split_after(markers: list[Marker], text: str) -> list[tuple[Marker, str]]:
    """Return each marker with the text after it, up to the next marker."""
    ends = [*(marker.start() for marker in markers), len(text)][1:]
    return [(marker, text[marker.end() : end]) for marker, end in zip(markers, ends, strict=True)]


def trimmed(text: str) -> str:
    """Return a text without blanks around it; where its later lines are indented, the first keeps its indent, too."""
    text = text.rstrip()
    bare = text.lstrip()
    indent = text[: len(text) - len(bare)].rpartition("\n")[2]
    return indent + bare if indent and _INDENTED.search(bare) else bare


def means_no_input(given: str) -> bool:
    """Return whether an input says that there is no input ("None", "<noinput>", "N/A" ...)."""
    bare = given.strip("<>()[]\"'*_. \n")
    return _NO_INPUT.fullmatch(bare) is not None or (not bare and given.strip() in _EMPTY_PAIRS)
