"""Several equal servers behind one limiter: which gets the requests, which is suspended, which comes back. On virtual time."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from bootstruct.engines.traffic.backend import FIRST_SUSPENSION, SILENT
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import TransientError
from bootstruct.types import Prompt, Reply
from tests.support.simulated_servers import prompt
from tests.support.virtual_time import now, run


@dataclass
class Host:
    """A server whose answers take seconds(tokens) and fail as `fails(now)` says."""

    per_token: float = 0.002
    base: float = 0.1
    tokens: int = 0  # of each answer; 0: 5 to 400 by chance of the question
    slow_between: tuple[float, float] = (0.0, 0.0)
    slow_by: float = 10.0
    error: TransientError | None = None
    bad_between: tuple[float, float] = (0.0, 1e9)
    timeout: float = 0.0
    sigma: float = 0.0
    asked: list[float] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0

    async def complete(self, asked: Prompt) -> Reply:
        self.asked.append(now())
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.error is not None and self.bad_between[0] <= now() < self.bad_between[1]:
                await asyncio.sleep(self.timeout)
                raise self.error
            rng = random.Random(asked.sample)
            tokens = self.tokens or rng.randint(5, 400)
            seconds = (self.base + self.per_token * tokens) * rng.lognormvariate(0, self.sigma)
            if self.slow_between[0] <= now() < self.slow_between[1]:
                seconds *= self.slow_by
            await asyncio.sleep(seconds)
            return Reply("a", "stop", 4, tokens)
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        return None


def stack(hosts: list[Host], limit: int | None = None) -> tuple[RetryingEngine, ConcurrencyLimiter]:
    limiter = ConcurrencyLimiter(limit, [f"http://{number}/v1" for number in range(len(hosts))])
    return RetryingEngine(ThrottledEngine(hosts, limiter)), limiter


async def ask(engine: RetryingEngine, first: int, last: int) -> None:
    await asyncio.gather(*(engine.complete(prompt(n)) for n in range(first, last)))


async def stream(
    engine: RetryingEngine, limiter: ConcurrencyLimiter, until: float, askers: int = 60
) -> list[tuple[float, list[int]]]:
    """So many callers send one request after another until then; (time, numbers of suspended backends) at each change."""
    seen: list[tuple[float, list[int]]] = [(0.0, [])]
    numbers = iter(range(10**9))

    async def one() -> None:
        while now() < until:
            await asyncio.create_task(engine.complete(prompt(next(numbers))))
            suspended = [backend.number for backend in limiter.suspended]
            if suspended != seen[-1][1]:
                seen.append((now(), suspended))

    await asyncio.gather(*(one() for _ in range(askers)))
    return seen


def test_equal_servers_share_equally_and_the_limit_holds_for_all_together() -> None:
    hosts = [Host(), Host(), Host()]
    engine, limiter = stack(hosts, 12)
    run(ask(engine, 0, 600))
    assert limiter.in_flight == limiter.queued == 0
    assert max(host.peak for host in hosts) <= 12
    assert all(170 <= len(host.asked) <= 230 for host in hosts), [len(host.asked) for host in hosts]


def test_a_slower_server_gets_fewer_requests_before_it_is_suspended() -> None:
    """Few questions at once, as while the pool grows: the others answer them all."""
    slow, *others = [Host(slow_between=(0, 1e9)), Host(), Host(), Host()]
    engine, limiter = stack([slow, *others])
    run(stream(engine, limiter, 40, askers=5))
    assert len(slow.asked) < 8 < min(len(host.asked) for host in others)


def test_without_a_limit_each_server_finds_its_own_level() -> None:
    engine, limiter = stack([Host(tokens=100), Host(tokens=100)])
    run(ask(engine, 0, 3000))
    assert limiter.level == sum(backend.level for backend in limiter.backends)
    assert all(backend.level > 32 for backend in limiter.backends)


def test_an_unreachable_server_costs_no_reply_and_is_suspended() -> None:
    down, up = Host(error=TransientError(0, "cannot connect", connected=False)), Host(tokens=50)
    engine, limiter = stack([down, up], 4)

    async def go() -> None:
        for number in range(12):  # 2.4 s
            await engine.complete(prompt(number))
        assert len(down.asked) == 1
        assert [backend.suspension.reason for backend in limiter.suspended if backend.suspension] == [
            "cannot be reached"
        ]
        assert engine.retries == 0
        await asyncio.sleep(FIRST_SUSPENSION)
        await engine.complete(prompt(99))
        assert len(down.asked) == 2
        await engine.complete(prompt(100))
        assert len(down.asked) == 2  # the rest is longer now
        down.error = None
        await asyncio.sleep(2 * FIRST_SUSPENSION)
        await engine.complete(prompt(101))
        assert not limiter.suspended

    run(go())


@pytest.mark.parametrize(
    "error",
    [TransientError(0, "no answer"), TransientError(502, "bad gateway"), TransientError(0, "x", connected=False)],
)
def test_a_dead_server_is_suspended_and_comes_back(error: TransientError) -> None:
    bad = Host(error=error, bad_between=(10, 40), timeout=0.5)
    hosts = [bad, Host(), Host()]
    engine, limiter = stack(hosts, 30)
    seen = run(stream(engine, limiter, 120))
    assert not limiter.suspended
    assert [aside for _, aside in seen[:2]] == [[], [0]]
    assert 10 <= seen[1][0] < 12
    assert 40 < seen[-1][0] < 110, seen
    tried = [at for at in bad.asked if 12 < at < 40]
    assert 1 <= len(tried) <= 6, tried


def test_a_server_that_becomes_slow_is_suspended_and_comes_back() -> None:
    slow = Host(slow_between=(10, 40))
    hosts = [slow, Host(), Host(), Host()]
    engine, limiter = stack(hosts, 40)
    seen = run(stream(engine, limiter, 120))
    assert [aside for _, aside in seen] == [[], [0], []], seen
    assert 10 < seen[1][0] < 18
    assert 40 < seen[2][0] < 90


@pytest.mark.parametrize("limit", [None, 24])
def test_servers_are_not_suspended_for_long_replies_or_by_chance(limit: int | None) -> None:
    """One server happens to get the longest answers, times vary by a log-normal with sigma 1.2."""
    for seed in range(2):
        hosts = [Host(sigma=1.2, tokens=300 if number == 0 else 5 + seed) for number in range(3)]
        engine, limiter = stack(hosts, limit)
        seen = run(stream(engine, limiter, 60))
        assert seen == [(0.0, [])], seen


def test_a_server_that_hangs_is_suspended_long_before_its_requests_time_out() -> None:
    hung = Host(error=TransientError(0, "no answer within 120 s"), bad_between=(5, 30), timeout=120.0)
    engine, limiter = stack([hung, Host(), Host()], 24)
    seen = run(stream(engine, limiter, 60))
    assert seen[1][1] == [0]
    assert 5 < seen[1][0] < 12, seen


def test_when_all_are_dead_all_are_tried_again() -> None:
    hosts = [Host(error=TransientError(503, "down"), bad_between=(5, 25)) for _ in range(3)]
    engine, limiter = stack(hosts, 12)
    run(stream(engine, limiter, 120))
    assert len(limiter.suspended) < 3
    assert all(any(at > 100 for at in host.asked) for host in hosts)


def test_rate_limiting_and_retry_after_of_one_server_do_not_delay_the_others() -> None:
    limiter, other = Host(error=TransientError(429, "too many", 30.0)), Host(tokens=100)
    engine, _ = stack([limiter, other], 8)

    async def go() -> None:
        await ask(engine, 0, 200)
        assert now() < 200 * 0.3 / 8 + 2
        assert engine.retries == 0

    run(go())
    assert len(other.asked) == 200


def test_where_all_servers_fail_the_error_is_transient_with_the_shortest_wait() -> None:
    hosts = [Host(error=TransientError(429, "a", 30.0)), Host(error=TransientError(429, "b", 2.0))]
    limiter = ConcurrencyLimiter(4, ["a", "b"])

    async def go() -> None:
        with pytest.raises(TransientError) as raised:
            await ThrottledEngine(hosts, limiter).complete(prompt())
        assert raised.value.retry_after == 2.0
        assert [len(host.asked) for host in hosts] == [1, 1]

    run(go())


def test_a_request_that_fails_everywhere_suspends_no_server() -> None:
    """A poisoned question is asked again and again; between its failures others are answered."""

    class Picky(Host):
        async def complete(self, asked: Prompt) -> Reply:
            if asked.text == "poison":
                self.asked.append(now())
                raise TransientError(500, "broken")
            return await super().complete(asked)

    hosts: list[Host] = [Picky(tokens=20), Picky(tokens=20)]
    engine, limiter = stack(hosts, 4)

    async def go() -> None:
        poisoned = asyncio.create_task(engine.complete(prompt(0, text="poison")))
        await ask(engine, 1, 3000)
        assert not limiter.suspended
        poisoned.cancel()

    run(go())


def test_timeouts_in_a_row_are_dead() -> None:
    hosts = [Host(error=TransientError(0, "no answer"), timeout=1.0), Host()]
    engine, limiter = stack(hosts, 2)
    run(ask(engine, 0, 40))
    assert [backend.number for backend in limiter.suspended] == [0]
    assert len(hosts[0].asked) <= SILENT + 2
