"""The vocabulary of the micro-world, and the words of seed tasks that the pocket model has never seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from random import Random

from bootstruct.pocket.world import lexicon, prompt_headers
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.grammar import plural, with_article
from bootstruct.pocket.world.phrases import CONTEXTS, ENDINGS
from bootstruct.types import Seed

DRAWS = 150  # the number of instances per family whose words are added
CORPUS_ONLY = ("again", "exercises")  # words that only occur between the tasks of the corpus
FORMS: Mapping[str, Callable[[str], str]] = {"": str, "+": plural, "@": with_article}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SLOT = re.compile(r"\{([+@]?)(\w+)\}")


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without numbers and punctuation.

    Example:
        >>> words_of("Don't count to 10, Tom!")
        ["don't", 'count', 'to', 'tom']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


@cache
def vocabulary() -> frozenset[str]:
    """Return every word of the phrasing grammar and of the tables, and the words of `DRAWS` instances of each family."""
    return frozenset(word for text in _texts() for word in words_of(text))


def unknown_words(seeds: Iterable[Seed]) -> list[str]:
    """Return the words of seed tasks that are not in the vocabulary, each once, in the order of their first occurrence."""
    texts = (
        text
        for seed in seeds
        for text in (
            seed.instruction,
            *(part for instance in seed.instances for part in (instance.input, instance.output)),
        )
    )
    return list(dict.fromkeys(word for text in texts for word in words_of(text) if word not in vocabulary()))


def _texts() -> Iterator[str]:
    """Yield all texts whose words belong to the vocabulary."""
    yield from CORPUS_ONLY
    for module in (lexicon, prompt_headers):
        for name, value in vars(module).items():
            if not name.startswith("_"):
                yield from _strings(value)
    for table in (CONTEXTS, ENDINGS):
        yield from _strings(tuple(table.values()))
    for family in FAMILIES.values():
        yield from family.labels
        for template in family.templates:
            yield _SLOT.sub(" ", template)
            for mark, name in _SLOT.findall(template):
                yield from map(FORMS[mark], family.slots[name])
        for number in range(DRAWS):
            rng = Random(f"vocabulary/{family.name}/{number}")
            yield from family.instance(rng, family.params(rng))


def _strings(value: object) -> Iterator[str]:
    """Yield all strings in nested tables and ignore values of other types."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from _strings(inner)
