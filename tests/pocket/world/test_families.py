"""Every family of the micro-world: its instances, its labels, its words."""

from collections import Counter
from random import Random

import pytest

from bootstruct.pocket.world.families import DIFFICULTIES, FAMILIES, difficulty
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.strict_reader import check_instance

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
CLOSED = [family for family in FAMILIES.values() if family.write is None or family.accept is None]
CLASSES = [family for family in FAMILIES.values() if family.is_classification]


def test_there_are_about_a_hundred_families_and_a_third_choose_a_label() -> None:
    assert len(FAMILIES) >= 100
    assert 25 <= len(CLASSES) <= len(FAMILIES) // 2


@pytest.mark.parametrize("family", CLOSED, ids=lambda family: family.name)
def test_what_an_instance_says_is_what_solve_finds(family: TaskFamily) -> None:
    rng = Random(f"solve/{family.name}")
    for _ in range(2000):
        params = family.params(rng)
        text, output = family.instance(rng, params)
        assert family.solve(text, params) == output
        assert family.is_right(text, output, params)


@EVERY
def test_instances_are_lines_that_survive_the_reading_of_replies(family: TaskFamily) -> None:
    rng = Random(f"shape/{family.name}")
    for _ in range(300):
        text, output = family.instance(rng, family.params(rng))
        assert bool(text) == family.takes_input
        assert output
        assert output != text, "an output that equals its input would be dropped"
        assert text == " ".join(text.split())
        assert output == " ".join(output.split())
        assert not text.endswith(":")
        assert not output.endswith(":")
        assert "Input:" not in text
        assert "Output:" not in text + output


@EVERY
def test_wrong_outputs_are_distinguished_from_right_ones(family: TaskFamily) -> None:
    rng = Random(f"wrong/{family.name}")
    params = family.params(rng)
    text, output = family.instance(rng, params)
    assert family.is_right(text, output, params) is True
    assert family.is_right(text, output + " zebra", params) is False
    assert family.is_right(text + " zebra, zebra", output, params) in (False, None)


@pytest.mark.parametrize("family", CLASSES, ids=lambda family: family.name)
def test_labels_are_balanced_and_can_be_asked_for(family: TaskFamily) -> None:
    rng = Random(f"labels/{family.name}")
    counts: Counter[str] = Counter()
    for _ in range(400 * len(family.labels)):
        counts[family.instance(rng, family.params(rng))[1]] += 1
    assert set(counts) == set(family.labels)
    assert min(counts.values()) > 300
    assert max(counts.values()) < 500
    for label in family.labels:
        assert family.instance(rng, family.params(rng), label)[1] == label


def test_the_verifier_tells_five_things_apart() -> None:
    assert check_instance("Reverse the list.", "cat, dog", "dog, cat") == "right"
    assert check_instance("Reverse the list.", "cat, dog", "cat, dog") == "wrong"
    assert check_instance("Reverse the list.", "The cat is here.", "dog") == "bad input"
    assert check_instance("Find the sentence as a list.", "cat, dog", "dog, cat") == "unread"
    assert check_instance("Name two animals.", "", "cat, dog") == "right"
    assert check_instance("Name two animals.", "", "cat, cat") == "wrong"
    assert check_instance("Name two animals.", "", "cat, bread") == "wrong"


def test_held_out_families_exist() -> None:
    assert set(HELD_OUT) <= set(FAMILIES)
    assert len(set(HELD_OUT)) == len(HELD_OUT)
    assert len(FAMILIES) * 0.4 < len(HELD_OUT) < len(FAMILIES) * 0.5
    assert {difficulty(name) for name in HELD_OUT} == {difficulty(name) for name in FAMILIES} == set(DIFFICULTIES)
    assert any(FAMILIES[name].is_classification for name in HELD_OUT)
