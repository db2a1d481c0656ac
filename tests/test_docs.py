"""Docs that fail the build: the README's commands run, and what exists is described."""

import dataclasses
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bootstruct.cli import COMMANDS
from bootstruct.config.loading import recipe_names
from bootstruct.config.recipe import Ask, Check, Encode, Instances, Lag, Novelty, Propose, Recipe, Rule
from bootstruct.export.formats import FORMATS
from bootstruct.journal.events import (
    NAMES,
)
from bootstruct.run.status import Status
from tests.support.commands import bootstruct, environment, simulator
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line[2:]) for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_commands_of_the_readme_run(tmp_path: Path, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with simulator("--latency", "0.005") as server:
        for words in commands(block):
            assert words[0] == "bootstruct"
            done = bootstruct(*words[1:], BOOTSTRUCT_BASE_URL=server.url, OPENAI_API_KEY="sk-test-key")
            assert done.returncode == 0, f"{words}: {done.stderr}"
            assert done.stdout.strip()


def test_the_tour_shows_every_command_it_explains() -> None:
    shown = {words[1] for block in BLOCKS for words in commands(block)}
    assert {"init", "generate", "preview", "status", "verify", "export", "dedup", "doctor"} <= shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_examples(command: str) -> None:
    done = bootstruct(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout, f"{command} --help shows no example"
    assert f"bootstruct {command}" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['bootstruct', '--help']\n"
        "from bootstruct.cli import main\n"
        "try:\n main()\nexcept SystemExit: pass\n"
        "print('HEAVY', [m for m in ('numpy', 'rapidfuzz', 'aiohttp', 'yaml', 'jinja2', 'rich', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert "HEAVY []" in done.stdout


def test_recipe_fields_are_described() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for cls in (Recipe, Propose, Ask, Lag, Novelty, Instances, Check, Encode, Rule):
        for field in dataclasses.fields(cls):
            assert f"`{field.name}`" in text or f"{field.name}:" in text or f".{field.name}`" in text, (
                f"{cls.__name__}.{field.name}"
            )
    for name in recipe_names():
        assert f"`{name}`" in README + text, f"recipe {name} is not described"


def test_status_keys_are_described() -> None:
    written = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "status.md").read_text(), re.MULTILINE))
    assert written == {field.name for field in dataclasses.fields(Status)}


def test_events_are_described() -> None:
    written = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "journal.md").read_text(), re.MULTILINE))
    assert written == set(NAMES.values())


def test_export_formats_are_described() -> None:
    done = bootstruct("export", "--help")
    for name in FORMATS:
        assert re.search(rf"^\s+{name} ", done.stdout, re.MULTILINE), name
        assert f"`{name}`" in README, name


def test_links_in_the_docs_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} -> {target}"
