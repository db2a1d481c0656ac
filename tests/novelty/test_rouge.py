"""Tokens and floats equal the installed rouge_score's; it is the only oracle here."""

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer, scoring, tokenizers

from bootstruct.novelty import rouge
from tests.support.paths import DATA as SHARED

PLAIN = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
STEMMED = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
Pair = tuple[list[str], list[str]]

# Every (LCS, m, n) up to 150 tokens whose true F is exactly 7/10: LCS is 7k and m + n is 20k (the paper and its released code).
TIES = [(7 * k, m, 20 * k - m) for k in range(1, 16) for m in range(7 * k, 13 * k + 1) if max(m, 20 * k - m) <= 150]

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("aAzZ09 -_'\n\u0130\u212a")), max_size=60)
WORDS = st.lists(st.sampled_from(["running", "runs", "the", "of", "stories", "story", "happily", "1984"]), max_size=25)


def built(lcs: int, m: int, n: int, chance: random.Random) -> Pair:
    """Two token lists of m and n whose longest common subsequence is exactly lcs: all else in them is unique."""
    shared = [f"s{k}" for k in range(lcs)]
    sides = []
    for side, length in (("x", m), ("y", n)):
        tokens = [f"{side}{k}" for k in range(length)]
        for place, token in zip(sorted(chance.sample(range(length), lcs)), shared, strict=True):
            tokens[place] = token
        sides.append(tokens)
    return sides[0], sides[1]


