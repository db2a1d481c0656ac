"""Regular expressions of rules, searched for in bounded time.

`re` has no limit; `regex` has one but treats a few letters differently (it finds `i` in the Turkish `ı`). So
expressions that are cheap by their form, or shipped, are searched for with `re`, with the same decisions as before,
and the others with `regex` and a limit.
"""

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import regex

MOST_SECONDS: Final = 1.0  # of processor time for one search with `regex`
MOST_STEPS: Final = 10**8  # that `re` may take, at the very most
# The expressions of all shipped recipes there have been (SHA-256, its first 16 digits): their time is linear, as tests show.
SHIPPED: Final = frozenset(
    (
        "28f82f999b0f5684", "ea9b45a836b3d44c", "7f4a0a009876b24f", "39d9a12d5e412ea5", "ce1e16d2bcda4f36", "4573a76ad51928aa",
        "c3645a04760f32eb", "0cc1251081f85e18", "892a66ce66c2051b", "cf372fad74318452", "cc9c91660d085a1e", "682c5fa40df3f4ab",
        "45756118da2b02fb",
    )
)  # fmt: skip
_ONE_CHARACTER: Final = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "CATEGORY")
_NO_WIDTH: Final = ("AT", "ASSERT", "ASSERT_NOT")


def is_found(expression: str, text: str) -> bool:
    """Whether an expression is found anywhere in a text, ignoring case.

    Raises:
        TimeoutError: finding out takes too long.
        MemoryError: or too much memory.
    """
    if _is_shipped(expression) or most_ways(expression, len(text)) * (len(text) + 1) <= MOST_STEPS:
        return _plain(expression).search(text) is not None
    return _limited(expression).search(text, timeout=MOST_SECONDS) is not None


@lru_cache(maxsize=256)
def _is_shipped(expression: str) -> bool:
    return hashlib.sha256(expression.encode()).hexdigest()[:16] in SHIPPED


@lru_cache(maxsize=4096)
def most_ways(expression: str, length: int) -> float:
    """An upper bound for the ways in which `re` tries an expression from one place of a text of this length."""
    try:
        parser = re._parser  # type: ignore[attr-defined]
        return _ways(parser.parse(expression, re.IGNORECASE), length)
    except (AttributeError, re.error, RecursionError, OverflowError):
        return float("inf")


def _ways(pattern: Any, length: int) -> float:
    """The product over consecutive parts, the sum over alternatives; unbounded for loops in loops."""
    ways = 1.0
    for code, argument in pattern:
        name = str(code)
        if name in _ONE_CHARACTER:
            continue
        if name == "SUBPATTERN":
            ways *= _ways(argument[-1], length)
        elif name == "BRANCH":
            ways *= sum(_ways(part, length) for part in argument[1])
        elif name in _NO_WIDTH:
            ways *= _ways(argument[1], length) if name != "AT" else 1.0
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = argument
            inside, most = _ways(body, length), min(int(most), length)
            is_simple = inside == 1.0
            ways *= max(1, most - least + 1) if is_simple else (inside + 1) ** most if most < 64 else float("inf")
        else:
            return float("inf")
        if ways > MOST_STEPS:
            return float("inf")
    return ways


@lru_cache(maxsize=256)
def _plain(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


@lru_cache(maxsize=256)
def _limited(expression: str) -> "regex.Pattern[str]":
    import regex

    return regex.compile(expression, regex.IGNORECASE)
