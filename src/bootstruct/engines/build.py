"""The engine a run talks to, put together from the machine's settings: wrappers around one or more servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bootstruct.engines import Engine
from bootstruct.engines.batch import Batches
from bootstruct.engines.budgeted import Amount, Budget, Budgeted, Limits
from bootstruct.engines.by_step import ByStep, Offline
from bootstruct.engines.cluster.crew import Crew
from bootstruct.engines.cluster.on_ray import OnRay, address_of, require_ray
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
CREW_AT_ONCE = 2048  # questions to a cluster in flight: as many as show how many workers they are worth


@dataclass(frozen=True)
class Stack:
    """`engine` is the outermost: ask and close this one. The others are there to be looked at (level, retries, spent)."""

    engine: Engine
    gate: Gate
    retrying: Retrying
    budget: Budget
    batches: Batches | None = None


def open_engine(machine: Machine, limits: Limits, spent: Amount, by_batch: "ByBatch | None" = None) -> Stack:
    """The engine of a machine: retrying outside, then the gate, the budget, and the servers or the model.

    limits, spent: caps over the whole run, and what it has used before. by_batch: asks by batch what can wait; what needs
    an order goes the usual way. Nothing is sent yet. Raises BadInput for an unknown engine, a journal that is not there, or
    a model without its packages.
    """
    provider, _, place = machine.engine.partition(":")
    if provider == "recorded":
        if not place:
            raise BadInput("engine recorded: name the run whose replies answer, as in recorded:runs/first.")
        recorded = Recorded(journal_path(Path(place)))
        return Stack(recorded, Gate(RECORDED_AT_ONCE), Retrying(recorded), Budget(Limits(), machine.prices, spent))
    if provider in ("hf", POCKET):
        require_extra()
        wires: list[Engine] = [
            Batcher(partial(load, is_pocket=provider == POCKET, trust_remote_code=machine.trust_remote_code))
        ]
        gate = Gate(machine.concurrency or MOST)
    elif provider in ("ray/hf", f"ray/{POCKET}"):
        require_ray()
        wires = [_crew(machine, is_pocket=provider.endswith(POCKET))]
        gate = Gate(machine.concurrency or CREW_AT_ONCE)
    elif provider == "openai":
        servers = open_servers(machine)
        wires = [Finishing(server) for server in servers]
        gate = Gate(machine.concurrency, [server.where for server in servers])
    else:
        raise BadInput(f"engine {machine.engine!r}: unknown; take openai, hf, pocket, ray/hf or recorded:PATH.")
    budget = Budget(limits, machine.prices, spent)
    retrying = Retrying(Throttled([Budgeted(wire, budget) for wire in wires], gate))
    if by_batch is None:
        return Stack(retrying, gate, retrying, budget)
    by_step, batches = _by_step(retrying, machine, by_batch, budget)
    return Stack(by_step, gate, retrying, budget, batches)


def _crew(machine: Machine, is_pocket: bool) -> Crew:
    find = partial(load, is_pocket=is_pocket, trust_remote_code=machine.trust_remote_code)
    least, *most = machine.ray_actors
    cluster = OnRay(find, address_of(machine.ray_address), machine.ray_actor)
    return Crew(cluster, least, most[0] if most else None, machine.ray_wait)


def open_servers(machine: Machine) -> list[OpenAI]:
    """The servers of a machine, in the order of their addresses; nothing is sent yet."""
    key = machine.key()
    more = machine.key_header, machine.headers
    return [OpenAI(url, key, machine.timeout, *more) for url in machine.base_url or (DEFAULT_URL,)]


@dataclass(frozen=True, slots=True)
class ByBatch:
    """Where questions go that can wait: to the server's batch API, its files in `folder`; or, with `is_offline`, to the file
    `out`, their answers coming from the files `results`."""

    folder: Path
    is_offline: bool = False
    out: Path | None = None
    results: tuple[Path, ...] = ()


def _by_step(ordinary: Engine, machine: Machine, wanted: ByBatch, budget: Budget) -> tuple[ByStep, Batches | None]:
    """An engine that asks by batch what can wait. Raises BadInput where the engine knows no batches."""
    by_step = ByStep(ordinary)
    client = open_servers(machine)[0]  # of its own: files may take longer than questions
    factor = machine.prices.batch_factor
    if wanted.is_offline:
        by_step.batched = Budgeted(Offline(client, wanted.results, wanted.out, by_step), budget, factor)
        return by_step, None
    if machine.engine != "openai":
        raise BadInput(
            f"--batch: engine {machine.engine!r} has no batches; take openai, or go offline by --batch-file."
        )
    batches = Batches(client, wanted.folder, lambda: by_step.asking)
    by_step.batched = Budgeted(batches, budget, factor)
    return by_step, batches


def spent_in(usage: Mapping[tuple[str, str], Usage], prices: Prices) -> Amount:
    """What a run has paid for so far (`State.usage`: totals by step and model); unknown prices count as nothing."""
    total = Amount()
    for (_, model), used in usage.items():
        cost = prices.cost(model, used.prompt_tokens, used.completion_tokens) or 0.0
        by_batch = prices.cost(model, used.batched_prompt, used.batched_completion) or 0.0
        cost -= (1 - prices.batch_factor) * by_batch
        total = total.plus(Amount(used.requests, used.prompt_tokens + used.completion_tokens, cost))
    return total
