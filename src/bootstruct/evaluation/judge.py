"""Judging answers by a model: each alone with a level A-D, or two against each other in both orders.

A judge sees neither the models' names nor which answer is whose. Its prompts are files (`prompts/judge_*.jinja`, or
your own); any engine can judge. The verdict is read from the last line of the requested form; anything else counts as
unreadable, is left out and is counted.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

from bootstruct.evaluation.cases import Problem, Problems
from bootstruct.evaluation.predict import EvaluationManifest, question_of, write_header
from bootstruct.evaluation.ratings import JUDGE, RATINGS, ModelAnswer, Rating, counts_of
from bootstruct.evaluation.win_rates import JudgedPair, PairwiseComparison, comparison_of, outcome_of
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import write_whole
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.usage import Usage
from bootstruct.run.asking import Fact
from bootstruct.stages.parsing.thoughts import without_thought
from bootstruct.stages.templates import fill
from bootstruct.types import Prompt, Reply

JUDGING, DUELS = "judging.json", "duels.jsonl"
Mode = Literal["absolute", "pairwise"]
_LEVEL: Final = re.compile(r"^[^\w\n]*+level\W*([ABCD])\b(?!\s*(?:,|or)\s*[ABCD]\b)", re.IGNORECASE | re.MULTILINE)
_BETTER: Final = re.compile(
    r"^[^\w\n]*+better\W*(?:answer\W*)?(1|2|tie)\b(?!\s*(?:,|or)\s)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """The verdicts of a judge.

    Attributes:
        ratings: absolute mode.
        comparisons: pairwise mode, one for each pair of models.
        cost: US dollars at list price, None if the price is not known.
        folder: where the replies and the verdicts are; None before they are written.
        stopped: why not every answer was judged, in a sentence; else empty.
        accounts: an account of the rows of each file of answers.
    """

    judge: str
    mode: Mode
    ratings: tuple[Rating, ...]
    pairs: tuple[JudgedPair, ...]
    comparisons: tuple[PairwiseComparison, ...]
    problems: tuple[Problem, ...]
    spent: Usage
    cost: float | None
    folder: Path | None = None
    stopped: str = ""
    accounts: tuple[RowAccount, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every request to the judge was made."""
        return not self.stopped


def absolute_questions(
    answers: Sequence[ModelAnswer], template: str, note: EvaluationManifest, name: str
) -> dict[str, Prompt]:
    """Key -> request, one for each answer.

    Args:
        name: the judge as its engine knows it.
    """
    questions = {}
    for answer in answers:
        text = fill(template, **_told(answer), response=answer.response.strip())
        questions[_absolute_key(answer)] = question_of(text, name, note.api, note.sampling, "judge")
    return questions


def pairwise_questions(
    answers: Sequence[ModelAnswer], template: str, note: EvaluationManifest, name: str
) -> dict[str, Prompt]:
    """Key -> request, two per pair of answers to the same task: each of them comes first once."""
    questions = {}
    for one, other in pairs_of(answers):
        for first, second in ((one, other), (other, one)):
            shown = {"first": first.response.strip(), "second": second.response.strip()}
            text = fill(template, **_told(one), **shown)
            questions[_pair_key(first, second)] = question_of(text, name, note.api, note.sampling, "judge")
    return questions


def pairs_of(answers: Sequence[ModelAnswer]) -> list[tuple[ModelAnswer, ModelAnswer]]:
    """All pairs of answers to the same task, models in the order in which they come."""
    by_task: dict[str, list[ModelAnswer]] = {}
    for answer in answers:
        by_task.setdefault(answer.task, []).append(answer)
    return [pair for group in by_task.values() for pair in combinations(group, 2)]


def _told(answer: ModelAnswer) -> dict[str, str]:
    return {
        "instruction": answer.instruction.strip(),
        "input": answer.input.strip(),
        "reference": answer.reference.strip(),
    }


