"""A recipe tried out on nothing, so that its faults show before anything is paid for."""

from bootstruct.domain import Instance
from bootstruct.recipe import Recipe
from bootstruct.stages.draw import rng_for
from bootstruct.stages.encode import encode
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import prompt_of


def rehearse(recipe: Recipe) -> None:
    """Fill every template and build the novelty index. Raises BadInput where something of it cannot work."""
    Pool(recipe)
    prompt_of(recipe, recipe.propose.ask, "propose", 0, examples=["An example."], only_classification=False)
    for ask in (recipe.classify, recipe.instances.input_first, recipe.instances.output_first):
        prompt_of(recipe, ask, "instances", 0, instruction="An instruction.")
    for given in ("", "An input."):
        for chance in range(8 * len(recipe.encode.with_input + recipe.encode.without_input)):
            encode(recipe, "An instruction.", Instance(given, "An output."), rng_for(chance))
