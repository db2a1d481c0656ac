"""A model judges answers: each alone with a level A-D, or two against each other in both orders.

A judge sees neither the models' names nor which answer is whose. Its prompts are files (`prompts/judge_*.jinja`, or your
own); any engine can judge. What it says is read from its last line that has the form asked for; anything else counts as
unreadable and is left out, with a count.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

from bootstruct.domain import Prompt, Reply
from bootstruct.evaluate.asking import Fact, Spent
from bootstruct.evaluate.cases import Problem, Problems
from bootstruct.evaluate.pairwise import Comparison, Duel, comparison_of, outcome_of
from bootstruct.evaluate.predict import Asked, question_of, write_header
from bootstruct.evaluate.ratings import JUDGE, RATINGS, Answer, Rating, counts_of
from bootstruct.events import Replied
from bootstruct.files import write_whole
from bootstruct.stages.templates import fill

JUDGING, DUELS = "judging.json", "duels.jsonl"
Mode = Literal["absolute", "pairwise"]
_LEVEL: Final = re.compile(r"^\W*level\W*([ABCD])\b(?!\s*(?:,|or)\s*[ABCD]\b)", re.IGNORECASE | re.MULTILINE)
_BETTER: Final = re.compile(r"^\W*better\W*(?:answer\W*)?(1|2|tie)\b(?!\s*(?:,|or)\s)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said. ratings: absolute mode; comparisons: pairwise mode, one for each pair of models.

    cost: US dollars at list price, None where the price is not known.
    """

    judge: str
    mode: Mode
    ratings: tuple[Rating, ...]
    duels: tuple[Duel, ...]
    comparisons: tuple[Comparison, ...]
    problems: tuple[Problem, ...]
    spent: Spent
    cost: float | None


def absolute_questions(answers: Sequence[Answer], template: str, asked: Asked, name: str) -> dict[str, Prompt]:
    """Key -> question, one for each answer. name: the judge as its engine knows it."""
    questions = {}
    for each in answers:
        text = fill(template, **_told(each), response=each.response.strip())
        questions[_absolute_key(each)] = question_of(text, name, asked.api, asked.sampling, "judge")
    return questions


def pairwise_questions(answers: Sequence[Answer], template: str, asked: Asked, name: str) -> dict[str, Prompt]:
    """Key -> question, two a pair of answers to the same task: either one stands first once."""
    questions = {}
    for one, other in pairs_of(answers):
        for first, second in ((one, other), (other, one)):
            shown = {"first": first.response.strip(), "second": second.response.strip()}
            text = fill(template, **_told(one), **shown)
            questions[_pair_key(first, second)] = question_of(text, name, asked.api, asked.sampling, "judge")
    return questions


def pairs_of(answers: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """All pairs of answers to the same task, models in the order in which they come."""
    by_task: dict[str, list[Answer]] = {}
    for each in answers:
        by_task.setdefault(each.task, []).append(each)
    return [pair for group in by_task.values() for pair in combinations(group, 2)]


def _told(answer: Answer) -> dict[str, str]:
    return {
        "instruction": answer.instruction.strip(),
        "input": answer.input.strip(),
        "reference": answer.reference.strip(),
    }


def _absolute_key(answer: Answer) -> str:
    return f"judge/{answer.task}/{answer.model}"


def _pair_key(first: Answer, second: Answer) -> str:
    return f"judge/{first.task}/{first.model}/{second.model}"


def read_level(reply: Reply) -> str | None:
    """The level a judge gave; None where its reply has no line that says one."""
    found = _LEVEL.findall(reply.text)
    return found[-1].upper() if found else None


def read_better(reply: Reply) -> Literal["1", "2", "tie"] | None:
    """Which answer a judge found better; None where its reply has no line that says so."""
    found = _BETTER.findall(reply.text)
    return found[-1].lower() if found else None


def judged_absolutely(
    answers: Sequence[Answer], facts: Mapping[str, Fact], asked: Asked, cost: float | None, spent: Spent
) -> Judged:
    """Read the levels."""
    problems, ratings = Problems(), []
    for each in answers:
        fact = facts.get(_absolute_key(each))
        level = read_level(fact.reply) if isinstance(fact, Replied) else None
        if level:
            ratings.append(Rating(each.model, each.task, f"{JUDGE}{asked.model}", level))
        else:
            problems.add(_missing(fact), f"{each.task}, {each.model}", "left out")
    return Judged(asked.model, "absolute", tuple(ratings), (), (), problems.all(), spent, cost)


def judged_in_pairs(
    answers: Sequence[Answer], facts: Mapping[str, Fact], asked: Asked, cost: float | None, spent: Spent
) -> Judged:
    """Read the verdicts of both orders and compare the models."""
    problems, duels = Problems(), []
    for one, other in pairs_of(answers):
        said = []
        for first, second in ((one, other), (other, one)):
            fact = facts.get(_pair_key(first, second))
            better = read_better(fact.reply) if isinstance(fact, Replied) else None
            if better is None:
                problems.add(_missing(fact), f"{one.task}, {first.model} before {second.model}", "the pair is left out")
            else:
                said.append(better)
        if len(said) == 2:
            lengths = (len(one.response.strip()), len(other.response.strip()))
            outcome = outcome_of(said[0], said[1])
            duels.append(Duel(one.model, other.model, one.task, said[0], said[1], outcome, *lengths))
    found: dict[tuple[str, str], list[Duel]] = {}
    for duel in duels:
        found.setdefault((duel.first, duel.second), []).append(duel)
    comparisons = tuple(comparison_of(group) for group in found.values())
    return Judged(asked.model, "pairwise", (), tuple(duels), comparisons, problems.all(), spent, cost)


def _missing(fact: Fact | None) -> str:
    return "verdicts that cannot be read" if isinstance(fact, Replied) else "questions to the judge without a reply"


def write_judged(folder: Path, judged: Judged, asked: Asked) -> None:
    """The exports of a judging: the summary, and every level (as ratings) or duel."""
    write_header(folder, asked)
    rows = [asdict(each) for each in judged.ratings or judged.duels]
    name = RATINGS if judged.mode == "absolute" else DUELS
    write_whole(folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(folder / JUDGING, (json.dumps(to_row(judged), ensure_ascii=False, indent=1) + "\n").encode())


def to_row(judged: Judged) -> dict[str, Any]:
    """The summary as plain JSON values."""
    return {
        "judge": judged.judge,
        "mode": judged.mode,
        "levels": counts_of(judged.ratings),
        "comparisons": [asdict(each) for each in judged.comparisons],
        "problems": [asdict(each) for each in judged.problems],
        "spent": asdict(judged.spent),
        "cost": judged.cost,
    }
