"""The digest of a recipe: it sees every field, and is the same everywhere."""

import copy
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.config.validation import build
from bootstruct.types import digest_of_value
from tests.config.test_recipe import PAPER, mapping


def leaves(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))
    elif isinstance(value, list | tuple) and value:
        for number, entry in enumerate(value):
            yield from leaves(entry, (*path, number))
    else:
        yield path, value


OTHER = {"text": "chat", "robust": "original", "keep": "refuse", "blanks": "any script", "any script": "blanks"}


def changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return OTHER.get(value, value + "x")
    return ["x"] if isinstance(value, list | tuple) else 7


def test_the_digest_sees_every_field() -> None:
    base = to_mapping(dataclasses.replace(PAPER, keep_away=("a",)))
    base["propose"]["rules"] += ({**base["propose"]["rules"][0], "starts_outside_ascii": True},)
    digests = {build(Recipe, base, "x").digest()}
    paths = [path for path, _ in leaves(base)]
    for path in paths:
        other = copy.deepcopy(jsonable(base))
        place: Any = other
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = changed(place[path[-1]])
        if isinstance(place[path[-1]], int) and path[-1] in ("matches", "starts_with"):
            place[path[-1]] = "x"
        digests.add(build(Recipe, other, "x").digest())
    assert len(digests) == len(paths) + 1
    assert len(paths) > 100


def jsonable(value: object) -> Any:
    if isinstance(value, dict):
        return {key: jsonable(entry) for key, entry in value.items()}
    return [jsonable(entry) for entry in value] if isinstance(value, list | tuple) else value


def test_the_digest_does_not_see_the_order_of_keys() -> None:
    base = mapping()
    turned = dict(reversed(base.items()))
    turned["propose"] = dict(reversed(turned["propose"].items()))
    assert from_mapping(turned, "x").digest() == PAPER.digest()


def test_whole_numbers_for_floats_are_the_same_recipe() -> None:
    base = mapping()
    base["propose"]["ask"]["sampling"]["presence_penalty"] = 2
    assert from_mapping(base, "x") == PAPER
    assert from_mapping(base, "x").digest() == PAPER.digest()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_a_digest_is_32_hexadecimal_digits(value: object) -> None:
    digest = digest_of_value(value)
    assert len(digest) == 32
    assert set(digest) <= set("0123456789abcdef")
    assert digest == digest_of_value(copy.deepcopy(value))


@given(VALUES, VALUES)
def test_other_values_have_other_digests(one: object, other: object) -> None:
    if digest_of_value(one) == digest_of_value(other):
        assert one == other


SCRIPT = """
from pathlib import Path
from bootstruct.config.loading import read_recipe, recipe_folder, recipe_names
print([(name, read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))).digest()) for name in recipe_names()])
"""


def test_the_digest_is_the_same_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "99")
    }
    assert len(outputs) == 1
    assert PAPER.digest() in outputs.pop()
