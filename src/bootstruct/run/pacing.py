"""When new work may begin: completing keeps up with growing, and a budget is spent on tasks that it can finish.

It decides when a request is sent and where a session ends, never what follows from replies: see docs/why/budgets.md.
The next session does what this one leaves, and the bytes are the same.
"""

from collections.abc import Callable
from math import sqrt
from typing import Final

from bootstruct.engines.traffic.budgeted import Budget, ExpectedUse
from bootstruct.errors import BudgetUsedUpError
from bootstruct.journal.events import CandidatesJudged, Event, InstancesChecked, ReplyReceived, TaskCompleted
from bootstruct.journal.state import State
from bootstruct.render.numbers import number
from bootstruct.run.goal import Goal, InstanceCount
from bootstruct.run.work_signal import WorkSignal
from bootstruct.run.workload import Workload, recent_yield
from bootstruct.stages.revisions import verdicts_are_in

BEGUN: Final = 4096  # tasks begun beyond the first uncommitted one; bounds memory
USUAL_LEVEL: Final = 16  # requests in flight that are assumed without a limiter
LEAST_AHEAD, MOST_AHEAD, SHARE_AHEAD = 3, 8, 5  # times the requests in flight; one of so many accepted tasks
UNFINISHED: Final = 0.05  # share of the accepted tasks that a budget may leave incomplete
WHILE_BUSY, AT_THE_END = 0.5, 0.8  # the part of that share that may be used up: the rest is for wrong estimates
DOUBT: Final = 1.5  # standard deviations beyond the mean that unfinished tasks are assumed to cost
FEW: Final = 20  # accepted tasks below which a single reply brings more than that share


