"""Beyond the paper: checks of finished instances, each a pure reading of replies. What a check is, says `recipe.Check`.

A flow asks all questions of one check at once, then judges; an instance that it refuses is not asked about by the next.
"""

import re
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from typing import Final

from bootstruct.domain import Checkmark, Instance, Instruction, Prompt, Reply
from bootstruct.events import Checked
from bootstruct.recipe import Check, Recipe
from bootstruct.stages.draw import sample_number
from bootstruct.stages.overlap import KeptAway
from bootstruct.stages.propose import prompt_of
from bootstruct.stages.rouge import rouge_l
from bootstruct.stages.said import FENCE, OUTPUT, field, said

DISAGREES, GRADED_LOW, NOT_RECOVERED = "answers disagree", "graded too low", "instruction not recovered"
NO_ANSWER, NO_GRADE, NO_INSTRUCTION = "no readable answer", "no readable grade", "no readable instruction"

_MARKS: Final = " \t\n.,;:!?\"'`*_()[]<>“”‘’«»。！？"  # around an answer they change nothing; a sign or a unit does
_TASK = field(r"(?:task|instruction|question)")

Questions = Mapping[str, Prompt]  # by key
Answers = Mapping[str, Reply | None]  # by key; None: it failed for good
Flow = Generator[Questions, Answers, tuple[Checked, ...]]


class Checks:
    """The checks of one recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._words = recipe.propose.novelty.tokenizer
        self._away = {
            check.name: KeptAway((*recipe.keep_away, *check.texts), check.run_length, check.near, self._words)
            for check in recipe.checks
            if check.kind == "decontamination"
        }

    def flow(self, task: Instruction, instances: Sequence[Instance]) -> Flow:
        """All checks of one task, in the recipe's order: a decision of each."""
        decided: list[Checked] = []
        left = list(range(len(instances)))
        for check in self.recipe.checks:
            asked = self.questions(check, task, instances, left)
            decided.append(self.decide(check, task, instances, left, (yield asked) if asked else {}))
            left = decided[-1].kept
        return tuple(decided)

    def questions(
        self, check: Check, task: Instruction, instances: Sequence[Instance], left: Sequence[int]
    ) -> Questions:
        """All questions of a check about the instances that are left, by key."""
        return {
            key: self.question(check, task, instances[number], sample)
            for number in left
            for sample, key in enumerate(_keys(check, task, number))
        }

    def decide(
        self, check: Check, task: Instruction, instances: Sequence[Instance], left: Sequence[int], answers: Answers
    ) -> Checked:
        """The verdicts of a check. KeyError where an answer is missing; one that failed leaves its instance undecided."""
        verdicts: list[Checkmark] = []
        for number in left:
            replies = [reply for key in _keys(check, task, number) if (reply := answers[key]) is not None]
            if len(replies) == check.asks:
                verdicts.append(self.judge(check, task, number, instances[number], replies))
        return Checked(task.name, check.name, tuple(verdicts), failed=len(verdicts) < len(left))

    def question(self, check: Check, task: Instruction, instance: Instance, sample: int) -> Prompt:
        """Question number `sample` of a check about one instance."""
        assert check.ask is not None, "the recipe was checked"
        about = (task.text, instance.input, *((instance.output,) if check.kind != "agreement" else ()))
        number = sample_number(self.recipe.seed, "check", check.name, *about, sample)
        texts = {"instruction": task.text, "input": instance.input, "output": instance.output}
        return prompt_of(self.recipe, check.ask, f"check {check.name}", number, "", **texts, scale=check.scale)

    def judge(
        self, check: Check, task: Instruction, number: int, instance: Instance, replies: Sequence[Reply]
    ) -> Checkmark:
        """The verdict on instance `number` of a task, from the replies to all questions about it."""
        if check.kind == "decontamination":
            found = self._away[check.name].find(task.text, (instance.input, instance.output))
            if found is None:
                return Checkmark(number)
            mine = found.text - len(self.recipe.keep_away)
            note = f"texts:{mine}" if mine >= 0 else f"keep_away:{found.text}"
            return Checkmark(number, found.rule, found.score, note)
        score: float | None
        if check.kind == "agreement":
            score, least, rule, nothing = (
                _agreement(check, instance, replies, self._words),
                check.at_least,
                DISAGREES,
                NO_ANSWER,
            )
        elif check.kind == "rubric":
            grade = read_grade(replies[0].text, check.scale)
            score = None if grade is None else float(check.scale.index(grade))
            least, rule, nothing = float(check.scale.index(check.level)), GRADED_LOW, NO_GRADE
        else:
            written = [text for reply in replies if (text := read_task(reply.text))]
            score = max((rouge_l(task.text, text, self._words) for text in written), default=None)
            least, rule, nothing = check.at_least, NOT_RECOVERED, NO_INSTRUCTION
        if score is None:
            return Checkmark(number, nothing if check.unreadable == "refuse" else None, None, nothing)
        return Checkmark(number, None if score >= least else rule, score)


