"""The parts of benchmarks/load.py: a server in a process of its own, a run folder to complete, our client, and a bare one.

As a program, `python benchmarks/load_parts.py FOLDER URL CONCURRENCY` brings a run to its end. S7 of load.py starts it and
kills it half-way.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.machine import MachineSettings
from bootstruct.config.recipe import Recipe
from bootstruct.engines.build import EngineStack, open_engine
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.journal.events import CandidatesJudged, RunStarted
from bootstruct.journal.file import NAME, Journal, read_state
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.goal import Goal
from bootstruct.run.pacing import Pacer
from bootstruct.run.scheduler import ActiveRun
from bootstruct.stages.annotate import annotate
from bootstruct.types import Instance, Prompt, Reply, Seed, Verdict
from tests.support.simulator_texts import answer

SIMULATOR = HERE.parent / "tests" / "support" / "simulator.py"


class Server:
    """A simulator in a process of its own."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.url = f"{self.root}/v1"

    def forget(self) -> None:
        """Set the server's counts to zero."""
        self._call("/reset", b"{}")

    def set(self, **options: Any) -> None:
        """Change options of the server."""
        self._call("/set", json.dumps(options).encode())

    def stats(self) -> dict[str, Any]:
        """Return the server's counts since the last `forget`.

        They include `requests`, `ok`, `peak` and `span`, the seconds from the first request to the last answer.
        """
        result = self._call("/stats")
        if "n" in result:  # the names that a foreign simulator has
            result |= {"requests": result["n"], "first_at": result["t_first"], "last_at": result["t_last"]}
            result["by_status"] = {"429": result["e429"], "500": result["e500"], "400": result["e400"]}
        result["span"] = (result["last_at"] or 0) - (result["first_at"] or 0)
        return result

    def _call(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        with urllib.request.urlopen(self.root + path, data, timeout=30) as response:
            value: dict[str, Any] = json.load(response)
            return value


@contextlib.contextmanager
def serving(*words: str, foreign: Path | None = None) -> Iterator[Server]:
    """Start our simulator with these options, or a foreign one with those of the options that it has, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(foreign or SIMULATOR), *words, "--port", str(port if foreign else 0)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if foreign is None:
            assert process.stdout is not None
            port = int(process.stdout.readline())
        server = Server(f"http://127.0.0.1:{port}")
        for _ in range(100):
            with contextlib.suppress(OSError):
                server.stats()
                break
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait()


SEED_TEXTS = (
    "Name the capital of the given country.", "Explain how a bill becomes law.", "Sort these words by length.",
    "Is the sentence below a question?", "Write a greeting for a retiring teacher.", "Which tool fits a loose screw?",
    "Turn the list into one sentence.", "Estimate the weight of a full bathtub.", "What rhymes with orange?",
)  # fmt: skip


def seeds() -> tuple[Seed, ...]:
    return tuple(Seed(f"seed_{n}", text, (Instance("", "An answer."),), False) for n, text in enumerate(SEED_TEXTS))


def recipe_named(name: str = "paper") -> Recipe:
    return read_recipe(Path(str(recipe_folder(name))) / "recipe.yaml")


@contextlib.contextmanager
def run_folder(tasks: int, recipe: Recipe | None = None) -> Iterator[Path]:
    """Make a folder with a journal that holds accepted instructions, none of them completed; it is deleted with the block."""
    folder = Path(tempfile.mkdtemp(prefix="bootstruct-load-"))
    try:
        journal = Journal(folder / NAME)
        journal.append(RunStarted(recipe or recipe_named(), seeds()))
        for index, first in enumerate(range(0, tasks, 8)):
            made = (f"Do task {n} for reader {n * 7919 % 10007} as shown." for n in range(first, min(first + 8, tasks)))
            journal.append(CandidatesJudged(index, (), tuple(Verdict(text) for text in made)))
        journal.close()
        yield folder
    finally:
        shutil.rmtree(folder)


@dataclass
class Seen:
    """One measured run.

    Attributes:
        server: the server's counts.
        wall: wall-clock seconds of the client.
        cpu: CPU seconds of the client.
        state: the run at its end; None for the bare client.
        stack: the engine of the run; None for the bare client.
    """

    server: dict[str, Any]
    wall: float
    cpu: float
    state: State | None = None
    stack: EngineStack | None = None

    @property
    def rate(self) -> float:
        """Requests per second, counted at the server."""
        return float(self.server["requests"] / self.server["span"])

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU time per request."""
        return float(1000 * self.cpu / self.server["requests"])


def ours(
    server: Server,
    folder: Path,
    tasks: int,
    concurrency: int | None,
    reuse: Path | None = None,
    ahead: int | None = None,
) -> Seen:
    """Bring a run to its end through the whole stack, journal included.

    `ahead` is as in `generate`. If `tasks` is 0, the pool does not grow.
    """
    machine = MachineSettings(base_url=(server.url,), concurrency=concurrency)

    async def go() -> tuple[State, EngineStack]:
        stack = open_engine(machine, BudgetLimits(), BudgetAmount())
        journal = Journal(folder / NAME)
        state = read_state(folder / NAME)
        assert state is not None
        try:
            pacer = Pacer(state, stack.budget, ahead, lambda: stack.limiter.level)
            run = ActiveRun(state, journal, stack.engine, RecordedEngine(reuse) if reuse else None, pacer=pacer)
            await generate(run, tasks or Goal(grows=False))
        finally:
            await stack.engine.aclose()
            journal.close()
        return state, stack

    if "KEEP_COUNTS" not in os.environ:
        server.forget()
    wall, cpu = time.perf_counter(), time.process_time()
    state, stack = asyncio.run(go())
    return Seen(server.stats(), time.perf_counter() - wall, time.process_time() - cpu, state, stack)


def payloads(state: State, seed: int = 0) -> list[list[tuple[str, bytes]]]:
    """Return for each task the two requests (path, body) that complete it, in order, as our client would send them."""
    client = OpenAIEngine("http://unused", None)
    made = []
    for task in state.accepted:
        flow = annotate(state.recipe, task)
        prompt: Prompt = next(flow)
        mine = []
        with contextlib.suppress(StopIteration):
            while True:
                asked = prompt.messages[-1].content if prompt.is_chat else prompt.text
                text = answer(asked, f"{seed}:{prompt.sample}:{asked}", 8)[1]
                path = "/chat/completions" if prompt.is_chat else "/completions"
                mine.append((path, json.dumps(client._payload(prompt)).encode()))
                prompt = flow.send(Reply(text))
        made.append(mine)
    return made


def bare(server: Server, tasks: list[list[tuple[str, bytes]]], concurrency: int) -> Seen:
    """Send the same requests with aiohttp and a semaphore; nothing is recorded, and nothing is sent again."""
    import aiohttp
    import orjson

    async def go() -> None:
        slots = asyncio.Semaphore(concurrency)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers={"content-type": "application/json"}) as session:

            async def one(requests: list[tuple[str, bytes]]) -> None:
                for path, body in requests:
                    async with slots, session.post(server.url + path, data=body) as response:
                        orjson.loads(await response.read())

            await asyncio.gather(*map(one, tasks))

    server.forget()
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(go())
    return Seen(server.stats(), time.perf_counter() - wall, time.process_time() - cpu)


def median(values: list[float]) -> float:
    return float(statistics.median(values))


def exports(state: State) -> list[object]:
    """Return all decisions of a run as plain values in order; every export is made from them."""
    names = {task.name: task.text for task in state.accepted}
    return [(name, names[name], dataclasses.astuple(state.completed[name])) for name in sorted(state.completed)]


if __name__ == "__main__":
    ours(Server(sys.argv[2]), Path(sys.argv[1]), 0, int(sys.argv[3]))
