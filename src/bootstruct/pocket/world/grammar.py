"""A small phrasing grammar that both writes and reads text.

A template is plain text with alternatives in brackets and slots in braces, such as ``[Write|Give] the {cat} in the list.``
Brackets may be nested. A slot inserts its value unchanged (``{cat}``), in the plural (``{+cat}``) or with its article
(``{@cat}``). The same template serves to write a sentence (`render`) and to recognize it (`PhraseReader`), so whatever is
written can be read.
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
    """Return the plural of a category name, as instructions use it.

    Example:
        >>> plural("city"), plural("tool")
        ('cities', 'tools')
    """
    return _IRREGULAR.get(word, word + "s")


def with_article(word: str) -> str:
    """Return a category name with "a" or "an" before it.

    Example:
        >>> with_article("animal"), with_article("clothing")
        ('an animal', 'a piece of clothing')
    """
    if word == "clothing":
        return "a piece of clothing"
    return ("an " if word[0] in "aeiou" else "a ") + word


def _form(mark: str, value: str) -> str:
    """Return a slot's value in the form that its mark asks for: "+" for the plural, "@" for the article, "" for no change."""
    if mark == "+":
        return plural(value)
    return with_article(value) if mark == "@" else value


def render(template: str, rng: Random, values: Mapping[str, str] | None = None, slots: Slots | None = None) -> str:
    """Draw one sentence from a template.

    Args:
        template: the template.
        rng: the random number generator, which chooses alternatives and slot values.
        values: the values of slots that are already known, by name of the slot.
        slots: the values from which the other slots are drawn, by name of the slot.

    Example:
        >>> render("[Name|Name] {@cat}.", Random(1), {"cat": "animal"})
        'Name an animal.'
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
    """Recognizes the sentences of some templates, in upper or lower case, and returns the values of their slots.

    Attributes:
        templates: the templates.
        slots: the possible values of the slots in them.

    Example:
        >>> PhraseReader(("[Write|Give] the {cat}.",), {"cat": ("animal", "tool")}).read("Give the tool.")
        {'cat': 'tool'}
    """

    templates: tuple[str, ...]
    slots: Slots = field(default_factory=dict)

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], dict[str, tuple[str, dict[str, str]]]]:
        groups: dict[str, tuple[str, dict[str, str]]] = {}
        parts = [self._pattern(template, groups) for template in self.templates]
        return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE), groups

    @property
    def pattern(self) -> str:
        """A regular expression that matches the sentences of all templates."""
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
                # The longest value comes first; otherwise "sea" would match the beginning of "sea lion".
                longest = sorted(shown, key=len, reverse=True)
                out.append(f"(?P<{name}>{'|'.join(re.escape(value) for value in longest)})")
                at = found.end()
                continue
            out.append({"[": "(?:", "]": ")", "|": "|"}.get(template[at]) or re.escape(template[at]))
            at += 1
        return "".join(out)

    def read(self, text: str) -> dict[str, str] | None:
        """Return the slot values if the whole text is a sentence of a template, otherwise None.

        A text that gives one slot two different values is not read.
        """
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
        """Return whether the whole text is a sentence of a template."""
        return self.read(text) is not None


def any_of(options: Iterable[str]) -> str:
    """Return the part of a template that stands for any of these texts.

    Example:
        >>> any_of(["a word", "a noun"])
        '[a word|a noun]'
    """
    return "[" + "|".join(options) + "]"
