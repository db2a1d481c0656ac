"""The index takes every decision as comparing with all members by the installed rouge_score would."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer, scoring, tokenizers

from bootstruct.novelty import index as novelty
from bootstruct.novelty import postings as novelty_postings
from bootstruct.novelty import rouge
from bootstruct.novelty.index import NoveltyIndex, Vocabulary, best_against, pairs_over
from tests.support.paths import DATA as SHARED

SUFFIXES = ("", "s", "ing", "ed", "ly", "ation")
HAN = [chr(0x4E00 + k) for k in range(14)]
ALPHABETS = [
    [f"w{k}" for k in range(4)],
    [f"w{k}" for k in range(30)],
    [f"term{k}{suffix}" for k in "abcdef" for suffix in SUFFIXES],
    [*HAN, "mixed", "Words", "\u00c9t\u00e9", "ete\u0301"],
]


class Reference:
    """The pool as the original compares with it: rouge_score, member by member, in order."""

    def __init__(self, tokenizer: str) -> None:
        if tokenizer == "unicode":  # rouge_score has none, so only these tokens are ours; the scores are its own
            self.cut = rouge.unicode_tokens
        else:
            self.cut = tokenizers.DefaultTokenizer(use_stemmer=tokenizer == "rouge-stemmed").tokenize
        self.members: list[list[str]] = []

    def add(self, text: str) -> None:
        self.members.append(self.cut(text))

    def scores(self, text: str) -> list[float]:
        tokens = self.cut(text)
        return [rouge_scorer._score_lcs(member, tokens).fmeasure for member in self.members]


def ranked(scores: list[float]) -> list[tuple[float, int]]:
    return sorted(((score, place) for place, score in enumerate(scores)), key=lambda hit: (-hit[0], hit[1]))


def texts(chance: random.Random, alphabet: list[str], longest: int) -> Iterator[str]:
    """Endlessly: strangers, copies, near-duplicates at and around the threshold, texts without tokens."""
    before: list[list[str]] = [[]]
    while True:
        if chance.random() < 0.45:
            words = chance.choices(alphabet, k=chance.randint(0, longest))
        else:
            words = list(chance.choice(before))
            for _ in range(chance.randint(0, 1 + len(words) // 3)):
                place = chance.randint(0, len(words))
                new = [chance.choice(alphabet) if chance.random() < 0.7 else f"new{chance.randrange(10**6)}"]
                words[place : place + chance.randint(0, 1)] = new if chance.random() < 0.7 else []
        before.append(words)
        yield chance.choice((" ", " ", ", ", " ... ")).join(words)


def check_index(index: NoveltyIndex, chance: random.Random, alphabet: list[str], asks: int, longest: int = 12) -> None:
    """Interleave asking, adding and rebuilding; every answer must be the reference's."""
    reference = Reference(index.tokenizer)
    over = 0
    for text, _ in zip(texts(chance, alphabet, longest), range(asks), strict=False):
        scores = reference.scores(text)
        ranking = ranked(scores)
        expected = [hit for hit in ranking if (hit[0] > index.threshold if index.strict else hit[0] >= index.threshold)]
        assert index.over(text) == expected
        assert index.nearest(text) == (expected[0] if expected else None)
        if chance.random() < 0.2:
            assert index.top(text, 7) == ranking[:7]
            assert index.best(text) == (ranking[0] if ranking else None)
            assert index.scores(text).tolist() == scores
            assert index.mean(text) == (float(np.mean(scores)) if scores else 0.0)
        over += bool(expected)
        if not expected or chance.random() < 0.3:
            assert index.add(text) == len(reference.members) == len(index) - 1
            reference.add(text)
        if chance.random() < 0.02:
            index.extend(())  # a fresh order at once
        if chance.random() < 0.1:
            index.maintain(chance.randint(0, 9))
    assert asks / 20 < over < asks or index.threshold == 1


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """New orders early and slowly, so that most questions come while one is being built; bounds from the start."""
    monkeypatch.setattr(novelty, "_FIRST_ORDER", 4)
    monkeypatch.setattr(novelty, "_MEMBERS_PER_ADD", 2)
    monkeypatch.setattr(novelty, "_SMALL", 10)
    monkeypatch.setattr(novelty, "_LIKELY", 12)


