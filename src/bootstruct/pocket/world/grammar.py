"""A small phrasing grammar that both writes and reads text.

A template is plain text with alternatives in brackets and slots in braces: ``[Write|Give] the {cat} in the list.``
Brackets nest. A slot is written as it is (``{cat}``), in the plural (``{+cat}``) or with its article (``{@cat}``). The same
template writes a sentence (`render`) and recognizes it (`PhraseReader`), so everything that is written can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

Slots = Mapping[str, tuple[str, ...]]

_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([+@]?)(\w+)\}")
_IRREGULAR = {"city": "cities", "country": "countries", "body part": "body parts", "clothing": "clothes"}


def plural(word: str) -> str:
    """Return the plural of a category name as instructions use it."""
    return _IRREGULAR.get(word, word + "s")


def with_article(word: str) -> str:
    """Return a word with "a" or "an" before it."""
    if word == "clothing":
        return "a piece of clothing"
    return ("an " if word[0] in "aeiou" else "a ") + word


def _form(mark: str, value: str) -> str:
    if mark == "+":
        return plural(value)
    return with_article(value) if mark == "@" else value


def render(template: str, rng: Random, values: Mapping[str, str] | None = None, slots: Slots | None = None) -> str:
    """Draw one sentence of a template.

    Args:
        template: the template.
        rng: the generator for alternatives and slots.
        values: values of slots, by name.
        slots: the values to draw from for the other slots.
    """
    while found := _INNERMOST.search(template):
        template = template[: found.start()] + rng.choice(found[1].split("|")) + template[found.end() :]

    def fill(found: re.Match[str]) -> str:
        name = found[2]
        if values is not None and name in values:
            return _form(found[1], values[name])
        assert slots is not None, f"no value for the slot {name}"
        return _form(found[1], rng.choice(slots[name]))

    return _SLOT.sub(fill, template)


@dataclass(frozen=True)
class PhraseReader:
    """Recognizes the sentences of some templates and returns the values of their slots."""

    templates: tuple[str, ...]
    slots: Slots = field(default_factory=dict)

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], dict[str, tuple[str, dict[str, str]]]]:
        groups: dict[str, tuple[str, dict[str, str]]] = {}
        parts = [self._pattern(template, groups) for template in self.templates]
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE), groups

    @property
    def pattern(self) -> str:
        """The regular expression of all templates together."""
        return self._compiled[0].pattern

    def _pattern(self, template: str, groups: dict[str, tuple[str, dict[str, str]]]) -> str:
        out: list[str] = []
        at = 0
        while at < len(template):
            found = _SLOT.match(template, at)
            if found:
                shown = {_form(found[1], value).lower(): value for value in self.slots[found[2]]}
                name = f"g{len(groups)}"
                groups[name] = (found[2], shown)
                # Longest first, so that "sea" never hides "sea lion".
                longest = sorted(shown, key=len, reverse=True)
                out.append(f"(?P<{name}>{'|'.join(re.escape(value) for value in longest)})")
                at = found.end()
                continue
            out.append({"[": "(?:", "]": ")", "|": "|"}.get(template[at]) or re.escape(template[at]))
            at += 1
        return "".join(out)

    def read(self, text: str) -> dict[str, str] | None:
        """Return the slot values if `text` as a whole is a sentence of a template, otherwise None."""
        pattern, groups = self._compiled
        found = pattern.fullmatch(text)
        if found is None:
            return None
        values: dict[str, str] = {}
        for group, matched in found.groupdict().items():
            if matched is None:
                continue
            name, shown = groups[group]
            value = shown[matched.lower()]
            if values.setdefault(name, value) != value:
                return None
        return values

    def fits(self, text: str) -> bool:
        """Return whether `text` is a sentence of a template."""
        return self.read(text) is not None


def any_of(options: Iterable[str]) -> str:
    """Return a bracket of alternatives."""
    return "[" + "|".join(options) + "]"
