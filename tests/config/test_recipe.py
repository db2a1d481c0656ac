"""Recipes: the shipped ones against the paper, what a wrong one is told, and what the digest sees."""

import copy
import dataclasses
import itertools
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.loading import read_recipe, recipe_folder, recipe_names
from bootstruct.config.recipe import ASKS, Ask, Recipe, Rule, asks_of, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.novelty.rouge import TOKENIZERS
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.templates import fill
from bootstruct.types import Sampling


def shipped(name: str) -> Recipe:
    return read_recipe(Path(str(recipe_folder(name) / "recipe.yaml")))


PAPER = shipped("paper")


def mapping() -> dict[str, Any]:
    """A valid recipe as values, to be spoiled."""
    return copy.deepcopy(to_mapping(PAPER))


def result(spoiled: object) -> str:
    with pytest.raises(InputError) as caught:
        from_mapping(spoiled, "recipe.yaml")
    message = str(caught.value)
    assert message.startswith("recipe.yaml: ")
    assert "\n" not in message
    return message


def test_the_names() -> None:
    assert {"paper", "original", "chat"} <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_loads_and_survives_the_journal(name: str) -> None:
    recipe = shipped(name)
    assert recipe.recipe == name
    assert from_mapping(to_mapping(recipe), "x") == recipe
    assert recipe.propose.novelty.tokenizer in TOKENIZERS
    assert len({rule.name for rule in recipe.propose.rules}) == len(recipe.propose.rules)


@pytest.mark.parametrize("name", recipe_names())
def test_every_template_of_a_shipped_recipe_fills(name: str) -> None:
    recipe = shipped(name)
    worked = [
        {"instruction": entry, "input": "", "output": "x", "json": f'{{"instruction": "{entry}"}}'}
        for entry in ("one", "two")
    ]
    shown = {"examples": ["one", "two"], "worked": worked, "hints": draw_hints(recipe.propose, 42, 0)}
    for only, reply in itertools.product((False, True), ("text", "json")):
        values = {"language": "German", "reply": reply}
        text = fill(recipe.propose.ask.prompt, **shown, only_classification=only, **values)
        assert "one" in text
        assert "two" in text
        for ask in (recipe.classify, recipe.instances.input_first, recipe.instances.output_first):
            assert "Do it." in fill(ask.prompt, instruction="Do it.", worked=worked, **values)
        if recipe.classify_together is not None:
            text = fill(recipe.classify_together.prompt, instructions=["Do it.", "Stop."], **values)
            assert "1. Do it.\n2. Stop.\n" in text
            assert ("JSON" in text) == (reply == "json")
    encode = recipe.encode
    for template in (*encode.with_input, *encode.without_input):
        assert "Do it." in fill(template, instruction="Do it.", input="X", output="Y")
    for template in (*encode.completion_with_input, *encode.completion_without_input):
        assert fill(template, instruction="Do it.", input="X", output="Y").strip() == "Y"


@pytest.mark.parametrize("name", ["paper", "original"])
def test_the_paper_s_numbers(name: str) -> None:
    """the paper and its code; only the stop strings of `paper` are its own."""
    recipe = shipped(name)
    propose = recipe.propose
    stops = {
        "original": (("\n\n", "\n16", "16.", "16 ."), ("Example 6", "Task:")),
        "paper": (("\n16.", "\n16 .", "\n16)"), ("\nExample 6", "\nTask:")),
    }[name]
    assert (propose.seed_examples, propose.machine_examples) == (6, 2)
    assert propose.ask.sampling == Sampling(0.7, 0.5, 2.0, 0.0, 1024, stops[0])
    assert recipe.classify.sampling == Sampling(0.0, 1.0, 0.0, 0.0, 3, ("\n", "Task"))
    assert recipe.instances.input_first.sampling == Sampling(0.0, 1.0, 1.5, 0.0, 350, stops[1])
    assert recipe.instances.output_first.sampling == Sampling(0.0, 1.0, 1.5, 0.0, 300, stops[1])
    assert recipe.instances.most == 5
    assert (propose.novelty.threshold, propose.novelty.at_threshold) == (0.7, "keep")
    assert (propose.lag.least, propose.lag.most, propose.lag.share) == (5, 512, 4)
    assert recipe.encode.drop_field_name == 0.5
    assert recipe.encode.end == "<|endoftext|>"
    assert (len(recipe.encode.with_input), len(recipe.encode.without_input)) == (7, 6)
    assert recipe.api == "text"


