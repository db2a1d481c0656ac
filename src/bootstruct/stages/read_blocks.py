"""Reading replies that bring whole tasks: blocks of instruction, input and output (Alpaca's variant of the method)."""

import re

from bootstruct.domain import Candidate, Instance, Reply
from bootstruct.stages.read_original import broken
from bootstruct.stages.said import CUT_OFF, FENCE, Marker, after_each, said, says_none

_SEPARATOR = re.compile(
    r"^[ \t]*+\#{3,}+[ \t]*+(?:(?:task[ \t]*+)?\d{1,4}[.):]?[ \t]*+)?$", re.IGNORECASE | re.MULTILINE
)
_LEAD = r"^[ \t]*+(?:\#{1,6}[ \t]*+)?[*_]{0,3}+(?:task[ \t]++)?(?:\d{1,4}[.):]?[ \t]++|[-•][ \t]++)?[*_]{0,3}+"
_END = r"[*_]*+[ \t]*+[:：][ \t]*+[*_]*+[ \t]*+"


def _field(name: str) -> re.Pattern[str]:
    return re.compile(f"{_LEAD}{name}{_END}", re.IGNORECASE | re.MULTILINE)


_INSTRUCTION, _INPUT, _OUTPUT = _field("instruction"), _field("input"), _field("output")


def tasks(reply: Reply, opened: bool) -> list[Candidate]:
    """The candidates of a reply in order, each with its instance. opened: the prompt ended with "Instruction:"."""
    text = said(reply.text)
    text = f"Instruction: {text}" if opened else text
    blocks = _blocks(text)
    found = []
    for place, block in enumerate(blocks, 1):
        is_last = place == len(blocks)
        candidate = _task(block, CUT_OFF if is_last and reply.is_cut else None)
        if candidate is not None:
            found.append(candidate)
    return found


def with_instance(instruction: str, given: str, output: str, flaw: str | None) -> Candidate:
    """A candidate and its one instance; what is wrong with the instance is wrong with the task."""
    given, output = given.strip(), output.strip()
    instance = Instance("" if says_none(given) else given, output)
    return Candidate(instruction, flaw or (broken(instance) if output else "empty output"), (instance,))


def _blocks(text: str) -> list[str]:
    """The blocks of single tasks, each from its "Instruction:" on.

    Between separators a block holds one task, whatever its answer says; without any, each "Instruction:" begins one.
    """
    if not _SEPARATOR.search(text):
        return [marker[0] + rest for marker, rest in after_each(list(_INSTRUCTION.finditer(text)), text)]
    parts = _SEPARATOR.split(text)
    found = [(part, _INSTRUCTION.search(part)) for part in parts]
    return [part[marker.start() :] for part, marker in found if marker]


def _task(block: str, flaw: str | None) -> Candidate | None:
    """The task of a block: its input stands between the first "Input:" and the first "Output:" after it."""
    begins = _INSTRUCTION.match(block)
    if begins is None:
        return None
    output = _OUTPUT.search(block, begins.end())
    given = _INPUT.search(block, begins.end(), output.start() if output else len(block))
    fields: list[Marker] = [marker for marker in (begins, given, output) if marker]
    texts = dict(after_each(fields, block))
    line = " ".join(texts[begins].split()).strip("*_ ")
    if not any(each.isalnum() for each in line):
        return None
    return with_instance(line, texts[given] if given else "", _answer(texts[output]) if output else "", flaw)


def _answer(text: str) -> str:
    """An output without the fence that closes around the whole reply after it."""
    text = text.strip()
    head, _, last = text.rpartition("\n")
    return head.rstrip() if head and FENCE.fullmatch(last) and len(FENCE.findall(text)) % 2 else text
