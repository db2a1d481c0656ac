"""The engine of a run, built from the machine's settings: wrappers around one or more servers, or a local model."""

from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

from bootstruct.config.machine import DEFAULT_URL, MachineSettings, Prices
from bootstruct.engines.base import Engine
from bootstruct.engines.batch.engine import BatchEngine
from bootstruct.engines.batch.routing import BatchRouter, OfflineBatchEngine
from bootstruct.engines.local.batcher import MOST, BatchingEngine
from bootstruct.engines.local.load import POCKET, load, require_extra
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.ray.actors import RayCluster, address_of, require_ray
from bootstruct.engines.ray.worker_pool import WorkerPool
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.request_form import RequestForms
from bootstruct.engines.traffic.budgeted import Budget, BudgetAmount, BudgetedEngine, BudgetLimits
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.draining import DrainingEngine
from bootstruct.engines.traffic.retrying import RetryingEngine
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.errors import InputError
from bootstruct.journal.cost import known_cost
from bootstruct.journal.file import journal_path
from bootstruct.journal.state import State
from bootstruct.journal.usage import Usage

RECORDED_IN_FLIGHT = 64  # requests to a journal; a file needs no search for a level
CLUSTER_IN_FLIGHT = 2048  # requests to a Ray cluster: enough of them to show how many workers are needed


@dataclass(frozen=True)
class EngineStack:
    """An engine and the parts of it that a status line reads.

    Attributes:
        engine: the outermost engine: send requests to this one, and close it.
        limiter: requests in flight, levels, suspended servers.
        retrying: retries so far.
        budget: the budget of the run.
        batches: what the batch API is doing, where it is used.
        is_local: whether the model runs in this process.
    """

    engine: Engine
    limiter: ConcurrencyLimiter
    retrying: RetryingEngine
    budget: Budget
    batches: BatchEngine | None = None
    is_local: bool = False


def open_engine(
    machine: MachineSettings,
    limits: BudgetLimits,
    spent: BudgetAmount,
    by_batch: "BatchOptions | None" = None,
    own: Engine | None = None,
    forms: RequestForms | None = None,
) -> EngineStack:
    """Build the engine of a machine: retrying outside, then the limiter, the budget, and the servers or the model.

    Nothing is sent yet.

    Args:
        machine: how the model is reached.
        limits: caps over the whole run.
        spent: what the run has used before.
        by_batch: where requests that can wait go; ordered ones (`Prompt.ordered`) are sent as usual.
        own: the user's own engine, used instead of the machine's.
        forms: the forms of requests to servers; None begins with the recipe's form and does not share what it finds.

    Raises:
        InputError: the engine is unknown, a journal or the packages for a local model are missing, or a run folder
            chose where requests go and the user has not confirmed it.
    """
    if own is None:
        machine.require_confirmed(is_money_capped=limits.cost is not None)
    provider, _, place = machine.engine.partition(":")
    if own is None and provider == "recorded":
        if not place:
            raise InputError("engine recorded: name the run whose replies it replays, as in recorded:runs/first.")
        recorded = RecordedEngine(journal_path(Path(place)))
        budget = Budget(BudgetLimits(), machine.prices, spent)
        return EngineStack(recorded, ConcurrencyLimiter(RECORDED_IN_FLIGHT), RetryingEngine(recorded), budget)
    forms = forms or RequestForms()
    engines, limiter = _inner_engines(machine, own, forms)
    budget = Budget(limits, machine.prices, spent)
    budget.extra_tokens = forms.room
    retrying = RetryingEngine(ThrottledEngine([BudgetedEngine(engine, budget) for engine in engines], limiter))
    if by_batch is None:
        is_local = own is None and provider in ("hf", POCKET)
        return EngineStack(retrying, limiter, retrying, budget, is_local=is_local)
    router, batches = _with_batches(retrying, machine, by_batch, budget, forms)
    return EngineStack(router, limiter, retrying, budget, batches)