def test_what_makes_the_original_the_original() -> None:
    recipe = shipped("original")
    assert (recipe.reading, recipe.propose.novelty.tokenizer) == ("original", "rouge")
    assert recipe.propose.rules == (
        Rule("too short", words_at_most=3),
        Rule("too long", words_above=150),
        Rule("needs more than text", matches=r"\b(images?|graphs?|pictures?|files?|maps?|draw|plot|go to)\b"),
        Rule("asks for a program", starts_with="Write a program"),
        Rule("starts with punctuation", starts_with_punctuation=True),
        Rule("starts outside ASCII", starts_outside_ascii=True),
    )


@pytest.mark.parametrize("name", ["paper", "original"])
def test_a_text_prompt_ends_with_the_next_number(name: str) -> None:
    """the paper and its code: a header line, numbered lines, a bare `9.`."""
    for only in (False, True):
        lines = fill(shipped(name).propose.ask.prompt, examples=list("abcdefgh"), only_classification=only).split("\n")
        assert lines[1:] == [*(f"{n}. {text}" for n, text in enumerate("abcdefgh", 1)), "9."]
        assert ("classification" in lines[0]) is only


def test_alpaca_s_numbers() -> None:
    """Alpaca's variant: 3 seeds, none machine-made, 20 tasks a request, its sampling, five words more on the blacklist."""
    recipe = shipped("alpaca")
    propose = recipe.propose
    assert (propose.seed_examples, propose.machine_examples, propose.with_instances) == (3, 0, True)
    assert propose.ask.sampling == Sampling(1.0, 1.0, 0.0, 0.0, 3072)
    assert "{% set many = 20 -%}" in propose.ask.prompt
    assert "###" in propose.ask.prompt
    assert "<noinput>" in propose.ask.prompt
    words = {rule.name: rule for rule in propose.rules}["needs more than text"].matches or ""
    before = {rule.name: rule for rule in shipped("original").propose.rules}["needs more than text"].matches or ""
    assert set(re.findall(r"\w\w+", words)) - set(re.findall(r"\w\w+", before)) == {
        "video", "audio", "music", "flowchart", "diagram",
    }  # fmt: skip
    assert (propose.novelty.threshold, propose.novelty.at_threshold) == (0.7, "keep")
    assert (len(recipe.encode.with_input), len(recipe.encode.without_input)) == (1, 1)


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        ("paper", "classify.reply", "json", "`reply: json` needs `api: chat`"),
        ("chat", "classify.reply", "yaml", "must be one of text, json, not 'yaml'"),
        ("chat", "classify_together.reply", "xml", "classify_together.reply: must be one of text, json"),
        ("chat", "classify_together", True, "classify_together: expected keys with values, found True"),
        ("chat", "classify_together.sampling.max_tokens", 0, "max_tokens must be at least 1"),
        ("chat", "reading", "original", "`original` supports only one task per request and text replies"),
        ("alpaca", "reading", "original", "`original` supports only one task per request and text replies"),
        ("alpaca", "propose.with_instances", "yes", "expected true or false, found 'yes'"),
        ("chat", "language", " ", "language: is empty"),
        ("chat", "language", 5, "language: expected text, found 5"),
    ],
)
def test_a_wrong_new_field(name: str, path: str, value: object, expected: str) -> None:
    spoiled = copy.deepcopy(to_mapping(shipped(name)))
    place: Any = spoiled
    *steps, last = path.split(".")
    for step in steps:
        place = place[step]
    place[last] = value
    assert expected in result(spoiled)


