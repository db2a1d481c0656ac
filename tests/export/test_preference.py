"""Pairs of answers: from the samples of agreement checks, and from runs that answer the same requests."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.recipe import Check
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.export.files import export, export_runs
from bootstruct.export.preference import BELOW_MARGIN, EQUAL_GRADES, NO_MAJORITY, UNSEEN
from bootstruct.export.selection import RunSource
from bootstruct.journal.state import State
from bootstruct.novelty.rouge import rouge_l
from bootstruct.stages.answer_matching import normalize_answer
from bootstruct.types import Prompt, Reply
from tests.support.checked_runs import AGREEMENT, RUBRIC, checked_recipe, throttled
from tests.support.scripts import answer, run_to

Rows = list[dict[str, Any]]
FIVE = replace(AGREEMENT, samples=5, at_least=0.6)


def voting(prompt: Prompt) -> Reply:
    """Samples: most or some of them say yes, by the number of the words of the task; the others say other things."""
    if prompt.step.startswith("check rubric"):
        return Reply("4", "stop", 9, 1)
    if not prompt.step.startswith("check agreement"):
        return answer(prompt)
    share = (1.0, 0.8, 0.5, 0.1)[len(prompt.text.split()) % 4]
    says_yes = random.Random(f"{prompt.sample}").random() < share
    return Reply("Output: Yes." if says_yes else f"no, {prompt.sample}", "stop", 9, 2)


def made(path: Path, *checks: Check, at_once: int = 1) -> tuple[State, Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return run_to(path, throttled(ScriptedEngine(voting), at_once), 12, checked_recipe(*checks)), path


def pairs_of(
    run: tuple[State, Path], out: Path, format: str = "preference", **options: Any
) -> tuple[Rows, dict[str, int]]:
    result = export(*run, format, out, **options)
    return [json.loads(line) for line in out.read_text().splitlines()], result.rows_left_out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path]:
    return made(tmp_path_factory.mktemp("run") / "journal.jsonl", FIVE)


def test_the_answer_with_most_votes_is_chosen(tmp_path: Path, run: tuple[State, Path]) -> None:
    rows, left_out = pairs_of(run, tmp_path / "pairs.jsonl")
    assert rows
    for row in rows:
        assert row["decided_by"] == "agreement"
        assert 0 < row["margin"] <= 1
        assert row["chosen"] == [{"role": "assistant", "content": "Yes."}]
        assert row["rejected"][0]["content"] != "Yes."
        assert row["prompt"][0]["role"] == "user"
    instances = sum(len(completed.instances) for completed in run[0].completed.values())
    assert instances == len(rows) + sum(left_out.values())
    assert left_out[NO_MAJORITY] > 0


def test_a_margin_leaves_pairs_out_and_counts_them(tmp_path: Path, run: tuple[State, Path]) -> None:
    every, _ = pairs_of(run, tmp_path / "all.jsonl")
    some, left_out = pairs_of(run, tmp_path / "some.jsonl", margin=0.9)
    assert some == [row for row in every if row["margin"] >= 0.9]
    assert left_out[BELOW_MARGIN] == len(every) - len(some) > 0
    with pytest.raises(InputError, match=r"there is no pair to write .*below the margin"):
        pairs_of(run, tmp_path / "none.jsonl", margin=2)


def test_texts_have_one_prompt_and_the_recipes_templates(tmp_path: Path, run: tuple[State, Path]) -> None:
    chats, _ = pairs_of(run, tmp_path / "a.jsonl")
    texts, _ = pairs_of(run, tmp_path / "b.jsonl", "preference-text")
    assert [row["id"] for row in texts] == [row["id"] for row in chats]
    for chat, text in zip(chats, texts, strict=True):
        assert text["chosen"].strip().removesuffix("<|endoftext|>").strip() == chat["chosen"][0]["content"]
        assert text["rejected"] != text["chosen"]
        assert isinstance(text["prompt"], str)


def test_the_order_of_replies_changes_nothing(tmp_path: Path) -> None:
    fuzzy = replace(FIVE, measure="rouge", at_least=0.2)
    one, many = (made(tmp_path / str(n) / "journal.jsonl", fuzzy, at_once=n) for n in (1, 64))
    first, _ = pairs_of(one, tmp_path / "one.jsonl")
    again, _ = pairs_of(many, tmp_path / "many.jsonl")
    assert first == again


def test_by_rouge_the_margin_is_the_difference_of_the_means(tmp_path: Path) -> None:
    run = made(tmp_path / "run" / "journal.jsonl", replace(FIVE, measure="rouge", at_least=0.2))
    rows, _ = pairs_of(run, tmp_path / "pairs.jsonl")
    yes = [row for row in rows if row["chosen"][0]["content"] == "Yes."]
    assert yes
    for row in yes:
        rejected = row["rejected"][0]["content"]
        assert rouge_l("Yes.", rejected) < 1
        assert row["margin"] > 0


def test_what_later_checks_did_not_see_is_no_pair(tmp_path: Path) -> None:
    """An instance that agreement rejected might be one that a later check (of contamination, say) would reject."""
    run = made(tmp_path / "run" / "journal.jsonl", FIVE, RUBRIC)
    with pytest.raises(InputError, match=f"{UNSEEN}"):
        pairs_of(run, tmp_path / "pairs.jsonl")
    last = made(tmp_path / "last" / "journal.jsonl", replace(RUBRIC, level="1"), FIVE)
    rows, left_out = pairs_of(last, tmp_path / "last.jsonl")
    assert rows
    assert UNSEEN not in left_out


def graded(better: bool, is_lower: bool) -> Any:
    def reply(prompt: Prompt) -> Reply:
        if prompt.step.startswith("check rubric") and is_lower:
            low = "2" if len(prompt.text) % 2 else "3"
            return Reply("4" if better else low, "stop", 9, 1)
        if prompt.step.startswith("check rubric"):
            return Reply("4", "stop", 9, 1)
        plain = answer(prompt)
        return replace(plain, text=plain.text.replace("Output: ", "Output: better ")) if better else plain

    return reply


def two_runs(folder: Path, *checks: Check, is_lower: bool = True) -> list[RunSource]:
    sources = []
    for better in (True, False):
        path = folder / ("better" if better else "plain") / "journal.jsonl"
        path.parent.mkdir(parents=True)
        sources.append(
            RunSource(run_to(path, ScriptedEngine(graded(better, is_lower)), 10, checked_recipe(*checks)), path)
        )
    return sources


def written(runs: list[RunSource], out: Path, **options: Any) -> tuple[Rows, dict[str, int]]:
    result = export_runs(runs, "preference", out, **options)
    return [json.loads(line) for line in out.read_text().splitlines()], result.rows_left_out


def test_of_two_runs_the_first_is_preferred(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    rows, _ = written(runs, tmp_path / "pairs.jsonl")
    assert {(row["decided_by"], row["margin"]) for row in rows} == {("order", None)}
    other, _ = written(runs[::-1], tmp_path / "other.jsonl")
    assert sorted(row["chosen"][0]["content"] for row in rows) == sorted(row["rejected"][0]["content"] for row in other)
    assert all(
        normalize_answer(row["chosen"][0]["content"]) != normalize_answer(row["rejected"][0]["content"]) for row in rows
    )


def test_a_rubric_of_both_decides(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, RUBRIC)
    rows, _ = written(runs, tmp_path / "pairs.jsonl")
    turned, _ = written(runs[::-1], tmp_path / "turned.jsonl")
    assert {row["decided_by"] for row in rows} == {"rubric"}
    assert {row["margin"] for row in rows} == {
        1.0,
        2.0,
    }  # a grade of 2 is refused by the rubric and still a rejected answer
    assert sorted((row["id"], row["chosen"][0]["content"]) for row in turned) == sorted(
        (row["id"], row["chosen"][0]["content"]) for row in rows
    )
    one, left_out = written(runs, tmp_path / "one.jsonl", margin=1.5)
    assert {row["margin"] for row in one} == {2.0}
    assert left_out[BELOW_MARGIN] == len(rows) - len(one)


def test_equal_grades_are_left_out_by_name(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, RUBRIC, is_lower=False)
    with pytest.raises(InputError, match=EQUAL_GRADES):
        written(runs, tmp_path / "pairs.jsonl")
    same = [runs[0], RunSource(runs[0].state, runs[0].journal, folder=tmp_path / "copy")]
    with pytest.raises(InputError, match="answers are all equal"):
        written(same, tmp_path / "pairs.jsonl")


def test_what_cannot_be_paired_is_said(tmp_path: Path) -> None:
    plain = made(tmp_path / "plain" / "journal.jsonl")
    with pytest.raises(InputError, match="no check of the kind `agreement`"):
        pairs_of(plain, tmp_path / "pairs.jsonl")
    with pytest.raises(InputError, match="leave --seeds out"):
        pairs_of(plain, tmp_path / "pairs.jsonl", seeds=True)
    with pytest.raises(InputError, match="--margin: is for pairs of answers"):
        pairs_of(plain, tmp_path / "rows.jsonl", "messages", margin=0.5)


@pytest.mark.real
@pytest.mark.parametrize("format", ["preference", "preference-text"])
def test_trl_trains_on_it(tmp_path: Path, run: tuple[State, Path], format: str) -> None:
    for package in ("torch", "trl", "datasets"):
        pytest.importorskip(package, reason=f"{package} is not installed: no DPO here")
    import datasets
    import trl
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.support.tiny_model import make

    pairs_of(run, tmp_path / "pairs.jsonl", format)
    data = datasets.load_dataset("json", data_files=str(tmp_path / "pairs.jsonl"), split="train")
    folder = make(tmp_path / "model")
    options = {"output_dir": str(tmp_path / "out"), "max_steps": 1, "report_to": "none", "use_cpu": True, "bf16": False}
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=trl.DPOConfig(per_device_train_batch_size=2, **options),
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    trainer.train()
    assert trainer.state.global_step == 1
