"""Checks of finished instances (beyond the paper); verdicts are pure functions of replies. `recipe.Check` describes them.

All requests of one check are sent at once, and their replies are then judged; an instance that is rejected is left
out of the next check.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from bootstruct.config.recipe import Check, Recipe
from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.keys import again
from bootstruct.novelty.rouge import rouge_l
from bootstruct.stages.answer_matching import answer_form, majority_form
from bootstruct.stages.contamination import KeepAwayIndex
from bootstruct.stages.custom import NO_CODE, CustomCode, PythonCheckCall
from bootstruct.stages.draw import sample_number
from bootstruct.stages.parsing.cleanup import CODE_FENCE, OUTPUT, FieldPattern, clean_reply
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.second_requests import second_request
from bootstruct.types import CheckVerdict, Instance, Instruction, Prompt, Reply

DISAGREES, GRADED_LOW, NOT_RECOVERED = "answers disagree", "graded too low", "instruction not recovered"
TOO_HARD, TOO_EASY = "too hard", "too easy"
NO_ANSWER, NO_GRADE, NO_INSTRUCTION = "no readable answer", "no readable grade", "no readable instruction"

_TASK = FieldPattern(r"(?:task|instruction|question)")

PromptsByKey = Mapping[str, Prompt]
RepliesByKey = Mapping[str, Reply | None]  # None: the request failed for good
CheckFlow = Generator[PromptsByKey | PythonCheckCall, Any, tuple[InstancesChecked, ...]]


class InstanceChecks:
    """The checks of one recipe: their prompts, and their verdicts from the replies.

    Args:
        recipe: the recipe.
        code: the user's checks in Python.
        again: whether requests may be made once more in this run (`State.asks_again`).
    """

    def __init__(self, recipe: Recipe, code: CustomCode = NO_CODE, again: bool = True) -> None:
        self.code, self.again = code, again
        self.recipe = recipe
        self._tokenizer = recipe.propose.novelty.tokenizer
        self._keep_away = {
            check.name: KeepAwayIndex((*recipe.keep_away, *check.texts), check.run_length, check.near, self._tokenizer)
            for check in recipe.checks
            if check.kind == "decontamination"
        }

    def flow(self, task: Instruction, instances: Sequence[Instance], is_classification: bool = False) -> CheckFlow:
        """Run all checks of one task, in the recipe's order; returns a decision for each."""
        decided: list[InstancesChecked] = []
        left = list(range(len(instances)))
        for check in self.recipe.checks:
            if check.kind == "python":
                call = PythonCheckCall(self.code, self.recipe, check, task, is_classification, instances, left)
                checked = yield call
                assert isinstance(checked, InstancesChecked)
                decided.append(checked)
                left = checked.kept
                continue
            prompts = self.prompts(check, task, instances, left)
            replies = (yield prompts) if prompts else {}
            second = self.second_prompts(prompts, replies)
            replies = {**replies, **(yield second)} if second else replies
            decided.append(self.decide(check, task, instances, left, replies))
            left = decided[-1].kept
        return tuple(decided)

    def second_prompts(self, prompts: PromptsByKey, replies: RepliesByKey) -> PromptsByKey:
        """Return the requests that are made once more, by key: those whose replies were cut off before the answer began."""
        found = {
            again(key): second_request(self.recipe, prompt, reply)
            for key, prompt in prompts.items()
            if self.again and (reply := replies[key]) is not None
        }
        return {key: prompt for key, prompt in found.items() if prompt is not None}

    def prompts(
        self, check: Check, task: Instruction, instances: Sequence[Instance], left: Sequence[int]
    ) -> PromptsByKey:
        """Return the prompts of a check about the instances that are left, by the key of their request."""
        return {
            key: self.prompt(check, task, instances[number], sample)
            for number in left
            for sample, key in enumerate(check_keys(check, task, number))
        }

    def decide(
        self, check: Check, task: Instruction, instances: Sequence[Instance], left: Sequence[int], replies: RepliesByKey
    ) -> InstancesChecked:
        """Return the verdicts of a check; a request that failed for good leaves its instance undecided.

        Args:
            check: the check.
            task: the task.
            instances: all of its instances.
            left: the numbers of those that earlier checks kept.
            replies: the replies by key.

        Raises:
            KeyError: the reply to a request is missing.
        """
        verdicts: list[CheckVerdict] = []
        for number in left:
            prompts = (
                self.prompts(check, task, instances, [number]) if self._has_cut(check, task, number, replies) else {}
            )
            second = self.second_prompts(prompts, replies)
            counted = [
                (replies[again(key)] or replies[key]) if again(key) in second else replies[key]
                for key in check_keys(check, task, number)
            ]
            answered = [reply for reply in counted if reply is not None]
            if len(answered) == check.asks:
                verdicts.append(self.judge(check, task, number, instances[number], answered))
        return InstancesChecked(task.name, check.name, tuple(verdicts), failed=len(verdicts) < len(left))

    def _has_cut(self, check: Check, task: Instruction, number: int, replies: RepliesByKey) -> bool:
        return self.again and any((reply := replies[key]) and reply.is_cut for key in check_keys(check, task, number))

    def prompt(self, check: Check, task: Instruction, instance: Instance, sample: int) -> Prompt:
        """Build the prompt of sample `sample` of a check about one instance."""
        assert check.ask is not None, "the recipe was checked"
        about = (task.text, instance.input, *((instance.output,) if check.kind != "agreement" else ()))
        number = sample_number(self.recipe.seed, "check", check.name, *about, sample)
        texts = {"instruction": task.text, "input": instance.input, "output": instance.output}
        return build_prompt(self.recipe, check.ask, f"check {check.name}", number, "", **texts, scale=check.scale)

    def judge(
        self, check: Check, task: Instruction, number: int, instance: Instance, replies: Sequence[Reply]
    ) -> CheckVerdict:
        """Return the verdict on instance `number` of a task, from the replies to all requests about it."""
        if check.kind == "decontamination":
            match = self._keep_away[check.name].find(task.text, (instance.input, instance.output))
            if match is None:
                return CheckVerdict(number)
            own_text = match.text - len(self.recipe.keep_away)
            note = f"texts:{own_text}" if own_text >= 0 else f"keep_away:{match.text}"
            return CheckVerdict(number, match.rule, match.score, note)
        score: float | None
        if check.kind == "agreement":
            score, found = _agreement(check, instance, replies, self._tokenizer)
            if score is not None:
                return CheckVerdict(number, found, score)
            least, rule, nothing = check.at_least, DISAGREES, NO_ANSWER
        elif check.kind == "rubric":
            grade = parse_grade(replies[0].text, check.scale)
            score = None if grade is None else float(check.scale.index(grade))
            least, rule, nothing = float(check.scale.index(check.level)), GRADED_LOW, NO_GRADE
        else:
            written = [text for reply in replies if (text := parse_task_text(reply.text))]
            score = max((rouge_l(task.text, text, self._tokenizer) for text in written), default=None)
            least, rule, nothing = check.at_least, NOT_RECOVERED, NO_INSTRUCTION
        if score is None:
            return CheckVerdict(number, nothing if check.unreadable == "refuse" else None, None, nothing)
        return CheckVerdict(number, None if score >= least else rule, score)


