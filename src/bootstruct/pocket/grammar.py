"""A small phrasing grammar that both writes and reads text.

A template is plain text with alternatives in brackets and slots in braces: ``[Write|Give] the {cat} in the list.``
Brackets nest. A slot is shown as it stands (``{cat}``), in the plural (``{+cat}``) or with its article (``{@cat}``).
The same template makes a sentence (`render`) and recognises it (`Reader`), so what is written can be read, strictly.
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
    """The plural of a category name as instructions use it."""
    return _IRREGULAR.get(word, word + "s")


def with_article(word: str) -> str:
    """`word` with "a" or "an" before it; a category that has no article stays as it is."""
    if word == "clothing":
        return "a piece of clothing"
    return ("an " if word[0] in "aeiou" else "a ") + word


def _form(mark: str, value: str) -> str:
    if mark == "+":
        return plural(value)
    return with_article(value) if mark == "@" else value


def render(template: str, rng: Random, values: Mapping[str, str] | None = None, slots: Slots | None = None) -> str:
    """One sentence of `template`. A slot takes its value from `values`, else a random one of `slots`."""
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
class Reader:
    """Recognises the sentences of some templates and gives back the values of their slots."""

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
        """The slot values where `text` as a whole is a sentence of a template, else None."""
        pattern, groups = self._compiled
        found = pattern.fullmatch(text)
        if found is None:
            return None
        values: dict[str, str] = {}
        for group, said in found.groupdict().items():
            if said is None:
                continue
            name, shown = groups[group]
            value = shown[said.lower()]
            if values.setdefault(name, value) != value:
                return None
        return values

    def fits(self, text: str) -> bool:
        """True where `text` is a sentence of a template."""
        return self.read(text) is not None


def any_of(options: Iterable[str]) -> str:
    """A bracket of alternatives."""
    return "[" + "|".join(options) + "]"
