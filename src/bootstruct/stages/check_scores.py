"""The scores of answers in a check: grades by a judge, and the two solvers of `solver-gap`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from bootstruct.config.recipe import Check
from bootstruct.stages.answer_matching import normalize_answer, score_answers
from bootstruct.stages.parsing.check_replies import parse_answer, parse_grade
from bootstruct.types import Instance, Instruction, Reply

LONGEST_SHOWN: Final = 400  # characters of a solver's answer that a request for a revision shows
GradesByForm = Mapping[str, float | None]  # by the normalized form of an answer


def graded_answers(instance: Instance, answers: Sequence[str]) -> dict[str, int]:
    """Return the normalized forms of the answers that a judge grades, and the place of the first answer of each."""
    first: dict[str, int] = {}
    expected = normalize_answer(instance.output)
    for place, answer in enumerate(answers):
        if (form := normalize_answer(answer)) and form != expected:
            first.setdefault(form, place)
    return first


def grade_score(check: Check, reply: Reply) -> float | None:
    """Return the grade in a judge's reply from 0 to 1; None if it cannot be read."""
    grade = parse_grade(reply.text, check.scale)
    return None if grade is None else check.scale.index(grade) / (len(check.scale) - 1)


def judge_key(check: Check, task: Instruction, number: int, place: int) -> str:
    """Return the key of the request that grades answer `place` to instance `number` of a task."""
    return f"check/{task.name}/{check.name}.judge/{number}/{place}"


def solver_scores(
    check: Check, instance: Instance, replies: Sequence[Reply], grades: GradesByForm, tokenizer: str
) -> list[float | None]:
    """Return the score of each solver's answer, 0 to 1; None where there is no answer, or no grade of it.

    If no answer of a solver can be compared (there is no number in any of them, or in the output), all its scores are None.
    """
    answers = [parse_answer(reply.text) for reply in replies]
    scores: list[float | None] = []
    for own in (answers[: check.samples], answers[check.samples :]):
        scores += score_answers(check.measure, instance.output, own, grades, tokenizer)
    return scores


def telling_answers(check: Check, replies: Sequence[Reply], scores: Sequence[float | None]) -> tuple[str, ...]:
    """Return the beginning of an answer of each solver, for the revision: the weak one's best, the strong one's worst."""
    known = [(score, number) for number, score in enumerate(scores) if score is not None]
    weak = max((row for row in known if row[1] < check.samples), key=lambda row: (row[0], -row[1]))
    strong = min(row for row in known if row[1] >= check.samples)
    return tuple(parse_answer(replies[number].text)[:LONGEST_SHOWN] for _, number in (weak, strong))
