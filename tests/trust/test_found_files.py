"""Folders that are no runs: what a command finds in them may come from a stranger, and ends in one sentence at worst."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import bootstruct

SECRET = '{"instruction": "the first line of a private file"}\n'
FIRST = "machine_generated_instructions.jsonl"
ROW = {"instruction": "Name a tall hill in Wales.", "request_idx": 0, "most_similar": {}, "avg_similarity_score": 0.1}
DEEP = "[" * 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "private").write_text(SECRET)
    (tmp_path / "found").mkdir()
    return tmp_path / "found"


def refused(*words: object) -> str:
    done = bootstruct(*words)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    assert "private file" not in done.stderr + done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def write(path: Path, *rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("name", [FIRST, "regen.json", "seed_tasks.jsonl", "recipe.yaml", "responses_0.jsonl", "rows.jsonl",
                                  "finetuning_data/is_clf_or_not_x.jsonl", "is_clf_or_not_x.jsonl"])  # fmt: skip
def test_an_import_follows_no_link(folder: Path, tmp_path: Path, name: str) -> None:
    if name in ("seed_tasks.jsonl", "recipe.yaml") or "clf" in name:
        write(folder / FIRST, ROW)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(tmp_path / "private")
    assert "is a link or lies behind one" in refused("import", tmp_path / "run", "--from", folder)
    assert not (tmp_path / "run").exists()


def test_a_link_that_the_user_names_is_followed(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", ROW)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "rows.jsonl")
    assert bootstruct("import", tmp_path / "run", "--from", tmp_path / "link.jsonl").returncode == 0


@pytest.mark.parametrize("name", [FIRST, "responses_0.jsonl", "batch_0.parquet", "parquet-files/batch_0.parquet"])
def test_an_import_waits_for_no_pipe(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    os.mkfifo(folder / name)
    assert "no other file of tasks found" in refused("import", tmp_path / "run", "--from", folder)


@pytest.mark.parametrize("fields", [
    {"request_idx": 10**18}, {"request_idx": float("inf")}, {"request_idx": 10**4000}, {"request_idx": float("nan")},
])  # fmt: skip
def test_numbers_that_no_journal_holds(folder: Path, tmp_path: Path, fields: dict[str, Any]) -> None:
    write(folder / FIRST, ROW | fields)
    assert "`request_idx` must be a whole number" in refused("import", tmp_path / "run", "--from", folder)


def test_logged_values_that_no_journal_holds(folder: Path, tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    response = {"choices": [{"text": "x"}], "usage": {"prompt_tokens": 10**30, "completion_tokens": True}}
    scores = {"most_similar": {"a": float("nan"), "b": 10**4000}, "avg_similarity_score": float("-inf")}
    write(folder / FIRST, ROW | scores | {"metadata": {"prompt": deep, "response": response}})
    done = bootstruct("import", tmp_path / "run", "--from", folder)
    assert done.returncode == 0, done.stderr
    assert bootstruct("status", tmp_path / "run").returncode == 0


@pytest.mark.parametrize("state", [
    DEEP, '{"_data_files": 5}', '{"_data_files": [5]}', '{"_data_files": [{"filename": "a\\u0000b"}]}',
    '{"_data_files": [{"filename": {}}]}', '{"_data_files": [{"filename": ""}]}', '{"_data_files": [{"filename": "../private"}]}',
])  # fmt: skip
def test_a_data_set_folder_that_datasets_did_not_write(folder: Path, state: str) -> None:
    pytest.importorskip("pyarrow", reason="folders of datasets need pyarrow: pip install 'bootstruct[parquet]'")
    (folder / "state.json").write_text(state)
    refused("dedup", folder, "--out", folder.parent / "out.jsonl")


def test_a_data_set_folder_with_a_state_of_gigabytes(folder: Path) -> None:
    pytest.importorskip("pyarrow", reason="folders of datasets need pyarrow: pip install 'bootstruct[parquet]'")
    with (folder / "state.json").open("wb") as file:
        file.truncate(20 << 30)
    assert "state.json" in refused("dedup", folder, "--out", folder.parent / "out.jsonl")


@pytest.mark.parametrize("name", [FIRST, "task001_x.json", "tasks/task001_x.json"])
def test_a_report_waits_for_no_pipe(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    os.mkfifo(folder / name)
    assert "is neither a run folder" in refused("report", folder, "--out", folder.parent / "page.html")


def test_a_report_follows_no_link(folder: Path, tmp_path: Path) -> None:
    (folder / FIRST).symlink_to(tmp_path / "private")
    assert "is a link" in refused("report", folder, "--out", tmp_path / "page.html")


def test_a_judges_folder_with_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "ratings.jsonl")
    assert "has no ratings.jsonl" in refused("evaluate", "agree", folder)


@pytest.mark.parametrize("items", [{"a": 5}, {"a": {"model": "m"}}, {"a": None}, {"a": [1]}, ["a"]])
def test_a_key_of_a_sheet_that_is_none(folder: Path, items: object) -> None:
    write(folder / "r.jsonl", {"item": "a", "rater": "anna", "level": "A"})
    write(folder / "key.json", {"sheet": "x", "items": items})
    told = refused("evaluate", "agree", folder / "r.jsonl", "--key", folder / "key.json")
    assert "is not the key of a rating sheet" in told


@pytest.mark.parametrize("name", ["propose.jinja", "prompts/propose.jinja"])
def test_a_recipe_from_elsewhere_takes_no_prompt_behind_a_link(folder: Path, tmp_path: Path, name: str) -> None:
    bootstruct("init", tmp_path / "own", "--recipe", "paper", "--model", "openai/m")
    (folder / "recipe.yaml").write_text((tmp_path / "own" / "recipe.yaml").read_text())
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(tmp_path / "private")
    assert "is a link" in refused("init", tmp_path / "run", "--recipe", folder / "recipe.yaml")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["verify", "status", "export", "report", "diversity"])
def test_no_command_follows_a_journal_that_is_a_link(folder: Path, tmp_path: Path, command: str) -> None:
    (folder / "journal.jsonl").symlink_to(tmp_path / "private")
    words = ["--format", "messages", "--out", tmp_path / "out.jsonl"] if command == "export" else []
    assert "is a link" in refused(command, folder, *words)
