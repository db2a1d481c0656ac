"""The budget of a run, in requests, tokens and money. It is cumulative over the run; reused replies are free.

A request in flight reserves the most that it can use (its prompt at one token per byte, which no tokenizer exceeds, and
max_tokens), so that the amounts spent and reserved together never exceed the cap.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from bootstruct.config.machine import Prices
from bootstruct.engines.base import Engine
from bootstruct.errors import BudgetUsedUpError, EngineUnavailableError, RequestError, TransientError
from bootstruct.render.numbers import money, number
from bootstruct.types import Prompt, Reply

ROUNDING = 1e-6  # of sums of expected amounts


@dataclass(frozen=True, slots=True)
class BudgetAmount:
    """An amount of a budget: spent, reserved or to be reserved.

    It is not a `Usage`: a reservation is an upper bound, not a count, and prompts and replies share one cap.

    Attributes:
        requests: how many.
        tokens: prompt and reply together.
        cost: in US dollars.
    """

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def plus(self, other: "BudgetAmount", sign: int = 1) -> "BudgetAmount":
        """The sum of both, or the difference if sign is -1."""
        return BudgetAmount(
            self.requests + sign * other.requests, self.tokens + sign * other.tokens, self.cost + sign * other.cost
        )


class ExpectedUse(NamedTuple):
    """The expected use of a budget: requests, tokens (prompt and reply together) and US dollars."""

    requests: float = 0.0
    tokens: float = 0.0
    cost: float = 0.0

    def plus(self, other: "ExpectedUse", times: float = 1.0) -> "ExpectedUse":
        """This plus a multiple of the other."""
        return ExpectedUse(
            self.requests + times * other.requests, self.tokens + times * other.tokens, self.cost + times * other.cost
        )

    def fits(self, room: "ExpectedUse") -> bool:
        """Whether all three fit into the room."""
        return (
            self.requests <= room.requests + ROUNDING
            and self.tokens <= room.tokens + ROUNDING
            and (self.cost <= room.cost + ROUNDING / 1000)
        )


@dataclass(slots=True)
class StepUse:
    """What the replies of one step used in this session.

    Attributes:
        count: replies.
        total: their use.
        squares: the squares of that, summed.
        most: the largest reservation of any of them.
        in_flight: requests that are being answered.
    """

    count: int = 0
    total: ExpectedUse = field(default_factory=ExpectedUse)
    squares: ExpectedUse = field(default_factory=ExpectedUse)
    most: ExpectedUse = field(default_factory=ExpectedUse)
    in_flight: int = 0

    def add(self, used: BudgetAmount, reserved: BudgetAmount) -> None:
        """Count a reply."""
        requests, tokens, cost = used.requests, used.tokens, used.cost
        self.count += 1
        self.total = self.total.plus(ExpectedUse(requests, tokens, cost))
        self.squares = self.squares.plus(ExpectedUse(requests * requests, tokens * tokens, cost * cost))
        if reserved.requests > self.most[0] or reserved.tokens > self.most[1] or reserved.cost > self.most[2]:
            self.most = ExpectedUse(*map(max, self.most, (reserved.requests, reserved.tokens, reserved.cost)))

    @property
    def mean(self) -> ExpectedUse:
        """What a reply used on average."""
        return ExpectedUse().plus(self.total, 1 / self.count)

    @property
    def variance(self) -> ExpectedUse:
        """The variance of what a reply used."""
        if self.count < 2:
            return ExpectedUse()
        return ExpectedUse(
            *(max(0.0, square / self.count - mean * mean) for square, mean in zip(self.squares, self.mean, strict=True))
        )


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """Caps on requests, tokens and cost (US dollars); None is no cap."""

    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is capped."""
        return not (self.requests is None and self.tokens is None and self.cost is None)

    def less(self, spent: BudgetAmount) -> ExpectedUse:
        """The rest of each cap; infinite if there is none."""
        caps = (self.requests, spent.requests), (self.tokens, spent.tokens), (self.cost, spent.cost)
        return ExpectedUse(*(float("inf") if cap is None else float(cap - used) for cap, used in caps))

    def in_flags(self) -> str:
        """The caps as the flags that set them."""
        parts = [f"--max-requests {self.requests}"] if self.requests is not None else []
        parts += [f"--max-tokens {self.tokens}"] if self.tokens is not None else []
        parts += [f"--max-cost {self.cost:g}"] if self.cost is not None else []
        return ", ".join(parts)

    def in_words(self, amount: ExpectedUse) -> str:
        """An amount in the units that are capped."""
        count = number(amount.requests, 1 if amount.requests % 1 else 0)
        parts = [f"{count} request{'s' * (amount.requests != 1)}"] if self.requests is not None else []
        parts += [f"{number(amount.tokens)} tokens"] if self.tokens is not None else []
        parts += [money(amount.cost)] if self.cost is not None else []
        return ", ".join(parts)

    def exceeded_by(self, amount: BudgetAmount) -> str | None:
        """The flag whose cap the amount exceeds, with its value; None if none."""
        if self.requests is not None and amount.requests > self.requests:
            return f"--max-requests {self.requests}"
        if self.tokens is not None and amount.tokens > self.tokens:
            return f"--max-tokens {self.tokens}"
        if self.cost is not None and amount.cost > self.cost:
            return f"--max-cost {self.cost:g}"
        return None


