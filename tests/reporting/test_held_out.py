"""Test sets beside a report: what the data shares with them is found, counted and shown harmlessly."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bootstruct.cli.report import report_command
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.novelty.rouge import rouge_l
from bootstruct.reporting.build import make_report
from bootstruct.reporting.held_out import HeldOutTask, read_held_out
from bootstruct.reporting.read_subjects import read_subjects
from bootstruct.reporting.sections import nearby_view, shared_counts
from bootstruct.stages.contamination import measure_overlap, training_texts_of_run
from bootstruct.types import Instance, Reply, Seed, Verdict
from tests.reporting.test_page import HOSTILE, read
from tests.support.report_runs import events, recipe, write_journal
from tests.support.superni_tasks import superni_checkout

LONG = "the quick brown fox jumps over the lazy dog near the old river bank today and sleeps"


def small_run(folder: Path, texts: list[str]) -> Path:
    seeds = (Seed("s0", "Sort these seven numbers by size", (Instance("", "o"),), False),)
    given: list[Event] = [RunStarted(recipe(), seeds), ReplyReceived("propose/0", "", Reply("reply"))]
    given.append(CandidatesJudged(0, ("s0",), tuple(Verdict(text) for text in texts)))
    given.append(TaskCompleted("0.0", False, (Instance("", f"Well, {LONG.upper()}."),)))
    return write_journal(folder, given)


def written(path: Path, rows: list[Any]) -> Path:
    whole = path.suffix == ".json"
    path.write_text(json.dumps(rows) if whole else "".join(json.dumps(row) + "\n" for row in rows))
    return path


TEST_SET = [
    {"id": "sorting", "instruction": "Sort these five numbers by size", "instances": [{"input": "", "output": "1"}]},
    {"id": "colour", "instruction": "name a  COLOUR", "instances": [{"input": "red", "output": "yes"}]},
    {"id": "runs", "instruction": "Nothing in common", "instances": [{"input": "no"}, {"input": LONG, "output": ""}]},
    {"id": "far", "instruction": "Zebra", "instances": []},
]


def test_each_kind_of_nearness_is_counted(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run", ["Rewrite what is said.", "Name a colour."])
    made = make_report([folder], test_sets=[written(tmp_path / "held.jsonl", TEST_SET)])
    (near,) = made.measured[0].nearby
    best = rouge_l("Sort these seven numbers by size", "Sort these five numbers by size")
    scores = {task.task: task.score for task in near.found.tasks}
    assert scores == {"colour": 1.0, "sorting": round(best, 4), "runs": 0.0, "far": 0.0}
    assert [count for _, count in shared_counts(near)] == [2, 2, 1, 0, 0, 0, 1]
    view = nearby_view(near)
    assert [(pair.task, pair.nearest) for pair in view.pairs[:3]] == [
        ("colour", "0.1"),
        ("sorting", "s0"),
        ("runs", ""),
    ]
    assert view.pairs[0].shared == "same instruction as 0.1"
    assert "5 of 8 runs of 13 words, first in 0.0" in view.pairs[2].shared
    assert sum(int(count) for _, count in view.figure.rows) == 4
    text = " ".join("".join(read(folder / "report.html").text).split())
    assert "4 tasks against 3 training texts" in text
    assert "Sort these five numbers by size" in text
    card = (folder / "report.card.md").read_text()
    assert "held.jsonl, of 4 tasks: ROUGE-L 0.7 or more 2" in card


def test_a_run_is_measured_as_evaluate_does(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(120))
    made = make_report([folder], test_sets=[shipped_seeds()])
    (near,) = made.measured[0].nearby
    history = made.measured[0].subject.history
    assert history is not None
    cases = [
        HeldOutTask(seed.id, seed.instruction, instance.input)
        for seed in read_seeds(shipped_seeds())
        for instance in seed.instances
    ]
    assert near.found == measure_overlap(list(training_texts_of_run(history.state)), cases)
    assert len(near.found.tasks) == 175


def test_without_a_test_set_nothing_is_shown(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(40))
    make_report([folder])
    assert 'id="tests"' not in (folder / "report.html").read_text()
    assert "test sets" not in (folder / "report.card.md").read_text()


@pytest.mark.parametrize("name", ["held.jsonl", "held.json"])
@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"instruction": "Add.", "instances": [{"input": "1"}, {"input": "2"}]}, [("Add.", "1"), ("Add.", "2")]),
        ({"instruction": "Add.", "instances": []}, [("Add.", "")]),
        ({"instruction": "Add.", "input": "1", "output": "2"}, [("Add.", "1")]),
        ({"text": "Add."}, [("Add.", "")]),
        ({"prompt": "Add.", "completion": "2"}, [("Add.", "")]),
        ({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Add."}]}, [("Add.", "")]),
    ],
)
def test_formats(tmp_path: Path, name: str, row: dict[str, Any], found: list[tuple[str, str]]) -> None:
    (held,) = read_held_out([written(tmp_path / name, [row])])
    assert [(question.instruction, question.input) for question in held.questions] == found


def test_rows_of_one_name_stay_apart(tmp_path: Path) -> None:
    path = written(
        tmp_path / "held.jsonl", [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}, {"id": 3, "text": "z"}]
    )
    assert [question.task for question in read_held_out([path])[0].questions] == ["a", "row 2", "3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "contains no rows"),
        ("[]", "contains no rows"),
        ('{"output": "a"}\n{"output": "b"}\n', r"held\.jsonl:1: a row without instruction.*none of the 2 rows"),
        ('{"instances": [{"input": "a", "output": "b"}]}\n', r"held\.jsonl:1: a row without instruction"),
        ('{"text": " "}\n', r"held\.jsonl:1: a row without instruction"),
        ('{"text": \nno\n', r"held\.jsonl:1: not JSON"),
        ("[3]", ":1: expected an object or a text"),
    ],
)
def test_bad_test_sets_are_told_by_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "held.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        read_held_out([tmp_path / "held.jsonl"])


def test_no_such_file_and_a_page_over_the_test_set(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run", ["Name a colour."])
    with pytest.raises(InputError, match="no such file"):
        make_report([folder], test_sets=[tmp_path / "gone.jsonl"])
    held = written(tmp_path / "held.jsonl", TEST_SET)
    with pytest.raises(InputError, match="is a source of the report"):
        make_report([folder], held, test_sets=[held])


def test_a_run_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n")
    made = make_report([path], test_sets=[written(tmp_path / "held.jsonl", TEST_SET)])
    assert [task.score for task in made.measured[0].nearby[0].found.tasks] == [0, 0, 0, 0]
    assert "no training text is similar" in (tmp_path / "data.report.html").read_text()


def test_hostile_texts_of_both_sides_are_escaped(tmp_path: Path) -> None:
    data = [{"id": text, "instruction": text, "input": text, "output": text} for text in HOSTILE]
    page: dict[str, set[tuple[str, str]]] = {}
    things = (
        "a small thing",
        "two animals",
        "an old river",
        "many songs",
        "one letter",
    )  # as many rows: the map is drawn
    texts = [f"Name {what} that you can {do}." for what in things for do in ("see", "hear", "draw")]
    assert len(texts) >= len(HOSTILE) >= 10
    plain = [{"id": text, "instruction": text, "input": text, "output": text} for text in texts]
    for name, rows in (("hostile", data), ("plain", plain)):
        source, held = written(tmp_path / f"{name}.json", rows), written(tmp_path / f"{name} <b>&held.json", rows)
        found = read(next(iter(make_report([source], test_sets=[held]).files)))
        page[name] = {(tag, attribute) for tag, attributes in found.elements for attribute in attributes}
        assert len(found.blocks["script"]) == 2
        if name == "hostile":
            assert "<img src=x onerror" in "".join(found.text)
    assert page["hostile"] <= page["plain"]


def test_the_command_takes_several(tmp_path: Path) -> None:
    folders = [small_run(tmp_path / name, ["Name a colour.", f"Draw {name}."]) for name in ("one", "two")]
    sets = [written(tmp_path / "a.jsonl", TEST_SET), written(tmp_path / "b.json", [{"text": "Draw two."}])]
    words = [*map(str, folders), "--out", str(tmp_path / "both.html")]
    history = CliRunner().invoke(
        report_command, [*words, *(word for set_ in sets for word in ("--test-set", str(set_)))]
    )
    assert history.exit_code == 0, history.output
    assert "one and b.json, of 1 task: ROUGE-L 0.7 or more 0" in history.output
    assert "two and b.json, of 1 task: ROUGE-L 0.7 or more 1" in history.output
    text = (tmp_path / "both.html").read_text()
    assert text.count("<h3>Test tasks with</h3>") == 4


def test_folders_of_super_naturalinstructions(tmp_path: Path) -> None:
    """As a data set without its test tasks, as a test set without all others."""
    folder = superni_checkout(tmp_path / "ni")
    made = make_report([folder], out=tmp_path / "page.html", test_sets=[folder / "tasks"])
    (measured,) = made.measured
    assert [task.name for task in measured.subject.tasks] == ["task001_count_words"]
    assert measured.subject.notes == [
        "Tasks left out: 2 of the test split, 1 excluded by the split, 1 in other languages than English."
    ]
    (near,) = measured.nearby
    assert {task.task for task in near.found.tasks} == {"task002_title_of_notes", "task005_follows_or_not"}
    assert [account.omitted for account in made.accounts] == [4, 3]
    (everything,) = read_subjects([folder], test_tasks=True, other_languages=True)
    assert (len(everything.tasks), everything.notes) == (5, [])
