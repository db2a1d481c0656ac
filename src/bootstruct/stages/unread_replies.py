"""Replies without a readable answer, by name: cut while thinking, refused, filtered, tool calls, empty."""

import json
from typing import Final

from bootstruct.journal.events import CUT_WHILE_THINKING, EMPTY, FILTERED, REFUSAL, TOOL_CALLS
from bootstruct.stages.parsing.thoughts import split_thought
from bootstruct.stages.schemas import ANSWER_FIELDS
from bootstruct.types import Reply

TOOL_FINISHES: Final = {
    "tool_calls",
    "tool_call",
    "function_call",
    "tool_use",
}  # a tool was called instead of an answer


def unread_reason(reply: Reply) -> str:
    """Return why a reply contains no answer; empty if it contains one.

    A reply that was cut off before its answer began was cut while the model was thinking, even if the server does not
    show the thought.

    Args:
        reply: a model's reply, of any step.

    Example:
        >>> unread_reason(Reply("<think>A list of eight tasks, so", finish="length"))
        'cut while thinking'
    """
    if reply.is_refusal:
        return REFUSAL
    thought, answer = split_thought(reply.text)
    if reply.finish in TOOL_FINISHES and _is_call(answer):
        return TOOL_CALLS
    if answer.strip():
        return ""
    if reply.is_filtered:
        return FILTERED
    return CUT_WHILE_THINKING if reply.is_cut or (thought and not thought.rstrip().endswith((">", "]", "▷"))) else EMPTY


def _is_call(answer: str) -> bool:
    """Return whether a text is the arguments of a tool, and not text beside a call or an answer as JSON in a call."""
    if not answer.strip():
        return True
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return not isinstance(value, dict) or ANSWER_FIELDS.isdisjoint(value)
