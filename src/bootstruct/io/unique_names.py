"""JSON objects in which a name occurs twice, found at little cost, because almost none has one. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from bootstruct.io.row_faults import NOT_JSON, RowFault

TWICE = "with a field named twice"


def unique(value: Any, text: str) -> Any:
    """Return a value, or a RowFault where an object in it has a name twice with different values.

    Which of the values counts differs between readers of JSON, so that none is right to guess. Equal values are no fault.
    What may be a name is counted in the text; only where there are more than in the value is the text read once more.

    Args:
        value: as `json.loads` gives it: of two values with one name the last.
        text: what it was read from.

    Example:
        >>> text = '{"a": 1, "a": 2}'
        >>> unique(json.loads(text), text).sentence
        "the field 'a' is named twice, with different values"
    """
    if type(value) is not dict:
        return value
    names = len(value)
    for inner in value.values():
        if type(inner) is dict or type(inner) is list:
            names += _names_in(inner)
    if text.count(":") == names or _most_names(text) == names:
        return value
    found: list[str] = []
    try:
        json.loads(text, object_pairs_hook=lambda pairs: _as_dict(pairs, found))
    except RecursionError:
        return RowFault(NOT_JSON, "it is nested too deep")
    return RowFault(TWICE, f"the field {found[0]!r:.80} is named twice, with different values") if found else value


def _names_in(value: dict[str, Any] | list[Any]) -> int:
    """How many names the objects in a value have."""
    count, waiting = 0, [value]
    while waiting:
        held: Any = waiting.pop()
        if type(held) is dict:
            count += len(held)
            held = held.values()
        for inner in held:
            if type(inner) is dict or type(inner) is list:
                waiting.append(inner)
    return count


def _most_names(text: str) -> int:
    """The most names that objects in a text can have; -1 where that is not told by counting."""
    count = text.count('":')
    if '\\":' in text:  # a quotation mark inside of a text, unless the backslash is itself escaped
        if '\\\\":' in text:
            return -1
        count -= text.count('\\":')
    if " :" in text:
        if "  :" in text:
            return -1
        count += text.count('" :')
    return -1 if "\t:" in text or "\n:" in text or "\r:" in text else count


def _as_dict(pairs: Sequence[tuple[str, Any]], found: list[str]) -> dict[str, Any]:
    """The pairs of an object; names of different values are added to `found`."""
    named = dict(pairs)
    if len(named) < len(pairs):
        found += [name for name, value in pairs if named[name] != value]
    return named
