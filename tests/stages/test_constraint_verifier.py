"""Constraints that code can check: what follows each of IFEval's 25 kinds and what does not, and that no text is slow."""

from typing import Any

import pytest

from bootstruct.stages.constraint_verifier import VERIFIERS, count_sentences, detect_language, follows

ENOUGH, FEWER = "at least", "less than"
PARTS = "First part\n***\nSecond part"
CASES: list[tuple[str, dict[str, Any], str, str]] = [  # name, values, a text that follows, one that does not
    ("keywords:existence", {"keywords": ["river", "Bank"]}, "The bank of the River.", "The bank."),
    ("keywords:frequency", {"keyword": "go", "frequency": 2, "relation": ENOUGH}, "Go, go!", "Go!"),
    ("keywords:frequency", {"keyword": "go", "frequency": 2, "relation": FEWER}, "Go!", "Go, go!"),
    ("keywords:forbidden_words", {"forbidden_words": ["an", "a.b"]}, "Any banana axb", "It is An apple"),
    ("keywords:forbidden_words", {"forbidden_words": ["a.b"]}, "axb", "the a.b one"),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 2, "let_relation": ENOUGH}, "eE", "be"),
    (
        "language:response_language",
        {"language": "de"},
        "Das ist nicht der Hund und die Katze.",
        "This is the dog of it.",
    ),
    (
        "language:response_language",
        {"language": "ko"},
        "저는 학생입니다",
        "I am a student and this is it, as the rest.",
    ),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": ENOUGH}, "One. Two", "One, two."),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": FEWER},
        "Dr. Lee won 2.5 points.",
        "A b. C d.",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, PARTS, "One\n\nTwo"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, f"***\n{PARTS}", "a *** *** b"),
    ("length_constraints:number_words", {"num_words": 3, "relation": FEWER}, "two words", "these three words"),
    ("length_constraints:number_words", {"num_words": 3, "relation": ENOUGH}, "these three words", "two words"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "weekend"},
        "A text.\n\n'Weekend' it is.",
        "Weekend\n\nA text.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] in [town]", "[name] in town"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\np.s. Write soon", "Bye. PS write"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye. P. P. S. Oh", "Bye. P.S. Oh"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "List:\n* a\n- b", "* a\n* b\n* c"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "**bold**\n* a", "**bold**"),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", "Yes."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one* and **two**", "*one* and ** **"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1\na\nSection 2\nb",
        "Section one, Section 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "<<A day>>\nIt rained.", "<< >> A day"),
    ("combination:two_responses", {}, "One.\n******\nTwo.", "One.\n******\nOne."),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Name a fruit."}, "Name a fruit. Apple", "Apple. Name a fruit."),
    ("startend:end_checker", {"end_phrase": "That is all."}, '"Yes. that is all."', "That is all. Bye"),
    ("startend:quotation", {}, '"Quoted."', '"Half'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": ENOUGH},
        "NASA and ESA",
        "Nasa and ESA",
    ),
    ("change_case:english_capital", {}, "ALL OF IT, 2", "All OF IT"),
    ("change_case:english_lowercase", {}, "all of it, 2", "all Of it"),
    ("punctuation:no_comma", {}, "a and b", "a, b"),
]


@pytest.mark.parametrize(("name", "values", "good", "bad"), CASES)
def test_what_follows_and_what_does_not(name: str, values: dict[str, Any], good: str, bad: str) -> None:
    assert follows(name, values, good)
    assert not follows(name, values, bad)
    assert not follows(name, values, " \n")


def test_all_25_kinds_are_here() -> None:
    assert len(VERIFIERS) == 25
    assert {case[0] for case in CASES} == set(VERIFIERS)


@pytest.mark.parametrize(
    "text", ["!" * 50_000 + "x", "[" * 50_000, "*" * 50_000, "<<" * 25_000, "p" + " " * 50_000, '"' * 50_000]
)
def test_no_text_takes_long(text: str) -> None:
    """Quadratic work on one of these would take minutes."""
    for name, values, _, _ in CASES:
        assert follows(name, values, text) in (True, False)


def test_deep_json_is_no_crash() -> None:
    assert not follows("detectable_format:json_format", {}, "[" * 100_000)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("One", 1),
        ("One.", 1),
        ("One. Two! Three?", 3),
        ("e.g. this one. And J. Doe.", 2),
        ("一。二。", 2),
        ("Wait... what?!", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat and it was not amused.", "en"),
        ("Le chat est sur la table et il ne mange pas.", "fr"),
        ("El gato está en la mesa y no come.", "es"),
        ("Il gatto non è sul tavolo, ma la donna che lo ama sì.", "it"),
        ("De kat zit op het bed en eet niet.", "nl"),
        ("Кошка сидит на столе.", "ru"),
        ("猫はテーブルの上にいます。", "ja"),
        ("猫在桌子上。", "zh"),
        ("42", None),
        ("Zebra", None),
    ],
)
def test_languages(text: str, language: str | None) -> None:
    assert detect_language(text) == language
