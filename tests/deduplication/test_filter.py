"""The novelty filter alone: any format, the same decisions in any reading, everything dropped is accounted for."""

import hashlib
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rouge_score import rouge_scorer

import bootstruct as bs
from bootstruct.deduplication.comparison import On, RowComparison
from bootstruct.deduplication.filter import DedupResult, dedup, read, report_row
from bootstruct.errors import InputError
from bootstruct.io.writers import write_rows
from tests.support.commands import CLI
from tests.support.paths import DATA
from tests.support.scripts import WORDS

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")


def rows(count: int, seed: int = 0) -> list[dict[str, object]]:
    """Texts of which about half come near an earlier one."""
    rng, made = random.Random(seed), list[list[str]]()
    for _ in range(count):
        if made and rng.random() < 0.5:
            words = list(rng.choice(made))
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        else:
            words = [rng.choice(WORDS) for _ in range(rng.randint(4, 14))]
        made.append(words)
    return [{"instruction": " ".join(words), "n": n} for n, words in enumerate(made)]


def run(paths: list[Path], **options: object) -> tuple[DedupResult, list[dict[str, object]]]:
    result, kept = DedupResult(), list[dict[str, object]]()
    for _ in dedup(paths, result=result, keep=kept.append, **options):  # type: ignore[arg-type]
        pass
    return result, kept


def jsonl(path: Path, content: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def test_decisions_are_those_of_rouge_score(tmp_path: Path) -> None:
    made, scorer = rows(250), rouge_scorer.RougeScorer(["rougeL"])
    result, kept = run([jsonl(tmp_path / "a.jsonl", made)], tokenizer="rouge")
    pool: list[str] = []
    expected = []
    for row in made:
        text = str(row["instruction"])
        if not any(scorer.score(text, other)["rougeL"].fmeasure > 0.7 for other in pool):
            pool.append(text)
            expected.append(row)
    assert kept == expected
    assert 50 < result.kept < 240
    for dropped in result.dropped:
        assert scorer.score(dropped.place.text, dropped.near.text)["rougeL"].fmeasure == dropped.score


def test_any_format_and_any_chunking_decide_alike(tmp_path: Path) -> None:
    made = rows(120)
    whole, kept = run([jsonl(tmp_path / "a.jsonl", made)])
    parts = [jsonl(tmp_path / f"part{n}.jsonl", made[n * 30 : n * 30 + 30]) for n in range(4)]
    assert run(parts)[1] == kept
    (tmp_path / "a.json").write_text(json.dumps(made))
    assert run([tmp_path / "a.json"])[1] == kept
    texts = [str(row["instruction"]) for row in made]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    assert [row["text"] for row in run([tmp_path / "texts.json"])[1]] == [row["instruction"] for row in kept]
    again, second = run([jsonl(tmp_path / "kept.jsonl", kept)])
    assert second == kept
    assert (again.kept, len(again.dropped)) == (whole.kept, 0)


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    made = rows(60)
    write_rows(tmp_path / "a.parquet", made)
    kept = run([tmp_path / "a.parquet"])[1]
    assert kept == run([jsonl(tmp_path / "a.jsonl", made)])[1]
    write_rows(tmp_path / "kept.parquet", kept)
    assert [row for _, row in read(tmp_path / "kept.parquet")] == kept


def test_against_keeps_one_set_away_from_another(tmp_path: Path) -> None:
    test = jsonl(tmp_path / "test.jsonl", [{"question": "What is the capital of the country in the north"}])
    train = jsonl(
        tmp_path / "train.jsonl",
        [{"instruction": "what is the capital of that country in the north?"}, {"instruction": "name a river"}],
    )
    result, kept = run([train], against=[test])
    assert [row["instruction"] for row in kept] == ["name a river"]
    row = report_row(*result.dropped)
    assert row["against"] is True
    assert row["near"]["file"] == str(test)
    assert row["row"] == 1


def test_messages_other_fields_and_rows_without_text(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "s"}, {"role": "user", "content": "count the stones in the river"}]
    given = [{"messages": talk}, {"messages": talk}, {"messages": []}, {"body": "x y z", "n": 1}]
    result, kept = run([jsonl(tmp_path / "a.jsonl", given)])
    assert (result.kept, len(result.dropped), result.without_text) == (3, 1, 2)
    result, kept = run(
        [jsonl(tmp_path / "b.jsonl", [{"body": "one two three four"}] * 2)],
        compared=RowComparison(fields={"instruction": "body"}),
    )
    assert len(kept) == 1


SKY = {"instruction": "Name the colour of what is given here.", "input": "sky", "output": "blue"}
GRASS = SKY | {"input": "grass", "output": "green"}
FRUIT = {"instruction": "List four fruits that grow on trees.", "input": "", "output": "apple"}
NEAR = {"instruction": "List four fruits that grow on trees!", "input": "", "output": "pear"}
LONG = FRUIT | {"output": "a long list of very many fruits, among them figs and dates"}
LAWN = GRASS | {"input": "the grass that grows behind my house in May"}


@pytest.mark.parametrize(
    ("on", "given", "expected"),
    [
        ("group", [SKY, GRASS], [SKY, GRASS]),
        ("group", [SKY, FRUIT, GRASS, SKY, SKY | {"id": 1}, GRASS], [SKY, FRUIT, GRASS]),
        ("group", [FRUIT, NEAR, SKY, NEAR | {"output": "plum"}], [FRUIT, SKY]),
        ("instruction", [SKY, GRASS, FRUIT, NEAR], [SKY, FRUIT]),
        ("instruction+input", [SKY, LAWN, SKY], [SKY, LAWN]),
        ("all", [FRUIT, NEAR, LONG], [FRUIT, LONG]),
    ],
)
def test_what_counts_as_equal(tmp_path: Path, on: On, given: list[Any], expected: list[Any]) -> None:
    result, found = run([jsonl(tmp_path / "a.jsonl", given)], compared=RowComparison(on))
    assert [dict(row) for row in found] == expected
    assert result.kept + result.dropped_rows == result.rows == len(given)


