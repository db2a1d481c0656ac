"""The prompts of the evaluation, and a development set that shares no phrasing with it."""

import re
from collections.abc import Iterable
from random import Random
from typing import Any, Final, Literal

from bootstruct.pocket.world.families import DIFFICULTIES, FAMILIES, difficulty
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.grammar import PhraseReader
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.strict_reader import possible_tasks

PHRASINGS, FULL_PHRASINGS = 2, 6  # evaluation prompts per family
NEW_TOKENS: Final = 40  # of a reply
Group = Literal["in a seed", "generated", "neither"]
SEEDED, GENERATED, NEITHER = GROUPS = ("in a seed", "generated", "neither")
NEVER_ANSWERED: Final = "held out"  # families that the corpus never shows with an answer
Json = dict[str, Any]


def belongs(family: str, group_in_run: str, group: str | None) -> bool:
    """Return whether a family is in a group: one of a run, the held-out ones, or those of one difficulty; None is all.

    Args:
        family: the name of the family.
        group_in_run: its group in the run, as `family_groups` gives it.
        group: the requested group.
    """
    if group == NEVER_ANSWERED:
        return family in HELD_OUT
    return group in (None, group_in_run) or (group in DIFFICULTIES and difficulty(family) == group)


def family_groups(seeds: Iterable[str], generated: Iterable[str]) -> dict[str, Group]:
    """Return by family of tasks whether it is in a seed, or else was generated, or neither.

    Args:
        seeds: the instructions of the seeds.
        generated: the accepted instructions that have instances. One that the strict reader finds ambiguous counts for each
            family that it may belong to, so that no family in `neither` was trained on.

    Example:
        >>> groups = family_groups(["Reverse the list."], ["Double the number."])
        >>> groups["list_reverse"], groups["double"], groups["add"]
        ('in a seed', 'generated', 'neither')
    """
    in_seeds, in_generated = (
        {task.family.name for text in texts for task in possible_tasks(text)} for texts in (seeds, generated)
    )
    return {
        name: "in a seed" if name in in_seeds else "generated" if name in in_generated else "neither"
        for name in FAMILIES
    }


def evaluation_rows(known: set[str], phrasings: int = PHRASINGS, sample: int = 0) -> list[Json]:
    """Return prompts of every family with one right answer, as user-oriented tasks.

    Every second prompt of a family has a wording that does not occur in the corpus; the others, and those of families
    without shared frames, have the family's own sentences, which the corpus lists without answers.

    Args:
        known: instructions to leave out, because they were seen or generated.
        phrasings: prompts per family; the rows for fewer phrasings are a part of those for more.
        sample: the number of the random draw; equal numbers give equal rows.
    """
    return [
        row
        for name, family in FAMILIES.items()
        for number in range(phrasings if family.accept is None else 0)
        if (row := _row(name, family, number, f"evaluation/{sample}/{name}/{number}"))["instruction"] not in known
    ]


def development_rows(known: set[str], per_family: int = PHRASINGS) -> list[Json]:
    """Return prompts for choosing hyper-parameters, with other phrasings and inputs than the largest evaluation.

    They use those templates of a family that match no evaluation prompt of it. Families without such a template are left
    out, and so are inputs that the evaluation uses for the family.

    Args:
        known: instructions to leave out.
        per_family: prompts per family.
    """
    rows = []
    evaluated = _by_family(evaluation_rows(set(), FULL_PHRASINGS))
    for name, family in FAMILIES.items():
        if name not in evaluated:
            continue
        unused = tuple(
            template
            for template in family.templates
            if not any(_matches(family, template, row["instruction"]) for row in evaluated[name])
        )
        if not unused:
            continue
        inputs = {row["instances"][0]["input"] for row in evaluated[name]} - {""}
        drawn = (_row(name, family, number, f"development/{name}/{number}", unused) for number in range(8 * per_family))
        fresh = [row for row in drawn if row["instances"][0]["input"] not in inputs and row["instruction"] not in known]
        rows += fresh[:per_family]
    return rows


def _row(name: str, family: TaskFamily, number: int, seed: str, templates: tuple[str, ...] = ()) -> Json:
    rng = Random(seed)
    params = family.params(rng)
    own = family.asks if number % 2 or not family.unseen_templates else family.unseen_templates
    instruction = family.phrased(rng, params, templates or own)
    given, output = family.instance(rng, params)
    return {
        "id": f"{name}_{number}",
        "family": name,
        "motivation_app": name,
        "instruction": instruction,
        "instances": [{"input": given, "output": output}],
    }


def _by_family(rows: Iterable[Json]) -> dict[str, list[Json]]:
    by_family: dict[str, list[Json]] = {}
    for row in rows:
        by_family.setdefault(row["family"], []).append(row)
    return by_family


def _matches(family: TaskFamily, template: str, instruction: str) -> bool:
    return re.search(PhraseReader((template,), family.slots).pattern, instruction, re.IGNORECASE) is not None