def _keys(check: Check, task: Instruction, number: int) -> list[str]:
    """The keys of a check's questions about instance `number` of a task."""
    return [f"check/{task.name}/{check.name}/{number}/{sample}" for sample in range(check.asks)]


def _agreement(check: Check, instance: Instance, replies: Sequence[Reply], words: str) -> float | None:
    """How far answers agree with the output, 0 to 1; None where all are empty (an empty one among others disagrees)."""
    answers = [read_answer(reply.text) for reply in replies]
    if not any(answers):
        return None
    if check.measure == "exact":
        wanted = plain(instance.output)
        return sum(plain(answer) == wanted for answer in answers) / len(answers)
    return sum(rouge_l(instance.output, answer, words) for answer in answers) / len(answers)


def plain(text: str) -> str:
    """A text as answers are compared: any case, blanks collapsed, without marks around it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(_MARKS)


def read_answer(text: str) -> str:
    """The answer in a reply: without thoughts, fences and a leading "Output:"."""
    text = FENCE.sub("", said(text)).strip()
    heading = OUTPUT.match(text)
    return text[heading.end() :].strip() if heading else text


def read_task(text: str) -> str:
    """The instruction in a reply, on one line: without thoughts, fences and a leading "Task:"."""
    text = FENCE.sub("", said(text)).strip()
    heading = _TASK.match(text)
    return " ".join((text[heading.end() :] if heading else text).split()).strip("\"'“”")


def read_grade(text: str, scale: Sequence[str]) -> str | None:
    """The grade in a judge's reply, None where there is none or it cannot be told which.

    Looked for in turn: the reply is or begins with a grade; the last one that is called so ("Score: 4", "grade is B");
    a line that holds nothing else; the only one in the text (numbers only: "A" is also a word).
    """
    text = FENCE.sub("", said(text)).strip()
    grades = {grade.casefold(): grade for grade in scale}
    one = f"(?:{'|'.join(re.escape(grade) for grade in sorted(scale, key=len, reverse=True))})"
    alone = rf"(?<![\w.,/-])({one})(?![\w%]|[.,]\d)"
    if found := re.match(
        rf"[\s*_(\[\"']*+({one})(?=[\s*_)\]\"']*+(?:$|[.:;,\n/–—-](?!\d)|/\s*\d))", text, re.IGNORECASE
    ):
        return grades[found[1].casefold()]
    called = r"\b(?:score|grade|rating|rated|level|mark|verdict|overall|answer)\b"
    named = re.findall(rf"{called}[^\n\w]*+(?:(?:is|of|as|a|would be)\b[^\n\w]*+)*{alone}", text, re.IGNORECASE)
    lines = re.findall(rf"^[\W_]*({one})[\W_]*$", text, re.IGNORECASE | re.MULTILINE)
    numbers = set(re.findall(alone, text)) if all(grade.isdecimal() for grade in scale) else set()
    for found_here in (named[-1:], lines[-1:], list(numbers) if len(numbers) == 1 else []):
        if found_here:
            return grades[found_here[0].casefold()]
    return None
