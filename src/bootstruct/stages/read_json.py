"""Reading JSON replies, whatever the server made of the schema. None: there is no such JSON in it, read it as text.

Wholes are kept: of a reply that was cut, or that goes on as no JSON, only the item in which that happens is lost.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bootstruct.domain import Candidate, Instance, Refused, Reply
from bootstruct.stages.loose_json import Number, Part, bare, found
from bootstruct.stages.read_blocks import with_instance
from bootstruct.stages.read_instances import settled
from bootstruct.stages.read_original import Read
from bootstruct.stages.said import CUT_OFF, said, says_none

BROKEN = "broken JSON"
Item = TypeVar("Item")

_LIST_NUMBER = re.compile(r"\d{1,3}[.)]\s+")
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
_LONGEST_NUMBER = 4  # digits of a task's number in a question about several


def instructions(reply: Reply) -> list[Candidate] | None:
    """The candidate instructions of `schemas.TASKS`."""

    def read(item: Any, flaw: str | None) -> Candidate | None:
        text = _first(item, "instruction", "task", "text") if isinstance(item, dict) else item
        line = _line(text) if isinstance(text, str) and not isinstance(text, Number) else ""
        return Candidate(line, flaw) if line else None

    return _read_list(reply, ("tasks", "instructions"), read)


def tasks(reply: Reply) -> list[Candidate] | None:
    """The candidates of `schemas.TASKS_WITH_INSTANCES`, each with its instance."""

    def read(item: Any, flaw: str | None) -> Candidate | None:
        if not isinstance(item, dict):
            return None
        line = _line(_text(_first(item, "instruction", "task")))
        return with_instance(line, _text(item.get("input")), _text(item.get("output")), flaw) if line else None

    return _read_list(reply, ("tasks", "instructions"), read)


def instances(reply: Reply, is_classification: bool) -> Read | None:
    """The instances of `schemas.INPUT_FIRST` or `LABEL_FIRST` and those refused, each with its rule."""
    names = ("class_label", "label", "output") if is_classification else ("output", "answer")

    def read(item: Any, flaw: str | None) -> tuple[Instance, str | None] | None:
        if not isinstance(item, dict) or not any(name in item for name in (*names, "input")):
            return None
        given = _text(item.get("input"))
        return Instance("" if says_none(given) else given, _text(_first(item, *names))), flaw

    pairs = _read_list(reply, ("examples", "instances"), read)
    if pairs is None:
        return None
    whole = [pair for pair, flaw in pairs if flaw is None]
    return settled(whole, [Refused(pair, flaw) for pair, flaw in pairs if flaw is not None])


def is_classification(reply: Reply) -> bool | None:
    """The answer of `schemas.KIND`."""
    for values in found(said(reply.text)):
        fields = bare(values[0])
        if isinstance(fields, dict) and (truth := _truth(_first(fields, *_KIND_NAMES))) is not None:
            return truth
    return None


def kinds(reply: Reply, count: int) -> dict[int, bool] | None:
    """The answers of `schemas.KINDS` for tasks 1 to `count`; a task without one, or with two that differ, is left out.

    Also read: a list of so many truths, and an object of numbers with truths.
    """

    def read(item: Any, flaw: str | None) -> tuple[Any, bool | None] | None:
        number = _first(item, "number", "task", "id") if isinstance(item, dict) else None
        truth = _truth(_first(item, *_KIND_NAMES) if isinstance(item, dict) else item)
        return None if truth is None else (number, truth)

    pairs = _read_list(reply, ("answers", "tasks"), read)
    if not pairs:
        objects = [bare(values[0]) for values in found(said(reply.text))]
        pairs = [(name, _truth(own)) for each in objects if isinstance(each, dict) for name, own in each.items()]
    elif len(pairs) == count and all(number is None for number, _ in pairs):
        pairs = [(Number(place), truth) for place, (_, truth) in enumerate(pairs, 1)]
    answers = [(_number(name), truth) for name, truth in pairs]
    return agreed(answers, count) or None


def agreed(answers: Iterable[tuple[int | None, bool | None]], count: int) -> dict[int, bool]:
    """The answers to questions 1 to `count` that do not contradict one another."""
    heard: dict[int, set[bool]] = {}
    for number, truth in answers:
        if number is not None and truth is not None and 1 <= number <= count:
            heard.setdefault(number, set()).add(truth)
    return {number: truths.pop() for number, truths in heard.items() if len(truths) == 1}


_KIND_NAMES = ("is_classification", "classification", "answer")


def _read_list(reply: Reply, names: Sequence[str], read: Callable[[Any, str | None], Item | None]) -> list[Item] | None:
    """What `read` makes of the items (value, flaw if it is but a part): those under one of the names, in a bare list, or
    in a row of objects. None where there is no such list."""
    for values in found(said(reply.text)):
        first = bare(values[0])
        named = [bare(first[name]) for name in names if name in first] if isinstance(first, dict) else []
        lists = [value for value in named if isinstance(value, list)]
        items = lists[0] if lists else first if isinstance(first, list) else values
        flaw = CUT_OFF if reply.is_cut else BROKEN
        made = [read(bare(item), flaw if isinstance(item, Part) else None) for item in items]
        there = [one for one in made if one is not None]
        if there or lists:
            return there
    return None


def _first(fields: dict[str, Any], *names: str) -> Any:
    """The value of the first of these names that is there, whole or not."""
    return next((bare(fields[name]) for name in names if name in fields), None)


def _line(text: str) -> str:
    """A text on one line, without the list number it was given; empty where it holds no word."""
    line = " ".join(text.split())
    line = line[match.end() :] if (match := _LIST_NUMBER.match(line)) else line
    return line if any(each.isalnum() for each in line) else ""


def _text(value: Any) -> str:
    """A value as text: fields of an input as lines "name: value"."""
    value = bare(value)
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_text(own)}" for name, own in value.items())
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() if value is not None else ""


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return _TRUTHS.get(value.strip(" .!").lower())
    return value if isinstance(value, bool) else None


def _number(value: Any) -> int | None:
    """A task's number, as a number or as a text such as "Task 3"."""
    digits = re.search(r"\d+", value) if isinstance(value, str) else None
    return int(digits[0]) if digits and len(digits[0]) <= _LONGEST_NUMBER else None
