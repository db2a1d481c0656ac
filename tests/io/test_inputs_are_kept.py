"""No command writes over what it read, by whatever name, nor over two outputs of its own."""

import json
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from tests.support.scripts import answer, run_to

ROW = json.dumps({"instruction": "Name a fruit.", "input": "", "output": "Apple"}) + "\n"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text(ROW)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    run_to(tmp_path / "run" / "journal.jsonl", ScriptedEngine(answer), 3)
    return tmp_path / "run"


def test_kept_and_dropped_rows_are_two_files(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the file of the kept rows, which would be lost"):
        bs.dedup(rows, out=tmp_path / "x.jsonl", dropped=tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()


def test_the_card_of_a_report_is_no_input(rows: Path, tmp_path: Path) -> None:
    card = rows.rename(tmp_path / "b.card.md")
    with pytest.raises(InputError, match="is a source of the report"):
        bs.report(card, out=tmp_path / "b.html")
    assert card.read_text() == ROW


@pytest.mark.parametrize("name", ["journal.jsonl", "hard.jsonl"])
def test_a_journal_is_kept(name: str, run: Path) -> None:
    journal = run / "journal.jsonl"
    before = journal.read_bytes()
    if name != "journal.jsonl":
        (run / name).hardlink_to(journal)
    for write in (lambda out: bs.report(run, out=out), lambda out: bs.select(run, size=1, out=out)):
        with pytest.raises(InputError, match="which would be lost"):
            write(run / name)
    assert journal.read_bytes() == before


def test_init_keeps_what_is_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "seeds.jsonl").write_text(ROW)
    for seeds in (folder / "seeds.jsonl", None):
        with pytest.raises(InputError, match=r"seeds\.jsonl: is there already and would be lost"):
            bs.init(folder, seeds=seeds, model="openai/m")
    assert [path.name for path in folder.iterdir()] == ["seeds.jsonl"]
    assert (folder / "seeds.jsonl").read_text() == ROW
    bs.init(tmp_path / "other", seeds=folder / "seeds.jsonl", model="openai/m")
    (folder / "seeds.jsonl").write_bytes((tmp_path / "other" / "seeds.jsonl").read_bytes())
    bs.init(folder, seeds=folder / "seeds.jsonl", model="openai/m")  # ours already, so that nothing is lost
