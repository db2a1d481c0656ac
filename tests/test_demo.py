"""The demo's own parts, and the whole loop on a small scale with the embedded model."""

import json
from pathlib import Path

import pytest

from bootstruct.demo import HEADLINE, evaluation_rows, score, verified
from bootstruct.domain import Instance, Verdict
from bootstruct.events import Annotated, Proposed, Started, apply, begin
from bootstruct.files import read_seeds
from bootstruct.pocket.held_out import HELD_OUT
from bootstruct.pocket.reading import Meant, read_instruction
from tests.scripts import recipe
from tests.servers import bootstruct

SEEDS = read_seeds(Path(__file__).parent.parent / "src" / "bootstruct" / "recipes" / "pocket" / "seeds.jsonl")


def test_evaluation_prompts_are_new_and_told_apart() -> None:
    rows = evaluation_rows(set())
    assert len(rows) > 200
    assert rows == evaluation_rows(set())
    assert rows != evaluation_rows(set(), sample=1)
    for row in rows:
        meant = read_instruction(row["instruction"])
        if isinstance(meant, Meant):
            assert (meant.family.name in HELD_OUT) == (row["motivation_app"] == "held out")
            (instance,) = row["instances"]
            assert meant.family.is_right(instance["input"], instance["output"], meant.params)
    left_out = {rows[0]["instruction"], rows[9]["instruction"]}
    assert not left_out & {row["instruction"] for row in evaluation_rows(left_out)}


def test_no_seed_belongs_to_a_held_out_family() -> None:
    for seed in SEEDS:
        meant = read_instruction(seed.instruction)
        assert isinstance(meant, Meant)
        assert meant.family.name not in HELD_OUT


def test_scores_are_by_group_whole_and_cut() -> None:
    groups = {"a": "seeded", "b": "held out"}
    predictions = [
        {"id": "a", "response": " red\nblue green", "target": "red"},
        {"id": "b", "response": "one two", "target": "one two"},
    ]
    whole, cut = (score("m", predictions, groups, cut) for cut in (False, True))
    assert (whole.seeded, whole.held_out, whole.all) == (50.0, 100.0, 75.0)
    assert (cut.seeded, cut.held_out, cut.all) == (100.0, 100.0, 100.0)


def test_instances_are_checked_by_the_strict_reader() -> None:
    state = begin(Started(recipe(), SEEDS))
    row = next(r for r in evaluation_rows(set()) if isinstance(read_instruction(r["instruction"]), Meant))
    apply(state, Proposed(0, (), (Verdict(row["instruction"]), Verdict("Sing me something nobody knows."))))
    (right,) = row["instances"]
    kept = (Instance(right["input"], right["output"]), Instance(right["input"], "certainly not this"))
    apply(state, Annotated("0.0", False, kept))
    apply(state, Annotated("0.1", False, (Instance("", "la"),)))
    assert verified(state) == {"right": 1, "wrong": 1, "unread": 1}


def test_the_headline_format_is_the_one_the_corpus_lacks() -> None:
    assert HEADLINE.endswith("Answer:")


@pytest.mark.real
def test_the_whole_loop(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: no model here")
    pytest.importorskip("trl", reason="trl is not installed: no finetuning here")
    done = bootstruct("demo", "--out", tmp_path / "demo", "--tasks", 40, HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "agrees: every decision follows from its replies" in done.stdout
    scores = {}
    for name in ("as-it-was", "tuned-on-the-seeds-only", "tuned-on-self-instruct"):
        (found,) = (tmp_path / "demo" / "evaluations" / name).glob("*/scores.json")
        scores[name] = json.loads(found.read_text())["raw"]["overall"]["rouge_l"]
    assert scores["as-it-was"] < 20
    assert scores["tuned-on-self-instruct"] > scores["as-it-was"] + 40
    assert (tmp_path / "demo" / "report.html").stat().st_size > 50_000
