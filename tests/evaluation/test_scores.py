"""Scores equal the reference's: its package for ROUGE-L, hand-worked cases for exact match and the means."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from bootstruct.evaluation.scorecard import markdown, score, to_row
from bootstruct.evaluation.scores import (
    HEADLINES,
    Prediction,
    PredictionScore,
    Scorer,
    exact_match,
    first_paragraph,
    first_sentence,
    normalised,
    points_of,
    table_of,
    task_name,
)

REFERENCE = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
WORDS = st.lists(
    st.sampled_from(["running", "runs", "stories", "story", "the", "1984", "happily", "été", "ナイス", "-"]),
    max_size=20,
)
TEXTS = st.one_of(WORDS.map(" ".join), st.text(max_size=40))


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_rouge_is_the_references_best_over_the_references(text: str, references: list[str]) -> None:
    expected = max(REFERENCE.score(reference, text)["rougeL"].fmeasure for reference in references)
    assert Scorer().point(text, references).rouge_l == expected


def test_one_scorer_remembers_without_mixing_texts_up() -> None:
    chance, scorer = random.Random(5), Scorer()
    stock = ["nation", "national", "nations", "run", "running", "a", "the", "x1"]
    for _ in range(300):
        one, other = (" ".join(chance.choices(stock, k=chance.randint(0, 9))) for _ in range(2))
        assert scorer.point(one, [other]).rouge_l == REFERENCE.score(other, one)["rougeL"].fmeasure


@pytest.mark.parametrize(
    ("prediction", "reference", "equal"),
    [
        ("The  Answer.", "the answer", 1.0),
        ("don't", "dont", 1.0),
        ("a cat", "cat", 0.0),  # articles stay
        ("yes", "yes’", 0.0),  # only ASCII punctuation goes
        ("one\n two", "one two", 1.0),
        ("", "!", 1.0),
        ("A", "B", 0.0),
    ],
)
def test_exact_match(prediction: str, reference: str, equal: float) -> None:
    assert exact_match(prediction, ["something else", reference]) == equal
    assert Scorer().point(prediction, ["something else", reference]).exact_match == equal


def test_normalised_deletes_punctuation_and_does_not_replace_it() -> None:
    assert normalised("Well-known, U.S.") == "wellknown us"


def test_no_reference_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="no score"):
        Scorer().point("x", [])


@pytest.mark.parametrize(
    ("text", "paragraph", "sentence"),
    [
        ("\n\nYes. It is.\n\nInput: more", "Yes. It is.", "Yes."),
        ("3.5 metres! Or so", "3.5 metres! Or so", "3.5 metres!"),
        ('He said "no." Then left', 'He said "no." Then left', 'He said "no."'),
        ("one line\nsecond", "one line\nsecond", "one line"),
        ("a\n  \nb", "a", "a"),
        ("終わり。次", "終わり。次", "終わり。"),
        ("", "", ""),
    ],
)
def test_cuts(text: str, paragraph: str, sentence: str) -> None:
    assert (first_paragraph(text), first_sentence(text)) == (paragraph, sentence)


def predictions() -> list[Prediction]:
    rows = [("t1", "yes", "Textual Entailment")] * 3 + [("t2", "no", "Title Generation")]
    return [Prediction(task, str(n), text, ("yes",), category) for n, (task, text, category) in enumerate(rows)]


def test_the_overall_mean_is_over_instances_and_rounded_to_four_digits() -> None:
    found = predictions()
    table = table_of(found, points_of(found))
    assert (table.overall.rouge_l, table.overall.exact_match, table.overall.count) == (75.0, 75.0, 4)
    assert table.tasks["t2"].exact_match == 0.0
    assert table.categories["Textual Entailment"].headline == "exact_match"
    assert table.categories["Title Generation"].headline == "rouge_l"
    thirds = table_of(found[:3], [PredictionScore(1, 1), PredictionScore(0, 0), PredictionScore(0, 0)])
    assert thirds.overall.rouge_l == 33.3333


def test_headlines_are_those_of_the_twelve_categories() -> None:
    assert sorted(HEADLINES.values()) == ["exact_match"] * 6 + ["rouge_l"] * 6


def test_the_renamed_task_counts_under_its_first_name() -> None:
    assert task_name("task121_atomic_question_rewriting.json") == "task121_zest_question_rewriting"
    assert task_name("task122_x") == "task122_x"


def test_cut_scores_stand_beside_raw_ones() -> None:
    run_on = [Prediction("t", "1", "Yes.\n\nInput: and so on for ever", ("yes",))]
    scored = score(run_on, 2, ())
    assert [scored.tables[cut].overall.exact_match for cut in ("raw", "paragraph", "sentence")] == [0.0, 100.0, 100.0]
    assert "1 of 2 instances" in markdown(scored)
    assert to_row(scored)["expected"] == 2
