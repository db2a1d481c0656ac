"""What happened, and the one function that says what it means.

Facts (`Replied`, `Failed`, `Recorded`) come from outside and are never computed again. Decisions (`Proposed`,
`Annotated`, `Checked`) are pure functions of facts and are written strictly in order, each stream in its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bootstruct.domain import Checkmark, Instance, Instruction, Refused, Reply, Seed, Verdict
from bootstruct.errors import BadJournal
from bootstruct.recipe import Recipe

VERSION = 1
SHARED = "kinds"  # the step at which one question serves all tasks accepted from one request


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: the whole recipe and all seeds. `origin` is `generate`, `import`, `rejudge` or `rewrite`.

    A run that was made from another one's replies names it (`source`: its folder and a digest of what was taken) and how
    many requests it inherited: those were drawn and asked with other rules, or by other code.
    """

    recipe: Recipe
    seeds: tuple[Seed, ...]
    origin: str = "generate"
    source: str = ""
    inherited: int = 0
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply to a question. `question` is stored by imports only; `source` names the run a reused reply came from.

    at: when it came, in seconds since 1970; 0 where that is not known. Nothing is ever decided by it.
    """

    key: str
    digest: str
    reply: Reply
    question: str = ""
    source: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that will never be answered (a permanent error while others succeeded).

    source: the run in which it failed, where that was another one; it is not asked again in this one.
    """

    key: str
    digest: str
    status: int
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What was decided on request `index` of the growing pool, and which examples (names, as shown) it was asked with."""

    index: int
    shown: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Annotated:
    """What was decided on one accepted instruction: its kind and its instances. A later one wins (`--retry-failed`)."""

    task: str
    is_classification: bool
    instances: tuple[Instance, ...]
    refused: tuple[Refused, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check decided on the instances of a task, those that no earlier check refused. A later one wins.

    failed: a question failed for good; the instances it was about have no verdict and do not stand.
    """

    task: str
    check: str
    verdicts: tuple[Checkmark, ...]
    failed: bool = False

    @property
    def kept(self) -> list[int]:
        """The numbers of the instances that passed."""
        return [each.instance for each in self.verdicts if each.kept]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the files of an import say about a task: its nearest texts with scores, the mean over the pool, and the number
    of the API call it came from (one call held several requests)."""

    task: str
    most_similar: tuple[tuple[str, float], ...]
    mean: float | None
    request_idx: int


Event = Started | Replied | Failed | Proposed | Annotated | Checked | Recorded


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals over all replies that were paid for in this run. Tokens are the servers' own counts.

    seconds: spent answering, summed over replies (many are in flight at once). retries: failed calls before them.
    batched, batched_prompt, batched_completion: requests and tokens of those that came by batch.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reused: int = 0
    seconds: float = 0.0
    retries: int = 0
    batched: int = 0
    batched_prompt: int = 0
    batched_completion: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(  # by hand: added up for every reply of a journal
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reused + other.reused,
            self.seconds + other.seconds,
            self.retries + other.retries,
            self.batched + other.batched,
            self.batched_prompt + other.batched_prompt,
            self.batched_completion + other.batched_completion,
        )


@dataclass(slots=True)
class State:
    """What a journal tells. Only `apply` changes one.

    marks[k] is len(machine) after request k was judged: the pool only grows, so a snapshot of it is one number.
    checked: by task, what the recipe's checks decided, in their order; fewer while a task is being checked.
    replies holds uncommitted replies only; answered maps every key to the file offset of its reply.
    usage: totals by (step, model name as the server reported it). busy: when at least one question was being answered, as
    (first, last) second since 1970, apart and in order; empty where the journal does not tell.
    """

    recipe: Recipe
    seeds: tuple[Seed, ...]
    origin: str = "generate"
    source: str = ""
    inherited: int = 0
    machine: list[Instruction] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    replies: dict[str, Replied | Failed] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    annotated: dict[str, Annotated] = field(default_factory=dict)
    checked: dict[str, tuple[Checked, ...]] = field(default_factory=dict)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    candidates: int = 0
    failures: int = 0
    usage: dict[tuple[str, str], Usage] = field(default_factory=dict)
    busy: list[tuple[float, float]] = field(default_factory=list)

    @property
    def has_success(self) -> bool:
        """Was any question answered for this run? Replies taken from others say nothing about who is asked now."""
        return any(used.requests for used in self.usage.values())

    @property
    def checks_done(self) -> int:
        """How many tasks have been through all checks, in order of the pool; those without instances count."""
        last = next(reversed(self.checked.values()), ())
        return len(self.checked) - (0 < len(last) < len(self.recipe.checks))

    def standing(self, task: str) -> tuple[Instance, ...]:
        """The instances of a task that count: all it was annotated with, or, where the recipe has checks, those that
        passed every one; none before they did."""
        annotated, checks = self.annotated.get(task), self.recipe.checks
        if annotated is None or not checks:
            return annotated.instances if annotated else ()
        checked = self.checked.get(task, ())
        return tuple(annotated.instances[n] for n in checked[-1].kept) if len(checked) == len(checks) else ()

    def is_settled(self, task: str) -> bool:
        """Has every check decided on all that the one before it kept?"""
        wanted = list(range(len(self.annotated[task].instances)))
        checked = self.checked.get(task, ())
        for each in checked:
            if each.failed or [verdict.instance for verdict in each.verdicts] != wanted:
                return False
            wanted = each.kept
        return len(checked) == len(self.recipe.checks)


def apply(state: State, event: Event, offset: int = 0) -> None:
    """Change `state` by one event; `offset` is where the event stands in its file. Raises BadJournal on disorder."""
    match event:
        case Started():
            raise BadJournal("a journal starts once, this one starts a second time.")
        case Replied(key):
            state.replies[key] = event
            state.answered[key] = offset
            _count(state, event)
        case Failed(key):
            state.replies[key] = event
            state.answered[key] = offset
        case Proposed(index):
            if index != len(state.marks):
                raise BadJournal(f"request {index} is judged out of order: expected {len(state.marks)}.")
            _commit_proposed(state, event)
        case Annotated(task):
            first = task not in state.annotated
            if first and (
                len(state.annotated) >= len(state.machine) or state.machine[len(state.annotated)].name != task
            ):
                raise BadJournal(f"task {task} is annotated out of order.")
            state.failures += event.failed - (not first and state.annotated[task].failed)
            state.annotated[task] = event
            if not event.failed:  # what a failed one was answered is needed again by `--retry-failed`
                forget(state.replies, task, with_request=ends_request(state, event))
        case Checked():
            _commit_checked(state, event)
        case Recorded(task):
            state.recorded[task] = event


def _commit_checked(state: State, event: Checked) -> None:
    task, names = event.task, [check.name for check in state.recipe.checks]
    if event.check not in names:
        raise BadJournal(f"task {task} is checked by {event.check!r}, which the recipe does not have.")
    place, before, turn = names.index(event.check), state.checked.get(task, ()), state.checks_done
    is_next = place == len(before) and turn < len(state.annotated) and state.machine[turn].name == task
    if not is_next and place >= len(before):
        raise BadJournal(f"task {task} is checked by {event.check!r} out of order.")
    if any(verdict.instance >= len(state.annotated[task].instances) for verdict in event.verdicts):
        raise BadJournal(f"task {task}: a check of an instance that it does not have.")
    state.failures += event.failed - (not is_next and before[place].failed)
    state.checked[task] = (*before[:place], event, *before[place + 1 :])
    if state.is_settled(task):  # what a failed one was answered is needed again by `--retry-failed`
        for key in check_keys(state, task):
            state.replies.pop(key, None)


def check_keys(state: State, task: str) -> Iterator[str]:
    """The keys of all questions that the checks may ask about a task: instance by instance, sample by sample."""
    for check in state.recipe.checks:
        for number in range(len(state.annotated[task].instances)):
            yield from (f"check/{task}/{check.name}/{number}/{sample}" for sample in range(check.asks))


def key_of(task: str, step: str) -> str:
    """Under which key a step asks about a task: its own, or its request's where one question serves all tasks of that."""
    return f"annotate/{task.partition('.')[0] if step == SHARED else task}/{step}"


