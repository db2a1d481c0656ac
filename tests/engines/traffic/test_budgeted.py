import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.config.machine import Prices
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.errors import BudgetUsedUpError, EngineUnavailableError, RequestRejectedError, TransientError
from bootstruct.types import Message, Prompt, Reply, Sampling
from tests.support.simulated_servers import prompt
from tests.support.virtual_time import run

PRICES = Prices({"m": (2.0, 10.0)})
FAULTS = (
    RequestRejectedError(400, "no"),
    TransientError(500, "no"),
    TransientError(0, "timed out"),
    TransientError(0, "refused", connected=False),
)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    requests=st.none() | st.integers(0, 40),
    tokens=st.none() | st.integers(0, 4000),
    cost=st.none() | st.floats(0, 0.02),
    before=st.builds(BudgetAmount, st.integers(0, 10), st.integers(0, 500), st.floats(0, 0.005)),
)
def test_no_cap_is_ever_exceeded(
    seed: int, requests: int | None, tokens: int | None, cost: float | None, before: BudgetAmount
) -> None:
    """Known usage stays under every cap at every moment, whatever the order and kind of answers; nothing hangs."""
    limits = BudgetLimits(requests, tokens, cost)
    rng = random.Random(seed)
    paid = [before]

    def answer(asked: Prompt) -> Reply:
        if rng.random() < 0.2:
            raise rng.choice(FAULTS)
        used, written = rng.randint(1, len(asked.text)), rng.randint(0, asked.sampling.max_tokens)
        paid.append(paid[-1].plus(BudgetAmount(1, used + written, PRICES.cost("m", used, written) or 0.0)))
        over = limits.exceeded_by(paid[-1])
        assert over is None or limits.exceeded_by(before), over
        return Reply("a", "stop", used, written)

    async def go() -> BudgetedEngine:
        engine = BudgetedEngine(ScriptedEngine(answer, lambda _: rng.random()), Budget(limits, PRICES, before))

        async def one(number: int) -> None:
            await asyncio.sleep(rng.random())
            await engine.complete(prompt(number, text="x" * rng.randint(1, 80), max_tokens=rng.randint(1, 60)))

        ended = await asyncio.wait_for(asyncio.gather(*map(one, range(60)), return_exceptions=True), 1000)
        assert all(
            entry is None or isinstance(entry, (RequestRejectedError, TransientError, BudgetUsedUpError))
            for entry in ended
        ), ended
        return engine

    engine = run(go())
    assert engine.budget.reserved == BudgetAmount()
    assert engine.budget.spent.requests >= paid[-1].requests  # timeouts count as well
    assert engine.budget.spent.requests == paid[-1].requests + engine.budget.timed_out
    assert limits.exceeded_by(engine.budget.spent) is None or limits.exceeded_by(before)


def ask(engine: BudgetedEngine, *prompts: Prompt) -> list[Reply | BaseException]:
    async def go() -> list[Reply | BaseException]:
        return await asyncio.gather(*map(engine.complete, prompts), return_exceptions=True)

    return run(go())


def test_what_was_spent_before_counts() -> None:
    engine = BudgetedEngine(
        ScriptedEngine(lambda _: Reply("a", "stop", 1, 1)),
        Budget(BudgetLimits(requests=5), Prices(), BudgetAmount(3, 100, 0.0)),
    )
    ended = ask(engine, *(prompt(n) for n in range(4)))
    assert [type(entry) for entry in ended] == [Reply, Reply, BudgetUsedUpError, BudgetUsedUpError]
    assert "--max-requests 5" in str(ended[2])
    assert engine.budget.spent == BudgetAmount(5, 104, 0.0)


def test_room_that_comes_back_is_used() -> None:
    """Reservations fill the cap; replies cost less; so all are answered in the end."""
    engine = BudgetedEngine(
        ScriptedEngine(lambda _: Reply("a", "stop", 5, 5), lambda _: 1.0),
        Budget(BudgetLimits(tokens=500), Prices(), BudgetAmount()),
    )
    ended = ask(engine, *(prompt(n, text="x" * 10, max_tokens=100) for n in range(30)))
    assert all(isinstance(entry, Reply) for entry in ended)
    assert engine.budget.spent == BudgetAmount(30, 300, 0.0)


