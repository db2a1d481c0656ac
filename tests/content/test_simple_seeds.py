"""The shipped set `simple`: short everyday tasks that are right, plain, and unlike each other and all other content."""

import statistics

import pytest

from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.types import Seed
from tests.support import content_checks as checks
from tests.support.content_style import has_markdown, lacks_end_mark, starts_lower
from tests.support.content_texts import nearest, official_texts, read_rows
from tests.support.paths import PACKAGE


@pytest.fixture(scope="module")
def simple() -> tuple[Seed, ...]:
    return read_seeds(shipped_seeds("simple"))


def test_the_rows_are_in_our_format(simple: tuple[Seed, ...]) -> None:
    rows = read_rows(shipped_seeds("simple"))
    assert [row["id"] for row in rows] == [f"seed_task_{number}" for number in range(len(rows))]
    assert {tuple(row) for row in rows} == {("id", "name", "instruction", "instances", "is_classification")}
    assert len({seed.name for seed in simple}) == len(simple) == 100


def test_the_set_is_short_and_in_many_voices(simple: tuple[Seed, ...]) -> None:
    texts = [seed.instruction for seed in simple]
    lengths = [len(text.split()) for text in texts]
    assert 8 <= statistics.mean(lengths) <= 12
    assert sum(length > 20 for length in lengths) <= 5
    assert sum(map(lacks_end_mark, texts)) >= 20
    assert sum(map(starts_lower, texts)) >= 20
    assert sum(seed.is_classification for seed in simple) in range(22, 29)
    assert sum(len(seed.instances) > 1 for seed in simple) >= 20


def test_outputs_are_short_and_plain(simple: tuple[Seed, ...]) -> None:
    outputs = [instance.output for seed in simple for instance in seed.instances]
    assert max(len(output.split()) for output in outputs) <= 45
    assert not [output for output in outputs if has_markdown(output)]


def test_no_text_breaks_a_rule(simple: tuple[Seed, ...]) -> None:
    assert checks.rule_problems(seed.instruction for seed in simple) == []
    found = [
        (seed.name, problem)
        for seed in simple
        for instance in seed.instances
        for problem in (
            *checks.text_problems(seed.instruction, instance.input, instance.output),
            *checks.output_problems(seed.instruction, instance.output),
        )
    ]
    assert found == []


def test_labels_are_named_and_vary(simple: tuple[Seed, ...]) -> None:
    labelled = [seed for seed in simple if seed.is_classification]
    for seed in labelled:
        labels = [instance.output for instance in seed.instances]
        assert all(label in seed.instruction.lower() or label == "French" for label in map(str.lower, labels)), seed
        assert len(labels) == 1 or len(set(labels)) > 1, seed
    answers = [instance.output for seed in labelled for instance in seed.instances]
    assert abs(answers.count("yes") - answers.count("no")) <= 3


def test_nothing_is_alike(simple: tuple[Seed, ...]) -> None:
    """Far below the novelty threshold of 0.7: among themselves, with the 175, the 252 and the paper's own tasks."""
    texts = [seed.instruction for seed in simple]
    others = [row["instruction"] for row in read_rows(shipped_seeds())]
    users = [row["instruction"] for row in read_rows(PACKAGE / "evaluation" / "user_tasks.jsonl")]
    assert nearest(texts).score < 0.6
    assert nearest(texts, others).score < 0.6
    assert nearest(texts, users).score < 0.7
    public = official_texts()
    if public is not None:
        assert nearest(texts, public[0]).score < 0.6
