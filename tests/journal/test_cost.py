"""One sum: the same replies cost the same in a run, in an evaluation and in the estimate of a preview."""

from pathlib import Path
from typing import Literal

import pytest

from bootstruct.config.machine import Prices
from bootstruct.evaluation.asking import opened
from bootstruct.history.estimate import Preview, PreviewedRequest, estimate
from bootstruct.journal.cost import cost_of
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.state import State, apply
from bootstruct.journal.usage import Usage
from bootstruct.types import Reply
from tests.config.test_recipe import PAPER

PRICES = Prices({"m": (1.0, 2.0), PAPER.model: (4.0, 8.0)}, batch_factor=0.5)


def reply(model: str, via: Literal["", "batch"] = "") -> Reply:
    return Reply("text", model=model, prompt_tokens=1000, completion_tokens=500, via=via)


def received(number: int, model: str, via: Literal["", "batch"] = "", source: str = "") -> ReplyReceived:
    return ReplyReceived(f"propose/{number}", "digest", reply(model, via), source=source)


EVENTS = [received(0, "m"), received(1, "m-2024-08-06"), received(2, "", "batch"), received(3, "m", source="other")]
COST = 0.002 + 0.002 + 0.008 / 2  # a dated name has the plain one's price; one without a name that of the request


def test_a_run_and_an_evaluation_cost_the_same(tmp_path: Path) -> None:
    state = State(PAPER, ())
    for event in EVENTS:
        apply(state, event)
    assert cost_of(state, PRICES) == pytest.approx(COST)
    with opened(tmp_path / "evaluation") as session:
        for event in EVENTS:
            session.record(event)
        assert session.cost(PAPER.model, PRICES) == pytest.approx(COST)
        assert session.cost("unknown", PRICES) is None
        assert (session.spent.requests, session.spent.reused, session.spent.tokens) == (3, 1, 4500)
    with opened(tmp_path / "evaluation") as session:
        assert session.cost(PAPER.model, PRICES) == pytest.approx(COST), "read back from the journal"


@pytest.mark.parametrize(("model", "cost"), [("m", 0.002), ("", 0.008), ("nobody's", 0.008)])
def test_an_estimate_prices_replies_as_the_run_will(model: str, cost: float) -> None:
    preview = Preview(accepted=1, completed=1)
    preview.requests = [PreviewedRequest("propose", f"request {n}", "prompt", reply(model)) for n in range(2)]
    found = estimate(preview, PAPER, PRICES, tasks=10)
    assert found.cost == pytest.approx(20 * cost)  # two requests brought one task
    assert estimate(preview, PAPER, Prices(), tasks=10).cost is None


def test_usage_of_a_reply_is_counted_once() -> None:
    assert Usage.of(received(0, "m", "batch")) == Usage(
        1, 1000, 500, batched=1, batched_prompt=1000, batched_completion=500
    )
    assert Usage.of(received(0, "m", source="other")) == Usage(reused=1)
