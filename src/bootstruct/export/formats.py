"""The formats of training data: from the training rows of a run (`export.rows`) to the objects of a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bootstruct.errors import InputError
from bootstruct.export.openai_chat_validation import OpenAiFile
from bootstruct.io.column_types import TEXT, ColumnType
from bootstruct.io.files import json_bytes
from bootstruct.journal.events import UNKNOWN_MODEL

if TYPE_CHECKING:
    from bootstruct.config.recipe import Recipe
    from bootstruct.export.preference import PreferencePair
    from bootstruct.export.rows import TrainingRow

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format of training data.

    Attributes:
        container: what its file is unless its name says otherwise (`io.writers`); empty if it is a folder of files.
        description: what it is, in one line.
        objects: makes its objects from a run's recipe and training rows, one at a time.
        columns: of CSV and of tables, the types of its columns; None if they follow from the objects.
        checks: passes on the objects of a file and says at their end what its reader would refuse (InputError); the second
            argument is whether the file is to be trained on.
        is_bound: whether its file is of this container only.
        has_pairs: whether its rows are pairs of answers (`export.preference`), not answers.
        has_thoughts: whether an answer in it can be preceded by a thought.
        has_turns: whether a row holds the further turns of a conversation.
    """

    container: str
    description: str
    objects: "Callable[[Recipe, Iterable[TrainingRow]], Iterator[Json]]"
    columns: Mapping[str, ColumnType] | None = None
    checks: Callable[[Iterable[Json], bool], Iterable[Json]] = lambda objects, is_trained_on: objects
    is_bound: bool = False
    has_pairs: bool = False
    has_thoughts: bool = False
    has_turns: bool = False

    @property
    def suffix(self) -> str:
        """Ending of its file's name; empty if it is a folder of files."""
        return f".{self.container}" if self.container else ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not self.container


