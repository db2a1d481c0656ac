"""An instance as a training example: one of the paper's templates, drawn for this instance alone (appendix A.2)."""

import random
import re

from bootstruct.domain import Example, Instance
from bootstruct.recipe import Encode, Recipe
from bootstruct.stages.draw import rng_for
from bootstruct.stages.templates import fill

_FIELD = re.compile(r"(?<!\w)(\w++):")
_FIELD_AT_START = re.compile(r"(?!(?:i|he|she|they|we|it|you|who)\b)[^\W\d_][\w ]{0,30}:(?=\s)\s*", re.IGNORECASE)


def without_field_name(recipe: Recipe, text: str) -> str:
    """The input without its only field name, and without blank lines. `original` cuts at the first colon it meets."""
    names = set(_FIELD.findall(text))
    if recipe.reading == "original":
        text = text.split(":", 1)[1].strip() if len(names) == 1 else text.strip()
    elif len(names) == 1 and (match := _FIELD_AT_START.match(text.lstrip())):
        text = text.lstrip()[match.end() :].strip()
    return re.sub(r"\n{2,}", "\n", text.strip())


def encode(recipe: Recipe, instruction: str, instance: Instance, rng: random.Random) -> Example:
    """Encode one instance. All chance is taken from `rng`."""
    rules: Encode = recipe.encode
    given = instance.input.strip()
    if rng.random() < rules.drop_field_name:
        given = without_field_name(recipe, given)
    prompts = rules.with_input if given else rules.without_input
    completions = rules.completion_with_input if given else rules.completion_without_input
    which = rng.randrange(len(prompts))
    values = {"instruction": instruction.strip(), "input": given, "output": instance.output.strip()}
    return Example(fill(prompts[which], **values), fill(completions[which], **values))


def training_instances(recipe: Recipe, name: str, instances: tuple[Instance, ...]) -> list[Instance]:
    """At most `instances.most` of a task's instances, drawn by the task's name and kept in order."""
    most = recipe.instances.most
    if len(instances) <= most:
        return list(instances)
    picked = sorted(rng_for(recipe.seed, "pick", name).sample(range(len(instances)), most))
    return [instances[n] for n in picked]
