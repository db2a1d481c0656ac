"""The training rows of the arms, which are equal in number; the templates are used in turn."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation_rows import hashed

from bootstruct.config.recipe import Recipe
from bootstruct.journal.state import State
from bootstruct.stages.draw import rng_for
from bootstruct.stages.templates import fill
from bootstruct.stages.training_format import training_instances, without_field_name
from bootstruct.types import Instance, Seed

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """An instruction with an instance, and the name from which random draws for it are made."""

    name: str
    instruction: str
    instance: Instance


class Templates:
    """The templates of a recipe, used in turn, separately for examples with an input and without one."""

    def __init__(self, recipe: Recipe) -> None:
        """Begin with the first template of each kind."""
        self.recipe, self.turn = recipe, {True: 0, False: 0}

    def row(self, item: Item, number: int | None = None) -> Json:
        """Return an item as a training row in the template with this number, or in the next one if `number` is None."""
        rules, given = self.recipe.encode, item.instance.input.strip()
        if rng_for(self.recipe.seed, "encode", item.name).random() < rules.drop_field_name:
            given = without_field_name(self.recipe, given)
        prompts = rules.with_input if given else rules.without_input
        completions = rules.completion_with_input if given else rules.completion_without_input
        if number is None:
            number = self.turn[bool(given)]
            self.turn[bool(given)] += 1
        number %= len(prompts)
        values = {"instruction": item.instruction.strip(), "input": given, "output": item.instance.output.strip()}
        return {"prompt": fill(prompts[number], **values), "completion": fill(completions[number], **values)}


def seed_items(seeds: Sequence[Seed]) -> list[Item]:
    """Return the seeds, each with its first instance."""
    return [Item(f"{seed.id}/0", seed.instruction, seed.instances[0]) for seed in seeds if seed.instances]


def in_rounds(owners: Sequence[tuple[str, str, Sequence[Instance]]]) -> list[Item]:
    """Return the first instance of every owner, then the second of every owner, and so on.

    An owner is a name, an instruction and its instances.
    """
    found = []
    for n in range(max((len(instances) for *_, instances in owners), default=0)):
        for name, instruction, instances in owners:
            if n < len(instances):
                found.append(Item(f"{name}/written/{n}", instruction, instances[n]))
    return found


def written_items(seeds: Sequence[Seed], written: Mapping[str, Sequence[Instance]]) -> list[Item]:
    """Return the instances that the model wrote for the seed instructions, without those that repeat an output of the seed."""
    own = {seed.id: {instance.output.strip() for instance in seed.instances} for seed in seeds}
    owners = [
        (
            seed.id,
            seed.instruction,
            [each for each in written.get(seed.id, ()) if each.output.strip() not in own[seed.id]],
        )
        for seed in seeds
    ]
    return in_rounds(owners)


def invented_items(state: State) -> list[Item]:
    """Return the instances of the accepted tasks of a run."""
    return in_rounds(
        [
            (task.name, task.text, training_instances(state.recipe, task.name, state.passed_instances(task.name)))
            for task in state.completed_tasks
        ]
    )


def to_read(items: Sequence[Item], number: int = 20) -> list[Json]:
    """Return tasks for a person to read, chosen by hash; the person fills in `sensible` and `right`."""
    drawn = sorted(items, key=lambda item: hashed(item.instruction))[:number]
    return [
        {
            "instruction": item.instruction,
            "input": item.instance.input,
            "output": item.instance.output,
            "sensible": None,
            "right": None,
        }
        for item in drawn
    ]


def seed_rows(recipe: Recipe, seeds: Sequence[Seed], number: int) -> list[Json]:
    """Return the seeds in one template each, repeated up to this number of rows (arm 1)."""
    templates = Templates(recipe)
    once = [templates.row(item) for item in seed_items(seeds)]
    return [once[n % len(once)] for n in range(number)]


def seed_rows_in_templates(recipe: Recipe, seeds: Sequence[Seed], number: int) -> list[Json]:
    """Return the seeds in all their templates, with another template in each round (arm 2)."""
    templates, items = Templates(recipe), seed_items(seeds)
    return [templates.row(items[n % len(items)], n % len(items) + n // len(items)) for n in range(number)]


def rows_with_seeds(recipe: Recipe, seeds: Sequence[Item], items: Iterable[Item]) -> list[Json]:
    """Return each seed once, followed by the other items (arms 3 and 4)."""
    templates = Templates(recipe)
    return [templates.row(item) for item in [*seeds, *items]]


def shuffled(rows: Sequence[Json], seed: int) -> list[Json]:
    """Return the rows with shuffled completions.

    Completions that begin with a blank are shuffled among themselves, and so are the others.
    """
    found = [dict(row) for row in rows]
    for begins in (True, False):
        places = [n for n, row in enumerate(rows) if row["completion"].startswith(" ") is begins]
        drawn = [rows[n]["completion"] for n in places]
        rng_for(seed, "shuffled outputs", str(begins)).shuffle(drawn)
        for n, completion in zip(places, drawn, strict=True):
            found[n]["completion"] = completion
    return found


def human_items(path: Path) -> list[Item]:
    """Return the rows of a file of human-written instructions, sorted by the hashes of their texts."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    items = [
        Item(hashed(json.dumps(row)), row["instruction"], Instance(row.get("input") or "", row["output"]))
        for row in rows
    ]
    return sorted(items, key=lambda item: item.name)
