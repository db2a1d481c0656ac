"""The sanitizer: nothing that a text holds can hide, reorder its surroundings or move a cursor."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.render.sanitize import HIDDEN, clip, escaped, hides, in_script, one_line, visible

# Two sanitizers used to disagree on these: one let them pass in reports, the other marked them on review pages.
ONCE_DISPUTED = {
    "soft hyphen": "\u00ad",
    "Arabic letter mark": "\u061c",
    "Mongolian vowel separator": "\u180e",
    "zero-width space": "\u200b",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "word joiner": "\u2060",
    "invisible times": "\u2062",
    "tag letter": "\U000e0041",
    "carriage return": "\r",
}


@pytest.mark.parametrize("character", ONCE_DISPUTED.values(), ids=ONCE_DISPUTED)
def test_what_one_of_two_sanitizers_let_pass_is_marked_everywhere(character: str) -> None:
    for shown in (visible(f"a{character}b"), str(escaped(f"a{character}b"))):
        assert character not in shown
        assert shown.startswith("a") and shown.endswith("b") and len(shown) > 2
    assert hides(character)


@pytest.mark.parametrize("text", ["plain", "tab\tand\nline", "é 中 👩‍👩‍👧 می‌خواهم", "שלום", ""])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == str(escaped(text)) == text


@given(st.text(st.characters(codec=None), max_size=50))
def test_nothing_hidden_is_left(text: str) -> None:
    for shown in (visible(text), str(escaped(text))):
        assert not HIDDEN.search(shown)
        shown.encode()
        assert all(unicodedata.category(c) not in ("Cc", "Cs") or c in "\t\n" for c in shown)
    assert "<script" not in str(escaped(f"<script>{text}"))


@given(st.text(max_size=30))
def test_json_in_a_script_element_cannot_end_it(text: str) -> None:
    assert not set("<>&\u2028\u2029") & set(in_script({text: [text]}))


@given(st.text(max_size=60), st.integers(2, 30))
def test_clipped_texts_say_that_they_are(text: str, most: int) -> None:
    assert clip(text, most) == text or f"{len(text) - most:,} more characters" in clip(text, most)
    assert len(one_line(text, most)) <= most
    assert "\n" not in one_line(text, most)
