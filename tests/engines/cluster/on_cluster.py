"""Run by test_on_ray.py in a process (and, where that is possible, a network) of its own: a Ray cluster of a head and two
nodes on this machine, all simulated; what happens on it is printed as one JSON line each."""

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

os.environ |= {  # a dead node is noticed within two seconds instead of half a minute
    "RAY_USAGE_STATS_ENABLED": "0", "RAY_health_check_period_ms": "500", "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3", "RAY_health_check_initial_delay_ms": "500",
}  # fmt: skip

from bootstruct.domain import Prompt, Reply, Sampling
from bootstruct.drive import Run
from bootstruct.engines import Engine
from bootstruct.engines.cluster import on_ray
from bootstruct.engines.cluster.crew import Crew
from bootstruct.engines.cluster.on_ray import OnRay
from bootstruct.engines.local import Answer, Model
from bootstruct.errors import BootstructError, CallFailed
from bootstruct.events import Replied, State
from bootstruct.export import export
from bootstruct.journal import read_events
from bootstruct.pipeline import generate
from bootstruct.settings import Actor
from tests.scripts import answer, open_journal

STORE = 80 * 2**20
KILLER = "the question that kills"
TASKS = 40


class Played:
    """Answers as the scripted engine of the tests does, but takes a moment; dies of one question. Leaves word in a folder of
    where it runs."""

    def __init__(self, folder: Path) -> None:
        import ray

        (folder / f"{ray.get_runtime_context().get_node_id()}.{os.getpid()}").touch()

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[Answer]:
        time.sleep(0.3)
        if any(prompt.text == KILLER for prompt in prompts):
            os._exit(3)
        return [answer(prompt) for prompt in prompts]


def played(folder: Path, name: str) -> Model:
    return Played(folder)


def here(actor: Actor | None = None, wait: float = 60) -> Crew:
    return Crew(OnRay(partial(played, FOLDER), ADDRESS, actor or Actor(gpus=0)), least=2, most=3, wait=wait)


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Alone:
    """The same model in this process, without anything around it."""

    async def complete(self, prompt: Prompt) -> Reply:
        await asyncio.sleep(0)
        return answer(prompt)

    async def aclose(self) -> None:
        return None


async def grown(engine: Engine, folder: Path, during: Callable[[State], Any] | None = None) -> bytes:
    state, journal = open_journal(folder / "journal.jsonl")
    meanwhile = asyncio.create_task(during(state)) if during else None
    try:
        await generate(Run(state, journal, engine), TASKS, None)
        if meanwhile:
            await meanwhile
    finally:
        journal.close()
        await engine.aclose()
    out = folder / "export.jsonl"
    export(state, folder / "journal.jsonl", "alpaca", out)
    return out.read_bytes()


async def a_node_dies(cluster: Any, nodes: list[Any], folder: Path) -> None:
    """The run goes on, and ends with the bytes of a run in one process."""
    crew = here()

    async def kill(state: State) -> None:
        busy: set[str] = set()
        while len(state.replies) + len(state.answered) < 20 or not busy:
            await asyncio.sleep(0.01)
            busy = {hand.worker.node for hand in crew.hands if hand.batches}  # type: ignore[attr-defined]
        node = next(each for each in nodes if each.node_id in busy)
        for process in FOLDER.glob(f"{node.node_id}.*"):  # a machine that goes down takes all of its processes at once
            os.kill(int(process.suffix[1:]), signal.SIGKILL)
        await asyncio.to_thread(cluster.remove_node, node, allow_graceful=False)

    whole = await grown(Alone(), folder / "alone")
    spread = await grown(crew, folder / "spread", kill)
    keys = [event.key for _, event in read_events(folder / "spread" / "journal.jsonl") if isinstance(event, Replied)]
    tell(case="node", same=whole == spread, size=len(whole), lost=crew.lost, replies=len(keys), once=len(set(keys)))


async def a_question_kills() -> None:
    crew = here()
    prompts = [Prompt("kind", "m", Sampling(), n, text=f"Is {n} even?") for n in range(20)]
    prompts[7] = Prompt("kind", "m", Sampling(), 7, text=KILLER)
    told = await asyncio.gather(*map(crew.complete, prompts), return_exceptions=True)
    right = sum(each == answer(prompt) for each, prompt in zip(told, prompts, strict=True))
    tell(case="killer", right=right, kind=type(told[7]).__name__, said=str(told[7]), lost=crew.lost)
    await crew.aclose()


async def no_room() -> None:
    crew = here(Actor(gpus=3), wait=2)
    try:
        await crew.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    except BootstructError as exc:
        tell(case="room", kind=type(exc).__name__, said=str(exc))
    await crew.aclose()


async def the_cluster_dies(cluster: Any) -> None:
    """Last, as nothing works afterwards."""
    on_ray.WATCH_EVERY, on_ray.KNOCK = 1.0, 1.0
    crew, said = here(), list[str]()
    await crew.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    cluster.head_node.kill_gcs_server()
    began = time.monotonic()
    try:
        while time.monotonic() - began < 50:
            await crew.complete(Prompt("kind", "m", Sampling(), 1, text="?"))
    except (BootstructError, CallFailed) as exc:
        said = [type(exc).__name__, str(exc)]
    tell(case="cluster", said=said, seconds=time.monotonic() - began)
    await crew.aclose()


def patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a node 30 s to start; on a busy machine that may be too short."""
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
        asyncio.run(a_question_kills())
        asyncio.run(no_room())
        asyncio.run(the_cluster_dies(cluster))
    finally:
        tell(case="end")
        cluster.shutdown()


ADDRESS, FOLDER = "", Path()
if __name__ == "__main__":
    main()
