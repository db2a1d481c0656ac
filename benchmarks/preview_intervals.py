"""Measure how often the cost of a run lies within the interval that its preview gave.

    python benchmarks/preview_intervals.py [--runs 40] [--tasks 200] [--recipes paper,chat]

The benchmark needs no model and no network. The lengths of replies vary tenfold, as in budgets.py, and each run has a random
seed of its own. For previews of 2, 3 and 5 requests it prints the share of runs within the intervals of requests, tokens and
cost, which should be 90%, and the median width of the intervals (upper end divided by lower end).
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from budgets import PRICES, reply_to

import bootstruct as bs
from bootstruct.run.folder import read_run
from bootstruct.run.status import status_of


def one(folder: Path, recipe: str, tasks: int, requests: int, seed: int) -> list[tuple[bool, float]]:
    """Make a preview and its run.

    Returns:
        For requests, tokens and cost, whether the run was within the interval, and the width of the interval.
    """
    bs.init(folder, recipe=recipe, model="python/m")
    with (folder / "machine.yaml").open("a") as machine:
        machine.write("prices: {m: [0.4, 1.6]}\n")
    path = folder / "recipe.yaml"
    path.write_text(path.read_text().replace("\nseed: 42\n", f"\nseed: {seed}\n"))
    seen = bs.preview(folder, requests, tasks, engine=bs.ScriptedEngine(lambda prompt: reply_to(prompt, seed)))
    (folder / "preview.jsonl").unlink()
    asyncio.run(bs.agenerate(folder, tasks, engine=bs.ScriptedEngine(lambda prompt: reply_to(prompt, seed))))
    status = status_of(read_run(folder), PRICES)
    assert seen.estimate is not None
    ranges = seen.estimate.requests_range, seen.estimate.tokens_range, seen.estimate.cost_range
    taken = status.replies, status.prompt_tokens + status.completion_tokens, status.cost or 0.0
    return [(low <= value <= high, high / low) for (low, high), value in zip(ranges, taken, strict=True)]  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--recipes", default="paper,chat")
    options = parser.parse_args()
    for recipe in options.recipes.split(","):
        for requests in (2, 3, 5):
            rows = []
            for seed in range(options.runs):
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(one(Path(folder) / "run", recipe, options.tasks, requests, seed))
            found = []
            for place, name in enumerate(("requests", "tokens", "cost")):
                share = sum(row[place][0] for row in rows) / len(rows)
                found.append(f"{name} {share:.0%} within, width {statistics.median(row[place][1] for row in rows):.1f}")
            print(f"{recipe:6} {requests} previewed requests: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
