"""When two answers count as the same: by their text, their last number, or the option that they choose. Pure.

CoT-Self-Instruct (arXiv 2507.23751) keeps a task if the answer on which most samples agree is the task's own.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from bootstruct.novelty.rouge import rouge_l

MARKS: Final = " \t\n.,;:!?\"'`*_()[]<>“”‘’«»。！？"  # stripped from both ends of an answer
LONGEST_NUMBER: Final = 40  # characters of a number that is read
_NAMED: Final = re.compile(r"(?:\bfinal\s+answer|\banswer)\b[*_]{0,3}\s*(?:\bis\b|[:：=])[*_]{0,3}", re.IGNORECASE)
_BOXED: Final = re.compile(r"\\boxed\s*\{([^{}]{1,200})\}")
_NUMBER: Final = re.compile(r"(?<![\w.,])[-−+]?[$€£]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?/\s?\d+)?(?![\w])%?")
_OPTION: Final = re.compile(r"(?<![\w'’])\(?([A-J])\)?(?![\w'’])")


def final_answer(text: str) -> str:
    r"""Return what a reply states as its answer: after its last "Answer:", or in its last \boxed{}; else all of it.

    Example:
        >>> final_answer("6 times 7 is 42.\nAnswer: 42")
        '42'
    """
    if boxed := _BOXED.findall(text):
        return str(boxed[-1]).strip()
    found = list(_NAMED.finditer(text))
    return text[found[-1].end() :].strip() if found and text[found[-1].end() :].strip() else text.strip()


def normalize_answer(text: str) -> str:
    """Return a text as answers are compared: case-folded, blanks collapsed, without punctuation around it.

    Example:
        >>> normalize_answer("  The  Nile. ")
        'the nile'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(MARKS)


def answer_form(measure: str, text: str) -> str:
    """Return the form in which an answer is compared with others; empty if it has none.

    Args:
        measure: `exact`: the text. `final`: the text of the stated answer. `numeric`: the last number of the stated answer,
            as a fraction in lowest terms. `choice`: the last option (A to J) of the stated answer.
        text: the answer.

    Example:
        >>> answer_form("numeric", "So the answer is $1,250.50"), answer_form("choice", "It must be (b)? Answer: **C**")
        ('2501/2', 'C')
    """
    if measure in ("exact", "rouge"):
        return normalize_answer(text)
    stated = final_answer(text)
    if measure == "final":
        return normalize_answer(stated)
    if measure == "choice":
        options = _OPTION.findall(stated) or _OPTION.findall(stated.upper() if len(stated.strip(MARKS)) == 1 else "")
        return str(options[-1]) if options else ""
    numbers = [found[0] for found in _NUMBER.finditer(stated) if len(found[0]) <= LONGEST_NUMBER]
    return _as_fraction(numbers[-1]) if numbers else ""


def majority_form(forms: Sequence[str]) -> tuple[str, float]:
    """Return the form that most answers have, the earliest of several, and the share of all answers that have it.

    Args:
        forms: of at least one answer; empty ones count in the share only.

    Example:
        >>> majority_form(["4", "5", "", "5"])
        ('5', 0.5)
    """
    counts = Counter(form for form in forms if form)
    if not counts:
        return "", 0.0
    best = max(counts, key=lambda form: counts[form])
    return best, counts[best] / len(forms)


def score_answers(
    measure: str, output: str, answers: Sequence[str], grades: Mapping[str, float | None], tokenizer: str
) -> list[float | None]:
    """Return how well each answer agrees with an output, 0 to 1; None for one that has no grade.

    If nothing can be compared (all answers are empty, or by `final`, `numeric` or `choice` neither they nor the output state
    anything), all scores are None. An empty answer beside others scores 0.

    Args:
        measure: `rouge`, `judge`, or one of `answer_form`.
        output: the answer that is known.
        answers: the answers.
        grades: for `judge`, the grade of each answer that differs from the output, by its normalized form.
        tokenizer: of ROUGE-L.

    Example:
        >>> score_answers("numeric", "3/4", ["0.75", "Answer: 1"], {}, "rouge")
        [1.0, 0.0]
    """
    if measure == "rouge":
        return [rouge_l(output, answer, tokenizer) if any(answers) else None for answer in answers]
    form = "exact" if measure == "judge" else measure
    forms, expected = [answer_form(form, answer) for answer in answers], answer_form(form, output)
    if not any(answers) or (measure not in ("exact", "judge") and not (any(forms) and expected)):
        return [None] * len(answers)
    scores: list[float | None] = []
    for found in forms:
        is_graded = measure == "judge" and found != expected and found
        scores.append(grades.get(found) if is_graded else float(found == expected))
    return scores


def mean_score(scores: Sequence[float | None]) -> float | None:
    """Return the mean of those scores that are there; None if none is.

    Example:
        >>> mean_score([1.0, None, 0.0])
        0.5
    """
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def _as_fraction(text: str) -> str:
    digits = re.sub(r"[,$€£%\s+]", "", text.replace("−", "-"))
    try:
        return str(Fraction(digits))
    except (ValueError, ZeroDivisionError):
        return ""
