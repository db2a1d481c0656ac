"""Instances besides those of a run: for the seed instructions, and for classification tasks written input first.

They are requested with the run's own prompts and sampling, and journalled in a folder of their own: each request is
sent once and reused free.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bootstruct.config.recipe import Ask
from bootstruct.errors import RunStoppedError
from bootstruct.evaluation.collect_replies import asked_model, collect_replies
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.state import State
from bootstruct.stages.annotate import parse_instances
from bootstruct.stages.draw import sample_number
from bootstruct.stages.propose import build_prompt
from bootstruct.types import Instance, Prompt

REQUESTS_PER_SEED: Final = 12  # each brings up to five instances, many of them again


def seed_instances(
    state: State, model: str, folder: Path, requests: int = REQUESTS_PER_SEED
) -> dict[str, list[Instance]]:
    """Have the model write instances for the seed instructions, as it does for those that it invents.

    Args:
        state: the run whose seeds, prompts and sampling are used.
        model: the name of the model.
        folder: where the replies are kept.
        requests: requests for each seed, which differ in their sample number.

    Returns:
        By the id of the seed: distinct instances, in the order in which they were written.

    Raises:
        RunStoppedError: the model stopped answering.
    """
    prompts, parts = {}, {}
    for seed in state.seeds:
        for n in range(requests):
            key = f"{seed.id}/{n}"
            prompts[key], ask = _prompt(state, seed.instruction, seed.is_classification, n)
            parts[key] = (seed.id, seed.instruction, seed.is_classification, ask)
    return _written(state, model, folder, prompts, parts)


def input_first_instances(state: State, model: str, folder: Path) -> dict[str, list[Instance]]:
    """Have the model write instances for the classification tasks of a run input first, as for other tasks.

    Args:
        state: the run.
        model: the name of the model.
        folder: where the replies are kept.

    Returns:
        By the name of the task: its instances.

    Raises:
        RunStoppedError: the model stopped answering.
    """
    prompts, parts = {}, {}
    for task in state.accepted[: len(state.completed)]:
        if state.completed[task.name].is_classification:
            prompts[task.name], ask = _prompt(state, task.text, False, 0)
            parts[task.name] = (task.name, task.text, False, ask)
    return _written(state, model, folder, prompts, parts)


def _prompt(state: State, instruction: str, is_classification: bool, number: int) -> tuple[Prompt, Ask]:
    recipe = state.recipe
    ask = recipe.instances.output_first if is_classification else recipe.instances.input_first
    sample = sample_number(recipe.seed, "more instances", instruction, str(number))
    return build_prompt(recipe, ask, "instances", sample, instruction=instruction), ask


def _written(
    state: State,
    model: str,
    folder: Path,
    prompts: Mapping[str, Prompt],
    parts: Mapping[str, tuple[str, str, bool, Ask]],
) -> dict[str, list[Instance]]:
    collected = asyncio.run(collect_replies(folder, prompts, asked_model(model, {}), {}))
    if collected.stopped:
        raise RunStoppedError(collected.stopped)
    written: dict[str, dict[Instance, None]] = {owner: {} for owner, *_ in parts.values()}
    for key, (owner, instruction, is_classification, ask) in parts.items():
        fact = collected.facts.get(key)
        if isinstance(fact, ReplyReceived):
            kept, _ = parse_instances(state.recipe, ask, fact.reply, is_classification, instruction)
            written[owner].update(dict.fromkeys(kept))
    return {owner: list(instances) for owner, instances in written.items()}
