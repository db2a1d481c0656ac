"""Seeds by name: `simple` is the shipped set wherever it is asked for, and never a file that is called so."""

import json
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.config.seeds import SEED_SETS, read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.run.init import init_run
from tests.support.commands import bootstruct

OWN = json.dumps({"instruction": "Name a fruit for me.", "output": "apple"}) + "\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_takes_the_set_by_name(here: Path) -> None:
    said = bootstruct("init", "run", "--recipe", "paper", "--model", "python/x", "--seeds", "simple").stdout
    assert "100 seed tasks, the set `simple` that comes with bootstruct" in said
    assert "./simple" not in said
    assert (here / "run" / "seeds.jsonl").read_bytes() == shipped_seeds("simple").read_bytes()


def test_a_file_of_that_name_needs_a_path(here: Path) -> None:
    (here / "simple").write_text(OWN)
    said = bootstruct("init", "named", "--recipe", "paper", "--model", "python/x", "--seeds", "simple").stdout
    assert "100 seed tasks, the set `simple` that comes with bootstruct; the file of that name is ./simple" in said
    said = bootstruct("init", "file", "--recipe", "paper", "--model", "python/x", "--seeds", "./simple").stdout
    assert "1 seed tasks" in said


def test_python_takes_both(here: Path) -> None:
    (here / "simple").write_text(OWN)
    assert len(bs.init("named", recipe="paper", model="python/x", seeds="simple").seeds) == 100
    assert len(bs.init("file", recipe="paper", model="python/x", seeds="./simple").seeds) == 1
    assert len(bs.init("path", recipe="paper", model="python/x", seeds=Path("simple")).seeds) == 1


def test_names_of_fields_are_for_files_only(here: Path) -> None:
    away = here / "away.csv"
    away.write_text("question\nWhat is the sea made of?\n")
    run = bs.init(
        "run", recipe="paper", model="python/x", seeds="simple", keep_away=away, fields={"instruction": "question"}
    )
    assert len(run.seeds) == 100


def test_topics_of_a_recipe_are_left_out_for_another_set(here: Path) -> None:
    assert "topics" in init_run(here / "run", "chat", seeds="simple")["recipe.yaml"]


@pytest.mark.parametrize("name", SEED_SETS)
def test_every_named_set_can_be_read(name: str) -> None:
    assert read_seeds(shipped_seeds(name))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"no set 'hard' comes with bootstruct; there is simple\."):
        shipped_seeds("hard")
