"""Apply new rules for instructions to replies that were paid for: a new run from an old run's replies.

Other rules accept other instructions, so a new run would show other examples and cost money. Rejudging is free: the
old requests stay the same, and their replies are parsed and judged again with the new recipe. Task types and
instances whose requests are the same are taken over, and the other replies are kept beside the journal for `generate`
to find.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstruct.config.recipe import Recipe
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.journal.codec import encode_lines
from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.journal.file import NAME, journal_path, read_events
from bootstruct.journal.keys import AGAIN, again, key_of
from bootstruct.journal.state import State, apply, begin, task_named
from bootstruct.run.folder import TAKEN_OVER, is_begun, read_plan
from bootstruct.stages.annotate import annotate_in
from bootstruct.stages.custom import NO_CODE, CustomCode
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import read_candidates
from bootstruct.types import Instruction, Verdict, digest_of, digest_of_value

KEPT, NOT_READ = "accepted", "not read"  # decisions that are not rules; `not read`: only one of the two recipes read it


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """Candidates with the same pair of different decisions in the two runs.

    Attributes:
        old: `accepted`, the rule that rejected them, or `not read` if only the new recipe reads them.
        new: likewise.
        count: how many there are.
    """

    old: str
    new: str
    count: int


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """The result of judging an old run's replies again.

    Attributes:
        requests: requests for instructions that were judged again.
        same: candidates with the same decision in both runs.
        changes: the others, most first.
        accepted_before: instructions that the old run accepted from these requests.
        accepted: instructions that are accepted now.
        completed: of those, the completed ones.
    """

    requests: int
    same: int
    changes: tuple[DecisionChange, ...]
    accepted_before: int
    accepted: int
    completed: int


def rejudge(folder: Path, old: Path, code: CustomCode = NO_CODE) -> Rejudgement:
    """Write the journal of `folder`, which `init` made, from the requests of `old`. No request is sent.

    If `folder` was rejudged from the same run before, nothing is done.

    Args:
        folder: a run folder that has not begun.
        old: the run whose replies are judged again.
        code: rules in Python that the new recipe uses.

    Returns:
        How the decisions differ, and what is completed already.

    Raises:
        InputError: the folder has begun in another way, or `old` has no committed request.
    """
    source = journal_path(old)
    if is_begun(folder):
        started = next(event for _, event in read_events(folder / NAME))
        if isinstance(started, RunStarted) and started.origin == "rejudge" and started.source.startswith(f"{old} "):
            return compare(source, folder / NAME)
        raise InputError(f"{folder}: has begun already; `bootstruct init` a new run for --rejudge.")
    requests, replies = _requests(source)
    plan = read_plan(folder)
    _require_same_passages(source, plan[0])
    name = f"{old} {digest_of_value([event.digest for event in replies.values()])[:16]}"
    started = RunStarted(*plan, "rejudge", name, len(requests))
    events: list[Event] = [started]
    state = begin(started)

    def record(event: Event) -> None:
        apply(state, event)
        events.append(event)

    _judge(state, requests, replies, str(old), code, record)
    _take_over(state, source, str(old), record)
    taken = {event.digest for event in events if isinstance(event, ReplyReceived)}
    _keep_others(folder / TAKEN_OVER, source, started, taken)
    write_whole(folder / NAME, b"".join(encode_lines(events)))
    return compare(source, folder / NAME)


def _require_same_passages(source: Path, recipe: Recipe) -> None:
    """Raise InputError if the new recipe deals other passages to the old requests than they were about."""
    began = next(event for _, event in read_events(source))
    old = began.recipe if isinstance(began, RunStarted) else recipe
    if old.documents is None and recipe.documents is None:
        return
    if old.documents is None or recipe.documents is None or old.documents.passages != recipe.documents.passages:
        raise InputError(f"{source.parent}: its requests are about other passages; a run is judged again with its own.")
    if old.seed != recipe.seed:
        raise InputError(
            f"{source.parent}: its passages were dealt by seed {old.seed}, not {recipe.seed}; keep the old seed."
        )


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


def _judge(
    state: State,
    requests: Iterable[CandidatesJudged],
    replies: dict[str, ReplyReceived],
    old: str,
    code: CustomCode,
    record: Callable[[Event], None],
) -> None:
    """Parse and judge the replies to the requests for instructions again."""
    pool = Pool(state.recipe, code).catch_up(state)
    for request in requests:
        key = f"propose/{request.index}"
        received = [replies[name] for name in (key, again(key)) if name in replies]
        for event in received:
            record(ReplyReceived(event.key, event.digest, event.reply, event.question, source=old))
        reply = received[-1].reply if received else None
        candidates, unread = read_candidates(state.recipe, reply, request.shown, state.asks_again)
        revises = request.revises if task_named(state, request.revises) else ""  # other rules may have rejected it
        ancestors = [*state.ancestors(revises)]
        verdicts = pool.judge(request.index, candidates, ancestors)
        recorded = revises, request.passage, request.hints
        record(CandidatesJudged(request.index, request.shown, verdicts, reply is None, unread, *recorded))
        pool.catch_up(state)


def _take_over(state: State, source: Path, old: str, record: Callable[[Event], None]) -> None:
    """Record the old replies to requests about accepted tasks; decide on the tasks before the first unanswered request."""
    recorded = RecordedEngine(source)
    for place, task in enumerate(state.accepted):
        completed = _answer(state, task, recorded, old, record)
        if completed is not None and place == len(state.completed):
            record(completed)


def _answer(
    state: State, task: Instruction, recorded: RecordedEngine, old: str, record: Callable[[Event], None]
) -> TaskCompleted | None:
    """Complete a task from recorded replies; None if one is missing."""
    flow = annotate_in(state, task)
    try:
        prompt = next(flow)
        while True:
            key, digest = key_of(task.name, prompt.step), digest_of(prompt)
            known = state.replies.get(key)
            if known is None:
                found = recorded.find(digest)
                if found is None:
                    flow.close()
                    return None
                known = ReplyReceived(key, digest, found[0], source=old)
                record(known)
            assert isinstance(known, ReplyReceived)
            prompt = flow.send(known.reply)
    except StopIteration as done:
        completed: TaskCompleted = done.value
        return completed


def _keep_others(path: Path, source: Path, started: RunStarted, taken: set[str]) -> None:
    """Write the replies that the new journal does not need yet: of checks, and to requests that may recur."""
    others = [
        event
        for _, event in read_events(source)
        if isinstance(event, ReplyReceived) and event.digest and event.digest not in taken
    ]
    if others:
        write_whole(path, b"".join(encode_lines([started, *others])))


def compare(old: Path, new: Path) -> Rejudgement:
    """How the decisions of a rejudged run differ from those of the original run.

    Args:
        old: the journal of the old run.
        new: the journal of the rejudged one.
    """
    began = next(event for _, event in read_events(new))
    inherited = began.inherited if isinstance(began, RunStarted) else 0
    before, after = (_verdicts(journal, inherited) for journal in (old, new))
    changed = Counter[tuple[str, str]]()
    for index in range(inherited):
        changed.update(_paired(before.get(index, ()), after.get(index, ())))
    same = sum(count for (was, now), count in changed.items() if was == now)
    changes = (DecisionChange(was, now, count) for (was, now), count in changed.most_common() if was != now)
    accepted = [sum(v.kept for verdicts in decided.values() for v in verdicts) for decided in (before, after)]
    completed = {event.task for _, event in read_events(new) if isinstance(event, TaskCompleted)}
    inherited_tasks = sum(int(task.partition(".")[0]) < inherited for task in completed)
    return Rejudgement(inherited, same, tuple(changes), accepted[0], accepted[1], inherited_tasks)


def _verdicts(journal: Path, requests: int) -> dict[int, tuple[Verdict, ...]]:
    """The verdicts of the first requests, by request."""
    events = (event for _, event in read_events(journal))
    return {e.index: e.verdicts for e in events if isinstance(e, CandidatesJudged) and e.index < requests}


def _paired(old: Iterable[Verdict], new: Iterable[Verdict]) -> Iterator[tuple[str, str]]:
    """(old, new) decision on each candidate of a request, with those of equal texts paired in order."""
    decisions: defaultdict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, verdicts in enumerate((old, new)):
        for verdict in verdicts:
            decisions[verdict.text][side].append(verdict.rule or KEPT)
    for was, now in decisions.values():
        for place in range(max(len(was), len(now))):
            yield tuple(side[place] if place < len(side) else NOT_READ for side in (was, now))  # type: ignore[misc]
