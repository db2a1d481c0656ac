"""Names of the fields of a row by their meaning, and how a row with names of its own gets the known ones. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from bootstruct.io.chats import CHAT_FIELDS

Row: TypeAlias = Mapping[str, Any]

QUESTIONS: Final = ("question", "query", "problem")
INSTRUCTION_FIELDS: Final = ("instruction", "prompt", *QUESTIONS, "text")  # the first that holds a text counts
INPUT_FIELDS: Final = ("input", "context")
OUTPUT_FIELDS: Final = ("output", "response", "completion", "answer")  # two of them that differ are ambiguous
LATER_OUTPUTS: Final = ("solution", "target", "targets", "generation")  # these count if none of those is present
SYSTEM_FIELDS: Final = ("system", "system_prompt")
LIST_FIELDS: Final = frozenset(
    {*CHAT_FIELDS, "instances", "prompt", "completion", "chosen", "rejected"}
)  # may be lists in a row
KNOWN_FIELDS: Final = frozenset(
    {*INSTRUCTION_FIELDS, *INPUT_FIELDS, "inputs", *OUTPUT_FIELDS, *LATER_OUTPUTS, *CHAT_FIELDS, "user", "assistant"}
)
ROLES_OF_FIELDS: Final = ("instruction", "input", "output", "system", "messages", "id")  # what `--fields` names
NO_INPUT: Final = "<noinput>"  # Alpaca's files write it for an empty input
EXPECTED: Final = "instruction (and input, output), instances, messages, conversations, prompt, question or text"
TASK_TYPES: Final = dict.fromkeys(("yes", "true", "1"), True) | dict.fromkeys(("no", "false", "0"), False)


def read_fields(text: str) -> dict[str, str]:
    """Read names of fields in the form of the command line.

    Raises:
        ValueError: it is not a list of such pairs; the text says what is wrong.

    Example:
        >>> read_fields("instruction=task,output=reply.text")
        {'instruction': 'task', 'output': 'reply.text'}
    """
    fields: dict[str, str] = {}
    for pair in text.split(","):
        role, sign, name = (part.strip() for part in pair.partition("="))
        if not sign or not name or role not in ROLES_OF_FIELDS:
            raise ValueError(f"{pair!r}: write instruction=NAME,output=NAME; known are {', '.join(ROLES_OF_FIELDS)}")
        if role in fields:
            raise ValueError(f"{role} is named twice")
        fields[role] = name
    return fields


def other_fields(row: Row, fields: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """A few names of the fields of a row that have a value and no known name."""
    passed_over = KNOWN_FIELDS | {
        "id",
        "instances",
        "is_classification",
        "task",
        *SYSTEM_FIELDS,
        *(fields or {}).values(),
    }
    return tuple(str(name) for name, value in row.items() if value and str(name).lower() not in passed_over)[:6]


def with_known_names(row: Row, fields: Mapping[str, str] | None) -> Row:
    """The row with the names of the known shapes: as `fields` says, or else in lower case if it has none of them."""
    if fields:
        others = {
            "instruction": (*INSTRUCTION_FIELDS, *CHAT_FIELDS, "instances", "user", "assistant"),
            "messages": (*INSTRUCTION_FIELDS, *CHAT_FIELDS, "instances", "user", "assistant"),
            "input": (*INPUT_FIELDS, "inputs"),
            "output": (*OUTPUT_FIELDS, *LATER_OUTPUTS),
            "system": SYSTEM_FIELDS,
            "id": (),
        }
        hidden = {name for role in fields for name in others[role]}
        kept = {name: value for name, value in row.items() if name not in hidden}
        return kept | {role: value_at(row, name) for role, name in fields.items()}
    if row.keys().isdisjoint(KNOWN_FIELDS):
        lower = {str(name).strip().lower(): value for name, value in row.items()}
        return lower if not lower.keys().isdisjoint(KNOWN_FIELDS) else row
    return row


def value_at(row: Row, name: str) -> Any:
    """The value of a field; `a.b` is field b within field a."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def filled(row: Row, names: tuple[str, ...]) -> Iterator[str]:
    """The texts of these fields, if any: a number is read as text, and of a list of texts the first counts."""
    return (text for name in names if (text := _text_in(row.get(name))).strip())


def _text_in(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        value = value[0]
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_missing(value):
        return str(value)
    return value if isinstance(value, str) else ""


def chat_field(row: Row) -> str | None:
    """The field that holds a chat: the usual ones, or in a row without other instructions one of the rarer ones."""
    usual = next((field for field in CHAT_FIELDS[:2] if field in row), None)
    if usual is not None or any(name in row for name in INSTRUCTION_FIELDS):
        return usual
    return next((field for field in CHAT_FIELDS if isinstance(row.get(field), list) and row[field]), None)


def turns_by_role(row: Row) -> list[dict[str, Any]]:
    """The messages of a row that has a field for each role."""
    if "user" not in row or "assistant" not in row:
        return []
    return [
        {"role": role, "content": row[role]}
        for role in ("system", "user", "assistant")
        if not is_missing(row.get(role))
    ]


def is_missing(value: object) -> bool:
    """Whether a field is empty: null, or NaN as tables write a missing value."""
    return value is None or (isinstance(value, float) and math.isnan(value))