def siblings(state: State, task: str) -> tuple[Instruction, ...]:
    """The tasks accepted from the same request, in order, this one included; none where each is classified alone."""
    if state.recipe.classify_together is None:
        return ()
    request = int(task.partition(".")[0])
    return tuple(state.machine[state.marks[request - 1] if request else 0 : state.marks[request]])


def ends_request(state: State, event: Annotated) -> bool:
    """Will every task of its request be annotated, and none have failed, once this event is applied?"""
    others = [state.annotated.get(each.name) for each in siblings(state, event.task) if each.name != event.task]
    return not event.failed and all(other is not None and not other.failed for other in others)


def forget(replies: dict[str, Any], task: str, with_request: bool = False) -> None:
    """Take the replies to a task's questions out: what was decided on it stands. with_request: those it shares as well."""
    if with_request:
        replies.pop(key_of(task, SHARED), None)
    for step in ("kind", "instances"):
        replies.pop(f"annotate/{task}/{step}", None)
    number = 0
    while f"annotate/{task}/rewrite/{number}" in replies:
        del replies[f"annotate/{task}/rewrite/{number}"]
        number += 1


def step_of(key: str) -> str:
    """The step that a key belongs to: `propose`, `kind`, `instances`, `rewrite`; `check NAME` for those of a check."""
    stream, *rest = key.split("/")
    if stream == "check" and len(rest) > 1:
        return f"check {rest[1]}"
    return rest[1] if stream == "annotate" and len(rest) > 1 else stream


