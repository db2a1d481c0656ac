"""The documented rules of trainers' data formats, as far as our exports use them; each check returns what a trainer refuses.

LLaMA-Factory reads uncompressed JSON, JSON Lines, CSV, Parquet and Arrow. Its formats are `alpaca` (the texts instruction,
input and output) and `sharegpt` or `openai`, a list of turns: an optional system message, then user and assistant in
alternation, under tags that its data set file names. It does not accept a text that holds JSON in place of the list. axolotl
reads `type: alpaca` and `type: chat_template`, whose turns have a role and a content under names that its settings give. The
rules here are stricter in one respect: both trainers accept an empty text, from which nothing is learned.
docs/lab-notes/files.md names the versions with which the rules were compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
OPENAI_TAGS = ("messages", "role", "content", "user", "assistant")  # column, role, content, user, assistant
SHAREGPT_TAGS = ("conversations", "from", "value", "human", "gpt")


def alpaca_faults(rows: Sequence[Row]) -> list[str]:
    """Return what a trainer refuses in rows of Alpaca's format.

    The prompt is the instruction, a line break and the input.
    """
    faults = []
    for number, row in enumerate(rows, 1):
        texts = [row.get(name) for name in ("instruction", "input", "output")]
        if not all(isinstance(text, str) for text in texts):
            faults.append(f"row {number}: instruction, input and output must be texts")
        elif not texts[0] or not texts[2]:
            faults.append(f"row {number}: no instruction or no output")
    return faults


def chat_faults(rows: Sequence[Row], tags: tuple[str, str, str, str, str]) -> list[str]:
    """Return what a trainer refuses in rows of chats: users and assistants must alternate and be equal in number."""
    column, role, content, user, assistant = tags
    faults = []
    for number, row in enumerate(rows, 1):
        turns = row.get(column)
        if isinstance(turns, list) and turns and turns[0].get(role) == "system":
            turns = turns[1:]
        if not isinstance(turns, list) or not turns or len(turns) % 2:
            faults.append(f"row {number}: no list of turns in pairs")
            continue
        for place, turn in enumerate(turns):
            if turn.get(role) != (user, assistant)[place % 2]:
                faults.append(f"row {number}: turn {place + 1} is not the {(user, assistant)[place % 2]}'s")
            if not isinstance(turn.get(content), str) or not turn[content].strip():
                faults.append(f"row {number}: turn {place + 1} has no text")
    return faults
