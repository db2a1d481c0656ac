"""`dedup` and `import_run` from Python are those of the commands."""

import json
from pathlib import Path

import pytest

import bootstruct as bs
from tests.support.commands import bootstruct

TEXTS = ["Sing a song about the sea.", "Sing a song about the wide sea.", "Add two numbers.", "Name a fruit."]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in TEXTS * 300))
    return path


def test_dedup_is_that_of_the_command(file: Path, tmp_path: Path) -> None:
    totals: list[int] = []
    result = bs.dedup(
        file, out=tmp_path / "a.jsonl", dropped=tmp_path / "a.dropped", field="question",
        on_progress=lambda now: totals.append(now.rows),
    )  # fmt: skip
    assert (result.rows, result.kept, len(result.dropped)) == (1200, 3, 1197)
    assert totals == [500, 1000, 1200]
    words = (file, "--out", tmp_path / "b.jsonl", "--dropped", tmp_path / "b.dropped", "--field", "question", "--json")
    done = bootstruct("dedup", *words)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["rows"], shown["kept"], shown["dropped"]) == (1200, 3, 1197)
    for name in ("jsonl", "dropped"):
        assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes()


def test_dedup_keeps_away_from_a_set(file: Path, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({"text": TEXTS[3]}))
    result = bs.dedup([file], against=tmp_path / "test.jsonl", field="question")
    assert (result.kept, result.near) == (2, 300)


def test_what_dedup_refuses(file: Path, tmp_path: Path) -> None:
    for options, message in (
        ({"against": tmp_path / "gone.jsonl"}, "no such file"),
        ({"threshold": 1.5}, "must be in"),
        ({"tokenizer": "none"}, "unknown"),
        ({"shards": 2}, "belong to --ray"),
        ({"field": "nothing"}, "name the field"),
    ):
        with pytest.raises(bs.InputError, match=message):
            bs.dedup(file, out=tmp_path / "new.jsonl", **options)  # type: ignore[arg-type]
        assert not (tmp_path / "new.jsonl").exists()
    with pytest.raises(bs.InputError, match="name a file"):
        bs.dedup([])


def test_an_import_is_that_of_the_command(tmp_path: Path) -> None:
    metadata = {"prompt": "Come up with tasks:", "response": {"choices": [{"text": f" {TEXTS[0]}"}]}}
    source = tmp_path / "machine_generated_instructions.jsonl"
    source.write_text(json.dumps({"instruction": TEXTS[0], "request_idx": 0, "metadata": metadata}))
    imported = bs.import_run(tmp_path / "a", source)
    assert (imported.requests, imported.accepted, imported.tasks) == (1, 1, 0)
    done = bootstruct("import", tmp_path / "b", "--from", source, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 1
    assert (tmp_path / "a" / "journal.jsonl").read_bytes() == (tmp_path / "b" / "journal.jsonl").read_bytes()
    assert [task.instruction for task in bs.open(tmp_path / "a").tasks] == [TEXTS[0]]
    with pytest.raises(bs.InputError, match="already holds a run"):
        bs.import_run(tmp_path / "a", [source])
    with pytest.raises(bs.InputError, match="unknown"):
        bs.import_run(tmp_path / "c", source, recipe="no-such-recipe")
