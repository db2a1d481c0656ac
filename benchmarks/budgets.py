"""Measure what a budget buys: runs under limits on requests, tokens and money, with replies whose lengths vary tenfold.

    python benchmarks/budgets.py [--seeds 1] [--recipes paper,chat,alpaca] [--concurrency 1,16,256] [--out FILE.jsonl]

The benchmark needs no model and no network, because a function answers, after a delay that grows with the length of the reply.
For each run it prints the numbers of accepted and of completed tasks, the share that is complete, by how much the limit was
exceeded (the overshoot), and how many tasks the rest of the budget would have paid for, at the run's own mean cost of a task.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bootstruct as bs
from bootstruct.config.machine import Prices
from bootstruct.run.status import status_of
from bootstruct.types import Prompt, Reply, digest_of
from tests.support.simulator_texts import answer

PRICES = Prices({"m": (0.4, 1.6)})
GOAL = 100_000  # tasks, a number that no run reaches
LIMITS: dict[str, tuple[Any, ...]] = {
    "max_requests": (100, 300, 1000),
    "max_tokens": (150_000, 500_000, 1_500_000),
    "max_cost": (0.1, 0.3, 1.0),
}
SLOWEST = 0.02  # seconds that the longest reply takes


def reply_to(prompt: Prompt, seed: int) -> Reply:
    """Return a plausible reply; its length in tokens varies tenfold and is independent of its text."""
    key = f"{seed}/{digest_of(prompt)}"
    rng = random.Random(key)
    texts = [message.content for message in prompt.messages] if prompt.is_chat else [prompt.text]
    _, text = answer(prompt.text or "\n".join(texts), key, 8, "json")
    longest = min(prompt.sampling.most_tokens, 10 * 40 if prompt.stage != "propose" else 800)
    written = max(1, round(longest * 10 ** -rng.random()))
    return Reply(text, "stop", sum(map(len, texts)) // 4, written, "m")


async def one(folder: Path, recipe: str, limit: str, amount: float, concurrency: int, seed: int) -> dict[str, Any]:
    """Make one run under a limit and return its figures."""
    bs.init(folder, recipe=recipe, model="python/m")
    with (folder / "machine.yaml").open("a") as machine:
        machine.write("prices: {m: [0.4, 1.6]}\n")
    (folder / "recipe.yaml").write_text((folder / "recipe.yaml").read_text().replace("model: m", "model: m"))

    def delay(prompt: Prompt) -> float:
        return SLOWEST * reply_to(prompt, seed).completion_tokens / 800

    engine = bs.ScriptedEngine(lambda prompt: reply_to(prompt, seed), delay)
    result = await bs.agenerate(
        folder,
        GOAL,
        engine=engine,
        concurrency=concurrency,
        ignore_stall=True,
        **{limit: amount},  # type: ignore[arg-type]
    )
    from bootstruct.run.folder import read_run

    state = read_run(folder)
    status = status_of(state, PRICES)
    used = {
        "max_requests": status.replies,
        "max_tokens": status.prompt_tokens + status.completion_tokens,
        "max_cost": status.cost or 0.0,
    }[limit]
    per_task = used / max(1, status.completed)
    return {
        "recipe": recipe, "limit": limit, "amount": amount, "concurrency": concurrency, "seed": seed,
        "accepted": status.accepted, "completed": status.completed,
        "complete": status.completed / max(1, status.accepted),
        "overshoot": max(0.0, used - amount), "left": amount - used, "left_tasks": (amount - used) / per_task,
        "waiting": sum(key.startswith("propose/") for key in state.replies),
        "stopped": result.stopped,
    }  # fmt: skip


def cases(options: argparse.Namespace) -> Iterator[tuple[str, str, float, int, int]]:
    for recipe in options.recipes.split(","):
        for limit, amounts in LIMITS.items():
            for amount in amounts:
                for concurrency in map(int, options.concurrency.split(",")):
                    for seed in range(options.seeds):
                        yield recipe, limit, amount, concurrency, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipes", default="paper,chat,alpaca")
    parser.add_argument("--concurrency", default="1,4,16,64,256")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for case in cases(options):
        with tempfile.TemporaryDirectory() as folder:
            row = asyncio.run(one(Path(folder) / "run", *case))
        is_told = "may use" in row["stopped"] or "could be completed" in row["stopped"]
        good = row["complete"] >= 0.95 and row["left_tasks"] < 2
        mark = "" if good else ", and the message says why" if is_told else " NOT TOLD"
        print(
            f"{row['recipe']:7} {row['limit']:12} {row['amount']:>9} at {row['concurrency']:>3}: "
            f"{row['completed']:>4} of {row['accepted']:>4} complete ({row['complete']:.1%}), over {row['overshoot']:.4g}, "
            f"left {row['left_tasks']:.2f} tasks, {row['waiting']} waiting{mark}",
            flush=True,
        )
        if options.out:
            with options.out.open("a") as out:
                out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
