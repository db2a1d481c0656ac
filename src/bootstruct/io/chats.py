"""The turns of a chat, in all dialects of chat files. Pure.

| dialect | a turn |
|---|---|
| OpenAI's | `role` and `content`, a text or a list of parts |
| ShareGPT's | `from` and `value` |
| LIMA's | a text; user and assistant write in turn |
| pairs | `user` and `assistant`, `human` and `assistant`, or `input` and `output`: two turns in one object |
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from bootstruct.types import Message

CHAT_FIELDS: Final = ("messages", "conversations", "conversation", "dialogue", "dialog", "items", "turns", "chat")
ROLES: Final = {
    **dict.fromkeys(("user", "human", "prompter", "instruction"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "bing", "bard", "output"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation", "function_response"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), "assistant"),
}
CALLS: Final = ("function_call", "tool_call")  # roles of ShareGPT's dialects whose text is a call, not an answer
PAIRS: Final = (("user", "assistant"), ("human", "assistant"), ("human", "gpt"), ("input", "output"))


def turns_of(value: object) -> list[Message]:
    """Return the turns of a chat.

    Args:
        value: a list of messages in one of the dialects. A content may be a list of parts that are texts.

    Raises:
        ValueError: it is none, or a message is not a text.
    """
    if isinstance(value, str) and value.startswith("["):  # a cell of CSV, which has no lists
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, list):
        raise ValueError("a list of messages is expected")
    if value and all(isinstance(turn, str) for turn in value):
        return [Message(("user", "assistant")[number % 2], text) for number, text in enumerate(value)]
    turns: list[Message] = []
    for number, turn in enumerate(value, 1):
        turns += _pair(turn) or [_turn(turn, number)]
    return turns


def readable_turns(value: object) -> Iterator[Message]:
    """The turns of a chat that can be read; the others are skipped."""
    turns = value if isinstance(value, list) else []
    if turns and all(isinstance(turn, str) for turn in turns):
        yield from turns_of(turns)
        return
    for turn in turns:
        with contextlib.suppress(ValueError):
            yield from turns_of([turn])


def _pair(turn: object) -> list[Message]:
    """The two turns of an object with both sides of an exchange; nothing if it has not both."""
    if not isinstance(turn, Mapping) or {"role", "from"} & turn.keys():
        return []
    for user, assistant in PAIRS:
        if isinstance(turn.get(user), str) and isinstance(turn.get(assistant), str):
            system = turn.get("system")
            first = [Message("system", system)] if isinstance(system, str) and system.strip() else []
            return [*first, Message("user", turn[user]), Message("assistant", turn[assistant])]
    return []


def _turn(turn: object, number: int) -> Message:
    role = turn.get("role", turn.get("from")) if isinstance(turn, Mapping) else None
    if not isinstance(turn, Mapping) or not isinstance(role, str):
        raise ValueError(f"message {number} has no role")
    content = next((turn[name] for name in ("content", "value", "text") if name in turn), None)
    text = _content_text(content, number)
    role = role.strip().lower()
    return Message(ROLES.get(role, role), "" if role in CALLS else text)


def _content_text(content: object, number: int) -> str:
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        content = content["parts"]
    if isinstance(content, list):
        parts = [_part(part) for part in content]
        if None not in parts:
            content = "".join(part for part in parts if part is not None)
    if content is None:
        return ""  # a message that only calls a tool
    if not isinstance(content, str):
        raise ValueError(f"the content of message {number} is no text")
    return content


def _part(part: object) -> str | None:
    """The text of a part; None for other parts, such as an image."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in ("text", "input_text", "output_text"):
        return None
    text = part.get("text")
    return text if isinstance(text, str) else "" if text is None else None
