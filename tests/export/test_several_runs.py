"""Runs merged into one export, parts by task, containers, and what is left out: every task and row is accounted for."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.export.files import EQUAL, ExportResult, export_runs
from bootstruct.export.rows import training_rows
from bootstruct.export.selection import OPEN, OVER_LIMIT, REVIEWED_BAD, TOO_SIMILAR, RunSource, parts_of, read_splits
from bootstruct.io.rows import read_rows
from bootstruct.io.shapes import read_task_row
from bootstruct.novelty.rouge import rouge_l
from tests.support.scripts import HAS_PARQUET, SEEDS, answer, run_to

Json = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunSource]:
    """Three runs; the second repeats the first and goes on, the third is another one."""
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for name, tasks, suffix in (("a", 12, ""), ("b", 20, ""), ("c", 12, " now")):

        def reply(prompt: Any, suffix: str = suffix) -> Any:
            given = answer(prompt)
            text = given.text.replace(".", f"{suffix}.") if prompt.step == "propose" else given.text
            return type(given)(text, given.finish, 1, 1, "scripted")

        (folder / name).mkdir()
        path = folder / name / "journal.jsonl"
        made.append(RunSource(run_to(path, ScriptedEngine(reply), tasks), path, (), folder / name))
    return made


def lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def accounted(result: ExportResult, runs: Iterable[RunSource], seeds: bool = False) -> None:
    """Every accepted task is in the files or left out by name, and so is every instance of an exported task."""
    states = [source.state for source in runs]
    tasks = sum(len(state.accepted) + (len(state.seeds) if seeds else 0) for state in states)
    assert result.exported + sum(result.tasks_left_out.values()) == tasks == result.tasks + (tasks - result.tasks)


def test_later_runs_add_what_is_new(runs: list[RunSource], tmp_path: Path) -> None:
    result = export_runs(runs, "alpaca", tmp_path / "all.jsonl")
    rows = lines(tmp_path / "all.jsonl")
    accounted(result, runs)
    assert result.tasks_left_out[TOO_SIMILAR] > 10
    by_run: dict[str, list[str]] = {}
    for row in rows:
        by_run.setdefault(row["id"].split("/")[0], []).append(row["instruction"])
    assert list(by_run) == ["a", "b", "c"]
    for name, texts in by_run.items():
        earlier = [text for other in by_run for text in by_run[other] if other < name]
        assert all(rouge_l(other, text) <= 0.7 for text in texts for other in earlier)
    alone = [row.instruction for row in training_rows(runs[0].state)]
    assert by_run["a"] == alone  # the first run is whole
    assert len({row["id"] for row in rows}) == len(rows)


def test_seeds_are_in_once(runs: list[RunSource], tmp_path: Path) -> None:
    result = export_runs(runs[:2], "messages", tmp_path / "all.jsonl", seeds=True)
    accounted(result, runs[:2], seeds=True)
    asked = Counter(row["messages"][0]["content"] for row in lines(tmp_path / "all.jsonl"))
    assert [asked[seed.instruction] for seed in SEEDS] == [1] * len(SEEDS)


def test_the_threshold_can_be_given(runs: list[RunSource], tmp_path: Path) -> None:
    counts = [
        export_runs(runs, "alpaca", tmp_path / "all.json", threshold=threshold).exported
        for threshold in (0.2, 0.7, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[1]


def test_prompts_and_completions_of_several_runs(runs: list[RunSource], tmp_path: Path) -> None:
    result = export_runs(runs[:2], "prompt-completion", tmp_path / "p.jsonl", threshold=1)
    rows = lines(tmp_path / "p.jsonl")
    assert len({(row["prompt"], row["completion"]) for row in rows}) == len(rows)
    alone = tmp_path / "alone.jsonl"
    export_runs(runs[:1], "prompt-completion", alone)
    pairs = {(row["prompt"], row["completion"]) for row in rows}
    assert {(row["prompt"], row["completion"]) for row in lines(alone)} <= pairs
    assert result.files == {str(tmp_path / "p.jsonl"): len(rows)}


def test_one_run_named_twice(runs: list[RunSource], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a: is named twice"):
        export_runs([runs[0], runs[0]], "alpaca", tmp_path / "a.json")
    with pytest.raises(InputError, match="`original` is one run"):
        export_runs(runs, "original", tmp_path / "o")


def test_what_is_left_out_is_named(runs: list[RunSource], tmp_path: Path) -> None:
    state, journal = runs[0].state, runs[0].journal
    bad = {state.accepted[0].name, state.accepted[3].name}
    source = RunSource(state, journal, bad)
    result = export_runs([source], "messages", tmp_path / "m.jsonl")
    accounted(result, [source])
    assert result.tasks_left_out[REVIEWED_BAD] == 2
    assert OPEN not in result.tasks_left_out
    whole = sum(len(state.passed_instances(t.name)) for t in state.accepted if t.name not in bad)
    written = sum(result.files.values())
    assert written + result.rows_left_out.get(OVER_LIMIT, 0) + result.rows_left_out.get(EQUAL, 0) == whole


@pytest.mark.parametrize("format", ["messages", "alpaca", "prompt-completion", "sharegpt"])
def test_parts_keep_tasks_together(format: str, runs: list[RunSource], tmp_path: Path) -> None:
    ending = ".jsonl"
    result = export_runs([runs[1]], format, tmp_path / f"x{ending}", splits={"test": 0.3, "validation": 0.1})
    parts = {name: lines(tmp_path / f"x-{name}{ending}") for name in ("train", "test", "validation")}
    assert result.files == {str(tmp_path / f"x-{name}{ending}"): len(rows) for name, rows in parts.items()}
    whole = export_runs([runs[1]], format, tmp_path / f"whole{ending}")
    assert sum(result.files.values()) == sum(whole.files.values())
    key = "instruction" if format == "alpaca" else "task"
    names = [{row[key] for row in rows} for rows in parts.values()]
    assert all(names)
    assert sum(map(len, names)) == len(set.union(*names))


def test_a_task_is_in_the_same_part_of_every_export(runs: list[RunSource]) -> None:
    some = list(training_rows(runs[1].state))
    more = some + list(training_rows(runs[2].state))
    part_of, other_of = parts_of(some, {"test": 0.3}), parts_of(more, {"test": 0.3})
    assert all(part_of(row.instruction) == other_of(row.instruction) for row in some)
    texts = {row.instruction for row in more}
    assert 0.1 < sum(other_of(text) == "test" for text in texts) / len(texts) < 0.5


def test_parts_in_a_folder(runs: list[RunSource], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for place in ("there", "new"):
        export_runs([runs[0]], "alpaca", tmp_path / place, splits={"test": 0.2})
        assert sorted(entry.name for entry in (tmp_path / place).iterdir()) == ["test.json", "train.json"]


@pytest.mark.parametrize(
    ("texts", "shares"),
    [
        (["test=0.1"], {"test": 0.1}),
        (["test=10%", "dev=0.2"], {"test": 0.1, "dev": 0.2}),
        (["train=0.8,test=0.2"], {"test": 0.2}),
        ([], {}),
    ],
)
def test_splits_are_read(texts: list[str], shares: dict[str, float]) -> None:
    assert read_splits(texts) == shares


@pytest.mark.parametrize(
    "text", ["test", "test=", "=0.1", "test=2", "test=0", "../x=0.1", "a=0.5,b=0.5", "train=0.5,test=0.1"]
)
def test_bad_splits_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--split"):
        read_splits([text])


def test_too_few_tasks_for_a_part(runs: list[RunSource]) -> None:
    rows = [row for row in training_rows(runs[0].state) if row.task == "0.1"]
    with pytest.raises(InputError, match="1 tasks are too few for a part 'test'"):
        parts_of(rows, {"test": 0.1})


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv.gz", "a.json.gz", "a.parquet"])
@pytest.mark.parametrize("format", ["alpaca", "parquet"])
def test_the_same_rows_in_every_container(name: str, format: str, runs: list[RunSource], tmp_path: Path) -> None:
    if not HAS_PARQUET and "parquet" in (name.rpartition(".")[2], format):
        pytest.skip("pyarrow is not installed")
    result = export_runs([runs[0]], format, tmp_path / name)
    found = [row for _, row in read_rows(tmp_path / name)]
    wanted = list(training_rows(runs[0].state))
    assert result.files == {str(tmp_path / name): len(wanted)}
    assert [(row["id"], row["instruction"], row["input"], row["output"]) for row in found] == [
        (row.id, row.instruction, row.instance.input, row.instance.output) for row in wanted
    ]


def test_lineage_where_there_is_room(runs: list[RunSource], tmp_path: Path) -> None:
    export_runs([runs[0]], "parquet", tmp_path / "t.csv", seeds=True)
    with open(tmp_path / "t.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    recipe = runs[0].state.recipe
    assert {(row["is_seed"], row["model"]) for row in rows} == {("true", ""), ("false", recipe.model)}
    assert {row["recipe"] for row in rows} == {recipe.digest()}
    assert all(row["id"].rpartition("/")[0] == row["task"] for row in rows)
    for format in ("messages", "sharegpt", "prompt-completion"):
        export_runs([runs[0]], format, tmp_path / "x.jsonl")
        assert all(row["id"].rpartition("/")[0] == row["task"] for row in lines(tmp_path / "x.jsonl"))


def test_a_file_of_the_run_is_not_written_over(runs: list[RunSource], tmp_path: Path) -> None:
    for name in ("journal.jsonl", "recipe.yaml", "seeds.jsonl", "machine.yaml", "reviews.jsonl"):
        with pytest.raises(InputError, match="is a file of the run, which would be lost"):
            export_runs([runs[0]], "messages", runs[0].journal.with_name(name))
    (tmp_path / "link.jsonl").symlink_to(runs[0].journal)
    with pytest.raises(InputError, match="is a file of the run"):
        export_runs(runs, "messages", tmp_path / "link.jsonl")


def test_neither_a_part_nor_the_original_files_take_the_place_of_the_run(runs: list[RunSource]) -> None:
    folder, before = runs[0].journal.parent, runs[0].journal.read_bytes()
    with pytest.raises(InputError, match=r"journal\.jsonl: is a file of the run"):
        export_runs([runs[0]], "messages", folder, splits={"journal": 0.3})
    with pytest.raises(InputError, match="is the folder of the run, whose recipe would be lost"):
        export_runs([runs[0]], "original", folder)
    assert runs[0].journal.read_bytes() == before
    assert not (folder / "train.jsonl").exists()


def test_openai_is_jsonl_only(runs: list[RunSource], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`openai` is JSONL only; name a file \.jsonl"):
        export_runs([runs[0]], "openai", tmp_path / "a.csv")
    export_runs([runs[1]], "openai", tmp_path / "a.jsonl", splits={"test": 0.05})  # a short part is for validation


@pytest.mark.parametrize("format", ["messages", "sharegpt"])
def test_chats_in_csv_are_read_again(format: str, runs: list[RunSource], tmp_path: Path) -> None:
    result = export_runs([runs[0]], format, tmp_path / "a.csv")
    assert any("written as JSON text" in note for note in result.notes)
    export_runs([runs[0]], format, tmp_path / "a.jsonl")
    read = [[read_task_row(row) for _, row in read_rows(tmp_path / name)] for name in ("a.csv", "a.jsonl")]
    assert read[0] == read[1]
