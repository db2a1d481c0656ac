"""The cost of finishing tasks: measured on the run's own replies, or estimated from the recipe. Sends no requests."""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from math import sqrt
from typing import Final

from bootstruct.engines.traffic.budgeted import Budget, ExpectedUse, texts_of
from bootstruct.journal.cost import price_of
from bootstruct.journal.keys import AGAIN, SHARED, step_of
from bootstruct.journal.state import State
from bootstruct.journal.usage import Usage
from bootstruct.stages.annotate import annotate
from bootstruct.stages.followups import SPEAKERS, mean_turns, turn_prompts
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Instruction, Prompt, Reply

PRIOR_WEIGHT: Final = 1.0  # requests and tasks that the assumption counts for beside the measured ones
PRIOR_INSTANCES: Final = 2.0  # instances of a task, before any is completed
PRIOR_YIELD: Final = 4.0  # accepted instructions per request, before any is judged
RECENT: Final = 100  # requests over which the yield is taken
BYTES_PER_TOKEN: Final = 4  # assumed before a server has counted
SHARE_OF_LIMIT: Final = 3  # a reply is assumed to have a third of the tokens that it may have


class Workload:
    """Estimates of what requests for instructions and tasks cost, from a run's state and the replies to this session.

    A task's cost is the sum over its steps of the requests per finished task times the cost of a reply.

    Args:
        state: the run's state.
        budget: what was used in this session by step, and the prices.
    """

    def __init__(self, state: State, budget: Budget) -> None:
        self.state, self.budget = state, budget
        self._open: dict[str, list[str]] = {}  # by unfinished task, the steps that are answered
        self._open_steps: Counter[str] = Counter()
        self._finished = len(state.completed)
        self._finished_steps: Counter[str] = Counter()
        for (step, _), used in state.usage.items():
            self._finished_steps[step] += used.requests + used.reused
        for key in state.replies:
            self.note(key)
        self._finished_steps.subtract(self._open_steps)
        self._prior = {step: self._expected(prompt) for step, prompt in _first_prompts(state)}
        self._bound = {step: budget.bound(prompt) for step, prompt in _first_prompts(state)}

    def note(self, key: str) -> None:
        """Count a reply that was recorded."""
        stream, task, *_ = [*key.split("/"), ""]
        if stream == "annotate" and task not in self.state.completed and step_of(key) != SHARED:
            step = step_of(key)
            self._open.setdefault(task, []).append(step)
            self._open_steps[step] += 1

    def finish(self, task: str) -> None:
        """A task has all its replies."""
        steps = self._open.pop(task, [])
        self._open_steps.subtract(steps)
        self._finished_steps.update(steps)
        self._finished += 1

    @property
    def yields(self) -> float:
        """Accepted instructions per request, lately."""
        return recent_yield(self.state)

    @property
    def per_request(self) -> ExpectedUse:
        """What a request for instructions costs."""
        return self._mean("propose")

    @property
    def per_task(self) -> ExpectedUse:
        """The cost of completing an accepted instruction, including its share of a request about several."""
        steps = [step for step in self._prior if step != "propose"]
        amount = ExpectedUse()
        for step in {*steps, *(s for s in self._finished_steps if _is_about_task(s))}:
            asked = (self._finished_steps[step] + PRIOR_WEIGHT * (step in steps)) / (self._finished + PRIOR_WEIGHT)
            amount = amount.plus(self._mean(step), self._turns_per_task(step) if step in SPEAKERS else asked)
        shared = sum(u.requests + u.reused for (step, _), u in self.state.usage.items() if step == SHARED)
        if shared:
            amount = amount.plus(self._mean(SHARED), shared / max(1, len(self.state.accepted)))
        return amount

    def _turns_per_task(self, step: str) -> float:
        """How many requests for turns a task takes. Short conversations end first, so those under way count as usual ones."""
        begun = PRIOR_WEIGHT + len(self._open)
        usual = mean_turns(self.state.recipe) * PRIOR_INSTANCES
        return (self._finished_steps[step] + usual * begun) / (self._finished + begun)

    @property
    def per_check(self) -> ExpectedUse:
        """What the recipe's checks cost per completed task."""
        state, amount = self.state, ExpectedUse()
        for made in [made for check in state.recipe.checks for made in check.all_requests]:
            step, done = f"check {made.name}", state.checks_done
            count = sum(used.requests + used.reused for (at, _), used in state.usage.items() if at == step)
            asked = count / done if done else 2.0 * made.count  # two instances per task, before any is checked
            amount = amount.plus(self._mean(step), asked)
        return amount

    @property
    def answered(self) -> ExpectedUse:
        """What unfinished tasks have been answered already; without turns, since those of long conversations remain."""
        amount = ExpectedUse()
        for step, count in self._open_steps.items():
            amount = amount if step in SPEAKERS else amount.plus(self._mean(step), count)
        return amount

    @property
    def spread(self) -> ExpectedUse:
        """The standard deviation of what a task costs."""
        square = ExpectedUse()
        for step in [step for step in self._prior if step != "propose"]:
            square = square.plus(self.budget.used_at(step).variance)
        if mean_turns(self.state.recipe):  # a task has no instance or many, and their turns are drawn
            turns = ExpectedUse()
            for step in SPEAKERS:
                turns = turns.plus(self._mean(step), self._turns_per_task(step))
            square = square.plus(ExpectedUse(*(value * value for value in turns)))
        return ExpectedUse(*map(sqrt, square))

    @property
    def most_per_task(self) -> ExpectedUse:
        """The budget that a task needs to be finished: its mean cost, with its most expensive reply at the upper bound."""
        rows = [self._most(step) for step in self._prior if step != "propose"]
        mean = self.per_task
        return ExpectedUse(*(max([mean[n], *(mean[n] + row[n] for row in rows)]) for n in range(3)))

    @property
    def most_per_request(self) -> ExpectedUse:
        """The budget that has to be free for a request for instructions to be sent."""
        mean, most = self._mean("propose"), self._most("propose")
        return mean.plus(most)

    def _most(self, step: str) -> ExpectedUse:
        """By how much the upper bound of a reply to this step exceeds its mean."""
        seen, mean = self.budget.used_at(step).most, self._mean(step)
        bound = ExpectedUse(*map(max, seen, self._bound.get(step, ExpectedUse())))
        return ExpectedUse(0.0, max(0.0, bound.tokens - mean.tokens), max(0.0, bound.cost - mean.cost))

    def _mean(self, step: str) -> ExpectedUse:
        """What a reply to this step costs: measured in this session, before that by the journal, before that assumed."""
        used, assumed = self.budget.used_at(step), self._prior.get(step)
        if used.count and (used.in_flight == 0 or assumed is None):
            return used.mean
        if used.count:  # short replies come first, so later ones are assumed to be no shorter than the estimate
            late = ExpectedUse(*map(max, used.mean, assumed or used.mean))
            both = used.total.plus(late, used.in_flight)
            return ExpectedUse().plus(both, 1 / (used.count + used.in_flight))
        past = [(usage, model) for (at, model), usage in self.state.usage.items() if at == step and usage.requests]
        if past:
            return self._journal_mean(step, past)
        return self._prior.get(step) or self._prior.get("instances") or self._prior["propose"]

    def _journal_mean(self, step: str, past: list[tuple[Usage, str]]) -> ExpectedUse:
        total = reduce(Usage.plus, (usage for usage, _ in past), Usage())
        requested, prices = self.state.recipe.model_at(step), self.budget.prices
        cost = sum(price_of(usage, model, requested, prices) or 0.0 for usage, model in past)
        return ExpectedUse(1.0, total.tokens / total.requests, cost / total.requests)

    def _expected(self, prompt: Prompt) -> ExpectedUse:
        """What a reply is assumed to cost: the tokens of its prompt, and a part of what the reply may have."""
        size = sum(len(text.encode("utf-8", "replace")) for text in texts_of(prompt)) / BYTES_PER_TOKEN
        written = prompt.sampling.most_tokens / SHARE_OF_LIMIT
        cost = self.budget.prices.cost(prompt.model, round(size), round(written)) or 0.0
        return ExpectedUse(1.0, size + written, cost)


def recent_yield(state: State) -> float:
    """Accepted instructions per request over the last requests, with an assumption for the first ones."""
    after = state.accepted_after
    count = min(RECENT, len(after))
    gained = (after[-1] - (after[-count - 1] if len(after) > count else 0)) if after else 0
    return (gained + PRIOR_WEIGHT * PRIOR_YIELD) / (count + PRIOR_WEIGHT)


def _is_about_task(step: str) -> bool:
    return step in ("kind", "instances", "rewrite", *SPEAKERS)


def _first_prompts(state: State) -> Iterable[tuple[str, Prompt]]:
    """The prompts of the first request for instructions, and about one of the seeds as if it had been accepted."""
    yield "propose", propose_prompt(state, 0)[0]
    seed = state.seeds[0]
    task = Instruction("0.0", seed.instruction, seed.instances if state.recipe.propose.with_instances else ())
    flow = annotate(state.recipe, task, (), False, state.seeds)
    prompt = next(flow, None)
    while prompt is not None and not prompt.step.endswith(AGAIN) and prompt.stage not in SPEAKERS:
        yield prompt.step.partition("/")[0], prompt
        try:
            prompt = flow.send(Reply("No"))
        except StopIteration:
            break
    yield from turn_prompts(state.recipe)
