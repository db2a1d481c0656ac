"""Topics for the hints of a recipe, proposed by the model from the user's own seeds: one request, before the run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bootstruct.config.recipe import Recipe
from bootstruct.stages import schemas
from bootstruct.stages.draw import rng_for, sample_number
from bootstruct.stages.parsing import instructions
from bootstruct.stages.parsing.json_replies import parse_topics
from bootstruct.stages.propose import build_prompt
from bootstruct.types import Prompt, Reply, Seed

TOPICS: Final = 24  # the number of requested topics
SEEDS_SHOWN, LONGEST_SEED = 40, 300  # seed tasks in the request, and the characters of each
MOST_TOPICS, LONGEST_TOPIC = 60, 120  # topics that are taken, and the characters of each

_TEMPLATE: Final = """\
Here are {{ seeds | length }} tasks that people gave to an assistant:

{% for seed in seeds -%}
{{ loop.index }}. {{ seed }}
{% endfor %}
Which topics would further tasks of the same people be about? Name {{ count }} topics\
{{ " in " ~ language if language != "English" }} that lie within the field of these tasks, each in 2 to 8 words, each \
different from the others, together covering the whole field.
{% if reply == "json" -%}
Answer with a JSON object whose one field "topics" is a list of {{ count }} texts.
{%- else -%}
Write one topic a line, numbered from 1, and nothing else.
{%- endif %}
"""


def topics_prompt(recipe: Recipe, seeds: Sequence[Seed]) -> Prompt:
    """Return the request for topics: up to 40 of the seed tasks, drawn by the recipe's seed, and the instructions.

    Args:
        recipe: the recipe; its first stage sets the model and the form of the request.
        seeds: the user's seed tasks.
    """
    rng = rng_for(recipe.seed, "topics")
    drawn = rng.sample(list(seeds), min(SEEDS_SHOWN, len(seeds)))
    texts = [" ".join(seed.instruction.split())[:LONGEST_SEED] for seed in drawn]
    sample = sample_number(recipe.seed, "topics", *texts)
    ask = replace(recipe.propose.ask, prompt=_TEMPLATE)
    return build_prompt(recipe, ask, "topics", sample, schemas.TOPICS, seeds=texts, count=TOPICS)


def read_topics(recipe: Recipe, reply: Reply) -> tuple[str, ...]:
    """Return the topics in a reply, each once, on one line and without its number; empty if none can be read.

    Args:
        recipe: the recipe of the request.
        reply: the reply to it.

    Example:
        >>> from bootstruct.config.loading import read_recipe, recipe_folder
        >>> recipe = read_recipe(recipe_folder("chat") / "recipe.yaml")
        >>> read_topics(recipe, Reply('{"topics": ["1. wheels and tyres", "brakes"]}'))
        ('wheels and tyres', 'brakes')
    """
    found = parse_topics(reply) if recipe.propose.ask.reply == "json" else None
    if found is None:
        found = [candidate.text for candidate in instructions.parse_instructions(reply, None) if not candidate.flaw]
    lines = [" ".join(topic.split()).strip(" .;,") for topic in found]
    return tuple(dict.fromkeys(line for line in lines if 0 < len(line) <= LONGEST_TOPIC))[:MOST_TOPICS]
