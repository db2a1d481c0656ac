"""Porter's stemmer, equal to NLTK's default mode, which the ROUGE reference uses.

The algorithm is M. F. Porter's, "An algorithm for suffix stripping", Program 14.3 (1980). NLTK's default mode departs
from the paper in a few places (irregular words, "ies"/"ied" of four letters, y after a consonant, "alli", "fulli",
"logi", two-letter stems); they are marked "NLTK:" below. Tests compare every stem with the installed NLTK.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final

_VOWELS: Final = frozenset("aeiou")

# NLTK: words looked up whole before any rule.
_IRREGULAR: Final[Mapping[str, str]] = {
    "skies": "sky",
    "sky": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "inning": "inning",
    "innings": "inning",
    "outing": "outing",
    "outings": "outing",
    "canning": "canning",
    "cannings": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}

# In each table the first suffix that matches decides, whether or not its condition then holds.
_STEP_2: Final = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),  # NLTK:
)
_STEP_3: Final = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
# fmt: off
_STEP_4: Final = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)
# fmt: on


def _consonants(word: str) -> list[bool]:
    """Return for each letter whether it is a consonant; y is one unless it follows a consonant."""
    flags: list[bool] = []
    for letter in word:
        if letter in _VOWELS:
            flags.append(False)
        else:
            flags.append(letter != "y" or not flags or not flags[-1])
    return flags


def _measure(stem: str) -> int:
    """Return how often a vowel is followed by a consonant: Porter's m."""
    flags = _consonants(stem)
    return sum(here and not before for before, here in pairwise(flags))


def _ends_cvc(stem: str) -> bool:
    """Return whether a stem ends in consonant, vowel, consonant other than w, x, y (Porter's *o)."""
    flags = _consonants(stem)
    if len(stem) == 2:  # NLTK: a stem of vowel and consonant counts too
        return flags == [False, True]
    return flags[-3:] == [True, False, True] and stem[-1] not in "wxy"


def _strip_plural(word: str) -> str:
    """Step 1a: -s."""
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]  # NLTK: dies -> die, but flies -> fli
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _strip_past(word: str) -> str:
    """Step 1b: -eed, -ed, -ing."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]  # NLTK: died -> die, but spied -> spi
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        stem = word.removesuffix(suffix)
        if len(stem) < len(word) and not all(_consonants(stem)):
            return _restore_ending(stem)
    return word


def _restore_ending(stem: str) -> str:
    """Second half of step 1b: restore a final -e or undo a double consonant after -ed or -ing is removed."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) >= 2 and stem[-1] == stem[-2] and _consonants(stem)[-1]:
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(stem) == 1 and _ends_cvc(stem) else stem


def _replace_final_y(word: str) -> str:
    """Step 1c: a final -y."""
    # NLTK: after a consonant that does not stand alone, instead of after any stem with a vowel
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _consonants(word)[-2] else word


def _reduce_double_suffix(word: str) -> str:
    """Step 2: double suffixes such as -ational."""
    if word.endswith("alli") and _measure(word[:-4]) > 0:  # NLTK: tried first, and the result goes through step 2 again
        return _reduce_double_suffix(word[:-2])
    for suffix, replacement in _STEP_2:
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            return stem + replacement if _measure(stem) > 0 else word
    if word.endswith("logi") and _measure(word[:-3]) > 0:  # NLTK: the l counts with the stem
        return word[:-1]
    return word


def _reduce_suffix(word: str) -> str:
    """Step 3: suffixes such as -ful."""
    for suffix, replacement in _STEP_3:
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            return stem + replacement if _measure(stem) > 0 else word
    return word


def _strip_suffix(word: str) -> str:
    """Step 4: suffixes such as -ance."""
    for suffix in _STEP_4:
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            return stem if _measure(stem) > 1 and (suffix != "ion" or stem[-1] in "st") else word
    return word


def _strip_final_letter(word: str) -> str:
    """Steps 5a and 5b: a final -e, then a final double l."""
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_cvc(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return the stem of one lower-case word; words of one or two letters stay as they are.

    Example:
        >>> stem("relational"), stem("flies")
        ('relat', 'fli')
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _replace_final_y(_strip_past(_strip_plural(word)))
    return _strip_final_letter(_strip_suffix(_reduce_suffix(_reduce_double_suffix(word))))
