"""`finetune --select`: which of the examples are trained on, by the rules of `bootstruct select`."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.embeddings.embedder import embedded, open_embedder
from bootstruct.errors import InputError
from bootstruct.finetuning.data import TrainingData, TrainingExample
from bootstruct.finetuning.settings import SelectSettings
from bootstruct.io.files import write_whole
from bootstruct.selection.rules import Floats, RuleInputs, SelectableRow, SelectionRule, choose
from bootstruct.selection.select import SelectionOptions

SELECTION: Final = "selection.jsonl"  # in the folder of the model: each chosen example, with its rank and the reason
Tell = Callable[[str], None]
Json = dict[str, Any]


def select_examples(
    data: TrainingData, settings: SelectSettings, seed: int, tell: Tell
) -> tuple[TrainingData, list[Json]]:
    """Choose among the examples to train on; those of a run's seed tasks and of held-out tasks stay.

    Args:
        data: the examples.
        settings: the rule, how many, and what it needs.
        seed: of the rule `random`.
        tell: called with a line about the current step.

    Returns:
        The data with the chosen examples in their order, and a row about each of them, in the order of choice.

    Raises:
        InputError: options do not fit together, or there are fewer examples than requested.
        EngineUnavailableError: a model cannot be loaded or reached.
    """
    if not settings.rule:
        return data, []
    rule = options_of(settings).by
    places = [place for place, example in enumerate(data.train) if not example.is_seed]
    rows = [_row(place, data.train[place]) for place in places]
    if settings.size > len(rows):
        raise InputError(
            f"--select-size {settings.size}: there are {len(rows)} examples to choose from; give a number up to that."
        )
    chosen = choose(rows, settings.size, rule, _inputs(settings, tell), settings.quality or "ifd", seed)
    kept = {places[choice.place] for choice in chosen}
    train = tuple(example for place, example in enumerate(data.train) if example.is_seed or place in kept)
    tell(f"{len(chosen):,} of {len(rows):,} examples chosen by {rule}; {SELECTION} explains each choice")
    explained = [
        {
            "rank": rank,
            "by": rule,
            "why": choice.why,
            "task": rows[choice.place].instruction,
            "output": rows[choice.place].output,
        }
        for rank, choice in enumerate(chosen, 1)
    ]
    return dataclasses.replace(data, train=train, tasks=len({example.task for example in train})), explained


def options_of(settings: SelectSettings) -> SelectionOptions:
    """The options as `bootstruct select` checks them. Raises InputError if they do not fit together."""
    rule: SelectionRule = settings.rule  # type: ignore[assignment]
    if "grade" in (rule, settings.quality):
        raise InputError(
            "--select grade: examples have no field with grades; `bootstruct select --by grade` writes a file to train on."
        )
    options = SelectionOptions(
        settings.size, rule, None, settings.quality or None, None, settings.model or None, settings.embed or None
    )
    options.check()
    return options


def write_selection(out: Path, explained: Sequence[Json]) -> None:
    """Write the rows about the chosen examples into the folder of the model, if any were chosen."""
    if explained:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in explained)
        write_whole(out / SELECTION, lines.encode("utf-8", "replace"))


def _row(place: int, example: TrainingExample) -> SelectableRow:
    """An example as the rules see it: the user's first turn, which holds the input, and the assistant's last one."""
    asked = next((turn.content for turn in example.messages if turn.role == "user"), example.task)
    return SelectableRow(place, asked, "", example.messages[-1].content if example.messages else example.completion)


def _inputs(settings: SelectSettings, tell: Tell) -> RuleInputs:
    def perplexities(every: Sequence[SelectableRow]) -> tuple[Floats, Floats]:
        from bootstruct.selection.likelihood import perplexities as of

        tell(f"likelihoods of {len(every):,} examples")
        return of(every, settings.model)

    def grades(every: Sequence[SelectableRow]) -> Floats:
        return np.full(len(every), np.nan)

    def vectors(every: Sequence[SelectableRow]) -> NDArray[np.float32]:
        tell(f"embeddings of {len(every):,} examples")
        return embedded([one.instruction for one in every], open_embedder(settings.embed))

    return RuleInputs(perplexities, grades, vectors)
