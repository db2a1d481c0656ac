"""What training data shares with an evaluation set is found; what it does not share is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.domain import Instance, Seed, Verdict
from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Case
from bootstruct.evaluate.overlap import markdown, to_row, training_texts
from bootstruct.evaluate.user_tasks import read_user_tasks, shipped_tasks
from bootstruct.events import Annotated, Proposed, Started
from bootstruct.files import read_recipe, recipe_folder
from bootstruct.journal import NAME, Journal
from bootstruct.stages.overlap import Trained, overlap
from bootstruct.stages.rouge import rouge_l

LONG = "the quick brown fox jumps over the lazy dog near the old river bank today and sleeps"


def case(name: str, instruction: str, given: str = "") -> Case:
    return Case(name, name, instruction, given, ("x",))


def test_each_kind_of_nearness() -> None:
    training = [
        Trained("near", "Sort these seven numbers by size", ("Sort these seven numbers by size",)),
        Trained("equal", "Name a colour.", ("Name a colour.", "red")),
        Trained(
            "input", "Something else entirely", ("Something else entirely", "first line\nFive words make an input!")
        ),
        Trained("run", "Rewrite", ("Rewrite", f"Well, {LONG.upper()}.")),
    ]
    cases = [
        case("sorting", "Sort these five numbers by size"),
        case("colour", "name a  colour"),
        case("inputs", "Unlike all", "five words make an input"),
        case("runs", "Nothing in common", LONG),
        case("short", "Zebra", "red"),
    ]
    found = {each.task: each for each in overlap(training, cases).tasks}
    best = rouge_l("Sort these seven numbers by size", "Sort these five numbers by size")
    assert (found["sorting"].score, found["sorting"].nearest) == (round(best, 4), "near")
    assert found["colour"].same_instruction == ("equal",)
    assert found["inputs"].same_input == ("input",)
    assert (found["runs"].runs, found["runs"].of_runs, found["runs"].where) == (5, 8, "run")
    assert found["short"].same_input == ()  # one word says nothing
    report = overlap(training, cases)
    assert (
        report.summary()["same_instruction"]
        == report.summary()["same_input"]
        == report.summary()["sharing_13_words"]
        == 1
    )
    assert [each.score for each in report.tasks] == sorted((each.score for each in report.tasks), reverse=True)
    assert "5 of 8" in markdown(report)
    assert json.loads(json.dumps(to_row(report)))["summary"]["evaluation_tasks"] == 5


def test_twelve_words_are_no_run() -> None:
    words = LONG.split()[:12]
    assert (
        overlap([Trained("a", " ".join(words), (" ".join(words),))], [case("t", "x", " ".join(words))]).tasks[0].runs
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
    assert [each.instruction for each in texts] == ["Name a colour."]
    assert problems[0].count == 1
    path.write_text("{}\n")
    with pytest.raises(BadInput, match="holds no training text"):
        training_texts(path)


def test_a_run_gives_seeds_and_instances(tmp_path: Path) -> None:
    seeds = (Seed("s0", "Seed task", (Instance("", "o"),), False),)
    recipe = read_recipe(Path(str(recipe_folder("paper") / "recipe.yaml")))
    journal = Journal(tmp_path / NAME)
    journal.append(Started(recipe, seeds))
    journal.append(Proposed(0, ("s0",), (Verdict("Made task"),)))
    journal.append(Annotated("0.0", False, (Instance("given", "made"),)))
    journal.close()
    texts, _ = training_texts(tmp_path)
    assert texts == [
        Trained("s0", "Seed task", ("Seed task", "", "o")),
        Trained("0.0", "Made task", ("Made task", "given", "made")),
    ]


def test_the_shipped_tasks_are_not_in_the_shipped_seeds() -> None:
    texts, _ = training_texts(shipped_tasks().with_name("seeds.jsonl"))
    summary = overlap(texts, read_user_tasks()[0]).summary()
    assert summary["training_texts"] == 175
    assert summary["best_rouge_l"]["max"] < 0.7
    assert summary["same_instruction"] == summary["sharing_13_words"] == 0
