"""What is read from the replies to checks, and what is decided on it. No engine: text in, verdict out."""

from dataclasses import replace

import pytest

from bootstruct.config.recipe import Ask, Check
from bootstruct.stages.answer_matching import normalize_answer
from bootstruct.stages.contamination import KeepAwayIndex
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.parsing.check_replies import parse_answer, parse_grade, parse_task_text
from bootstruct.types import CheckVerdict, Instance, Instruction, Reply, Sampling
from tests.support.scripts import recipe

NUMBERS, LETTERS = ("1", "2", "3", "4", "5"), ("D", "C", "B", "A")
TASK = Instruction("3.1", "Write the words in alphabetical order.")
GIVEN = Instance("pear, apple", "apple, pear")
ASK = Ask("{{ instruction }}|{{ input }}|{{ output }}|{{ scale | join }}", Sampling())
AGREEMENT = Check("a", "agreement", ASK, samples=3)


def decided(check: Check, *texts: str, instance: Instance = GIVEN) -> CheckVerdict:
    checks = InstanceChecks(replace(recipe(), checks=(check,)))
    return checks.judge(check, TASK, 0, instance, [Reply(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("4", "4"),
        (" 4\n", "4"),
        ("**5**", "5"),
        ("4/5", "4"),
        ("3 - the output is incomplete", "3"),
        ("4. The answer is right.", "4"),
        ("Grade: 2", "2"),
        ("**Grade:** 2", "2"),
        ("Grade: **2**", "2"),
        ("The score is 3 because 2 of 5 words are missing.", "3"),
        ("I would give it a rating of 4.", "4"),
        ("Score: 4/5", "4"),
        ("There are 5 words and 3 are right.\nGrade: 2", "2"),
        ("First I said grade: 5, but then\n\nGrade: 1", "1"),
        ("The output holds an error.\n\n2\n", "2"),
        ("<think>grade: 5</think>Grade: 1", "1"),
        ("It deserves 4 points.", "4"),
        ("", None),
        ("No idea.", None),
        ("between 2 and 3", None),
        ("Grade: 7", None),
        ("4.5", None),
        ("Grade: 4.5", None),
        ("10", None),
        ("14", None),
        ("100%", None),
        ("<think>grade: 5", None),
    ],
)
def test_grades_in_numbers(text: str, grade: str | None) -> None:
    assert parse_grade(text, NUMBERS) == grade


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("B", "B"),
        ("b", "B"),
        ("Grade: A", "A"),
        ("grade is C.", "C"),
        ("(D)", "D"),
        ("The output is fine.\nB", "B"),
        ("A - correct", "A"),
        ("A careful person would not let it stand.", None),
        ("It is a correct answer.", None),
        ("Because", None),
    ],
)
def test_grades_in_letters(text: str, grade: str | None) -> None:
    assert parse_grade(text, LETTERS) == grade


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple, Pear", "apple, pear"),
        (" apple,  pear.\n", "apple, pear"),
        ('"apple, pear"', "apple, pear"),
        ("**yes**", "Yes!"),
        ("ｙｅｓ", "yes"),
        ("STRASSE", "straße"),
    ],
)
def test_what_counts_as_equal(one: str, other: str) -> None:
    assert normalize_answer(one) == normalize_answer(other)


@pytest.mark.parametrize(
    ("one", "other"), [("-5", "5"), ("5%", "5"), ("3.5", "35"), ("pear, apple", "apple, pear"), ("no", "not")]
)
def test_what_does_not_count_as_equal(one: str, other: str) -> None:
    assert normalize_answer(one) != normalize_answer(other)


def test_answers_and_tasks_are_parsed_without_their_wrapping() -> None:
    assert parse_answer("<think>hm</think>\nOutput: 42\n") == "42"
    assert parse_answer("```\nprint(1)\n```") == "print(1)"
    assert parse_answer("The output: none") == "The output: none"
    assert parse_task_text('**Task:** "Sort the words."') == "Sort the words."
    assert parse_task_text("Sort\nthe words.") == "Sort the words."
    assert parse_task_text("Instruction: Sort.") == "Sort."


@pytest.mark.parametrize(
    ("answers", "score", "kept"),
    [
        (["apple, pear", "Apple, pear.", "pear"], 2 / 3, True),
        (["apple, pear", "pear", "apple"], 1 / 3, False),
        (["", "", "apple, pear"], 1 / 3, False),
        (["pear", "pear", "pear"], 0.0, False),
    ],
)
def test_agreement_is_the_share_of_equal_answers(answers: list[str], score: float, kept: bool) -> None:
    verdict = decided(AGREEMENT, *answers)
    assert verdict.score == pytest.approx(score)
    assert verdict.kept is kept
    assert verdict.rule == (None if kept else "answers disagree")


