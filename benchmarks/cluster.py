"""Measure Ray: its cost compared with one process, the load that one coordinator can handle, and the pool in shards.

    python benchmarks/cluster.py [calls] [pocket] [ceiling] [dedup] [--texts 20000]

All ratios are measured in one run. Everything runs on this machine, on a Ray cluster that the script starts and stops.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bootstruct.config.machine import RayActorSettings
from bootstruct.engines.base import Engine
from bootstruct.engines.local import GenerationResult, LocalModel
from bootstruct.engines.local.batcher import BatchingEngine
from bootstruct.engines.local.load import load
from bootstruct.engines.ray.actors import RayCluster
from bootstruct.engines.ray.worker_pool import WorkerPool
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt, Reply, Sampling, digest_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
WAITING = 32
REPLIES_PER_GPU = 20  # per second; this assumes 3,000 tokens per second and 150 tokens per reply
ONE = RayActorSettings(gpus=0, cpus=1)


@dataclass
class Trivial:
    """A local model that answers "yes" at once."""

    name: str

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        return [Reply("yes", model=self.name) for _ in prompts]


def trivial(name: str) -> LocalModel:
    """Return the model that answers at once; the name does not matter."""
    return Trivial(name)


def questions(count: int, step: str = "kind", tokens: int = 64) -> list[Prompt]:
    """Return different prompts of one step."""
    way = Sampling(temperature=0.8, top_p=0.9, max_tokens=tokens)
    return [Prompt(step, "pocket", way, n, text=f"Tasks:\n1. Sort {n} words by length.\n2.") for n in range(count)]


async def asked(engine: Engine, prompts: list[Prompt], at_once: int) -> tuple[float, list[Reply]]:
    """Send the prompts with at most `at_once` in flight; return the seconds that this took, and the replies."""
    slots = asyncio.Semaphore(at_once)

    async def one(prompt: Prompt) -> Reply:
        async with slots:
            return await engine.complete(prompt)

    began = time.perf_counter()
    replies = await asyncio.gather(*map(one, prompts))
    return time.perf_counter() - began, replies


async def in_turns(
    engines: dict[str, Engine], prompts: list[Prompt], at_once: int, rounds: int
) -> dict[str, list[float]]:
    """Send the prompts to each engine in turn, and check that all engines give the same replies.

    Returns:
        The seconds that each engine took in each round, without the first round, which only warms the engines up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(rounds + 1):
        seen = []
        for name, engine in engines.items():
            taken, replies = await asked(engine, prompts, at_once)
            seen.append(replies)
            if number:
                seconds[name].append(taken)
        assert all(entry == seen[0] for entry in seen), "replies differ"
    return seconds


def calls() -> None:
    """Measure the requests per second with a model that takes no time: this is the cost of the way to the model and back."""

    async def go() -> None:
        pool = WorkerPool(RayCluster(trivial, "local", ONE), 1, 1)
        engines: dict[str, Engine] = {"one process": BatchingEngine(trivial), "Ray, one actor": pool}
        prompts = questions(8000)
        seconds = await in_turns(engines, prompts, 1024, 3)
        cpu = time.process_time()
        await asked(pool, prompts, 1024)
        cpu = time.process_time() - cpu
        rates = {name: len(prompts) / statistics.median(second) for name, second in seconds.items()}
        for engine in engines.values():
            await engine.aclose()
        print(f"calls: {rates['one process']:,.0f} questions a second in one process, {rates['Ray, one actor']:,.0f} "
              f"through Ray: {rates['Ray, one actor'] / rates['one process']:.2f} times (1,024 in flight; {1e6 * cpu / len(prompts):.0f} us CPU each here)", flush=True)  # fmt: skip

    asyncio.run(go())


def pocket() -> None:
    """Measure the tokens per second of the pocket model with 32 requests waiting."""
    os.environ["OMP_NUM_THREADS"] = "1"

    async def go() -> None:
        find = partial(load, is_pocket=True)
        pool = WorkerPool(RayCluster(find, "local", ONE), 1, 1)
        engines: dict[str, Engine] = {"one": BatchingEngine(find), "ray": pool}
        prompts = questions(WAITING, "propose")
        seconds = await in_turns(engines, prompts, WAITING, 5)
        tokens = sum(entry.completion_tokens for entry in (await asked(engines["one"], prompts, WAITING))[1])
        for engine in engines.values():
            await engine.aclose()
        ratios = [one / ray for one, ray in zip(seconds["one"], seconds["ray"], strict=True)]
        rate = {name: tokens / statistics.median(second) for name, second in seconds.items()}
        print(f"pocket: {rate['one']:,.0f} tokens/s in one process, {rate['ray']:,.0f} through Ray: "
              f"{statistics.median(ratios):.2f} times, {WAITING} waiting, replies the same", flush=True)  # fmt: skip

    asyncio.run(go())