@pytest.mark.parametrize("alphabet", range(4))
@pytest.mark.parametrize("strict", [True, False])
def test_at_the_papers_threshold(alphabet: int, strict: bool) -> None:
    check_index(NoveltyIndex(strict=strict), random.Random(alphabet), ALPHABETS[alphabet], asks=500)


@pytest.mark.parametrize("tokenizer", ["unicode", "rouge-stemmed"])
@pytest.mark.parametrize("alphabet", [2, 3])
def test_with_other_tokenizers(tokenizer: str, alphabet: int) -> None:
    check_index(NoveltyIndex(tokenizer=tokenizer), random.Random(10 + alphabet), ALPHABETS[alphabet], asks=400)


@pytest.mark.parametrize("strict", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.5, 2 / 3, 0.9, 1.0])
def test_at_other_thresholds(threshold: float, strict: bool) -> None:
    check_index(NoveltyIndex(threshold, strict), random.Random(round(100 * threshold)), ALPHABETS[1], asks=350)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_long_series_of_texts(seed: int) -> None:
    check_index(
        NoveltyIndex(strict=seed % 2 == 0), random.Random(100 + seed), ALPHABETS[seed % 4], asks=600, longest=16
    )


@pytest.mark.parametrize("limit", [3, 9])
def test_members_too_long_to_be_posted(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "LONGEST", limit)
    monkeypatch.setattr(novelty_postings, "LONGEST", limit)
    novelty_postings.reach_table.cache_clear()
    try:
        check_index(NoveltyIndex(), random.Random(limit), ALPHABETS[1], asks=250)
    finally:
        novelty_postings.reach_table.cache_clear()


def test_texts_of_thousands_of_tokens() -> None:
    def text(length: int, changed: int) -> str:
        return " ".join(f"other{k}" if k < changed else f"word{k}" for k in range(length))

    index = NoveltyIndex()
    for length in (300, 4000, 4095, 4096, 5000):
        index.add(text(length, 0))
    # Here m < n, and all but the first tokens are shared: the reference's float follows from its own function.
    assert index.nearest(text(4998, 3)) == (scoring.fmeasure(4995 / 4998, 4995 / 5000), 4)
    assert index.over(text(4050, 10))[0] == (scoring.fmeasure(4040 / 4050, 4040 / 4095), 2)
    assert index.nearest(text(250, 100)) is None
    assert index.nearest(text(299, 1)) == (scoring.fmeasure(298 / 299, 298 / 300), 0)
    assert index.top(text(4998, 3), 2)[0] == index.nearest(text(4998, 3))


@pytest.mark.parametrize("first", [0xD800 - 20, 0x110000 - 0x800 - 20])
def test_vocabularies_that_reach_the_surrogates_and_the_last_code_point(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code_at = Vocabulary.code_at
    monkeypatch.setattr(Vocabulary, "code_at", staticmethod(lambda position: code_at(position + first)))
    monkeypatch.setattr(novelty, "_FIRST_ORDER", 40)
    check_index(NoveltyIndex(), random.Random(5), ALPHABETS[1], asks=120)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=12).map(" ".join), max_size=25),
    st.sampled_from([0.4, 0.7]),
    st.booleans(),
)
def test_deciding_in_order_equals_the_reference(batch: list[str], threshold: float, strict: bool) -> None:
    reference = Reference("rouge")
    expected: list[tuple[bool, float | None, int | None]] = []
    for text in batch:
        nearest = next(iter(ranked(reference.scores(text))), None)
        if nearest and (nearest[0] > threshold or (nearest[0] == threshold and not strict)):
            expected.append((False, *nearest))
        else:
            expected.append((True, None, None))
            reference.add(text)
    index = NoveltyIndex(threshold, strict)
    assert index.decide(batch) == expected
    assert len(index) == len(reference.members)


