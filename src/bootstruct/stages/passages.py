"""Passages of documents: which request shows which one, and what a template may use of it."""

from functools import lru_cache
from typing import Final

from bootstruct.config.recipe import Recipe
from bootstruct.journal.keys import request_of
from bootstruct.stages.draw import rng_for
from bootstruct.types import Passage

NOT_IN_PASSAGE: Final = "NOT IN PASSAGE"  # what the model is told to write if the passage gives no answer
NO_ANSWER: Final = "not in the passage"  # the rule under which such an output is rejected


def deal_passage(recipe: Recipe, index: int) -> Passage | None:
    """Return the passage that request `index` is about; None if the recipe has no documents.

    The passages are dealt in a random order, which is drawn again when all have been dealt: of 40 passages, requests 0
    to 39 see each one once.

    Args:
        recipe: the recipe, with its passages.
        index: the number of the request.
    """
    if recipe.documents is None or not recipe.documents.passages:
        return None
    passages = recipe.documents.passages
    number, place = divmod(index, len(passages))
    return passages[_order(recipe.seed, number, len(passages))[place]]


def passage_name(recipe: Recipe, index: int) -> str:
    """Return the name of the passage that request `index` is about, as it is recorded; empty if there is none."""
    passage = deal_passage(recipe, index)
    return "" if passage is None else passage.name


def passage_of(recipe: Recipe, task: str) -> Passage | None:
    """Return the passage that a task is about: the one that was dealt to its request.

    Args:
        recipe: the recipe of the run.
        task: the task's name, as in `812.3`.
    """
    index = request_of(task)
    return None if index < 0 else deal_passage(recipe, index)


def passage_values(recipe: Recipe, passage: Passage | None) -> dict[str, object]:
    """Return what templates may use of a passage: its text, its document, its heading, and how the recipe uses it."""
    if recipe.documents is None or passage is None:
        return {}
    values = {"passage": passage.text, "document": passage.document, "heading": passage.heading}
    return {**values, "use": recipe.documents.use, "count": recipe.documents.tasks}


def is_no_answer(output: str) -> bool:
    """Return whether an output says that the passage gives no answer, as the prompt asks for it.

    Example:
        >>> is_no_answer("Not in passage."), is_no_answer("The answer is not in passage two.")
        (True, False)
    """
    return output.strip(" .!\"'*\n").upper() == NOT_IN_PASSAGE


@lru_cache(maxsize=4)
def _order(seed: int, number: int, count: int) -> list[int]:
    return rng_for(seed, "passages", number).sample(range(count), count)
