"""Reading replies as the released code reads them, faults included. Used by the `original` recipe and by imports."""

import re

from bootstruct.domain import Candidate, Instance, Refused, Reply

_ITEM = re.compile(r"\n\d+\s?\. ")
_EXAMPLE = re.compile(r"Example\s?\d*\.?")
_OUTPUT = re.compile(r"Output\s*+\d*+\s*+:")  # possessive: the same matches, without quadratic time on blanks
_INPUT = re.compile(r"Input\s*+\d*+\s*+:")

Read = tuple[tuple[Instance, ...], tuple[Refused, ...]]


def instructions(reply: Reply) -> list[Candidate]:
    """Split at numbered lines, collapse blanks, capitalise. A reply that ran into max_tokens is dropped whole."""
    if reply.is_cut:
        return []
    texts = (" ".join(part.split()).capitalize() for part in _ITEM.split(reply.text))
    return [Candidate(text) for text in texts if text]


def is_classification(reply: Reply) -> bool:
    return reply.text.strip() in ("Yes", "yes", "YES")


def instances(reply: Reply, is_classification: bool) -> Read:
    """The instances of one task and those refused, each with its rule. One conflict costs all of them."""
    pairs = _label_first(reply.text) if is_classification else _input_first(reply.text)
    refused: list[Refused] = []
    if reply.is_cut and pairs:
        refused.append(Refused(pairs.pop(), "cut off"))
    kept: list[Instance] = []
    for pair in pairs:
        rule = broken(pair)
        if rule:
            refused.append(Refused(pair, rule))
        else:
            kept.append(pair)
    if any(a.input == b.input and a.output != b.output for a in kept if a.input for b in kept):
        return (), (*refused, *(Refused(each, "conflicting outputs") for each in kept))
    return tuple(dict.fromkeys(kept)), tuple(refused)


def broken(instance: Instance) -> str | None:
    """The name of the first rule an instance breaks (section 2.2, appendix of the code), None if none."""
    if instance.input == instance.output:
        return "output repeats input"
    if not instance.output:
        return "empty output"
    if instance.input.strip().endswith(":") or instance.output.strip().endswith(":"):
        return "ends with a colon"
    return None


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
    made = []
    for part in text.split("Class label:")[1:]:
        label, _, given = part.strip().partition("\n")
        made.append(Instance(given.strip(), label.strip()))
    return made