class Pacer:
    """Decides for each request for instructions, reply and task whether it may begin, or be judged, now.

    Args:
        state: the run's state.
        budget: what the run may use; None for no limit.
        ahead: accepted tasks that may be incomplete while the pool grows; None follows the number of requests in flight.
        level: how many requests may be in flight.
        begun: tasks that may be begun beyond the first uncommitted one, for engines that answer many at once.

    Attributes:
        goal: the goal of the run.
        more: notified when a request for instructions may be allowed now; closed when there will be no further one.
        grown: likewise for completing tasks; closed when the pool does not grow any more.
        completed: notified when there is more to check; closed when no further task is completed.
        is_free: whether a request for instructions is answered already, by its index.
        is_answered: whether all requests about an accepted task are, by its index.
    """

    def __init__(
        self,
        state: State,
        budget: Budget | None = None,
        ahead: int | None = None,
        level: Callable[[], int] = lambda: USUAL_LEVEL,
        begun: int | None = None,
    ) -> None:
        self.state, self._given, self._level, self.begun = state, ahead, level, begun
        self.budget = budget if budget is not None and budget.limits else None
        self._workload = Workload(state, self.budget) if self.budget else None
        if self.budget:
            self.budget.bought = lambda: f"{self._completed}. "
        self.goal = Goal()
        self.instances = InstanceCount(state)
        self.more, self.grown, self.completed = WorkSignal(), WorkSignal(), WorkSignal()
        self.is_free: Callable[[int], bool] = lambda _: False
        self.is_answered: Callable[[int], bool] = lambda _: False
        self._finished = len(state.completed)  # tasks that have all their replies
        self._is_waiting = False  # whether something was denied that may be allowed later
        self._why = ""  # why the budget ends this session
        self._next = len(state.accepted_after)  # the first request for instructions that was not allowed yet
        self._held = ""  # why it was not: `ahead`, `budget`

    @property
    def ahead(self) -> int:
        """How many accepted tasks may be incomplete while the pool grows."""
        if self._given is not None:
            return self._given
        level = self._level()
        return max(LEAST_AHEAD * level, min(MOST_AHEAD * level, len(self.state.accepted) // SHARE_AHEAD))

    @property
    def has_ended(self) -> bool:
        """Whether the budget ends this session."""
        return bool(self._why)

    def note(self, event: Event) -> None:
        """Called when something was recorded."""
        if isinstance(event, ReplyReceived) and self._workload:
            self._workload.note(event.key)
        elif isinstance(event, CandidatesJudged):
            self.grown.notify()
        elif isinstance(event, TaskCompleted):
            self.completed.notify()
        elif isinstance(event, InstancesChecked) and self.state.recipe.revising is not None:
            self.more.notify()
        self._wake()

    def finish(self, n: int) -> None:
        """Accepted task n has all its replies."""
        task = self.state.accepted[n].name
        if task in self.state.completed:
            return  # its requests were sent again
        self._finished += 1
        if self._workload:
            self._workload.finish(task)
        self._wake()

    def _wake(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self.more.notify()
            self.grown.notify()

    def _later(self) -> bool:
        self._is_waiting = True
        return False

    def may_ask(self, index: int) -> bool:
        """Whether request `index` for instructions may be sent now. The goal or the budget can end growth."""
        state, goal = self.state, self.goal
        if self.has_ended or goal.has_enough_tasks(state) or self.has_enough_instances:
            self.more.close()
            return False
        begun = index - len(state.accepted_after)
        unfinished = len(state.accepted) - self._finished
        new = begun * recent_yield(state)
        self._held = "ahead"
        if (begun or unfinished) and (unfinished + new >= self.ahead or self._will_have_enough(unfinished + new)):
            return self._later()
        self._held = "budget"
        if self._workload is not None and not self._can_finish(index, begun):
            return False
        self._held, self._next = "", index + 1
        return True

    @property
    def growth_waits_for(self) -> str:
        """Why no request for instructions may be sent now.

        `ahead`: too many accepted tasks are unfinished; `budget`; `order`: an earlier request has to be judged first;
        `checks`: tasks that it may have to revise have to be checked first.
        Empty if one may be sent, or none is needed.
        """
        state = self.state
        if self.more.closed or self.goal.has_enough_tasks(state):
            return ""
        is_behind = self._next - state.recipe.propose.lag.of(self._next) >= len(state.accepted_after)
        if not is_behind and not verdicts_are_in(state, self._next):
            return "checks"
        return self._held or ("order" if is_behind else "")

    @property
    def unfinished(self) -> int:
        """Accepted tasks without all their replies."""
        return len(self.state.accepted) - self._finished

    @property
    def uncommitted(self) -> int:
        """Tasks with all their replies that wait for an earlier one to be recorded."""
        return self._finished - len(self.state.completed)

    @property
    def has_enough_instances(self) -> bool:
        """Whether the goal of instances is reached."""
        return self.goal.instances is not None and self.instances.count >= self.goal.instances

    def _will_have_enough(self, tasks: float) -> bool:
        """Whether the tasks in progress will probably bring the missing instances."""
        if self.goal.instances is None:
            return False
        return self.instances.count + tasks * self.instances.per_task >= self.goal.instances

    def _can_finish(self, index: int, begun: int) -> bool:
        """Whether the budget will probably finish what request `index` and those before it bring."""
        assert self._workload
        assert self.budget
        work, state, room = self._workload, self.state, self.budget.room
        new, owed = (begun + 1) * work.yields, self._owed(index)
        after = owed.plus(work.per_request).plus(self._per_task, new)
        spare = UNFINISHED * (len(state.accepted) + new)
        has_room = owed.plus(work.most_per_request).fits(room)
        if has_room and after.plus(self._per_task, -WHILE_BUSY * spare).fits(room):
            return True
        if begun or self._is_busy:
            return self._later()
        spare = min(new - 1, new if len(state.accepted) < FEW else AT_THE_END * spare)
        if (has_room and after.plus(self._per_task, -spare).fits(room)) or self.is_free(index):
            return True
        if not has_room:
            task = self._in_words(work.most_per_task)
            also = f", and a task that it brings {task}" if work.most_per_request.fits(room) else ""
            self._end(f"the next request for instructions may use {self._in_words(work.most_per_request)}{also}")
        else:
            could = self._finishable(owed.plus(work.per_request))
            self._end(f"the next request would bring about {new:.0f} tasks, of which {could} could be completed")
        return False

    async def may_judge(self, kept: int) -> bool:
        """Whether a reply that brings so many tasks may be judged: its tasks can be finished, or nearly all of them.

        Waits until that is clear. Judged or not, the reply stays in the journal, and a later session judges it in the same way.
        """
        if self._workload is None or not kept:
            return not (self.has_ended or self.has_enough_instances)
        while not (self.has_ended or self.has_enough_instances):
            total = len(self.state.accepted) + kept
            owed = self._owed(len(self.state.accepted_after))
            could = self._finishable(owed.plus(self._workload.spread, self._doubt(total - kept - self._finished)))
            left = kept - could
            if left <= AT_THE_END * UNFINISHED * total or (total - kept < FEW and could):
                return True
            if not self._is_busy:
                self._end(f"the next reply brings {number(kept)} tasks, of which {could} could be completed")
                break
            self._is_waiting = True
            await self.more.changed
        return False

    def may_complete(self, n: int) -> bool:
        """Whether accepted task n may be completed now: the goal needs it, and the budget probably finishes it."""
        if n >= self.goal.last_task(self.state) or n >= len(self.state.completed) + (self.begun or BEGUN):
            return False
        if self.has_enough_instances:
            return False
        begun = n - self.instances.tasks  # not settled yet
        if begun > 0 and self._will_have_enough(begun) and not self.is_answered(n):
            return self._later()
        if self._workload is None or self.budget is None:
            return True
        work, state, busy = self._workload, self.state, n - self._finished
        owed = ExpectedUse().plus(work.per_task, busy).plus(work.answered, -1.0 if busy else 0.0)
        owed = owed.plus(work.per_check, n - state.checks_done if state.recipe.checks else 0)
        owed = owed.plus(work.spread, self._doubt(busy)).plus(work.spread)
        need = owed.plus(ExpectedUse(*map(max, self._per_task, work.most_per_task)))
        if need.fits(self.budget.room) or self.is_answered(n):
            return True
        if busy > 0 or (state.recipe.checks and n > state.checks_done):
            return self._later()
        self._end(f"the next one may use {self._in_words(work.most_per_task)}")
        return False

    @staticmethod
    def _doubt(unfinished: int) -> float:
        """The cost of this number of unfinished tasks beyond their mean, in standard deviations of one task."""
        return DOUBT * sqrt(max(0, unfinished))

    @property
    def _per_task(self) -> ExpectedUse:
        assert self._workload
        return self._workload.per_task.plus(self._workload.per_check)

    @property
    def _is_busy(self) -> bool:
        """Whether accepted tasks are still being completed or checked."""
        state = self.state
        done = state.checks_done if state.recipe.checks else len(state.accepted)
        return self._finished < len(state.accepted) or done < len(state.accepted)

    def _owed(self, index: int) -> ExpectedUse:
        """The cost of finishing the accepted tasks and of answering the requests before `index`."""
        assert self._workload
        work, state = self._workload, self.state
        sent = range(len(state.accepted_after), index)
        unanswered = sum(f"propose/{k}" not in state.replies for k in sent)
        owed = ExpectedUse().plus(work.per_task, len(state.accepted) - self._finished).plus(work.answered, -1.0)
        unchecked = len(state.accepted) - state.checks_done if state.recipe.checks else 0
        owed = owed.plus(work.most_per_task).plus(work.per_task, -1.0)  # of no use: nothing is begun that may need more
        return owed.plus(work.per_check, unchecked).plus(work.per_request, unanswered)

    def _finishable(self, owed: ExpectedUse) -> int:
        """How many further tasks the budget probably finishes after this much of it is used."""
        assert self.budget
        left, task = self.budget.room.plus(owed, -1.0), self._per_task
        counts = [rest / cost for rest, cost in zip(left, task, strict=True) if cost > 0 and rest != float("inf")]
        return max(0, int(min(counts, default=1e9) + 0.05))

    def _in_words(self, amount: ExpectedUse) -> str:
        assert self.budget
        return self.budget.limits.in_words(amount)

    def _end(self, why: str) -> None:
        self._why = why
        self.more.close()

    def raise_if_ended(self) -> None:
        """Raises BudgetUsedUpError, with what is completed and what is left, if the budget ended this session."""
        if not self._why or self.budget is None or self._workload is None:
            return
        waiting = sum(key.startswith("propose/") for key in self.state.replies)
        are = "reply waits" if waiting == 1 else "replies wait"
        stored = f"; {number(waiting)} paid {are} in the journal" if waiting else ""
        takes = f"; a task takes about {self._in_words(self._per_task)}" if any(self._per_task) else ""
        raise BudgetUsedUpError(
            f"The budget is used up: {self.budget.limits.in_flags()} ({self.budget.in_words()} so far). {self._completed}. "
            f"The rest is {self._in_words(self.budget.room)}{takes}, and {self._why}{stored}. Everything is saved; run "
            "the same command with a higher limit to continue."
        )

    @property
    def _completed(self) -> str:
        return f"{number(len(self.state.completed))} of {number(len(self.state.accepted))} accepted tasks are completed"
