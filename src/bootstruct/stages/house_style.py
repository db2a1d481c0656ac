"""Worked seed tasks in requests for instances, so that outputs follow the style of the seeds."""

import json
from collections.abc import Sequence

from bootstruct.config.recipe import Instances
from bootstruct.stages.draw import rng_for
from bootstruct.types import Instruction, Seed


def draw_worked_seeds(
    instances: Instances, seed: int, task: Instruction, is_classification: bool, seeds: Sequence[Seed]
) -> list[dict[str, str]]:
    """Draw the seed tasks that the request for a task's instances shows, each with one instance.

    The draw depends only on the recipe's seed and the task's text, so that the same task has the same request in
    every run. Seed tasks of the task's type come first; those whose text does not fit into the remaining room are
    skipped.

    Args:
        instances: the recipe's third stage: how many seed tasks are shown, and how many characters they may have.
        seed: the recipe's random seed.
        task: the task whose instances are requested.
        is_classification: its task type.
        seeds: the seed tasks of the run.

    Returns:
        Objects with `instruction`, `input`, `output` and `json`, which is all three as JSON; at most
        `instances.worked_seeds` of them.

    Example:
        >>> from bootstruct.types import Instance
        >>> seeds = [Seed("s1", "Name a bird.", (Instance("", "A wren."),), False)]
        >>> stage = Instances(None, None, worked_seeds=3)
        >>> [worked["output"] for worked in draw_worked_seeds(stage, 42, Instruction("0.0", "Name a fish."), False, seeds)]
        ['A wren.']
    """
    if not instances.worked_seeds:
        return []
    rng = rng_for(seed, "worked seeds", task.text)
    usable = [example for example in seeds if example.instances]
    order = sorted(rng.sample(usable, len(usable)), key=lambda example: example.is_classification != is_classification)
    shown: list[dict[str, str]] = []
    left = instances.worked_characters
    for example in order:
        if len(shown) == instances.worked_seeds:
            break
        instance = rng.choice(example.instances)
        values = {"instruction": example.instruction, "input": instance.input, "output": instance.output}
        size = sum(map(len, values.values()))
        if size <= left:
            left -= size
            shown.append(values | {"json": json.dumps(values, ensure_ascii=False)})
    return shown
