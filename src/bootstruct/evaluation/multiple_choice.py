"""Questions with given choices (ARC's and similar files): a model's choice is the one that it finds most likely.

Plain accuracy takes the choice whose text has the highest likelihood; normalised accuracy divides its logarithm by the number
of characters first, because long texts are less likely.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.evaluation.intervals import Interval, proportion_interval
from bootstruct.evaluation.loss_records import TextLoss
from bootstruct.evaluation.predict import PREDICTIONS, SCORES, EvaluationManifest, write_header
from bootstruct.evaluation.scorecard import bracket, table_lines
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import json_bytes, write_whole
from bootstruct.io.rows import read_rows

QUESTIONS: Final = ("question", "ctx", "goal", "instruction", "prompt")
CHOICES: Final = ("choices", "options", "endings", "labels")
ANSWERS: Final = ("answerKey", "answer", "label", "output", "target", "gold")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_CHOICES: Final = len(_LETTERS)
GUESSES: Final = 20  # in a table of groups, how many are shown


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A question with choices.

    Attributes:
        name: its id, or its place in the file.
        question: its text.
        labels: the label of each choice, as in `A`.
        choices: the texts of the choices.
        answer: the place of the right one.
    """

    name: str
    question: str
    labels: tuple[str, ...]
    choices: tuple[str, ...]
    answer: int

    def key(self, place: int) -> str:
        """The key of one choice."""
        return f"{self.name}/{place}"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share of questions as a percentage, with Wilson's 95% interval."""

    percent: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ChoiceScores:
    """The scores of one model.

    Attributes:
        name: the model.
        questions: the number of questions.
        plain: accuracy by the likelihood of each choice.
        normalised: accuracy by the likelihood per character.
        chance: the accuracy of guesses, as a percentage.
        cut: the number of questions that did not fit into the context and lost their beginning.
        accounts: an account of the file of questions.
    """

    name: str
    questions: int
    plain: Accuracy
    normalised: Accuracy
    chance: float
    cut: int
    accounts: tuple[RowAccount, ...] = ()


def read_choice_questions(path: Path, accounts: list[RowAccount] | None = None) -> tuple[ChoiceQuestion, ...]:
    """Return the questions of a file.

    The question is in `question`, `ctx`, `goal`, `instruction` (with `input`) or `prompt`; the choices are in `choices`,
    `options`, `endings` or `labels`, as a list of texts or as ARC's object of `text` and `label`, or in `sol1` and `sol2`; the
    right one is in `answerKey`, `answer`, `label`, `output`, `target` or `gold`, as a label, a place from 0 or the text itself.

    Args:
        path: the file.
        accounts: takes an account of its rows.

    Raises:
        InputError: no row is such a question, or the file cannot be read.
    """
    account, questions = RowAccount(str(path)), dict[str, ChoiceQuestion]()
    for number, row in read_rows(path, account=account, columns=(*CHOICES, *ANSWERS)):
        try:
            found = _read_question(row, number)
        except ValueError as exc:
            account.leave_out(number, "that is no question with choices", str(exc))
            continue
        if found.name in questions:
            account.leave_out(number, "whose id occurs twice")
        else:
            account.use()
            questions[found.name] = found
    if not questions:
        raise InputError(f"{path}: contains no question with choices ({account.first_fault() or 'it is empty'}).")
    if accounts is not None:
        accounts.append(account)
    return tuple(questions.values())


def _read_question(row: Mapping[str, Any], number: int) -> ChoiceQuestion:
    question = next((row[name] for name in QUESTIONS if isinstance(row.get(name), str) and row[name].strip()), None)
    if question is None:
        raise ValueError(f"no text in {', '.join(QUESTIONS)}")
    if isinstance(row.get("input"), str) and row["input"].strip() and "instruction" in row:
        question = f"{question}\n\n{row['input']}"
    labels, choices = _read_choices(row)
    identity = row.get("id")
    name = str(number if identity is None or isinstance(identity, dict | list) else identity)
    return ChoiceQuestion(name, question.strip(), labels, choices, _read_answer(row, labels, choices))


