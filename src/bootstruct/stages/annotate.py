"""Stages 2 and 3 for one instruction, as a conversation: yield a question, receive its answer."""

from collections.abc import Generator, Sequence

from bootstruct.domain import Instruction, Prompt, Refused, Reply
from bootstruct.events import SHARED, Annotated
from bootstruct.recipe import Ask, Recipe
from bootstruct.stages import read_json, read_original, read_robust, schemas
from bootstruct.stages.draw import sample_number
from bootstruct.stages.propose import prompt_of
from bootstruct.stages.read_original import Read
from bootstruct.stages.rewrite import rewrite

Flow = Generator[Prompt, Reply, Annotated]


def annotate(recipe: Recipe, task: Instruction, siblings: Sequence[Instruction] = ()) -> Flow:
    """Ask whether the task is classification, then for instances: label first if it is, input first if not. Then,
    where the recipe wants it, for the output of each instance anew.

    siblings: the tasks accepted from the same request, this one included, where the recipe classifies them together.
    """
    is_classification, kept = False, task.instances
    refused: tuple[Refused, ...] = ()
    if not recipe.propose.with_instances:
        is_classification = yield from _kind(recipe, task, siblings)
        kept, refused = yield from _instances(recipe, task, is_classification)
    if recipe.instances.rewrite is not None:
        kept, more = yield from rewrite(recipe, recipe.instances.rewrite, task, is_classification, kept)
        refused += more
    return Annotated(task.name, is_classification, kept, refused)


def heard(prompt: Prompt, reply: Reply | None) -> Reply | None:
    """What a conversation hears of an answer; None ends it. Where a question about several tasks failed for good, each of
    them goes on, to ask alone."""
    return Reply("", "failed") if reply is None and prompt.step == SHARED else reply


def _kind(recipe: Recipe, task: Instruction, siblings: Sequence[Instruction]) -> Generator[Prompt, Reply, bool]:
    """Is it a classification task? Asked for all siblings at once, and alone where that brought no readable answer."""
    if recipe.classify_together is not None and len(siblings) > 1:
        reply = yield _kinds_prompt(recipe, recipe.classify_together, siblings)
        answers = _kinds(recipe.classify_together, reply, len(siblings))
        if (answer := answers.get(1 + list(siblings).index(task))) is not None:
            return answer
    sample, ask = sample_number(recipe.seed, "kind", task.text), recipe.classify
    reply = yield prompt_of(recipe, ask, "kind", sample, schemas.KIND, instruction=task.text)
    if recipe.reading == "original":
        return read_original.is_classification(reply)
    found = read_json.is_classification(reply) if ask.reply == "json" else None
    return read_robust.is_classification(reply) if found is None else found


def _kinds_prompt(recipe: Recipe, ask: Ask, siblings: Sequence[Instruction]) -> Prompt:
    texts = [task.text for task in siblings]
    sample = sample_number(recipe.seed, SHARED, *texts)
    return prompt_of(recipe, ask, SHARED, sample, schemas.KINDS, instructions=texts)


def _kinds(ask: Ask, reply: Reply, count: int) -> dict[int, bool]:
    found = read_json.kinds(reply, count) if ask.reply == "json" else None
    return read_json.agreed(read_robust.kinds(reply, count), count) if found is None else found


def _instances(recipe: Recipe, task: Instruction, is_classification: bool) -> Generator[Prompt, Reply, Read]:
    """Ask for instances and read them."""
    ask = recipe.instances.output_first if is_classification else recipe.instances.input_first
    schema = schemas.LABEL_FIRST if is_classification else schemas.INPUT_FIRST
    sample = sample_number(recipe.seed, "instances", task.text)
    reply = yield prompt_of(recipe, ask, "instances", sample, schema, instruction=task.text)
    if recipe.reading == "original":
        return read_original.instances(reply, is_classification)
    found = read_json.instances(reply, is_classification) if ask.reply == "json" else None
    return read_robust.instances(reply, is_classification) if found is None else found
