"""Judging: what is read from replies, what a judge may know, win rates, length, position."""

import random

import numpy as np
import pytest

from bootstruct.evaluation.asking import Fact
from bootstruct.evaluation.judge import (
    absolute_questions,
    judged_absolutely,
    judged_in_pairs,
    pairwise_questions,
    read_better,
    read_level,
    to_row,
)
from bootstruct.evaluation.judge_report import markdown
from bootstruct.evaluation.predict import EvaluationManifest
from bootstruct.evaluation.ratings import ModelAnswer
from bootstruct.evaluation.user_tasks import shipped_prompt
from bootstruct.evaluation.win_rates import (
    JudgedPair,
    comparison_of,
    length_controlled,
    outcome_of,
    position_bias,
    standardised,
)
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.usage import Usage
from bootstruct.types import Reply, Sampling, digest_of

ASKED = EvaluationManifest("judge-absolute", "openai/j", "chat", Sampling(), "", "", 0)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("It is fine.\nLevel: B", "B"),
        ("**Level: A**", "A"),
        ("level - d", "D"),
        ("Level: C\nOn second thought:\nLevel: B", "B"),
        ("Level: A, B, C or D\nLevel: C", "C"),
        ("Level: A or B", None),
        ("I give it an A.", None),
        ("Levels differ", None),
        ("", None),
    ],
)
def test_levels(text: str, level: str | None) -> None:
    assert read_level(Reply(text)) == level


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("Better: 1", "1"),
        ("x\n> Better: **tie**.", "tie"),
        ("Better: Answer 2", "2"),
        ("Better: 1, 2 or tie", None),
        ("1", None),
    ],
)
def test_verdicts(text: str, better: str | None) -> None:
    assert read_better(Reply(text)) == better


def answers() -> list[ModelAnswer]:
    return [
        ModelAnswer(
            model, f"t{n}", f"Do {n}", "the input" if n % 2 else "", "the reference", f"answer {n} " + "x" * (9 * k)
        )
        for n in range(12)
        for k, model in enumerate(("secret-one", "secret-two"))
    ]


def facts_of(questions: dict, say) -> dict[str, Fact]:  # type: ignore[no-untyped-def]
    return {
        key: ReplyReceived(key, digest_of(prompt), Reply(verdict))
        for key, prompt in questions.items()
        if (verdict := say(prompt))
    }


def test_a_judge_sees_no_names_and_everything_else() -> None:
    for questions in (
        absolute_questions(answers(), shipped_prompt("judge_absolute"), ASKED, "j"),
        pairwise_questions(answers(), shipped_prompt("judge_pairwise"), ASKED, "j"),
    ):
        assert len(questions) == 24
        for prompt in questions.values():
            text = prompt.messages[0].content
            assert "secret" not in text
            assert "the reference" in text
            assert ("<input>" in text) == ("the input" in text)
            assert text.rstrip().endswith(("D", "tie"))
            assert "\n\n\n" not in text


def test_the_instruction_to_the_judge_is_no_verdict() -> None:
    for name in ("judge_absolute", "judge_pairwise"):
        echoed = Reply(shipped_prompt(name))
        assert read_level(echoed) is None
        assert read_better(echoed) is None


def test_levels_become_ratings_and_the_unreadable_are_counted() -> None:
    questions = absolute_questions(answers(), shipped_prompt("judge_absolute"), ASKED, "j")

    def say(prompt) -> str:  # type: ignore[no-untyped-def]
        text = prompt.messages[0].content
        return "" if "Do 3" in text else "no idea" if "Do 4" in text else "Level: B" if "xxxx" in text else "Level: C"

    judged = judged_absolutely(answers(), facts_of(questions, say), ASKED, 0.5, Usage(22, 10, 5))
    assert {(r.model, r.level, r.rater) for r in judged.ratings} == {
        ("secret-one", "C", "judge:openai/j"),
        ("secret-two", "B", "judge:openai/j"),
    }
    assert {p.kind: p.count for p in judged.problems} == {
        "requests to the judge without a reply": 2,
        "unreadable verdicts": 2,
    }
    text = markdown(judged)
    assert "22 replies" in text
    assert "$0.5000" in text
    assert to_row(judged)["levels"]["secret-one"] == {"A": 0, "B": 0, "C": 10, "D": 0}


