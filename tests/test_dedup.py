"""The novelty filter alone: any format, the same decisions in any reading, everything dropped is accounted for."""

import hashlib
import json
import random
from pathlib import Path

import pytest
from rouge_score import rouge_scorer

from bootstruct.dedup import Told, dedup, read, report_rows, write
from bootstruct.errors import BadInput
from tests.scripts import WORDS

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
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


def run(paths: list[Path], **options: object) -> tuple[Told, list[dict[str, object]]]:
    told, kept = Told(), list[dict[str, object]]()
    for _ in dedup(paths, told=told, keep=kept.append, **options):  # type: ignore[arg-type]
        pass
    return told, kept


def jsonl(path: Path, content: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def test_decisions_are_those_of_rouge_score(tmp_path: Path) -> None:
    made, scorer = rows(250), rouge_scorer.RougeScorer(["rougeL"])
    told, kept = run([jsonl(tmp_path / "a.jsonl", made)], tokenizer="rouge")
    pool: list[str] = []
    expected = []
    for row in made:
        text = str(row["instruction"])
        if not any(scorer.score(text, other)["rougeL"].fmeasure > 0.7 for other in pool):
            pool.append(text)
            expected.append(row)
    assert kept == expected
    assert 50 < told.kept < 240
    for dropped in told.dropped:
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
    write(tmp_path / "a.parquet", made)
    kept = run([tmp_path / "a.parquet"])[1]
    assert kept == run([jsonl(tmp_path / "a.jsonl", made)])[1]
    write(tmp_path / "kept.parquet", kept)
    assert [row for _, row in read(tmp_path / "kept.parquet")] == kept


def test_against_keeps_one_set_away_from_another(tmp_path: Path) -> None:
    test = jsonl(tmp_path / "test.jsonl", [{"question": "What is the capital of the country in the north"}])
    train = jsonl(
        tmp_path / "train.jsonl",
        [{"instruction": "what is the capital of that country in the north?"}, {"instruction": "name a river"}],
    )
    told, kept = run([train], against=[test])
    assert [row["instruction"] for row in kept] == ["name a river"]
    (row,) = report_rows(told)
    assert row["against"] is True
    assert row["near"]["file"] == str(test)
    assert row["row"] == 1


def test_messages_other_fields_and_rows_without_text(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "s"}, {"role": "user", "content": "count the stones in the river"}]
    given = [{"messages": talk}, {"messages": talk}, {"messages": []}, {"body": "x y z", "n": 1}]
    told, kept = run([jsonl(tmp_path / "a.jsonl", given)])
    assert (told.kept, len(told.dropped), told.without_text) == (3, 1, 2)
    told, kept = run([jsonl(tmp_path / "b.jsonl", [{"body": "one two three four"}] * 2)], name="body")
    assert len(kept) == 1


@pytest.mark.parametrize(
    "texts",
    [["写一首关于春天的诗歌", "写一首关于秋天的诗歌"], ["Décris la façade de l'hôtel", "décris la façade d’hôtel"]],
)
def test_any_script_is_filtered(tmp_path: Path, texts: list[str]) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    assert run([path])[0].kept == 1
    assert run([path], threshold=0.99)[0].kept == 2


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.jsonl", b'{"instruction": "a b"}\n{oops\n', {}, r"a.jsonl:2: not JSON"),
        ("a.jsonl", b"[1]\n", {}, r"a.jsonl:1: expected an object"),
        ("a.json", b'{"a": 1}', {}, r"expected a list"),
        ("a.json", b"\xff", {}, r"not UTF-8"),
        ("a.jsonl", b'{"body": "x"}\n', {}, r"no row has a text"),
        ("a.jsonl", b"", {}, r"no row has a text"),
        ("a.jsonl", b'{"text": "x"}\n', {"threshold": 1.5}, r"must lie in"),
        ("a.jsonl", b'{"text": "x"}\n', {"tokenizer": "words"}, r"take one of"),
    ],
)
def test_bad_input(tmp_path: Path, name: str, content: bytes, options: dict[str, object], said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        run([tmp_path / name], **options)


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