def _commit_proposed(state: State, event: Proposed) -> None:
    for number, verdict in enumerate(event.verdicts):
        if verdict.rule is None:
            state.machine.append(Instruction(f"{event.index}.{number}", verdict.text, verdict.instances))
        else:
            state.refusals[verdict.rule] = state.refusals.get(verdict.rule, 0) + 1
    state.candidates += len(event.verdicts)
    state.failures += event.failed
    state.marks.append(len(state.machine))
    state.replies.pop(f"propose/{event.index}", None)


def _count(state: State, event: Replied) -> None:
    slot, reply = (step_of(event.key), event.reply.model), event.reply
    used = Usage(reused=1)
    if not event.source:
        tokens = reply.prompt_tokens, reply.completion_tokens
        used = Usage(1, *tokens, 0, reply.seconds, reply.retries, *((1, *tokens) if reply.via == "batch" else ()))
        _note_busy(state.busy, event.at - reply.seconds, event.at)
    state.usage[slot] = state.usage.get(slot, Usage()).plus(used)


def _note_busy(busy: list[tuple[float, float]], first: float, last: float) -> None:
    """Join a span to those before it that it touches. Replies come in the order of their ends, save for a set-back clock."""
    if not last:
        return
    while busy and busy[-1][1] >= first:
        first, last = min(first, busy[-1][0]), max(last, busy[-1][1])
        busy.pop()
    busy.append((first, last))


def begin(event: Event) -> State:
    """The state right after the first event. Raises BadJournal where that is not `Started`."""
    if not isinstance(event, Started):
        raise BadJournal(f"a journal begins with `started`, this one with `{type(event).__name__.lower()}`.")
    return State(event.recipe, event.seeds, event.origin, event.source, event.inherited)


def fold(events: Iterable[tuple[int, Event]]) -> State:
    """The state a journal tells of; `events` come with their file offsets. Raises BadJournal on an empty one."""
    rest = iter(events)
    first = next(rest, None)
    if first is None:
        raise BadJournal("the journal is empty.")
    state = begin(first[1])
    for offset, event in rest:
        apply(state, event, offset)
    return state


def waiting(state: State) -> list[Instruction]:
    """The accepted instructions that are not annotated yet, in order."""
    return state.machine[len(state.annotated) :]
