"""What the models are asked: the evaluation, and a development set that shares no phrasing with it."""

import re
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any, Final, Literal

from bootstruct.pocket.families import FAMILIES
from bootstruct.pocket.family import Family
from bootstruct.pocket.grammar import Reader
from bootstruct.pocket.held_out import HELD_OUT

HEADLINE: Final = "{{ instruction }}\n{% if input %}{{ input }}\n{% endif %}Answer:"  # the one format the corpus lacks
PHRASINGS, FULL_PHRASINGS = 2, 6  # evaluation prompts a family
NEW_TOKENS: Final = 40
SEEDED: Final = "in a seed"
UNSEEDED: Final = "in no seed"
Group = Literal["in a seed", "in no seed"]
Json = dict[str, Any]


def group_of(family: str) -> Group:
    """Whether a family of tasks occurs in some seed."""
    return UNSEEDED if family in HELD_OUT else SEEDED


def evaluation_rows(known: set[str], phrasings: int = PHRASINGS, sample: int = 0) -> list[Json]:
    """Prompts of every family with one right answer, as user-oriented tasks; those in `known` (seen or generated) are
    left out. `motivation_app` says whether the family is in some seed. Equal `sample`, equal rows; fewer phrasings are
    always a part of more."""
    return [
        row
        for name, family in FAMILIES.items()
        for number in range(phrasings if family.accept is None else 0)
        if (row := _row(name, family, number, f"evaluation/{sample}/{name}/{number}"))["instruction"] not in known
    ]


def development_rows(known: set[str], each: int = PHRASINGS) -> list[Json]:
    """Prompts to choose hyper-parameters on: other phrasings and other inputs than the largest evaluation has.

    A family says them with those of its templates that no evaluation prompt of it can be read as; families without such
    a template are left out, and so are inputs that the evaluation uses for the family.
    """
    rows = []
    asked = _by_family(evaluation_rows(set(), FULL_PHRASINGS))
    for name, family in FAMILIES.items():
        if name not in asked:
            continue
        unused = tuple(
            template
            for template in family.templates
            if not any(_contains(family, template, row["instruction"]) for row in asked[name])
        )
        if not unused:
            continue
        other = replace(family, asks=unused, objects=())
        inputs = {row["instances"][0]["input"] for row in asked[name]} - {""}
        drawn = (_row(name, other, number, f"development/{name}/{number}") for number in range(8 * each))
        fresh = [row for row in drawn if row["instances"][0]["input"] not in inputs and row["instruction"] not in known]
        rows += fresh[:each]
    return rows


def _row(name: str, family: Family, number: int, chance: str) -> Json:
    rng = Random(chance)
    params = family.params(rng)
    instruction = family.instruction(rng, params)
    given, output = family.instance(rng, params)
    return {
        "id": f"{name}_{number}",
        "family": name,
        "motivation_app": group_of(name),
        "instruction": instruction,
        "instances": [{"input": given, "output": output}],
    }


def _by_family(rows: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for row in rows:
        found.setdefault(row["family"], []).append(row)
    return found


def _contains(family: Family, template: str, instruction: str) -> bool:
    return re.search(Reader((template,), family.slots).pattern, instruction, re.IGNORECASE) is not None
