"""All families of the micro-world, by name."""

from __future__ import annotations

from bootstruct.pocket.fact_tasks import FACT_FAMILIES
from bootstruct.pocket.family import Family
from bootstruct.pocket.finding_tasks import FINDING_FAMILIES
from bootstruct.pocket.list_search_tasks import LIST_SEARCH_FAMILIES
from bootstruct.pocket.list_tasks import LIST_FAMILIES
from bootstruct.pocket.number_tasks import NUMBER_FAMILIES
from bootstruct.pocket.sentence_tasks import SENTENCE_FAMILIES
from bootstruct.pocket.text_class_tasks import TEXT_CLASS_FAMILIES
from bootstruct.pocket.word_class_tasks import WORD_CLASS_FAMILIES
from bootstruct.pocket.word_tasks import WORD_FAMILIES
from bootstruct.pocket.write_tasks import WRITE_FAMILIES

FAMILIES: dict[str, Family] = {
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
    )
    for family in families
}