def pairs(count: int, seed: int) -> Iterator[Pair]:
    """Half at or one beside a tie at 0.7, half near-duplicates and strangers over alphabets of several sizes."""
    chance = random.Random(seed)
    small = [tie for tie in TIES if tie[1] + tie[2] <= 60]
    for _ in range(count // 2):
        lcs, m, n = chance.choice(small)
        yield built(max(0, min(lcs + chance.choice((-1, 0, 0, 1)), m, n)), m, n, chance)
        alphabet = [f"w{k}" for k in range(chance.choice((2, 4, 12, 400)))]
        first = chance.choices(alphabet, k=chance.randint(1, 16))
        second = list(first)
        for _ in range(chance.randint(0, len(first) // 2)):
            second[chance.randrange(len(second))] = chance.choice(alphabet)
        yield first, second if chance.random() < 0.6 else chance.choices(alphabet, k=chance.randint(1, 16))


def check_pairs(count: int, seed: int) -> None:
    over = 0
    for first, second in pairs(count, seed):
        m, n = len(first), len(second)
        expected = rouge_scorer._score_lcs(first, second).fmeasure
        lcs = rouge.lcs_length(first, second)
        assert rouge.f_measure(lcs, m, n) == expected, (first, second)
        assert (lcs >= rouge.required_lcs(m, n)) == (expected > 0.7), (first, second)
        assert (lcs >= rouge.required_lcs(m, n, strict=False)) == (expected >= 0.7), (first, second)
        over += expected > 0.7
    assert count / 5 < over < count * 4 / 5  # the pairs are worth asking about


def test_pairs_score_as_the_reference_scores_them() -> None:
    check_pairs(20_000, seed=1)


@pytest.mark.slow
def test_many_pairs_score_as_the_reference_scores_them() -> None:
    check_pairs(200_000, seed=2)


def test_every_tie_up_to_150_tokens() -> None:
    assert len(TIES) == 531
    chance = random.Random(3)
    over = 0
    for lcs, m, n in TIES:
        first, second = built(lcs, m, n, chance)
        expected = scoring.fmeasure(lcs / n, lcs / m)
        if m + n <= 160:  # the reference's table takes long for the others; their float is the line above
            assert rouge_scorer._score_lcs(first, second).fmeasure == expected
        assert rouge.lcs_length(first, second) == lcs
        assert rouge.f_measure(lcs, m, n) == rouge.f_measure(lcs, n, m) == expected
        assert rouge.required_lcs(m, n) == lcs + (expected <= 0.7)
        assert rouge.required_lcs(m, n, strict=False) == lcs + (expected < 0.7)
        over += expected > 0.7
    assert over == 272


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 2 / 3, 0.7, 0.85, 1.0])
@pytest.mark.parametrize("strict", [True, False])
def test_required_lcs_is_the_first_whose_reference_float_exceeds(threshold: float, strict: bool) -> None:
    for m in (1, 2, 7, 10, 20, 33, 40):
        row = rouge.requirement(m, 90, threshold, strict)
        within = []
        for n in range(1, 91):
            scores = [scoring.fmeasure(lcs / n, lcs / m) for lcs in range(1, min(m, n) + 1)]
            exceeds = [score > threshold if strict else score >= threshold for score in scores]
            expected = exceeds.index(True) + 1 if True in exceeds else min(m, n) + 1
            assert rouge.required_lcs(m, n, threshold, strict) == row.required[n] == expected, (m, n)
            within += [n] if True in exceeds else []
        assert (row.shortest, row.longest) == ((within[0], within[-1]) if within else (0, -1))


def test_floats_in_arrays_equal_the_references() -> None:
    lcs, m, n = np.meshgrid(np.arange(41), np.arange(41), np.arange(41), indexing="ij")
    possible = lcs <= np.minimum(m, n)
    scores = rouge.f_measures(lcs[possible], m[possible], n[possible])
    expected = [
        scoring.fmeasure(a / c, a / b) if a else 0.0
        for a, b, c in zip(lcs[possible].tolist(), m[possible].tolist(), n[possible].tolist(), strict=True)
    ]
    assert scores.tolist() == expected


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01, float("nan")])
def test_a_threshold_out_of_range_is_an_error(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0"):
        rouge.requirement(5, 10, threshold)


@given(TEXTS)
def test_tokens(text: str) -> None:
    assert rouge.tokens(text) == tokenizers.DefaultTokenizer().tokenize(text)


@given(st.one_of(TEXTS, WORDS.map(" ".join)))
def test_stemmed_tokens(text: str) -> None:
    assert rouge.stemmed_tokens(text) == tokenizers.DefaultTokenizer(use_stemmer=True).tokenize(text)


@given(st.one_of(TEXTS, WORDS.map(" ".join)), st.one_of(TEXTS, WORDS.map(" ".join)))
def test_whole_texts(target: str, prediction: str) -> None:
    assert rouge.rouge_l(target, prediction) == PLAIN.score(target, prediction)["rougeL"].fmeasure
    assert rouge.rouge_l(target, prediction, "rouge-stemmed") == STEMMED.score(target, prediction)["rougeL"].fmeasure


@pytest.mark.parametrize(("tokenizer", "mean"), [("rouge", 0.38323118), ("rouge-stemmed", 0.40265144)])
def test_mean_of_the_references_own_test_pairs(tokenizer: str, mean: float) -> None:
    folder = SHARED / "rouge"
    if not folder.exists():
        pytest.skip(f"no shared data at {folder}")
    targets = (folder / "target_large.txt").read_text(encoding="utf-8").split("\n")[:1000]
    predictions = (folder / "prediction_large.txt").read_text(encoding="utf-8").split("\n")[:1000]
    scores = [rouge.rouge_l(*pair, tokenizer) for pair in zip(targets, predictions, strict=True)]
    assert round(sum(scores) / 1000, 8) == mean


def test_an_unknown_tokenizer_is_an_error_that_names_the_known() -> None:
    with pytest.raises(ValueError, match=r"'words'.*rouge, unicode, rouge-stemmed"):
        rouge.rouge_l("a", "b", "words")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop_now, 3rd!", ["don", "t", "stop", "now", "3rd"]),
        ("\u00c9lan E\u0301lan", ["\u00e9lan", "\u00e9lan"]),  # composed and not
        ("STRASSE stra\u00dfe \uff21\uff22", ["strasse", "strasse", "ab"]),
        ("\u4f60\u597d\u4e16\u754c", ["\u4f60", "\u597d", "\u4e16", "\u754c"]),
        ("\u4e2dabc\u6587", ["\u4e2d", "abc", "\u6587"]),
        ("\uc790\uae30\uc18c\uac1c\uc11c \uc791\uc131", ["\uc790\uae30\uc18c\uac1c\uc11c", "\uc791\uc131"]),
        ("\u0627\u0643\u062a\u0628 \u0642\u0635\u0629\u061f", ["\u0627\u0643\u062a\u0628", "\u0642\u0635\u0629"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),  # letters with marks
        ("\u0e01\u0e34\u0e19", ["\u0e01", "\u0e34", "\u0e19"]),
        ("co\u00adop a\u200bb \u2764\ufe0f", ["coop", "a", "b"]),
        ("", []),
    ],
)
def test_unicode_tokens(text: str, expected: list[str]) -> None:
    assert rouge.unicode_tokens(text) == expected


@given(TEXTS)
def test_unicode_tokens_of_plain_ascii_are_the_references(text: str) -> None:
    ascii_only = text.encode("ascii", "ignore").decode()
    assert rouge.unicode_tokens(ascii_only) == rouge.tokens(ascii_only)


@pytest.mark.parametrize("name", list(rouge.TOKENIZERS))
def test_every_tokenizer_ignores_case_and_punctuation(name: str) -> None:
    cut: Callable[[str], list[str]] = rouge.TOKENIZERS[name]
    assert cut("Name TWO cats!") == cut("name... two CATS") != []
