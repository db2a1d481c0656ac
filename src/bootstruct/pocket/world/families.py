"""All families of the micro-world by name, and how difficult each of them is."""

from __future__ import annotations

from typing import Literal

from bootstruct.pocket.world.composed_tasks import COMPOSED_FAMILIES
from bootstruct.pocket.world.fact_tasks import FACT_FAMILIES
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.finding_tasks import FINDING_FAMILIES
from bootstruct.pocket.world.list_search_tasks import LIST_SEARCH_FAMILIES
from bootstruct.pocket.world.list_tasks import LIST_FAMILIES
from bootstruct.pocket.world.no_input_tasks import WRITE_FAMILIES
from bootstruct.pocket.world.number_tasks import NUMBER_FAMILIES
from bootstruct.pocket.world.sentence_tasks import SENTENCE_FAMILIES
from bootstruct.pocket.world.text_class_tasks import TEXT_CLASS_FAMILIES
from bootstruct.pocket.world.word_class_tasks import WORD_CLASS_FAMILIES
from bootstruct.pocket.world.word_tasks import WORD_FAMILIES

FAMILIES: dict[str, TaskFamily] = {
    family.name: family
    for families in (
        LIST_FAMILIES,
        LIST_SEARCH_FAMILIES,
        WORD_FAMILIES,
        FACT_FAMILIES,
        NUMBER_FAMILIES,
        SENTENCE_FAMILIES,
        FINDING_FAMILIES,
        TEXT_CLASS_FAMILIES,
        WORD_CLASS_FAMILIES,
        WRITE_FAMILIES,
        COMPOSED_FAMILIES,
    )
    for family in families
}

Difficulty = Literal["one step", "list or sentence", "composed"]
DIFFICULTIES: tuple[Difficulty, ...] = ("one step", "list or sentence", "composed")
_COMPOSED = frozenset(family.name for family in COMPOSED_FAMILIES)


def difficulty(name: str) -> Difficulty:
    """Return how difficult the tasks of a family are.

    Args:
        name: the name of a family.

    Returns:
        `one step` if the output is a word or a label that one step finds, `list or sentence` if the task works on a list or a
        sentence or writes one, `composed` if it combines two tasks.

    Raises:
        KeyError: there is no such family.

    Example:
        >>> difficulty("capital"), difficulty("list_reverse"), difficulty("capitals_of_nth")
        ('one step', 'list or sentence', 'composed')
    """
    if name in _COMPOSED:
        return "composed"
    family = FAMILIES[name]
    works_on_text = family.theme in ("lists", "sentences") and not family.is_classification
    return "list or sentence" if works_on_text or family.answer in ("list", "sentence") else "one step"
