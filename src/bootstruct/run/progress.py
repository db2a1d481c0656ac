"""The progress of a running run: a snapshot of numbers, taken a few times per second.

It only reads the state, the limiter and the budget, and changes nothing.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from bootstruct.config.machine import Prices
from bootstruct.engines.build import EngineStack
from bootstruct.engines.traffic.retrying import FailureStreak
from bootstruct.journal.cost import cost_of
from bootstruct.journal.state import State
from bootstruct.run.failure_reasons import FailureReason, failure_reasons
from bootstruct.run.goal import Goal
from bootstruct.run.pacing import Pacer
from bootstruct.run.slowest import Activity, SlowestPart
from bootstruct.run.status import total, unread_replies
from bootstruct.run.went_wrong import went_wrong

WINDOW = 60.0  # seconds over which rates are taken
GROUPING_SECONDS = 5.0  # between two times that failures are grouped by reason

Phase = Literal["growing", "completing", "checking", "ending"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a running run.

    Attributes:
        recipe: name of the recipe.
        model: the recipe's model.
        goal: tasks that will be completed at the goal; more than requested if the last reply brought more than needed.
        accepted: accepted instructions.
        completed: accepted instructions whose task type and instances are decided.
        checked: tasks that have been through all checks; None if the recipe has no checks.
        instances: instances of the completed tasks.
        passed_checks: instances that passed all checks; all of them if the recipe has no checks.
        rejections: rejected candidates by rule, most first.
        rejected_instances: rejected instances of the completed tasks by rule, most first.
        failures: requests that failed for good.
        failed_by_reason: their reasons, most frequent first, at most some seconds old.
        unread: by step and reason, replies from which nothing could be read.
        replies: replies paid for in this session.
        reused: replies reused free, over the whole run.
        prompt_tokens: tokens of prompts, over the whole run, as the servers counted them.
        completion_tokens: tokens of replies, likewise.
        cost: US dollars over the whole run, None if a price is not known.
        replies_per_second: lately.
        accepted_per_second: lately.
        seconds: since this session began.
        seconds_left: to the goal, at the present rates; None if that cannot be told yet.
        phase: the current step.
        in_flight: requests in flight.
        concurrency: how many may be in flight now.
        concurrency_is_fixed: whether the user set it; otherwise it is adapted to the server.
        retries: requests repeated after a failure, in this session.
        seconds_without_reply: since the last reply, or since the session began.
        failure_streak: what the servers answer instead of replies; None if the last answer was a reply.
        timed_out: requests without a reply that the budget counts at their upper bound.
        suspended: servers that get no requests for now, and why.
        batches: what the server's batch API is doing, in words; empty without batches.
        slowest: what the run waits for most, in words; empty if that cannot be told.
        went_wrong: a sentence for each thing of which more than half went wrong; known at the end only.
    """

    recipe: str
    model: str
    goal: int
    accepted: int
    completed: int
    checked: int | None
    instances: int
    passed_checks: int
    rejections: dict[str, int]
    rejected_instances: dict[str, int]
    failures: int
    failed_by_reason: list[FailureReason]
    unread: dict[str, dict[str, int]]
    replies: int
    reused: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    replies_per_second: float
    accepted_per_second: float
    seconds: float
    seconds_left: float | None
    phase: Phase
    in_flight: int
    concurrency: int
    concurrency_is_fixed: bool
    retries: int
    seconds_without_reply: float
    failure_streak: FailureStreak | None
    timed_out: int
    suspended: dict[str, str]
    batches: str
    slowest: str = ""
    went_wrong: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the tasks of the goal are completed (and checked, where the recipe has checks)."""
        done = self.completed >= self.goal
        return done and self.checked in (None, self.completed)

    @property
    def cost_at_goal(self) -> float | None:
        """US dollars at the goal at the present rate; None until that can be estimated."""
        done = self.completed / self.goal if self.goal else 0.0
        return self.cost / done if self.cost and done > 0.02 else None


class ProgressMeter:
    """Takes snapshots of a run and keeps the data for rates.

    Args:
        state: the run's state, looked at each time.
        stack: the engine of the run.
        prices: what tokens cost.
        goal: the goal of the run; a number means accepted instructions.
        pacer: when the run begins new work.
        clock: seconds from any beginning; tests pass their own.
        cpu_clock: seconds of CPU that this process has used; likewise.
    """

    def __init__(
        self,
        state: State,
        stack: EngineStack,
        prices: Prices,
        goal: Goal | int,
        pacer: Pacer | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.pacer, self._slowest = pacer, SlowestPart(clock, cpu_clock)
        self.state, self.stack, self.prices, self._clock = state, stack, prices, clock
        self.goal = Goal(goal) if isinstance(goal, int) else goal
        self._began = clock()
        self._replies_before = total(state).requests
        self._history = deque([self._counts()])
        self._last_reply = self._began, -1  # when, and how many there were then
        self._grouped = self._began, 0, list[FailureReason]()  # when, and how many failures there were then
        self._instances = self._passed = 0  # summed up to task number _completed, _checked
        self._completed = self._checked = 0
        self._rejected = Counter[str]()

    def snapshot(self) -> Progress:
        """The numbers as they are now."""
        state, usage = self.state, total(self.state)
        self._sum_instances()
        accepting, completing, replying = self._rates()
        phase = self._phase()
        limiter = self.stack.limiter
        return Progress(
            recipe=state.recipe.recipe,
            model=state.recipe.model,
            goal=self.goal.target(state),
            accepted=len(state.accepted),
            completed=len(state.completed),
            checked=state.checks_done if state.recipe.checks else None,
            instances=self._instances,
            passed_checks=self._passed if state.recipe.checks else self._instances,
            rejections=dict(sorted(state.rejections.items(), key=lambda rule: -rule[1])),
            rejected_instances=dict(self._rejected.most_common()),
            failures=state.failures,
            failed_by_reason=self._failed_by_reason(),
            unread=unread_replies(state),
            replies=usage.requests - self._replies_before,
            reused=usage.reused,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost=cost_of(state, self.prices),
            replies_per_second=replying,
            accepted_per_second=accepting,
            seconds=self._clock() - self._began,
            seconds_left=self._seconds_left(phase, accepting, completing),
            phase=phase,
            in_flight=limiter.in_flight,
            concurrency=limiter.level,
            concurrency_is_fixed=limiter.is_fixed,
            retries=self.stack.retrying.retries,
            seconds_without_reply=self._seconds_without_reply(usage.requests + usage.reused),
            failure_streak=self.stack.retrying.failure_streak,
            timed_out=self.stack.budget.timed_out,
            suspended={backend.name: backend.suspension.reason for backend in limiter.suspended if backend.suspension},
            batches=self.stack.batches.in_words() if self.stack.batches else "",
            slowest=self._slowest.name(self._activity()),
        )

    def recounted(self) -> Progress:
        """The numbers at the end, with what went wrong.

        All instances are summed again, because repeated tasks (`retry_failed`) replace what was summed before.
        """
        self._instances = self._passed = self._completed = self._checked = 0
        self._rejected.clear()
        self._grouped = self._began, 0, []
        return replace(self.snapshot(), went_wrong=went_wrong(self.state))

    def _activity(self) -> Activity:
        stack, limiter, pacer = self.stack, self.stack.limiter, self.pacer
        streak = stack.retrying.failure_streak
        return Activity(
            in_flight=limiter.steps_in_flight,
            level=limiter.level,
            is_fixed=limiter.is_fixed,
            is_local=stack.is_local,
            queued=limiter.queued,
            unaffordable=stack.budget.waiting,
            batches=bool(stack.batches and stack.batches.in_words()),
            is_failing=streak is not None,
            busy=self._slowest.busy(),
            growth=pacer.growth_waits_for if pacer else "",
            unfinished=pacer.unfinished if pacer else 0,
            uncommitted=pacer.uncommitted if pacer else 0,
        )

    def _failed_by_reason(self) -> list[FailureReason]:
        """Failures by reason, grouped again if there are new ones, but not many times per second."""
        now, count = self._clock(), len(self.state.failed_requests)
        at, grouped, _ = self._grouped
        if count != grouped and (not grouped or now - at >= GROUPING_SECONDS):
            self._grouped = now, count, failure_reasons(self.state)
        return self._grouped[2]

    def _seconds_without_reply(self, replies: int) -> float:
        if replies != self._last_reply[1]:
            self._last_reply = self._clock(), replies
        return self._clock() - self._last_reply[0]

    def _sum_instances(self) -> None:
        state = self.state
        for task in state.accepted[self._completed : len(state.completed)]:
            completed = state.completed[task.name]
            self._instances += len(completed.instances)
            self._rejected.update(rejected.rule for rejected in completed.rejected)
        self._completed = len(state.completed)
        if state.recipe.checks:
            done = state.checks_done
            for task in state.accepted[self._checked : done]:
                self._passed += len(state.passed_instances(task.name))
            self._checked = max(self._checked, done)

    def _counts(self) -> tuple[float, int, int, int]:
        return self._clock(), len(self.state.accepted), len(self.state.completed), total(self.state).requests

    def _rates(self) -> tuple[float, float, float]:
        """(accepted, completed, replies) per second, lately."""
        now = self._counts()
        self._history.append(now)
        while len(self._history) > 2 and now[0] - self._history[0][0] > WINDOW:
            self._history.popleft()
        then = self._history[0]
        seconds = max(now[0] - then[0], 1e-3)
        return (now[1] - then[1]) / seconds, (now[2] - then[2]) / seconds, (now[3] - then[3]) / seconds

    def _phase(self) -> Phase:
        state = self.state
        if not self.goal.has_enough_tasks(state):
            return "growing"
        if len(state.completed) < self.goal.target(state):
            return "completing"
        return "checking" if state.recipe.checks and state.checks_done < len(state.completed) else "ending"

    def _seconds_left(self, phase: Phase, accepting: float, completing: float) -> float | None:
        """The slower of the two streams decides. None if one of them stands still, or only checks are left."""
        if phase not in ("growing", "completing"):
            return 0.0 if phase == "ending" else None
        goal = self.goal.target(self.state)
        missing, incomplete = max(0, goal - len(self.state.accepted)), max(0, goal - len(self.state.completed))
        if (missing and accepting <= 0) or (incomplete and completing <= 0):
            return None
        return max(missing / accepting if missing else 0.0, incomplete / completing if incomplete else 0.0)
