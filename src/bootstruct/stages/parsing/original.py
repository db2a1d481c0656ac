"""Parse replies as the released code does, including its faults. Used by the `original` recipe and by imports."""

import re

from bootstruct.stages.parsing.instances import ParsedInstances
from bootstruct.stages.rules import broken_instance_rule
from bootstruct.types import Candidate, Instance, RejectedInstance, Reply

_ITEM = re.compile(r"\n\d+\s?\. ")
_EXAMPLE = re.compile(r"Example\s?\d*\.?")
_OUTPUT = re.compile(r"Output\s*+\d*+\s*+:")  # possessive: the same matches, without quadratic time on blanks
_INPUT = re.compile(r"Input\s*+\d*+\s*+:")


def parse_instructions(reply: Reply) -> list[Candidate]:
    """Split at numbered lines, collapse blanks, capitalise (the released code).

    A reply that reached max_tokens gives no candidates at all.
    """
    if reply.is_cut:
        return []
    texts = (" ".join(part.split()).capitalize() for part in _ITEM.split(reply.text))
    return [Candidate(text) for text in texts if text]


def parse_task_type(reply: Reply) -> bool:
    """Return whether the reply says that the task is classification: it is Yes, yes or YES (the released code)."""
    return reply.text.strip() in ("Yes", "yes", "YES")


def parse_instances(reply: Reply, is_classification: bool) -> ParsedInstances:
    """Return the instances of one task and the rejected ones, each with its rule.

    If two instances have the same input and different outputs, the task loses all of its instances (the released code).
    """
    pairs = _label_first(reply.text) if is_classification else _input_first(reply.text)
    rejected: list[RejectedInstance] = []
    if reply.is_cut and pairs:
        rejected.append(RejectedInstance(pairs.pop(), "cut off"))
    kept: list[Instance] = []
    for pair in pairs:
        rule = broken_instance_rule(pair)
        if rule:
            rejected.append(RejectedInstance(pair, rule))
        else:
            kept.append(pair)
    outputs: dict[str, str] = {}  # by input
    if any(outputs.setdefault(pair.input, pair.output) != pair.output for pair in kept if pair.input):
        return (), (*rejected, *(RejectedInstance(instance, "conflicting outputs") for instance in kept))
    return tuple(dict.fromkeys(kept)), tuple(rejected)


def _input_first(text: str) -> list[Instance]:
    text = text.strip()
    if _EXAMPLE.search(text):
        return [_pair(part.strip()) for part in _EXAMPLE.split(text) if part.strip()]
    return [_pair(text)] if _OUTPUT.search(text) else []


def _pair(text: str) -> Instance:
    parts = _OUTPUT.split(text)
    given, output = (parts[0].strip(), parts[1].strip()) if len(parts) > 1 else ("", text.strip())
    output = _INPUT.split(output)[0].strip()
    if match := _INPUT.match(given):
        given = given[match.end() :].strip()
    return Instance(given, output)


def _label_first(text: str) -> list[Instance]:
    instances = []
    for part in text.split("Class label:")[1:]:
        label, _, given = part.strip().partition("\n")
        instances.append(Instance(given.strip(), label.strip()))
    return instances