def _inner_engines(
    machine: MachineSettings, own: Engine | None, forms: RequestForms
) -> tuple[list[Engine], ConcurrencyLimiter]:
    """The engines that do the work, and the limiter of the requests to them."""
    provider = machine.engine.partition(":")[0]
    if own is not None:
        return [own], ConcurrencyLimiter(machine.concurrency)
    if provider == "openai":
        servers = open_servers(machine, forms)
        limiter = ConcurrencyLimiter(machine.concurrency, [server.where for server in servers])
        return [DrainingEngine(server) for server in servers], limiter
    if provider in ("hf", POCKET):
        require_extra()
        load_model = partial(load, is_pocket=provider == POCKET, trust_remote_code=machine.trust_remote_code)
        return [BatchingEngine(load_model)], ConcurrencyLimiter(machine.concurrency or MOST)
    if provider in ("ray/hf", f"ray/{POCKET}"):
        require_ray()
        pool = _worker_pool(machine, is_pocket=provider.endswith(POCKET))
        return [pool], ConcurrencyLimiter(machine.concurrency or CLUSTER_IN_FLIGHT)
    if provider == "python":
        raise InputError(
            "This run uses an engine written in Python: continue it from Python, as in "
            "`bootstruct.generate(RUN, engine=my_engine)`, or name another one with --engine."
        )
    raise InputError(f"engine {machine.engine!r}: unknown; use openai, hf, pocket, ray/hf or recorded:PATH.")


def _worker_pool(machine: MachineSettings, is_pocket: bool) -> WorkerPool:
    load_model = partial(load, is_pocket=is_pocket, trust_remote_code=machine.trust_remote_code)
    least, *most = machine.ray_actors
    cluster = RayCluster(load_model, address_of(machine.ray_address), machine.ray_actor)
    return WorkerPool(cluster, least, most[0] if most else None, machine.ray_wait)


def open_servers(machine: MachineSettings, forms: RequestForms | None = None) -> list[OpenAIEngine]:
    """The servers of a machine, in the order of their addresses; nothing is sent yet."""
    machine.require_confirmed()
    key = machine.key()
    more = machine.key_header, machine.headers, machine.key_env, forms or RequestForms()
    return [OpenAIEngine(url, key, machine.timeout, *more) for url in machine.base_url or (DEFAULT_URL,)]


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """Where requests that can wait go: to the server's batch API, or through files.

    Attributes:
        folder: the run folder, which holds the state of submitted batches.
        is_offline: whether they go through files instead of the batch API.
        out: the file for requests.
        results: the files with replies.
    """

    folder: Path
    is_offline: bool = False
    out: Path | None = None
    results: tuple[Path, ...] = ()


def _with_batches(
    ordinary: Engine, machine: MachineSettings, options: BatchOptions, budget: Budget, forms: RequestForms
) -> tuple[BatchRouter, BatchEngine | None]:
    """An engine that sends requests that can wait by batch. Raises InputError if the engine has no batch API."""
    router = BatchRouter(ordinary)
    client = open_servers(machine, forms)[0]  # a client of its own: files may take longer than requests
    factor = machine.prices.batch_factor
    if options.is_offline:
        router.batched = BudgetedEngine(
            OfflineBatchEngine(client, options.results, options.out, router), budget, factor
        )
        return router, None
    if machine.engine != "openai":
        raise InputError(
            f"--batch: engine {machine.engine!r} has no batch API; use openai, or send the requests through a file "
            f"with --batch-file."
        )
    batches = BatchEngine(client, options.folder, lambda: router.in_flight)
    router.batched = BudgetedEngine(batches, budget, factor)
    return router, batches


def spent_in(state: State, prices: Prices) -> BudgetAmount:
    """What a run has spent so far; a resumed run's budget starts here."""
    used = reduce(Usage.plus, state.usage.values(), Usage())
    return BudgetAmount(used.requests, used.tokens, known_cost(state, prices))