def test_equal_rows_and_rows_of_a_dropped_instruction_say_why(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [FRUIT, NEAR, NEAR | {"output": "plum"}, FRUIT])
    result, _ = run([path])
    places = [(row.place.row, row.near.row, row.score) for row in result.dropped]
    assert places == [(2, 1, 1), (3, 1, 1), (4, 1, 1)]
    assert result.equal == 1
    away, _ = run([path], against=[jsonl(tmp_path / "test.jsonl", [FRUIT])])
    assert (away.kept, away.near, away.equal) == (0, 4, 0)


def test_chats_of_one_task_stay_together(tmp_path: Path) -> None:
    talks = [
        {"task": "0.1", "messages": [{"role": "user", "content": f"{row['instruction']}\n\n{row['input']}"}]}
        for row in (SKY, GRASS)
    ]
    assert run([jsonl(tmp_path / "a.jsonl", talks)], threshold=0.5)[0].kept == 2
    others = [talk | {"task": name} for name, talk in zip("ab", talks, strict=True)]
    assert run([jsonl(tmp_path / "b.jsonl", others)], threshold=0.5)[0].kept == 1


def test_rows_pass_through_byte_for_byte(tmp_path: Path) -> None:
    content = b'{"instruction":"a \xff b","n":1.0e3, "n2":12345678901234567890}\n{"text" : "half \\ud83d"}\r\n'
    (tmp_path / "a.jsonl").write_bytes(content)
    result = bs.dedup(tmp_path / "a.jsonl", out=tmp_path / "b.jsonl")
    assert result.kept == 2
    assert (tmp_path / "b.jsonl").read_bytes() == content.replace(b"\r", b"")
    with pytest.raises(InputError, match="which would be lost"):
        bs.dedup(tmp_path / "a.jsonl", out=tmp_path / "a.jsonl")


def test_the_most_similar_rows_alone_can_be_listed(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", rows(200))
    whole, few = bs.dedup(path), bs.dedup(path, list_dropped=False, dropped=tmp_path / "dropped.jsonl")
    assert (len(few.dropped), few.dropped_rows, whole.dropped_rows) == (5, whole.dropped_rows, len(whole.dropped))
    best = sorted((row.score for row in whole.dropped), reverse=True)[:5]
    assert sorted((row.score for row in few.dropped), reverse=True) == best
    assert len((tmp_path / "dropped.jsonl").read_text().splitlines()) == whole.dropped_rows


@pytest.mark.parametrize(
    "texts",
    [["写一首关于春天的诗歌", "写一首关于秋天的诗歌"], ["Décris la façade de l'hôtel", "décris la façade d’hôtel"]],
)
def test_any_script_is_filtered(tmp_path: Path, texts: list[str]) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    assert run([path])[0].kept == 1
    assert run([path], threshold=0.99)[0].kept == 2


@pytest.mark.parametrize(
    ("name", "content", "options", "written"),
    [
        ("a.jsonl", b'{"instruction": \n{oops\n', {}, r"a.jsonl:1: not JSON.*none of the 2 rows"),
        ("a.jsonl", b"[1]\n", {}, r"a.jsonl:1: expected an object"),
        ("a.json", b'{"a": 1}', {}, r"no row has a text"),
        ("a.json", b"\xff", {}, r"not UTF-8"),
        ("a.jsonl", b'{"body": "x"}\n', {}, r"no row has a text"),
        ("a.jsonl", b"", {}, r"no row has a text"),
        ("a.jsonl", b'{"text": "x"}\n', {"threshold": 1.5}, r"must be in"),
        ("a.jsonl", b'{"text": "x"}\n', {"tokenizer": "words"}, r"use one of"),
    ],
)
def test_bad_input(tmp_path: Path, name: str, content: bytes, options: dict[str, object], written: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=written):
        run([tmp_path / name], **options)


def test_the_standard_input_is_a_file(tmp_path: Path) -> None:
    rows_in = '{"text": "Name a big river."}\n{"text": "Name a big river."}\n'
    command = [*CLI, "dedup", "-", "--out", str(tmp_path / "new.jsonl")]
    ended = subprocess.run(command, input=rows_in, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "new.jsonl").read_text() == rows_in.splitlines(keepends=True)[0]


@needs_data
@pytest.mark.slow
def test_the_check_values_of_twenty_thousand_real_rows(tmp_path: Path) -> None:
    seeds = DATA / "official" / "seed_tasks.jsonl"
    scale = DATA / "scale" / "instructions_20k.jsonl"
    both = [{"instruction": str(row["instruction"])} for _, row in read(seeds)]
    texts = [row for _, row in read(scale)]
    for n, row in enumerate(texts):
        both.append({"instruction": str(next(v for v in row.values() if isinstance(v, str))), "n": str(n)})
    kept = [str(row["n"]) for row in run([jsonl(tmp_path / "all.jsonl", both)], tokenizer="rouge")[1] if "n" in row]
    assert len(kept) == 19_852
    assert len([n for n in kept if int(n) < 10_000]) == 10_000
    assert hashlib.sha256("\n".join(kept).encode()).hexdigest() == (
        "2779fcc25c0c14cf4f06c05ec1995ec9f4acb9e300897576144cd93d8dd51cb2"
    )
