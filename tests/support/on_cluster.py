"""A Ray cluster of a head and two simulated nodes on this machine, which tests/engines/ray/test_actors.py starts.

It runs in a process of its own, and if possible in a network of its own, and prints each result as one line of JSON.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ |= {  # with this, Ray notices a dead node within two seconds instead of half a minute
    "RAY_USAGE_STATS_ENABLED": "0", "RAY_health_check_period_ms": "500", "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3", "RAY_health_check_initial_delay_ms": "500",
}  # fmt: skip

from bootstruct.config.machine import RayActorSettings
from bootstruct.engines.base import Engine
from bootstruct.engines.local import GenerationResult, LocalModel
from bootstruct.engines.ray import actors as on_ray
from bootstruct.engines.ray.actors import RayCluster
from bootstruct.engines.ray.worker_pool import WorkerPool
from bootstruct.errors import BootstructError, RequestError
from bootstruct.export.files import export
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.scripts import answer, open_journal

STORE = 80 * 2**20
KILLER = "the request that kills"
TASKS = 40


class SlowScriptedModel:
    """A model with scripted replies that take a moment; one prompt kills its process.

    A file in a folder records each process in which the model runs.
    """

    def __init__(self, folder: Path) -> None:
        import ray

        (folder / f"{ray.get_runtime_context().get_node_id()}.{os.getpid()}").touch()

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        time.sleep(0.3)
        if any(prompt.text == KILLER for prompt in prompts):
            os._exit(3)
        return [answer(prompt) for prompt in prompts]


def slow_scripted_model(folder: Path, name: str) -> LocalModel:
    return SlowScriptedModel(folder)


def here(actor: RayActorSettings | None = None, wait: float = 60) -> WorkerPool:
    return WorkerPool(
        RayCluster(partial(slow_scripted_model, FOLDER), ADDRESS, actor or RayActorSettings(gpus=0)),
        least=2,
        most=3,
        wait=wait,
    )


def report(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class InProcessEngine:
    """The same replies in this process, without any cluster."""

    async def complete(self, prompt: Prompt) -> Reply:
        await asyncio.sleep(0)
        return answer(prompt)

    async def aclose(self) -> None:
        return None


async def grown(engine: Engine, folder: Path, during: Callable[[State], Any] | None = None) -> bytes:
    """Bring a run to its goal and return the bytes of its export; `during` runs meanwhile."""
    state, journal = open_journal(folder / "journal.jsonl")
    meanwhile = asyncio.create_task(during(state)) if during else None
    try:
        await generate(ActiveRun(state, journal, engine), TASKS, None)
        if meanwhile:
            await meanwhile
    finally:
        journal.close()
        await engine.aclose()
    out = folder / "export.jsonl"
    export(state, folder / "journal.jsonl", "alpaca", out)
    return out.read_bytes()


async def a_node_dies(cluster: Any, nodes: list[Any], folder: Path) -> None:
    """Kill a node during a run; the run must continue and end with the bytes of a run in one process."""
    pool = here()

    async def kill(state: State) -> None:
        busy: set[str] = set()
        while len(state.replies) + len(state.reply_offsets) < 20 or not busy:
            await asyncio.sleep(0.01)
            busy = {handle.worker.node for handle in pool.workers if handle.batches}  # type: ignore[attr-defined]
        node = next(entry for entry in nodes if entry.node_id in busy)
        for process in FOLDER.glob(f"{node.node_id}.*"):  # when a machine fails, all of its processes end at once
            os.kill(int(process.suffix[1:]), signal.SIGKILL)
        await asyncio.to_thread(cluster.remove_node, node, allow_graceful=False)

    whole = await grown(InProcessEngine(), folder / "alone")
    spread = await grown(pool, folder / "spread", kill)
    keys = [
        event.key for _, event in read_events(folder / "spread" / "journal.jsonl") if isinstance(event, ReplyReceived)
    ]
    report(case="node", same=whole == spread, size=len(whole), lost=pool.lost, replies=len(keys), once=len(set(keys)))


async def a_request_kills() -> None:
    """Send a request that kills its worker; all others must be answered."""
    pool = here()
    prompts = [Prompt("kind", "m", Sampling(), n, text=f"Is {n} even?") for n in range(20)]
    prompts[7] = Prompt("kind", "m", Sampling(), 7, text=KILLER)
    result = await asyncio.gather(*map(pool.complete, prompts), return_exceptions=True)
    right = sum(entry == answer(prompt) for entry, prompt in zip(result, prompts, strict=True))
    report(case="killer", right=right, kind=type(result[7]).__name__, written=str(result[7]), lost=pool.lost)
    await pool.aclose()


async def no_room() -> None:
    """Ask for more GPUs than the cluster has."""
    pool = here(RayActorSettings(gpus=3), wait=2)
    try:
        await pool.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    except BootstructError as exc:
        report(case="room", kind=type(exc).__name__, written=str(exc))
    await pool.aclose()


async def the_cluster_dies(cluster: Any) -> None:
    """End the cluster while the engine uses it; this case comes last, because nothing works afterwards."""
    on_ray.WATCH_EVERY, on_ray.CONNECT_SECONDS = 1.0, 1.0
    pool, written = here(), list[str]()
    await pool.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    cluster.head_node.kill_gcs_server()
    began = time.monotonic()
    try:
        while time.monotonic() - began < 50:
            await pool.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    except (BootstructError, RequestError) as exc:
        written = [type(exc).__name__, str(exc)]
    report(case="cluster", written=written, seconds=time.monotonic() - began)
    await pool.aclose()


def patiently(start: Callable[[], Any]) -> Any:
    """Try up to three times to start a node: Ray allows 30 s, which can be too short on a busy machine."""
    for _ in range(3):
        try:
            return start()
        except Exception as exc:
            error = exc
    raise error


def main() -> None:
    global ADDRESS, FOLDER
    from ray.cluster_utils import Cluster

    FOLDER = Path(sys.argv[1])
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        nodes = [patiently(lambda: cluster.add_node(num_cpus=2, object_store_memory=STORE)) for _ in range(2)]
        ADDRESS = cluster.address
        asyncio.run(a_node_dies(cluster, nodes, FOLDER))
        asyncio.run(a_request_kills())
        asyncio.run(no_room())
        asyncio.run(the_cluster_dies(cluster))
    finally:
        report(case="end")
        cluster.shutdown()


ADDRESS, FOLDER = "", Path()
if __name__ == "__main__":
    main()
