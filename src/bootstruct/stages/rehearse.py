"""A recipe tried out on nothing, so that its faults show before anything is paid for."""

from bootstruct.recipe import Recipe
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import prompt_of
from bootstruct.stages.templates import fill


def rehearse(recipe: Recipe) -> None:
    """Fill every template and build the novelty index. Raises BadInput where something of it cannot work."""
    Pool(recipe)
    values = {"examples": ["An example."], "only_classification": recipe.propose.only_classification}
    prompt_of(recipe, recipe.propose.ask, "propose", 0, **values)
    for ask in (recipe.classify, recipe.instances.input_first, recipe.instances.output_first):
        prompt_of(recipe, ask, "instances", 0, instruction="An instruction.")
    rules = recipe.encode
    for template in (
        *rules.with_input,
        *rules.without_input,
        *rules.completion_with_input,
        *rules.completion_without_input,
    ):
        fill(template, instruction="An instruction.", input="An input.", output="An output.")
