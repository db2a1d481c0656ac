"""How many requests may be in flight, and at which server: one queue in front of one or more backends.

Each request goes to the backend with the smallest share of its level in use; the requests of a slower backend count for
more. A backend whose server is dead, or slow compared with the others, is suspended, and the others continue without it.
None of this changes a byte of the output.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from bootstruct.engines.traffic.backend import Backend, RequestOutcome
from bootstruct.engines.traffic.latency import SLOW, LatencyWindow, load_weight, longest_expected, slowdown

TAIL = 8  # replies since the last request arrived, after which the run is assumed to be ending
CHECK_EVERY = 0.25  # seconds between two checks for slow servers


@dataclass(eq=False, slots=True)
class Slot:
    """A slot, which allows one request in flight.

    Attributes:
        backend: where.
        step: the prompt's step.
        began: loop time at which the slot was acquired.
        is_probe: whether the request tests a suspended server.
    """

    backend: Backend
    step: str
    began: float
    is_probe: bool = False


@dataclass(order=True, slots=True)
class _Waiter:
    is_patient: bool
    turn: int
    arrival: int
    slot: "asyncio.Future[Slot]" = field(compare=False)
    step: str = field(compare=False)
    avoid: Collection[Backend] = field(compare=False)


class ConcurrencyLimiter:
    """Hands out slots at one or more backends.

    Args:
        limit: the most requests in flight at all servers together; None to find the level of each.
        names: the servers' addresses.
    """

    def __init__(self, limit: int | None = None, names: Sequence[str] = ("",)) -> None:
        self.is_fixed, self._limit = limit is not None, limit
        self.backends = [Backend(number, name, limit, self._dispatch) for number, name in enumerate(names)]
        self._queue: list[_Waiter] = []
        self._turns: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._slots: set[Slot] = set()
        self._arrivals = self._served = 0  # requests so far; replies since the last request arrived
        self._checked = 0.0

    @property
    def level(self) -> int:
        """How many requests may be in flight now."""
        levels = sum(backend.level for backend in self.backends if backend.suspension is None)
        return levels if self._limit is None else min(self._limit, levels)

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return sum(backend.in_flight for backend in self.backends)

    @property
    def steps_in_flight(self) -> Counter[str]:
        """How many requests of each step are in flight."""
        return Counter(slot.step.partition("/")[0] for slot in self._slots)

    @property
    def rate_limited(self) -> int:
        """How many requests were answered with 429 so far."""
        return sum(backend.rate_limited for backend in self.backends)

    @property
    def queued(self) -> int:
        """How many requests wait for a slot."""
        return len(self._queue)

    @property
    def suspended(self) -> list[Backend]:
        """The backends that are suspended now."""
        return [backend for backend in self.backends if backend.suspension is not None]

    def has_alternative(self, to: Collection[Backend]) -> bool:
        """Whether a backend other than these is in service."""
        return any(backend.suspension is None and backend not in to for backend in self.backends)

    async def acquire(self, is_ordered: bool = False, step: str = "", avoid: Collection[Backend] = ()) -> Slot:
        """Wait for a slot.

        Ordered requests go first. Among the others the task that arrived first goes first, with its later requests
        and retries too, so that begun work is finished and no retry waits behind all new requests.

        Args:
            is_ordered: whether later requests depend on this one (`Prompt.ordered`).
            step: the prompt's step.
            avoid: backends to skip if another is in service.
        """
        self._arrivals, self._served = self._arrivals + 1, 0
        turn = self._turn()
        if not self._queue and (slot := self._find(is_ordered, step, avoid)) is not None:
            return slot
        granted: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, _Waiter(not is_ordered, turn, self._arrivals, granted, step, avoid))
        if len(self.backends) > 1:
            self._dispatch()  # those already waiting may be waiting for another backend
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._free(granted.result())
                self._dispatch()
            raise

    def release(self, slot: Slot, outcome: RequestOutcome) -> None:
        """Give a slot back and learn from the outcome of its request."""
        self._free(slot)
        backend, is_alone = slot.backend, len(self.backends) == 1
        if outcome.result == "served":
            self._served += 1
            if not is_alone:
                backend.latency.add(outcome.step, outcome.tokens, outcome.seconds)
            backend.after_reply(outcome, is_full=bool(self._queue))
            if not is_alone:
                self._after_reply(slot)
        elif outcome.result in ("rate_limited", "failed"):
            dead = backend.after_failure(outcome)
            if not is_alone and (slot.is_probe or (dead and backend.suspension is None)):
                was_slow = backend.suspension is not None and backend.suspension.is_slow
                self._suspend(backend, dead or "accepts no requests", was_slow)
        self._dispatch()

    def _turn(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        return self._turns.setdefault(task, self._arrivals)

    def _find(self, is_ordered: bool, step: str, avoid: Collection[Backend]) -> Slot | None:
        """A slot at the least busy backend, or at one that is due for a probe if the request is not an ordered one."""
        if self._limit is not None and self.in_flight >= self._limit:
            return None
        now = asyncio.get_running_loop().time()
        if not is_ordered:
            for backend in self.backends:
                if backend.is_probe_due(now) and backend.suspension is not None and backend not in avoid:
                    backend.suspension.is_probed = True
                    return self._take(Slot(backend, step, now, is_probe=True))
        if avoid and not self.has_alternative(avoid):
            avoid = ()
        free = [backend for backend in self.backends if backend.has_free_slot and backend not in avoid]
        return self._take(Slot(min(free, key=_load), step, now)) if free else None

    def _take(self, slot: Slot) -> Slot:
        slot.backend.in_flight += 1
        self._slots.add(slot)
        return slot

    def _free(self, slot: Slot) -> None:
        slot.backend.in_flight -= 1
        self._slots.discard(slot)
        if slot.is_probe and slot.backend.suspension is not None:
            slot.backend.suspension.is_probed = False

    def _dispatch(self) -> None:
        passed_over = []
        while self._queue:
            first = heapq.heappop(self._queue)
            if first.slot.done():
                continue
            slot = self._find(not first.is_patient, first.step, first.avoid)
            if slot is not None:
                first.slot.set_result(slot)
                continue
            passed_over.append(first)
            if not first.avoid:
                break  # no slot for anybody; but if one request avoids the free backend, the next may not
        for waiter in passed_over:
            heapq.heappush(self._queue, waiter)

    def _others(self, backend: Backend) -> list[LatencyWindow]:
        return [other.latency for other in self.backends if other is not backend and other.suspension is None]

    def _after_reply(self, slot: Slot) -> None:
        backend = slot.backend
        if backend.suspension is not None:
            if slot.is_probe or not backend.suspension.is_slow:
                backend.after_probe(self._others(backend))
            return
        if not self._queue and self._served > TAIL:
            return  # only the long replies are still in flight at the end of a run
        now = asyncio.get_running_loop().time()
        if now - self._checked >= CHECK_EVERY:
            self._checked = now
            for backend in self.backends:
                self._check(backend, now)

    def _check(self, backend: Backend, now: float) -> None:
        """Suspend a server that is slow, by its latest replies or by requests that are overdue."""
        others = self._others(backend)
        if backend.suspension is not None or not others:
            return
        backend.weight = load_weight(backend.latency, others)
        load = self._relative_load(backend)
        ratio = slowdown(backend.latency, others)
        if ratio > SLOW * load:
            self._suspend(backend, f"replies take {ratio:.1f} times as long as those of the others", is_slow=True)
        elif self._is_overdue(backend, others, load, now):
            self._suspend(backend, "does not reply while others do", is_slow=True)

    def _relative_load(self, backend: Backend) -> float:
        """The ratio of its requests to those of the others, at least 1: a server with more may take longer."""
        others = [other.in_flight for other in self.backends if other is not backend and other.suspension is None]
        return max(1.0, backend.in_flight / max(1.0, sum(others) / len(others))) if others else 1.0

    def _is_overdue(self, backend: Backend, others: list[LatencyWindow], load: float, now: float) -> bool:
        """Whether half of its requests (and more than one of several) take far longer than any did lately."""
        mine = [slot for slot in self._slots if slot.backend is backend]
        allowed = {step: longest_expected(backend.latency, others, step) for step in {slot.step for slot in mine}}
        factor = load * (SLOW if len(mine) == 1 else 1.0)
        late = sum((most := allowed[slot.step]) is not None and now - slot.began > factor * most for slot in mine)
        return late > 0 and 2 * late >= len(mine) and (late > 1 or len(mine) == 1)

    def _suspend(self, backend: Backend, reason: str, is_slow: bool) -> None:
        if not self.has_alternative((backend,)):  # one server has to serve: all others get another chance
            for other in self.backends:
                if other is not backend and other.suspension is not None:
                    other.resume()
        backend.suspend(reason, is_slow)


def _load(backend: Backend) -> tuple[float, int]:
    return (backend.in_flight + 1) * backend.weight / backend.level, backend.number
