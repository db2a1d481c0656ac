"""How near training data comes to an evaluation set: the nearest instruction, equal texts, shared runs of 13 words.

ROUGE-L is that of the novelty filter (no stemmer), between instructions: the released seeds hold one of the paper's own
evaluation instructions word for word (the released code). Equal texts and 13-grams are looked for in instruction and
input of the evaluation task against everything a training example says, lower-cased, without punctuation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from bootstruct.events import State
from bootstruct.stages.novelty import Index
from bootstruct.stages.pool import KEPT_AWAY
from bootstruct.stages.rouge import unicode_tokens

RUN_LENGTH: Final = 13  # words; shorter runs are shared by chance
LEAST_INPUT: Final = 5  # words an input must have to be looked for: "yes" is found everywhere
NEAR: Final = 0.7  # section 2.2 of the paper: the novelty filter's threshold
_STEPS: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_INSTRUCTIONS: Final = ("instruction", "prompt", "text", "question")
_REST: Final = ("input", "output", "completion", "response")


class Posed(Protocol):
    """What is asked of a model in one instance of an evaluation task; `task` is the name it is counted under."""

    @property
    def task(self) -> str: ...
    @property
    def instruction(self) -> str: ...
    @property
    def input(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Trained:
    """One training text: its name, its instruction, and all its parts, that one first."""

    name: str
    instruction: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near the training data comes to one evaluation task.

    score, nearest: the best ROUGE-L F of its instruction and whose that is. same_instruction, same_input: training texts
    with the same instruction, or one part or line of which is the input (5 words or more). runs: 13-grams of the task that
    occur in training, of `of_runs`; `where` names a text that holds the first.
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

    @property
    def is_alarming(self) -> bool:
        """True where something is shared word for word, or the instruction is as near as novelty refuses."""
        return bool(self.same_instruction or self.same_input or self.runs or self.score > NEAR)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What was found of an evaluation set, the nearest tasks first. `texts`: training texts looked at."""

    texts: int
    tasks: tuple[Nearness, ...]

    def summary(self) -> Mapping[str, Any]:
        """The counts."""
        scores = np.array([each.score for each in self.tasks])
        return {
            "training_texts": self.texts,
            "evaluation_tasks": len(self.tasks),
            "best_rouge_l": {"mean": round(float(scores.mean()), 4), "max": round(float(scores.max()), 4)},
            "at_least": {str(step): int((scores >= step).sum()) for step in _STEPS},
            "same_instruction": sum(bool(each.same_instruction) for each in self.tasks),
            "same_input": sum(bool(each.same_input) for each in self.tasks),
            "sharing_13_words": sum(bool(each.runs) for each in self.tasks),
        }


@dataclass(frozen=True, slots=True)
class Near:
    """Why a training text is too near: the rule, the number of the text it is near to, and ROUGE-L where that was it."""

    rule: str
    text: int
    score: float | None = None


SHARES_RUN: Final = "shares a run of words with a kept-away text"


class KeptAway:
    """Texts that training must not come near, such as a test set's instructions and inputs; asked one example at a time.

    run_length: words in a row that must not be shared. near: ROUGE-L F that must not be exceeded.
    """

    def __init__(
        self, texts: Sequence[str], run_length: int = RUN_LENGTH, near: float = NEAR, words: str = "rouge"
    ) -> None:
        self._runs: dict[tuple[str, ...], int] = {}
        for number, text in enumerate(texts):
            for gram in _grams(unicode_tokens(text), run_length):
                self._runs.setdefault(gram, number)
        self._run_length, self._index = run_length, Index(near, tokenizer=words)
        self._index.extend(texts)

    def find(self, instruction: str, parts: Sequence[str]) -> Near | None:
        """The first way in which an instruction or a part of its example is too near; None where nothing is.

        Parts of fewer than 5 words are not compared by ROUGE-L: "yes" is near to every other "yes".
        """
        for gram in _grams(unicode_tokens("\n".join((instruction, *parts))), self._run_length) if self._runs else ():
            if gram in self._runs:
                return Near(SHARES_RUN, self._runs[gram])
        for text in (instruction, *parts):
            long_enough = text is instruction or len(unicode_tokens(text)) >= LEAST_INPUT
            if long_enough and (found := self._index.nearest(text)) is not None:
                return Near(KEPT_AWAY, found[1], found[0])
        return None


