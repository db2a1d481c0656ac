"""The engine a run talks to, put together from the machine's settings: wrappers around one or more servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bootstruct.engines import Engine
from bootstruct.engines.balanced import Balanced
from bootstruct.engines.budgeted import Amount, Budgeted, Limits
from bootstruct.engines.finishing import Finishing
from bootstruct.engines.gate import Gate
from bootstruct.engines.local.batcher import MOST, Batcher
from bootstruct.engines.local.load import POCKET, load, require_extra
from bootstruct.engines.openai import OpenAI
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.retrying import Retrying
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import BadInput
from bootstruct.events import Usage
from bootstruct.runs import journal_path
from bootstruct.settings import DEFAULT_URL, Machine, Prices

RECORDED_AT_ONCE = 64  # questions to a journal in flight; a file needs no level to be found


@dataclass(frozen=True)
class Stack:
    """`engine` is the outermost: ask and close this one. The others are there to be looked at (level, retries, spent)."""

    engine: Engine
    gate: Gate
    retrying: Retrying
    budgeted: Budgeted


def open_engine(machine: Machine, limits: Limits, spent: Amount) -> Stack:
    """The engine of a machine: retrying outside, then the gate, the budget, and the servers or the model.

    limits, spent: caps over the whole run, and what it has used before. Nothing is sent yet. Raises BadInput for an
    unknown engine, a journal that is not there, or a model without its packages.
    """
    provider, _, place = machine.engine.partition(":")
    if provider == "recorded":
        if not place:
            raise BadInput("engine recorded: name the run whose replies answer, as in recorded:runs/first.")
        recorded = Recorded(journal_path(Path(place)))
        budgeted = Budgeted(recorded, Limits(), machine.prices, spent)
        return Stack(recorded, Gate(RECORDED_AT_ONCE), Retrying(recorded), budgeted)
    if provider in ("hf", POCKET):
        require_extra()
        wire: Engine = Batcher(partial(load, is_pocket=provider == POCKET, trust_remote_code=machine.trust_remote_code))
        gate = Gate(machine.concurrency or MOST)
    elif provider == "openai":
        key = machine.key()
        servers = [OpenAI(url, key, machine.timeout) for url in machine.base_url or (DEFAULT_URL,)]
        wire = Finishing(servers[0] if len(servers) == 1 else Balanced(servers))
        gate = Gate(machine.concurrency)
    else:
        raise BadInput(f"engine {machine.engine!r}: unknown; take openai, hf, pocket or recorded:PATH.")
    budgeted = Budgeted(wire, limits, machine.prices, spent)
    retrying = Retrying(Throttled(budgeted, gate))
    return Stack(retrying, gate, retrying, budgeted)


def spent_in(usage: Mapping[tuple[str, str], Usage], prices: Prices) -> Amount:
    """What a run has paid for so far (`State.usage`: totals by step and model); unknown prices count as nothing."""
    total = Amount()
    for (_, model), used in usage.items():
        cost = prices.cost(model, used.prompt_tokens, used.completion_tokens) or 0.0
        total = total.plus(Amount(used.requests, used.prompt_tokens + used.completion_tokens, cost))
    return total