class Budget:
    """The allowed and the actual use of a run, through any number of engines.

    Args:
        limits: caps over the whole run.
        prices: of the models.
        spent: what the run has used before.

    Attributes:
        extra_tokens: how many tokens beyond `max_tokens` a reply of a model may have, for its thoughts.
        spent: what the run has used.
        reserved: what the requests in flight may use.
        timed_out: requests that ended without a response; they count at their reservation.
        bought: a sentence about the use of the budget, with a space after it; for messages.
        by_step: what the replies of each step used in this session.
    """

    def __init__(self, limits: BudgetLimits, prices: Prices, spent: BudgetAmount) -> None:
        self.limits, self.prices, self.spent = limits, prices, spent
        self.timed_out = 0
        self.extra_tokens: Callable[[str], int] = lambda _: 0
        self.reserved = BudgetAmount()
        self.bought: Callable[[], str] = lambda: ""
        self.by_step: dict[str, StepUse] = {}
        self._excess = (0, 0)  # tokens (prompt, reply) that servers counted beyond the bound: reserved from then on
        self._waiting: list[tuple[int, int, asyncio.Future[None], BudgetAmount]] = []
        self._turns: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._arrivals = 0

    def settle(self, reservation: BudgetAmount, used: BudgetAmount) -> None:
        """End a reservation, of which this much was used."""
        self.spent = self.spent.plus(used)
        self._release(reservation)

    async def reserve(self, amount: BudgetAmount) -> None:
        """Reserve this much as soon as the caps allow it. Raises BudgetUsedUpError if they never will.

        If it has to wait, the requests of the asyncio task that asked first go first, so that begun work is finished.
        """
        task = asyncio.current_task()
        assert task is not None
        self._arrivals += 1
        turn = self._turns.setdefault(task, self._arrivals)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (turn, self._arrivals, granted, amount))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._release(amount)
            raise

    def _grant(self) -> None:
        """Reserve for those whose turn it is, and reject those that will never have room."""
        is_capped = bool(self.limits)
        while self._waiting:
            _, _, granted, amount = self._waiting[0]
            if (
                is_capped
                and not granted.done()
                and self.limits.exceeded_by(self.spent.plus(self.reserved).plus(amount))
            ):
                cap = self.limits.exceeded_by(self.spent.plus(amount))
                if not cap:
                    return
                granted.set_exception(self._used_up(cap, amount))
            elif not granted.done():
                self.reserved = self.reserved.plus(amount)
                granted.set_result(None)
            heapq.heappop(self._waiting)

    def _used_up(self, cap: str, amount: BudgetAmount) -> BudgetUsedUpError:
        most = ExpectedUse(amount.requests, amount.tokens, amount.cost)
        return BudgetUsedUpError(
            f"The budget is used up: {cap} leaves no room for another request ({self.in_words()} so far; the rest is "
            f"{self.limits.in_words(self.room)}, and the next request may use {self.limits.in_words(most)}). {self.bought()}"
            "Everything is saved; run the same command with a higher limit to continue."
        )

    def _release(self, reservation: BudgetAmount) -> None:
        rest = self.reserved.plus(reservation, -1)
        self.reserved = rest if rest.requests else BudgetAmount()  # no rounding errors, which would be waited for
        self._grant()

    @property
    def waiting(self) -> int:
        """Requests that wait until those in flight have used less than they may."""
        return sum(not granted.done() for _, _, granted, _ in self._waiting)

    @property
    def room(self) -> ExpectedUse:
        """The rest of each cap, without requests in flight; infinite if there is none."""
        return self.limits.less(self.spent)

    def used_at(self, step: str) -> StepUse:
        """What the replies of a step used in this session."""
        return self.by_step.get(step) or StepUse()

    def in_words(self) -> str:
        """What is spent, as text."""
        cost = f", {money(self.spent.cost)}" if self.spent.cost else ""
        return f"{number(self.spent.requests)} requests, {number(self.spent.tokens)} tokens{cost}"

    def reservation(self, prompt: Prompt, factor: float) -> BudgetAmount:
        """The most that a request can use.

        Args:
            prompt: of the request.
            factor: the fraction of the list price that it costs.

        Raises:
            EngineUnavailableError: money is capped and the model's price is not known.
        """
        size, most = self._bounds(prompt)
        cost = self.prices.cost(prompt.model, size, most)
        if cost is None and self.limits.cost is not None:
            raise EngineUnavailableError(
                f"--max-cost cannot be enforced: the price of the model {prompt.model!r} is not known; write it into the "
                "settings file under `prices:`, or limit tokens with --max-tokens."
            )
        return BudgetAmount(1, size + most, factor * (cost or 0.0))

    def bound(self, prompt: Prompt) -> ExpectedUse:
        """The most that a request can use at list price; one whose price is not known costs nothing."""
        size, most = self._bounds(prompt)
        return ExpectedUse(1, size + most, self.prices.cost(prompt.model, size, most) or 0.0)

    def _bounds(self, prompt: Prompt) -> tuple[int, int]:
        """The most tokens of a prompt and of the reply to it."""
        size = sum(_bytes_of(text) + 16 for text in texts_of(prompt)) + self._excess[0]
        return size, prompt.sampling.most_tokens + max(self._excess[1], self.extra_tokens(prompt.model))

    def used(self, reply: Reply, reservation: BudgetAmount, prompt: Prompt, factor: float) -> BudgetAmount:
        """What a reply used of its reservation."""
        if not reply.prompt_tokens and not reply.completion_tokens:
            return reservation  # the server does not count tokens: only the bound is known
        self._learn(reply, prompt)
        cost = self.prices.cost(prompt.model, reply.prompt_tokens, reply.completion_tokens) or 0.0
        return BudgetAmount(1, reply.prompt_tokens + reply.completion_tokens, factor * cost)

    def _learn(self, reply: Reply, prompt: Prompt) -> None:
        """Some servers add long texts of their own to a prompt, some reason beyond max_tokens."""
        ours = sum(map(_bytes_of, texts_of(prompt)))
        self._excess = (
            max(self._excess[0], reply.prompt_tokens - ours),
            max(self._excess[1], reply.completion_tokens - prompt.sampling.most_tokens),
        )


