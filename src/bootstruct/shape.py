"""Checked construction of frozen dataclasses from plain values, as YAML and JSON hold them."""

import dataclasses
import difflib
import re
import types
import typing
from typing import Any, Literal, TypeVar

from bootstruct.errors import BadInput

T = TypeVar("T")


def build(cls: type[T], value: object, where: str) -> T:
    """The dataclass with these values. Raises BadInput naming `where` and the key: unknown (with the near one), missing,
    or of another type than the field's."""
    made: T = _build(cls, value, where, "")
    return made


def _build(cls: type, value: object, where: str, path: str) -> Any:
    if not isinstance(value, dict):
        raise BadInput(f"{where}: {path or 'top'}: expected keys with values, found {_name(value)}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in value:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, 1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(fields)}."
            raise BadInput(f"{where}: {_join(path, str(key))}: unknown key{hint}")
    made = {}
    for name, field in fields.items():
        if name in value:
            made[name] = _convert(hints[name], value[name], where, _join(path, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadInput(f"{where}: {_join(path, name)}: is missing.")
    return cls(**made)


def _convert(hint: Any, value: object, where: str, path: str) -> Any:
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _build(hint, value, where, path)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{where}: {path}: expected a list, found {_name(value)}.")
        return tuple(_convert(args[0], each, where, f"{path}[{n}]") for n, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise BadInput(f"{where}: {path}: expected names with values, found {_name(value)}.")
        for key in value:
            _convert(str, key, where, f"{path}: a name")
        return {key: _convert(args[1], each, where, _join(path, key)) for key, each in value.items()}
    if origin is Literal:
        if value not in args:
            raise BadInput(f"{where}: {path}: must be one of {', '.join(map(str, args))}, not {_name(value)}.")
        return value
    if origin is types.UnionType:
        return None if value is None else _convert(args[0], value, where, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)) or not _is_json(value):
        raise BadInput(f"{where}: {path}: expected {_TYPES[hint]}, found {_name(value)}.")
    return value


def _is_json(value: object) -> bool:
    """Can the value be written to a journal: a finite number, 64 bits, no half of a surrogate pair?"""
    if isinstance(value, str):
        return value.isascii() or not _SURROGATE.search(value)
    return not isinstance(value, int | float) or -_LARGEST <= value < _LARGEST


_TYPES: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_LARGEST = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")
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
