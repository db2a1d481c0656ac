"""The training data of the demo's arms."""

from pathlib import Path
from random import Random

import pytest

from bootstruct.config.seeds import read_seeds
from bootstruct.journal.events import CandidatesJudged, RunStarted, TaskCompleted
from bootstruct.journal.state import State, apply, begin
from bootstruct.pocket.demo.training_data import (
    count_instances,
    count_instructions,
    input_first_rows,
    right_output,
    run_rows,
    seed_instance_rows,
    seed_rows,
    seed_rows_in_all_templates,
    share_right,
    shuffled_rows,
    solved_rows,
)
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import ReadTask, read_instruction
from bootstruct.types import Instance, Verdict
from tests.support.paths import PACKAGE
from tests.support.scripts import recipe

SEEDS = read_seeds(PACKAGE / "config" / "recipes" / "pocket" / "seeds.jsonl")
ODD = "Sing me something nobody knows."


def grown() -> State:
    """A run of the small world with a right, a wrong, a misplaced and an unread instance."""
    state = begin(RunStarted(recipe("pocket"), SEEDS))
    apply(state, CandidatesJudged(0, (), (Verdict("Give the plural of the noun."), Verdict(ODD))))
    kept = (Instance("farmer", "farmers"), Instance("mouse", "mouses"), Instance("3 and 4", "7"))
    apply(state, TaskCompleted("0.0", False, kept))
    apply(state, TaskCompleted("0.1", False, (Instance("", "la"),)))
    return state


class TestData:
    def test_the_strict_reader_counts_each_kind_apart(self) -> None:
        state = grown()
        checked = count_instances(state)
        assert checked == {"right": 1, "wrong": 1, "bad input": 1, "unread": 1}
        assert share_right(checked) == 0.25
        assert count_instructions(state) == {"read": 1, "unread": 1}
        assert share_right(count_instances(begin(RunStarted(recipe("pocket"), SEEDS)))) is None

    def test_seeds_alone_are_encoded_as_in_the_training_on_the_run(self, tmp_path: Path) -> None:
        from bootstruct.finetuning.data import read_data
        from bootstruct.finetuning.settings import MixturePart
        from bootstruct.journal.file import Journal

        state = grown()
        (tmp_path / "run").mkdir()
        journal = Journal(tmp_path / "run" / "journal.jsonl")
        journal.append(RunStarted(state.recipe, state.seeds))
        journal.append(CandidatesJudged(0, (), (Verdict("Give the plural of the noun."),)))
        journal.append(TaskCompleted("0.0", False, (Instance("farmer", "farmers"),)))
        journal.close()
        trained = read_data((MixturePart(str(tmp_path / "run")),), 0, 0.0, 42).train
        own = {(entry.prompt, entry.completion) for entry in trained if entry.is_seed}
        assert {(row["prompt"], row["completion"]) for row in seed_rows(state)} == own
        assert len(own) == len(SEEDS)

    def test_the_rows_of_a_run_are_those_that_finetune_has(self) -> None:
        rows = run_rows(grown())
        assert rows[: len(SEEDS)] == seed_rows(grown())
        assert [row["completion"].strip() for row in rows[len(SEEDS) :]] == ["farmers", "mouses", "7", "la"]
        assert run_rows(grown(), 22) == rows[:22]

    def test_seeds_stand_once_in_each_template(self) -> None:
        rows = seed_rows_in_all_templates(grown())
        assert len(rows) == 3 * len(SEEDS)
        assert all(row in rows for row in seed_rows(grown()))

    def test_instances_of_seed_instructions_are_taken_from_each_seed_in_turn(self) -> None:
        first, second = SEEDS[0], SEEDS[2]
        written = {
            first.id: [Instance("a, b", "b, a"), Instance("c, d", "d, c"), Instance("e, f", "f, e")],
            second.id: [Instance("cow", "cows")],
        }
        rows = seed_instance_rows(grown(), written, len(SEEDS) + 3)[len(SEEDS) :]
        assert [row["completion"].strip() for row in rows] == ["b, a", "cows", "d, c"]
        assert first.instruction in rows[0]["prompt"]

    def test_other_instances_take_the_place_of_a_tasks_own(self) -> None:
        rows = input_first_rows(grown(), {"0.0": [Instance("pig", "pigs")]}, 100)
        assert [row["completion"].strip() for row in rows[len(SEEDS) :]] == ["pigs", "la"]

    def test_shuffled_outputs_are_the_same_in_another_order(self) -> None:
        rows, shuffled = run_rows(grown()), shuffled_rows(grown())
        assert [row["prompt"] for row in rows] == [row["prompt"] for row in shuffled]
        assert rows != shuffled
        assert sorted(row["completion"] for row in rows) == sorted(row["completion"] for row in shuffled)

    def test_the_solver_corrects_wrong_outputs_and_drops_what_has_no_right_one(self) -> None:
        rows = solved_rows(grown())[len(SEEDS) :]
        assert [row["completion"].strip() for row in rows] == ["farmers", "mice"]

    @pytest.mark.parametrize("name", ["name_some", "repeat_word", "plural", "sentiment"])
    def test_right_outputs_are_right(self, name: str) -> None:
        family = FAMILIES[name]
        rng = Random(1)
        while True:
            params = family.params(rng)
            text = family.instruction(rng, params)
            if isinstance(task := read_instruction(text), ReadTask):
                break
        given, output = family.instance(rng, params)
        corrected = right_output(text, Instance(given, "certainly not this"), Random(2))
        assert corrected is not None
        assert task.family.is_right(given, corrected, task.params)
        assert right_output(text, Instance(given, output), Random(2)) == output
        assert right_output(ODD, Instance("", "la"), Random(2)) is None
