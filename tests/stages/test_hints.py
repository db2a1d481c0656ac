"""Hints: every value in turn, no two columns in step, chance from the index alone."""

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bootstruct.errors import BadInput
from bootstruct.events import Started, begin
from bootstruct.recipe import Recipe, from_mapping, to_mapping
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.propose import propose_prompt
from bootstruct.stages.rehearse import rehearse
from tests.scripts import SEEDS, recipe

CHAT = recipe("chat")
SIZES = {name: len(values) for name, values in CHAT.propose.hints.items()}


def dealt(count: int, seed: int = 42) -> list[dict[str, str]]:
    return [draw_hints(CHAT.propose, seed, index) for index in range(count)]


def test_the_table_of_the_chat_recipe() -> None:
    assert SIZES == {"topic": 40, "kind": 12, "length": 4}
    for values in CHAT.propose.hints.values():
        assert len(set(values)) == len(values)


def test_every_combination_comes_once_before_any_comes_twice() -> None:
    """40 requests hold each topic once, 480 each pair of topic and kind, 1,920 every combination; the next 1,920 again."""
    seen = dealt(2 * 1920)
    for columns, size in ((["topic"], 40), (["topic", "kind"], 480), (["topic", "kind", "length"], 1920)):
        for first in range(0, len(seen), size):
            assert len({tuple(hints[name] for name in columns) for hints in seen[first : first + size]}) == size


@pytest.mark.parametrize("window", [120, 480])
def test_other_columns_and_pairs_are_even_from_the_start_as_far_as_chance_goes(window: int) -> None:
    """Where nothing is dealt out yet, counts vary by no more than pure chance makes them: their variance is their mean."""
    for names in (["kind"], ["length"], ["kind", "length"], ["topic", "length"]):
        spreads = []
        for seed in range(20):
            counts = Counter(tuple(hints[name] for name in names) for hints in dealt(window, seed))
            cells = math.prod(SIZES[name] for name in names)
            mean = window / cells
            there = [*counts.values(), *[0] * (cells - len(counts))]
            spreads.append(sum((count - mean) ** 2 for count in there) / cells / mean)
        assert sum(spreads) / len(spreads) < 1.3, names


def test_the_same_index_the_same_hints_in_any_order_and_other_seeds_other_ones() -> None:
    assert [draw_hints(CHAT.propose, 42, index) for index in reversed(range(50))] == dealt(50)[::-1]
    assert dealt(50) != dealt(50, seed=43)
    turned = dataclasses.replace(CHAT.propose, hints=dict(reversed(CHAT.propose.hints.items())))
    assert all(draw_hints(turned, 42, index) == draw_hints(CHAT.propose, 42, index) for index in range(50))


def test_the_prompt_names_what_was_dealt() -> None:
    state = begin(Started(CHAT, SEEDS))
    for index in range(5):
        text = propose_prompt(state, index)[0].messages[-1].content
        assert all(value in text for value in draw_hints(CHAT.propose, 42, index).values())


def with_hints(hints: object, template: str | None = None) -> Recipe:
    mapping: dict[str, Any] = to_mapping(CHAT)
    mapping["propose"]["hints"] = hints
    if template is not None:
        mapping["propose"]["ask"]["prompt"] = template
    return from_mapping(mapping, "recipe.yaml")


def test_without_hints_the_chat_prompt_names_none() -> None:
    plain = with_hints({})
    rehearse(plain)
    assert "This time" not in propose_prompt(begin(Started(plain, SEEDS)), 0)[0].messages[-1].content


@pytest.mark.parametrize(
    ("hints", "template", "told"),
    [
        ({"topic": ["a"]}, "{{ hints.topc }}", "topc"),
        ({"topic": ["a"]}, "{{ examples }} {{ topic }}", "topic"),
        (
            {"topic": ["a"], "tone": ["b"]},
            "{{ hints.topic }}",
            "propose.hints.tone: the prompt of propose.ask does not use it",
        ),
        ({"topic": ["a"]}, None, "kind"),
    ],
)
def test_rehearsal_finds_unknown_and_idle_hints(hints: object, template: str | None, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        rehearse(with_hints(hints, template))


@pytest.mark.parametrize(
    "template", ["{{ hints.topic }}", "{{ hints['topic'] }}", "{% for n, v in hints.items() %}{{ v }}{% endfor %}"]
)
def test_rehearsal_passes_hints_that_are_used(template: str) -> None:
    rehearse(with_hints({"topic": ["a", "b"]}, template))


@pytest.mark.parametrize(
    ("hints", "told"),
    [
        ({"topic": []}, "propose.hints.topic: needs at least one value"),
        ({"topic": ["a", " "]}, "none may be empty"),
        ({"two words": ["a"]}, "'two words' cannot be a hint's name"),
        ({"items": ["a"]}, "'items' cannot be a hint's name"),
        ({"topic": "a"}, "propose.hints.topic: expected a list, found 'a'"),
        ({"topic": [1]}, r"propose.hints.topic\[0\]: expected text, found 1"),
        ({1: ["a"]}, "propose.hints: a name: expected text, found 1"),
        (["a"], "propose.hints: expected names with values, found a list"),
    ],
)
def test_a_wrong_table(hints: object, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        with_hints(hints)


def test_hints_survive_the_journal_and_enter_the_digest(tmp_path: Path) -> None:
    assert from_mapping(to_mapping(CHAT), "x") == CHAT
    assert with_hints({}).digest() != CHAT.digest()
    assert "hints" not in to_mapping(with_hints({}))["propose"]
