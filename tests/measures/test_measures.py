"""The measures against definitions written out, on random texts; and what they do with little or nothing."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.measures import diversity
from bootstruct.measures.diversity import (
    LEAST,
    Measure,
    compression_ratio,
    entropy,
    label_measures,
    lexical_measures,
    measured,
    sample_rows,
    whole_measures,
)
from bootstruct.measures.ngrams import distinct_share, ngrams, self_repetition, tokenized, tokenizer_for
from bootstruct.measures.self_bleu import bleu_texts, self_bleu, self_bleus
from bootstruct.measures.vendi import ngram_kernel, vendi, vendi_of_vectors

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join), min_size=1, max_size=9)


def grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]


def bleu(text: str, others: list[str]) -> float:
    """BLEU as its definition reads, one text against its references."""
    length, logs, orders, smooth, matched_any = len(text.split()), 0.0, 0, 1.0, False
    nearest = min((len(other.split()) for other in others), key=lambda other: (abs(other - length), other))
    for n in range(1, 5):
        mine, total = Counter(grams(text, n)), max(0, length - n + 1)
        if not total:
            break
        most: Counter[tuple[str, ...]] = Counter()
        for other in others:
            most |= Counter(grams(other, n))
        matched = sum((mine & most).values())
        orders, matched_any = n, matched_any or bool(matched)
        smooth *= 1 if matched else 2
        logs += math.log(100 * (matched or 1 / smooth) / total)
    return min(1.0, math.exp(1 - nearest / length)) * math.exp(logs / orders) if matched_any else 0.0


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_counts_are_those_of_the_definition(texts: list[str]) -> None:
    words = tokenized(texts)
    for n in range(1, 5):
        every = [gram for text in texts for gram in grams(text, n)]
        expected = len(set(every)) / len(every) if every else math.nan
        assert distinct_share(words, n) == pytest.approx(expected, nan_ok=True)
        assert Counter(Counter(every).values()) == Counter(np.bincount(ngrams(words, n)[-1].grams).tolist())
    held = [set(grams(text, 4)) for text in texts]
    elsewhere = [
        sum(gram in other for gram in mine for number, other in enumerate(held) if number != own)
        for own, mine in enumerate(held)
    ]
    assert self_repetition(words) == pytest.approx(sum(map(math.log1p, elsewhere)) / len(texts))


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_self_bleu_is_every_text_against_all_others(texts: list[str]) -> None:
    if len(texts) < 2:
        assert math.isnan(self_bleu(bleu_texts(texts)))
        return
    expected = [bleu(text, texts[:number] + texts[number + 1 :]) for number, text in enumerate(texts)]
    assert self_bleus(bleu_texts(texts)) == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.data())
def test_some_texts_are_as_they_would_be_alone(texts: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=6, unique=True))
    chosen, alone = tokenized(texts).take(np.array(rows, dtype=np.int64)), tokenized([texts[row] for row in rows])
    assert chosen.lengths.tolist() == alone.lengths.tolist()
    assert self_repetition(chosen) == pytest.approx(self_repetition(alone), nan_ok=True)
    kernel = ngram_kernel(tokenized(texts))
    assert kernel[np.ix_(rows, rows)] * (1 - np.eye(len(rows))) == pytest.approx(
        ngram_kernel(alone) * (1 - np.eye(len(rows)))
    )


def test_vendi_counts_what_differs() -> None:
    assert vendi(np.eye(5)) == pytest.approx(5)
    assert vendi(ngram_kernel(tokenized(["a b c d"] * 4 + ["e f g h"] * 4))) == pytest.approx(2)
    assert vendi_of_vectors(np.eye(5)[[0, 0, 1, 1]]) == pytest.approx(2)
    assert math.isnan(vendi(np.empty((0, 0)))) and math.isnan(vendi_of_vectors(np.empty((0, 3))))


def test_entropy_and_compression() -> None:
    assert entropy(["a", "b", "c", "d"]) == pytest.approx(2) and entropy(["a"] * 3) == 0
    assert math.isnan(entropy([])) and math.isnan(compression_ratio([]))
    chance = random.Random(1)
    noise = [bytes(chance.randrange(97, 123) for _ in range(60)) for _ in range(2000)]
    far_apart = noise + noise  # 120 KB between a text and its copy
    assert compression_ratio(far_apart) < 1.05 * compression_ratio(noise)  # gzip sees 32 KB
    assert compression_ratio(far_apart, "xz") > 1.9 * compression_ratio(noise, "xz")


@pytest.mark.parametrize("text", ["写一首关于大海的诗", "海についての詩を書いてください"])
def test_scripts_without_blanks_have_tokens(text: str) -> None:
    assert tokenizer_for([text] * 3)[0] == "unicode"
    assert tokenizer_for([text] + ["Name a fruit."] * 40)[0] == "blanks"


class TestIntervals:
    def some(self, count: int) -> list[str]:
        chance = random.Random(3)
        return [" ".join(f"w{int(chance.paretovariate(0.6)) % 200}" for _ in range(12)) for _ in range(count)]

    def test_they_hold_the_value_and_are_the_same_each_time(self) -> None:
        texts = self.some(60)
        pairs = [(text.split()[0], "x") for text in texts]
        statistics = lexical_measures(texts) + label_measures(pairs, [number % 3 for number in range(60)], 6)
        found = measured(60, statistics, whole_measures(texts))
        assert found == measured(60, statistics, whole_measures(texts))
        for value in found:
            assert value.low is not None and value.high is not None
            assert value.low <= value.value <= value.high <= value.measure.most, value
            assert value.whole is None or value.whole == pytest.approx(value.value)
        seeds = next(value for value in found if value.measure is diversity.SEEDS)
        assert seeds.value == 0.5

    def test_few_texts_have_none(self) -> None:
        found = measured(LEAST - 1, lexical_measures(self.some(LEAST - 1)))
        assert all(value.low is None and value.high is None for value in found)

    def test_a_half_sample_has_the_spread_of_the_mean(self) -> None:
        values = np.random.default_rng(5).normal(10, 2, 400)
        (found,) = measured(400, [(Measure("mean", "mean", True, ""), lambda rows: float(values[rows].mean()))])
        assert found.low is not None and found.high is not None
        needed = 2 * 1.96 * values.std() / math.sqrt(400)
        assert 0.6 * needed < found.high - found.low < 1.5 * needed


def test_samples_are_the_same_each_time_and_in_order() -> None:
    assert sample_rows(1000, 20) == sample_rows(1000, 20) == sorted(set(sample_rows(1000, 20)))
