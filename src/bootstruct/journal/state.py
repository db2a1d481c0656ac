"""The state of a run, which is the sum of its events, and the one function that changes it."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bootstruct.config.recipe import Recipe
from bootstruct.errors import JournalError
from bootstruct.journal.events import (
    NAMES,
    NOT_KEPT,
    VERSION,
    CandidatesJudged,
    Event,
    ImportRecorded,
    InstancesChecked,
    ReplyReceived,
    RequestAdapted,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.journal.forgetting import forget, forget_key
from bootstruct.journal.keys import again, request_of, step_of
from bootstruct.journal.usage import Usage
from bootstruct.types import Instance, Instruction, Seed

RECENT: Final = 100  # judged requests whose decisions the state keeps


@dataclass(slots=True)
class State:
    """The sum of a journal's events. Only `apply` changes one.

    Attributes:
        recipe: the recipe with which the run began.
        seeds: its seed tasks.
        origin: `generate`, `import`, `rejudge` or `rewrite`.
        source: the run from which it was made; else empty.
        inherited: requests taken from that run.
        version: of the journal's format, by which the run was begun.
        accepted: the accepted instructions, in order.
        accepted_after: accepted_after[k] is len(accepted) after request k was judged: the pool only grows, so a snapshot of
            it is one number.
        replies: uncommitted replies, by key.
        reply_offsets: for every key the file offset of its reply.
        completed: by task, its task type and instances.
        left_open: tasks before the last completed one that are not completed; only the files of an import leave such gaps.
        checked: by task, what the recipe's checks decided, in their order; fewer while a task is being checked.
        imported: by task, what the files of an import state about it.
        revises: by request that was to revise a task, the name of that task.
        to_revise: places of the accepted instructions that wait for a request that revises them, in order.
        revised_because: by task that is or was to be revised, its instances and the verdicts on them.
        rejections: rejected candidates, by rule.
        candidates: candidates judged.
        failures: requests that failed for good.
        failed_requests: by key, the requests that failed for good and were not answered since.
        recent: the last judged requests.
        unread: by (step, reason), the replies that gave nothing to read.
        usage: totals by (step, model name as the server reported it).
        busy_spans: (first, last) second since 1970 between which at least one request was being answered, apart and in
            order; empty if the journal does not tell.
        adaptations: by (server, model, field), how requests were changed because the server refused them.
        steering: what `stages.steering` has derived from the state; no event changes it.
    """

    recipe: Recipe
    seeds: tuple[Seed, ...]
    origin: str = "generate"
    source: str = ""
    inherited: int = 0
    version: int = VERSION
    accepted: list[Instruction] = field(default_factory=list)
    accepted_after: list[int] = field(default_factory=list)
    replies: dict[str, ReplyReceived | RequestFailed] = field(default_factory=dict)
    reply_offsets: dict[str, int] = field(default_factory=dict)
    completed: dict[str, TaskCompleted] = field(default_factory=dict)
    left_open: int = 0
    checked: dict[str, tuple[InstancesChecked, ...]] = field(default_factory=dict)
    imported: dict[str, ImportRecorded] = field(default_factory=dict)
    revises: dict[int, str] = field(default_factory=dict)
    to_revise: list[int] = field(default_factory=list)
    revised_because: dict[str, tuple[TaskCompleted, InstancesChecked]] = field(default_factory=dict)
    rejections: dict[str, int] = field(default_factory=dict)
    candidates: int = 0
    failures: int = 0
    failed_requests: dict[str, RequestFailed] = field(default_factory=dict)
    recent: deque[CandidatesJudged] = field(default_factory=lambda: deque(maxlen=RECENT))
    unread: dict[tuple[str, str], int] = field(default_factory=dict)
    usage: dict[tuple[str, str], Usage] = field(default_factory=dict)
    busy_spans: list[tuple[float, float]] = field(default_factory=list)
    adaptations: dict[tuple[str, str, str], RequestAdapted] = field(default_factory=dict)
    steering: object = None

    @property
    def has_success(self) -> bool:
        """Whether any request was answered for this run. Replies reused from others say nothing about the present engine."""
        return any(used.requests for used in self.usage.values())

    @property
    def asks_again(self) -> bool:
        """Whether a request whose reply holds no answer is made once more, and replies without one are recorded by name.

        Journals of version 1 and imports do neither. The reading of the released code sends no second requests (see
        `second_request`), and records reasons since version 3.
        """
        if self.recipe.reading == "original" and self.version < 3:
            return False
        return self.version > 1 and self.origin != "import"

    @property
    def completed_tasks(self) -> list[Instruction]:
        """The accepted instructions that are completed, in order."""
        reached = self.accepted[: len(self.completed) + self.left_open]
        return [task for task in reached if task.name in self.completed] if self.left_open else reached

    @property
    def checks_done(self) -> int:
        """How many tasks have passed through all checks, in order of the pool; those without instances count."""
        last = next(reversed(self.checked.values()), ())
        return len(self.checked) - (0 < len(last) < len(self.recipe.checks))

    def passed_instances(self, task: str) -> tuple[Instance, ...]:
        """The instances of a task that count.

        All of its instances, or, if the recipe has checks, those that passed every check; none before that is
        decided.
        """
        completed, checks = self.completed.get(task), self.recipe.checks
        if completed is None or not checks:
            return completed.instances if completed else ()
        checked = self.checked.get(task, ())
        return tuple(completed.instances[n] for n in checked[-1].kept) if len(checked) == len(checks) else ()

    def ancestors(self, task: str) -> Iterator[str]:
        """The names of the task itself, of the task that it revises, of the one that this revises, and so on."""
        while task:  # each revises a task of an earlier request: see `_commit_proposed`
            yield task
            task = self.revises.get(request_of(task), "")

    def is_settled(self, task: str) -> bool:
        """Whether every check has decided on all instances that the one before it kept."""
        wanted = list(range(len(self.completed[task].instances)))
        checked = self.checked.get(task, ())
        for check in checked:
            if check.failed or [verdict.instance for verdict in check.verdicts] != wanted:
                return False
            wanted = check.kept
        return len(checked) == len(self.recipe.checks)


def apply(state: State, event: Event, offset: int = 0) -> None:
    """Change `state` by one event, found at `offset` in its file. Raises JournalError on disorder."""
    match event:
        case RunStarted():
            raise JournalError("a journal starts once, but this one starts a second time.")
        case ReplyReceived(key):
            state.replies[key] = event
            state.reply_offsets[key] = offset
            state.failed_requests.pop(key, None)
            _count(state, event)
        case RequestFailed(key):
            state.replies[key] = state.failed_requests[key] = event
            state.reply_offsets[key] = offset
        case CandidatesJudged(index):
            if index != len(state.accepted_after):
                raise JournalError(f"request {index} is judged out of order: expected {len(state.accepted_after)}.")
            _commit_proposed(state, event)
        case TaskCompleted(task):
            first = task not in state.completed
            if first:
                _pass_open_tasks(state, task)
            else:
                _take_back(state, state.completed[task], event)
            state.failures += event.failed
            for step, reason in event.unread:
                _count_unread(state, step, reason, 1)
            state.completed[task] = event
            if not event.failed:  # the replies of a failed one are needed again by `--retry-failed`
                forget(state.replies, event, with_request=ends_request(state, event))
        case InstancesChecked():
            _commit_checked(state, event)
        case ImportRecorded(task):
            state.imported[task] = event
        case RequestAdapted(server, model, name):
            state.adaptations[server, model, name] = event


def _pass_open_tasks(state: State, task: str) -> None:
    """Find the place of a task that is completed: the next one, or in an import one after tasks that stay open.

    Raises JournalError if the task is none of these.
    """
    first = len(state.completed) + state.left_open
    places = range(first, len(state.accepted) if state.origin == "import" else min(first + 1, len(state.accepted)))
    place = next((n for n in places if state.accepted[n].name == task), None)
    if place is None:
        raise JournalError(f"task {task} is completed out of order.")
    state.left_open += place - first


def _take_back(state: State, old: TaskCompleted, new: TaskCompleted) -> None:
    """Undo the counts of a decision on a task, and the checks of instances that it no longer has."""
    state.failures -= old.failed
    for step, reason in old.unread:
        _count_unread(state, step, reason, -1)
    if _without_turns(new) != _without_turns(old) and state.checked.get(old.task):
        state.failures -= sum(checked.failed for checked in state.checked[old.task])
        state.checked[old.task] = ()


def _without_turns(event: TaskCompleted) -> list[tuple[str, str]]:
    """What checks see of the instances of a task."""
    return [(instance.input, instance.output) for instance in event.instances]


def _count_unread(state: State, step: str, reason: str, count: int) -> None:
    slot = step.partition("/")[0], reason
    state.unread[slot] = state.unread.get(slot, 0) + count
    if not state.unread[slot]:
        del state.unread[slot]


def _commit_checked(state: State, event: InstancesChecked) -> None:
    task, names = event.task, [check.name for check in state.recipe.checks]
    if event.check not in names:
        raise JournalError(f"task {task} is checked by {event.check!r}, which the recipe does not have.")
    place, before, turn = names.index(event.check), state.checked.get(task, ()), state.checks_done
    is_next = place == len(before) and turn < len(state.completed) and state.accepted[turn].name == task
    is_repeated = task in state.checked and place <= len(before)  # of other instances, or of requests that failed
    if not is_next and not is_repeated:
        raise JournalError(f"task {task} is checked by {event.check!r} out of order.")
    if any(verdict.instance >= len(state.completed[task].instances) for verdict in event.verdicts):
        raise JournalError(f"task {task}: a check of an instance that it does not have.")
    state.failures += event.failed - (place < len(before) and before[place].failed)
    state.checked[task] = (*before[:place], event, *before[place + 1 :])
    if is_next and place == len(names) - 1:
        _note_revision(state, turn)
    if state.is_settled(task):  # the replies of a failed one are needed again by `--retry-failed`
        for key in check_keys(state, task):
            state.replies.pop(key, None)


def _note_revision(state: State, place: int) -> None:
    """Put a task on the list of those to be revised, if the solvers rejected it, nothing of it passed, and rounds are left.

    This is decided once, when the last check of the task is committed for the first time: nothing that `--retry-failed`
    brings later changes it, so that the requests for instructions depend on what was committed in order only.
    """
    check, task = state.recipe.revising, state.accepted[place].name
    checked = state.checked[task]
    if check is None or state.passed_instances(task) or any(decided.failed for decided in checked):
        return
    verdicts = next(decided for decided in checked if decided.check == check.name)
    rejected = any(verdict.scores and not verdict.kept for verdict in verdicts.verdicts)
    rounds = sum(1 for _ in state.ancestors(task)) - 1
    if rejected and rounds < check.rounds and not (state.inherited and task in state.revises.values()):
        state.to_revise.append(place)
        state.revised_because[task] = (state.completed[task], verdicts)


def check_keys(state: State, task: str) -> Iterator[str]:
    """The keys of all requests that the checks may make about a task: instance by instance, sample by sample."""
    for check in state.recipe.checks:
        if check.kind == "python":  # makes as many requests as it likes
            start = f"check/{task}/{check.name}/"
            yield from [key for key in state.replies if key.startswith(start)]
        for number in range(len(state.completed[task].instances)):
            for made in check.all_requests:
                for sample in range(made.count):
                    key = f"check/{task}/{made.name}/{number}/{sample}"
                    yield from (key, again(key))


def task_named(state: State, name: str) -> Instruction | None:
    """The accepted instruction of this name; None if there is none."""
    request = request_of(name)
    if not 0 <= request < len(state.accepted_after):
        return None
    first, end = state.accepted_after[request - 1] if request else 0, state.accepted_after[request]
    return next((task for task in state.accepted[first:end] if task.name == name), None)


def siblings(state: State, task: str) -> tuple[Instruction, ...]:
    """The tasks accepted from the same request, in order, this one included; none if each is classified alone."""
    if state.recipe.classify_together is None:
        return ()
    request = int(task.partition(".")[0])
    return tuple(state.accepted[state.accepted_after[request - 1] if request else 0 : state.accepted_after[request]])


def ends_request(state: State, event: TaskCompleted) -> bool:
    """Whether every task of its request will be completed, and none is left to retry, after this event is applied."""
    others = [state.completed.get(task.name) for task in siblings(state, event.task) if task.name != event.task]
    return not is_left(state, event) and all(other is not None and not is_left(state, other) for other in others)


def is_left(state: State, event: TaskCompleted) -> bool:
    """Whether `--retry-failed` has a request to send about a task; in a run that rewrites outputs, only for these."""
    steps = event.retried_steps
    return event.failed or bool(
        steps and (state.origin != "rewrite" or all(step.startswith("rewrite") for step in steps))
    )


def _commit_proposed(state: State, event: CandidatesJudged) -> None:
    for number, verdict in enumerate(event.verdicts):
        if verdict.rule is None:
            state.accepted.append(Instruction(f"{event.index}.{number}", verdict.text, verdict.instances))
        else:
            state.rejections[verdict.rule] = state.rejections.get(verdict.rule, 0) + 1
    if event.revises:
        if task_named(state, event.revises) is None:
            raise JournalError(f"request {event.index} revises task {event.revises!r:.40}, which is not accepted.")
        state.revises[event.index] = event.revises
        waiting = (n for n, place in enumerate(state.to_revise) if state.accepted[place].name == event.revises)
        if (place := next(waiting, None)) is not None:  # always the first one, unless the run was rejudged
            del state.to_revise[place]
    state.candidates += len(event.verdicts)
    state.failures += event.failed
    if event.unread:
        _count_unread(state, "propose", event.unread, 1)
    state.accepted_after.append(len(state.accepted))
    state.recent.append(event)
    forget_key(state.replies, f"propose/{event.index}")


def _count(state: State, event: ReplyReceived) -> None:
    slot, reply = (step_of(event.key), event.reply.model), event.reply
    if reply.finish == NOT_KEPT:
        return
    if not event.source:
        _note_busy(state.busy_spans, event.at - reply.seconds, event.at)
    state.usage[slot] = state.usage.get(slot, Usage()).plus(Usage.of(event))


def _note_busy(busy: list[tuple[float, float]], first: float, last: float) -> None:
    """Join a span to those before it that it touches. Replies come by their ends, unless a clock was set back."""
    if not last:
        return
    while busy and busy[-1][1] >= first:
        first, last = min(first, busy[-1][0]), max(last, busy[-1][1])
        busy.pop()
    busy.append((first, last))


def begin(event: Event) -> State:
    """The state right after the first event. Raises JournalError if that is not `RunStarted`."""
    if not isinstance(event, RunStarted):
        raise JournalError(f"a journal begins with `started`, but this one begins with `{NAMES[type(event)]}`.")
    return State(event.recipe, event.seeds, event.origin, event.source, event.inherited, event.version)


def fold(events: Iterable[tuple[int, Event]]) -> State:
    """The state that events add up to; they come with their file offsets. Raises JournalError if there are none."""
    rest = iter(events)
    first = next(rest, None)
    if first is None:
        raise JournalError("the journal is empty.")
    state = begin(first[1])
    for offset, event in rest:
        apply(state, event, offset)
    return state


def waiting(state: State) -> list[Instruction]:
    """The accepted instructions that are not completed yet, in order."""
    behind = state.accepted[len(state.completed) + state.left_open :]
    if not state.left_open:
        return behind
    return [task for task in state.accepted if task.name not in state.completed]