def test_a_judge_that_loves_the_first_place_decides_nothing() -> None:
    questions = pairwise_questions(answers(), shipped_prompt("judge_pairwise"), ASKED, "j")
    judged = judged_in_pairs(answers(), facts_of(questions, lambda prompt: "Better: 1"), ASKED, None, Usage())
    only = judged.comparisons[0]
    assert (only.first, only.second, only.wins, only.ties, only.losses, only.win_rate) == (
        "secret-one",
        "secret-two",
        0,
        12,
        0,
        50.0,
    )
    assert (only.position.first_preferred, only.position.flipped_to_first, only.position.consistent) == (1.0, 12, 0)
    assert "preferred in 100%" in markdown(judged)


def test_an_honest_judge_is_followed_in_both_orders() -> None:
    questions = pairwise_questions(answers(), shipped_prompt("judge_pairwise"), ASKED, "j")

    def longer(prompt) -> str:  # type: ignore[no-untyped-def]
        text = prompt.messages[0].content
        first, second = text.split("<answer_1>")[1].split("<answer_2>")
        return "Better: 1" if first.count("x") > second.count("x") else "Better: 2"

    judged = judged_in_pairs(answers(), facts_of(questions, longer), ASKED, None, Usage())
    only = judged.comparisons[0]
    assert (only.wins, only.losses, only.win_rate) == (0, 12, 0.0)
    assert (only.position.first_preferred, only.position.consistent) == (0.5, 12)
    half = dict(list(facts_of(questions, longer).items())[:-1])
    assert judged_in_pairs(answers(), half, ASKED, None, Usage()).problems[0].done == "the pair is left out"
    assert len(judged_in_pairs(answers(), half, ASKED, None, Usage()).pairs) == 11


def test_outcomes_need_both_orders() -> None:
    assert [outcome_of(*both) for both in (("1", "2"), ("2", "1"), ("1", "1"), ("tie", "2"), ("tie", "tie"))] == [
        1,
        0,
        0.5,
        0.5,
        0.5,
    ]


def made_up_duels(skill: float, per_length: float, seed: int = 1) -> list[JudgedPair]:
    """The first wins with logit `skill` + `per_length` per standard deviation of length; it writes longer answers."""
    chance, found = random.Random(seed), []
    for n in range(2000):
        lengths = (max(1, int(chance.gauss(700, 150))), max(1, int(chance.gauss(500, 150))))
        logit = skill + per_length * (lengths[0] - lengths[1]) / 290  # 290: the root mean square of the difference
        win = chance.random() < 1 / (1 + np.exp(-logit))
        found.append(JudgedPair("a", "b", f"t{n}", "1" if win else "2", "2" if win else "1", float(win), *lengths))
    return found


def test_length_control_finds_the_skill_under_the_length() -> None:
    found = comparison_of(made_up_duels(0.0, 1.5))
    assert found.win_rate > 65
    assert found.length_controlled == pytest.approx(50, abs=5)
    assert found.length_effect == pytest.approx(1.5, abs=0.3)
    skilled = comparison_of(made_up_duels(1.0, 0.0))
    assert skilled.length_controlled == pytest.approx(73.1, abs=5)
    assert skilled.length_controlled_interval is not None
    assert skilled.length_controlled_interval.low < 73.1 < skilled.length_controlled_interval.high


def test_the_fit_solves_its_equations_and_stays_finite() -> None:
    outcomes = np.array([1.0, 0.5, 0.0, 1.0, 1.0, 0.0])
    difference = standardised(np.array([30.0, 10.0, -20.0, 5.0, -10.0, 2.0]))
    assert float(np.sqrt(np.mean(difference**2))) == pytest.approx(1.0)
    controlled, effect = length_controlled(outcomes, difference)
    intercept = np.log(controlled / (1 - controlled))
    fitted = 1 / (1 + np.exp(-(intercept + effect * difference)))
    assert (outcomes - fitted).sum() == pytest.approx(0.01 * intercept, abs=1e-8)
    assert ((outcomes - fitted) * difference).sum() == pytest.approx(0.01 * effect, abs=1e-8)
    for same in (1.0, 0.0):
        controlled, _ = length_controlled(np.full(50, same), standardised(np.arange(50.0)))
        assert 0 < controlled < 1
        assert abs(controlled - same) < 0.05
    assert length_controlled(np.array([1.0, 0.0]), standardised(np.zeros(2)))[0] == pytest.approx(0.5)


def test_nothing_but_ties_has_no_bias() -> None:
    found = position_bias([JudgedPair("a", "b", "t", "tie", "tie", 0.5, 1, 1)])
    assert (found.first_preferred, found.interval, found.consistent) == (None, None, 1)


@pytest.mark.parametrize("text", ["<think>\nLevel: D\n</think>\nLevel: A", "Level: A"])
def test_a_verdict_in_a_thought_is_none(text: str) -> None:
    assert read_level(Reply(text)) == "A"
    assert read_level(Reply("<think>\nLevel: D")) is None
