from pathlib import Path

import pytest

from bootstruct.config.machine import MachineSettings, Prices
from bootstruct.engines.build import open_engine, spent_in
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.errors import InputError
from bootstruct.journal.cost import cost_of
from bootstruct.journal.events import ReplyReceived, RunStarted
from bootstruct.journal.state import State, apply, begin
from bootstruct.types import Prompt, Reply, Sampling, digest_of
from tests.support.scripts import open_journal, recipe
from tests.support.virtual_time import run


def test_a_server_is_wrapped_in_all_that_is_needed() -> None:
    stack = open_engine(
        MachineSettings(base_url=("http://a/v1", "http://b/v1")), BudgetLimits(requests=3), BudgetAmount(requests=2)
    )
    assert isinstance(stack.engine, RetryingEngine)
    assert stack.engine is stack.retrying
    assert stack.budget.spent.requests == 2
    assert not stack.limiter.is_fixed
    run(stack.engine.aclose())


def test_a_fixed_concurrency_is_the_limiters_limit() -> None:
    stack = open_engine(MachineSettings(concurrency=7), BudgetLimits(), BudgetAmount())
    assert (stack.limiter.is_fixed, stack.limiter.level) == (True, 7)


def test_recorded_replies_come_from_a_run(tmp_path: Path) -> None:
    asked = Prompt("kind", "m", Sampling(), 1, text="?")
    _, journal = open_journal(tmp_path / "journal.jsonl")
    journal.append(ReplyReceived("a", digest_of(asked), Reply("yes")))
    journal.close()
    stack = open_engine(MachineSettings(engine=f"recorded:{tmp_path}"), BudgetLimits(), BudgetAmount())
    assert isinstance(stack.engine, RecordedEngine)
    assert run(stack.engine.complete(asked)).text == "yes"


@pytest.mark.parametrize("engine", ["recorded:", "recorded:/nowhere", "telepathy"])
def test_unknown_engines_are_rejected(engine: str) -> None:
    with pytest.raises(InputError):
        open_engine(MachineSettings(engine=engine), BudgetLimits(), BudgetAmount())


def replies_of(*models: str) -> State:
    state = begin(RunStarted(recipe(), ()))
    for number, model in enumerate(models):
        reply = Reply("x", prompt_tokens=1000, completion_tokens=500, model=model)
        apply(state, ReplyReceived(f"propose/{number}", "d", reply))
    return state


def test_what_a_run_has_spent() -> None:
    state = replies_of("m", "m", "unknown")
    assert spent_in(state, Prices({"m": (1.0, 2.0)})) == BudgetAmount(3, 4500, 0.004)


def test_a_server_that_reports_another_name_does_not_make_a_resumed_run_free() -> None:
    state = replies_of("alias-x", "alias-x")
    prices = Prices({state.recipe.model_at("propose"): (1.0, 2.0)})
    assert spent_in(state, prices).cost == pytest.approx(0.004) == cost_of(state, prices)
