"""Apply new rules for instructions to replies that were paid for: a new run from an old run's replies.

Other rules accept other instructions, so a fresh run would show other examples and cost money. Rejudging is free: the old
requests stay as they were asked, and their replies are parsed and judged again with the new recipe.
"""

from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.journal.codec import encode_lines
from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted
from bootstruct.journal.file import NAME, journal_path, read_events
from bootstruct.journal.keys import AGAIN, again
from bootstruct.journal.state import apply, begin
from bootstruct.run.folder import is_begun, read_plan
from bootstruct.stages.custom import NO_CODE, CustomCode
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import read_candidates
from bootstruct.types import digest_of_value


def rejudge(folder: Path, old: Path, code: CustomCode = NO_CODE) -> int:
    """Write the journal of `folder`, which `init` made, from the requests of `old`. Nothing is asked.

    If `folder` was rejudged from the same run before, nothing is done.

    Args:
        folder: a run folder that has not begun.
        old: the run whose replies are judged again.

    Returns:
        The number of rejudged requests.

    Raises:
        InputError: the folder has begun otherwise, or `old` has no committed request.
    """
    source = journal_path(old)
    if is_begun(folder):
        started = next(event for _, event in read_events(folder / NAME))
        if isinstance(started, RunStarted) and started.origin == "rejudge" and started.source.startswith(f"{old} "):
            return started.inherited
        raise InputError(f"{folder}: has begun already; `bootstruct init` a new run for --rejudge.")
    recipe, seeds = read_plan(folder)
    requests, replies = _requests(source)
    name = f"{old} {digest_of_value([event.digest for event in replies.values()])[:16]}"
    state = begin(RunStarted(recipe, seeds, "rejudge", name, len(requests)))
    events: list[Event] = [RunStarted(recipe, seeds, "rejudge", name, len(requests))]
    pool = Pool(recipe, code).catch_up(state)
    for request in requests:
        key = f"propose/{request.index}"
        received = [replies[name] for name in (key, again(key)) if name in replies]
        for event in received:
            events.append(ReplyReceived(event.key, event.digest, event.reply, event.question, source=str(old)))
        reply = received[-1].reply if received else None
        candidates, unread = read_candidates(recipe, reply, request.shown, state.asks_again)
        verdicts = pool.judge(request.index, candidates)
        judged = CandidatesJudged(request.index, request.shown, verdicts, reply is None, unread)
        events.append(judged)
        apply(state, judged)
        pool.catch_up(state)
    write_whole(folder / NAME, b"".join(encode_lines(events)))
    return len(requests)


def _requests(source: Path) -> tuple[list[CandidatesJudged], dict[str, ReplyReceived]]:
    requests: list[CandidatesJudged] = []
    replies: dict[str, ReplyReceived] = {}
    for _, event in read_events(source):
        if isinstance(event, CandidatesJudged):
            requests.append(event)
        elif isinstance(event, ReplyReceived) and event.key.startswith("propose/"):
            replies[event.key] = event
    if not requests:
        raise InputError(f"{source.parent}: has no committed request yet, so there is nothing to rejudge.")
    committed = {f"propose/{request.index}" for request in requests}
    return requests, {key: event for key, event in replies.items() if key.removesuffix(AGAIN) in committed}
