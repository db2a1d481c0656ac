"""Docs that fail the build: the README's commands run, and what exists is described."""

import dataclasses
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bootstruct.cli import COMMANDS
from bootstruct.events import Annotated, Checked, Failed, Proposed, Recorded, Replied, Started
from bootstruct.export import FORMATS
from bootstruct.files import recipe_names
from bootstruct.recipe import Ask, Check, Encode, Instances, Lag, Novelty, Propose, Recipe, Rule
from bootstruct.status import Status
from tests.servers import CLI, environment, simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line[2:]) for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_commands_of_the_readme_run(tmp_path: Path, block: str) -> None:
    with simulator("--latency", "0.005") as server:
        for words in commands(block):
            assert words[0] == "bootstruct"
            done = subprocess.run(
                [*CLI, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
                env=environment(BOOTSTRUCT_BASE_URL=server.url, OPENAI_API_KEY="sk-test-key"),
            )  # fmt: skip
            assert done.returncode == 0, f"{words}: {done.stderr}"
            assert done.stdout.strip()


def test_the_tour_shows_every_command_it_explains() -> None:
    shown = {words[1] for block in BLOCKS for words in commands(block)}
    assert {"init", "generate", "preview", "status", "verify", "export", "dedup", "doctor"} <= shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_examples(command: str) -> None:
    done = subprocess.run([*CLI, command, "--help"], capture_output=True, text=True, env=environment(), check=False)
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
    said = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "status.md").read_text(), re.MULTILINE))
    assert said == {field.name for field in dataclasses.fields(Status)}


def test_events_are_described() -> None:
    said = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "journal.md").read_text(), re.MULTILINE))
    assert said == {cls.__name__.lower() for cls in (Started, Replied, Failed, Proposed, Annotated, Checked, Recorded)}


def test_export_formats_are_described() -> None:
    done = subprocess.run([*CLI, "export", "--help"], capture_output=True, text=True, env=environment(), check=True)
    for name in FORMATS:
        assert re.search(rf"^\s+{name} ", done.stdout, re.MULTILINE), name
        assert f"`{name}`" in README, name


def test_links_in_the_docs_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} -> {target}"
