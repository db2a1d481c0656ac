"""A family: one kind of small task, with its phrasings, its instances and its one right answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from bootstruct.pocket.grammar import Reader, Slots, any_of, render
from bootstruct.pocket.phrases import CONTEXTS, ENDINGS, classification_frames, plain_frames

Params = Mapping[str, str]
Draw = Callable[[Random, Params, str], str]
Solve = Callable[[str, Params], str | None]
Write = Callable[[Random, Params], str]
Accept = Callable[[str, str, Params], bool]


@dataclass(frozen=True)
class Family:
    """One kind of task.

    `draw(rng, params, label)` makes an input (for a classification family one with that label), `solve(input, params)`
    gives its output, or None where the input does not fit the task. An open family (several right answers) has `write`
    and `accept` as well. `inputs` ("a word") and `objects` ("the plural of the word") go into the shared frames; `asks`
    are whole sentences of its own. `answer` names the shape of the output: word, list, sentence, number or label.
    `weight` is how often the corpus shows it among the others.
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
        """True where the output is one of a few labels."""
        return bool(self.labels)

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """Every way to say the task itself, without a sentence before or after."""
        if not self.objects:
            return self.asks
        inputs, objects = any_of(self.inputs), any_of(self.objects)
        if not self.labels:
            return self.asks + plain_frames(inputs, objects)
        return self.asks + classification_frames(self.inputs, objects, self.labels)

    @cached_property
    def reader(self) -> Reader:
        """Recognises the family's phrasings."""
        return Reader(self.templates, self.slots)

    def params(self, rng: Random) -> dict[str, str]:
        """Random values for the slots of the instruction."""
        return {name: rng.choice(values) for name, values in self.slots.items()}

    def instruction(self, rng: Random, params: Params) -> str:
        """A random phrasing; with some chance a sentence of context before it and one about the answer after it."""
        own = bool(self.asks) and (not self.objects or rng.random() < 0.5)
        template = rng.choice(self.asks if own else self.templates[len(self.asks) :])
        text = render(template, rng, params)
        if rng.random() < 0.33:
            text = render(rng.choice(CONTEXTS["any"] + CONTEXTS[self.theme]), rng) + " " + text
        if rng.random() < 0.25:
            text += " " + render(rng.choice(ENDINGS["any"] + ENDINGS[self.answer]), rng)
        return text

    def instance(self, rng: Random, params: Params, label: str | None = None) -> tuple[str, str]:
        """A random input and its output; `label` asks for an input of that label, by default a random one."""
        if self.write is not None and not self.takes_input:
            return "", self.write(rng, params)
        wanted = label if label is not None else (rng.choice(self.labels) if self.labels else "")
        text = self.draw(rng, params, wanted)
        output = self.solve(text, params)
        assert output is not None, f"{self.name}: {text!r} {dict(params)}"
        return text, output

    def is_right(self, text: str, output: str, params: Params) -> bool | None:
        """True or False for a right or a wrong output; None where the input does not fit the task."""
        if self.accept is not None:
            if self.takes_input and self.solve(text, params) is None:
                return None
            return self.accept(text, output, params)
        expected = self.solve(text, params)
        return None if expected is None else output == expected


def lookup(
    name: str,
    theme: str,
    inputs: tuple[str, ...],
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    table: Mapping[str, str],
    answer: str = "word",
    weight: float = 1.0,
) -> Family:
    """A family whose answers stand in a table."""
    words = tuple(table)
    return Family(
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


def sorting(
    name: str,
    theme: str,
    inputs: tuple[str, ...],
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    examples: Mapping[str, tuple[str, ...]],
    slots: Slots | None = None,
    weight: float = 1.0,
) -> Family:
    """A classification family: label -> templates of the inputs that have it; `slots` fill the templates."""
    fillers = slots or {}
    readers = {label: Reader(templates, fillers) for label, templates in examples.items()}

    def draw(rng: Random, _params: Params, label: str) -> str:
        return render(rng.choice(examples[label]), rng, None, fillers)

    def solve(text: str, _params: Params) -> str | None:
        found = [label for label, reader in readers.items() if reader.fits(text)]
        return found[0] if len(found) == 1 else None

    return Family(name, theme, asks, draw, solve, inputs, objects, "label", labels=tuple(examples), weight=weight)
