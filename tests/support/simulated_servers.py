"""Servers on virtual time, for tests of the limiter."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import TransientError
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.virtual_time import now


def prompt(number: int = 0, step: str = "instances", text: str = "x", max_tokens: int = 16, model: str = "m") -> Prompt:
    return Prompt(step, model, Sampling(max_tokens=max_tokens), number, text=text, ordered=step == "propose")


@dataclass
class Server:
    """A server on virtual time.

    Attributes:
        latency: the mean seconds of a reply, log-normal with `sigma`.
        cap: returns for a time the number of requests in flight above which the server answers 429.
        slots: the number of requests served at once; the others wait.
        refuses: the share of requests that get an error 429 by chance.
        fails: the share of requests that get an error 500 by chance.
        labels: the latency of a `kind` request as a fraction of the others'.
    """

    latency: float = 0.2
    sigma: float = 0.0
    cap: Callable[[float], int] = lambda _: 10**6
    slots: int = 10**6
    refuses: float = 0.0
    fails: float = 0.0
    labels: float = 1.0
    seed: int = 0
    asked: int = 0
    rejected: int = 0
    in_flight: int = 0
    peak: int = 0
    order: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.places: asyncio.Semaphore | None = None

    async def complete(self, asked: Prompt) -> Reply:
        self.places = self.places or asyncio.Semaphore(self.slots)
        self.order.append((asked.sample, asked.step))
        self.asked += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.in_flight > self.cap(now()) or self.rng.random() < self.refuses:
                await asyncio.sleep(0.005)
                self.rejected += 1
                raise TransientError(429, "too many", 1.0)
            async with self.places:
                await asyncio.sleep(self._seconds(asked))
            if self.rng.random() < self.fails:
                raise TransientError(500, "broken")
            return Reply("a", "stop", 4, 2)
        finally:
            self.in_flight -= 1

    def _seconds(self, asked: Prompt) -> float:
        mean = self.latency * (self.labels if asked.step == "kind" else 1.0)
        return mean * self.rng.lognormvariate(-(self.sigma**2) / 2, self.sigma) if self.sigma else mean

    async def aclose(self) -> None:
        return None


async def ask_all(
    server: Server, questions: int, limit: int | None, steps: tuple[str, ...] = ("instances",)
) -> ConcurrencyLimiter:
    """Send a number of conversations, each with these steps, through a limiter.

    Returns:
        The limiter, once all requests have their replies.
    """
    limiter = ConcurrencyLimiter(limit)
    engine = RetryingEngine(ThrottledEngine([server], limiter))

    async def one(number: int) -> None:
        for step in steps:
            await engine.complete(prompt(number, step))

    await asyncio.gather(*(one(number) for number in range(questions)))
    return limiter