def trained_in_run(state: State) -> Iterator[Trained]:
    """The seeds, instructions and instances of a run."""
    for seed in state.seeds:
        parts = [seed.instruction, *(part for each in seed.instances for part in (each.input, each.output))]
        yield Trained(seed.id, seed.instruction, tuple(parts))
    for task in state.machine:
        parts = [task.text, *(part for each in state.standing(task.name) for part in (each.input, each.output))]
        yield Trained(task.name, task.text, tuple(parts))


def texts_of_row(row: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a training row, its instruction first."""
    yield from (row[name] for name in _INSTRUCTIONS if isinstance(row.get(name), str) and row[name].strip())
    for name in ("messages", "conversations"):
        for turn in row[name] if isinstance(row.get(name), list) else ():
            said = turn.get("content", turn.get("value")) if isinstance(turn, dict) else None
            if isinstance(said, str) and said.strip() and turn.get("role", turn.get("from")) != "system":
                yield said
    for each in row["instances"] if isinstance(row.get("instances"), list) else ():
        if isinstance(each, dict):
            yield from (each[name] for name in _REST if isinstance(each.get(name), str))
    yield from (row[name] for name in _REST if isinstance(row.get(name), str) and row[name].strip())


def overlap(training: Sequence[Trained], cases: Iterable[Posed], tokenizer: str = "rouge") -> Overlap:
    """How near the training data comes to each evaluation task (all instances of a task together).

    tokenizer: what words are for ROUGE-L; equal texts and runs of words are found in every script.
    """
    tasks: dict[str, list[Posed]] = {}
    for case in cases:
        tasks.setdefault(case.task, []).append(case)
    index = Index(tokenizer=tokenizer)
    index.extend(each.instruction for each in training)
    found_in = _FoundIn(training, [case for group in tasks.values() for case in group])
    found = [_nearness(name, group, training, index, found_in) for name, group in tasks.items()]
    found.sort(key=lambda each: (-each.score, each.task))
    return Overlap(len(training), tuple(found))


class _FoundIn:
    """Which training texts hold an instruction, an input or a run of words of the evaluation tasks, by names."""

    def __init__(self, training: Sequence[Trained], cases: Sequence[Posed]) -> None:
        self.instructions: dict[str, list[str]] = {}
        self.inputs: dict[str, list[str]] = {}
        self.grams: dict[tuple[str, ...], str] = {}
        instructions = {_plain(case.instruction) for case in cases} - {""}
        inputs = {_input(case) for case in cases} - {""}
        wanted = {gram for case in cases for gram in _grams(_case_words(case))}
        for each in training:
            if (instruction := _plain(each.instruction)) in instructions:
                self.instructions.setdefault(instruction, []).append(each.name)
            parts = {_plain(text) for part in each.parts for text in (part, *part.split("\n"))}
            for part in parts & inputs:
                self.inputs.setdefault(part, []).append(each.name)
            for gram in _grams(unicode_tokens("\n".join(each.parts))):
                if gram in wanted:
                    self.grams.setdefault(gram, each.name)


def _nearness(
    name: str,
    cases: Sequence[Posed],
    training: Sequence[Trained],
    index: Index,
    found_in: _FoundIn,
) -> Nearness:
    instruction = cases[0].instruction
    best = index.best(instruction)
    score, nearest = (best[0], training[best[1]]) if best else (0.0, None)
    grams = {gram for case in cases for gram in _grams(_case_words(case))}
    shared = sorted(gram for gram in grams if gram in found_in.grams)
    same_input = {each for case in cases for each in found_in.inputs.get(_input(case), ())}
    return Nearness(
        name,
        round(score, 4),
        nearest.name if nearest else "",
        nearest.instruction if nearest else "",
        tuple(found_in.instructions.get(_plain(instruction), ())[:5]),
        tuple(sorted(same_input)[:5]),
        len(shared),
        len(grams),
        found_in.grams[shared[0]] if shared else "",
    )


def _case_words(case: Posed) -> list[str]:
    return unicode_tokens(f"{case.instruction}\n{case.input}")


def _input(case: Posed) -> str:
    """The input as it is looked for; empty where it is too short to say anything."""
    words = unicode_tokens(case.input)
    return " ".join(words) if len(words) >= LEAST_INPUT else ""


def _plain(text: str) -> str:
    return " ".join(unicode_tokens(text))


def _grams(words: Sequence[str], length: int = RUN_LENGTH) -> Iterator[tuple[str, ...]]:
    return (tuple(words[n : n + length]) for n in range(len(words) - length + 1))