class BudgetedEngine:
    """An engine within a budget; several engines may share one budget.

    Args:
        engine: the engine inside.
        budget: what may be used.
        factor: the fraction of the list price that its requests cost.
    """

    def __init__(self, engine: Engine, budget: Budget, factor: float = 1.0) -> None:
        self.engine, self.budget, self.factor = engine, budget, factor

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`.

        Raises:
            BudgetUsedUpError: a cap leaves no room for the request.
            EngineUnavailableError: money is capped and the model's price is not known.
        """
        budget = self.budget
        reservation = budget.reservation(prompt, self.factor)
        await budget.reserve(reservation)
        used, step = reservation, budget.by_step.setdefault(prompt.stage, StepUse())
        step.in_flight += 1
        try:
            reply = await self.engine.complete(prompt)
            used = budget.used(reply, reservation, prompt, self.factor)
            step.add(used, reservation)
            return reply
        except (RequestError, EngineUnavailableError) as exc:
            if isinstance(exc, TransientError) and exc.status == 0 and exc.connected:
                budget.timed_out += 1  # it may have been completed and billed, although no response came
            else:
                used = BudgetAmount()
            raise
        finally:
            step.in_flight -= 1
            budget.settle(reservation, used)

    async def aclose(self) -> None:
        """Close the engine inside."""
        await self.engine.aclose()


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def texts_of(prompt: Prompt) -> list[str]:
    """The texts of a prompt: the one to continue, or those of its messages."""
    return [message.content for message in prompt.messages] if prompt.is_chat else [prompt.text]