def _absolute_key(answer: ModelAnswer) -> str:
    return f"judge/{answer.task}/{answer.model}"


def _pair_key(first: ModelAnswer, second: ModelAnswer) -> str:
    return f"judge/{first.task}/{first.model}/{second.model}"


def read_level(reply: Reply) -> str | None:
    """The level a judge gave; None if its reply has no line that says one."""
    found = _LEVEL.findall(without_thought(reply).text)
    return found[-1].upper() if found else None


def read_better(reply: Reply) -> Literal["1", "2", "tie"] | None:
    """Which answer a judge found better; None if its reply has no line that says so."""
    found = _BETTER.findall(without_thought(reply).text)
    return found[-1].lower() if found else None


def judged_absolutely(
    answers: Sequence[ModelAnswer],
    facts: Mapping[str, Fact],
    note: EvaluationManifest,
    cost: float | None,
    spent: Usage,
) -> JudgeResult:
    """Read the levels."""
    problems, ratings = Problems(), []
    for answer in answers:
        fact = facts.get(_absolute_key(answer))
        level = read_level(fact.reply) if isinstance(fact, ReplyReceived) else None
        if level:
            ratings.append(Rating(answer.model, answer.task, f"{JUDGE}{note.model}", level))
        else:
            problems.add(_missing(fact), f"{answer.task}, {answer.model}", "left out")
    return JudgeResult(note.model, "absolute", tuple(ratings), (), (), problems.all(), spent, cost)


def judged_in_pairs(
    answers: Sequence[ModelAnswer],
    facts: Mapping[str, Fact],
    note: EvaluationManifest,
    cost: float | None,
    spent: Usage,
) -> JudgeResult:
    """Read the verdicts of both orders and compare the models."""
    problems, pairs = Problems(), []
    for one, other in pairs_of(answers):
        verdict = []
        for first, second in ((one, other), (other, one)):
            fact = facts.get(_pair_key(first, second))
            better = read_better(fact.reply) if isinstance(fact, ReplyReceived) else None
            if better is None:
                problems.add(_missing(fact), f"{one.task}, {first.model} before {second.model}", "the pair is left out")
            else:
                verdict.append(better)
        if len(verdict) == 2:
            lengths = (len(one.response.strip()), len(other.response.strip()))
            outcome = outcome_of(verdict[0], verdict[1])
            pairs.append(JudgedPair(one.model, other.model, one.task, verdict[0], verdict[1], outcome, *lengths))
    found: dict[tuple[str, str], list[JudgedPair]] = {}
    for pair in pairs:
        found.setdefault((pair.first, pair.second), []).append(pair)
    comparisons = tuple(comparison_of(group) for group in found.values())
    return JudgeResult(note.model, "pairwise", (), tuple(pairs), comparisons, problems.all(), spent, cost)


def _missing(fact: Fact | None) -> str:
    return "unreadable verdicts" if isinstance(fact, ReplyReceived) else "requests to the judge without a reply"


def write_judged(folder: Path, judged: JudgeResult, note: EvaluationManifest) -> None:
    """The exports of a judging: the summary, and every level (as ratings) or duel."""
    write_header(folder, note)
    rows = [asdict(rating) for rating in judged.ratings or judged.pairs]
    name = RATINGS if judged.mode == "absolute" else DUELS
    write_whole(folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(folder / JUDGING, (json.dumps(to_row(judged), ensure_ascii=False, indent=1) + "\n").encode())


def to_row(judged: JudgeResult) -> dict[str, Any]:
    """The summary as plain JSON values."""
    return {
        "judge": judged.judge,
        "mode": judged.mode,
        "levels": counts_of(judged.ratings),
        "comparisons": [asdict(comparison) for comparison in judged.comparisons],
        "problems": [asdict(problem) for problem in judged.problems],
        "spent": {name: getattr(judged.spent, name) for name in ("requests", "prompt_tokens", "completion_tokens")},
        "cost": judged.cost,
    }