@pytest.mark.parametrize(
    ("path", "key", "near"),
    [
        ((), "modell", "model"),
        ((), "keepaway", "keep_away"),
        (("propose",), "seed_example", "seed_examples"),
        (("propose", "ask", "sampling"), "temprature", "temperature"),
        (("propose", "novelty"), "treshold", "threshold"),
        (("propose", "lag"), "lest", "least"),
        (("instances",), "input_firts", "input_first"),
        (("encode",), "with_inputs", "with_input"),
    ],
)
def test_a_misspelt_key(path: tuple[str, ...], key: str, near: str) -> None:
    spoiled = mapping()
    place: Any = spoiled
    for step in path:
        place = place[step]
    place[key] = 1
    message = result(spoiled)
    assert f"{'.'.join((*path, key))}: unknown key" in message
    assert f"did you mean `{near}`?" in message


def test_an_unknown_key_that_is_like_none() -> None:
    message = result(mapping() | {"zzz": 1})
    assert "zzz: unknown key" in message
    assert "model" in message


@pytest.mark.parametrize("key", [None, 1, 1.5, True, (1, 2)])
def test_a_key_that_is_no_text(key: object) -> None:
    assert "unknown key" in result(mapping() | {key: 1})


@pytest.mark.parametrize("path", ["model", "propose", "propose.ask.prompt", "classify.sampling", "encode.with_input"])
def test_a_missing_key(path: str) -> None:
    spoiled = mapping()
    *steps, last = path.split(".")
    place = spoiled
    for step in steps:
        place = place[step]
    del place[last]
    assert result(spoiled) == f"recipe.yaml: {path}: is missing."


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("model", 5, "expected text, found 5"),
        ("model", None, "expected text, found nothing"),
        ("model", "", "model: is empty"),
        ("seed", "42", "expected a whole number, found '42'"),
        ("seed", 4.5, "expected a whole number, found 4.5"),
        ("seed", True, "expected a whole number, found True"),
        ("seed", 2**63, "whole number"),
        ("api", "texts", "must be one of text, chat, not 'texts'"),
        ("api", ["text"], "must be one of text, chat"),
        ("reading", None, "must be one of robust, original"),
        ("keep_away", "text", "expected a list, found 'text'"),
        ("keep_away", [1], "keep_away[0]: expected text, found 1"),
        ("propose", [], "propose: expected keys with values, found a list"),
        ("propose.only_classification", 1, "expected true or false, found 1"),
        ("propose.ask.sampling.temperature", "hot", "expected a number, found 'hot'"),
        ("propose.ask.sampling.temperature", True, "expected a number, found True"),
        ("propose.ask.sampling.temperature", float("nan"), "temperature: expected a number"),
        ("propose.ask.sampling.temperature", float("inf"), "temperature: expected a number"),
        ("propose.ask.sampling.temperature", 10**400, "temperature: expected a number"),
        ("propose.ask.sampling.max_tokens", 0, "max_tokens must be at least 1"),
        ("propose.ask.sampling.stop", "\n", "expected a list"),
        ("propose.ask.prompt", "\ud800", "propose.ask.prompt"),
        ("propose.seed_examples", -1, "cannot be negative"),
        ("propose.lag.least", 0, "propose.lag"),
        ("propose.lag.most", 4, "propose.lag"),
        ("propose.lag.share", 0, "propose.lag"),
        ("propose.novelty.threshold", 0, "threshold: must be in (0, 1]"),
        ("propose.novelty.threshold", 1.01, "threshold: must be in (0, 1]"),
        ("propose.novelty.threshold", float("nan"), "threshold: "),
        ("propose.novelty.at_threshold", "drop", "must be one of keep, refuse"),
        ("propose.rules", {}, "propose.rules: expected a list, found keys with values"),
        ("instances.most", 0, "instances.most: must be at least 1"),
        ("encode.drop_field_name", 1.5, "drop_field_name: must be in [0, 1]"),
        ("encode.with_input", [], "needs at least one template with input and one without"),
        ("encode.completion_with_input", ["x"], "needs one completion for each template"),
    ],
)
def test_a_wrong_value(path: str, value: object, expected: str) -> None:
    spoiled = mapping()
    *steps, last = path.split(".")
    place: Any = spoiled
    for step in steps:
        place = place[step]
    place[last] = value
    assert expected in result(spoiled)