def check_keys(check: Check, task: Instruction, number: int) -> list[str]:
    """Return the keys of a check's requests about instance `number` of a task."""
    return [f"check/{task.name}/{check.name}/{number}/{sample}" for sample in range(check.asks)]


def _agreement(
    check: Check, instance: Instance, replies: Sequence[Reply], tokenizer: str
) -> tuple[float | None, str | None]:
    """Return how far answers agree with the output, 0 to 1, and the rule under which the instance is rejected.

    None: nothing can be read (an empty answer among others disagrees).
    """
    answers = [parse_answer(reply.text) for reply in replies]
    if check.measure == "rouge":
        if not any(answers):
            return None, None
        score = sum(rouge_l(instance.output, answer, tokenizer) for answer in answers) / len(answers)
        return score, DISAGREES if score < check.at_least else None
    forms, expected = (
        [answer_form(check.measure, answer) for answer in answers],
        answer_form(check.measure, instance.output),
    )
    if not any(answers) or (check.measure not in ("exact", "rouge") and not (any(forms) and expected)):
        return None, None
    score, too_low = sum(form == expected for form in forms) / len(forms), DISAGREES
    if check.majority:
        if majority_form(forms)[0] != expected:
            return score, DISAGREES
        too_low = TOO_HARD
    return score, too_low if score < check.at_least else TOO_EASY if score > check.at_most else None


def parse_answer(text: str) -> str:
    """Return the answer in a reply, without thoughts, code fences and a leading "Output:"."""
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    heading = OUTPUT.match(text)
    return text[heading.end() :].strip() if heading else text


def parse_task_text(text: str) -> str:
    """Return the instruction in a reply on one line, without thoughts, code fences and a leading "Task:"."""
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    heading = _TASK.match(text)
    return " ".join((text[heading.end() :] if heading else text).split()).strip("\"'“”")


def parse_grade(text: str, scale: Sequence[str]) -> str | None:
    """Return the grade in a judge's reply, None if there is none or it is ambiguous.

    These are tried in turn: the reply is a grade or begins with one; the last grade named as such ("Score: 4", "grade
    is B"); a line that contains nothing else; the only grade in the text (numbers only, since "A" is also a word).

    Args:
        text: the reply.
        scale: the grades, worst first.
    """
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    grades = {grade.casefold(): grade for grade in scale}
    one = f"(?:{'|'.join(re.escape(grade) for grade in sorted(scale, key=len, reverse=True))})"
    alone = rf"(?<![\w.,/-])({one})(?![\w%]|[.,]\d)"
    if first := re.match(
        rf"[\s*_(\[\"']*+({one})(?=[\s*_)\]\"']*+(?:$|[.:;,\n/–—-](?!\d)|/\s*\d))", text, re.IGNORECASE
    ):
        return grades[first[1].casefold()]
    named_by = r"\b(?:score|grade|rating|rated|level|mark|verdict|overall|answer)\b"
    named = re.findall(rf"{named_by}[^\n\w]*+(?:(?:is|of|as|a|would be)\b[^\n\w]*+)*{alone}", text, re.IGNORECASE)
    bare = r"(?:(?!\n)[\W_])*"  # within one line, so that a sequence of blank lines is not read again from each of them
    lines = re.findall(rf"^{bare}+({one}){bare}+$", text, re.IGNORECASE | re.MULTILINE)
    numbers = set(re.findall(alone, text)) if all(grade.isdecimal() for grade in scale) else set()
    for candidates in (named[-1:], lines[-1:], list(numbers) if len(numbers) == 1 else []):
        if candidates:
            return grades[candidates[0].casefold()]
    return None
