"""`export` on the command line: to a file, to the standard output, as JSON; names that a shell completes."""

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bootstruct.cli import cli
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.export.formats import FORMATS
from tests.support.commands import bootstruct
from tests.support.scripts import answer, run_to


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a"
    folder.mkdir()
    run_to(folder / "journal.jsonl", ScriptedEngine(answer), 20)
    return folder


def export(run: Path, folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    with contextlib.chdir(folder):
        return bootstruct("export", run, *words)


def test_without_a_place_the_file_is_named_after_the_run(run: Path, tmp_path: Path) -> None:
    done = export(run, tmp_path, "--format", "alpaca")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a-alpaca.json: ")
    assert json.loads((tmp_path / "a-alpaca.json").read_bytes())
    export(run, tmp_path, "--format", "original")
    assert (tmp_path / "a-original" / "all_generated_instances.jsonl").is_file()


def test_a_dash_is_the_standard_output_and_nothing_else_goes_there(run: Path, tmp_path: Path) -> None:
    done = export(run, tmp_path, "--format", "messages", "--out", "-")
    export(run, tmp_path, "--format", "messages", "--out", "m.jsonl")
    assert done.stdout.encode() == (tmp_path / "m.jsonl").read_bytes()
    assert done.stderr.startswith("-: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.jsonl"]


def test_the_result_as_json(run: Path, tmp_path: Path) -> None:
    result = json.loads(export(run, tmp_path, "--format", "messages", "--out", "m.jsonl", "--json").stdout)
    assert result["files"] == {"m.jsonl": (tmp_path / "m.jsonl").read_bytes().count(b"\n")}
    assert (result["format"], result["left_out"]) == ("messages", [])
    assert 20 <= result["completed"] <= result["tasks"]


@pytest.mark.parametrize("incomplete", ["", "p"])
def test_a_shell_completes_formats(incomplete: str) -> None:
    complete = ShellComplete(cli, {}, "bootstruct", "_BOOTSTRUCT_COMPLETE")
    found = complete.get_completions(["export", "runs/a", "--format"], incomplete)
    assert {item.value: item.help for item in found} == {
        name: known.description for name, known in FORMATS.items() if name.startswith(incomplete)
    }


@pytest.mark.parametrize("command", ["init", "import"])
def test_a_shell_completes_recipes(command: str) -> None:
    complete = ShellComplete(cli, {}, "bootstruct", "_BOOTSTRUCT_COMPLETE")
    found = complete.get_completions([command, "runs/a", "--recipe"], "p")
    assert [item.value for item in found if item.type == "plain"] == ["paper", "pocket"]
