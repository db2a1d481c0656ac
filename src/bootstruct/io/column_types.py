"""Types of columns, found from the values of rows of any shape, for tables of typed columns. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal["null", "bool", "int", "long", "float", "text", "list", "struct", "json"]

MOST_FIELDS: Final = 64  # fields of an object in a column; one with more is a map, as of texts to scores
_EXACT: Final = 2**53  # whole numbers up to here are exact as floats
_MOST: Final = 2**63


@dataclass(frozen=True, slots=True)
class ColumnType:
    """The type of a column, or of what is inside one.

    Attributes:
        kind: `null` if nothing is known yet; `long` is a whole number that a float would round; `json` is text that
            holds values of different types as JSON.
        element: of a list, the type of its values.
        fields: of a struct, the types of its fields in order.
    """

    kind: Kind
    element: "ColumnType | None" = None
    fields: tuple[tuple[str, "ColumnType"], ...] = ()


NULL: Final = ColumnType("null")
TEXT: Final = ColumnType("text")
JSON: Final = ColumnType("json")


def type_of(value: object) -> ColumnType:
    """Return the type of one JSON value.

    Example:
        >>> type_of([1, 2.5]).element.kind, type_of({}).kind
        ('float', 'json')
    """
    if value is None:
        return NULL
    if isinstance(value, bool):
        return ColumnType("bool")
    if isinstance(value, int):
        return JSON if not -_MOST <= value < _MOST else ColumnType("int" if abs(value) <= _EXACT else "long")
    if isinstance(value, float):
        return ColumnType("float")
    if isinstance(value, str):
        return TEXT
    if isinstance(value, list):
        element = NULL
        for inner in value:
            element = merged(element, type_of(inner))
        return ColumnType("list", element)
    if isinstance(value, dict) and 0 < len(value) <= MOST_FIELDS:
        return ColumnType("struct", fields=tuple((str(name), type_of(inner)) for name, inner in value.items()))
    return JSON


def merged(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type that holds values of both: `json` if no other does."""
    if one == other or other.kind == "null":
        return one
    if one.kind == "null":
        return other
    kinds = {one.kind, other.kind}
    if kinds == {"int", "long"}:
        return ColumnType("long")
    if kinds == {"int", "float"}:
        return ColumnType("float")
    if kinds == {"list"}:
        return ColumnType("list", merged(one.element or NULL, other.element or NULL))
    if kinds == {"struct"}:
        return _merged_structs(one, other)
    return JSON


def _merged_structs(one: ColumnType, other: ColumnType) -> ColumnType:
    fields = dict(one.fields)
    for name, kind in other.fields:
        fields[name] = merged(fields.get(name, NULL), kind)
    return ColumnType("struct", fields=tuple(fields.items())) if len(fields) <= MOST_FIELDS else JSON


def add_row(columns: dict[str, ColumnType], row: Mapping[str, Any]) -> None:
    """Widen the types of columns, by name in the order of their first rows, so that they hold a row."""
    for name, value in row.items():
        before = columns.get(name, NULL)
        if before.kind == "text" and type(value) is str:
            continue  # by far the most frequent case
        columns[name] = merged(before, type_of(value))


def fitted(value: Any, wanted: ColumnType) -> Any:
    """Return a value as its column holds it: if types differ, everything except text is JSON text.

    Example:
        >>> fitted(["a"], JSON), fitted("a", JSON)
        ('["a"]', 'a')
    """
    if value is None or wanted.kind in ("null", "text", "bool", "int", "long"):
        return value
    if wanted.kind == "json":
        return value if isinstance(value, str) else as_json(value)
    if wanted.kind == "float":
        return float(value)
    if wanted.kind == "list":
        element = wanted.element or NULL
        return [fitted(inner, element) for inner in value]
    return {name: fitted(value.get(name), kind) for name, kind in wanted.fields}


def mixed_columns(columns: Mapping[str, ColumnType]) -> list[str]:
    """Return the names of the columns that are, or hold somewhere inside, JSON text."""
    return [name for name, kind in columns.items() if _holds_json([kind])]


def _holds_json(kinds: Iterable[ColumnType]) -> bool:
    return any(
        kind.kind == "json"
        or (kind.element is not None and _holds_json([kind.element]))
        or _holds_json(inner for _, inner in kind.fields)
        for kind in kinds
    )


def as_json(value: Any) -> str:
    """Return a value as JSON text in one line."""
    return json.dumps(value, ensure_ascii=False)