def test_agreement_by_rouge_is_their_mean() -> None:
    check = replace(AGREEMENT, measure="rouge", at_least=0.8)
    assert decided(check, "apple, pear", "apple pear!", "apple").score == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert decided(check, "apple, pear", "apple", "apple").rule == "answers disagree"


def test_an_answer_exactly_at_the_threshold_is_kept() -> None:
    assert decided(replace(AGREEMENT, samples=2, at_least=0.5), "apple, pear", "no").kept


@pytest.mark.parametrize("level", NUMBERS)
def test_rubric_keeps_the_level_and_better(level: str) -> None:
    check = Check("r", "rubric", ASK, level=level)
    for grade in NUMBERS:
        assert decided(check, grade).kept is (grade >= level)
    letters = Check("r", "rubric", ASK, scale=LETTERS, level="B")
    assert [decided(letters, grade).kept for grade in "ABCD"] == [True, True, False, False]
    assert decided(letters, "C").score == 1.0


@pytest.mark.parametrize("kind", ["agreement", "rubric", "back-check"])
def test_an_unreadable_reply_is_noted_and_kept_or_rejected_by_the_recipe(kind: str) -> None:
    check = Check("c", kind, ASK, samples=1)  # type: ignore[arg-type]
    kept, rejected = decided(check, " "), decided(replace(check, unreadable="refuse"), " ")
    assert kept.kept and kept.score is None and kept.note.startswith("no readable")
    assert rejected.rule == rejected.note == kept.note


def test_back_check_takes_the_best_of_its_samples() -> None:
    check = Check("b", "back-check", ASK, samples=2, at_least=0.8)
    assert decided(check, "Say something.", "Task: Write the words in alphabetical order").score == 1.0
    low = decided(check, "Sort them.", "")
    assert low.rule == "instruction not recovered" and low.score == 0.0


def test_decontamination_asks_no_model_and_names_the_text() -> None:
    check = Check(
        "d", "decontamination", texts=("Something else entirely here.", "Write the words in alphabetical order now.")
    )
    chosen = replace(recipe(), checks=(check,), keep_away=("A kept away text of nine words stands here.",))
    checks = InstanceChecks(chosen)
    flow = checks.flow(TASK, (GIVEN,))
    with pytest.raises(StopIteration) as done:
        next(flow)
    (verdict,) = done.value.value[0].verdicts
    assert (verdict.rule, verdict.note) == ("near a kept-away text", "texts:1")
    assert verdict.score > 0.7
    away = Instance("A kept away text of nine words stands here!", "b")
    assert checks.judge(check, Instruction("1.0", "Translate it."), 0, away, []).note == "keep_away:0"
    assert checks.judge(check, Instruction("1.0", "Translate it."), 0, GIVEN, []).kept


def test_runs_of_words_and_short_parts() -> None:
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    away = KeepAwayIndex([long, "yes"])
    inside = away.find(
        "Say it.", ("before " + long[:-9].replace("thirteen", "Thirteen!") + " after and more and so on", "")
    )
    assert inside is not None and (inside.text, inside.score) == (0, None)
    assert away.find("Say it.", ("x", "yes")) is None  # a short part is near to too much
    assert away.find("Yes!", ()) is not None
    assert KeepAwayIndex([]).find("Yes!", ("a", "b")) is None
    assert KeepAwayIndex([long], run_length=3).find("Count: one two three", ()) is not None


def test_prompts_differ_by_sample_and_keep_their_digests() -> None:
    checks = InstanceChecks(replace(recipe(), checks=(AGREEMENT,)))
    asked = checks.prompts(AGREEMENT, TASK, (GIVEN, Instance("", "x")), [0, 1])
    assert list(asked) == [f"check/3.1/a/{n}/{sample}" for n in (0, 1) for sample in range(3)]
    assert len({prompt.sample for prompt in asked.values()}) == 6
    assert {prompt.step for prompt in asked.values()} == {"check a"}
    again = checks.prompts(AGREEMENT, Instruction("9.9", TASK.text), (GIVEN,), [0])
    assert [p.sample for p in again.values()] == [asked[f"check/3.1/a/0/{s}"].sample for s in range(3)]
    other = checks.prompt(AGREEMENT, TASK, Instance(GIVEN.input, "another output"), 0)
    assert other.sample == asked["check/3.1/a/0/0"].sample  # answers do not depend on the output they are held against


def test_a_missing_reply_is_not_a_failed_one() -> None:
    checks = InstanceChecks(replace(recipe(), checks=(AGREEMENT,)))
    answers = dict.fromkeys(checks.prompts(AGREEMENT, TASK, (GIVEN,), [0]), None)
    assert checks.decide(AGREEMENT, TASK, (GIVEN,), [0], answers).failed
    with pytest.raises(KeyError):
        checks.decide(AGREEMENT, TASK, (GIVEN,), [0], {})
