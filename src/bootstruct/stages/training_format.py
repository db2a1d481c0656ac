"""Encode an instance as a training example: one of the paper's templates, drawn for each instance (appendix A.2)."""

import random
import re

from bootstruct.config.recipe import Encode, Recipe
from bootstruct.stages.draw import rng_for
from bootstruct.stages.templates import fill
from bootstruct.types import Example, Instance

_FIELD = re.compile(r"(?<!\w)(\w++):")
_FIELD_AT_START = re.compile(r"(?!(?:i|he|she|they|we|it|you|who)\b)[^\W\d_][\w ]{0,30}:(?=\s)\s*", re.IGNORECASE)


def without_field_name(recipe: Recipe, text: str) -> str:
    """Remove the name of an input's only field, and blank lines.

    Recipes that read as the released code does cut at the first colon instead, even inside "https://".
    """
    names = set(_FIELD.findall(text))
    if recipe.reading == "original":
        text = text.split(":", 1)[1].strip() if len(names) == 1 else text.strip()
    elif len(names) == 1 and (match := _FIELD_AT_START.match(text.lstrip())):
        text = text.lstrip()[match.end() :].strip()
    return re.sub(r"\n{2,}", "\n", text.strip())


def encode(recipe: Recipe, instruction: str, instance: Instance, rng: random.Random) -> Example:
    """Encode one instance as a prompt and a completion.

    Args:
        recipe: its templates, and how often a field name is dropped.
        instruction: the task's instruction.
        instance: its input and output.
        rng: the generator for drawing the template; equal generators give equal examples.
    """
    rules: Encode = recipe.encode
    given = instance.input.strip()
    if rng.random() < rules.drop_field_name:
        given = without_field_name(recipe, given)
    prompts = rules.with_input if given else rules.without_input
    completions = rules.completion_with_input if given else rules.completion_without_input
    number = rng.randrange(len(prompts))
    values = {"instruction": instruction.strip(), "input": given, "output": instance.output.strip()}
    return Example(fill(prompts[number], **values), fill(completions[number], **values))


def training_instances(recipe: Recipe, name: str, instances: tuple[Instance, ...]) -> list[Instance]:
    """Return at most `instances.most` of a task's instances, in order.

    Args:
        recipe: its random seed and the limit (5 in the released code).
        name: the task's name, which decides the draw.
        instances: all instances of the task.
    """
    most = recipe.instances.most
    if len(instances) <= most:
        return list(instances)
    chosen = sorted(rng_for(recipe.seed, "pick", name).sample(range(len(instances)), most))
    return [instances[number] for number in chosen]
