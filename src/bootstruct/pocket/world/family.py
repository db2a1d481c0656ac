"""A task family: all tasks of one kind, with their phrasings, their instances and the way to find the right output.

The functions of a family have these types. `Params` maps the slots of an instruction to their values. A `Draw` gets a random
number generator, the params and a label (empty unless the family is a classification), and returns an input. A `Solve` gets an
input and the params, and returns the output, or None if the input does not fit the task. A `Write` draws an output of a task
without an input. An `Accept` gets an input, an output and the params, and returns whether the output is right.
"""

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
    """All tasks of one kind, such as "name the capital of a country".

    Attributes:
        name: the name of the family, unique among all families.
        theme: the key in `phrases.CONTEXTS` of the sentences that may precede the task.
        asks: whole sentences that ask for this task and for no other.
        draw: draws an input; for a classification, an input with the given label.
        solve: returns the output for an input, or None if the input does not fit the task.
        inputs: phrases for the input ("a word"), used in the shared frames.
        objects: phrases for the output ("the plural of the word"), used in the shared frames.
        answer: the form of the output: `word`, `list`, `sentence`, `number` or `label`.
        slots: the possible values of the slots in the phrases.
        labels: the labels of a classification; empty for other families.
        write: draws a right output, for a family whose tasks have several.
        accept: returns whether an output is right, for a family whose tasks have several right outputs.
        weight: how often the corpus shows the family, relative to a weight of 1.
        takes_input: whether its tasks have an input.
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
        """Whether its tasks are classification, that is, whether their outputs come from a few labels."""
        return bool(self.labels)

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """The templates of the task that the corpus has, without a sentence before or after them."""
        if not self.objects:
            return self.asks
        inputs, objects = any_of(self.inputs), any_of(self.objects)
        if not self.labels:
            return self.asks + plain_frames(inputs, objects)
        return self.asks + classification_frames(self.inputs, objects, self.labels)

    @cached_property
    def unseen_templates(self) -> tuple[str, ...]:
        """The templates kept for the evaluation and absent from the corpus; empty if the family uses no shared frames."""
        if not self.objects:
            return ()
        if self.labels:
            return unseen_classification_frames(self.inputs, any_of(self.objects))
        return unseen_plain_frames(any_of(self.inputs), any_of(self.objects))

    @cached_property
    def reader(self) -> PhraseReader:
        """A reader that recognizes all phrasings of the family, including those kept for the evaluation."""
        return PhraseReader(self.templates + self.unseen_templates, self.slots)

    def params(self, rng: Random) -> dict[str, str]:
        """Draw a value for each slot of the instruction."""
        return {name: rng.choice(values) for name, values in self.slots.items()}

    def instruction(self, rng: Random, params: Params) -> str:
        """Draw an instruction: a phrasing with these slot values, sometimes with a sentence before it and one after it.

        Half of the instructions use a sentence of the family's own, and half a shared frame, where the family has both.
        """
        own = bool(self.asks) and (not self.objects or rng.random() < 0.5)
        return self.phrased(rng, params, self.asks if own else self.templates[len(self.asks) :])

    def phrased(self, rng: Random, params: Params, templates: tuple[str, ...]) -> str:
        """Draw a phrasing of these templates.

        A third of the phrasings get a sentence of context before them, and a quarter get a sentence about the answer after
        them.
        """
        text = render(rng.choice(templates), rng, params)
        if rng.random() < 0.33:
            text = render(rng.choice(CONTEXTS["any"] + CONTEXTS[self.theme]), rng) + " " + text
        if rng.random() < 0.25:
            text += " " + render(rng.choice(ENDINGS["any"] + ENDINGS[self.answer]), rng)
        return text

    def instance(self, rng: Random, params: Params, label: str | None = None) -> tuple[str, str]:
        """Draw an instance.

        Args:
            rng: the random number generator.
            params: the slot values of the instruction.
            label: the label that the input is to have; None to draw one. Ignored by families that are not classification.

        Returns:
            The input, which is empty for a task without one, and a right output.
        """
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
    """Return a family whose inputs and outputs are the keys and values of `table`.

    The other arguments are the attributes of `TaskFamily` that have the same names.

    Example:
        >>> lookup_family("young", "facts", (), (), ("Name its young.",), {"cat": "kitten"}).solve("cat", {})
        'kitten'
    """
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
    """Return a classification family whose inputs are made from templates.

    `examples` holds the templates for each label, and `slots` the values that fill the slots of these templates. A text that
    fits the templates of two labels is not an input of the family. The other arguments are the attributes of `TaskFamily` that
    have the same names.

    Example:
        >>> size = classification_family("size", "classes", (), (), ("Big or small?",), {"big": ("whale",), "small": ("ant",)})
        >>> size.labels, size.solve("ant", {}), size.solve("cat", {})
        (('big', 'small'), 'small', None)
    """
    fillers = slots or {}
    readers = {label: PhraseReader(templates, fillers) for label, templates in examples.items()}

    def draw(rng: Random, _params: Params, label: str) -> str:
        return render(rng.choice(examples[label]), rng, None, fillers)

    def solve(text: str, _params: Params) -> str | None:
        labels = [label for label, reader in readers.items() if reader.fits(text)]
        return labels[0] if len(labels) == 1 else None

    return TaskFamily(name, theme, asks, draw, solve, inputs, objects, "label", labels=tuple(examples), weight=weight)
