"""Preference pairs from a weak and a strong solver."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.recipe import Check
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.export.files import export
from bootstruct.export.preference import ALL_EQUAL, NO_SAMPLES, UNSOLVED
from bootstruct.journal.file import read_reply
from bootstruct.journal.state import State
from bootstruct.stages.answer_matching import answer_form
from bootstruct.stages.check_scores import grade_score
from tests.support.checked_runs import throttled
from tests.support.gap_runs import GAP, JUDGED, gap_recipe, solving
from tests.support.scripts import run_to

CHECKS = {"numbers": GAP, "judge": JUDGED}


@pytest.fixture(scope="module", params=CHECKS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, Path, Check]:
    path, check = tmp_path_factory.mktemp("gap") / "journal.jsonl", CHECKS[request.param]
    return run_to(path, throttled(ScriptedEngine(solving), 4), 30, gap_recipe(check)), path, check


def test_the_strong_solvers_right_answer_is_chosen_and_the_weak_ones_wrong_answer_rejected(
    tmp_path: Path, run: tuple[State, Path, Check]
) -> None:
    state, path, check = run
    result = export(state, path, "preference", tmp_path / "pairs.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    instances = sum(len(completed.instances) for completed in state.completed.values())
    assert len(rows) + sum(result.rows_left_out.values()) == instances
    assert set(result.rows_left_out) <= {UNSOLVED, ALL_EQUAL, NO_SAMPLES}
    assert result.rows_left_out[UNSOLVED] and rows
    for row in rows:
        task, name, number = row["id"].split("/")
        instance = state.completed[task].instances[int(number)]
        chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
        assert row["decided_by"] == name == "gap"
        assert chosen != rejected
        (checked,) = state.checked[task]
        verdict = next(v for v in checked.verdicts if v.instance == int(number))
        assert verdict.rule != "too hard" and verdict.scores[1] >= check.strong_at_least
        if check.judge is None:
            assert row["margin"] == 1.0
            assert answer_form("numeric", chosen) == instance.output != answer_form("numeric", rejected)
        else:
            assert 0 < row["margin"] <= 1


def test_a_judge_decides_how_good_an_answer_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(ScriptedEngine(solving), 4), 30, gap_recipe(JUDGED))
    export(state, path, "preference", tmp_path / "pairs.jsonl")
    margins = {json.loads(line)["margin"] for line in (tmp_path / "pairs.jsonl").read_text().splitlines()}
    assert margins == {0.5, 1.0}
    some = export(state, path, "preference", tmp_path / "some.jsonl", margin=1.0)
    assert 0 < sum(some.files.values()) < len((tmp_path / "pairs.jsonl").read_text().splitlines())
    key = next(key for key in state.reply_offsets if ".judge/" in key)
    event = read_reply(path, state.reply_offsets[key])
    assert event is not None and grade_score(JUDGED, event.reply) in (0.0, 0.5, 1.0, None)


def test_both_kinds_of_checks_give_pairs(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    other = replace(GAP, name="exact", measure="final", strong_at_least=0.0, weak_below=1.01, gap=0.0)
    state = run_to(path, throttled(ScriptedEngine(solving), 4), 20, replace(gap_recipe(GAP), checks=(other, GAP)))
    export(state, path, "preference-text", tmp_path / "pairs.jsonl")
    deciders = {json.loads(line)["decided_by"] for line in (tmp_path / "pairs.jsonl").read_text().splitlines()}
    assert deciders >= {"gap"}