def test_a_server_that_does_not_count_costs_the_reservation() -> None:
    engine = BudgetedEngine(ScriptedEngine(lambda _: "a"), Budget(BudgetLimits(), Prices(), BudgetAmount()))
    ask(engine, prompt(text="x" * 10, max_tokens=7))
    assert engine.budget.spent.tokens >= 17


def test_a_timeout_counts_at_its_reservation_and_a_rejected_request_does_not() -> None:
    faults = iter(
        (
            TransientError(0, "no answer within 120 s"),
            TransientError(429, "no"),
            TransientError(0, "cannot connect", connected=False),
        )
    )

    def fail(_: Prompt) -> str:
        raise next(faults)

    engine = BudgetedEngine(ScriptedEngine(fail), Budget(BudgetLimits(), Prices(), BudgetAmount()))
    ask(engine, prompt(0), prompt(1), prompt(2))
    assert engine.budget.timed_out == engine.budget.spent.requests == 1
    assert engine.budget.spent.tokens > 16


def test_a_server_that_counts_more_than_it_was_sent_is_believed_from_then_on() -> None:
    engine = BudgetedEngine(
        ScriptedEngine(lambda _: Reply("a", "stop", 500, 300)),
        Budget(BudgetLimits(tokens=2000), Prices(), BudgetAmount()),
    )
    chat = Prompt("kind", "m", Sampling(max_tokens=10), 0, messages=(Message("user", "x" * 20),))
    ended = [ask(engine, chat)[0] for _ in range(4)]
    assert [type(entry) for entry in ended] == [Reply, Reply, BudgetUsedUpError, BudgetUsedUpError]
    assert engine.budget.spent.tokens == 1600


def test_money_cannot_be_capped_without_a_price() -> None:
    engine = BudgetedEngine(ScriptedEngine(lambda _: "a"), Budget(BudgetLimits(cost=1.0), PRICES, BudgetAmount()))
    (ended,) = ask(engine, prompt(model="unknown"))
    assert isinstance(ended, EngineUnavailableError)
    assert "prices" in str(ended)
    assert isinstance(ask(engine, prompt(model="m"))[0], Reply)


def test_cancelled_while_waiting_for_room_spends_nothing() -> None:
    async def go() -> None:
        scripted = ScriptedEngine(lambda _: Reply("a", "stop", 1, 1), lambda _: 5.0)
        engine = BudgetedEngine(scripted, Budget(BudgetLimits(tokens=60), Prices(), BudgetAmount()))
        first = asyncio.create_task(engine.complete(prompt(0, max_tokens=20)))
        second = asyncio.create_task(engine.complete(prompt(1, max_tokens=20)))
        await asyncio.sleep(1)
        second.cancel()
        await first
        await asyncio.wait({second})
        assert second.cancelled()
        assert len(scripted.asked) == 1
        assert engine.budget.spent == BudgetAmount(1, 2)
        assert engine.budget.reserved == BudgetAmount()

    run(go())


@pytest.mark.parametrize(
    ("limits", "amount", "cap"),
    [
        (BudgetLimits(), BudgetAmount(10**9, 10**9, 1e9), None),
        (BudgetLimits(requests=3), BudgetAmount(3, 0, 0), None),
        (BudgetLimits(requests=3), BudgetAmount(4, 0, 0), "--max-requests 3"),
        (BudgetLimits(tokens=3), BudgetAmount(9, 4, 0), "--max-tokens 3"),
        (BudgetLimits(cost=0.5), BudgetAmount(9, 4, 0.51), "--max-cost 0.5"),
    ],
)
def test_caps(limits: BudgetLimits, amount: BudgetAmount, cap: str | None) -> None:
    assert limits.exceeded_by(amount) == cap
