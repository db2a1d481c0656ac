import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.domain import Message, Prompt, Reply, Sampling
from bootstruct.engines.budgeted import Amount, Budget, Budgeted, Limits
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import DoorClosed, Passing, Permanent, StoppedShort
from bootstruct.settings import Prices
from tests.engines.virtual import run
from tests.engines.worlds import prompt

PRICES = Prices({"m": (2.0, 10.0)})
FAULTS = (Permanent(400, "no"), Passing(500, "no"), Passing(0, "timed out"), Passing(0, "refused", connected=False))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    requests=st.none() | st.integers(0, 40),
    tokens=st.none() | st.integers(0, 4000),
    cost=st.none() | st.floats(0, 0.02),
    before=st.builds(Amount, st.integers(0, 10), st.integers(0, 500), st.floats(0, 0.005)),
)
def test_no_cap_is_ever_exceeded(
    seed: int, requests: int | None, tokens: int | None, cost: float | None, before: Amount
) -> None:
    """Known usage stays under every cap at every moment, whatever the order and kind of answers; nothing hangs."""
    limits = Limits(requests, tokens, cost)
    rng = random.Random(seed)
    paid = [before]

    def answer(asked: Prompt) -> Reply:
        if rng.random() < 0.2:
            raise rng.choice(FAULTS)
        used, written = rng.randint(1, len(asked.text)), rng.randint(0, asked.sampling.max_tokens)
        paid.append(paid[-1].plus(Amount(1, used + written, PRICES.cost("m", used, written) or 0.0)))
        over = limits.exceeded_by(paid[-1])
        assert over is None or limits.exceeded_by(before), over
        return Reply("a", "stop", used, written)

    async def go() -> Budgeted:
        engine = Budgeted(Scripted(answer, lambda _: rng.random()), Budget(limits, PRICES, before))

        async def one(number: int) -> None:
            await asyncio.sleep(rng.random())
            await engine.complete(prompt(number, text="x" * rng.randint(1, 80), max_tokens=rng.randint(1, 60)))

        ended = await asyncio.wait_for(asyncio.gather(*map(one, range(60)), return_exceptions=True), 1000)
        assert all(each is None or isinstance(each, (Permanent, Passing, StoppedShort)) for each in ended), ended
        return engine

    engine = run(go())
    assert engine.budget.held == Amount()
    assert engine.budget.spent.requests >= paid[-1].requests  # timeouts count as well
    assert engine.budget.spent.requests == paid[-1].requests + engine.budget.presumed
    assert limits.exceeded_by(engine.budget.spent) is None or limits.exceeded_by(before)


def ask(engine: Budgeted, *prompts: Prompt) -> list[Reply | BaseException]:
    async def go() -> list[Reply | BaseException]:
        return await asyncio.gather(*map(engine.complete, prompts), return_exceptions=True)

    return run(go())


def test_what_was_spent_before_counts() -> None:
    engine = Budgeted(
        Scripted(lambda _: Reply("a", "stop", 1, 1)), Budget(Limits(requests=5), Prices(), Amount(3, 100, 0.0))
    )
    ended = ask(engine, *(prompt(n) for n in range(4)))
    assert [type(each) for each in ended] == [Reply, Reply, StoppedShort, StoppedShort]
    assert "--max-requests 5" in str(ended[2])
    assert engine.budget.spent == Amount(5, 104, 0.0)


def test_room_that_comes_back_is_used() -> None:
    """Reservations fill the cap; replies cost less; so all are answered in the end."""
    engine = Budgeted(
        Scripted(lambda _: Reply("a", "stop", 5, 5), lambda _: 1.0), Budget(Limits(tokens=500), Prices(), Amount())
    )
    ended = ask(engine, *(prompt(n, text="x" * 10, max_tokens=100) for n in range(30)))
    assert all(isinstance(each, Reply) for each in ended)
    assert engine.budget.spent == Amount(30, 300, 0.0)


def test_a_server_that_does_not_count_costs_the_reservation() -> None:
    engine = Budgeted(Scripted(lambda _: "a"), Budget(Limits(), Prices(), Amount()))
    ask(engine, prompt(text="x" * 10, max_tokens=7))
    assert engine.budget.spent.tokens >= 17


def test_a_timeout_counts_at_its_reservation_and_a_refusal_does_not() -> None:
    faults = iter(
        (Passing(0, "no answer within 120 s"), Passing(429, "no"), Passing(0, "cannot connect", connected=False))
    )

    def fail(_: Prompt) -> str:
        raise next(faults)

    engine = Budgeted(Scripted(fail), Budget(Limits(), Prices(), Amount()))
    ask(engine, prompt(0), prompt(1), prompt(2))
    assert engine.budget.presumed == engine.budget.spent.requests == 1
    assert engine.budget.spent.tokens > 16


def test_a_server_that_counts_more_than_it_was_sent_is_believed_from_then_on() -> None:
    engine = Budgeted(Scripted(lambda _: Reply("a", "stop", 500, 300)), Budget(Limits(tokens=2000), Prices(), Amount()))
    chat = Prompt("kind", "m", Sampling(max_tokens=10), 0, messages=(Message("user", "x" * 20),))
    ended = [ask(engine, chat)[0] for _ in range(4)]
    assert [type(each) for each in ended] == [Reply, Reply, StoppedShort, StoppedShort]
    assert engine.budget.spent.tokens == 1600


def test_money_cannot_be_capped_without_a_price() -> None:
    engine = Budgeted(Scripted(lambda _: "a"), Budget(Limits(cost=1.0), PRICES, Amount()))
    (ended,) = ask(engine, prompt(model="unknown"))
    assert isinstance(ended, DoorClosed)
    assert "prices" in str(ended)
    assert isinstance(ask(engine, prompt(model="m"))[0], Reply)


def test_cancelled_while_waiting_for_room_spends_nothing() -> None:
    async def go() -> None:
        scripted = Scripted(lambda _: Reply("a", "stop", 1, 1), lambda _: 5.0)
        engine = Budgeted(scripted, Budget(Limits(tokens=60), Prices(), Amount()))
        first = asyncio.create_task(engine.complete(prompt(0, max_tokens=20)))
        second = asyncio.create_task(engine.complete(prompt(1, max_tokens=20)))
        await asyncio.sleep(1)
        second.cancel()
        await first
        await asyncio.wait({second})
        assert second.cancelled()
        assert len(scripted.asked) == 1
        assert engine.budget.spent == Amount(1, 2)
        assert engine.budget.held == Amount()

    run(go())


@pytest.mark.parametrize(
    ("limits", "amount", "cap"),
    [
        (Limits(), Amount(10**9, 10**9, 1e9), None),
        (Limits(requests=3), Amount(3, 0, 0), None),
        (Limits(requests=3), Amount(4, 0, 0), "--max-requests 3"),
        (Limits(tokens=3), Amount(9, 4, 0), "--max-tokens 3"),
        (Limits(cost=0.5), Amount(9, 4, 0.51), "--max-cost 0.5"),
    ],
)
def test_caps(limits: Limits, amount: Amount, cap: str | None) -> None:
    assert limits.exceeded_by(amount) == cap
