"""The table of rules a candidate instruction must not break, in the recipe's order, each with a name."""

import re
import string
from functools import lru_cache

from bootstruct.recipe import Rule

# Scripts written without blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han.
_BLANKLESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def count_words(text: str, count: str = "blanks") -> int:
    """Words between blanks; with `any script`, each character of a script without blanks counts as a word."""
    words = text.split()
    if count == "blanks":
        return len(words)
    return sum(len(_BLANKLESS.findall(word)) or 1 for word in words)


@lru_cache(maxsize=256)
def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def breaks(rule: Rule, text: str) -> bool:
    """Does this (non-empty) text meet the rule's check?"""
    if rule.words_at_most is not None:
        return count_words(text, rule.count) <= rule.words_at_most
    if rule.words_above is not None:
        return count_words(text, rule.count) > rule.words_above
    if rule.matches is not None:
        return _pattern(rule.matches).search(text) is not None
    if rule.starts_with is not None:
        return text.startswith(rule.starts_with)
    if rule.starts_with_punctuation:
        return text[0] in string.punctuation
    return rule.starts_outside_ascii and not text[0].isascii()


def broken_rule(rules: tuple[Rule, ...], text: str) -> str | None:
    """The name of the first rule the text breaks, None where it breaks none."""
    return next((rule.name for rule in rules if breaks(rule, text)), None)
