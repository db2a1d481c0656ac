"""`bootstruct diversity`, its Python function, and the section of the report: one set of numbers in all of them."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

import bootstruct as bs
from bootstruct.cli.diversity import diversity_command
from bootstruct.errors import InputError
from bootstruct.reporting.build import make_report
from bootstruct.reporting.diversity import common_size, number_in_words
from tests.reporting.test_page import data_of
from tests.support.report_runs import events, write_journal

VERBS, THINGS = (
    "Write List Name Describe Sort".split(),
    "a poem|some rivers|three birds|the words|a letter|big numbers".split("|"),
)


def write(path: Path, count: int, seed: int = 1, **more: str) -> Path:
    chance = random.Random(seed)
    texts = [
        f"{chance.choice(VERBS)} {chance.choice(THINGS)} about {chance.choice(THINGS)} number {n}."
        for n in range(count)
    ]
    path.write_text(
        "".join(json.dumps({"instruction": text, "output": f"Answer {text}"} | more) + "\n" for text in texts)
    )
    return path


def run(*words: object) -> str:
    done = CliRunner().invoke(diversity_command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_sets_side_by_side_are_compared_at_one_size(tmp_path: Path) -> None:
    small, big = write(tmp_path / "small.jsonl", 30), write(tmp_path / "big.jsonl", 90, 2)
    told = json.loads(run(small, big, "--json", "--seeds", write(tmp_path / "seeds.jsonl", 4, 3)))
    assert [(one["texts"], one["sample"], one["seeds"]) for one in told["sets"]] == [(30, 30, 4), (90, 30, 4)]
    assert [account["read"] for account in told["accounts"]] == [30, 90]
    alone = json.loads(run(small, "--json"))["sets"][0]["measures"]
    assert alone["vendi_ngrams"] == told["sets"][0]["measures"]["vendi_ngrams"]
    whole = told["sets"][1]["measures"]["distinct_2"]
    assert whole["whole"] < whole["value"] < whole["high"]  # more texts repeat more
    assert whole["more_diverse"] == "higher" and "arXiv" in whole["source"]
    assert 0 < told["sets"][0]["measures"]["seeds_covered"]["value"] <= 1


def test_python_and_the_command_say_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", 40)
    steps: list[str] = []
    (found,) = bs.diversity(path, on="all", size=25, on_step=steps.append)
    assert found.to_row() == json.loads(run(path, "--on", "all", "--size", 25, "--json"))["sets"][0]
    assert steps and found.value("nothing") is None
    assert found.value("seeds_covered") is None and found.value("verb_object_entropy") is None


def test_the_table_names_every_measure(tmp_path: Path) -> None:
    shown = run(write(tmp_path / "a.jsonl", 40), "--size", 30, "--quiet")
    for label in ("distinct-1", "self-repetition", "Self-BLEU", "compression ratio, gzip", "Vendi score, n-grams"):
        assert label in shown
    assert "a random sample of 30 of 40 instructions" in shown and "over all 40: distinct-1" in shown
    assert "over all" not in run(write(tmp_path / "b.jsonl", 40), "--size", 30, "--no-whole")


def test_duplicates_move_every_measure_of_words_to_the_less_diverse_side(tmp_path: Path) -> None:
    fresh = write(tmp_path / "fresh.jsonl", 60)
    lines = fresh.read_text().splitlines()[:20] * 3
    (tmp_path / "worn.jsonl").write_text("\n".join(lines) + "\n")  # rows of one instruction are one task
    apart = [
        json.loads(line) | {"id": f"t{n}", "instances": [{"input": "", "output": "x"}]} for n, line in enumerate(lines)
    ]
    (tmp_path / "worn.jsonl").write_text("".join(json.dumps(row) + "\n" for row in apart))
    first, second = bs.diversity(fresh, tmp_path / "worn.jsonl", size=60)
    for value in first.values:
        other = second.value(value.measure.key)
        assert other is not None
        assert (other.value < value.value) == value.measure.more_is_diverse, value.measure.label


def test_a_run_brings_its_seeds_and_the_report_has_the_same_numbers(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(30, 1))
    (found,) = bs.diversity(folder, whole=False)
    assert found.seeds > 0 and found.value("seeds_covered") is not None
    made = make_report([folder])
    assert made.measured[0].diversity == found
    page = (folder / "report.html").read_text()
    value = found.value("self_bleu")
    assert value is not None
    assert 'id="measures"' in page and number_in_words(value.value) in page
    assert "Self-BLEU" in (folder / "report.card.md").read_text()
    assert data_of is not None


def test_a_report_of_one_instruction_has_no_such_section(tmp_path: Path) -> None:
    path = write(tmp_path / "one.jsonl", 1)
    make_report([path])
    assert 'id="measures"' not in (tmp_path / "one.report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"size": 31}, "--size 31: the smallest set has 30 texts; give a number up to that"),
        ({"size": 1}, "at least two"),
        ({"on": "nothing"}, "unknown; use one of instruction, output, all"),
    ],
)
def test_what_cannot_be_measured_is_said(tmp_path: Path, words: dict[str, object], message: str) -> None:
    path = write(tmp_path / "a.jsonl", 30)
    with pytest.raises(InputError, match=message):
        bs.diversity(path, **words)  # type: ignore[arg-type]


def test_too_little_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs at least two texts, found 1"):
        bs.diversity(write(tmp_path / "one.jsonl", 1))
    with pytest.raises(InputError, match="name a run folder"):
        bs.diversity()


def test_the_size_is_that_of_the_smallest() -> None:
    assert common_size([5000, 300]) == 300 and common_size([5000, 3000]) == 1000 and common_size([5000], 2000) == 2000


def test_meaning_is_measured_by_vectors(tmp_path: Path) -> None:
    path, worn = write(tmp_path / "a.jsonl", 40), write(tmp_path / "b.jsonl", 40, 2)
    apart = [
        json.loads(line) | {"id": f"t{n}", "instances": []}
        for n, line in enumerate(worn.read_text().splitlines()[:4] * 10)
    ]
    worn.write_text("".join(json.dumps(row) + "\n" for row in apart))
    told = json.loads(run(path, worn, "--embed", "hashed", "--embeddings", tmp_path / "v", "--json"))["sets"]
    for key in ("vendi_embeddings", "chamfer", "remote_clique", "novelsum"):
        assert told[0]["measures"][key]["value"] > told[1]["measures"][key]["value"], key
    assert told[1]["measures"]["chamfer"]["value"] == pytest.approx(0, abs=1e-6)
    assert told[1]["measures"]["vendi_embeddings"]["value"] < 4.01
    assert list((tmp_path / "v").iterdir())
    folder = write_journal(tmp_path / "run", events(30, 1))
    bs.diversity(folder, embed="hashed", whole=False)
    assert list((folder / "embeddings").iterdir())
    with pytest.raises(InputError, match="belong to --embed"):
        bs.diversity(path, base_url="http://127.0.0.1:1/v1")


def test_no_link_in_a_run_folder_is_followed(tmp_path: Path) -> None:
    folder, elsewhere = write_journal(tmp_path / "run", events(30, 1)), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "embeddings").symlink_to(elsewhere)
    with pytest.raises(InputError, match="link"):
        bs.diversity(folder, embed="hashed", whole=False)
    assert not list(elsewhere.iterdir())
    (folder / "embeddings").unlink()
    (folder / "embeddings").mkdir()
    (folder / "embeddings" / "a.vectors").symlink_to(elsewhere / "b")
    with pytest.raises(InputError, match="link"):
        bs.diversity(folder, embed="hashed", whole=False)