def pool_of(count: int) -> list[str]:
    """Return texts that resemble instructions; a third of them differ from an earlier one in one word."""
    rng, texts = random.Random(0), list[str]()
    words = [
        f"{a}{b}"
        for a in ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "xu")
        for b in ("lan", "mer", "tis", "don", "pa", "ri")
    ]
    weights = [1 / (n + 3) for n in range(len(words) * 20)]
    vocabulary = [f"{word}{n}" for n in range(20) for word in words]
    for _ in range(count):
        if texts and rng.random() < 0.33:
            old = rng.choice(texts).split()
            old[rng.randrange(len(old))] = rng.choice(vocabulary)
            texts.append(" ".join(old))
        else:
            texts.append(" ".join(rng.choices(vocabulary, weights, k=rng.randint(6, 22))))
    return texts


def ceiling(texts: int) -> None:
    """Measure how much one coordinator commits per second: a whole run, journal and novelty filter included.

    The engine takes no time.
    """
    from bootstruct.journal.file import Journal, read_state
    from bootstruct.pipeline import generate
    from tests.support.scripts import answer, open_journal

    made = pool_of(texts)

    def replied(prompt: Prompt) -> Reply:
        if prompt.step != "propose":
            return answer(prompt)
        rng = random.Random(digest_of(prompt))
        tasks = [made[rng.randrange(len(made))].capitalize() + "." for _ in range(8)]
        return Reply(
            " " + tasks[0] + "".join(f"\n{n}. {task}" for n, task in enumerate(tasks[1:], 10)), "stop", 500, 120
        )

    async def go(folder: Path) -> None:
        state, journal = open_journal(folder / "journal.jsonl", None, Journal)
        done, replies, before, began, cpu = 0, 0, 0, time.perf_counter(), time.process_time()
        for goal in (texts // 10, texts // 4):
            try:
                await generate(ActiveRun(state, journal, ScriptedEngine(replied)), goal, None)
            finally:
                now, used = time.perf_counter() - began, time.process_time() - cpu
            everything = sum(entry.requests for entry in state.usage.values())
            offered = 8 * (len(state.accepted_after) - before)
            count = everything - replies
            print(f"ceiling: from {done:,} to {len(state.accepted):,} tasks: {count / used:,.0f} replies a second of one core "
                  f"({count / now:,.0f} of the clock), {offered / used:,.0f} candidates among them; "
                  f"feeds {count / used / REPLIES_PER_GPU:,.0f} GPUs of {REPLIES_PER_GPU} replies a second", flush=True)  # fmt: skip
            done, replies, before = len(state.accepted), everything, len(state.accepted_after)
            began, cpu = time.perf_counter(), time.process_time()
        journal.close()
        assert read_state(folder / "journal.jsonl") is not None

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go(Path(folder)))


def dedup(texts: int) -> None:
    """Measure the same rows filtered by one process, by one shard and by two: the seconds, and the memory of a shard."""
    from bootstruct.deduplication.filter import Told, report_rows
    from bootstruct.deduplication.filter import dedup as run
    from bootstruct.deduplication.shards import Shards

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in pool_of(texts)))
        expected: tuple[int, list[Any]] | None = None
        for count in (0, 1, 2):
            result, made = Told(), list[Shards[Any]]()

            def pool(places: Any, count: int = count, made: list[Shards[Any]] = made) -> Shards[Any]:
                made.append(Shards(((place.text, place) for place in places), 0.7, "unicode", count=count))
                return made[0]

            if count:
                pool([])
                empty = max(made[0].memory())
            began, cpu = time.perf_counter(), time.process_time()
            for _ in run([file], result=result, shards=(lambda places, made=made: made[0]) if count else None):
                pass
            seconds, used = time.perf_counter() - began, time.process_time() - cpu
            got = (result.kept, list(report_rows(result)))
            expected = expected or got
            assert got == expected
            where = f"{count} shards" if count else "one process"
            extra = f", a shard {max(made[0].memory()) - empty >> 20} MB above its start" if count else ""
            print(
                f"dedup {texts:,}: {where}: {seconds:.1f} s, {used:.1f} s CPU here{extra}; {result.kept:,} kept",
                flush=True,
            )
            for entry in made:
                entry.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="calls pocket ceiling dedup; all if left out")
    parser.add_argument("--texts", type=int, default=20_000)
    words = parser.parse_args()
    cases: dict[str, Callable[[], None]] = {
        "calls": calls, "pocket": pocket, "ceiling": partial(ceiling, words.texts), "dedup": partial(dedup, words.texts),
    }  # fmt: skip
    for name in words.cases or cases:
        cases[name]()


if __name__ == "__main__":
    main()
