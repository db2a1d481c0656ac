"""What happened, and the one function that says what it means.

Facts (`Replied`, `Failed`, `Recorded`) come from outside and are never computed again. Decisions (`Proposed`,
`Annotated`) are pure functions of facts and are written strictly in order, each stream in its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bootstruct.domain import Instance, Instruction, Refused, Reply, Seed, Verdict
from bootstruct.errors import BadJournal
from bootstruct.recipe import Recipe

VERSION = 1


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: the whole recipe and all seeds. `origin` is `generate`, `import` or `rejudge`.

    A re-judged run names the run whose replies it took (`source`: its folder and the digest of its journal) and how many
    requests it inherited: those were drawn and asked by the other run.
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
    """A question that will never be answered (a permanent error while others succeeded)."""

    key: str
    digest: str
    status: int
    reason: str


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
class Recorded:
    """What the files of an import say about a task: its nearest texts with scores, the mean over the pool, and the number
    of the API call it came from (one call held several requests)."""

    task: str
    most_similar: tuple[tuple[str, float], ...]
    mean: float | None
    request_idx: int


Event = Started | Replied | Failed | Proposed | Annotated | Recorded


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals over all replies that were paid for in this run. Tokens are the servers' own counts.

    seconds: spent answering, summed over replies (many are in flight at once). retries: failed calls before them.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reused: int = 0
    seconds: float = 0.0
    retries: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(  # by hand: added up for every reply of a journal
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reused + other.reused,
            self.seconds + other.seconds,
            self.retries + other.retries,
        )


@dataclass(slots=True)
class State:
    """What a journal tells. Only `apply` changes one.

    marks[k] is len(machine) after request k was judged: the pool only grows, so a snapshot of it is one number.
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
    recorded: dict[str, Recorded] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    candidates: int = 0
    failures: int = 0
    usage: dict[tuple[str, str], Usage] = field(default_factory=dict)
    busy: list[tuple[float, float]] = field(default_factory=list)

    @property
    def has_success(self) -> bool:
        return bool(self.usage)


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
                for step in ("kind", "instances"):
                    state.replies.pop(f"annotate/{task}/{step}", None)
        case Recorded(task):
            state.recorded[task] = event


def _commit_proposed(state: State, event: Proposed) -> None:
    for number, verdict in enumerate(event.verdicts):
        if verdict.rule is None:
            state.machine.append(Instruction(f"{event.index}.{number}", verdict.text))
        else:
            state.refusals[verdict.rule] = state.refusals.get(verdict.rule, 0) + 1
    state.candidates += len(event.verdicts)
    state.failures += event.failed
    state.marks.append(len(state.machine))
    state.replies.pop(f"propose/{event.index}", None)


def _count(state: State, event: Replied) -> None:
    step = event.key.partition("/")[0] if event.key.startswith("propose") else event.key.rpartition("/")[2]
    slot, reply = (step, event.reply.model), event.reply
    used = Usage(reused=1)
    if not event.source:
        used = Usage(1, reply.prompt_tokens, reply.completion_tokens, 0, reply.seconds, reply.retries)
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
