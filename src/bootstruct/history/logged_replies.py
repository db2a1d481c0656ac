"""Replies and prompts as other code logged them: completions, chat completions, text alone, or something else. Pure."""

import dataclasses
import re
from typing import Any

from bootstruct.errors import InputError
from bootstruct.io.shapes import read_task_type
from bootstruct.journal.events import NOT_KEPT
from bootstruct.types import Instance, Reply

Row = dict[str, Any]
MISSING = Reply("", NOT_KEPT)
_LABEL_FIRST = re.compile(r"\s*(?:example \d+\s*)?class label\s*:", re.IGNORECASE)


def logged(row: Row, name: str = "metadata") -> Row:
    """Return the metadata of a row, which hold a prompt and its response; empty if they are absent or something else."""
    metadata = row.get(name)
    return metadata if isinstance(metadata, dict) else {}


def prompt_text(prompt: object, deepest: int = 8) -> str:
    """Return a logged prompt as text: some forks log a list of texts, a chat message, or several.

    Args:
        prompt: as it was logged.
        deepest: how many lists may be inside one another; one that is deeper is no prompt, and has no text.
    """
    if isinstance(prompt, list):
        return "\n\n".join(filter(None, (prompt_text(part, deepest - 1) for part in prompt if deepest)))
    if isinstance(prompt, dict):
        prompt = prompt.get("content", "")
    return str(prompt or "") if not isinstance(prompt, list) else ""


def reply_of(response: object, where: str) -> Reply:
    """Return the reply in a logged response; `MISSING` if there is none.

    Args:
        response: a completion, a chat completion, or text alone.
        where: its place, for the error.

    Raises:
        InputError: it is none of these.
    """
    if response is None or (isinstance(response, dict) and response.get("choices") == []):
        return MISSING
    if isinstance(response, str):
        return Reply(response)
    try:
        choice = response["choices"][0]  # type: ignore[index]
        message = choice.get("message")
        content = message.get("content") if isinstance(message, dict) else choice["text"]
        thought = str((message or {}).get("reasoning_content") or "") if isinstance(message, dict) else ""
        reply = Reply(_content_text(content), str(choice.get("finish_reason") or "stop"), thought=thought)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise InputError(f"{where}: `response` is not a completion, a chat completion or text.") from None
    usage, model = response.get("usage"), response.get("model")  # type: ignore[attr-defined]
    return dataclasses.replace(
        reply,
        model=model if isinstance(model, str) else "",
        prompt_tokens=_tokens(usage, "prompt_tokens"),
        completion_tokens=_tokens(usage, "completion_tokens"),
    )


def task_type_text(value: object) -> str:
    """Return a recorded task type as its reply: some forks write a boolean or a number for it."""
    return str(value) if isinstance(value, str) else "Yes" if read_task_type(value) else "No"


def label_first(text: str) -> bool:
    """Return whether a reply writes the class label before the input, as requested for classification tasks."""
    return bool(_LABEL_FIRST.match(text))


def instances_of(row: Row) -> tuple[Instance, ...]:
    """Return the instances of a row: those of its list, or the row itself; none without outputs."""
    found = row.get("instances")
    parts = found if isinstance(found, list) else [row]
    return tuple(
        Instance(_content_text(part.get("input")), _content_text(part.get("output")))
        for part in parts
        if isinstance(part, dict) and part.get("output") is not None
    )


def _content_text(content: object) -> str:
    """The text of a message: some servers write null for none, or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") if isinstance(part, dict) else str(part) for part in content)
    return "" if content is None else str(content)


def _tokens(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**53 else 0
