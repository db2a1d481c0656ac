"""The training rows of a run: one for each instance, in the order in which the tasks were accepted."""

import hashlib
import json
import tempfile
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstruct.config.recipe import Recipe
from bootstruct.io.files import json_bytes
from bootstruct.journal.state import State
from bootstruct.stages.draw import rng_for
from bootstruct.stages.followups import conversation
from bootstruct.stages.training_format import encode, training_instances
from bootstruct.types import Example, Instance, Message


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One training row.

    Attributes:
        name: `812.3/0` is the first instance of task 812.3; the rows of a seed begin with the seed's id.
        task_name: name of the task, or the id of the seed.
        instruction: its instruction.
        instance: input and output.
        is_classification: its task type.
        is_seed: whether it is a seed's.
        run: name of the run, where rows of several runs go into one file; else empty.
        thought: what the model thought before the answer; empty unless thoughts are exported (`export.thoughts`).
    """

    name: str
    task_name: str
    instruction: str
    instance: Instance
    is_classification: bool
    is_seed: bool
    run: str = ""
    thought: str = ""

    @property
    def id(self) -> str:
        """Its name, which begins with that of the run where there are several."""
        return f"{self.run}/{self.name}" if self.run else self.name

    @property
    def task(self) -> str:
        """The name of its task, which begins with that of the run where there are several."""
        return f"{self.run}/{self.task_name}" if self.run else self.task_name

    @property
    def request(self) -> str:
        """Instruction and input as one message."""
        return self.messages[0].content

    @property
    def messages(self) -> tuple[Message, ...]:
        """The row as a chat of two messages, and of two more for each further turn."""
        return conversation(self.instruction, self.instance)


def training_rows(
    state: State, seeds: bool = False, without: Collection[str] = (), run: str = ""
) -> Iterator[TrainingRow]:
    """Yield the rows of a run: the seeds first (if requested), then each completed task.

    Args:
        state: the state of the run.
        seeds: whether the seeds are part of it.
        without: names of tasks to leave out, such as those that people marked as bad.
        run: name of the run, where there are several.

    Yields:
        At most `instances.most` rows of each accepted task, and all of each seed.
    """
    for seed in state.seeds if seeds else ():
        for number, instance in enumerate(seed.instances):
            name, kind = f"{seed.id}/{number}", seed.is_classification
            yield TrainingRow(name, seed.id, seed.instruction, instance, kind, True, run)
    for task in state.completed_tasks:
        if task.name in without:
            continue
        kind = state.completed[task.name].is_classification
        for number, instance in enumerate(
            training_instances(state.recipe, task.name, state.passed_instances(task.name))
        ):
            yield TrainingRow(f"{task.name}/{number}", task.name, task.text, instance, kind, False, run)


def encoded_row(recipe: Recipe, row: TrainingRow, output: str | None = None) -> Example:
    """Return a row encoded with one of the recipe's templates, which its name draws.

    Args:
        recipe: the recipe.
        row: the row.
        output: the answer instead of its own.
    """
    instance = row.instance if output is None else Instance(row.instance.input, output)
    return encode(recipe, row.instruction, instance, rng_for(recipe.seed, "encode", row.name))


def prompt_completions(recipe: Recipe, rows: Iterable[TrainingRow]) -> Iterator[dict[str, Any]]:
    """Yield prompt and completion of each row, encoded with the recipe's templates, with the row's id and its task.

    Rows that come out equal are kept once. The order is shuffled by the recipe's seed: they wait in a temporary file until
    all are there, and in memory is a digest of each.
    """
    once, places = EqualTexts(), array("q")
    with tempfile.TemporaryFile() as waiting:
        for row in rows:
            example = encoded_row(recipe, row)
            if once.is_new(example.prompt, example.completion):
                places.append(waiting.tell())
                pair = {"id": row.id, "task": row.task, "prompt": example.prompt, "completion": example.completion}
                waiting.write(json_bytes(pair) + b"\n")
        rng_for(recipe.seed, "shuffle").shuffle(places)
        for place in places:
            waiting.seek(place)
            yield json.loads(waiting.readline())


class EqualTexts:
    """Recognises texts that occur again, by their digests.

    Example:
        >>> once = EqualTexts()
        >>> once.is_new("a", "b"), once.is_new("a", "b"), once.is_new("ab", "")
        (True, False, True)
    """

    def __init__(self) -> None:
        self._digests = set[bytes]()

    def is_new(self, *texts: str) -> bool:
        """Whether these texts are new; remembers them."""
        before = len(self._digests)
        self._digests.add(hashlib.blake2b(json_bytes(texts), digest_size=16).digest())
        return len(self._digests) > before
