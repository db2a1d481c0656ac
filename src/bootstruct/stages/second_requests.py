"""Requests that are made once more because their reply contains no answer. Pure: recorded replies alone decide."""

from collections.abc import Generator
from dataclasses import replace
from typing import Final

from bootstruct.config.recipe import Recipe
from bootstruct.journal.events import CUT_WHILE_THINKING, FILTERED, REFUSAL
from bootstruct.journal.keys import AGAIN
from bootstruct.stages.parsing.task_types import parse_task_type
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Prompt, Reply

FAILED: Final = "failed"  # the finish of what a flow receives instead of a reply that it does not need


def second_request(recipe: Recipe, prompt: Prompt, reply: Reply) -> Prompt | None:
    """Return the request to make once more, with a higher limit; None if the first reply counts.

    It is made if a reply was cut off before its answer began and, for the task type of one task, if the reply cannot
    be read, because a missing answer is not a "no". A request without a limit of tokens is not made again.

    Args:
        recipe: the recipe; its `more_tokens` raises the limit. The reading `original` never repeats a request.
        prompt: the first request.
        reply: the reply to it.

    Example:
        A task type asked for with 20 tokens, of which a model thought 20, is requested once more with 4,116 tokens under
        the key `annotate/812.3/kind/again`.
    """
    limit = prompt.sampling.max_tokens
    if limit is None or recipe.reading == "original" or prompt.step.endswith(AGAIN):
        return None
    reason = unread_reason(reply)
    is_cut_off = reason == CUT_WHILE_THINKING and reply.is_cut
    is_silent = (
        prompt.stage == "kind"
        and reason not in (REFUSAL, FILTERED)
        and parse_task_type(reply, recipe.classify.reply == "json") is None
    )
    if not is_cut_off and not is_silent:
        return None
    sampling = replace(prompt.sampling, max_tokens=limit + recipe.more_tokens)
    return replace(prompt, step=f"{prompt.step}{AGAIN}", sampling=sampling)


def ask_twice(recipe: Recipe, prompt: Prompt, again: bool) -> Generator[Prompt, Reply, Reply]:
    """Yield a request, and again if its reply contains no answer; returns the reply that counts.

    Args:
        recipe: the recipe.
        prompt: the request.
        again: whether a second request may be made in this run (`State.asks_again`).
    """
    reply = yield prompt
    second = second_request(recipe, prompt, reply) if again else None
    if second is None:
        return reply
    return later_reply(reply, (yield second))


def later_reply(first: Reply, second: Reply | None) -> Reply:
    """Return the reply that counts: the second one, unless its request failed for good."""
    return first if second is None or second.finish == FAILED else second
