"""Stage 1, pure: how to ask for new instructions. Drawing is in draw, reading in read_*, judging in pool."""

from collections.abc import Sequence

from bootstruct.domain import Candidate, Message, Prompt, Reply
from bootstruct.events import State
from bootstruct.recipe import Ask, Recipe
from bootstruct.stages import read_original, read_robust
from bootstruct.stages.draw import draw_examples, sample_number, visible
from bootstruct.stages.templates import fill


def prompt_of(recipe: Recipe, ask: Ask, step: str, sample: int, **values: object) -> Prompt:
    """The prompt of one step: its template filled, as text or as chat messages by the recipe's `api`."""
    text, model = fill(ask.prompt, **values), recipe.model_of(ask)
    if recipe.api == "text":
        return Prompt(step, model, ask.sampling, sample, text=text)
    system = (Message("system", fill(ask.system, **values)),) if ask.system else ()
    return Prompt(step, model, ask.sampling, sample, messages=(*system, Message("user", text)))


def propose_prompt(state: State, index: int) -> tuple[Prompt, tuple[str, ...]]:
    """The prompt of request `index` and the names of the examples in it, in the order shown."""
    recipe = state.recipe
    propose = recipe.propose
    seen = visible(propose, index, state.marks)
    shown = draw_examples(propose, recipe.seed, index, state.seeds, state.machine, seen)
    examples = [" ".join(text.split()).removesuffix(":") for _, text in shown]
    sample = sample_number(recipe.seed, "propose", index)
    values = {"examples": examples, "only_classification": propose.only_classification}
    prompt = prompt_of(recipe, propose.ask, "propose", sample, **values)
    return prompt, tuple(name for name, _ in shown)


def read_instructions(recipe: Recipe, reply: Reply, shown: Sequence[str]) -> list[Candidate]:
    """The candidate instructions of a reply, with the recipe's reading."""
    if recipe.reading == "original":
        return read_original.instructions(reply)
    return read_robust.instructions(reply, opened=len(shown) + 1 if recipe.api == "text" else None)
