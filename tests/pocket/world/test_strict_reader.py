"""The strict reader: it reads every phrasing of its own family, and of no other."""

from collections import Counter
from random import Random

import pytest

from bootstruct.novelty.rouge import rouge_l
from bootstruct.pocket.world import strict_reader
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.grammar import PhraseReader, render
from bootstruct.pocket.world.strict_reader import AmbiguousTask, ReadTask, read_instruction


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_phrasing_is_read_as_its_own_family(family: TaskFamily) -> None:
    rng = Random(f"phrasing/{family.name}")
    for _ in range(300):
        params = family.params(rng)
        task = read_instruction(family.instruction(rng, params))
        assert isinstance(task, ReadTask)
        assert task.family.name == family.name
        assert dict(task.params) == params


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_template_names_every_slot(family: TaskFamily) -> None:
    rng = Random(7)
    params = family.params(rng)
    for template in family.templates:
        for _ in range(5):
            assert family.reader.read(render(template, rng, params)) == params


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Find the sentence as a question mark.",
        "Write the plural.",
        "plural of the noun",
        "Please reverse the list.",
        "Reverse the list. Reverse the list.",
        "Reverse the list. And then sort it.",
        "My horse needs this. Reverse the list.",
        "Translate the word into Klingon.",
        "Replace the last word of the list with zebra.",
        "Given a verb, write the plural of the noun.",
        "Classify the review as spam or not spam.",
    ],
)
def test_what_the_grammar_does_not_say_is_not_read(text: str) -> None:
    assert read_instruction(text) is None


def test_case_and_blanks_do_not_matter() -> None:
    task = read_instruction("  translate the word   INTO spanish. ")
    assert isinstance(task, ReadTask)
    assert (task.family.name, dict(task.params)) == ("translate", {"lang": "Spanish"})


def test_two_values_for_one_slot_are_not_read() -> None:
    reader = PhraseReader(("Put {w} before {w}.",), {"w": ("cat", "dog")})
    assert reader.read("Put cat before cat.") == {"w": "cat"}
    assert reader.read("Put cat before dog.") is None


def test_a_sentence_of_two_families_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = FAMILIES["list_reverse"]
    monkeypatch.setitem(strict_reader.FAMILIES, "twin", TaskFamily("twin", "lists", twin.asks, twin.draw, twin.solve))
    strict_reader.possible_tasks.cache_clear()
    try:
        assert read_instruction("Reverse the list.") == AmbiguousTask(("list_reverse", "twin"))
        assert strict_reader.check_instance("Reverse the list.", "a, b", "b, a") == "ambiguous"
    finally:
        strict_reader.possible_tasks.cache_clear()


def test_the_grammar_holds_500_mutually_novel_instructions() -> None:
    rng = Random(5)
    kept: list[str] = []
    families: Counter[str] = Counter()
    for _ in range(3000):
        family = rng.choice(list(FAMILIES.values()))
        text = family.instruction(rng, family.params(rng))
        if all(rouge_l(text, other) <= 0.7 for other in kept):
            kept.append(text)
            families[family.name] += 1
        if len(kept) == 500:
            break
    assert len(kept) == 500
    assert len(families) > 100
