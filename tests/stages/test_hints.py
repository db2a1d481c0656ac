"""Hints: every value in turn, no two columns in step, chance from the index alone."""

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.events import RunStarted
from bootstruct.journal.state import begin
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.propose import propose_prompt
from tests.support.scripts import SEEDS, recipe

CHAT = recipe("chat")
SIZES = {name: len(values) for name, values in CHAT.propose.hints.items()}


def dealt(count: int, seed: int = 42) -> list[dict[str, str]]:
    return [draw_hints(CHAT.propose, seed, index) for index in range(count)]


def test_the_table_of_the_chat_recipe() -> None:
    assert SIZES == {"topic": 40, "kind": 12, "length": 4}
    for values in CHAT.propose.hints.values():
        assert len(set(values)) == len(values)


def test_every_combination_is_drawn_once_before_any_is_drawn_twice() -> None:
    """40 requests hold each topic once, 480 each pair of topic and kind, 1,920 every combination; the next 1,920 again."""
    seen = dealt(2 * 1920)
    for columns, size in ((["topic"], 40), (["topic", "kind"], 480), (["topic", "kind", "length"], 1920)):
        for first in range(0, len(seen), size):
            assert len({tuple(hints[name] for name in columns) for hints in seen[first : first + size]}) == size


@pytest.mark.parametrize("window", [120, 480])
def test_other_hints_and_pairs_are_nearly_even_from_the_start(window: int) -> None:
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


def test_hints_depend_on_index_and_seed_only() -> None:
    assert [draw_hints(CHAT.propose, 42, index) for index in reversed(range(50))] == dealt(50)[::-1]
    assert dealt(50) != dealt(50, seed=43)
    turned = dataclasses.replace(CHAT.propose, hints=dict(reversed(CHAT.propose.hints.items())))
    assert all(draw_hints(turned, 42, index) == draw_hints(CHAT.propose, 42, index) for index in range(50))


def test_the_prompt_holds_the_drawn_hints() -> None:
    state = begin(RunStarted(CHAT, SEEDS))
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
    dry_run(plain)
    assert "This time" not in propose_prompt(begin(RunStarted(plain, SEEDS)), 0)[0].messages[-1].content


def test_the_chat_prompt_takes_any_of_its_hints() -> None:
    some = with_hints({"persona": ["a nurse on night duty"], "length": ["one short sentence each"]})
    dry_run(some)
    prompt = propose_prompt(begin(RunStarted(some, SEEDS)), 0)[0].messages[-1].content
    assert "Write them as a nurse on night duty would. Length: one short sentence each.\n" in prompt
    assert "about half" not in prompt


@pytest.mark.parametrize(
    ("hints", "template", "result"),
    [
        ({"topic": ["a"]}, "{{ hints.topc }}", "topc"),
        ({"topic": ["a"]}, "{{ examples }} {{ topic }}", "topic"),
        (
            {"topic": ["a"], "tone": ["b"]},
            "{{ hints.topic }}",
            "propose.hints.tone: the prompt of propose.ask does not use it",
        ),
        ({"tone": ["a"]}, None, "propose.hints.tone: the prompt of propose.ask does not use it"),
    ],
)
def test_a_dry_run_finds_unknown_and_unused_hints(hints: object, template: str | None, result: str) -> None:
    with pytest.raises(InputError, match=result):
        dry_run(with_hints(hints, template))


@pytest.mark.parametrize(
    "template", ["{{ hints.topic }}", "{{ hints['topic'] }}", "{% for n, v in hints.items() %}{{ v }}{% endfor %}"]
)
def test_a_dry_run_passes_hints_that_are_used(template: str) -> None:
    dry_run(with_hints({"topic": ["a", "b"]}, template))


@pytest.mark.parametrize(
    ("hints", "result"),
    [
        ({"topic": []}, "propose.hints.topic: needs at least one value"),
        ({"topic": ["a", " "]}, "none may be empty"),
        ({"two words": ["a"]}, "'two words' cannot be the name of a hint"),
        ({"items": ["a"]}, "'items' cannot be the name of a hint"),
        ({"topic": "a"}, "propose.hints.topic: expected a list, found 'a'"),
        ({"topic": [1]}, r"propose.hints.topic\[0\]: expected text, found 1"),
        ({1: ["a"]}, "propose.hints: a name: expected text, found 1"),
        (["a"], "propose.hints: expected names with values, found a list"),
    ],
)
def test_a_wrong_table(hints: object, result: str) -> None:
    with pytest.raises(InputError, match=result):
        with_hints(hints)


def test_hints_survive_the_journal_and_enter_the_digest(tmp_path: Path) -> None:
    assert from_mapping(to_mapping(CHAT), "x") == CHAT
    assert with_hints({}).digest() != CHAT.digest()
    assert "hints" not in to_mapping(with_hints({}))["propose"]
