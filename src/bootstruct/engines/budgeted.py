"""Keeps a run within its budget: requests, tokens, money. Cumulative over the run; reused replies never come here.

A request in flight holds a reservation (its prompt at one token a byte, which no tokenizer exceeds, and max_tokens), so
what is spent and what may still come never exceed the cap together.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import CallFailed, DoorClosed, Passing, StoppedShort
from bootstruct.settings import Prices


@dataclass(frozen=True, slots=True)
class Amount:
    """Requests, tokens (prompt and reply together) and US dollars."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def plus(self, other: "Amount", sign: int = 1) -> "Amount":
        return Amount(
            self.requests + sign * other.requests, self.tokens + sign * other.tokens, self.cost + sign * other.cost
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps; None is no cap."""

    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None

    def exceeded_by(self, amount: Amount) -> str | None:
        """What cap the amount exceeds, in words; None if none."""
        if self.requests is not None and amount.requests > self.requests:
            return f"--max-requests {self.requests}"
        if self.tokens is not None and amount.tokens > self.tokens:
            return f"--max-tokens {self.tokens}"
        if self.cost is not None and amount.cost > self.cost:
            return f"--max-cost {self.cost:g}"
        return None


class Budget:
    """What a run may use and has used, through whatever engines. spent: what it has used before. presumed: calls without
    an answer, counted at their reservation."""

    def __init__(self, limits: Limits, prices: Prices, spent: Amount) -> None:
        self.limits, self.prices, self.spent = limits, prices, spent
        self.presumed = 0
        self.held = Amount()
        self._beyond = (
            0,
            0,
        )  # by how much servers have counted more than reserved, prompt and reply: reserved from then on
        self._waiting: deque[asyncio.Future[None]] = deque()

    def settle(self, reservation: Amount, used: Amount) -> None:
        """A reservation ends: so much was used of it."""
        rest = self.held.plus(reservation, -1)
        self.held = rest if rest.requests else Amount()  # no crumbs of rounding, which would be waited for
        self.spent = self.spent.plus(used)
        self._wake()

    async def reserve(self, amount: Amount) -> None:
        """Hold this much as soon as there is room. Raises StoppedShort where there will never be."""
        while self.limits.exceeded_by(self.spent.plus(self.held).plus(amount)):
            cap = self.limits.exceeded_by(self.spent.plus(amount))
            if cap:
                raise StoppedShort(
                    f"The budget is used up: {cap} leaves no room for another request ({self.told()} so far). "
                    "Everything is saved; run the same command with a higher cap to go on."
                )
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.held = self.held.plus(amount)

    def _wake(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)

    def told(self) -> str:
        """What is spent, in words."""
        money = f", ${self.spent.cost:.4f}" if self.spent.cost else ""
        return f"{self.spent.requests} requests, {self.spent.tokens} tokens{money}"

    def reservation(self, prompt: Prompt, factor: float) -> Amount:
        """The most that a question can use. Raises DoorClosed where money is capped and the price is not known."""
        size = sum(len(text.encode("utf-8", "replace")) + 16 for text in _texts(prompt)) + self._beyond[0]
        most = prompt.sampling.max_tokens + self._beyond[1]
        cost = self.prices.cost(prompt.model, size, most)
        if cost is None and self.limits.cost is not None:
            raise DoorClosed(
                f"--max-cost cannot be kept: the price of the model {prompt.model!r} is not known; write it into the "
                "settings file under `prices:`, or cap tokens with --max-tokens."
            )
        return Amount(1, size + most, factor * (cost or 0.0))

    def used(self, reply: Reply, reservation: Amount, prompt: Prompt, factor: float) -> Amount:
        """What a reply took of its reservation."""
        if not reply.prompt_tokens and not reply.completion_tokens:
            return reservation  # the server does not count: the bound is all we know
        self._learn(reply, prompt)
        cost = self.prices.cost(prompt.model, reply.prompt_tokens, reply.completion_tokens) or 0.0
        return Amount(1, reply.prompt_tokens + reply.completion_tokens, factor * cost)

    def _learn(self, reply: Reply, prompt: Prompt) -> None:
        """Some servers add long texts of their own to a prompt, some think beyond max_tokens."""
        ours = sum(len(text.encode("utf-8", "replace")) for text in _texts(prompt))
        self._beyond = (
            max(self._beyond[0], reply.prompt_tokens - ours),
            max(self._beyond[1], reply.completion_tokens - prompt.sampling.max_tokens),
        )


class Budgeted:
    """An engine that answers as far as the budget goes; several may share one. factor: of the list price.

    Raises StoppedShort where a cap leaves no room, DoorClosed where money is capped and the model's price is not known.
    """

    def __init__(self, engine: Engine, budget: Budget, factor: float = 1.0) -> None:
        self.engine, self.budget, self.factor = engine, budget, factor

    async def complete(self, prompt: Prompt) -> Reply:
        budget = self.budget
        reservation = budget.reservation(prompt, self.factor)
        await budget.reserve(reservation)
        used = reservation
        try:
            reply = await self.engine.complete(prompt)
            used = budget.used(reply, reservation, prompt, self.factor)
            return reply
        except (CallFailed, DoorClosed) as exc:
            if isinstance(exc, Passing) and exc.status == 0 and exc.connected:
                budget.presumed += 1  # it may have been answered, and billed, without our hearing of it
            else:
                used = Amount()
            raise
        finally:
            budget.settle(reservation, used)

    async def aclose(self) -> None:
        await self.engine.aclose()


def _texts(prompt: Prompt) -> list[str]:
    return [each.content for each in prompt.messages] if prompt.is_chat else [prompt.text]