def find_format(name: str) -> ExportFormat:
    """Return the format of this name. Raises InputError with the known names if there is none."""
    if name not in FORMATS:
        raise InputError(f"format {name!r}: unknown; use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def alpaca_object(row: "TrainingRow") -> Json:
    """Instruction, input and output, as in Alpaca's file."""
    return {"id": row.id, "instruction": row.instruction, "input": row.instance.input, "output": row.instance.output}


def messages_object(row: "TrainingRow") -> Json:
    """A chat, as TRL reads it: two messages, and those of the further turns."""
    return {"id": row.id, "task": row.task, **openai_object(row)}


def openai_object(row: "TrainingRow") -> Json:
    """A chat and nothing else, as OpenAI's fine-tuning API requires."""
    chat = [{"role": message.role, "content": message.content} for message in row.messages]
    chat[1]["content"] = answer_with_thought(row)
    return {"messages": chat}


def answer_with_thought(row: "TrainingRow") -> str:
    """The answer, after the thought between `<think>` tags if the row has one, as Qwen3 and DeepSeek-R1 write it."""
    return f"<think>\n{row.thought}\n</think>\n\n{row.instance.output}" if row.thought else row.instance.output


def prompt_completion_chat_object(row: "TrainingRow") -> Json:
    """A chat in two parts, prompt and completion, so that a trainer learns the completion alone."""
    *before, reply = openai_object(row)["messages"]
    return {"id": row.id, "task": row.task, "prompt": before, "completion": [reply]}


def sharegpt_object(row: "TrainingRow") -> Json:
    """A conversation, as in ShareGPT's files."""
    names = {"user": "human", "assistant": "gpt"}
    turns = [{"from": names[message.role], "value": message.content} for message in row.messages]
    return {"id": row.id, "task": row.task, "conversations": turns}


def table_objects(recipe: "Recipe", rows: "Iterable[TrainingRow]") -> Iterator[Json]:
    """All columns of a table (`TABLE_COLUMNS`)."""
    model, digest = recipe.model_at("rewrite" if recipe.instances.rewrite else "instances"), recipe.digest()
    return (
        alpaca_object(row)
        | {"is_classification": row.is_classification, "is_seed": row.is_seed, "task": row.task}
        | {"model": None if row.is_seed or model == UNKNOWN_MODEL else model, "recipe": digest}
        for row in rows
    )


def preference_object(pair: "PreferencePair") -> Json:
    """A chat with two answers, as TRL's DPO trainer reads it, and what decided between them."""
    turns = {name: [{"role": "assistant", "content": text}] for name, text in _answers(pair).items()}
    return {
        "id": pair.id,
        "task": pair.task,
        "prompt": [{"role": "user", "content": pair.request}],
        **turns,
        **_decided(pair),
    }


def _answers(pair: "PreferencePair") -> dict[str, str]:
    return {"chosen": pair.instance.output, "rejected": pair.rejected}


def _decided(pair: "PreferencePair") -> Json:
    return {"margin": pair.margin, "decided_by": pair.decided_by}


def _preference_chats(recipe: "Recipe", pairs: "Iterable[TrainingRow]") -> Iterator[Json]:
    return (preference_object(cast("PreferencePair", pair)) for pair in pairs)


def _preference_texts(recipe: "Recipe", pairs: "Iterable[TrainingRow]") -> Iterator[Json]:
    from bootstruct.export.rows import encoded_row  # imported here: `export --help` needs the table alone

    for row in pairs:
        pair = cast("PreferencePair", row)
        texts = {name: encoded_row(recipe, pair, output) for name, output in _answers(pair).items()}
        answers = {name: example.completion for name, example in texts.items()}
        yield {"id": pair.id, "task": pair.task, "prompt": texts["chosen"].prompt, **answers, **_decided(pair)}


def _per_row(to_object: "Callable[[TrainingRow], Json]") -> "Callable[[Recipe, Iterable[TrainingRow]], Iterator[Json]]":
    return lambda recipe, rows: map(to_object, rows)


def _prompt_completions(recipe: "Recipe", rows: "Iterable[TrainingRow]") -> Iterator[Json]:
    from bootstruct.export.rows import prompt_completions  # imported here: `export --help` needs the table alone

    return prompt_completions(recipe, rows)


def _openai_checks(objects: Iterable[Json], is_trained_on: bool) -> Iterator[Json]:
    """The objects; at their end InputError for what OpenAI's fine-tuning API would refuse."""
    check = OpenAiFile(is_trained_on)
    for row in objects:
        check.add(json_bytes(row) + b"\n")
        yield row
    if faults := check.faults:
        raise InputError(
            f"The fine-tuning API would reject this file: {faults[0]}. Generate more tasks, or use another format."
        )


IMPORT_IS_CLOSED = (
    "An import cannot be continued: import again with the files that hold the other instances, or give the instructions to a "
    "new run as seeds (`bootstruct init NEW --seeds FILE`)."
)
ALPACA_COLUMNS = dict.fromkeys(("id", "instruction", "input", "output"), TEXT)
TABLE_COLUMNS = {
    **ALPACA_COLUMNS,
    **dict.fromkeys(("is_classification", "is_seed"), ColumnType("bool")),
    **dict.fromkeys(("task", "model", "recipe"), TEXT),
}


def _turns(*fields: str) -> ColumnType:
    return ColumnType("list", ColumnType("struct", fields=tuple((field, TEXT) for field in fields)))


def _with_turns(name: str, *fields: str) -> Mapping[str, ColumnType]:
    return {"id": TEXT, "task": TEXT, name: _turns(*fields)}


FORMATS = {
    "alpaca": ExportFormat(
        "json", "one JSON list of instruction, input, output", _per_row(alpaca_object), ALPACA_COLUMNS
    ),
    "messages": ExportFormat(
        "jsonl",
        "JSONL of chat messages, as TRL and most trainers read it",
        _per_row(messages_object),
        _with_turns("messages", "role", "content"),
        has_thoughts=True,
        has_turns=True,
    ),
    "prompt-completion": ExportFormat(
        "jsonl",
        "JSONL with the recipe's templates, one drawn for each instance",
        _prompt_completions,
        dict.fromkeys(("id", "task", "prompt", "completion"), TEXT),
    ),
    "prompt-completion-chat": ExportFormat(
        "jsonl",
        "JSONL of chats in two parts, of which TRL learns the answer alone",
        _per_row(prompt_completion_chat_object),
        {"id": TEXT, "task": TEXT} | dict.fromkeys(("prompt", "completion"), _turns("role", "content")),
        has_thoughts=True,
        has_turns=True,
    ),
    "sharegpt": ExportFormat(
        "json",
        "one JSON list of conversations",
        _per_row(sharegpt_object),
        _with_turns("conversations", "from", "value"),
        has_turns=True,
    ),
    "openai": ExportFormat(
        "jsonl",
        "JSONL for OpenAI's fine-tuning API, checked as the API checks it",
        _per_row(openai_object),
        checks=_openai_checks,
        is_bound=True,
        has_turns=True,
    ),
    "parquet": ExportFormat(
        "parquet",
        "all columns in one table (pip install 'bootstruct[parquet]')",
        table_objects,
        TABLE_COLUMNS,
    ),
    "preference": ExportFormat(
        "jsonl",
        "JSONL of chats with a chosen and a rejected answer, for DPO (docs/preference.md)",
        _preference_chats,
        has_pairs=True,
    ),
    "preference-text": ExportFormat(
        "jsonl", "the same as texts, with the recipe's templates", _preference_texts, has_pairs=True
    ),
    "original": ExportFormat(
        "", "the files of the released code, in a folder that `import` reads", _prompt_completions
    ),
}
