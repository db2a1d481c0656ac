"""Parse replies that contain whole tasks: blocks of instruction, input and output (Alpaca's variant of the method)."""

import re

from bootstruct.stages.parsing.cleanup import CODE_FENCE, CUT_OFF, Marker, clean_reply, means_no_input, split_after
from bootstruct.stages.rules import broken_instance_rule
from bootstruct.types import Candidate, Instance, Reply

_SEPARATOR = re.compile(
    r"^[ \t]*+\#{3,}+[ \t]*+(?:(?:task[ \t]*+)?\d{1,4}[.):]?[ \t]*+)?$", re.IGNORECASE | re.MULTILINE
)
_LEAD = r"^[ \t]*+(?:\#{1,6}[ \t]*+)?[*_]{0,3}+(?:task[ \t]++)?(?:\d{1,4}[.):]?[ \t]++|[-•][ \t]++)?[*_]{0,3}+"
_END = r"[*_]*+[ \t]*+[:：][ \t]*+[*_]*+[ \t]*+"


def _field(name: str) -> re.Pattern[str]:
    return re.compile(f"{_LEAD}{name}{_END}", re.IGNORECASE | re.MULTILINE)


_INSTRUCTION, _INPUT, _OUTPUT = _field("instruction"), _field("input"), _field("output")


def parse_tasks(reply: Reply, opened: bool) -> list[Candidate]:
    """Return the candidates of a reply in order, each with its instance.

    Args:
        reply: the model's reply.
        opened: whether the prompt ended with "Instruction:", so that the reply begins inside the first task.
    """
    text = clean_reply(reply.text)
    text = f"Instruction: {text}" if opened else text
    blocks = _blocks(text)
    candidates = []
    for place, block in enumerate(blocks, 1):
        is_last = place == len(blocks)
        candidate = _task(block, CUT_OFF if is_last and reply.is_cut else None)
        if candidate is not None:
            candidates.append(candidate)
    return candidates


def candidate_with_instance(instruction: str, given: str, output: str, flaw: str | None) -> Candidate:
    """Return a candidate with its one instance; a flaw of the instance is a flaw of the candidate.

    Args:
        instruction: the instruction on one line.
        given: the input as the model wrote it, including "None" and the like.
        output: the output as the model wrote it.
        flaw: the rule that the candidate breaks already, if any.
    """
    given, output = given.strip(), output.strip()
    instance = Instance("" if means_no_input(given) else given, output)
    flaw = flaw or broken_instance_rule(instance, robust=True, instruction=instruction)
    return Candidate(instruction, flaw, (instance,))


def _blocks(text: str) -> list[str]:
    """Split a reply into one block for each task, starting at its "Instruction:".

    Between separators a block holds one task, whatever its answer says; without separators, each "Instruction:" starts
    a new one.
    """
    if not _SEPARATOR.search(text):
        return [marker[0] + rest for marker, rest in split_after(list(_INSTRUCTION.finditer(text)), text)]
    parts = _SEPARATOR.split(text)
    starts = [(part, _INSTRUCTION.search(part)) for part in parts]
    return [part[marker.start() :] for part, marker in starts if marker]


def _task(block: str, flaw: str | None) -> Candidate | None:
    """Parse the task of a block: its input is between the first "Input:" and the first "Output:" after it."""
    start = _INSTRUCTION.match(block)
    if start is None:
        return None
    output = _OUTPUT.search(block, start.end())
    given = _INPUT.search(block, start.end(), output.start() if output else len(block))
    fields: list[Marker] = [marker for marker in (start, given, output) if marker]
    texts = dict(split_after(fields, block))
    line = " ".join(texts[start].split()).strip("*_ ")
    if not any(character.isalnum() for character in line):
        return None
    return candidate_with_instance(line, texts[given] if given else "", _answer(texts[output]) if output else "", flaw)


def _answer(text: str) -> str:
    """Return an output without the closing fence of a code block that wraps the whole reply."""
    text = text.strip()
    head, _, last = text.rpartition("\n")
    return head.rstrip() if head and CODE_FENCE.fullmatch(last) and len(CODE_FENCE.findall(text)) % 2 else text