def test_texts_without_tokens_are_similar_to_nothing() -> None:
    index = NoveltyIndex()
    assert (index.nearest("any"), index.best("any"), index.top("any", 3), index.mean("any")) == (None, None, [], 0.0)
    assert index.decide(["", "?!", "\u4f60\u597d", ""]) == [(True, None, None)] * 4
    assert index.add("one word") == 4
    assert index.top("", 2) == [(0.0, 0), (0.0, 1)]
    assert index.best("a word") == (0.5, 4)


def test_extending_equals_adding_one_by_one() -> None:
    chance = random.Random(4)
    batch = [text for text, _ in zip(texts(chance, ALPHABETS[1], 14), range(400), strict=False)]
    together, single = NoveltyIndex(), NoveltyIndex()
    together.extend(batch[:10])
    together.extend(batch[10:])
    for text in batch:
        single.add(text)
    assert len(together) == len(single) == 400
    assert [together.over(text) for text in batch] == [single.over(text) for text in batch]
    assert sum(len(single.over(text)) > 1 for text in batch) > 100


def test_an_extend_that_was_interrupted_loses_nothing() -> None:
    def broken() -> Iterator[str]:
        yield "one two three four five"
        yield "six seven eight nine ten"
        raise KeyboardInterrupt

    index = NoveltyIndex()
    index.add("eleven twelve thirteen")
    with pytest.raises(KeyboardInterrupt):
        index.extend(broken())
    assert len(index) == 3
    assert index.nearest("six seven eight nine nothing") == (scoring.fmeasure(4 / 5, 4 / 5), 2)
    assert index.add("one more") == 3
    assert index.nearest("one more") == (1.0, 3)


def test_maintain_returns_whether_work_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_FIRST_ORDER", 20)
    monkeypatch.setattr(novelty, "_MEMBERS_PER_ADD", 0)
    index = NoveltyIndex()
    for k in range(19):
        index.add(f"word{k} and more")
    assert not index.maintain(5)  # none is due
    index.add("the twentieth of them")
    assert [index.maintain(6) for _ in range(4)] == [True, True, True, False]
    assert not index.maintain(6)


def test_pairs_over() -> None:
    chance = random.Random(8)
    batch = [text for text, _ in zip(texts(chance, ALPHABETS[1], 12), range(120), strict=False)]
    reference = Reference("rouge")
    expected = []
    for later, text in enumerate(batch):
        expected += [(later, earlier, score) for earlier, score in enumerate(reference.scores(text)) if score > 0.7]
        reference.add(text)
    assert list(pairs_over(batch)) == expected
    assert len(expected) > 50


def test_best_against_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_TEXTS_AT_ONCE", 7)
    chance = random.Random(9)
    batch = [text for text, _ in zip(texts(chance, ALPHABETS[0], 10), range(60), strict=False)]
    seeds, batch = batch[:12], batch[12:]
    reference = Reference("rouge")
    for seed in seeds:
        reference.add(seed)
    assert best_against(seeds, batch) == [ranked(reference.scores(text))[0] for text in batch]
    with pytest.raises(ValueError, match="no seeds"):
        best_against([], batch)


