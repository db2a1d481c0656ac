"""What is wrong with a file is named and counted, and the score says over how many it was computed."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import Problem
from bootstruct.evaluation.predictions import read_predictions
from bootstruct.evaluation.scorecard import markdown, score
from bootstruct.evaluation.superni import prompt_of, read_split
from bootstruct.evaluation.user_tasks import read_user_tasks, shipped_tasks


def rows_file(path: Path, rows: list[Any]) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def checkout(tmp_path: Path, **tasks: Any) -> Path:
    """A small checkout of the repository's shape."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "splits" / "default").mkdir(parents=True)
    (tmp_path / "splits" / "default" / "test_tasks.txt").write_text("\n".join(tasks) + "\n")
    for name, task in tasks.items():
        if task is not None:
            (tmp_path / "tasks" / f"{name}.json").write_text(task if isinstance(task, str) else json.dumps(task))
    return tmp_path


def task(*outputs: Any, **more: Any) -> dict[str, Any]:
    instances = [{"id": f"i{n}", "input": f"in {n}", "output": output} for n, output in enumerate(outputs)]
    return {
        "Definition": ["Say it"],
        "Categories": ["Word Analogy"],
        "Positive Examples": [],
        "Instances": instances,
    } | more


def result(problems: tuple[Problem, ...]) -> dict[str, int]:
    return {problem.kind: problem.count for problem in problems}


def official(name: str, identity: str, text: Any, output: Any = ("x",)) -> dict[str, Any]:
    return {"Task": name, "Instance": {"id": identity, "output": list(output)}, "prediction": text}


def test_predictions_against_the_tasks(tmp_path: Path) -> None:
    split = read_split(checkout(tmp_path, task1=task(["x"], ["y"], ["z"], ["w"]), task2=task(["q"])))
    path = rows_file(
        tmp_path / "p.jsonl",
        [
            official("task1", "i0", "x"),
            official("task1", "i0", "again"),
            official("task1", "i1", "  ", ["y"]),
            official("task1", "i9", "x"),
            official("task2", "i0", None),
            official("task1", "i2", "z", ["other"]),
            {"Task": "task1", "prediction": "no instance"},
            "not json",
            [1],
        ],
    )
    cases = [case for case in split.cases if case.task == "task1"]
    loaded = read_predictions(path, cases)
    assert [(p.instance, p.text) for p in loaded.predictions] == [("i0", "x"), ("i1", "  "), ("i2", "z")]
    assert loaded.expected == 4
    assert result(loaded.problems) == {
        "rows without a prediction": 1,
        "rows with a prediction that is null": 1,
        "rows not JSON": 1,
        "rows not an object": 1,
        "instances predicted twice": 1,
        "ids that belong to no task of the evaluation": 1,
        "references other than the data's": 1,
        "instances without a prediction": 1,
        "empty predictions": 1,
    }
    scored = score(loaded.predictions, loaded.expected, loaded.problems, "m")
    assert scored.tables["raw"].overall.exact_match == 66.6667
    text = markdown(scored)
    assert "3 of 4 instances" in text
    assert "1 instances predicted twice (p.jsonl:2 (i0)): the first counts" in text


def test_an_id_of_another_task_is_no_match(tmp_path: Path) -> None:
    split = read_split(checkout(tmp_path, task1=task(["x"])))
    path = rows_file(tmp_path / "p.jsonl", [official("task2", "i0", "x"), official("task1", "i0", "x")])
    loaded = read_predictions(path, split.cases)
    assert result(loaded.problems) == {"ids that belong to no task of the evaluation": 1}
    only_ids = rows_file(tmp_path / "ids.jsonl", [{"id": "i0", "prediction": "x"}])
    assert read_predictions(only_ids, split.cases).predictions[0].references == ("x",)


def test_predictions_alone(tmp_path: Path) -> None:
    rows = [
        official("task121_atomic_question_rewriting", "a", "x"),
        official("task121_zest_question_rewriting", "a", "x"),
        official("task1", "b", "x", []),
        {"instruction": "Do", "input": "", "response": "x", "target": "x"},
        {"instruction": "Do", "input": "", "response": "y", "target": "x"},
        {"instruction": "Do", "input": "it", "response": "y", "target": ""},
    ]
    loaded = read_predictions(rows_file(tmp_path / "p.jsonl", rows))
    assert [p.task for p in loaded.predictions] == ["task121_zest_question_rewriting", "row_3"]
    assert result(loaded.problems) == {"instances predicted twice": 2, "predictions without references": 2}
    assert loaded.expected is None
    assert "cannot be known" in score(loaded.predictions, None, loaded.problems).over()


