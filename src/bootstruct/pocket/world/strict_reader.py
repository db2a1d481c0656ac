"""The strict reader: it tells which task an instruction asks for, and whether an instance of that task is right.

It reads only sentences of the phrasing grammar and never guesses from key words. A sentence that belongs to two families is
ambiguous, and any sentence outside the grammar is unread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.grammar import PhraseReader
from bootstruct.pocket.world.phrases import CONTEXTS, ENDINGS

Status = Literal["right", "wrong", "bad input", "unread", "ambiguous"]


@dataclass(frozen=True)
class AmbiguousTask:
    """An instruction that belongs to several families.

    Attributes:
        names: the names of these families.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class ReadTask:
    """The one family to which an instruction belongs.

    Attributes:
        family: the family.
        params: the values of the instruction's slots.
    """

    family: TaskFamily
    params: Mapping[str, str]


@cache
def _context_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a sentence that may precede the task and of one that may follow it."""
    before, after = (
        PhraseReader(tuple(dict.fromkeys(template for some in table.values() for template in some))).pattern
        for table in (CONTEXTS, ENDINGS)
    )
    return re.compile(f"(?:{before}) ", re.IGNORECASE), re.compile(f" (?:{after})$", re.IGNORECASE)


def _without_context(text: str) -> list[str]:
    """Return the instruction as it is, and without a known sentence before it, after it, or both."""
    before, after = _context_patterns()
    cores = [text]
    if found := before.match(text):
        cores.append(text[found.end() :])
    if found := after.search(text):
        cores += [core[: found.start() - len(text)] for core in tuple(cores)]
    return cores


@lru_cache(maxsize=65536)
def possible_tasks(text: str) -> tuple[ReadTask, ...]:
    """Return every task that an instruction may ask for, one per family.

    Runs of blanks count as one blank, and upper case counts as lower case.

    Example:
        >>> [task.family.name for task in possible_tasks("Reverse the list.")]
        ['list_reverse']
    """
    text = " ".join(text.split())
    found: dict[str, ReadTask] = {}
    for core in _without_context(text):
        for family in FAMILIES.values():
            values = family.reader.read(core)
            if values is not None:
                found.setdefault(family.name, ReadTask(family, values))
    return tuple(found.values())


def read_instruction(text: str) -> ReadTask | AmbiguousTask | None:
    """Return the task that an instruction asks for, or None if the grammar does not contain the instruction.

    Case and runs of blanks make no difference; every word and every punctuation mark does.

    Example:
        >>> read_instruction("Reverse the list.").family.name
        'list_reverse'
    """
    found = possible_tasks(text)
    if not found:
        return None
    return found[0] if len(found) == 1 else AmbiguousTask(tuple(task.family.name for task in found))


def check_instance(instruction: str, text: str, output: str) -> Status:
    """Judge one instance of an instruction. Blanks around the input and the output make no difference.

    Args:
        instruction: the instruction.
        text: the input; empty if there is none.
        output: the output.

    Returns:
        `right` or `wrong`; `bad input` if the input does not fit the task; `unread` or `ambiguous` if the instruction does not
        tell the task.

    Example:
        >>> check_instance("Reverse the list.", "cat, rice", "rice, cat")
        'right'
    """
    task = read_instruction(instruction)
    if task is None:
        return "unread"
    if isinstance(task, AmbiguousTask):
        return "ambiguous"
    right = task.family.is_right(text.strip(), output.strip(), task.params)
    if right is None:
        return "bad input"
    return "right" if right else "wrong"
