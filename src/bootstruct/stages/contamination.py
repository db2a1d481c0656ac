"""Overlap of training data with an evaluation set: the nearest instruction, equal texts, shared sequences of 13 words.

ROUGE-L is that of the novelty filter (no stemmer) and compares instructions: the released seeds hold one of the
paper's own evaluation instructions word for word (the released code). The instruction and input of an evaluation task
are searched for equal texts and 13-grams of everything in a training example, lower-cased, without punctuation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex
from bootstruct.novelty.rouge import unicode_tokens
from bootstruct.stages.rules import KEPT_AWAY

RUN_LENGTH: Final = 13  # words; shorter runs are often shared by chance
LEAST_INPUT: Final = 5  # words; shorter inputs such as "yes" would match everywhere
NEAR_THRESHOLD: Final = 0.7  # ROUGE-L; that of the novelty filter (section 2.2)
_STEPS: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class EvaluationTask(Protocol):
    """One instance of an evaluation task."""

    @property
    def task(self) -> str:
        """The name of the task; its instances are counted together."""

    @property
    def instruction(self) -> str:
        """The instruction."""

    @property
    def input(self) -> str:
        """The input, empty if there is none."""


@dataclass(frozen=True, slots=True)
class TrainingText:
    """One training text.

    Attributes:
        name: where it comes from.
        instruction: its instruction.
        parts: all of its texts, the instruction first.
        inputs: those of them that are inputs; for a chat, none are known.
    """

    name: str
    instruction: str
    parts: tuple[str, ...]
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskOverlap:
    """The overlap of the training data with one evaluation task.

    Attributes:
        task: name of the task.
        score: the highest ROUGE-L F of its instruction with a training instruction.
        nearest: name of that training text.
        nearest_text: its instruction.
        same_instruction: training texts with the same instruction.
        same_input: training texts of which a part or a line is the task's input (5 words or more).
        runs: the number of the task's 13-grams that occur in training texts.
        of_runs: the number of its 13-grams.
        where: a training text that holds one of them.
        same_short_input: training texts with the same input, if it has fewer than 5 words. An input such as "yes"
            proves nothing: it is counted, but not alarming by itself.
        same_example: training texts with the same instruction and the same input, of any length; including empty inputs.
    """

    task: str
    score: float
    nearest: str
    nearest_text: str
    same_instruction: tuple[str, ...]
    same_input: tuple[str, ...]
    runs: int
    of_runs: int
    where: str
    same_short_input: tuple[str, ...] = ()
    same_example: tuple[str, ...] = ()

    @property
    def is_alarming(self) -> bool:
        """Whether something is shared word for word, or the novelty filter would reject the instruction."""
        return bool(self.same_instruction or self.same_input or self.runs or self.score > NEAR_THRESHOLD)


@dataclass(frozen=True, slots=True)
class OverlapReport:
    """The overlap of training data with an evaluation set.

    Attributes:
        texts: the number of training texts.
        tasks: the evaluation tasks, the nearest first.
    """

    texts: int
    tasks: tuple[TaskOverlap, ...]

    def summary(self) -> Mapping[str, Any]:
        """Return the counts, as they are written to JSON."""
        scores = np.array([task.score for task in self.tasks])
        return {
            "training_texts": self.texts,
            "evaluation_tasks": len(self.tasks),
            "best_rouge_l": {"mean": round(float(scores.mean()), 4), "max": round(float(scores.max()), 4)},
            "at_least": {str(step): int((scores >= step).sum()) for step in _STEPS},
            "same_instruction": sum(bool(task.same_instruction) for task in self.tasks),
            "same_input": sum(bool(task.same_input) for task in self.tasks),
            "same_short_input": sum(bool(task.same_short_input) for task in self.tasks),
            "same_example": sum(bool(task.same_example) for task in self.tasks),
            "sharing_13_words": sum(bool(task.runs) for task in self.tasks),
        }


@dataclass(frozen=True, slots=True)
class KeepAwayMatch:
    """Why a training text is too close to a kept-away text.

    Attributes:
        rule: what they have in common.
        text: the number of the kept-away text.
        score: ROUGE-L F, if that was the reason.
    """

    rule: str
    text: int
    score: float | None = None


SHARES_RUN: Final = "shares a run of words with a kept-away text"


class KeepAwayIndex:
    """An index of texts that training data must not be near, such as a test set's instructions and inputs.

    Args:
        texts: the texts.
        run_length: the number of consecutive words that must not be shared.
        near: ROUGE-L F that must not be exceeded.
        tokenizer: the tokenizer of ROUGE-L.
    """

    def __init__(
        self, texts: Sequence[str], run_length: int = RUN_LENGTH, near: float = NEAR_THRESHOLD, tokenizer: str = "rouge"
    ) -> None:
        self._runs: dict[tuple[str, ...], int] = {}
        for number, text in enumerate(texts):
            for gram in _grams(unicode_tokens(text), run_length):
                self._runs.setdefault(gram, number)
        self._run_length, self._index = run_length, NoveltyIndex(near, tokenizer=tokenizer)
        self._index.extend(texts)

    def find(self, instruction: str, parts: Sequence[str]) -> KeepAwayMatch | None:
        """Return the first match of an instruction or of a part of its example, None if nothing is too close.

        Parts of fewer than 5 words are not compared by ROUGE-L: "yes" is near to every other "yes".
        """
        for gram in _grams(unicode_tokens("\n".join((instruction, *parts))), self._run_length) if self._runs else ():
            if gram in self._runs:
                return KeepAwayMatch(SHARES_RUN, self._runs[gram])
        for text in (instruction, *parts):
            long_enough = text is instruction or len(unicode_tokens(text)) >= LEAST_INPUT
            if long_enough and (nearest := self._index.nearest(text)) is not None:
                return KeepAwayMatch(KEPT_AWAY, nearest[1], nearest[0])
        return None


def training_texts_of_run(state: State) -> Iterator[TrainingText]:
    """Yield the seeds and the accepted tasks of a run, each with its instances."""
    for seed in state.seeds:
        parts = [seed.instruction, *(part for instance in seed.instances for part in (instance.input, instance.output))]
        yield TrainingText(
            seed.id, seed.instruction, tuple(parts), tuple(instance.input for instance in seed.instances)
        )
    for task in state.accepted:
        instances = state.passed_instances(task.name)
        parts = [task.text, *(part for instance in instances for part in (instance.input, instance.output))]
        yield TrainingText(task.name, task.text, tuple(parts), tuple(instance.input for instance in instances))


def measure_overlap(
    training: Sequence[TrainingText], cases: Iterable[EvaluationTask], tokenizer: str = "rouge"
) -> OverlapReport:
    """Measure the overlap of training data with each evaluation task, all instances of a task together.

    Args:
        training: the training texts.
        cases: the instances of the evaluation tasks.
        tokenizer: the tokenizer of ROUGE-L; equal texts and runs of words are found in every script.
    """
    tasks: dict[str, list[EvaluationTask]] = {}
    for case in cases:
        tasks.setdefault(case.task, []).append(case)
    index = NoveltyIndex(tokenizer=tokenizer)
    index.extend(text.instruction for text in training)
    shared = _SharedTexts(training, [case for group in tasks.values() for case in group])
    overlaps = [_task_overlap(name, group, training, index, shared) for name, group in tasks.items()]
    overlaps.sort(key=lambda task: (-task.score, task.task))
    return OverlapReport(len(training), tuple(overlaps))


class _SharedTexts:
    """Names of the training texts that share an instruction, an input or 13 words with the evaluation tasks."""

    def __init__(self, training: Sequence[TrainingText], cases: Sequence[EvaluationTask]) -> None:
        self.instructions: dict[str, list[str]] = {}
        self.inputs: dict[str, list[str]] = {}
        self.grams: dict[tuple[str, ...], str] = {}
        self.short_inputs: dict[str, list[str]] = {}
        self.examples: dict[tuple[str, str], list[str]] = {}
        short_inputs = {_plain(case.input) for case in cases if not _input(case)} - {""}
        examples = {(_plain(case.instruction), _plain(case.input)) for case in cases}
        instructions = {_plain(case.instruction) for case in cases} - {""}
        inputs = {_input(case) for case in cases} - {""}
        grams = {gram for case in cases for gram in _grams(_case_words(case))}
        for text in training:
            if (instruction := _plain(text.instruction)) in instructions:
                self.instructions.setdefault(instruction, []).append(text.name)
            given = {_plain(part) for part in text.inputs}
            for part in given & short_inputs:
                self.short_inputs.setdefault(part, []).append(text.name)
            if instruction in instructions:
                for part in given or {""}:
                    if (instruction, part) in examples:
                        self.examples.setdefault((instruction, part), []).append(text.name)
            parts = {_plain(line) for part in text.parts for line in (part, *part.split("\n"))}
            for part in parts & inputs:
                self.inputs.setdefault(part, []).append(text.name)
            for gram in _grams(unicode_tokens("\n".join(text.parts))):
                if gram in grams:
                    self.grams.setdefault(gram, text.name)


def _task_overlap(
    name: str,
    cases: Sequence[EvaluationTask],
    training: Sequence[TrainingText],
    index: NoveltyIndex,
    shared: _SharedTexts,
) -> TaskOverlap:
    instruction = cases[0].instruction
    best = index.best(instruction)
    score, nearest = (best[0], training[best[1]]) if best else (0.0, None)
    grams = {gram for case in cases for gram in _grams(_case_words(case))}
    common = sorted(gram for gram in grams if gram in shared.grams)
    same_input = {text for case in cases for text in shared.inputs.get(_input(case), ())}
    short = {text for case in cases if not _input(case) for text in shared.short_inputs.get(_plain(case.input), ())}
    keys = {(_plain(case.instruction), _plain(case.input)) for case in cases}
    same_example = {text for key in keys for text in shared.examples.get(key, ())}
    return TaskOverlap(
        name,
        round(score, 4),
        nearest.name if nearest else "",
        nearest.instruction if nearest else "",
        tuple(shared.instructions.get(_plain(instruction), ())[:5]),
        tuple(sorted(same_input)[:5]),
        len(common),
        len(grams),
        shared.grams[common[0]] if common else "",
        tuple(sorted(short)[:5]),
        tuple(sorted(same_example)[:5]),
    )


def _case_words(case: EvaluationTask) -> list[str]:
    return unicode_tokens(f"{case.instruction}\n{case.input}")


def _input(case: EvaluationTask) -> str:
    """Return the input in the form for searching; empty if it is too short to be meaningful."""
    words = unicode_tokens(case.input)
    return " ".join(words) if len(words) >= LEAST_INPUT else ""


def _plain(text: str) -> str:
    return " ".join(unicode_tokens(text))


def _grams(words: Sequence[str], length: int = RUN_LENGTH) -> Iterator[tuple[str, ...]]:
    return (tuple(words[n : n + length]) for n in range(len(words) - length + 1))
