"""Servers that live in virtual time: what a gate has to deal with."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstruct.domain import Prompt, Reply, Sampling
from bootstruct.engines.gate import Gate
from bootstruct.engines.retrying import Retrying
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import Passing
from tests.engines.virtual import now


def prompt(number: int = 0, step: str = "instances", text: str = "x", max_tokens: int = 16, model: str = "m") -> Prompt:
    return Prompt(step, model, Sampling(max_tokens=max_tokens), number, text=text)


@dataclass
class Server:
    """latency: seconds, log-normal with sigma. cap(time): 429 above so many in flight. slots: so many served at once, the
    rest wait. refuses, fails: shares of 429 and 500 by chance. labels: how long a `kind` question takes, of the others."""

    latency: float = 0.2
    sigma: float = 0.0
    cap: Callable[[float], int] = lambda _: 10**6
    slots: int = 10**6
    refuses: float = 0.0
    fails: float = 0.0
    labels: float = 1.0
    seed: int = 0
    asked: int = 0
    refused: int = 0
    flying: int = 0
    peak: int = 0
    order: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.places: asyncio.Semaphore | None = None

    async def complete(self, asked: Prompt) -> Reply:
        self.places = self.places or asyncio.Semaphore(self.slots)
        self.order.append((asked.sample, asked.step))
        self.asked += 1
        self.flying += 1
        self.peak = max(self.peak, self.flying)
        try:
            if self.flying > self.cap(now()) or self.rng.random() < self.refuses:
                await asyncio.sleep(0.005)
                self.refused += 1
                raise Passing(429, "too many", 1.0)
            async with self.places:
                await asyncio.sleep(self._seconds(asked))
            if self.rng.random() < self.fails:
                raise Passing(500, "broken")
            return Reply("a", "stop", 4, 2)
        finally:
            self.flying -= 1

    def _seconds(self, asked: Prompt) -> float:
        mean = self.latency * (self.labels if asked.step == "kind" else 1.0)
        return mean * self.rng.lognormvariate(-(self.sigma**2) / 2, self.sigma) if self.sigma else mean

    async def aclose(self) -> None:
        return None


async def ask_all(server: Server, questions: int, limit: int | None, steps: tuple[str, ...] = ("instances",)) -> Gate:
    """Ask so many conversations of these steps through a gate; the gate, once all are answered."""
    gate = Gate(limit)
    engine = Retrying(Throttled([server], gate))

    async def one(number: int) -> None:
        for step in steps:
            await engine.complete(prompt(number, step))

    await asyncio.gather(*(one(number) for number in range(questions)))
    return gate
