"""The schemas for editors: what the readers accept they accept, what the readers refuse by name or type they refuse."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstruct.config.json_schema import SchemaName, json_schema
from bootstruct.config.loading import read_recipe, recipe_folder, recipe_names
from bootstruct.errors import InputError
from tests.support.commands import bootstruct

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: nothing here to check schemas with")


def faults(name: SchemaName, value: Any) -> list[str]:
    schema = json_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_keep_to_it(name: str) -> None:
    assert faults("recipe", yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))) == []


def test_checks_may_leave_out_what_their_kind_ships() -> None:
    recipe = yaml.safe_load((recipe_folder("chat") / "recipe.yaml").read_text(encoding="utf-8"))
    assert faults("recipe", recipe | {"checks": [{"kind": "rubric", "ask": {"model": "judge"}}]}) == []
    assert faults("recipe", recipe | {"checks": [{"ask": {"model": "judge"}}]}) != []


@pytest.mark.parametrize(
    "change",
    [
        {"modell": "x"},
        {"seed": "42"},
        {"api": "chatty"},
        {"propose": {}},
        {"keep_away": "text"},
        {"checks": [{"kind": "taste"}]},
        {"model": None},
    ],
)
def test_what_the_reader_refuses_it_refuses(tmp_path: Path, change: dict[str, Any]) -> None:
    recipe = yaml.safe_load((recipe_folder("chat") / "recipe.yaml").read_text(encoding="utf-8"))
    assert faults("recipe", recipe | change)
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe | change))
    with pytest.raises(InputError):
        read_recipe(tmp_path / "recipe.yaml")


def test_settings() -> None:
    assert faults("machine", {"base_url": "http://a/v1", "concurrency": 8, "prices": {"m": [1, 2.5]}}) == []
    assert faults("machine", {"servers": {"lab": {"base_url": "http://a/v1", "key_env": "LAB"}}}) == []
    for wrong in ({"base_url": 1}, {"api_key": "sk"}, {"prices": {"m": [1]}}, {"servers": {"a": {"engine": "hf"}}}):
        assert faults("machine", wrong), wrong
    shipped = (Path(str(resources.files("bootstruct.config"))) / "prices.yaml").read_text()
    assert faults("machine", {"prices": yaml.safe_load(shipped)}) == []


def test_every_field_says_what_it_is() -> None:
    settings = json_schema("machine")["properties"]
    assert [name for name, value in settings.items() if "description" not in value] == []


def test_the_command_prints_it() -> None:
    assert json.loads(bootstruct("schema", "recipe").stdout) == json_schema("recipe")
    assert json.loads(bootstruct("schema", "machine").stdout) == json_schema("machine")
    assert bootstruct("schema", "seeds").returncode == 2
