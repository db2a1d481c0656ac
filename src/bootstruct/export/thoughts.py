"""Thoughts beside answers: what the model thought, or planned, before it wrote an output, from the replies in the journal.

Only a reply that wrote this one output counts: to a request that rewrites it, to one for instances that brought one, or to one
for tasks that brought one task with its answer. The plan before such a task (recipe `cot`) is a part of its thought.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from bootstruct.export.rows import TrainingRow
from bootstruct.export.selection import RunSource
from bootstruct.run.task_provenance import counted_reply
from bootstruct.stages.parsing.cleanup import clean_reply
from bootstruct.stages.parsing.thoughts import without_thought
from bootstruct.stages.propose import parse_instructions
from bootstruct.stages.regenerate_outputs import parse_output
from bootstruct.types import Instance, Reply

SEED_ROW: Final = "of seed tasks"
SEVERAL: Final = "whose reply holds several answers"
NO_THOUGHT: Final = "whose reply holds no thought"
_MARKERS: Final = re.compile(
    r"</?(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)\s?>|\[/?THINK\]|◁/?think▷"
    r"|<\|?(?:START_THINKING|END_THINKING|inner_prefix|inner_suffix|channel|message|end|start|return)\|?>",
    re.IGNORECASE,
)
_TASK_BEGINS: Final = re.compile(
    r"^[ \t]*+(?:\#{3,}+[ \t]*+$|(?:\#{1,6}[ \t]*+)?[*_]{0,3}+instruction[*_]*+[ \t]*+[:：])",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(slots=True)
class RowsWithThoughts:
    """The rows of a run, each with its thought; counts those that have none, by reason.

    Attributes:
        source: the run.
        rows: its rows.
        without: how many rows had no thought when they were gone through last, by reason.
        count: how many rows there were then.
    """

    source: RunSource
    rows: Iterable[TrainingRow]
    without: Counter[str] = field(default_factory=Counter)
    count: int = 0

    def __iter__(self) -> Iterator[TrainingRow]:
        """The rows in their order."""
        self.without, self.count = Counter(), 0
        for row in self.rows:
            thought, reason = thought_of(self.source, row)
            self.without[reason] += not thought
            self.count += 1
            yield replace(row, thought=thought) if thought else row


def note_on_thoughts(parts: Iterable[RowsWithThoughts]) -> str:
    """A sentence that says how many rows have no thought, and why; empty if all have one."""
    without, count = Counter[str](), 0
    for part in parts:
        without, count = without + part.without, count + part.count
    if not without.total():
        return ""
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in without.most_common())
    return f"{without.total():,} of {count:,} rows have no thought: {reasons}"


def thought_of(source: RunSource, row: TrainingRow) -> tuple[str, str]:
    """The thought before a row's output, and if there is none, why."""
    if row.is_seed:
        return "", SEED_ROW
    reply, is_task = _writing_reply(source, row)
    if reply is None:
        return "", SEVERAL
    thought = own_thought(reply, is_task)
    return thought, "" if thought else NO_THOUGHT


def own_thought(reply: Reply, is_task: bool) -> str:
    r"""The thought in a reply without its markers, followed by the plan before a task if the reply holds one.

    Args:
        reply: the reply.
        is_task: whether it wrote a task with its answer, before which a plan may stand.

    Example:
        >>> own_thought(Reply("Plan: add 1 and 2.\n###\nInstruction: Add.\nOutput: 3"), is_task=True)
        'Plan: add 1 and 2.'
    """
    parts = [_MARKERS.sub("", without_thought(reply).thought).strip()]
    if is_task:
        text = clean_reply(reply.text)
        begin = _TASK_BEGINS.search(text)
        parts += [text[: begin.start()].strip()] if begin else []
    return "\n\n".join(part for part in parts if part)


def _writing_reply(source: RunSource, row: TrainingRow) -> tuple[Reply | None, bool]:
    """The reply that wrote a row's output and no other, None if there is none; and whether it wrote the task as well."""
    state, name = source.state, row.task_name
    if state.recipe.instances.rewrite is not None:
        return _rewriting_reply(source, name, row.instance, state.completed[name].is_classification), False
    if state.recipe.propose.with_instances:
        reply = _reply(source, f"propose/{name.partition('.')[0]}")
        is_alone = reply is not None and len(parse_instructions(state.recipe, reply, ())) == 1
        return reply if is_alone else None, True
    completed = state.completed[name]
    alone = len(completed.instances) + len(completed.rejected) == 1
    return _reply(source, f"annotate/{name}/instances") if alone else None, False


def _rewriting_reply(source: RunSource, task: str, instance: Instance, is_classification: bool) -> Reply | None:
    """The first reply to a request to rewrite an output of this task whose output is the instance's."""
    completed = source.state.completed[task]
    for number in range(len(completed.instances) + len(completed.rejected)):
        reply = _reply(source, f"annotate/{task}/rewrite/{number}")
        if reply is not None and parse_output(reply, is_classification) == instance.output:
            return reply
    return None


def _reply(source: RunSource, key: str) -> Reply | None:
    event = counted_reply(source.state, source.journal, key)
    return None if event is None else event.reply
