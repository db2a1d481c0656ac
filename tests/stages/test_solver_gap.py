"""Checks that compare a weak and a strong solver: verdicts, requests, the settings that are left out, and faults."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.json_schema import json_schema
from bootstruct.config.loading import recipe_names
from bootstruct.config.recipe import Check, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.codec import from_json, to_json
from bootstruct.journal.events import InstancesChecked
from bootstruct.stages.answer_matching import score_answers
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.instance_checks import InstanceChecks, check_keys
from bootstruct.types import CheckVerdict, Instance, Instruction, Reply, digest_of
from tests.config.test_recipe_checks import with_checks
from tests.support.checked_runs import AGREEMENT
from tests.support.gap_runs import GAP, JUDGE, JUDGED, gap_recipe
from tests.support.scripts import recipe

TASK = Instruction("3.1", "Add the numbers.")
FOUR = Instance("2 and 2", "4")


def decided(weak: str, strong: str, check: Check = GAP, output: str = "4", **values: Any) -> CheckVerdict:
    """The verdict on answers of one character each."""
    check = replace(check, samples=len(weak), **values)
    replies = [Reply("" if letter == "_" else f"Answer: {letter}") for letter in weak + strong]
    return InstanceChecks(gap_recipe(check)).judge(check, TASK, 0, Instance("", output), replies)


def test_a_task_is_kept_where_the_strong_solver_succeeds_and_the_weak_one_fails() -> None:
    assert decided("5554", "4444") == CheckVerdict(0, None, 0.75, scores=(0.25, 1.0))
    assert decided("5555", "4455") == CheckVerdict(0, "too hard", 0.5, scores=(0.0, 0.5))
    assert decided("4445", "4444") == CheckVerdict(0, "too easy", 0.25, scores=(0.75, 1.0))
    assert decided("4455", "4445", gap=0.3) == CheckVerdict(0, "gap too small", 0.25, scores=(0.5, 0.75))
    assert decided("4444", "5555").rule == "too hard"  # the strong solver is looked at first


def test_the_thresholds_are_met_exactly() -> None:
    values = {"strong_at_least": 0.75, "weak_below": 0.5, "gap": 0.5}
    assert decided("4555", "4445", **values).kept
    assert decided("4455", "4444", **values).rule == "too easy"
    assert decided("4555", "4455", **values).rule == "too hard"


def test_an_empty_answer_among_others_is_wrong_and_nothing_but_empty_ones_are_unreadable() -> None:
    assert decided("55_5", "44_4").scores == (0.0, 0.75)
    for weak, strong in (("____", "4444"), ("5555", "____")):
        assert decided(weak, strong) == CheckVerdict(0, None, None, "no readable answer")
        assert decided(weak, strong, unreadable="refuse").rule == "no readable answer"
    assert decided("5555", "4444", output="four").note == "no readable answer"  # there is no number to compare with


def test_scores_by_rouge_and_by_a_judge() -> None:
    assert score_answers("rouge", "a b c d", ["a b c d", "a b", ""], {}, "rouge") == [1.0, pytest.approx(2 / 3), 0.0]
    grades = {"b": 0.5, "c": None}
    assert score_answers("judge", "A", ["a.", "b", "", "c"], grades, "rouge") == [1.0, 0.5, 0.0, None]
    assert score_answers("judge", "A", ["", ""], {}, "rouge") == [None, None]


def test_the_solvers_see_neither_the_output_nor_each_other() -> None:
    checks = InstanceChecks(gap_recipe())
    prompts = checks.prompts(GAP, TASK, [FOUR], [0])
    assert list(prompts) == check_keys(GAP, TASK, 0)
    assert [key.split("/", 2)[2] for key in prompts] == [
        f"gap.{who}/0/{n}" for who in ("weak", "strong") for n in range(3)
    ]
    assert [prompt.model for prompt in prompts.values()] == ["small"] * 3 + ["large"] * 3
    assert len({digest_of(prompt) for prompt in prompts.values()}) == 6
    other = checks.prompts(GAP, TASK, [replace(FOUR, output="5")], [0])
    assert [digest_of(prompt) for prompt in other.values()] == [digest_of(prompt) for prompt in prompts.values()]


def test_a_judge_is_asked_once_about_equal_answers_and_not_about_the_output_itself() -> None:
    checks = InstanceChecks(gap_recipe(JUDGED))
    prompts = checks.judge_prompts(JUDGED, TASK, 0, FOUR, ["five", "4", "FIVE.", "", "six", "four"])
    assert [key.split("/", 2)[2] for key in prompts] == ["gap.judge/0/0", "gap.judge/0/4", "gap.judge/0/5"]
    assert [prompt.text.split()[-1] for prompt in prompts.values()] == ["five", "six", "four"]
    assert {prompt.model for prompt in prompts.values()} == {"judge"}


def test_agreement_by_a_judge() -> None:
    check = replace(AGREEMENT, measure="judge", judge=JUDGE, scale=("wrong", "right"), samples=3, at_least=0.6)
    checks = InstanceChecks(gap_recipe(check))

    def verdict(*grades: float | None, **values: Any) -> CheckVerdict:
        answers = ["four", "5", "IV"]
        by_form = dict(zip(("four", "5", "iv"), grades, strict=True))
        return checks.judge(replace(check, **values), TASK, 0, FOUR, [Reply(text) for text in answers], by_form)

    assert verdict(1.0, 0.0, 1.0) == CheckVerdict(0, None, 2 / 3)
    assert verdict(1.0, 0.0, 0.0) == CheckVerdict(0, "answers disagree", 1 / 3)
    assert verdict(1.0, None, 1.0) == CheckVerdict(0, None, 1.0)
    assert verdict(1.0, 1.0, 1.0, at_most=0.9).rule == "too easy"
    assert verdict(None, None, None).note == "no readable grade"


@pytest.mark.parametrize("name", recipe_names())
def test_a_model_is_enough(tmp_path: Path, name: str) -> None:
    judged = {"kind": "agreement", "name": "by-judge", "measure": "judge", "judge": {"model": "judge"}}
    chosen = with_checks(tmp_path, {"kind": "solver-gap", "weak": {"model": "small"}}, judged, name=name)
    gap, agreement = chosen.checks
    assert gap.weak is not None and gap.strong is not None and agreement.judge is not None
    assert (gap.samples, gap.strong_at_least, gap.weak_below, gap.gap) == (4, 0.65, 0.5, 0.2)
    assert replace(gap.weak, model="") == gap.strong
    assert (agreement.scale, agreement.judge.model) == (("wrong", "right"), "judge")
    dry_run(chosen)
    assert chosen.model_at("check solver-gap.weak") == "small"
    assert chosen.model_at("check solver-gap.strong") == chosen.model
    assert chosen.model_at("check by-judge.judge") == "judge"
    assert from_mapping(json.loads(json.dumps(to_mapping(chosen))), "x") == chosen
    (prompt,) = InstanceChecks(chosen).judge_prompts(agreement, TASK, 0, FOUR, ["THE-ANSWER"]).values()
    text = prompt.messages[-1].content if prompt.is_chat else prompt.text
    assert all(part in text for part in ("THE-ANSWER", "Add the numbers.", "2 and 2", "4", "right", "wrong"))


def test_solvers_of_another_api_are_asked_as_shipped_for_that(tmp_path: Path) -> None:
    chosen = with_checks(tmp_path, {"kind": "solver-gap", "strong": {"api": "chat", "model": "large"}})
    weak, strong = list(InstanceChecks(chosen).first_prompts(chosen.checks[0], TASK, 0, FOUR).values())
    assert (weak.is_chat, strong.is_chat) == (False, True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "solver-gap"}, "weak and strong are the same"),
        ({"kind": "solver-gap", "weak": {"model": "m"}, "gap": 2}, r"gap: must be in \[0, 1\]"),
        ({"kind": "solver-gap", "weak": {"model": "m"}, "weak_below": 0}, "weak_below: must be above 0"),
        ({"kind": "solver-gap", "weak": {"model": "m"}, "strong_at_least": -1}, "strong_at_least: must be in"),
        ({"kind": "solver-gap", "weak": {"model": "m"}, "majority": True}, "need `kind: agreement`"),
        ({"kind": "solver-gap", "weak": {"model": "m"}, "ask": {"prompt": "x", "sampling": {}}}, "makes no request"),
        ({"kind": "solver-gap", "weak": "small"}, "weak: expected keys with values"),
        ({"kind": "rubric", "weak": {"prompt": "x", "sampling": {}}}, "weak and strong need `kind: solver-gap`"),
        ({"kind": "rubric", "measure": "judge"}, "this measure needs"),
        ({"kind": "agreement", "measure": "judge", "majority": True}, "leave `majority` out"),
        ({"kind": "agreement", "judge": {"prompt": "x", "sampling": {}}}, "judge: needs `measure: judge`"),
        ({"kind": "agreement", "measure": "judge", "judge": {"reply": "json"}}, "leave `reply: json` out"),
        ({"kind": "agreement", "measure": "judge", "judge": {"sampling": {"max_tokens": 0}}}, "max_tokens"),
    ],
)
def test_faults_are_told(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_checks(tmp_path, values)


def test_a_solver_that_sees_the_output_is_told_before_anything_is_paid_for(tmp_path: Path) -> None:
    weak = {"prompt": "{{ instruction }} {{ output }}"}
    with pytest.raises(InputError, match="output"):
        dry_run(with_checks(tmp_path, {"kind": "solver-gap", "weak": weak}))


def test_checks_without_it_are_what_they_were() -> None:
    (row,) = to_mapping(replace(recipe(), checks=(AGREEMENT,)))["checks"]
    assert not {"judge", "weak", "strong", "strong_at_least", "weak_below", "gap"} & row.keys()


def test_a_verdict_is_read_again() -> None:
    event = InstancesChecked("3.1", "gap", (CheckVerdict(0, "too hard", 0.5, scores=(0.0, 0.5)), CheckVerdict(1)))
    row = to_json(event)
    assert from_json(json.loads(json.dumps(row))) == event
    assert "scores" not in row["verdicts"][1]


def test_the_schema_for_editors_takes_parts_of_requests() -> None:
    properties = json_schema("recipe")["$defs"]["Check"]["properties"]
    assert {properties[name]["$ref"] for name in ("ask", "weak", "strong", "judge")} == {"#/$defs/CheckAsk"}
    assert "solver-gap" in properties["kind"]["enum"]
