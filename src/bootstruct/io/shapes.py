"""The meaning of the fields of a row: the only place that knows the shapes of instruction data. Pure.

| shape | fields |
|---|---|
| seeds | `instruction`, `instances` with `input` and `output` (ours and the paper's) |
| alpaca | `instruction`, `input`, `output`, maybe `system` and `history` |
| dolly | `instruction`, `context`, `response` |
| messages | `messages` with `role` and `content`; lists of them in `prompt` and `completion` |
| instructlab | `system`, `user` and `assistant`, a text each; read as messages |
| conversations | `conversations` with `from` and `value` (ShareGPT's), and its dialects (see `io.chats`) |
| lima | `conversations` with texts of user and assistant in turn |
| prompt and completion | texts that follow each other without anything between |
| prompt and response | `prompt`, `response` or `output` |
| question and answer | `question`, `query` or `problem`, and `answer`, `response` or `solution`, maybe `context` |
| input and output | `input` or `inputs`, and `output` or `targets`: the input is the instruction |
| text | `text` alone |

Names count in any case if no field has one of these names exactly. Other fields never matter. A field that is null or NaN
(as tables write a missing value) is a missing one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bootstruct.io.chats import CHAT_FIELDS, turns_of
from bootstruct.io.fields import (
    EXPECTED,
    INPUT_FIELDS,
    INSTRUCTION_FIELDS,
    KNOWN_FIELDS,
    LATER_OUTPUTS,
    NO_INPUT,
    OUTPUT_FIELDS,
    QUESTIONS,
    SYSTEM_FIELDS,
    TASK_TYPES,
    Row,
    chat_field,
    filled,
    is_missing,
    turns_by_role,
    with_known_names,
)
from bootstruct.io.row_texts import group_of, task_key
from bootstruct.types import Instance, Message

SHAPE_NAMES: Final = {  # the name of a shape for users
    "seeds": "tasks with instances",
    "alpaca": "Alpaca's shape",
    "dolly": "Dolly's shape",
    "messages": "chat messages",
    "instructlab": "InstructLab's shape",
    "conversations": "ShareGPT's shape",
    "lima": "LIMA's shape",
}
WITHOUT_OUTPUT: Final = "without output"
LACKING_OUTPUT: Final = "with an instance that has no output"


class ShapeError(ValueError):
    """A row whose content cannot be told. `reason` is one of few; the text says what exactly is wrong."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One row of instruction data, whatever its shape.

    Attributes:
        shape: name of its shape.
        instruction: what is to be done; of a chat the first user's message.
        pairs: inputs with their outputs; None in place of an output that the row does not have.
        messages: all turns of a chat, with the roles `system`, `user`, `assistant`, `tool` or one that is not known.
        name: its `id`, empty if it has none.
        is_classification: its task type, None if the row does not say.
        system: the system message of a row that is no chat.
        group: the name of its task, which the rows of a task share in exports of chats; empty if it has none.
        notes: what was adapted, as in `with a number read as text`.
    """

    shape: str
    instruction: str
    pairs: tuple[tuple[str, str | None], ...] = ()
    messages: tuple[Message, ...] = ()
    name: str = ""
    is_classification: bool | None = None
    system: str = ""
    group: str = ""
    notes: tuple[str, ...] = ()

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The pairs that have an output."""
        return tuple(Instance(given, output) for given, output in self.pairs if output is not None)

    @property
    def task(self) -> str:
        """The common key of the rows of one task (`task_key`)."""
        return task_key(self.instruction, self.group if self.messages else "")

    @property
    def shape_name(self) -> str:
        """The name of its shape for users."""
        return SHAPE_NAMES.get(self.shape, self.shape)


def read_task_row(row: Row, fields: Mapping[str, str] | None = None) -> TaskRow:
    """Return the content of a row.

    Args:
        row: the row.
        fields: the names of fields by their meaning (`ROLES_OF_FIELDS`), for other names than the known ones.

    Raises:
        ShapeError: the row has none of the known shapes, or a field of it is not a text; the message names the field.
    """
    row, notes = with_known_names(row, fields), list[str]()
    content = _content(row, notes)
    if not content.instruction.strip():
        raise ShapeError("without an instruction", f"a row without instruction; expected {EXPECTED}")
    answered = [output is not None and bool(output.strip()) for _, output in content.pairs]
    if not all(answered) or not answered:
        notes.append(LACKING_OUTPUT if any(answered) else WITHOUT_OUTPUT)
    name = row.get("id")
    return replace(
        content,
        name=str(name) if isinstance(name, str | int) and not isinstance(name, bool) else "",
        is_classification=read_task_type(row.get("is_classification")),
        group=group_of(row),
        notes=tuple(dict.fromkeys(notes)),
    )


def read_task_type(value: object) -> bool | None:
    """Return whether a field says that a task is classification; None if it does not say.

    Args:
        value: `true`, `"Yes"`, `"yes"`, `1` and the like, or their opposites.
    """
    if isinstance(value, bool):
        return value
    return TASK_TYPES.get(str(value).strip().lower()) if isinstance(value, int | str) else None


def has_shape(row: Row) -> bool:
    """Whether a row holds a field that begins a known shape."""
    return any(name in row for name in (*INSTRUCTION_FIELDS, *CHAT_FIELDS)) or {"user", "assistant"} <= row.keys()


# From a row to its content


