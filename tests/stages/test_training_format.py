"""Instances as training examples: the paper and its code, every template, both branches, the colon rule in both readings."""

import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.stages.draw import rng_for
from bootstruct.stages.training_format import encode, training_instances, without_field_name
from bootstruct.types import Example, Instance

RECIPES: dict[str, Recipe] = {
    name: read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))) for name in ("original", "paper", "chat")
}
END = "<|endoftext|>"

# the paper and its code, with I, X and O filled in.
WITH_INPUT = {
    ("Do it.\nInput: this\nOutput:", " done"),
    ("Do it.\n\nInput: this\n\nOutput:", " done"),
    ("Task: Do it.\nInput: this\nOutput:", " done"),
    ("Do it.\n\nthis\n\nOutput:", " done"),
    ("Do it.\n\nthis\n\n", "done"),
    ("Do it.\nthis\n\n", "done"),
    ("Task: Do it.\n\nthis\n\n", "done"),
}
WITHOUT_INPUT = {
    ("Do it. Output:", " done"),
    ("Do it.\nOutput:", " done"),
    ("Do it.\n\nOutput:", " done"),
    ("Do it.\n", "done"),
    ("Do it.\n\n", "done"),
    ("Task: Do it.\n\n", "done"),
}


def many(recipe: Recipe, instance: Instance, count: int = 600, text: str = "Do it.") -> Counter[Example]:
    return Counter(encode(recipe, text, instance, rng_for(1, "test", n)) for n in range(count))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("given_input", "expected"), [("this", WITH_INPUT), ("", WITHOUT_INPUT)])
def test_the_templates(name: str, given_input: str, expected: set[tuple[str, str]]) -> None:
    recipe = RECIPES[name]
    found = many(recipe, Instance(given_input, "done"))
    assert recipe.encode.end == END
    assert {(entry.prompt, entry.completion) for entry in found} == expected
    assert min(found.values()) > 600 / len(expected) / 2  # uniformly


def test_every_text_is_stripped() -> None:
    found = many(RECIPES["paper"], Instance(" this\n", "\ndone "), text=" Do it.\n")
    assert {(entry.prompt, entry.completion) for entry in found} == WITH_INPUT
    found = many(RECIPES["paper"], Instance(" \n", "done"))
    assert {(entry.prompt, entry.completion) for entry in found} == WITHOUT_INPUT


def test_what_looks_like_a_template_is_text() -> None:
    found = many(RECIPES["paper"], Instance("{{ output }} {% raw %}", "{{ instruction }}<&>"), text="{{ 7 * 7 }}")
    assert all("{{ output }} {% raw %}" in entry.prompt and "{{ 7 * 7 }}" in entry.prompt for entry in found)
    assert all(entry.completion.strip() == "{{ instruction }}<&>" for entry in found)


def inputs(recipe: Recipe, text: str) -> set[str]:
    """The inputs that an encoding may show, read off the one template that ends with two newlines and begins with Task."""
    found = many(recipe, Instance(text, "done"))
    starts = "Task: Do it.\n\n"
    return {
        entry.prompt.removeprefix(starts).removesuffix("\n\n") for entry in found if entry.prompt.startswith(starts)
    }


@pytest.mark.parametrize("name", ["original", "paper"])
def test_the_field_name_goes_in_about_half_of_the_cases(name: str) -> None:
    assert inputs(RECIPES[name], "Paragraph: It rains.") == {"Paragraph: It rains.", "It rains."}
    found = many(RECIPES[name], Instance("Paragraph: It rains.", "done"), 2000)
    assert 0.45 < sum(count for entry, count in found.items() if "Paragraph" not in entry.prompt) / 2000 < 0.55


@pytest.mark.parametrize(("share", "expected"), [(0.0, {"Text: a"}), (1.0, {"a"})])
def test_the_share_of_dropped_names_is_the_recipe_s(share: float, expected: set[str]) -> None:
    recipe = RECIPES["paper"]
    recipe = dataclasses.replace(recipe, encode=dataclasses.replace(recipe.encode, drop_field_name=share))
    assert inputs(recipe, "Text: a") == expected


@pytest.mark.parametrize(
    ("text", "original", "robust"),
    [
        ("Paragraph: It rains.", "It rains.", "It rains."),
        ("Paragraph:\nIt rains.", "It rains.", "It rains."),
        ("Email text: Hello you.", "Hello you.", "Hello you."),
        ("Visit https://x", "//x", "Visit https://x"),
        ("The meeting is at 10:30 today", "30 today", "The meeting is at 10:30 today"),
        ("Read it at home, note: twice", "twice", "Read it at home, note: twice"),
        ("Name: Ann\nAge: 7", "Name: Ann\nAge: 7", "Name: Ann\nAge: 7"),
        ("Item: a\nItem: b", "a\nItem: b", "a\nItem: b"),
        ("a\n\nb\n\n\nc", "a\nb\nc", "a\nb\nc"),
        ("Text: a\n\nb", "a\nb", "a\nb"),
        ("no colon here", "no colon here", "no colon here"),
        ("( : )", "( : )", "( : )"),
        ("(see: this)", "this)", "(see: this)"),
        ("段落: 下雨了。", "下雨了。", "下雨了。"),
        ("", "", ""),
    ],
)
def test_the_colon_rule(text: str, original: str, robust: str) -> None:
    assert without_field_name(RECIPES["original"], text) == original
    assert without_field_name(RECIPES["paper"], text) == robust


@given(st.text())
def test_robust_removes_a_field_name_at_the_beginning_only(text: str) -> None:
    """What is left of an input is its end, blank lines aside, or all of it."""
    left = without_field_name(RECIPES["paper"], text)
    squeezed = re.sub(r"\n{2,}", "\n", text.strip())
    assert squeezed.endswith(left)


def test_an_input_that_is_all_field_name_leaves_the_template_without_input() -> None:
    found = many(RECIPES["paper"], Instance("Note: ", "done"))
    assert {entry.prompt for entry in found} <= {prompt.replace("this", "Note:") for prompt, _ in WITH_INPUT} | {
        prompt for prompt, _ in WITHOUT_INPUT
    }


def test_randomness_comes_from_the_generator_alone() -> None:
    instance = Instance("Text: a", "done")
    assert encode(RECIPES["paper"], "Do it.", instance, rng_for(3, "x")) == encode(
        RECIPES["paper"], "Do it.", instance, rng_for(3, "x")
    )


# At most five instances a task


@pytest.mark.parametrize("count", range(9))
def test_at_most_five_instances(count: int) -> None:
    instances = tuple(Instance(str(n), "x") for n in range(count))
    picked = training_instances(RECIPES["paper"], "812.3", instances)
    assert len(picked) == min(5, count)
    assert sorted(set(picked), key=lambda entry: entry.input) == picked  # each once, in order


def test_the_task_name_decides_which_five() -> None:
    instances = tuple(Instance(str(n), "x") for n in range(9))
    picks = {
        name: tuple(instance.input for instance in training_instances(RECIPES["paper"], name, instances))
        for name in map(str, range(300))
    }
    assert picks["1"] == tuple(instance.input for instance in training_instances(RECIPES["paper"], "1", instances))
    assert len(set(picks.values())) > 80  # of 126
    assert set("".join("".join(pick) for pick in picks.values())) == set("012345678")
