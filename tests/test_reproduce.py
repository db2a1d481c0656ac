"""The page that maps the paper's tables and figures to commands: it leaves none out, and its commands exist and run."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bootstruct.cli import cli
from tests.support.commands import bootstruct
from tests.support.content_texts import OFFICIAL
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "reproduce.md").read_text("utf-8")
WAYS = ("Pocket model", "Authors' data", "Your model")
RELEASED_RUN = OFFICIAL.parent / "runs" / "davinci_small"


def blocks(wanted: str) -> list[list[str]]:
    """The commands of one way in the order of the page, as words."""
    found, way, is_code = [], "", False
    for line in PAGE.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif is_code and way == wanted:
            found.append(shlex.split(line))
        elif not is_code and (line.startswith("#") or line.startswith(WAYS)):
            way = next((name for name in WAYS if line.startswith(name)), "")
    return found


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli
    rest = words[1:]
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, words
        command, rest = found, rest[1:]
    return command, rest


def test_every_table_and_figure_has_a_row_and_a_section() -> None:
    rows = re.findall(r"^\| \[(.+?)\]\(#(.+?)\) \|", PAGE, re.MULTILINE)
    named = " ".join(name for name, _ in rows)
    for item in (*(f"Table {n}" for n in (1, 2, 3)), *(f"Figure {n}" for n in range(2, 8))):
        assert f"{item}:" in named, item
    for words in ("human evaluation", "amount of data", "quality of outputs"):
        assert words in named
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in sections()}
    assert {anchor for _, anchor in rows} <= anchors


def test_every_section_has_the_three_ways() -> None:
    for title, text in sections().items():
        if re.match(r"Table|Figure", title):
            for way in WAYS:
                assert re.search(rf"^{way}\b", text, re.MULTILINE), f"{title}: {way}"


def test_what_cannot_be_had_is_said_where_it_is_missing() -> None:
    for title, words in {
        "Table 2": "No command can provide the people",
        "Table 3": "175 billion parameters is not available",
        "Figure 6": "No command can provide the raters",
    }.items():
        assert words in sections()[title]


def test_every_command_and_option_exists() -> None:
    commands = [words for way in WAYS for words in blocks(way)]
    assert len(commands) == sum(line.startswith("bootstruct ") for line in PAGE.splitlines()) > 40
    for words in commands:
        command, rest = command_of(words)
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            assert not word.startswith("--") or word in options, f"{word}: {words}"


@pytest.mark.slow
def test_the_commands_for_the_authors_data_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that ask nothing and open no page; data of the authors are not in the repository."""
    if not (RELEASED_RUN.is_dir() and OFFICIAL.is_dir()):
        pytest.skip("the authors' data are not at ../shared/data")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OFFICIAL, tmp_path / "authors")
    shutil.copytree(RELEASED_RUN, tmp_path / "authors" / "run")
    ran = 0
    for words in blocks("Authors' data"):
        if words[1] == "review" or "MODEL" in words:
            continue
        done = CliRunner().invoke(cli, words[1:])
        assert done.exit_code == 0, f"{words}: {done.output}"
        ran += 1
    assert ran == 8
    table = (tmp_path / "out" / "released" / "compare.md").read_text("utf-8")
    assert "28.1317" in table  # a value of the official scorer
    assert (tmp_path / "out" / "sheet" / "key.json").is_file()


@pytest.mark.slow
@pytest.mark.real
def test_the_commands_for_the_pocket_model_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that train nothing, with a smaller run."""
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    ran = 0
    for words in blocks("Pocket model"):
        if words[1] in ("demo", "finetune") or "out/sizes" in words:
            continue
        done = bootstruct(*["12" if word == "120" else word for word in words[1:]])
        assert done.returncode == 0, f"{words}: {done.stderr}"
        ran += 1
    assert ran == 8
    assert (tmp_path / "out" / "rewritten" / "journal.jsonl").is_file()
