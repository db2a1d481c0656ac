"""Split a reply into the model's thought and its answer, for every common way of marking thoughts.

The journal keeps the original reply; every parser reads only the answer. One pass, linear in the length of the reply.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from bootstruct.types import Reply

_TAG = re.compile(
    r"<(?:(?P<open>(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)\s?>"
    r"|\|START_THINKING\|>|\|inner_prefix\|>|\|channel>\s?thought|unused94>\s?thought)"
    r"|/(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)\s?>"
    r"|\|END_THINKING\|>|\|inner_suffix\|>|channel\|>|unused95>)"
    r"|◁(?:(?P<open_mark>think▷)|/think▷)|\[(?:(?P<open_word>THINK\])|/THINK\])",
    re.IGNORECASE,
)
_QUOTES = tuple("`\"'“‘«")  # a tag after one of these is spoken of, not used
_CHANNEL = re.compile(  # the header of a message in OpenAI's harmony format
    r"(?:<\|start\|>[^<]{0,40})?<\|channel\|>[ \t]*(?P<name>[a-z]{1,20})[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>"
    r"|<\|start\|>[^<]{0,40}<\|message\|>|\A\s*+(?P<bare>analysis|commentary|final)[ \t]?<\|message\|>",
    re.IGNORECASE,
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>")
_LEAK = re.compile(r"\s*+(?:assistant)?(?:analysis|commentary)(?P<joined>(?=[A-Z\"“(]))?")
_LEAKED_FINAL = re.compile(r"assistant[ \t]?final(?:[ \t]?json)?")
_PROSE = re.compile(r"\s*+Here(?:'s|’s| is) my thought process:", re.IGNORECASE)
_PROSE_ANSWER = re.compile(r"Here(?:'s|’s| is) my response:", re.IGNORECASE)
_WRAPPER = re.compile(
    r"\s*+(?:<(?P<name>answer|response|final)>|<\|START_RESPONSE\|>|<\|begin_of_box\|>)", re.IGNORECASE
)
_WRAPPER_END = re.compile(r"</(?:answer|response|final)>|<\|END_RESPONSE\|>|<\|end_of_box\|>", re.IGNORECASE)


class SplitReply(NamedTuple):
    """The two parts of a reply's text.

    Attributes:
        thought: what the model thought, with its markers; empty if it did not say.
        answer: what follows; empty if the reply ended before the answer began.
    """

    thought: str
    answer: str


@lru_cache(maxsize=16)  # one reply is looked at several times
def split_thought(text: str) -> SplitReply:
    """Split the text of a reply into thought and answer.

    Understood are `<think>` and its relatives (also without the opening tag, unclosed, nested and in any case),
    `◁think▷`, `[THINK]`, the channels of the harmony format (with their markers, or leaked as `analysis...assistantfinal...`),
    and the markers of Command A, Gemma, Apertus, Seed and Granite. A tag inside the answer is part of the answer.

    Example:
        >>> split_thought("<think>Is it? It is.</think>Yes")
        SplitReply(thought='<think>Is it? It is.</think>', answer='Yes')
    """
    for split in (_channels, _leaked_channels, _prose, _tags):
        if (parts := split(text)) is not None:
            return SplitReply(parts.thought, _unwrapped(parts.answer))
    box = _WRAPPER.match(text)
    whole = box and (not box["name"] or text.rstrip().lower().endswith(f"</{box['name'].lower()}>"))
    return SplitReply("", _unwrapped(text) if whole else text)


def _channels(text: str) -> SplitReply | None:
    """Split by the headers of channels; the last message of the channel `final` is the answer."""
    if "<|message|>" not in text or not (headers := list(_CHANNEL.finditer(text))):
        return None
    final = next(
        (header for header in reversed(headers) if (header["name"] or header["bare"] or "final") == "final"), None
    )
    if final is None:
        return SplitReply(text, "")
    return SplitReply(text[: final.start()], _CHANNEL_END.split(text[final.end() :], maxsplit=1)[0])


def _leaked_channels(text: str) -> SplitReply | None:
    """Split a reply whose channel markers were dropped, so that only their names are left."""
    if (start := _LEAK.match(text)) is None:
        return None
    finals = list(_LEAKED_FINAL.finditer(text, start.end()))
    if finals:
        return SplitReply(text[: finals[-1].start()], text[finals[-1].end() :])
    return SplitReply(text, "") if start["joined"] is not None else None


def _prose(text: str) -> SplitReply | None:
    if not _PROSE.match(text):
        return None
    answer = _PROSE_ANSWER.search(text)
    return SplitReply(text[: answer.start()], text[answer.end() :]) if answer else SplitReply(text, "")


def _tags(text: str) -> SplitReply | None:
    """Split by tags.

    A thought is a pair at the beginning of the reply or of a line, or whatever comes before a closing tag without its
    opening tag. A pair in the middle of a line is content.
    """
    depth = begin = place = 0
    closed: int | None = None  # where the last closing tag inside the present pair ends
    thoughts: list[str] = []
    answer: list[str] = []
    for tag in _TAG.finditer(text):
        if text[tag.start() - 1 : tag.start()] in _QUOTES:
            continue
        if tag.lastgroup:  # it opens a thought
            begin, closed = (begin, closed) if depth else (tag.start(), None)
            depth += 1
        elif depth:
            depth, closed = depth - 1, tag.end()
            if not depth and _at_line_start(text, begin):
                answer.append(text[place:begin])
                thoughts.append(text[begin : tag.end()])
                place = tag.end()
        else:  # everything so far was a thought
            thoughts.append(text[place : tag.end()])
            answer, place = [], tag.end()
    if depth and (_at_line_start(text, begin) or not text[:begin].strip()):
        end = len(text) if closed is None else closed
        answer.append(text[place:begin])
        thoughts.append(text[begin:end])
        place = end
    return SplitReply("".join(thoughts), "".join([*answer, text[place:]])) if thoughts else None


def _at_line_start(text: str, place: int) -> bool:
    """Return whether nothing but blanks stands before a place on its line."""
    before = text[max(0, place - 40) : place].rstrip(" \t")
    return not before or before.endswith(("\n", ">", "▷"))


def _unwrapped(answer: str) -> str:
    """Return an answer without the tags that wrap it."""
    if (start := _WRAPPER.match(answer)) is None:
        return answer
    return _WRAPPER_END.split(answer[start.end() :], maxsplit=1)[0]


def without_thought(reply: Reply) -> Reply:
    """The reply with the answer alone as its text, and what came before it as its thought."""
    parts = split_thought(reply.text)
    return replace(reply, text=parts.answer, thought=reply.thought or parts.thought) if parts.thought else reply
