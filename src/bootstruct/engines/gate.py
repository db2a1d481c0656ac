"""How many questions may be in flight, and at which server: one queue before one or more doors (see door.py).

Each question goes to the door with the smallest share of its level taken, a slower one counting its own for more. A door
whose server is dead, or slow beside the others, is set aside; the rest go on as if it were not there. Nothing of this
changes a byte of the output.
"""

import asyncio
import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from bootstruct.engines.door import Door, Outcome
from bootstruct.engines.standing import SLOW, Times, longest, times_as_slow, weight

TAIL = 8  # replies since the last question came
LOOK = 0.25  # seconds between two looks for slow servers


@dataclass(eq=False, slots=True)
class Slot:
    """A question in flight: at which door, since when (loop time); is_trial: to see whether a server is well again."""

    door: Door
    step: str
    began: float
    is_trial: bool = False


@dataclass(order=True, slots=True)
class _Waiting:
    is_patient: bool
    turn: int
    entered: int
    place: "asyncio.Future[Slot]" = field(compare=False)
    step: str = field(compare=False)
    avoid: Collection[Door] = field(compare=False)


class Gate:
    """limit: the most in flight at all servers together; None: find the level of each. names: one for each server.

    `level` is the number allowed now, `flying` the number in flight.
    """

    def __init__(self, limit: int | None = None, names: Sequence[str] = ("",)) -> None:
        self.fixed, self._limit = limit is not None, limit
        self.doors = [Door(number, name, limit, self._let_in) for number, name in enumerate(names)]
        self._queue: list[_Waiting] = []
        self._turns: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._slots: set[Slot] = set()
        self._entered = self._ended = 0  # questions that came; replies since the last one
        self._looked = 0.0

    @property
    def level(self) -> int:
        levels = sum(door.level for door in self.doors if door.aside is None)
        return levels if self._limit is None else min(self._limit, levels)

    @property
    def flying(self) -> int:
        return sum(door.flying for door in self.doors)

    @property
    def refusals(self) -> int:
        return sum(door.refusals for door in self.doors)

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def aside(self) -> list[Door]:
        """The doors that are set aside now."""
        return [door for door in self.doors if door.aside is not None]

    def has_other(self, than: Collection[Door]) -> bool:
        """Is there a door in service besides these?"""
        return any(door.aside is None and door not in than for door in self.doors)

    async def enter(self, urgent: bool = False, step: str = "", avoid: Collection[Door] = ()) -> Slot:
        """Wait for a slot, at none of the doors to avoid if another is in service.

        Urgent ones go first. Among the others the task that first came here goes first, also with what it asks later and
        asks again: what was begun is finished, and no retry waits behind all that is new.
        """
        self._entered, self._ended = self._entered + 1, 0
        turn = self._turn()
        if not self._queue and (slot := self._find(urgent, step, avoid)) is not None:
            return slot
        place: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, _Waiting(not urgent, turn, self._entered, place, step, avoid))
        if len(self.doors) > 1:
            self._let_in()  # who waits already may be waiting for another door
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give_back(place.result())
                self._let_in()
            raise

    def leave(self, slot: Slot, outcome: Outcome) -> None:
        """Give the slot back."""
        self._give_back(slot)
        door, is_alone = slot.door, len(self.doors) == 1
        if outcome.end == "served":
            self._ended += 1
            if not is_alone:
                door.times.add(outcome.step, outcome.tokens, outcome.seconds)
            door.after_reply(outcome, is_full=bool(self._queue))
            if not is_alone:
                self._after_reply(slot)
        elif outcome.end in ("refused", "failed"):
            dead = door.after_failure(outcome)
            if not is_alone and (slot.is_trial or (dead and door.aside is None)):
                self._set_aside(door, dead or "refuses", door.aside is not None and door.aside.is_slow)
        self._let_in()

    def _turn(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        return self._turns.setdefault(task, self._entered)

    def _find(self, urgent: bool, step: str, avoid: Collection[Door]) -> Slot | None:
        """A slot, taken, at the least busy door with room; at one to be tried first, if the question can wait for it."""
        if self._limit is not None and self.flying >= self._limit:
            return None
        now = asyncio.get_running_loop().time()
        if not urgent:
            for door in self.doors:
                if door.is_due(now) and door.aside is not None and door not in avoid:
                    door.aside.is_tried = True
                    return self._take(Slot(door, step, now, is_trial=True))
        if avoid and not self.has_other(avoid):
            avoid = ()
        free = [door for door in self.doors if door.has_room and door not in avoid]
        if not free:
            return None
        return self._take(
            Slot(min(free, key=lambda door: ((door.flying + 1) * door.weight / door.level, door.number)), step, now)
        )

    def _take(self, slot: Slot) -> Slot:
        slot.door.flying += 1
        self._slots.add(slot)
        return slot

    def _give_back(self, slot: Slot) -> None:
        slot.door.flying -= 1
        self._slots.discard(slot)
        if slot.is_trial and slot.door.aside is not None:
            slot.door.aside.is_tried = False

    def _let_in(self) -> None:
        passed_over = []
        while self._queue:
            first = heapq.heappop(self._queue)
            if first.place.done():
                continue
            slot = self._find(not first.is_patient, first.step, first.avoid)
            if slot is not None:
                first.place.set_result(slot)
                continue
            passed_over.append(first)
            if not first.avoid:
                break  # no room for anybody; but where one avoids the free door, the next may not
        for each in passed_over:
            heapq.heappush(self._queue, each)

    def _others(self, door: Door) -> list[Times]:
        return [each.times for each in self.doors if each is not door and each.aside is None]

    def _after_reply(self, slot: Slot) -> None:
        door = slot.door
        if door.aside is not None:
            if slot.is_trial or not door.aside.is_slow:
                door.after_trial(self._others(door))
            return
        if not self._queue and self._ended > TAIL:
            return  # what is left at an end are the long answers
        now = asyncio.get_running_loop().time()
        if now - self._looked >= LOOK:
            self._looked = now
            for each in self.doors:
                self._judge(each, now)

    def _judge(self, door: Door, now: float) -> None:
        """Set a door aside if its server is slow: by its answers, or by the questions that it does not answer."""
        others = self._others(door)
        if door.aside is not None or not others:
            return
        door.weight = weight(door.times, others)
        burden = self._burden(door)
        ratio = times_as_slow(door.times, others)
        if ratio > SLOW * burden:
            self._set_aside(door, f"answers {ratio:.1f} times as slowly as the others", is_slow=True)
        elif self._is_overdue(door, others, burden, now):
            self._set_aside(door, "does not answer while others do", is_slow=True)

    def _burden(self, door: Door) -> float:
        """How many times as many questions it has as the others, at least 1: who carries more may take longer."""
        others = [each.flying for each in self.doors if each is not door and each.aside is None]
        return max(1.0, door.flying / max(1.0, sum(others) / len(others))) if others else 1.0

    def _is_overdue(self, door: Door, others: list[Times], burden: float, now: float) -> bool:
        """Do half of the questions in flight, and not one of several alone, take far longer than any did lately?"""
        mine = [slot for slot in self._slots if slot.door is door]
        allowed = {step: longest(door.times, others, step) for step in {slot.step for slot in mine}}
        factor = burden * (SLOW if len(mine) == 1 else 1.0)
        late = sum((most := allowed[slot.step]) is not None and now - slot.began > factor * most for slot in mine)
        return late > 0 and 2 * late >= len(mine) and (late > 1 or len(mine) == 1)

    def _set_aside(self, door: Door, why: str, is_slow: bool) -> None:
        if not self.has_other((door,)):  # somebody has to do it: all others get another chance
            for each in self.doors:
                if each is not door and each.aside is not None:
                    each.take_back()
        door.set_aside(why, is_slow)
