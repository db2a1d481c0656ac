"""JSON Schemas of the files that users edit, made from the one declaration of their fields: for completion in editors."""

import dataclasses
import inspect
import re
import types
import typing
from typing import Any, Final, Literal

from bootstruct.config.machine import MachineSettings, Prices, settings_file_class
from bootstruct.config.recipe import Recipe

SchemaName = Literal["recipe", "machine"]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}


def json_schema(name: SchemaName) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file that users edit.

    It covers names and types. `init` and `generate` check all other conditions (a threshold in its range, prompts
    that fit each other).

    Args:
        name: `recipe` for `recipe.yaml`; `machine` for `machine.yaml` and the user's settings file.

    Example:
        >>> json_schema("recipe")["properties"]["api"]["enum"]
        ['text', 'chat']
    """
    parts: dict[str, Any] = {}
    top = _recipe_schema(parts) if name == "recipe" else _machine_schema(parts)
    return {"$schema": DIALECT, "title": f"bootstruct {name}.yaml", **top, "$defs": parts}


def _recipe_schema(parts: dict[str, Any]) -> dict[str, Any]:
    top = _object(Recipe, parts)
    parts["Check"]["required"] = ["kind"]  # a check's other fields have the shipped values of its kind
    own = {name: value for name, value in parts["Ask"].items() if name != "required"}
    parts["CheckAsk"] = own | {"description": "What of the shipped request of this kind of check is to be different."}
    for name in ("ask", "weak", "strong", "judge", "revise"):
        parts["Check"]["properties"][name] = {"$ref": "#/$defs/CheckAsk"}
    return top


def _machine_schema(parts: dict[str, Any]) -> dict[str, Any]:
    texts = _descriptions(MachineSettings) | _descriptions(Prices)
    texts["base_urls"] = "several equal servers."
    hints = typing.get_type_hints(settings_file_class())
    properties = {name: _described(_of_hint(hint, parts), texts.get(name, "")) for name, hint in hints.items()}
    pair = {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2}
    prices = {"type": "object", "additionalProperties": pair}
    properties["prices"] = _described(prices, "US dollars per million tokens, as in `model: [prompt, reply]`.")
    of_a_server = {name: properties[name] for name in ("base_url", "base_urls", "key_env", "key_header", "headers")}
    server = {"type": "object", "properties": of_a_server, "additionalProperties": False}
    servers = {"type": "object", "additionalProperties": server}
    properties["servers"] = _described(servers, "Servers of your own by name; in the user's settings file only.")
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _object(cls: type, parts: dict[str, Any]) -> dict[str, Any]:
    """The schema of a dataclass; those that it contains go into `parts`."""
    hints, texts = typing.get_type_hints(cls), _descriptions(cls)
    properties, required = {}, []
    for entry in dataclasses.fields(cls):
        properties[entry.name] = _described(_of_hint(hints[entry.name], parts), texts.get(entry.name, ""))
        if entry.default is not dataclasses.MISSING:
            properties[entry.name] |= _default(entry.default)
        elif entry.default_factory is dataclasses.MISSING:
            required.append(entry.name)
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    found |= {"required": required} if required else {}
    return _described(found, inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0])


def _of_hint(hint: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type, as `validation.build` reads it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        if hint.__name__ not in parts:
            parts[hint.__name__] = {}
            parts[hint.__name__] = _object(hint, parts)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if origin is tuple:
        return {"type": "array", "items": _of_hint(args[0], parts)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_hint(args[1], parts)}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is types.UnionType:
        return {"anyOf": [_of_hint(args[0], parts), {"type": "null"}]}
    return {} if hint is Any else {"type": _SIMPLE[hint]}


def _default(value: Any) -> dict[str, Any]:
    plain = value is None or isinstance(value, str | int | float)
    return {"default": value} if plain and value is not None else {}


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": " ".join(text.split())} if text else schema


def _descriptions(cls: type) -> dict[str, str]:
    """The descriptions of attributes in the docstring of a class, by name."""
    _, _, text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", f"\n{text}"):
        names, _, words = entry.strip().partition(": ")
        found |= dict.fromkeys(names.split(", "), words) if words else {}
    return found