@pytest.mark.parametrize("sentence", [
    "\u8bf7\u5199\u4e00\u7bc7\u5173\u4e8e\u6625\u5929\u7684\u77ed\u6587\u5e76\u7ffb\u8bd1\u6210\u6cd5\u8bed",
    "\uc790\uae30\uc18c\uac1c\uc11c\uc5d0 \uad00\ub828\ub41c \ub3c4\uc6c0\uc744 \ubc14\ub85c \uc8fc\uc138\uc694",
    "\u0627\u0643\u062a\u0628 \u0642\u0635\u0629 \u0639\u0646 \u0627\u0644\u0628\u062d\u0631",
    "\u00c9cris une br\u00e8ve r\u00e9ponse \u00e0 cette \u00e9nigme t\u00eatue",
    "\u0e40\u0e02\u0e35\u0e22\u0e19\u0e40\u0e23\u0e37\u0e48\u0e2d\u0e07\u0e2a\u0e31\u0e49\u0e19\u0e40\u0e01\u0e35\u0e48\u0e22\u0e27\u0e01\u0e31\u0e1a\u0e17\u0e30\u0e40\u0e25",
])  # fmt: skip
def test_other_scripts_are_deduplicated_with_unicode_tokens(sentence: str) -> None:
    index = NoveltyIndex(tokenizer="unicode")
    tokens = rouge.unicode_tokens(sentence)
    changed = sentence + " 42"
    other = "".join(chr(ord(letter) + 1) if letter.isalpha() else letter for letter in sentence)
    kept = [kept for kept, _, _ in index.decide([sentence, sentence.upper() + " !", changed, other])]
    assert kept == [True, False, False, True]
    assert index.best(changed) == (scoring.fmeasure(len(tokens) / (len(tokens) + 1), 1.0), 0)


SCRIPT = """
import random, sys
from bootstruct.novelty import index as novelty
from tests.support.marks import trials
novelty._FIRST_ORDER, novelty._MEMBERS_PER_ADD = 8, int(sys.argv[1])
chance, index, words = random.Random(1), novelty.NoveltyIndex(), [f"w{k}" for k in range(40)]
for step in range(1500):
    text = " ".join(chance.choices(words, k=chance.randint(1, 8)))
    print(index.decide([text]), index.top(text, 5) if step % 10 == 0 else "")
"""


def test_results_do_not_depend_on_the_hash_seed_or_on_rebuilds() -> None:
    source = str(Path(novelty.__file__).parents[2])
    outputs = set()
    for seed, pace in (("0", "1"), ("1", "1"), ("1", "50")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": source}
        command = [sys.executable, "-c", SCRIPT, pace]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1
    assert 200 < outputs.pop().count("(False") < 1500


def rows(name: str) -> list[dict[str, Any]]:
    file = SHARED / name
    if not file.exists():
        pytest.skip(f"no shared data at {file}")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.slow
def test_twenty_thousand_real_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_FIRST_ORDER", 64)
    index = NoveltyIndex()
    index.extend(row["instruction"] for row in rows("official/seed_tasks.jsonl"))
    decisions = index.decide(row["instruction"] for row in rows("scale/instructions_20k.jsonl"))
    accepted = [place for place, decision in enumerate(decisions) if decision[0]]
    assert sum(place < 10_000 for place in accepted) == 10_000
    assert len(accepted) == 19_852
    digest = hashlib.sha256("\n".join(map(str, accepted)).encode()).hexdigest()
    assert digest == "2779fcc25c0c14cf4f06c05ec1995ec9f4acb9e300897576144cd93d8dd51cb2"


@pytest.mark.parametrize(
    ("run", "count"),
    [
        ("davinci_small/machine_generated_instructions.jsonl", 67),
        ("davinci_two/machine_generated_instructions.jsonl", 107),
        ("davinci_two/machine_generated_instructions_gpt.jsonl", 114),
        ("2024_backend/machine_generated_instructions.jsonl", 306),
    ],
)
def test_recorded_similarities_without_any_difference(run: str, count: int) -> None:
    index = NoveltyIndex()
    index.extend(row["instruction"] for row in rows("official/seed_tasks.jsonl"))
    recorded = rows(f"runs/{run}")
    assert len(recorded) == count
    for row in recorded:
        text = row["instruction"]
        assert index.mean(text) == row["avg_similarity_score"]
        top = index.top(text, 10)
        assert [score for score, _ in top] == list(row["most_similar"].values())
        assert all(a[0] > b[0] or (a[0] == b[0] and a[1] < b[1]) for a, b in pairwise(top))
        index.add(text)
