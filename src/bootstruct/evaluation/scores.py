"""ROUGE-L and exact match as the scorer of Super-NaturalInstructions counts them (the paper and its released code).

ROUGE-L: F-measure with the stemmer, the best over the references. Exact match: equal after lower-casing, deleting ASCII
punctuation and collapsing blanks; articles stay. A mean runs over all instances, whatever their task, times 100,
rounded to 4 digits.
"""

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz.distance import LCSseq

from bootstruct.evaluation.intervals import Interval, mean_interval
from bootstruct.io.superni import TEST_CATEGORIES
from bootstruct.novelty.porter import stem
from bootstruct.novelty.rouge import Tokenizer, f_measure, tokens, unicode_tokens

HEADLINES: Final = TEST_CATEGORIES  # of each category: the share of exact matches, or ROUGE-L
ALIASES: Final[Mapping[str, str]] = {"task121_atomic_question_rewriting": "task121_zest_question_rewriting"}
NO_CATEGORY: Final = "(no category known)"

_FIRST_SIGN: Final = 0xE000  # past the surrogates, which cannot occur in a string
_MOST_STEMS: Final = 900_000
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*\n")
_SENTENCE: Final = re.compile(r"\n|(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？]+[”’」』]*")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one instance.

    Attributes:
        task: the name under which it is counted (aliases resolved, see `task_name`).
    """

    task: str
    instance: str
    text: str
    references: tuple[str, ...]
    category: str = ""


@dataclass(frozen=True, slots=True)
class PredictionScore:
    """The scores of one prediction, each between 0 and 1."""

    rouge_l: float
    exact_match: float


@dataclass(frozen=True, slots=True)
class MeanScore:
    """Means over `count` predictions, times 100, rounded to 4 digits.

    Wilson's intervals over tasks, None if there are fewer than five tasks.

    Attributes:
        headline: which of the two stands for the category, empty if none was fixed.
    """

    rouge_l: float
    exact_match: float
    count: int
    tasks: int
    rouge_l_interval: Interval | None = None
    exact_match_interval: Interval | None = None
    headline: str = ""


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Means over everything, by category and by task."""

    overall: MeanScore
    categories: Mapping[str, MeanScore]
    tasks: Mapping[str, MeanScore]


def task_name(name: str) -> str:
    """The name under which a task is counted: without `.json`, with aliases resolved."""
    name = name.removesuffix(".json")
    return ALIASES.get(name, name)


def normalised(text: str) -> str:
    """The text as exact match compares it."""
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())


def exact_match(prediction: str, references: Iterable[str]) -> float:
    """1.0 if the prediction equals a reference, else 0.0."""
    own = normalised(prediction)
    return float(any(own == normalised(reference) for reference in references))


class Scorer:
    """Scores predictions one by one; remembers stems and cut references, which recur.

    The official scorer's words are runs of a-z and 0-9 (`tokens`). With `unicode_tokens` they are those of every script; of
    text in ASCII the scores are the same.
    """

    def __init__(self, words: Tokenizer = tokens) -> None:
        self._words = words
        self._signs: dict[str, str] = {}  # token -> the sign of its stem
        self._stems: dict[str, str] = {}
        self._references: dict[str, tuple[str, str]] = {}

    def point(self, prediction: str, references: Sequence[str]) -> PredictionScore:
        """ROUGE-L and exact match, each the best over the references. ValueError where there are none."""
        if not references:
            raise ValueError("a prediction without references has no score")
        if len(self._stems) > _MOST_STEMS:
            self._signs.clear()
            self._stems.clear()
            self._references.clear()
        own, plain = self._signed(prediction), normalised(prediction)
        best, equal = 0.0, False
        for reference in references:
            other, words = self._reference(reference)
            equal = equal or words == plain
            best = max(best, f_measure(LCSseq.similarity(other, own), len(other), len(own)))
        return PredictionScore(best, float(equal))

    def _reference(self, text: str) -> tuple[str, str]:
        known = self._references.get(text)
        if known is None:
            known = self._references[text] = (self._signed(text), normalised(text))
        return known

    def _signed(self, text: str) -> str:
        """The tokens of a text, one sign each, equal for equal stems: rapidfuzz is fastest on strings."""
        known = self._signs
        found = []
        for token in self._words(text):
            sign = known.get(token)
            if sign is None:
                root = stem(token) if len(token) > 3 and token.isascii() else token
                sign = known[token] = self._stems.setdefault(root, chr(_FIRST_SIGN + len(self._stems)))
            found.append(sign)
        return "".join(found)


def is_unseen(text: str) -> bool:
    """Return whether a text has words, but none that the official scorer reads, as with Chinese, Thai or Arabic.

    Example:
        >>> is_unseen("你好"), is_unseen("hello"), is_unseen("?!")
        (True, False, False)
    """
    return not text.isascii() and not tokens(text) and bool(unicode_tokens(text))


def first_paragraph(text: str) -> str:
    """The text up to its first blank line (leading blanks do not count)."""
    text = text.lstrip()
    found = _BLANK_LINE.search(text)
    return text[: found.start()] if found else text


def first_sentence(text: str) -> str:
    """The text up to its first line break, or the first full stop, question or exclamation mark before a blank.

    A rule of thumb: "e.g. this" is cut too early.
    """
    text = text.lstrip()
    found = _SENTENCE.search(text)
    return text[: found.end()].rstrip() if found else text


CUTS: Final[Mapping[str, Callable[[str], str]]] = {
    "raw": lambda text: text,
    "paragraph": first_paragraph,
    "sentence": first_sentence,
}


def points_of(
    predictions: Sequence[Prediction], cut: str = "raw", scorer: Scorer | None = None
) -> list[PredictionScore]:
    """The scores of all predictions, in their order, each cut as the name in CUTS says."""
    shorten, scorer = CUTS[cut], scorer or Scorer()
    return [scorer.point(shorten(prediction.text), prediction.references) for prediction in predictions]


def table_of(predictions: Sequence[Prediction], points: Sequence[PredictionScore]) -> ScoreTable:
    """The means of points over everything, by category and by task."""
    by_category: dict[str, list[int]] = {}
    by_task: dict[str, list[int]] = {}
    for number, prediction in enumerate(predictions):
        by_category.setdefault(prediction.category or NO_CATEGORY, []).append(number)
        by_task.setdefault(prediction.task, []).append(number)
    tasks = [prediction.task for prediction in predictions]

    def mean(numbers: Sequence[int], headline: str = "") -> MeanScore:
        return _mean([points[n] for n in numbers], [tasks[n] for n in numbers], headline)

    categories = {name: mean(rows, HEADLINES.get(name, "")) for name, rows in sorted(by_category.items())}
    return ScoreTable(
        mean(range(len(points))), categories, {name: mean(rows) for name, rows in sorted(by_task.items())}
    )


def _mean(points: Sequence[PredictionScore], tasks: Sequence[str], headline: str) -> MeanScore:
    rouge, exact = [p.rouge_l for p in points], [p.exact_match for p in points]
    return MeanScore(
        percent(rouge),
        percent(exact),
        len(points),
        len(set(tasks)),
        mean_interval(rouge, tasks, 100.0),
        mean_interval(exact, tasks, 100.0),
        headline,
    )


def percent(values: Sequence[float]) -> float:
    """The mean times 100, rounded to 4 digits, as the reference rounds; 0 for no values."""
    return round(100.0 * sum(values) / len(values), 4) if values else 0.0
