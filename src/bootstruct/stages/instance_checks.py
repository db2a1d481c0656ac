"""Checks of finished instances (beyond the paper); verdicts are pure functions of replies. `recipe.Check` describes them.

All requests of one check are sent at once, and their replies are then judged; an instance that is rejected is left
out of the next check.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from bootstruct.config.recipe import Ask, Check, Recipe
from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.keys import again
from bootstruct.novelty.rouge import rouge_l
from bootstruct.stages.answer_matching import answer_form, majority_form, mean_score, normalize_answer, score_answers
from bootstruct.stages.check_scores import (
    GradesByForm,
    grade_score,
    graded_answers,
    judge_key,
    solver_scores,
    telling_answers,
)
from bootstruct.stages.contamination import KeepAwayIndex
from bootstruct.stages.custom import NO_CODE, CustomCode, PythonCheckCall
from bootstruct.stages.draw import sample_number
from bootstruct.stages.parsing.check_replies import parse_answer, parse_grade, parse_task_text
from bootstruct.stages.passages import passage_of, passage_values
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.second_requests import second_request
from bootstruct.types import CheckVerdict, Instance, Instruction, Prompt, Reply

DISAGREES, GRADED_LOW, NOT_RECOVERED = "answers disagree", "graded too low", "instruction not recovered"
TOO_HARD, TOO_EASY, GAP_TOO_SMALL, NOT_GROUNDED = "too hard", "too easy", "gap too small", "not grounded"
NO_ANSWER, NO_GRADE, NO_INSTRUCTION = "no readable answer", "no readable grade", "no readable instruction"

PromptsByKey = Mapping[str, Prompt]
RepliesByKey = Mapping[str, Reply | None]  # None: the request failed for good
NO_GRADES: GradesByForm = {}
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
            replies = yield from self._ask(self.prompts(check, task, instances, left))
            judged = self._all_judge_prompts(check, task, instances, left, replies)
            replies = {**replies, **(yield from self._ask(judged))}
            decided.append(self.decide(check, task, instances, left, replies))
            left = decided[-1].kept
        return tuple(decided)

    def _ask(self, prompts: PromptsByKey) -> Generator[PromptsByKey, RepliesByKey, RepliesByKey]:
        """Yield prompts at once, and those again whose reply was cut off before the answer; returns the replies."""
        replies = (yield prompts) if prompts else {}
        second = self.second_prompts(prompts, replies)
        return {**replies, **(yield second)} if second else replies

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
            f"check/{task.name}/{made.name}/{number}/{sample}": self.prompt(
                check, task, instances[number], sample, made.name, made.ask
            )
            for number in left
            for made in check.requests
            for sample in range(made.count)
        }

    def first_prompts(self, check: Check, task: Instruction, number: int, instance: Instance) -> PromptsByKey:
        """Return one prompt of each sort about an instance, by key; a judge is given the output as the answer."""
        found = {
            f"check/{task.name}/{made.name}/{number}/0": self.prompt(check, task, instance, 0, made.name, made.ask)
            for made in check.requests
        }
        if check.judge is not None:
            found[judge_key(check, task, number, 0)] = self._judge_prompt(check, task, instance, instance.output)
        return found

    def judge_prompts(
        self, check: Check, task: Instruction, number: int, instance: Instance, answers: Sequence[str]
    ) -> PromptsByKey:
        """Return the requests that grade answers to an instance, by key.

        Equal answers are graded once, under the number of the first of them; empty ones, and those equal to the output,
        need no grade.

        Args:
            check: the check.
            task: the task.
            number: the number of the instance among the task's.
            instance: the instance.
            answers: the answers to it, in the order of their requests.
        """
        if check.judge is None:
            return {}
        return {
            judge_key(check, task, number, place): self._judge_prompt(check, task, instance, answers[place])
            for place in graded_answers(instance, answers).values()
        }

    def _judge_prompt(self, check: Check, task: Instruction, instance: Instance, answer: str) -> Prompt:
        assert check.judge is not None
        name = f"{check.name}.judge"
        sample = sample_number(self.recipe.seed, "check", name, task.text, instance.input, instance.output, answer)
        texts = {"instruction": task.text, "input": instance.input, "output": instance.output, "answer": answer}
        return build_prompt(self.recipe, check.judge, f"check {name}", sample, "", **texts, scale=check.scale)

    def _all_judge_prompts(
        self,
        check: Check,
        task: Instruction,
        instances: Sequence[Instance],
        left: Sequence[int],
        replies: RepliesByKey,
    ) -> PromptsByKey:
        """Return the requests that grade the answers to all instances that are left, as far as these have all answers."""
        if check.judge is None:
            return {}
        found: dict[str, Prompt] = {}
        for number in left:
            answered = self.counted(check, task, number, instances, replies)
            if answered is not None:
                answers = [parse_answer(reply.text) for reply in answered]
                found |= self.judge_prompts(check, task, number, instances[number], answers)
        return found

    def counted(
        self, check: Check, task: Instruction, number: int, instances: Sequence[Instance], replies: RepliesByKey
    ) -> list[Reply] | None:
        """Return the replies that count to all requests about an instance; None if one of them failed for good.

        Raises:
            KeyError: the reply to a request is missing.
        """
        keys = check_keys(check, task, number)
        has_cut = self.again and any((reply := replies[key]) and reply.is_cut for key in keys)
        second = self.second_prompts(self.prompts(check, task, instances, [number]), replies) if has_cut else {}
        answered = [reply for key in keys if (reply := self._later(key, second, replies)) is not None]
        return answered if len(answered) == len(keys) else None

    @staticmethod
    def _later(key: str, second: PromptsByKey, replies: RepliesByKey) -> Reply | None:
        return (replies[again(key)] or replies[key]) if again(key) in second else replies[key]

    def _grades(
        self,
        check: Check,
        task: Instruction,
        number: int,
        instance: Instance,
        answers: Sequence[str],
        replies: RepliesByKey,
    ) -> dict[str, float | None] | None:
        """Return the judge's score of each different answer (None: unreadable); None if a request failed for good."""
        prompts = self.judge_prompts(check, task, number, instance, answers)
        second = self.second_prompts(prompts, replies)
        grades: dict[str, float | None] = {}
        for key in prompts:
            reply = self._later(key, second, replies)
            if reply is None:
                return None
            grades[normalize_answer(answers[int(key.rpartition("/")[2])])] = grade_score(check, reply)
        return grades

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
            scored = self.scored(check, task, number, instances, replies)
            if scored is not None:
                verdicts.append(self.judge(check, task, number, instances[number], *scored))
        return InstancesChecked(task.name, check.name, tuple(verdicts), failed=len(verdicts) < len(left))

    def scored(
        self, check: Check, task: Instruction, number: int, instances: Sequence[Instance], replies: RepliesByKey
    ) -> tuple[list[Reply], dict[str, float | None]] | None:
        """Return the replies that count about an instance, and a judge's score of each different answer.

        None: a request failed for good.

        Raises:
            KeyError: the reply to a request is missing.
        """
        answered = self.counted(check, task, number, instances, replies)
        if answered is None or check.judge is None:
            return None if answered is None else (answered, {})
        answers = [parse_answer(reply.text) for reply in answered]
        grades = self._grades(check, task, number, instances[number], answers, replies)
        return None if grades is None else (answered, grades)

    def prompt(
        self, check: Check, task: Instruction, instance: Instance, sample: int, name: str = "", ask: Ask | None = None
    ) -> Prompt:
        """Build the prompt of sample `sample` of a check about one instance.

        Args:
            check: the check.
            task: the task.
            instance: one of its instances.
            sample: the number of the request, among those of its sort.
            name: the sort of request (`CheckRequests.name`); empty for the check's `ask`.
            ask: its part of the recipe.
        """
        ask, name = ask or check.ask, name or check.name
        assert ask is not None, "the recipe was checked"
        is_answer = check.kind in ("agreement", "solver-gap")  # which does not depend on the output
        about = (task.text, instance.input, *(() if is_answer else (instance.output,)))
        number = sample_number(self.recipe.seed, "check", name, *about, sample)
        texts = {"instruction": task.text, "input": instance.input}
        texts |= {} if check.kind == "solver-gap" else {"output": instance.output}
        shown = passage_values(self.recipe, passage_of(self.recipe, task.name)) if check.kind == "grounded" else {}
        return build_prompt(self.recipe, ask, f"check {name}", number, "", **shown, **texts, scale=check.scale)

    def judge(
        self,
        check: Check,
        task: Instruction,
        number: int,
        instance: Instance,
        replies: Sequence[Reply],
        grades: GradesByForm = NO_GRADES,
    ) -> CheckVerdict:
        """Return the verdict on instance `number` of a task.

        Args:
            check: the check.
            task: the task.
            number: the number of the instance among the task's.
            instance: the instance.
            replies: the replies to all requests about it.
            grades: a judge's score of each different answer, by its normalized form; None where it cannot be read.
        """
        if check.kind == "decontamination":
            match = self._keep_away[check.name].find(task.text, (instance.input, instance.output))
            if match is None:
                return CheckVerdict(number)
            own_text = match.text - len(self.recipe.keep_away)
            note = f"texts:{own_text}" if own_text >= 0 else f"keep_away:{match.text}"
            return CheckVerdict(number, match.rule, match.score, note)
        score: float | None
        if check.kind == "solver-gap":
            return self._gap_verdict(check, number, instance, replies, grades)
        if check.kind == "agreement":
            score, found = _agreement(check, instance, replies, self._tokenizer, grades)
            if score is not None:
                return CheckVerdict(number, found, score)
            nothing = NO_GRADE if check.judge is not None and any(parse_answer(r.text) for r in replies) else NO_ANSWER
            least, rule = check.at_least, DISAGREES
        elif check.kind in ("rubric", "grounded"):
            grade = parse_grade(replies[0].text, check.scale)
            score = None if grade is None else float(check.scale.index(grade))
            least, nothing = float(check.scale.index(check.level)), NO_GRADE
            rule = GRADED_LOW if check.kind == "rubric" else NOT_GROUNDED
        else:
            written = [text for reply in replies if (text := parse_task_text(reply.text))]
            score = max((rouge_l(task.text, text, self._tokenizer) for text in written), default=None)
            least, rule, nothing = check.at_least, NOT_RECOVERED, NO_INSTRUCTION
        if score is None:
            return CheckVerdict(number, nothing if check.unreadable == "refuse" else None, None, nothing)
        return CheckVerdict(number, None if score >= least else rule, score)

    def _gap_verdict(
        self, check: Check, number: int, instance: Instance, replies: Sequence[Reply], grades: GradesByForm
    ) -> CheckVerdict:
        """Compare the mean scores of the two solvers: the first requests are the weak one's, the others the strong one's."""
        scores = solver_scores(check, instance, replies, grades, self._tokenizer)
        weak, strong = mean_score(scores[: check.samples]), mean_score(scores[check.samples :])
        if weak is None or strong is None:
            nothing = NO_GRADE if check.judge is not None and any(parse_answer(r.text) for r in replies) else NO_ANSWER
            return CheckVerdict(number, nothing if check.unreadable == "refuse" else None, None, nothing)
        rule = None
        if strong < check.strong_at_least:
            rule = TOO_HARD
        elif weak >= check.weak_below:
            rule = TOO_EASY
        elif strong - weak < check.gap:
            rule = GAP_TOO_SMALL
        answers = telling_answers(check, replies, scores) if rule is not None and check.rounds else ()
        return CheckVerdict(number, rule, strong - weak, scores=(weak, strong), answers=answers)


def check_keys(check: Check, task: Instruction, number: int) -> list[str]:
    """Return the keys of a check's requests about instance `number` of a task, except for those to a judge."""
    return [
        f"check/{task.name}/{made.name}/{number}/{sample}" for made in check.requests for sample in range(made.count)
    ]


def _agreement(
    check: Check, instance: Instance, replies: Sequence[Reply], tokenizer: str, grades: GradesByForm
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
    if check.measure == "judge":
        mean = mean_score(score_answers("judge", instance.output, answers, grades, tokenizer))
        if mean is None:
            return None, None
        return mean, DISAGREES if mean < check.at_least else TOO_EASY if mean > check.at_most else None
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
