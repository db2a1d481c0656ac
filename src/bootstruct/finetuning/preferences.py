"""The training data of DPO (arXiv 2305.18290): requests with a chosen and a rejected answer.

A row of a file has `chosen`, `rejected` and optionally `prompt`: texts, or lists of chat messages. Without a prompt,
the two are whole chats that differ in the last message. `export --format preference` and `preference-text` write such
rows.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.export.preference import PreferencePair, select_pairs
from bootstruct.export.rows import encoded_row
from bootstruct.export.selection import RunSource
from bootstruct.finetuning.data import TrainingExample, TrainingSource, content_of, source_of
from bootstruct.finetuning.settings import MixturePart
from bootstruct.io.accounts import RowAccount
from bootstruct.io.chats import ROLES, turns_of
from bootstruct.io.row_texts import group_of, task_key
from bootstruct.io.rows import STDIN, read_rows
from bootstruct.io.tasks import require_used
from bootstruct.journal.file import NAME, journal_path
from bootstruct.run.folder import read_run
from bootstruct.types import Message

NO_PAIR: Final = "without a chosen and a rejected answer"
EQUAL_ANSWERS: Final = "whose answers are equal"
BAD_CHAT: Final = "with a chat that cannot be read"
KIND: Final = "preference pairs"


@dataclass(frozen=True, slots=True)
class PreferenceExample(TrainingExample):
    """A training example with a second answer, which the model learns to write less often.

    Attributes:
        rejected: the second answer, encoded like `completion`.
        rejected_answer: the same as the assistant's message of a chat.
    """

    rejected: str = ""
    rejected_answer: str = ""

    @property
    def texts(self) -> list[str]:
        """All texts of the example."""
        return [self.task, self.prompt, self.completion, self.rejected]

    @property
    def other(self) -> TrainingExample:
        """The example with the second answer instead of the first."""
        chat = (*self.messages[:-1], Message("assistant", self.rejected_answer))
        return TrainingExample(self.task, self.prompt, self.rejected, chat)


def read_pairs(part: MixturePart) -> tuple[TrainingSource, list[TrainingExample]]:
    """Return one source of preference pairs.

    Args:
        part: a run, whose pairs are those of its `agreement` checks (`export.preference`), or a file of pairs.

    Raises:
        InputError: the source cannot be read, or there is no pair in it.
    """
    path = Path(part.path)
    if path.is_dir() and (path / NAME).is_file():
        return _run(path)
    if path != STDIN and not path.exists():
        raise InputError(f"{path}: no such run or file.")
    account = RowAccount(str(path))
    examples = _file(path, account)
    content = path.read_bytes() if path.is_file() else content_of(examples)
    return dataclasses.replace(source_of(path, KIND, examples, content), account=account), examples


def _run(path: Path) -> tuple[TrainingSource, list[TrainingExample]]:
    state = read_run(path)
    selection = select_pairs([RunSource(state, journal_path(path), (), path)])
    examples: list[TrainingExample] = []
    for row in selection.rows[0]:
        assert isinstance(row, PreferencePair)
        encoded, other = encoded_row(state.recipe, row), encoded_row(state.recipe, row, row.rejected)
        chat = (Message("user", row.request), Message("assistant", row.instance.output))
        texts = (row.instruction, encoded.prompt, encoded.completion)
        examples.append(PreferenceExample(*texts, chat, rejected=other.completion, rejected_answer=row.rejected))
    if not examples:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in selection.rows_left_out.items())
        raise InputError(
            f"{path}: there is no preference pair in this run{f' (left out: {reasons})' if reasons else ''}."
        )
    source = source_of(path, f"run, {KIND}", examples, content_of(examples))
    return dataclasses.replace(source, recipe=state.recipe.digest(), model=state.recipe.model), examples


def _file(path: Path, account: RowAccount) -> list[TrainingExample]:
    examples: list[TrainingExample] = []
    for number, row in read_rows(path, account=account, columns=("chosen", "rejected")):
        try:
            example = _example(row)
        except ValueError as exc:
            account.leave_out(number, BAD_CHAT, str(exc))
            continue
        if isinstance(example, str):
            account.leave_out(number, example)
        else:
            account.use(KIND)
            examples.append(example)
    require_used(account)
    return examples


def _example(row: Mapping[str, Any]) -> PreferenceExample | str:
    """The pair in a row, or why there is none. Raises ValueError if a chat cannot be read."""
    prompt, chosen, rejected = row.get("prompt"), row.get("chosen"), row.get("rejected")
    if _is_chat(chosen) and _is_chat(rejected):
        given = turns_of(prompt) if _is_chat(prompt) else [Message("user", prompt)] if isinstance(prompt, str) else []
        return _of_chats([*given, *turns_of(chosen)], [*given, *turns_of(rejected)], row)
    if not all(isinstance(text, str) and text.strip() for text in (prompt, chosen, rejected)):
        return NO_PAIR
    prompt, chosen, rejected = str(prompt), str(chosen), str(rejected)
    if chosen.strip() == rejected.strip():
        return EQUAL_ANSWERS
    chat = (Message("user", prompt), Message("assistant", chosen.strip()))
    texts = (task_key(prompt, group_of(row)), prompt, chosen)
    return PreferenceExample(*texts, chat, rejected=rejected, rejected_answer=rejected.strip())


def _of_chats(chosen: list[Message], rejected: list[Message], row: Mapping[str, Any]) -> PreferenceExample | str:
    if chosen[:-1] != rejected[:-1] or len(chosen) < 2 or len(rejected) < 2:
        return "whose chats differ in more than the last message"
    best, other = chosen[-1], rejected[-1]
    if (best.role, other.role) != ("assistant", "assistant"):
        return "of a chat whose last message is not the assistant's"
    if not best.content.strip() or not other.content.strip():
        return NO_PAIR
    if best.content.strip() == other.content.strip():
        return EQUAL_ANSWERS
    if unknown := next((turn.role for turn in chosen if turn.role not in ROLES.values()), None):
        return f"of a chat with the unknown role {unknown!r:.40}"
    given = "\n\n".join(message.content for message in chosen[:-1])
    first = next((turn.content for turn in chosen if turn.role == "user"), given)
    texts = (task_key(first, group_of(row)), f"{given}\n\nOutput:", f" {best.content}")
    return PreferenceExample(*texts, tuple(chosen), rejected=f" {other.content}", rejected_answer=other.content)


def _is_chat(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.startswith("[{"))
