"""The strict reader: which task does an instruction ask for? And is an instance of it right?

Only sentences of the phrasing grammar are read. A sentence that two families could have said is reported as
ambiguous, anything else as unread; nothing is guessed from key words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from bootstruct.pocket.families import FAMILIES
from bootstruct.pocket.family import Family
from bootstruct.pocket.grammar import Reader
from bootstruct.pocket.phrases import CONTEXTS, ENDINGS

Status = Literal["right", "wrong", "bad input", "unread", "ambiguous"]


@dataclass(frozen=True)
class Ambiguous:
    """An instruction that several families could have said; `names` are theirs, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Meant:
    """The one family an instruction belongs to, with the values of its slots."""

    family: Family
    params: Mapping[str, str]


@cache
def _around() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The patterns of a sentence before the task and of one after it."""
    before, after = (
        Reader(tuple(dict.fromkeys(template for some in table.values() for template in some))).pattern
        for table in (CONTEXTS, ENDINGS)
    )
    return re.compile(f"(?:{before}) ", re.IGNORECASE), re.compile(f" (?:{after})$", re.IGNORECASE)


def _cores(text: str) -> list[str]:
    """The instruction with and without a known sentence before and after it."""
    before, after = _around()
    cores = [text]
    if found := before.match(text):
        cores.append(text[found.end() :])
    if found := after.search(text):
        cores += [core[: found.start() - len(text)] for core in tuple(cores)]
    return cores


@lru_cache(maxsize=65536)
def meanings(text: str) -> tuple[Meant, ...]:
    """Every family whose grammar contains the instruction."""
    text = " ".join(text.split())
    found: dict[str, Meant] = {}
    for core in _cores(text):
        for family in FAMILIES.values():
            values = family.reader.read(core)
            if values is not None:
                found.setdefault(family.name, Meant(family, values))
    return tuple(found.values())


def read_instruction(text: str) -> Meant | Ambiguous | None:
    """What an instruction asks for: one family with its slot values, several families, or nothing known (None).

    Case and runs of blanks do not matter; every word and mark does.
    """
    found = meanings(text)
    if not found:
        return None
    return found[0] if len(found) == 1 else Ambiguous(tuple(meant.family.name for meant in found))


def check_instance(instruction: str, text: str, output: str) -> Status:
    """Judge one instance of an instruction. Blanks around input and output do not matter, all else does."""
    meant = read_instruction(instruction)
    if meant is None:
        return "unread"
    if isinstance(meant, Ambiguous):
        return "ambiguous"
    right = meant.family.is_right(text.strip(), output.strip(), meant.params)
    if right is None:
        return "bad input"
    return "right" if right else "wrong"
