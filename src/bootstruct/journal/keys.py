"""Keys: the name under which the reply to each request is recorded, and the step that a key belongs to."""

SHARED = "kinds"  # the step at which one request serves all tasks accepted from one request
AGAIN = "/again"  # ends the step and the key of a request that is made once more, with a higher limit for the reply


def key_of(task: str, step: str) -> str:
    """The key under which a step asks about a task: the task's own, or its request's if that serves all its tasks.

    Example:
        >>> key_of("812.3", "kind/again"), key_of("812.3", "kinds")
        ('annotate/812.3/kind/again', 'annotate/812/kinds')
    """
    return f"annotate/{task.partition('.')[0] if step.removesuffix(AGAIN) == SHARED else task}/{step}"


def again(key: str) -> str:
    """The key under which the request of a key is made once more."""
    return f"{key}{AGAIN}"


def step_of(key: str) -> str:
    """The step that a key belongs to: `propose`, `kind`, `instances`, `rewrite`; `check NAME` for those of a check.

    Checks that make several sorts of requests have `check NAME.weak`, `check NAME.strong`, `check NAME.judge`.
    """
    stream, *rest = key.split("/")
    if stream == "check" and len(rest) > 1:
        return f"check {rest[1]}"
    return rest[1] if stream == "annotate" and len(rest) > 1 else stream


def check_of(step: str) -> str:
    """The name of the check that a step belongs to; empty if it belongs to none.

    Example:
        >>> check_of("check gap.weak"), check_of("kind")
        ('gap', '')
    """
    return step.removeprefix("check ").partition(".")[0] if step.startswith("check ") else ""


def request_of(task: str) -> int:
    """The number of the request that a task came from; -1 for a name that no task can have."""
    request = task.partition(".")[0]
    return int(request) if request.isascii() and request.isdecimal() and len(request) < 10 else -1
