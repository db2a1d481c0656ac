"""`dedup --semantic`: what is near in meaning goes too, in the order of the rows; without it nothing changes."""

import json
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.errors import InputError
from tests.support.commands import bootstruct

TEXTS = [
    "Write a poem about the wide sea",
    "About the wide sea a poem write",  # the same words: hashed vectors are equal, ROUGE-L is not
    "Sort the numbers below",
    "Write a poem about the wide sea",
    "Below the numbers sort",
]


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_what_the_words_hide_is_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", TEXTS)
    plain = bs.dedup(path, on="instruction")
    assert (plain.kept, plain.in_meaning) == (4, 0)
    out, dropped = tmp_path / "new.jsonl", tmp_path / "dropped.jsonl"
    found = bs.dedup(
        path, out=out, dropped=dropped, on="instruction", semantic=0.9, embed="hashed", embeddings=tmp_path / "v"
    )
    assert (found.kept, found.dropped_rows, found.in_meaning) == (2, 3, 2)
    assert [json.loads(line)["text"] for line in out.read_text().splitlines()] == [TEXTS[0], TEXTS[2]]
    rows = [json.loads(line) for line in dropped.read_text().splitlines()]
    assert [(row["row"], row["near"]["row"], row.get("by")) for row in rows] == [
        (2, 1, "meaning"),
        (4, 1, None),
        (5, 3, "meaning"),
    ]
    assert rows[0]["score"] == pytest.approx(1)
    assert list((tmp_path / "v").iterdir())


def test_rows_to_keep_away_from_count_too(tmp_path: Path) -> None:
    path, away = write(tmp_path / "a.jsonl", TEXTS[1:3]), write(tmp_path / "away.jsonl", TEXTS[:1])
    found = bs.dedup(path, against=away, semantic=0.9, embed="hashed")
    assert (found.kept, found.in_meaning, found.near) == (1, 1, 1)
    assert found.dropped[0].near.path == str(away)


def test_the_rows_of_one_instruction_stay_together(tmp_path: Path) -> None:
    rows = [{"instruction": text, "output": str(number)} for number, text in enumerate([TEXTS[0], TEXTS[1], TEXTS[1]])]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = bs.dedup(path, semantic=0.9, embed="hashed")
    assert (found.kept, found.in_meaning) == (1, 2)


def test_the_command(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", TEXTS)
    done = bootstruct("dedup", path, "--on", "instruction", "--semantic", "0.9", "--embed", "hashed", "--json")
    assert json.loads(done.stdout)["near_in_meaning"] == 2, done.stderr
    assert (
        "2 near in meaning only"
        in bootstruct("dedup", path, "--on", "instruction", "--semantic", "0.9", "--embed", "hashed").stdout
    )
    assert "needs a model" in bootstruct("dedup", path, "--semantic", "0.9").stderr


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", TEXTS)
    with pytest.raises(InputError, match="must be between 0 and 1"):
        bs.dedup(path, semantic=1.5, embed="hashed")
    with pytest.raises(InputError, match="belong to --semantic"):
        bs.dedup(path, embed="hashed")
    with pytest.raises(InputError, match="runs on one machine"):
        bs.dedup(path, semantic=0.9, embed="hashed", ray=True)