def _read_choices(row: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    value = next((row[name] for name in CHOICES if row.get(name) is not None), None)
    if value is None and isinstance(row.get("sol1"), str):
        value = [row["sol1"], row.get("sol2")]
    texts, labels = value, None
    if isinstance(value, dict):
        texts, labels = value.get("text"), value.get("label")
    elif isinstance(value, list) and value and all(isinstance(choice, dict) for choice in value):
        texts, labels = [choice.get("text") for choice in value], [choice.get("label") for choice in value]
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"no list of texts in {', '.join(CHOICES)}")
    if not 2 <= len(texts) <= MOST_CHOICES:
        raise ValueError(f"{len(texts)} choices; 2 to {MOST_CHOICES} are expected")
    if not isinstance(labels, list) or len(labels) != len(texts) or None in labels:
        labels = list(_LETTERS[: len(texts)])
    return tuple(str(label).strip() for label in labels), tuple(text.strip() for text in texts)


def _read_answer(row: Mapping[str, Any], labels: Sequence[str], choices: Sequence[str]) -> int:
    value = next((row[name] for name in ANSWERS if row.get(name) not in (None, "")), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        text = value.strip()
        for known in (labels, choices):
            if text in known:
                return list(known).index(text)
        value = int(text) if text.isdecimal() and len(text) < 3 else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(choices):
        return value
    raise ValueError(f"no label, place or text of a choice in {', '.join(ANSWERS)}")


def write_choices(
    folder: Path, note: EvaluationManifest, questions: Sequence[ChoiceQuestion], losses: Mapping[str, TextLoss]
) -> ChoiceScores:
    """Write the exports of an evaluation folder, and return the scores."""
    rows, plain, normalised, cut = list[bytes](), 0, 0, 0
    for question in questions:
        found = [losses[question.key(place)] for place in range(len(question.choices))]
        likely = [-loss.nats for loss in found]
        per_sign = [value / len(text) for value, text in zip(likely, question.choices, strict=True)]
        first, second = likely.index(max(likely)), per_sign.index(max(per_sign))
        plain += first == question.answer
        normalised += second == question.answer
        cut += any(loss.is_cut for loss in found)
        asked = {"id": question.name, "question": question.question, "choices": list(question.choices)}
        chosen = {"choice": question.labels[first], "normalised_choice": question.labels[second]}
        right = {"labels": list(question.labels), "answer": question.labels[question.answer]}
        rows.append(json_bytes(asked | right | chosen | {"log_likelihoods": likely}) + b"\n")
    chance = 100 * sum(1 / len(question.choices) for question in questions) / len(questions)
    total = len(questions)
    scores = ChoiceScores(
        note.model, total, _accuracy(plain, total), _accuracy(normalised, total), round(chance, 4), cut
    )
    write_header(folder, note)
    write_whole(folder / PREDICTIONS, b"".join(rows))
    write_whole(folder / SCORES, json_bytes(to_row(scores), indent=1) + b"\n")
    return scores


def _accuracy(right: int, total: int) -> Accuracy:
    interval = proportion_interval(right, total)
    scaled = None if interval is None else Interval(round(100 * interval.low, 4), round(100 * interval.high, 4))
    return Accuracy(round(100 * right / total, 4), scaled)


def to_row(scores: ChoiceScores) -> dict[str, Any]:
    """The scores as plain JSON values."""
    row = asdict(scores)
    del row["accounts"]
    return row


def markdown(found: Sequence[ChoiceScores]) -> str:
    """The scores of all models as a Markdown table."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[ChoiceScores]) -> Iterator[str]:
    yield "Accuracy in percent, with 95% intervals; normalised: by the likelihood per character."
    yield ""
    rows = [
        [
            scores.name,
            scores.questions,
            *(f"{a.percent:.1f}{bracket(a.interval)}" for a in (scores.plain, scores.normalised)),
        ]
        for scores in found
    ]
    rows.append(["guesses", found[0].questions, f"{found[0].chance:.1f}", ""])
    yield from table_lines(["model", "questions", "plain", "normalised"], rows)
    for scores in found:
        if scores.cut:
            yield f"\n{scores.name}: {scores.cut:,} questions lost their beginning, because they exceed its context."
