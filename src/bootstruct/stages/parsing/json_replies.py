"""Parse JSON replies, however the server treated the schema.

The functions return None if the reply holds no such JSON, so that it is parsed as text instead. Whole items are kept: if a
reply was cut off, or stops being JSON, only the item in which that happens is lost.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from bootstruct.stages.parsing.cleanup import CUT_OFF, clean_reply, trimmed
from bootstruct.stages.parsing.instances import ParsedInstances, blank_inputs, filter_instances
from bootstruct.stages.parsing.instructions import split_inline
from bootstruct.stages.parsing.loose_json import JsonNumber, PartialJson, json_values, unwrap
from bootstruct.stages.parsing.whole_tasks import candidate_with_instance
from bootstruct.types import Candidate, Instance, RejectedInstance, Reply

BROKEN = "broken JSON"
Item = TypeVar("Item")

_LIST_NUMBER = re.compile(r"(?:(?:task|instruction|question)\s{0,3}\#?)?\d{1,3}\s?[.):]\s+", re.IGNORECASE)
_FIRST_NUMBER = re.compile(r"\s{0,9}1[.)]\s")
_NUMBERED_NAME = re.compile(r"(?:[^\W\d]{1,20}[ _-]?)?\d{1,3}[.)]?", re.IGNORECASE)
_TASK_LISTS = ("tasks", "instructions", "questions")
_TASK_NAMES = ("instruction", "task", "text", "description", "prompt", "question")
_DEEPEST_WRAP = 3  # objects around the one that holds the list
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
_LONGEST_KNOWN = 40  # characters of a field's name that is looked up among those that came before
_LONGEST_NUMBER = 4  # digits of a task's number in a request about several tasks


def parse_instructions(reply: Reply) -> list[Candidate] | None:
    """Return the candidate instructions of a reply to `schemas.TASKS`."""

    def read(item: Any, flaw: str | None) -> list[Candidate] | None:
        text = _first(item, *_TASK_NAMES) if isinstance(item, dict) else item
        if text is None and isinstance(item, dict) and len(item) == 1 and _is_numbered(item):
            text = unwrap(next(iter(item.values())))
        if not isinstance(text, str) or isinstance(text, JsonNumber):
            return None
        texts = split_inline([text], None) if _FIRST_NUMBER.match(text) else [text]  # a whole list in one text
        lines = [line for part in texts if (line := _line(part))]
        return [Candidate(line, flaw if line is lines[-1] else None) for line in lines] or None

    lists = _read_list(reply, _TASK_LISTS, read)
    return None if lists is None else [candidate for candidates in lists for candidate in candidates]


def parse_topics(reply: Reply) -> list[str] | None:
    """Return the topics of a reply to `schemas.TOPICS`; the one that was cut is left out."""

    def read(item: Any, flaw: str | None) -> str | None:
        text = _first(item, "topic", "name", "title") if isinstance(item, dict) else item
        return _line(text) or None if isinstance(text, str) and not isinstance(text, JsonNumber) and not flaw else None

    return _read_list(reply, ("topics", "subjects"), read)


def parse_tasks(reply: Reply) -> list[Candidate] | None:
    """Return the candidates of a reply to `schemas.TASKS_WITH_INSTANCES`, each with its instance."""

    def read(item: Any, flaw: str | None) -> Candidate | None:
        if not isinstance(item, dict):
            return None
        line = _line(_text(_first(item, *_TASK_NAMES)))
        given, output = _text(_first(item, "input")), _text(_first(item, "output", "answer"))
        return candidate_with_instance(line, given, output, flaw) if line else None

    return _read_list(reply, _TASK_LISTS, read)


def parse_instances(reply: Reply, is_classification: bool, instruction: str = "") -> ParsedInstances | None:
    """Return the instances of a reply to `schemas.INPUT_FIRST` or `LABEL_FIRST`, and the rejected ones with their rules.

    Args:
        reply: the model's reply.
        is_classification: whether the request asked for the label first.
        instruction: the task, which distinguishes a real input "-" from one that says that there is none.
    """
    names = ("class_label", "label", "output") if is_classification else ("output", "answer")

    def read(item: Any, flaw: str | None) -> tuple[Instance, str | None] | None:
        if not isinstance(item, dict) or _first(item, *names, "input") is None:
            return None
        return Instance(_text(_first(item, "input")), _text(_first(item, *names))), flaw

    pairs = _read_list(reply, ("examples", "instances"), read)
    if pairs is None:
        return None
    whole = blank_inputs([pair for pair, flaw in pairs if flaw is None], instruction)
    broken = [RejectedInstance(pair, flaw) for pair, flaw in pairs if flaw is not None]
    return filter_instances(whole, broken, instruction)


def parse_task_type(text: str) -> set[bool | None]:
    """Return the values that replies to `schemas.TASK_TYPE` give, None for one that is no truth value; empty without any.

    Args:
        text: the answer in a reply.
    """
    found = set[bool | None]()
    for values in json_values(text):
        for value in values:
            fields = unwrap(value)
            named = (
                [unwrap(fields[name]) for name in fields if _KIND_NAME.fullmatch(name)]
                if isinstance(fields, dict)
                else []
            )
            nested = [_first(inner, *_KIND_NAMES) if isinstance(inner, dict) else inner for inner in named]
            found.update(_truth(inner) for inner in nested)
        if found:
            break
    return found


def parse_task_types(reply: Reply, count: int) -> dict[int, bool] | None:
    """Return whether each of tasks 1 to `count` is classification, from a reply to `schemas.TASK_TYPES`.

    A task with no answer, or with two that differ, is left out. A list of `count` truth values and an object of numbers
    with truth values are understood too.
    """

    def read(item: Any, flaw: str | None) -> tuple[Any, bool | None] | None:
        number = _first(item, "number", "task", "id") if isinstance(item, dict) else None
        truth = _truth(_first(item, *_KIND_NAMES) if isinstance(item, dict) else item)
        return None if truth is None else (number, truth)

    seen: list[Any] = []
    pairs = _read_list(reply, ("answers", "tasks"), read, seen)
    if not pairs:
        objects = map(unwrap, seen)
        pairs = [(name, _truth(value)) for row in objects if isinstance(row, dict) for name, value in row.items()]
    elif len(pairs) == count and all(number is None for number, _ in pairs):
        pairs = [(JsonNumber(place), truth) for place, (_, truth) in enumerate(pairs, 1)]
    answers = [(_number(name), truth) for name, truth in pairs]
    return consistent_answers(answers, count) or None


def consistent_answers(answers: Iterable[tuple[int | None, bool | None]], count: int) -> dict[int, bool]:
    """Return the answers for tasks 1 to `count` that do not contradict one another.

    Args:
        answers: pairs of a task's number and its answer, as parsed; None if one could not be read.
        count: the number of tasks in the request.
    """
    truths_by_number: dict[int, set[bool]] = {}
    for number, truth in answers:
        if number is not None and truth is not None and 1 <= number <= count:
            truths_by_number.setdefault(number, set()).add(truth)
    return {number: truths.pop() for number, truths in truths_by_number.items() if len(truths) == 1}


_KIND_NAMES = ("is_classification", "classification", "answer")
_KIND_NAME = re.compile(r"(?:is[ _]?)?classification(?:[ _]?task)?|answer", re.IGNORECASE)


def _read_list(
    reply: Reply,
    names: Sequence[str],
    read: Callable[[Any, str | None], Item | None],
    seen: list[Any] | None = None,
) -> list[Item] | None:
    """Apply `read` to each item and to the flaw that it has if it is only a part; drop those that give None.

    Items are those under one of the names, those of a bare list, or a row of objects. None if there is no such list.
    `seen` gets the first value at each place that was looked at: at all places, if nothing was found.
    """
    rows: list[Item] = []
    is_list = False
    for values in json_values(clean_reply(reply.text)):
        if seen is not None:
            seen.append(values[0])
        items, named = _items(values, names)
        flaw = CUT_OFF if reply.is_cut else BROKEN
        parsed = [read(unwrap(item), flaw if isinstance(item, PartialJson) else None) for item in items]
        known = [item for item in parsed if item is not None]
        is_list = is_list or named
        if known and (named or not isinstance(unwrap(values[0]), dict)):
            return rows or known
        rows += known  # objects that stand alone, each perhaps in a code fence of its own
    return rows or ([] if is_list else None)


def _items(values: list[Any], names: Sequence[str]) -> tuple[list[Any], bool]:
    """Return the items among JSON values, and whether they are those of a list."""
    first = unwrap(values[0])
    if isinstance(first, list):
        return first, False
    for _ in range(_DEEPEST_WRAP):
        if not isinstance(first, dict):
            break
        fields = {_normal(name): unwrap(value) for name, value in first.items()}
        found = [fields[_normal(name)] for name in names if _normal(name) in fields]
        inner = next((value for value in found if isinstance(value, list | dict)), None)
        if isinstance(inner, list):
            return inner, True
        if isinstance(inner, dict) and _is_numbered(inner):
            return list(inner.values()), True
        if _is_numbered(first):
            return list(first.values()), True
        lists = [value for value in fields.values() if isinstance(value, list)]
        if len(fields) == 1 and lists:
            return lists[0], True  # under another name, perhaps in another language
        wrapped = [value for value in fields.values() if isinstance(value, dict)]
        if inner is None and len(wrapped) != 1:
            break
        first = inner if isinstance(inner, dict) else wrapped[0]
    return values, False


def _is_numbered(fields: dict[str, Any]) -> bool:
    """Return whether the names of all fields are numbers: "1", "task_1", "Example 2"."""
    return bool(fields) and all(_NUMBERED_NAME.fullmatch(name) for name in fields)


def _normal(name: str) -> str:
    return _short_normal(name) if len(name) <= _LONGEST_KNOWN else _spelled_alike(name)


@lru_cache(maxsize=256)
def _short_normal(name: str) -> str:
    return _spelled_alike(name)


def _spelled_alike(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "").replace("-", "").removeprefix("new")


def _first(fields: dict[str, Any], *names: str) -> Any:
    """Return the value of the first of these names that the object has, in any spelling, whole or not."""
    fields_by_name = {_normal(name): value for name, value in fields.items()}
    for name in names:
        if (normal := _normal(name)) in fields_by_name:
            return unwrap(fields_by_name[normal])
    return None


def _line(text: str) -> str:
    """Return a text on one line without a list number before it; empty if it holds no letter or digit."""
    line = " ".join(text.split())
    line = line[match.end() :] if (match := _LIST_NUMBER.match(line)) else line
    return line if any(character.isalnum() for character in line) else ""


def _text(value: Any) -> str:
    """Return a value as text. An object, or a list of other values than texts, stays JSON; texts in a list become lines."""
    value = unwrap(value)
    if isinstance(value, list) and all(isinstance(unwrap(inner), str) for inner in value):
        return "\n".join(str(unwrap(inner)) for inner in value)
    if isinstance(value, dict | list):
        return _json_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return trimmed(str(value)) if value is not None else ""


def _json_text(value: Any) -> str:
    """Return a value as JSON on one line."""
    value = unwrap(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_json_text(name)}: {_json_text(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json_text, value))}]"
    return str(value) if isinstance(value, JsonNumber) else json.dumps(value, ensure_ascii=False)


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return _TRUTHS.get(value.strip(" .!").lower())
    return value if isinstance(value, bool) else None


def _number(value: Any) -> int | None:
    """Return a task's number, given as a number or as a text such as "Task 3"."""
    digits = re.search(r"\d+", value) if isinstance(value, str) else None
    return int(digits[0]) if digits and len(digits[0]) <= _LONGEST_NUMBER else None
