"""Stages 2 and 3 for one instruction, as a conversation: yield a question, receive its answer."""

from collections.abc import Generator

from bootstruct.domain import Instruction, Prompt, Reply
from bootstruct.events import Annotated
from bootstruct.recipe import Recipe
from bootstruct.stages import read_original, read_robust
from bootstruct.stages.draw import sample_number
from bootstruct.stages.propose import prompt_of

Flow = Generator[Prompt, Reply, Annotated]


def annotate(recipe: Recipe, task: Instruction) -> Flow:
    """Ask whether the task is classification, then for instances: label first if it is, input first if not."""
    read = read_original if recipe.reading == "original" else read_robust
    sample = sample_number(recipe.seed, "kind", task.text)
    reply = yield prompt_of(recipe, recipe.classify, "kind", sample, instruction=task.text)
    is_classification = read.is_classification(reply)
    ask = recipe.instances.output_first if is_classification else recipe.instances.input_first
    sample = sample_number(recipe.seed, "instances", task.text)
    reply = yield prompt_of(recipe, ask, "instances", sample, instruction=task.text)
    kept, refused = read.instances(reply, is_classification)
    return Annotated(task.name, is_classification, kept, refused)
