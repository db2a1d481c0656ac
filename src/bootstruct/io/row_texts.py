"""The texts of a row, whatever its shape, as they are compared with other texts. Pure."""

from collections.abc import Iterator, Mapping

from bootstruct.io.chats import readable_turns
from bootstruct.io.fields import (
    INPUT_FIELDS,
    INSTRUCTION_FIELDS,
    LATER_OUTPUTS,
    OUTPUT_FIELDS,
    Row,
    chat_field,
    filled,
    turns_by_role,
    with_known_names,
)
from bootstruct.types import Message


def instruction_of(row: Row, fields: Mapping[str, str] | None = None) -> str | None:
    """Return the text of a row for comparisons, None if it has none.

    It is the first text of `INSTRUCTION_FIELDS`, else the first user's message, else the input.
    """
    row = with_known_names(row, fields)
    text = next(filled(row, INSTRUCTION_FIELDS), None)
    if text is not None:
        return text
    if fields and "instruction" in fields:
        return None
    user = next((turn.content for turn in turns_that_are_readable(row) if turn.role == "user"), None)
    if user is not None:
        return user if user.strip() else None
    return next(filled(row, (*INPUT_FIELDS, "inputs")), None)


def texts_of(row: Row, fields: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield every text of a row, the instruction first; system messages are left out."""
    row = with_known_names(row, fields)
    yield from filled(row, INSTRUCTION_FIELDS)
    yield from (turn.content for turn in turns_that_are_readable(row) if turn.role != "system" and turn.content.strip())
    instances = row.get("instances")
    for part in (*(instances if isinstance(instances, list) else ()), row):
        if isinstance(part, Mapping):
            yield from filled(part, (*INPUT_FIELDS, "inputs", *OUTPUT_FIELDS, *LATER_OUTPUTS))


def task_key(instruction: str, group: str = "") -> str:
    """Return the common key of the rows of one task: the instruction.

    A chat does not show where the instruction ends and the input begins. Of rows that share the name of their task, as
    those of an export do, the ones with the same first line belong together.

    Args:
        instruction: the instruction, or the first user's message of a chat.
        group: the name of the task of a chat, empty if it has none.
    """
    return f"{group}: {instruction.partition(chr(10))[0]}" if group else instruction


def group_of(row: Row) -> str:
    """Return the name of a row's task: its `task`, or the part before the slash of an id such as `812.3/0`."""
    name, given = row.get("id"), row.get("task")
    if isinstance(given, str) and given.strip():
        return given
    task, slash, number = name.rpartition("/") if isinstance(name, str) else ("", "", "")
    return task if slash and number.isdecimal() else ""


def is_chat(row: Row, fields: Mapping[str, str] | None = None) -> bool:
    """Whether what a row is compared by is a message of a chat."""
    row = with_known_names(row, fields)
    return not any(isinstance(row.get(name), str) for name in INSTRUCTION_FIELDS) and chat_field(row) is not None


def inputs_of(row: Row, fields: Mapping[str, str] | None = None) -> list[str]:
    """Return the inputs of a row, those of its instances one after another; a chat has none of its own."""
    row = with_known_names(row, fields)
    instances = row.get("instances")
    parts = (*(instances if isinstance(instances, list) else ()), row)
    return [text for part in parts if isinstance(part, Mapping) for text in filled(part, INPUT_FIELDS)]


def turns_that_are_readable(row: Row) -> Iterator[Message]:
    """The turns of a row that can be read; the others are skipped."""
    field = chat_field(row)
    chat = row[field] if field is not None else None
    if not chat and isinstance(row.get("prompt"), list):
        chat = [*row["prompt"], *(row["completion"] if isinstance(row.get("completion"), list) else ())]
    return readable_turns(chat or turns_by_role(row))
