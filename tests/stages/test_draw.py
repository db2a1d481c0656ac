"""Which examples are shown: counts, visibility, and chance that comes from the index alone."""

import dataclasses
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.config.recipe import Ask, Lag, Propose
from bootstruct.stages.draw import draw_examples, name_and_text, rng_for, sample_number, visible_count
from bootstruct.types import Instance, Instruction, Sampling, Seed
from tests.support.paths import ROOT

PROPOSE = Propose(Ask("{{ examples }}", Sampling()))
SEEDS = tuple(
    Seed(f"seed_{n}", f"Seed number {n}.", (Instance("", "x"),), is_classification=n % 7 == 0) for n in range(175)
)
MACHINE = tuple(Instruction(f"{n // 3}.{n % 3}", f"Machine number {n}.") for n in range(40))


def drawn(index: int, seen: int, propose: Propose = PROPOSE, seed: int = 42) -> list[tuple[str, str]]:
    return [name_and_text(task) for task in draw_examples(propose, seed, index, SEEDS, MACHINE, seen)]


def kinds(shown: list[tuple[str, str]]) -> tuple[int, int]:
    machine = sum(name[0].isdigit() for name, _ in shown)
    return len(shown) - machine, machine


@pytest.mark.parametrize(("seen", "seeds", "machine"), [(0, 8, 0), (1, 7, 1), (2, 6, 2), (3, 6, 2), (40, 6, 2)])
def test_six_seeds_and_up_to_two_machine_written(seen: int, seeds: int, machine: int) -> None:
    for index in range(50):
        assert kinds(drawn(index, seen)) == (seeds, machine)


@given(st.integers(0, 100_000), st.integers(0, 40))
def test_no_example_twice_and_none_unseen(index: int, seen: int) -> None:
    shown = drawn(index, seen)
    unseen = {entry.name for entry in MACHINE[seen:]}
    assert len({name for name, _ in shown}) == 8
    assert not unseen & {name for name, _ in shown}
    result = dict([(entry.id, entry.instruction) for entry in SEEDS] + [(entry.name, entry.text) for entry in MACHINE])
    assert all(result[name] == text for name, text in shown)


def test_if_there_are_few_seeds_all_are_shown() -> None:
    shown = [name_and_text(task) for task in draw_examples(PROPOSE, 42, 3, SEEDS[:4], MACHINE, 40)]
    assert kinds(shown) == (4, 2)
    assert draw_examples(PROPOSE, 42, 3, SEEDS[:1], (), 0) == [SEEDS[0]]


def test_only_classification_shows_only_such_seeds() -> None:
    propose = dataclasses.replace(PROPOSE, only_classification=True)
    labelled = {entry.id for entry in SEEDS if entry.is_classification}
    for index in range(50):
        assert {name for name, _ in drawn(index, 0, propose)} <= labelled
    assert kinds(drawn(1, 40, propose)) == (6, 2)


def test_every_example_is_drawn_at_every_position() -> None:
    names, first = Counter[str](), Counter[str]()
    for index in range(2000):
        shown = drawn(index, 40)
        names.update(name for name, _ in shown)
        first.update(["machine" if shown[0][0][0].isdigit() else "seed"])
    assert set(names) == {entry.id for entry in SEEDS} | {entry.name for entry in MACHINE}
    # Uniform: 2,000 requests x 6 of 175 seeds and 2 of 40 machine-written; a quarter of all first places are machine's.
    assert max(names[entry.id] for entry in SEEDS) < 2 * 2000 * 6 / 175
    assert max(names[entry.name] for entry in MACHINE) < 2 * 2000 * 2 / 40
    assert 0.2 < first["machine"] / 2000 < 0.3


def test_a_request_draws_the_same_whatever_was_drawn_before() -> None:
    forwards = [drawn(index, 40) for index in range(100)]
    backwards = [drawn(index, 40) for index in reversed(range(100))][::-1]
    assert forwards == backwards
    assert len({str(shown) for shown in forwards}) == 100
    assert drawn(5, 40, seed=42) != drawn(5, 40, seed=43)


