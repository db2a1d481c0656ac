"""Checked construction of frozen dataclasses from plain values, as YAML and JSON hold them."""

import dataclasses
import difflib
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
    if origin is Literal:
        if value not in args:
            raise BadInput(f"{where}: {path}: must be one of {', '.join(map(str, args))}, not {value!r}.")
        return value
    if origin is types.UnionType:
        return None if value is None else _convert(args[0], value, where, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise BadInput(f"{where}: {path}: expected {_TYPES[hint]}, found {_name(value)}.")
    return value


_TYPES: dict[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _name(value: object) -> str:
    return {dict: "keys with values", list: "a list", type(None): "nothing"}.get(type(value), repr(value))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
