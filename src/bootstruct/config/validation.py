"""Checked construction of frozen dataclasses from plain values, as YAML and JSON hold them."""

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

from bootstruct.errors import InputError

T = TypeVar("T")


def build(cls: type[T], value: object, where: str) -> T:
    """The dataclass with these values.

    Raises InputError naming `where` and the key: unknown (with the nearest one), missing, or of another type than the
    field's.
    """
    made: T = _build(cls, value, where, "")
    return made


def parse_yaml(text: str, where: str) -> Any:
    """The value of a YAML text, None for an empty one, read in bounded time and memory.

    Args:
        text: the text.
        where: its name in errors.

    Raises:
        InputError: it is not YAML, or has more than a million parts.

    Example:
        >>> parse_yaml("a: [1, b]", "recipe.yaml")
        {'a': [1, 'b']}
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader, with a limit on the length of numbers and on the keys that are merged into one place."""

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            super().flatten_mapping(node)
            if len(node.value) > _MOST_KEYS:
                raise ValueError(f"more than {_MOST_KEYS:,} keys in one place")

        def construct_scalar(self, node: Any) -> Any:
            if node.tag.endswith((":int", ":float")) and ":" in node.value and len(node.value) > _LONGEST_NUMBER:
                raise ValueError(f"a number of more than {_LONGEST_NUMBER} characters in base 60")
            return super().construct_scalar(node)

    try:
        value = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as exc:  # also 2024-13-45 without quotes
        raise InputError(f"{where}: not YAML: {' '.join(str(exc).split())}.") from None
    require_small(value, where)
    return value


def require_small(value: object, where: str) -> None:
    """Refuse a value with too many parts, which a few lines of YAML can make by repeating lists of lists.

    Raises:
        InputError: it has more than a million parts.
    """
    left, parts = _MOST_PARTS, [value]
    while parts:
        part = parts.pop()
        inside = [*part.keys(), *part.values()] if isinstance(part, dict) else part if isinstance(part, list) else ()
        left -= 1 + len(inside)
        if left < 0:
            raise InputError(f"{where}: has more than {_MOST_PARTS:,} values; is a list repeated inside itself?")
        parts.extend(inside)


@functools.lru_cache(maxsize=256)
def expression_fault(expression: str) -> str | None:
    """Why a text cannot be a rule's regular expression, None if it can."""
    if len(expression) > _LONGEST_EXPRESSION:
        return f"longer than {_LONGEST_EXPRESSION:,} characters"
    try:
        re.compile(expression)
        size = _expression_size(re._parser.parse(expression))  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError, ValueError) as exc:
        return f"not a regular expression: {exc}"
    return f"asks for more than {_MOST_REPEATS:,} repetitions" if size > _MOST_REPEATS else None


def _expression_size(pattern: Any) -> int:
    """The number of elements of a parsed expression if every counted repetition is written out."""
    size = 0
    for part in pattern:
        argument = part[1]
        if str(part[0]).endswith("_REPEAT"):
            least, most, body = argument
            finite = int(most) if most is not _ENDLESS else int(least)
            size += max(1, finite) * _expression_size(body)
        elif isinstance(argument, tuple | list):
            size += sum(_expression_size(body) for body in _bodies(argument)) or 1
        else:
            size += 1
    return size


def _bodies(argument: Any) -> Iterator[Any]:
    """The expressions inside a part of an expression: of a group, of a look-around, of alternatives."""
    for value in argument:
        if isinstance(value, re._parser.SubPattern):  # type: ignore[attr-defined]
            yield value
        elif isinstance(value, list):
            yield from _bodies(value)


def _build(cls: type, value: object, where: str, path: str) -> Any:
    if not isinstance(value, dict):
        raise InputError(f"{where}: {path or 'top'}: expected keys with values, found {_name(value)}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in value:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, 1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(fields)}."
            raise InputError(f"{where}: {_join(path, str(key))}: unknown key{hint}")
    made = {}
    for name, field in fields.items():
        if name in value:
            made[name] = _convert(hints[name], value[name], where, _join(path, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InputError(f"{where}: {_join(path, name)}: is missing.")
    return cls(**made)


def _convert(hint: Any, value: object, where: str, path: str) -> Any:
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _build(hint, value, where, path)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{where}: {path}: expected a list, found {_name(value)}.")
        return tuple(_convert(args[0], row, where, f"{path}[{n}]") for n, row in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where}: {path}: expected names with values, found {_name(value)}.")
        for key in value:
            _convert(str, key, where, f"{path}: a name")
        return {key: _convert(args[1], row, where, _join(path, key)) for key, row in value.items()}
    if hint is Any:
        return _json(value, where, path)
    if origin is Literal:
        if value not in args:
            raise InputError(f"{where}: {path}: must be one of {', '.join(map(str, args))}, not {_name(value)}.")
        return value
    if origin is types.UnionType:
        return None if value is None else _convert(args[0], value, where, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)) or not _is_json(value):
        raise InputError(f"{where}: {path}: expected {_TYPES[hint]}, found {_name(value)}.")
    return value


def _json(value: object, where: str, path: str, depth: int = 0) -> object:
    """The value, if it is JSON throughout."""
    if depth > _DEEPEST:
        raise InputError(f"{where}: {path}: nested too deeply.")
    if isinstance(value, dict) and all(isinstance(key, str) and _is_json(key) for key in value):
        return {key: _json(inner, where, _join(path, key), depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner, where, f"{path}[{n}]", depth + 1) for n, inner in enumerate(value)]
    if value is None or (isinstance(value, str | int | float) and _is_json(value)):
        return value
    raise InputError(f"{where}: {path}: expected a JSON value, found {_name(value)}.")


def _is_json(value: object) -> bool:
    """Whether the value can be written to a journal: finite numbers of 64 bits, no half of a surrogate pair."""
    if isinstance(value, str):
        return value.isascii() or not _SURROGATE.search(value)
    return not isinstance(value, int | float) or -_LARGEST <= value < _LARGEST


_TYPES: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_LARGEST = 2**63
_DEEPEST = 20  # levels of a JSON value
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENDLESS = re._parser.MAXREPEAT  # type: ignore[attr-defined]
_LONGEST_EXPRESSION, _MOST_REPEATS = 2_000, 100_000
_MOST_PARTS = 1_000_000
_MOST_KEYS, _LONGEST_NUMBER = 100_000, 400
_SHOWN = 60  # characters of a wrong value that an error shows


def _name(value: object) -> str:
    known: dict[type, str] = {dict: "keys with values", list: "a list", tuple: "a list", type(None): "nothing"}
    if type(value) in known:
        return known[type(value)]
    if isinstance(value, int) and not _is_json(value):
        return "a number beyond 64 bits"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]} ..."


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def to_plain(value: Any) -> Any:
    """A dataclass as plain values, without those of its LATER fields that are at their defaults; `build` reads it back."""
    if isinstance(value, tuple):
        return tuple(to_plain(row) for row in value)
    if not dataclasses.is_dataclass(value):
        return value
    there = [(entry, getattr(value, entry.name)) for entry in dataclasses.fields(value)]
    return {
        entry.name: to_plain(own) for entry, own in there if not entry.metadata.get("later") or own != _default(entry)
    }


def _default(of: dataclasses.Field[Any]) -> object:
    return of.default if of.default_factory is dataclasses.MISSING else of.default_factory()
