"""Several equal servers behind one gate: who gets the questions, who is set aside, who comes back. On virtual time."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.door import FIRST_REST, SILENT
from bootstruct.engines.gate import Gate
from bootstruct.engines.retrying import Retrying
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import Passing
from tests.engines.virtual import now, run
from tests.engines.worlds import prompt


@dataclass
class Host:
    """A server whose answers take seconds(tokens) and fail as `fails(now)` says."""

    per_token: float = 0.002
    base: float = 0.1
    tokens: int = 0  # of each answer; 0: 5 to 400 by chance of the question
    slow_between: tuple[float, float] = (0.0, 0.0)
    slow_by: float = 10.0
    error: Passing | None = None
    bad_between: tuple[float, float] = (0.0, 1e9)
    timeout: float = 0.0
    sigma: float = 0.0
    asked: list[float] = field(default_factory=list)
    flying: int = 0
    peak: int = 0

    async def complete(self, asked: Prompt) -> Reply:
        self.asked.append(now())
        self.flying += 1
        self.peak = max(self.peak, self.flying)
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
            self.flying -= 1

    async def aclose(self) -> None:
        return None


def stack(hosts: list[Host], limit: int | None = None) -> tuple[Retrying, Gate]:
    gate = Gate(limit, [f"http://{number}/v1" for number in range(len(hosts))])
    return Retrying(Throttled(hosts, gate)), gate


async def ask(engine: Retrying, first: int, last: int) -> None:
    await asyncio.gather(*(engine.complete(prompt(n)) for n in range(first, last)))


async def stream(engine: Retrying, gate: Gate, until: float, askers: int = 60) -> list[tuple[float, list[int]]]:
    """So many ask one question after another, until then; (time, numbers of the doors set aside) whenever that changes."""
    seen: list[tuple[float, list[int]]] = [(0.0, [])]
    numbers = iter(range(10**9))

    async def one() -> None:
        while now() < until:
            await asyncio.create_task(engine.complete(prompt(next(numbers))))
            aside = [door.number for door in gate.aside]
            if aside != seen[-1][1]:
                seen.append((now(), aside))

    await asyncio.gather(*(one() for _ in range(askers)))
    return seen


def test_equal_servers_share_equally_and_the_limit_holds_for_all_together() -> None:
    hosts = [Host(), Host(), Host()]
    engine, gate = stack(hosts, 12)
    run(ask(engine, 0, 600))
    assert gate.flying == gate.queued == 0
    assert max(host.peak for host in hosts) <= 12
    assert all(170 <= len(host.asked) <= 230 for host in hosts), [len(host.asked) for host in hosts]


def test_a_slower_server_is_asked_less_before_it_is_set_aside() -> None:
    """Few questions at once, as while the pool grows: the others answer them all."""
    slow, *others = [Host(slow_between=(0, 1e9)), Host(), Host(), Host()]
    engine, gate = stack([slow, *others])
    run(stream(engine, gate, 40, askers=5))
    assert len(slow.asked) < 8 < min(len(host.asked) for host in others)


def test_left_to_itself_each_server_has_a_level_of_its_own() -> None:
    engine, gate = stack([Host(tokens=100), Host(tokens=100)])
    run(ask(engine, 0, 3000))
    assert gate.level == sum(door.level for door in gate.doors)
    assert all(door.level > 32 for door in gate.doors)


def test_a_server_that_cannot_be_reached_costs_no_answer_and_is_left_alone() -> None:
    down, up = Host(error=Passing(0, "cannot connect", connected=False)), Host(tokens=50)
    engine, gate = stack([down, up], 4)

    async def go() -> None:
        for number in range(12):  # 2.4 s
            await engine.complete(prompt(number))
        assert len(down.asked) == 1
        assert [door.aside.why for door in gate.aside if door.aside] == ["cannot be reached"]
        assert engine.retries == 0
        await asyncio.sleep(FIRST_REST)
        await engine.complete(prompt(99))
        assert len(down.asked) == 2
        await engine.complete(prompt(100))
        assert len(down.asked) == 2  # the rest is longer now
        down.error = None
        await asyncio.sleep(2 * FIRST_REST)
        await engine.complete(prompt(101))
        assert not gate.aside

    run(go())


@pytest.mark.parametrize(
    "error", [Passing(0, "no answer"), Passing(502, "bad gateway"), Passing(0, "x", connected=False)]
)
def test_a_dead_server_is_set_aside_and_comes_back(error: Passing) -> None:
    bad = Host(error=error, bad_between=(10, 40), timeout=0.5)
    hosts = [bad, Host(), Host()]
    engine, gate = stack(hosts, 30)
    seen = run(stream(engine, gate, 120))
    assert not gate.aside
    assert [aside for _, aside in seen[:2]] == [[], [0]]
    assert 10 <= seen[1][0] < 12
    assert 40 < seen[-1][0] < 110, seen
    tried = [at for at in bad.asked if 12 < at < 40]
    assert 1 <= len(tried) <= 6, tried


def test_a_server_that_turns_slow_is_set_aside_and_comes_back() -> None:
    slow = Host(slow_between=(10, 40))
    hosts = [slow, Host(), Host(), Host()]
    engine, gate = stack(hosts, 40)
    seen = run(stream(engine, gate, 120))
    assert [aside for _, aside in seen] == [[], [0], []], seen
    assert 10 < seen[1][0] < 18
    assert 40 < seen[2][0] < 90


@pytest.mark.parametrize("limit", [None, 24])
def test_servers_are_not_set_aside_for_long_answers_or_chance(limit: int | None) -> None:
    """One server happens to get the longest answers, times vary by a log-normal with sigma 1.2."""
    for seed in range(2):
        hosts = [Host(sigma=1.2, tokens=300 if number == 0 else 5 + seed) for number in range(3)]
        engine, gate = stack(hosts, limit)
        seen = run(stream(engine, gate, 60))
        assert seen == [(0.0, [])], seen


def test_a_server_that_hangs_is_set_aside_long_before_its_calls_time_out() -> None:
    hung = Host(error=Passing(0, "no answer within 120 s"), bad_between=(5, 30), timeout=120.0)
    engine, gate = stack([hung, Host(), Host()], 24)
    seen = run(stream(engine, gate, 60))
    assert seen[1][1] == [0]
    assert 5 < seen[1][0] < 12, seen


def test_when_all_are_dead_all_are_tried_again() -> None:
    hosts = [Host(error=Passing(503, "down"), bad_between=(5, 25)) for _ in range(3)]
    engine, gate = stack(hosts, 12)
    run(stream(engine, gate, 120))
    assert len(gate.aside) < 3
    assert all(any(at > 100 for at in host.asked) for host in hosts)


def test_one_servers_refusals_and_its_retry_after_do_not_hold_the_others() -> None:
    limiter, other = Host(error=Passing(429, "too many", 30.0)), Host(tokens=100)
    engine, _ = stack([limiter, other], 8)

    async def go() -> None:
        await ask(engine, 0, 200)
        assert now() < 200 * 0.3 / 8 + 2
        assert engine.retries == 0

    run(go())
    assert len(other.asked) == 200


def test_all_failing_is_a_failure_in_passing_with_the_shortest_wait() -> None:
    hosts = [Host(error=Passing(429, "a", 30.0)), Host(error=Passing(429, "b", 2.0))]
    gate = Gate(4, ["a", "b"])

    async def go() -> None:
        with pytest.raises(Passing) as raised:
            await Throttled(hosts, gate).complete(prompt())
        assert raised.value.retry_after == 2.0
        assert [len(host.asked) for host in hosts] == [1, 1]

    run(go())


def test_a_question_that_fails_everywhere_sets_nobody_aside() -> None:
    """A poisoned question is asked again and again; between its failures others are answered."""

    class Picky(Host):
        async def complete(self, asked: Prompt) -> Reply:
            if asked.text == "poison":
                self.asked.append(now())
                raise Passing(500, "broken")
            return await super().complete(asked)

    hosts: list[Host] = [Picky(tokens=20), Picky(tokens=20)]
    engine, gate = stack(hosts, 4)

    async def go() -> None:
        poisoned = asyncio.create_task(engine.complete(prompt(0, text="poison")))
        await ask(engine, 1, 3000)
        assert not gate.aside
        poisoned.cancel()

    run(go())


def test_timeouts_in_a_row_are_dead() -> None:
    hosts = [Host(error=Passing(0, "no answer"), timeout=1.0), Host()]
    engine, gate = stack(hosts, 2)
    run(ask(engine, 0, 40))
    assert [door.number for door in gate.aside] == [0]
    assert len(hosts[0].asked) <= SILENT + 2
