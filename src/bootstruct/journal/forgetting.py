"""Which replies are no longer needed in memory once a task is decided. Pure."""

from collections.abc import Iterator
from typing import Any

from bootstruct.journal.events import TaskCompleted
from bootstruct.journal.keys import SHARED, again, key_of


def forget(replies: dict[str, Any], event: TaskCompleted, with_request: bool = False) -> None:
    """Remove the replies about a task from `replies`, because it is decided.

    If a reply could not be read, those that came before it stay for `--retry-failed`, which sends only the later requests.

    Args:
        replies: replies by key.
        event: the decision on the task.
        with_request: whether to take out those that it shares with its request too.
    """
    if with_request:
        forget_key(replies, key_of(event.task, SHARED))
    steps, number = ["kind", "instances"], 0
    while key_of(event.task, f"rewrite/{number}") in replies:
        steps.append(f"rewrite/{number}")
        number += 1
    steps += _turn_steps(replies, event)
    again_steps = event.retried_steps
    if any(step in again_steps for step in ("kind", "instances")):
        steps = steps[steps.index(again_steps[0]) :]  # later requests may differ
    elif again_steps:
        steps = list(again_steps)
    for step in steps:
        forget_key(replies, key_of(event.task, step))


def _turn_steps(replies: dict[str, Any], event: TaskCompleted) -> Iterator[str]:
    """The steps of the further turns of a task that have replies."""
    for number in range(len(event.instances)):
        turn = 1
        while key_of(event.task, f"user/{number}/{turn}") in replies:
            yield from (f"user/{number}/{turn}", f"assistant/{number}/{turn}")
            turn += 1


def forget_key(replies: dict[str, Any], key: str) -> None:
    """Remove the reply under a key, and that of the request that was made once more."""
    replies.pop(key, None)
    replies.pop(again(key), None)
