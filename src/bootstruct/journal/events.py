"""What happened in a run: one class for each kind of line in the journal.

Facts (`ReplyReceived`, `RequestFailed`, `RequestAdapted`, `ImportRecorded`) come from outside and are never computed
again. Decisions (`CandidatesJudged`, `TaskCompleted`, `InstancesChecked`) are pure functions of facts and are written
strictly in order, each stream in its own.
"""

from dataclasses import dataclass
from typing import Final

from bootstruct.config.recipe import Recipe
from bootstruct.types import CheckVerdict, Instance, RejectedInstance, Reply, Seed, Verdict

# 1: replies were read by the readers of version 0.1, which asked nothing a second time
# 2: the reading `original` did not record why nothing could be read from a reply
VERSION = 3

# Why a reply gave nothing to read
CUT_WHILE_THINKING: Final = "cut while thinking"
CUT: Final = "cut"
UNKNOWN_MODEL: Final = "unknown"  # the model's name where the files of an import record none
NOT_KEPT: Final = "none"  # the finish reason of a reply that the files of an import lack
UNREADABLE: Final = "unreadable"
EMPTY: Final = "empty"
REFUSAL: Final = "refusal"
FILTERED: Final = "filtered"
TOOL_CALLS: Final = "tool calls"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event: the whole recipe and all seeds.

    Attributes:
        recipe: the recipe, with all prompts in it.
        seeds: the seed tasks.
        origin: `generate`, `import`, `rejudge` or `rewrite`.
        source: the run whose replies this one was made from: its folder and a digest of what was taken; else empty.
        inherited: requests taken from that run; they were drawn and asked with other rules, or by other code.
        version: version of the journal's format.
    """

    recipe: Recipe
    seeds: tuple[Seed, ...]
    origin: str = "generate"
    source: str = ""
    inherited: int = 0
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """A reply to a request.

    Attributes:
        key: where it is filed, as in `propose/812`.
        digest: of the prompt, the sampling and the model.
        reply: what the model answered.
        question: the prompt as text; stored by imports only.
        source: the run that a reused reply came from; else empty.
        at: when it came, in seconds since 1970; 0 if that is not known. No decision depends on it.
    """

    key: str
    digest: str
    reply: Reply
    question: str = ""
    source: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request that failed for good: a permanent error while others succeeded.

    Attributes:
        key: where it is filed.
        digest: of the prompt, the sampling and the model.
        status: HTTP status, 0 if there was none.
        reason: what the server or the engine said.
        source: the run in which it failed, if that was another one; it is not sent again in this one.
    """

    key: str
    digest: str
    status: int
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class CandidatesJudged:
    """The decisions on the candidates of one request for instructions.

    Attributes:
        index: number of the request.
        shown: names of the examples in its prompt, in their order.
        verdicts: one for each candidate read from the reply, in their order.
        failed: whether the request failed for good.
        unread: why nothing could be read from the reply (`cut while thinking`, `unreadable` ...); empty if something was.
        revises: the name of the task that the request was to revise; else empty.
        passage: name of the passage in its prompt, if the run is about documents.
        hints: (name, value) of the hints in its prompt, if the recipe steers.
    """

    index: int
    shown: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    failed: bool = False
    unread: str = ""
    revises: str = ""
    passage: str = ""
    hints: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """The decision on one accepted instruction: its task type and its instances. A later one wins (`--retry-failed`).

    Attributes:
        task: the task's name.
        is_classification: the task type; false if the reply about it could not be read (`unread` then says so).
        instances: those that were kept.
        rejected: those that were not, each with its rule.
        failed: whether a request failed for good.
        unread: (step, reason) for each step whose reply gave nothing: `kind`, `kinds`, `instances`, `rewrite/N`,
            `user/N/TURN` or `assistant/N/TURN`, and
            `cut while thinking`, `unreadable`, `refusal`, `filtered`, `empty`, `tool calls` or `cut`.
    """

    task: str
    is_classification: bool
    instances: tuple[Instance, ...]
    rejected: tuple[RejectedInstance, ...] = ()
    failed: bool = False
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def is_type_unread(self) -> bool:
        """Whether the task type is not known because the reply about it could not be read."""
        return any(step == "kind" for step, _ in self.unread)

    @property
    def retried_steps(self) -> tuple[str, ...]:
        """The steps whose requests `--retry-failed` repeats because their replies were cut off or could not be read."""
        return tuple(step for step, why in self.unread if step != "kinds" and why not in (REFUSAL, FILTERED))


@dataclass(frozen=True, slots=True)
class InstancesChecked:
    """What a check decided on the instances of a task that no earlier check rejected.

    A later one wins.

    Attributes:
        failed: a request failed for good; the instances it was about have no verdict and have not passed.
    """

    task: str
    check: str
    verdicts: tuple[CheckVerdict, ...]
    failed: bool = False

    @property
    def kept(self) -> list[int]:
        """The numbers of the instances that passed."""
        return [verdict.instance for verdict in self.verdicts if verdict.kept]


@dataclass(frozen=True, slots=True)
class ImportRecorded:
    """What the files of an import state about a task.

    Attributes:
        task: the task's name.
        most_similar: its nearest texts with their ROUGE-L F-measures.
        mean: the mean F-measure over the pool; None if the files do not hold it.
        request_idx: number of the API call it came from (one call held several requests).
    """

    task: str
    most_similar: tuple[tuple[str, float], ...]
    mean: float | None
    request_idx: int


@dataclass(frozen=True, slots=True)
class RequestAdapted:
    """How requests to a server differ from the recipe because the server refused something. Outside every digest.

    Attributes:
        server: its address without credentials.
        model: the model's name.
        field: the field of the request that it is about, as in `temperature`.
        change: what is sent instead, as the machine reads it (see `engines.request_form`); empty for nothing.
        reason: what the server said, or how the need for it showed.
    """

    server: str
    model: str
    field: str
    change: str
    reason: str


Event = (
    RunStarted
    | ReplyReceived
    | RequestFailed
    | CandidatesJudged
    | TaskCompleted
    | InstancesChecked
    | ImportRecorded
    | RequestAdapted
)
NAMES: dict[type[Event], str] = {  # how a line of the journal names its event
    RunStarted: "started",
    ReplyReceived: "replied",
    RequestFailed: "failed",
    CandidatesJudged: "proposed",
    TaskCompleted: "annotated",
    InstancesChecked: "checked",
    ImportRecorded: "recorded",
    RequestAdapted: "adapted",
}
