"""The origin of a task: its prompts, raw replies and nearest texts, read from the journal or derived again."""

from dataclasses import dataclass
from pathlib import Path

from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_reply
from bootstruct.journal.keys import again
from bootstruct.journal.state import State
from bootstruct.stages.draw import draw_evolution, visible_count
from bootstruct.stages.propose import propose_prompt
from bootstruct.stages.steering import hints_of
from bootstruct.types import Prompt, Reply


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it was made: its prompt as text, and the reply to it; None if no reply was kept."""

    prompt: str
    reply: Reply | None


def recorded_reply(state: State, journal: Path, key: str) -> ReplyReceived | None:
    """The reply filed under a key: from memory if it is not committed yet, else from its place in the journal."""
    waiting = state.replies.get(key)
    if isinstance(waiting, ReplyReceived):
        return waiting
    offset = state.reply_offsets.get(key)
    return None if offset is None else read_reply(journal, offset)


def counted_reply(state: State, journal: Path, key: str) -> ReplyReceived | None:
    """The reply that counts for a key: that of the second request, if one was made and answered."""
    return recorded_reply(state, journal, again(key)) or recorded_reply(state, journal, key)


def proposed_by(state: State, journal: Path, task: str) -> RecordedRequest:
    """The request that brought a task.

    The prompt of an import is the recorded one; others are derived again. A prompt that another run drew is not known
    and is empty.
    """
    index = int(task.partition(".")[0])
    replied = counted_reply(state, journal, f"propose/{index}")
    if replied is not None and replied.question:
        return RecordedRequest(replied.question, replied.reply)
    prompt = "" if state.origin == "import" or index < state.inherited else text_of(propose_prompt(state, index)[0])
    return RecordedRequest(prompt, replied.reply if replied else None)


def dealt_topic(state: State, task: str) -> str:
    """The topic that the recipe dealt to the request for a task; empty if it deals none or the request showed none.

    Args:
        state: the run.
        task: the name of the task, or a request's number and the place of a rejected candidate.
    """
    recipe, index = state.recipe, int(task.partition(".")[0])
    if "topic" not in recipe.propose.hints or state.origin == "import" or index < state.inherited:
        return ""
    if index in state.revises:
        return ""
    visible = visible_count(recipe.propose, index, state.accepted_after)
    is_evolved = draw_evolution(recipe.propose, recipe.seed, index, visible) is not None
    return "" if is_evolved else hints_of(state, index).get("topic", "")


def text_of(prompt: Prompt) -> str:
    """A prompt as one text: the text to continue, or the messages with their roles."""
    if not prompt.is_chat:
        return prompt.text
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