@pytest.mark.parametrize("rows", [[], ["{}"], ['{"nonsense'], [{"prediction": 5, "id": "a"}]])
def test_a_file_without_a_prediction(tmp_path: Path, rows: list[Any]) -> None:
    with pytest.raises(InputError, match="contains no prediction"):
        read_predictions(rows_file(tmp_path / "p.jsonl", rows))


def test_task_files_that_are_none(tmp_path: Path) -> None:
    broken = {"gone": None, "bad": "{", "list": "[]", "bare": {"Instances": []}, "good": task(["x"], [], "y", None)}
    broken["good"]["Instances"] += [{"id": "i0", "input": "twice", "output": ["x"]}, {"id": "i7"}]
    split = read_split(checkout(tmp_path, **broken))
    assert [t.name for t in split.tasks] == ["good"]
    assert [c.instance for c in split.cases] == ["i0", "i2"]
    assert split.cases[1].references == ("y",)
    assert result(split.problems) == {
        "malformed task files": 4,
        "instances without references": 2,
        "instances whose id occurs twice in the task file": 1,
        "malformed instances": 1,
    }
    assert "gone.json: no such file" in split.problems[0].examples[0]


def test_folders_that_are_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checkout"):
        read_split(tmp_path)
    with pytest.raises(InputError, match="none of the 1 tasks can be read"):
        read_split(checkout(tmp_path, only=None))
    with pytest.raises(InputError, match="lists no task"):
        read_split(tmp_path, rows_file(tmp_path / "empty.txt", []))


def test_only_the_first_instances_are_asked(tmp_path: Path) -> None:
    folder = checkout(tmp_path, task1=task(*([str(n)] for n in range(120))))
    assert len(read_split(folder).cases) == 100
    assert [case.instance for case in read_split(folder, instances=2).cases] == ["i0", "i1"]


def test_the_prompt_closes_what_has_no_end_and_shows_what_fits(tmp_path: Path) -> None:
    examples = [
        {"input": "one ", "output": "uno"},
        {"input": "two?", "output": ["dos!"]},
        {"input": "long " * 900, "output": "x"},
    ]
    split = read_split(checkout(tmp_path, task1=task(["x"], **{"Positive Examples": examples})))
    only, case = split.tasks[0], split.cases[0]
    question = "Now complete the following example -\nInput: in 0.\nOutput: "
    assert prompt_of(only, case) == f"Definition: Say it.\n\n{question}"
    shown = " Positive Example 1 -\nInput: one.\n Output: uno.\n\n Positive Example 2 -\nInput: two?\n Output: dos!\n\n"
    assert prompt_of(only, case, 3) == f"Definition: Say it.\n\n{shown}{question}"
    assert prompt_of(only, case, 3, 10_000).count("Positive Example") == 3
    assert prompt_of(only, case, 3, 1) == f"Definition: Say it.\n\n{question}"


def test_user_task_files(tmp_path: Path) -> None:
    good = {"id": "a", "instruction": "Do it", "instances": [{"input": "x", "output": "y"}]}
    rows = [
        good,
        good,
        {"id": "b", "instruction": "Two", "instances": [{"output": "1"}, {"output": "2"}]},
        {"id": "c", "instruction": "", "instances": [{"output": "1"}]},
        {"id": "d", "instruction": "No output", "instances": [{"input": "x", "output": " "}]},
        {"id": "e", "instruction": "No instances", "instances": []},
        "[]",
    ]
    cases, problems = read_user_tasks(rows_file(tmp_path / "t.jsonl", rows))
    assert [case.instance for case in cases] == ["a", "b.0", "b.1"]
    assert result(problems) == {
        "instances whose id occurs twice": 1,
        "rows without an instruction": 1,
        "rows without instances": 1,
        "rows not an object": 1,
        "instances without references": 1,
    }
    with pytest.raises(InputError, match="contains no task"):
        read_user_tasks(rows_file(tmp_path / "none.jsonl", ["{}"]))


def test_the_shipped_tasks_are_all_tasks() -> None:
    cases, problems = read_user_tasks()
    assert shipped_tasks().is_file()
    assert (len(cases), len({case.key for case in cases}), problems) == (252, 252, ())
