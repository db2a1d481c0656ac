"""Stage 1, pure: how to ask for new instructions. Drawing is in draw, reading in read_*, judging in pool."""

import json
from collections.abc import Sequence

from bootstruct.domain import Candidate, Instruction, Message, Prompt, Reply, Seed
from bootstruct.events import State
from bootstruct.recipe import Ask, Recipe
from bootstruct.stages import read_blocks, read_json, read_original, read_robust, schemas
from bootstruct.stages.draw import draw, draw_hints, named, sample_number, visible
from bootstruct.stages.templates import fill


def prompt_of(recipe: Recipe, ask: Ask, step: str, sample: int, schema: str = "", /, **values: object) -> Prompt:
    """The prompt of one step: its template filled, as text or as chat messages by the recipe's `api`.

    schema: what a JSON reply must look like, where the recipe asks for one. All templates see `language` and `reply`.
    """
    values |= {"language": recipe.language, "reply": ask.reply}
    text, model = fill(ask.prompt, **values), recipe.model_of(ask)
    schema = schema if ask.reply == "json" else ""
    if recipe.api_of(ask) == "text":
        return Prompt(step, model, ask.sampling, sample, text=text)
    system = (Message("system", fill(ask.system, **values)),) if ask.system else ()
    return Prompt(step, model, ask.sampling, sample, messages=(*system, Message("user", text)), schema=schema)


def propose_prompt(state: State, index: int) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt of request `index` and the names of the examples in it, in the order shown."""
    recipe = state.recipe
    propose = recipe.propose
    seen = visible(propose, index, state.marks)
    shown = draw(propose, recipe.seed, index, state.seeds, state.machine, seen)
    sample = sample_number(recipe.seed, "propose", index)
    values = {**propose_values(recipe, shown), "hints": draw_hints(propose, recipe.seed, index)}
    schema = schemas.TASKS_WITH_INSTANCES if propose.with_instances else schemas.TASKS
    prompt = prompt_of(recipe, propose.ask, "propose", sample, schema, **values)
    return prompt, tuple(named(each)[0] for each in shown)


def propose_values(recipe: Recipe, shown: Sequence[Seed | Instruction]) -> dict[str, object]:
    """What the template of stage 1 sees of the examples: `examples`, their texts; `worked`, those with an instance, whole
    (`instruction`, `input`, `output`, and `json`, all three as an object)."""
    examples = [" ".join(named(each)[1].split()).removesuffix(":") for each in shown]
    worked = [
        {"instruction": text, "input": instance.input, "output": instance.output}
        for text, each in zip(examples, shown, strict=True)
        for instance in each.instances[:1]
    ]
    worked = [task | {"json": json.dumps(task, ensure_ascii=False)} for task in worked]
    return {"examples": examples, "worked": worked, "only_classification": recipe.propose.only_classification}


def read_instructions(recipe: Recipe, reply: Reply, shown: Sequence[str]) -> list[Candidate]:
    """The candidate instructions of a reply, with the recipe's reading."""
    if recipe.reading == "original":
        return read_original.instructions(reply)
    ask, with_instances = recipe.propose.ask, recipe.propose.with_instances
    if ask.reply == "json":
        found = read_json.tasks(reply) if with_instances else read_json.instructions(reply)
        if found is not None:
            return found
    if with_instances:
        return read_blocks.tasks(reply, opened=recipe.api_of(ask) == "text")
    return read_robust.instructions(reply, opened=len(shown) + 1 if recipe.api_of(ask) == "text" else None)
