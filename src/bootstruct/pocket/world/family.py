"""A task family: one sort of small task, with its phrasings, its instances and its right output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from bootstruct.pocket.world.grammar import PhraseReader, Slots, any_of, render
from bootstruct.pocket.world.phrases import (
    CONTEXTS,
    ENDINGS,
    classification_frames,
    plain_frames,
    unseen_classification_frames,
    unseen_plain_frames,
)

Params = Mapping[str, str]
Draw = Callable[[Random, Params, str], str]
Solve = Callable[[str, Params], str | None]
Write = Callable[[Random, Params], str]
Accept = Callable[[str, str, Params], bool]


@dataclass(frozen=True)
class TaskFamily:
    """One sort of task.

    Attributes:
        name: its name.
        theme: which sentences of context fit it.
        asks: whole sentences of its own that ask for the task.
        draw: draws an input; for a classification family one with the given label.
        solve: returns the output of an input, None if the input does not fit the task.
        inputs: phrases for the input ("a word"), used in the shared frames.
        objects: phrases for the output ("the plural of the word"), used in the shared frames.
        answer: the shape of the output: word, list, sentence, number or label.
        slots: the values of the slots in its phrases.
        labels: the labels of a classification family.
        write: writes an output, for a family with several right ones.
        accept: returns whether an output is right, for a family with several right ones.
        weight: how often the corpus shows it, compared with other families.
        takes_input: whether the task has an input.
    """

    name: str
    theme: str
    asks: tuple[str, ...]
    draw: Draw
    solve: Solve
    inputs: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    answer: str = "word"
    slots: Slots = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    write: Write | None = None
    accept: Accept | None = None
    weight: float = 1.0
    takes_input: bool = True

    @property
    def is_classification(self) -> bool:
        """Whether the output is one of a few labels."""
        return bool(self.labels)

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """The templates of the task itself that the corpus has, without a sentence before or after it."""
        if not self.objects:
            return self.asks
        inputs, objects = any_of(self.inputs), any_of(self.objects)
        if not self.labels:
            return self.asks + plain_frames(inputs, objects)
        return self.asks + classification_frames(self.inputs, objects, self.labels)

    @cached_property
    def unseen_templates(self) -> tuple[str, ...]:
        """Templates that the corpus does not have, for the evaluation; empty for a family without shared frames."""
        if not self.objects:
            return ()
        if self.labels:
            return unseen_classification_frames(self.inputs, any_of(self.objects))
        return unseen_plain_frames(any_of(self.inputs), any_of(self.objects))

    @cached_property
    def reader(self) -> PhraseReader:
        """A reader of the family's phrasings, those of the evaluation included."""
        return PhraseReader(self.templates + self.unseen_templates, self.slots)

    def params(self, rng: Random) -> dict[str, str]:
        """Draw values for the slots of the instruction."""
        return {name: rng.choice(values) for name, values in self.slots.items()}

    def instruction(self, rng: Random, params: Params) -> str:
        """Draw a phrasing, sometimes with a sentence of context before it and one about the answer after it."""
        own = bool(self.asks) and (not self.objects or rng.random() < 0.5)
        return self.phrased(rng, params, self.asks if own else self.templates[len(self.asks) :])

    def phrased(self, rng: Random, params: Params, templates: tuple[str, ...]) -> str:
        """Draw a phrasing of some templates, sometimes with a sentence before and after it, as `instruction` does."""
        text = render(rng.choice(templates), rng, params)
        if rng.random() < 0.33:
            text = render(rng.choice(CONTEXTS["any"] + CONTEXTS[self.theme]), rng) + " " + text
        if rng.random() < 0.25:
            text += " " + render(rng.choice(ENDINGS["any"] + ENDINGS[self.answer]), rng)
        return text

    def instance(self, rng: Random, params: Params, label: str | None = None) -> tuple[str, str]:
        """Draw an input and its output; `label` asks for an input with that label, otherwise the label is drawn."""
        if self.write is not None and not self.takes_input:
            return "", self.write(rng, params)
        chosen = label if label is not None else (rng.choice(self.labels) if self.labels else "")
        text = self.draw(rng, params, chosen)
        output = self.solve(text, params)
        assert output is not None, f"{self.name}: {text!r} {dict(params)}"
        return text, output

    def is_right(self, text: str, output: str, params: Params) -> bool | None:
        """Return whether an output is right; None if the input does not fit the task."""
        if self.accept is not None:
            if self.takes_input and self.solve(text, params) is None:
                return None
            return self.accept(text, output, params)
        expected = self.solve(text, params)
        return None if expected is None else output == expected


def lookup_family(
    name: str,
    theme: str,
    inputs: tuple[str, ...],
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    table: Mapping[str, str],
    answer: str = "word",
    weight: float = 1.0,
) -> TaskFamily:
    """Return a family whose inputs and outputs are the pairs of a table."""
    words = tuple(table)
    return TaskFamily(
        name,
        theme,
        asks,
        lambda rng, _p, _l: rng.choice(words),
        lambda text, _p: table.get(text),
        inputs,
        objects,
        answer,
        weight=weight,
    )


def classification_family(
    name: str,
    theme: str,
    inputs: tuple[str, ...],
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    examples: Mapping[str, tuple[str, ...]],
    slots: Slots | None = None,
    weight: float = 1.0,
) -> TaskFamily:
    """Return a classification family; `examples` maps each label to templates of inputs, which `slots` fill."""
    fillers = slots or {}
    readers = {label: PhraseReader(templates, fillers) for label, templates in examples.items()}

    def draw(rng: Random, _params: Params, label: str) -> str:
        return render(rng.choice(examples[label]), rng, None, fillers)

    def solve(text: str, _params: Params) -> str | None:
        labels = [label for label, reader in readers.items() if reader.fits(text)]
        return labels[0] if len(labels) == 1 else None

    return TaskFamily(name, theme, asks, draw, solve, inputs, objects, "label", labels=tuple(examples), weight=weight)
