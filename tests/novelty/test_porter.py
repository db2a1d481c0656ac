"""Every stem equals the installed NLTK's."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from bootstruct.novelty.porter import stem
from tests.support.paths import DATA as SHARED

REFERENCE = PorterStemmer()
SUFFIXES = re.findall(
    "[a-z]+",
    "sses ies ss s eed ed ing ied at bl iz y ational tional enci anci izer bli alli entli eli ousli ization ation ator "
    "alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er "
    "ic able ible ant ement ment ent ion ou ism ate iti ous ive ize e ll",
)


def test_built_words_of_every_suffix_and_its_pairs() -> None:
    chance = random.Random(7)
    words = set()
    for _ in range(40_000):
        head = "".join(chance.choices("abcdeilnostyyuz", k=chance.randint(1, 5)))
        words.add(head + "".join(chance.choices(SUFFIXES, k=chance.randint(1, 3))))
    assert [word for word in sorted(words) if stem(word) != REFERENCE.stem(word)] == []


def test_words_nltk_treats_by_itself() -> None:
    words = re.findall(
        "[a-z]+",
        "sky skies dying lying tying news innings inning outings outing cannings canning howe proceed exceed succeed "
        "dies flies died spied enjoy spy by y yy yyyy ayed happily totally geology archaeology hopefully ated oed eing",
    )
    assert [stem(word) for word in words] == [REFERENCE.stem(word) for word in words]


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=14))
def test_any_token(word: str) -> None:
    assert stem(word) == REFERENCE.stem(word)


@pytest.mark.slow
def test_a_large_real_vocabulary() -> None:
    files = sorted(SHARED.glob("**/*.json*")) + sorted(SHARED.glob("rouge/*.txt"))
    if not files:
        pytest.skip(f"no shared data at {SHARED}")
    words: set[str] = set()
    for file in files:
        words.update(re.findall("[a-z0-9]+", file.read_text(encoding="utf-8").lower()))
    assert len(words) > 40_000
    assert [word for word in sorted(words) if stem(word) != REFERENCE.stem(word)] == []
