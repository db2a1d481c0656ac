"""Texts of which the official scorer sees nothing are told, and ROUGE-L over the words of every script stands beside it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.api.evaluate.answers import score
from bootstruct.cli import cli
from bootstruct.errors import InputError
from bootstruct.evaluation.scorecard import UNSEEN, markdown, to_row
from bootstruct.evaluation.scores import Scorer, is_unseen
from bootstruct.novelty.rouge import unicode_tokens

ROWS = [
    {"id": "a", "response": "巴黎是法国的首都", "target": "巴黎是法国的首都"},
    {"id": "b", "response": "ปารีส", "target": "กรุงปารีส"},
    {"id": "c", "response": "Paris", "target": "Paris"},
    {"id": "d", "response": "nothing", "target": "Привет, мир"},
    {"id": "e", "response": "", "target": "?!"},
]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_what_the_official_scorer_does_not_see_is_told(predictions: Path) -> None:
    (card,) = score(predictions)
    (problem,) = [found for found in card.problems if found.kind == UNSEEN]
    assert problem.count == 3
    assert "evaluate score --tokenizer unicode" in problem.in_words()
    assert card.tables["raw"].overall.rouge_l == 20.0  # of five equal or alike answers one counts
    assert not card.unicode_tables
    assert "unicode" not in to_row(card)


def test_unicode_stands_beside_the_official_score(predictions: Path) -> None:
    official, beside = score(predictions)[0], score(predictions, tokenizer="unicode")[0]
    assert beside.tables == official.tables
    assert beside.unicode_tables["raw"].overall.rouge_l > 40
    assert to_row(beside)["unicode"]["raw"]["overall"]["rouge_l"] == beside.unicode_tables["raw"].overall.rouge_l
    assert "ROUGE-L (unicode), raw" in markdown(beside, by_task=True)
    with pytest.raises(InputError, match="tokenizer 'words': unknown"):
        score(predictions, tokenizer="words")


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("你好", True),
        ("Привет", True),
        ("مرحبا", True),
        ("café", False),
        ("你好 2024", False),
        ("", False),
        ("…?!", False),
        ("é", True),
    ],
)
def test_what_is_unseen(text: str, unseen: bool) -> None:
    assert is_unseen(text) == unseen


@given(st.text(st.characters(max_codepoint=127)), st.text(st.characters(max_codepoint=127)))
def test_text_in_ascii_has_one_score(one: str, other: str) -> None:
    assert Scorer(unicode_tokens).point(one, [other]) == Scorer().point(one, [other])


def test_the_command(predictions: Path) -> None:
    shown = CliRunner().invoke(cli, ["evaluate", "score", str(predictions), "--tokenizer", "unicode"]).output
    assert "3 answers or references without a word that the official ROUGE-L reads" in shown
    assert "words of every script" in shown