def test_later_growth_changes_nothing_that_was_seen() -> None:
    assert draw_examples(PROPOSE, 42, 9, SEEDS, MACHINE[:20], 20) == draw_examples(PROPOSE, 42, 9, SEEDS, MACHINE, 20)


# Visibility


@pytest.mark.parametrize(
    ("index", "lag"),
    [(0, 5), (1, 5), (20, 5), (23, 5), (24, 6), (100, 25), (2047, 511), (2048, 512), (2052, 512), (100_000, 512)],
)
def test_lag(index: int, lag: int) -> None:
    assert Lag().of(index) == lag


@given(st.integers(0, 10_000))
def test_the_lag_formula_and_the_needed_request_only_grow(index: int) -> None:
    assert Lag().of(index) == min(512, max(5, index // 4))
    assert index + 1 - Lag().of(index + 1) >= index - Lag().of(index)


def test_the_visible_count_is_that_of_the_pool_lag_requests_ago() -> None:
    marks = [10 * (n + 1) for n in range(100)]  # each request brought ten
    assert [visible_count(PROPOSE, index, marks) for index in range(8)] == [0, 0, 0, 0, 0, 10, 20, 30]
    assert visible_count(PROPOSE, 100, marks) == marks[75]
    assert visible_count(PROPOSE, 24, marks) == marks[18]


def test_the_visible_count_does_not_depend_on_later_requests() -> None:
    marks = [3, 5, 9, 9, 12, 20, 21]
    for index in range(8):
        enough = marks[: max(0, index - PROPOSE.lag.of(index) + 1)]
        assert visible_count(PROPOSE, index, enough) == visible_count(PROPOSE, index, marks)


def test_a_lag_of_one_sees_all_but_the_last_request() -> None:
    propose = dataclasses.replace(PROPOSE, lag=Lag(least=1, most=1))
    assert [visible_count(propose, index, [4, 7, 8]) for index in range(4)] == [0, 4, 7, 8]


# Chance


@given(st.integers(), st.text(), st.text())
def test_sample_numbers(seed: int, step: str, text: str) -> None:
    number = sample_number(seed, step, text)
    assert 0 <= number < 2**31
    assert number == sample_number(seed, step, text)


def test_sample_numbers_differ() -> None:
    numbers = {sample_number(42, "propose", index) for index in range(10_000)}
    assert len(numbers) > 9_990  # 10,000 of 2**31 meet 0.02 times


def test_places_have_generators_of_their_own() -> None:
    assert rng_for(42, "propose", 1).random() == rng_for(42, "propose", 1).random()
    places = [(42, "propose", 1), (42, "propose", 2), (43, "propose", 1), (42, "pick", 1)]
    assert len({rng_for(*place).random() for place in places}) == 4


SCRIPT = """
from tests.stages.test_draw import drawn
from bootstruct.stages.draw import sample_number, rng_for
print([drawn(index, 40) for index in range(30)], sample_number(42, "kind", "é 写"), rng_for(1, "pick", "812.3").random())
"""


def test_hash_seeds_change_nothing() -> None:
    outputs = set()
    for hash_seed in ("0", "1", "77"):
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={
                **os.environ,
                "PYTHONHASHSEED": hash_seed,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(result.stdout)
    assert len(outputs) == 1
    assert "Machine number" in outputs.pop()


def test_the_draws_of_this_version_are_fixed() -> None:
    """Journals are replayed by later versions: the same index must show the same examples in all of them."""
    assert [name for name, _ in drawn(0, 0)] == FIRST
    assert [name for name, _ in drawn(812, 40)] == LATER
    assert sample_number(42, "propose", 812) == NUMBER


FIRST = ["seed_88", "seed_70", "seed_170", "seed_158", "seed_139", "seed_138", "seed_128", "seed_157"]
LATER = ["seed_139", "seed_30", "seed_51", "seed_109", "5.1", "12.0", "seed_155", "seed_125"]
NUMBER = 427222734
