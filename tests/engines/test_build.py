from pathlib import Path

import pytest

from bootstruct.domain import Prompt, Reply, Sampling, digest_of
from bootstruct.engines.budgeted import Amount, Limits
from bootstruct.engines.build import open_engine, spent_in
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.retrying import Retrying
from bootstruct.errors import BadInput
from bootstruct.events import Replied, Usage
from bootstruct.settings import Machine, Prices
from tests.engines.virtual import run
from tests.scripts import open_journal


def test_a_server_is_wrapped_in_all_that_is_needed() -> None:
    stack = open_engine(Machine(base_url=("http://a/v1", "http://b/v1")), Limits(requests=3), Amount(requests=2))
    assert isinstance(stack.engine, Retrying)
    assert stack.engine is stack.retrying
    assert stack.budget.spent.requests == 2
    assert not stack.gate.fixed
    run(stack.engine.aclose())


def test_a_fixed_concurrency_is_the_gates_limit() -> None:
    stack = open_engine(Machine(concurrency=7), Limits(), Amount())
    assert (stack.gate.fixed, stack.gate.level) == (True, 7)


def test_recorded_answers_come_from_a_run(tmp_path: Path) -> None:
    asked = Prompt("kind", "m", Sampling(), 1, text="?")
    _, journal = open_journal(tmp_path / "journal.jsonl")
    journal.append(Replied("a", digest_of(asked), Reply("yes")))
    journal.close()
    stack = open_engine(Machine(engine=f"recorded:{tmp_path}"), Limits(), Amount())
    assert isinstance(stack.engine, Recorded)
    assert run(stack.engine.complete(asked)).text == "yes"


@pytest.mark.parametrize("engine", ["recorded:", "recorded:/nowhere", "telepathy"])
def test_what_is_no_engine(engine: str) -> None:
    with pytest.raises(BadInput):
        open_engine(Machine(engine=engine), Limits(), Amount())


def test_what_a_run_has_spent() -> None:
    usage = {("kind", "m"): Usage(2, 1000, 500, 7), ("instances", "unknown"): Usage(1, 10, 10)}
    assert spent_in(usage, Prices({"m": (1.0, 2.0)})) == Amount(3, 1520, 0.002)
