"""Where a task came from: its prompts, raw replies and nearest texts, read again from the journal or derived again."""

from dataclasses import dataclass
from pathlib import Path

from bootstruct.domain import Prompt, Reply
from bootstruct.events import Replied, State
from bootstruct.journal import read_reply
from bootstruct.stages.propose import propose_prompt


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked and the reply to it; None where none was kept."""

    question: str
    reply: Reply | None


def recorded_reply(state: State, journal: Path, key: str) -> Replied | None:
    """The reply filed under a key: from memory if it is not committed yet, else from its place in the journal."""
    waiting = state.replies.get(key)
    if isinstance(waiting, Replied):
        return waiting
    offset = state.answered.get(key)
    return None if offset is None else read_reply(journal, offset)


def proposed_by(state: State, journal: Path, task: str) -> Asked:
    """The request that brought a task. An import's question is the recorded one, else it is derived again;
    one that was drawn by another run is not known."""
    index = int(task.partition(".")[0])
    replied = recorded_reply(state, journal, f"propose/{index}")
    if replied is not None and replied.question:
        return Asked(replied.question, replied.reply)
    question = "" if state.origin == "import" or index < state.inherited else text_of(propose_prompt(state, index)[0])
    return Asked(question, replied.reply if replied else None)


def text_of(prompt: Prompt) -> str:
    """A prompt as one text: the text to continue, or the messages with their roles."""
    if not prompt.is_chat:
        return prompt.text
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