def test_no_example_at_all() -> None:
    spoiled = mapping()
    spoiled["propose"] |= {"seed_examples": 0, "machine_examples": 0}
    assert "at least one example" in result(spoiled)


@pytest.mark.parametrize("whole", [None, [], "recipe", 5])
def test_no_mapping_at_all(whole: object) -> None:
    assert "top: expected keys with values" in result(whole)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"name": "two", "words_at_most": 3, "words_above": 9}, "rule 'two' needs exactly one condition but has 2"),
        ({"name": "three", "matches": "a", "starts_with": "b", "starts_with_punctuation": True}, "but has 3"),
        ({"name": "none"}, "rule 'none' needs exactly one condition but has 0"),
        ({"name": "none", "count": "any script"}, "but has 0"),
        ({"name": "off", "starts_outside_ascii": False}, "but has 0"),
        ({"name": "open", "matches": "(a"}, "rule 'open': not a regular expression"),
        ({"name": "star", "matches": "*a"}, "rule 'star': not a regular expression"),
        ({"words_at_most": 3}, "propose.rules[0].name: is missing"),
        (
            {"name": "typo", "word_at_most": 3},
            "propose.rules[0].word_at_most: unknown key; did you mean `words_at_most`?",
        ),
        ({"name": "count", "words_above": 3, "count": "all"}, "must be one of blanks, any script"),
    ],
)
def test_a_wrong_rule(rule: dict[str, Any], expected: str) -> None:
    spoiled = mapping()
    spoiled["propose"]["rules"] = [rule]
    assert expected in result(spoiled)


def test_an_expression_too_deep_for_the_compiler() -> None:
    spoiled = mapping()
    spoiled["propose"]["rules"] = [{"name": "deep", "matches": "(" * 4000 + ")" * 4000}]
    result(spoiled)


def places_of_asks(cls: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place in a recipe where a request can be described, found in the types of its fields."""
    for name, hint in typing.get_type_hints(cls).items():
        kinds = [hint, *typing.get_args(hint)]
        if Ask in kinds:
            yield (*path, name)
        is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
        for kind in typing.get_args(hint) if is_union else [hint]:
            if dataclasses.is_dataclass(kind) and kind is not Ask:
                yield from places_of_asks(kind, (*path, name))


def test_every_request_of_a_recipe_is_declared_once() -> None:
    assert set(places_of_asks(Recipe)) == set(ASKS)
    recipe = from_mapping(mapping(), "here")
    asks = asks_of(recipe)
    assert asks["propose", "ask"] is recipe.propose.ask
    assert asks["instances", "output_first"] is recipe.instances.output_first
    assert ("classify_together",) not in asks, "a request that the recipe does not make"


@pytest.mark.parametrize(("path", "step"), ASKS.items(), ids=lambda value: str(value))
def test_each_request_has_its_own_model_at_its_step(path: tuple[str, ...], step: str) -> None:
    row = json.loads(json.dumps(mapping()))
    place = row
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = dict(place.get(path[-1]) or row["classify"], model="another")
    for other in ASKS:  # a part of a recipe needs all of its requests
        if len(path) > 1 and other[:-1] == path[:-1] and path[0] != "instances":
            place.setdefault(other[-1], row["classify"])
    recipe = from_mapping(row, "here")
    others = {("instances", "output_first"), ("propose", "evolve", "ask")}  # their steps are those of another request
    expected = recipe.model if path in others else "another"
    assert recipe.model_at(step) == expected
