"""New rules for instructions, applied to replies that were paid for: a new run from an old run's replies.

Changing what is kept changes which examples a fresh run would show, so a fresh run costs money. Re-judging does not: the
old requests stand as they were asked, and their replies are read and judged again with the new recipe.
"""

from pathlib import Path

import orjson

from bootstruct.domain import digest_of_value
from bootstruct.errors import BadInput
from bootstruct.event_json import to_json
from bootstruct.events import Event, Proposed, Replied, Started, apply, begin
from bootstruct.files import write_whole
from bootstruct.journal import NAME, read_events
from bootstruct.runs import is_begun, journal_path, read_plan
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import read_instructions


def rejudge(folder: Path, old: Path) -> int:
    """Write the journal of `folder` (made by `init`, not begun) from the requests of `old`; how many were taken over.

    Raises BadInput where the folder has begun (nothing is done if it was re-judged from the same run before).
    """
    source = journal_path(old)
    if is_begun(folder):
        started = next(event for _, event in read_events(folder / NAME))
        if isinstance(started, Started) and started.origin == "rejudge" and started.source.startswith(f"{old} "):
            return started.inherited
        raise BadInput(f"{folder}: has begun already; `bootstruct init` a new run for --rejudge.")
    recipe, seeds = read_plan(folder)
    requests, replies = _requests(source)
    name = f"{old} {digest_of_value([event.digest for event in replies.values()])[:16]}"
    state = begin(Started(recipe, seeds, "rejudge", name, len(requests)))
    events: list[Event] = [Started(recipe, seeds, "rejudge", name, len(requests))]
    pool = Pool(recipe).catch_up(state)
    for request in requests:
        replied = replies.get(f"propose/{request.index}")
        candidates = []
        if replied is not None:
            events.append(Replied(replied.key, replied.digest, replied.reply, replied.question, source=str(old)))
            candidates = read_instructions(recipe, replied.reply, request.shown)
        verdicts = pool.judge(request.index, candidates)
        judged = Proposed(request.index, request.shown, verdicts, failed=replied is None)
        events.append(judged)
        apply(state, judged)
        pool.catch_up(state)
    write_whole(folder / NAME, b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    return len(requests)


def _requests(source: Path) -> tuple[list[Proposed], dict[str, Replied]]:
    requests: list[Proposed] = []
    replies: dict[str, Replied] = {}
    for _, event in read_events(source):
        if isinstance(event, Proposed):
            requests.append(event)
        elif isinstance(event, Replied) and event.key.startswith("propose/"):
            replies[event.key] = event
    if not requests:
        raise BadInput(f"{source.parent}: has no committed request yet; there is nothing to judge again.")
    committed = {f"propose/{request.index}" for request in requests}
    return requests, {key: event for key, event in replies.items() if key in committed}
