"""When two answers count as the same, and what an agreement check decides by majority and by bounds on both sides."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.recipe import Check, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.stages.answer_matching import answer_form, final_answer, majority_form
from bootstruct.stages.draw import draw_examples
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.propose import parse_instructions
from bootstruct.types import CheckVerdict, Instance, Instruction, Prompt, Reply
from tests.support.checked_runs import AGREEMENT
from tests.support.method_runs import at_any_speed
from tests.support.scripts import SEEDS, WORDS, recipe

TASK = Instruction("3.1", "Add the numbers.")


@pytest.mark.parametrize(
    ("measure", "text", "form"),
    [
        ("exact", " 42. ", "42"),
        ("exact", "Answer: 42", "answer: 42"),
        ("final", "So 6 * 7.\nAnswer: The Nile.", "the nile"),
        ("final", "Answer: 3\nNo, wait.\n**Answer:** four", "four"),
        ("final", "The final answer is\nParis", "paris"),
        ("final", "It is \\boxed{x + 1}.", "x + 1"),
        ("final", "Paris", "paris"),
        ("final", "Answer:", "answer"),
        ("numeric", "Answer: 42 apples", "42"),
        ("numeric", "1,250.50 euros", "2501/2"),
        ("numeric", "$1,000", "1000"),
        ("numeric", "-3", "-3"),
        ("numeric", "3/4", "3/4"),
        ("numeric", "0.75", "3/4"),
        ("numeric", "6/8", "3/4"),
        ("numeric", "12%", "12"),
        ("numeric", "of 5 eggs, 3 are left", "3"),
        ("numeric", "none", ""),
        ("numeric", "1/0", ""),
        ("numeric", "9" * 500, ""),
        ("choice", "Answer: (B)", "B"),
        ("choice", "answer: c", "C"),
        ("choice", "The answer is D, not A... Answer: D", "D"),
        ("choice", "It depends.", ""),
    ],
)
def test_forms(measure: str, text: str, form: str) -> None:
    assert answer_form(measure, text) == form


def test_long_replies_are_read_in_linear_time() -> None:
    for text in ("answer is " * 20_000, "1," * 50_000, "\\boxed{" * 20_000, "(A" * 50_000, "1/" * 50_000):
        assert isinstance(final_answer(text), str)
        assert isinstance(answer_form("numeric", text) + answer_form("choice", text), str)


def test_the_majority_is_the_most_frequent_form() -> None:
    assert majority_form(["a", "b", "b", ""]) == ("b", 0.5)
    assert majority_form(["a", "b"]) == ("a", 0.5)  # the earliest of several
    assert majority_form(["", ""]) == ("", 0.0)


def decided(output: str, *answers: str, **values: Any) -> CheckVerdict:
    check = replace(AGREEMENT, samples=len(answers), **{"measure": "numeric", "at_least": 0.5, **values})
    checks = InstanceChecks(replace(recipe(), checks=(check,)))
    return checks.judge(check, TASK, 0, Instance("", output), [Reply(text) for text in answers])


def test_the_output_must_be_what_most_answers_say() -> None:
    by_majority = {"majority": True}
    assert decided("4", "Answer: 4", "4.0", "5", **by_majority) == CheckVerdict(0, None, 2 / 3)
    assert decided("5", "Answer: 4", "4.0", "5", **by_majority) == CheckVerdict(0, "answers disagree", 1 / 3)
    assert decided("4", "4", "5", "6", "7", **by_majority) == CheckVerdict(0, "too hard", 0.25)
    assert decided("4", "4", "4", "4", at_most=0.9, **by_majority) == CheckVerdict(0, "too easy", 1.0)
    assert decided("4", "4", "4", "5", at_most=0.9, **by_majority).kept
    assert decided("4", "4", "4", at_most=0.9).rule == "too easy"
    assert decided("4", "4", "5", "6").rule == "answers disagree"
    assert decided("4", "none", "?").note == "no readable answer"
    assert decided("four", "4", "4", unreadable="refuse").rule == "no readable answer"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"at_most": 0.2}, "at_most: must be between `at_least` and 1"),
        ({"measure": "rouge", "majority": True}, "measure rouge: has neither majority nor at_most"),
        ({"kind": "rubric", "majority": True}, "need `kind: agreement`"),
    ],
)
def test_faults_are_told(values: dict[str, Any], message: str) -> None:
    mapping = to_mapping(replace(recipe(), checks=(AGREEMENT,)))
    mapping["checks"] = ({**mapping["checks"][0], **values},)
    with pytest.raises(InputError, match=message):
        from_mapping(mapping, "recipe.yaml")


def test_checks_without_the_new_fields_are_what_they_were() -> None:
    (row,) = to_mapping(replace(recipe(), checks=(AGREEMENT,)))["checks"]
    assert not {"majority", "at_most"} & row.keys()
    assert "one_kind" not in to_mapping(recipe())["propose"]


def test_the_examples_are_of_one_kind() -> None:
    propose = replace(recipe("cot").propose)
    kinds = set()
    for index in range(60):
        shown = draw_examples(propose, 1, index, SEEDS, (), 0)
        drawn = {seed.is_classification for seed in SEEDS if seed in shown}
        assert len(shown) == 2
        assert len(drawn) == 1
        kinds |= drawn
    assert kinds == {True, False}


REPLY = """Plan: The two test counting. Instruction and answer must fit. 3 + 4 = 7, and 7 - 4 = 3.

###
Instruction: Tom has 3 pears and buys 4 more. How many has he?
Input: none
Output: 7"""


def test_the_plan_is_no_task() -> None:
    (candidate,) = parse_instructions(recipe("cot"), Reply(REPLY), ("a", "b"))
    assert candidate.text == "Tom has 3 pears and buys 4 more. How many has he?"
    assert candidate.instances == (Instance("", "7"),)
    assert candidate.flaw is None
    dry_run(recipe("cot"))


def solving(prompt: Prompt) -> Reply:
    """Sums; some with a wrong output, some that one sample in two gets wrong."""
    n = prompt.sample
    if prompt.step == "propose":
        left, right = n % 97, n // 97 % 89
        output = left + right + (n % 5 == 0)
        words = f"{WORDS[n % len(WORDS)]} and {WORDS[n // 7 % len(WORDS)]} near the {WORDS[n // 49 % len(WORDS)]}"
        text = f"Plan: add.\n###\nInstruction: Of {words}, add {left} and {right}.\nInput: none\nOutput: {output}"
        return Reply(text, "stop", 30, 20, "scripted")
    left, right = map(int, re.findall(r"\d+", prompt.messages[0].content)[:2])
    wrong = left % 4 != 0 and n % 5 < 2
    return Reply(f"Let me see.\nAnswer: {left + right + (n % 7 + 1 if wrong else 0)}", "stop", 30, 9, "scripted")


@pytest.mark.slow
def test_any_speed_any_crash_same_bytes(tmp_path: Path) -> None:
    chosen = recipe("cot")
    (check,) = chosen.checks
    assert (check.measure, check.majority, check.samples) == ("final", True, 8)
    chosen = replace(chosen, checks=(replace(check, measure="numeric", samples=5, at_most=0.9),))
    state, _ = at_any_speed(tmp_path, chosen, solving, 60)
    rules = {verdict.rule for checked in state.checked.values() for one in checked for verdict in one.verdicts}
    assert rules >= {None, "answers disagree", "too easy"}
    assert isinstance(chosen.checks[0], Check)