def _content(row: Row, notes: list[str]) -> TaskRow:
    if "instruction" in row:
        instruction = _text(row, "instruction", notes)
        if "instances" in row:
            return TaskRow("seeds", instruction, _instances(row["instances"], notes))
        is_dolly = not {"input", "output"} & row.keys() and "context" in row and "response" in row
        return _single("dolly" if is_dolly else "alpaca", row, instruction, notes)
    if (field := chat_field(row)) is not None:
        return _chat(field, row[field], row, notes)
    if isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
        return _chat("messages", [*row["prompt"], *row["completion"]], row, notes)
    if "user" in row and "assistant" in row:
        return replace(_chat("messages", turns_by_role(row), {}, notes), shape="instructlab")
    if "prompt" in row and "completion" in row:
        pair = ("", _text(row, "completion", notes))
        return TaskRow("prompt and completion", _text(row, "prompt", notes), (pair,))
    if "prompt" in row:
        return _single("prompt and response", row, _text(row, "prompt", notes), notes)
    for field in QUESTIONS:
        if field in row:
            return _single("question and answer", row, _text(row, field, notes), notes)
    for field in ("input", "inputs"):
        if field in row and any(name in row for name in (*OUTPUT_FIELDS, *LATER_OUTPUTS)):
            rest = {name: value for name, value in row.items() if name != field}
            return _single("input and output", rest, _text(row, field, notes), notes)
    if "text" in row:
        return TaskRow("text", _text(row, "text", notes))
    found = ", ".join(map(str, list(row)[:8]))
    reason = "of no known shape" if row.keys().isdisjoint(KNOWN_FIELDS) else "without an instruction"
    raise ShapeError(reason, f"a row without instruction; expected {EXPECTED}, found {found or 'no field'}")


def _single(shape: str, row: Row, instruction: str, notes: list[str]) -> TaskRow:
    """A row with one input and one output, and optionally the turns before them."""
    pair = _pair(row, notes)
    system = next(filled(row, SYSTEM_FIELDS), "")
    history = row.get("history")
    if not isinstance(history, list) or not history:
        return TaskRow(shape, instruction, (pair,), system=system)
    turns = [Message("system", system)] if system else []
    for exchange in history:
        turns += turns_of(exchange if isinstance(exchange, list) else [exchange])
    request = f"{instruction}\n\n{pair[0]}" if pair[0].strip() else instruction
    turns += [Message("user", request), *([Message("assistant", pair[1])] if pair[1] is not None else [])]
    notes.append("with earlier turns")
    return TaskRow(shape, instruction, (pair,), tuple(turns))


def _pair(row: Row, notes: list[str]) -> tuple[str, str | None]:
    given = _one_of(row, INPUT_FIELDS, notes) or ""
    output = _one_of(row, OUTPUT_FIELDS, notes)
    if output is None:
        output = next((_text(row, name, notes) for name in LATER_OUTPUTS if not is_missing(row.get(name))), None)
    return "" if given.strip().lower() == NO_INPUT else given, output


def _one_of(row: Row, names: tuple[str, ...], notes: list[str]) -> str | None:
    """The text of the one of these fields that is there; None if none is."""
    there = [name for name in names if not is_missing(row.get(name))]
    filled = [name for name in there if row[name] != ""]
    if len(filled) > 1 and any(row[name] != row[filled[0]] for name in filled[1:]):
        raise ShapeError(
            "ambiguous",
            f"{' and '.join(f'`{name}`' for name in filled)} hold different texts; say which one counts with --fields",
        )
    return _text(row, (filled or there)[0], notes) if there else None


def _instances(value: object, notes: list[str]) -> tuple[tuple[str, str | None], ...]:
    if not isinstance(value, list) or not all(isinstance(instance, dict) for instance in value):
        raise ShapeError(
            "with a field that is not text", "expected `instruction` and a list of `instances` with input and output"
        )
    return tuple(_pair(instance, notes) for instance in value)


def _chat(field: str, value: object, row: Row, notes: list[str]) -> TaskRow:
    is_texts = isinstance(value, list) and bool(value) and all(isinstance(turn, str) for turn in value)
    try:
        turns = turns_of(value)
    except ValueError as exc:
        reason = "with a chat that cannot be read"
        raise ShapeError(
            reason, f"a row without instruction: {exc}" if "is expected" in str(exc) else str(exc)
        ) from None
    system = next(filled(row, SYSTEM_FIELDS), "")
    if system and not any(turn.role == "system" for turn in turns):
        turns = [Message("system", system), *turns]
    first = next((number for number, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None:
        raise ShapeError("without an instruction", f"a row without instruction: no message of `{field}` is a user's")
    answer = next((turn.content for turn in turns[first:] if turn.role == "assistant" and turn.content), None)
    if sum(turn.role == "user" for turn in turns) > 1:
        notes.append("with several turns")
    shape = "lima" if is_texts else "messages" if field == "messages" else "conversations"
    return TaskRow(shape, turns[first].content, (("", answer),), tuple(turns))


def _text(row: Row, field: str, notes: list[str]) -> str:
    value = row.get(field)
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        if len(value) > 1:
            notes.append("with several texts in one field, of which the first counts")
        return str(value[0])
    if is_missing(value):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        notes.append("with a number read as text")
        return str(value)
    if isinstance(value, Mapping) and value:
        inner = ", ".join(f"{field}.{name}" for name in list(value)[:6])
        raise ShapeError(
            "with a field that is not text",
            f"`{field}` is not text but an object; name a field in it with --fields ({inner})",
        )
    if not isinstance(value, str):
        raise ShapeError("with a field that is not text", f"`{field}` is not text")
    return value
