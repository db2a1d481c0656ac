"""What a running run waits for most, in plain words: the server, this machine, growing, completing or the budget."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bootstruct.render.numbers import number

BUSY: Final = 0.9  # share of one core from which this machine is the slowest part
WINDOW: Final = 5.0  # seconds over which the most frequent answer is given: it would flicker otherwise
STEPS: Final = {
    "propose": "new instructions",
    "kind": "task types",
    "kinds": "task types",
    "instances": "instances",
    "rewrite": "rewritten outputs",
}


@dataclass(frozen=True, slots=True)
class Activity:
    """The measurements at one moment.

    Attributes:
        in_flight: requests in flight, by step.
        level: how many may be in flight.
        is_fixed: whether the user set that.
        is_local: whether the model runs on this machine.
        queued: requests that wait for their turn.
        unaffordable: requests that wait until those in flight have used less of the budget than they may.
        batches: whether a server's batch API is working.
        is_failing: whether the servers answer with errors.
        busy: this process's part of one core since the last moment.
        growth: why no request for instructions may be sent: `ahead`, `budget`, `order`; empty if one may, or none is wanted.
        unfinished: accepted tasks without all their replies.
        uncommitted: tasks with all their replies that wait for an earlier one.
    """

    in_flight: Mapping[str, int] = field(default_factory=dict)
    level: int = 1
    is_fixed: bool = False
    is_local: bool = False
    queued: int = 0
    unaffordable: int = 0
    batches: bool = False
    is_failing: bool = False
    busy: float = 0.0
    growth: str = ""
    unfinished: int = 0
    uncommitted: int = 0


def slowest_part(now: Activity) -> tuple[str, str]:
    """(a name for the slowest part, the same in words); both empty if nothing is slow.

    Example:
        >>> slowest_part(Activity({"instances": 12, "kind": 4}, level=16, queued=30))[1]
        'the server: all 16 requests are in flight, most for instances, and 30 wait'
    """
    count = sum(now.in_flight.values())
    if now.is_failing:
        return "errors", "the server: it answers with errors"
    if now.unaffordable:
        return "budget", f"the budget: {_requests(now.unaffordable)} until those in flight have used less than they may"
    if now.busy >= BUSY and not now.is_local:
        return "machine", f"this machine: reading and judging replies takes {now.busy:.0%} of a core"
    if count >= now.level > 0:
        return "server", _server(now, count)
    if now.batches:
        return "batch", "the server's batch API"
    if now.growth == "budget":
        return "growth", f"the budget: growing waits until {_tasks(now.unfinished)} completed and their cost is known"
    if now.growth == "ahead":
        return "completing", f"completing: growing waits until some of {_tasks(now.unfinished)} completed"
    if now.growth == "checks":
        return "checks", "the checks: growing waits for verdicts on tasks that further requests may revise"
    if now.growth == "order":
        return "order", "the oldest request for instructions: further ones show tasks that it may bring"
    if now.uncommitted:
        return "order", f"the oldest task: {number(now.uncommitted)} later ones are answered and wait for it"
    return (
        ("last", f"the last {number(count)} requests")
        if count > 1
        else ("last", "the last request")
        if count
        else ("", "")
    )


def _server(now: Activity, count: int) -> str:
    step = max(now.in_flight, key=now.in_flight.__getitem__)
    most = STEPS.get(step, "checks" if step.startswith("check ") else step)
    where = "the model on this machine" if now.is_local else "the server"
    limit = " (--concurrency allows no more)" if now.is_fixed else ""
    waiting = f", and {number(now.queued)} wait" if now.queued else ""
    flights = (
        "the one request is in flight, for" if count == 1 else f"all {number(count)} requests are in flight, most for"
    )
    return f"{where}: {flights} {most}{limit}{waiting}"


def _requests(count: int) -> str:
    return "1 request waits" if count == 1 else f"{number(count)} requests wait"


def _tasks(count: int) -> str:
    return "1 unfinished task is" if count == 1 else f"{number(count)} unfinished tasks are"


class SlowestPart:
    """Watches a run and names the part that was slowest most often lately.

    Args:
        clock: seconds from any beginning.
        cpu_clock: seconds of CPU that this process has used.
    """

    def __init__(self, clock: Callable[[], float], cpu_clock: Callable[[], float]) -> None:
        self._clock, self._cpu_clock = clock, cpu_clock
        self._last = clock(), cpu_clock()
        self._seen: deque[tuple[float, str, str]] = deque()

    def busy(self) -> float:
        """This process's part of one core since the last call."""
        before, self._last = self._last, (self._clock(), self._cpu_clock())
        seconds = self._last[0] - before[0]
        return (self._last[1] - before[1]) / seconds if seconds > 0 else 0.0

    def name(self, now: Activity) -> str:
        """What was the slowest part most often over the last seconds, as it is now or was last."""
        at = self._clock()
        self._seen.append((at, *slowest_part(now)))
        while at - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        most = Counter(part for _, part, _ in self._seen).most_common(1)[0][0]
        return next(words for _, part, words in reversed(self._seen) if part == most)
