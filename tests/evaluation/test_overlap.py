"""What training data shares with an evaluation set is found; what it does not share is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.api.evaluate import overlap
from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.seeds import shipped_seeds
from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase
from bootstruct.evaluation.overlap import markdown, to_row, training_texts
from bootstruct.evaluation.user_tasks import read_user_tasks
from bootstruct.journal.events import CandidatesJudged, RunStarted, TaskCompleted
from bootstruct.journal.file import NAME, Journal
from bootstruct.novelty.rouge import rouge_l
from bootstruct.stages.contamination import TrainingText, measure_overlap
from bootstruct.types import Instance, Seed, Verdict
from tests.support.superni_tasks import superni_checkout

LONG = "the quick brown fox jumps over the lazy dog near the old river bank today and sleeps"


def case(name: str, instruction: str, given: str = "") -> EvaluationCase:
    return EvaluationCase(name, name, instruction, given, ("x",))


def test_each_kind_of_nearness() -> None:
    training = [
        TrainingText("near", "Sort these seven numbers by size", ("Sort these seven numbers by size",)),
        TrainingText("equal", "Name a colour.", ("Name a colour.", "red")),
        TrainingText(
            "input", "Something else entirely", ("Something else entirely", "first line\nFive words make an input!")
        ),
        TrainingText("run", "Rewrite", ("Rewrite", f"Well, {LONG.upper()}.")),
    ]
    cases = [
        case("sorting", "Sort these five numbers by size"),
        case("colour", "name a  colour"),
        case("inputs", "Unlike all", "five words make an input"),
        case("runs", "Nothing in common", LONG),
        case("short", "Zebra", "red"),
    ]
    found = {task.task: task for task in measure_overlap(training, cases).tasks}
    best = rouge_l("Sort these seven numbers by size", "Sort these five numbers by size")
    assert (found["sorting"].score, found["sorting"].nearest) == (round(best, 4), "near")
    assert found["colour"].same_instruction == ("equal",)
    assert found["inputs"].same_input == ("input",)
    assert (found["runs"].runs, found["runs"].of_runs, found["runs"].where) == (5, 8, "run")
    assert found["short"].same_input == ()  # one word says nothing
    report = measure_overlap(training, cases)
    assert (
        report.summary()["same_instruction"]
        == report.summary()["same_input"]
        == report.summary()["sharing_13_words"]
        == 1
    )
    assert [task.score for task in report.tasks] == sorted((task.score for task in report.tasks), reverse=True)
    assert "5 of 8" in markdown(report)
    assert json.loads(json.dumps(to_row(report)))["summary"]["evaluation_tasks"] == 5


def test_inputs_of_fewer_than_five_words() -> None:
    """A short input is counted where an input of training equals it, not where an output does; with the instruction it is
    an example of the evaluation set."""
    training = [
        TrainingText(
            "colour", "Name the colour of the thing.", ("Name the colour of the thing.", "a rose", "red"), ("a rose",)
        ),
        TrainingText("bare", "Sing.", ("Sing.", "la"), ("",)),
    ]
    cases = [
        case("same example", "name the colour of the thing", "A rose!"),
        case("same input", "Spell it", "a rose"),
        case("an output", "Spell it", "red"),
        case("another input", "Name the colour of the thing.", "a lily"),
        case("no input", "Sing"),
    ]
    report = measure_overlap(training, cases)
    found = {task.task: task for task in report.tasks}
    assert found["same example"].same_example == found["same example"].same_short_input == ("colour",)
    assert (found["same input"].same_short_input, found["same input"].same_example) == (("colour",), ())
    assert not found["same input"].is_alarming
    assert found["an output"].same_short_input == ()
    assert (found["another input"].same_instruction, found["another input"].same_example) == (("colour",), ())
    assert found["no input"].same_example == ("bare",)
    summary = report.summary()
    assert (summary["same_example"], summary["same_short_input"], summary["same_input"]) == (2, 2, 0)
    assert "instruction and input" in markdown(report)


def test_a_folder_of_tasks_is_training_data_without_its_test_tasks(tmp_path: Path) -> None:
    folder, accounts = superni_checkout(tmp_path / "ni"), []
    texts, _ = training_texts(folder, accounts=accounts)
    assert [(text.name, text.inputs) for text in texts] == [("task001_count_words", ("case 0", "case 1"))]
    assert accounts[0].omitted == 4
    found = overlap(folder, data=folder).report
    assert {task.task for task in found.tasks} == {"task002_title_of_notes", "task005_follows_or_not"}
    assert found.summary()["same_example"] == 0
    assert found.summary()["same_short_input"] == 2
    leaked = overlap(folder / "tasks", data=folder / "tasks", test_tasks=True).report
    assert leaked.summary()["same_example"] == 2


def test_twelve_words_are_no_run() -> None:
    words = LONG.split()[:12]
    assert (
        measure_overlap([TrainingText("a", " ".join(words), (" ".join(words),))], [case("t", "x", " ".join(words))])
        .tasks[0]
        .runs
        == 0
    )


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Name a colour.", "input": "", "output": "red"},
        {"prompt": "Name a colour.", "completion": "red"},
        {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Name a colour."}]},
        {"conversations": [{"from": "human", "value": "Name a colour."}, {"from": "gpt", "value": "red"}]},
    ],
)
def test_training_files_of_every_format(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(row) + '\n{"other": 1}\n')
    texts, problems = training_texts(path)
    assert [text.instruction for text in texts] == ["Name a colour."]
    assert problems[0].count == 1
    path.write_text("{}\n")
    with pytest.raises(InputError, match="contains no training text"):
        training_texts(path)


def test_a_run_gives_seeds_and_instances(tmp_path: Path) -> None:
    seeds = (Seed("s0", "Seed task", (Instance("", "o"),), False),)
    recipe = read_recipe(Path(str(recipe_folder("paper") / "recipe.yaml")))
    journal = Journal(tmp_path / NAME)
    journal.append(RunStarted(recipe, seeds))
    journal.append(CandidatesJudged(0, ("s0",), (Verdict("Made task"),)))
    journal.append(TaskCompleted("0.0", False, (Instance("given", "made"),)))
    journal.close()
    texts, _ = training_texts(tmp_path)
    assert texts == [
        TrainingText("s0", "Seed task", ("Seed task", "", "o"), ("",)),
        TrainingText("0.0", "Made task", ("Made task", "given", "made"), ("given",)),
    ]


def test_the_shipped_tasks_are_not_in_the_shipped_seeds() -> None:
    texts, _ = training_texts(shipped_seeds())
    summary = measure_overlap(texts, read_user_tasks()[0]).summary()
    assert summary["training_texts"] == 175
    assert summary["best_rouge_l"]["max"] < 0.7
    assert summary["same_instruction"] == summary["sharing_13_words"] == 0
