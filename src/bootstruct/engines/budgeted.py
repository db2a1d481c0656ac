"""Keeps a run within its budget: requests, tokens, money. Cumulative over the run; reused replies never come here.

A request in flight holds a reservation (its prompt at one token a byte, which no tokenizer exceeds, and max_tokens), so
what is spent and what may still come never exceed the cap together.
"""

import asyncio
from dataclasses import dataclass

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.errors import Passing, StoppedShort
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


class Budgeted:
    """spent: what the run has used before. presumed: calls that timed out and are counted at their reservation."""

    def __init__(self, engine: Engine, limits: Limits, prices: Prices, spent: Amount) -> None:
        self.engine, self.limits, self.prices, self.spent = engine, limits, prices, spent
        self.presumed = 0
        self._held = Amount()
        self._changed = asyncio.Condition()

    async def complete(self, prompt: Prompt) -> Reply:
        reservation = self._reservation(prompt)
        async with self._changed:
            while self.limits.exceeded_by(self.spent.plus(self._held).plus(reservation)):
                cap = self.limits.exceeded_by(self.spent.plus(reservation))
                if cap:
                    raise StoppedShort(
                        f"The budget is used up: {cap} leaves no room for another request ({self.told()} so far). "
                        "Everything is saved; run the same command with a higher cap to go on."
                    )
                await self._changed.wait()
            self._held = self._held.plus(reservation)
        used = Amount()
        try:
            reply = await self.engine.complete(prompt)
            used = self._used(reply, reservation, prompt)
            return reply
        except Passing as exc:
            if exc.status == 0 and exc.connected:  # it may have been answered, and billed, without our hearing of it
                used, self.presumed = reservation, self.presumed + 1
            raise
        finally:
            self.spent, self._held = self.spent.plus(used), self._held.plus(reservation, -1)
            async with self._changed:
                self._changed.notify_all()

    def told(self) -> str:
        """What is spent, in words."""
        money = f", ${self.spent.cost:.4f}" if self.spent.cost else ""
        return f"{self.spent.requests} requests, {self.spent.tokens} tokens{money}"

    def _reservation(self, prompt: Prompt) -> Amount:
        texts = (prompt.text, *(f"{each.role} {each.content}" for each in prompt.messages))
        size = sum(len(text.encode("utf-8", "replace")) + 8 for text in texts)
        cost = self.prices.cost(prompt.model, size, prompt.sampling.max_tokens) or 0.0
        return Amount(1, size + prompt.sampling.max_tokens, cost)

    def _used(self, reply: Reply, reservation: Amount, prompt: Prompt) -> Amount:
        if not reply.prompt_tokens and not reply.completion_tokens:
            return reservation  # the server does not count: the bound is all we know
        cost = self.prices.cost(prompt.model, reply.prompt_tokens, reply.completion_tokens) or 0.0
        return Amount(1, reply.prompt_tokens + reply.completion_tokens, cost)

    async def aclose(self) -> None:
        await self.engine.aclose()
