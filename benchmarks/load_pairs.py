"""Compare the usual schedule with another one, in pairs of measurements, for S1 to S4 of load.py.

    python benchmarks/load_pairs.py [S1 S2 S3 S4] [--virtual [--recipe chat]] [--rounds 5] [--against CHECKOUT] [--out
    FILE.jsonl]

The other schedule is the loosest of this version, without a bound on unfinished tasks (`--ahead 1000000000`), and, with
--against, also that of another checkout with its own code. Each measurement is a process of its own. Rates are requests per
second, from the first request to the last reply. The script prints the median and the range, over the rounds, of the ratio
within a round.

With --virtual there is no server and no waiting: the delays of the simulator pass on a clock that jumps. The rate is then that
of the schedule alone and the same on every machine, and each round draws other delays. Without --virtual, the measurements take
turns at a simulator, and the load of this machine affects them.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from load_parts import HERE, serving

TAIL = ("--latency", "0.5", "--dist", "lognormal", "--sigma", "1.2")
CASES = {  # mean delay in seconds, whether it has a long tail, tasks accepted at the start, goal, requests in flight
    "S1": (0.1, False, 1000, 0, 50),
    "S2": (0.1, False, 2000, 0, 500),
    "S3": (0.5, True, 500, 0, 50),
    "S4": (0.5, True, 0, 600, 50),
}
LOOSEST = 10**9
MEASURE = """
import json, sys
from load_parts import Server, ours, run_folder
root, (tasks, goal, level), more = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
with run_folder(tasks) as folder:
    seen = ours(Server(root), folder, goal, level, **more)
print(json.dumps([seen.server["requests"], seen.server["span"], seen.cpu]))
"""
VIRTUAL = """
import asyncio, importlib.util, json, random, sys
import load_parts
from load_parts import Reply, answer, ours, recipe_named, run_folder
(mean, has_tail, seed, recipe), (tasks, goal, level), more = (json.loads(word) for word in sys.argv[1:4])
found = importlib.util.spec_from_file_location("virtual_time", sys.argv[4])
virtual_time = importlib.util.module_from_spec(found)
found.loader.exec_module(virtual_time)
ends = []

async def complete(self, prompt):
    asked = prompt.messages[-1].content if prompt.is_chat else prompt.text
    name = f"{prompt.sample}:{asked}"
    draw = random.Random(f"{seed}:{name}:delay").lognormvariate(-0.72, 1.2) if has_tail else 1.0
    await asyncio.sleep(mean * draw)
    ends.append(virtual_time.now())
    text = answer(asked, f"0:{name}", 8)[1]
    return Reply(text, "stop", len(asked) // 4, len(text) // 4, "sim")

class NoServer:
    root = url = "http://127.0.0.1:9/v1"
    def forget(self): pass
    def stats(self): return {"requests": len(ends), "span": max(ends)}
    told = stats

engine = load_parts.OpenAIEngine if hasattr(load_parts, "OpenAIEngine") else load_parts.OpenAI
engine.complete, asyncio.run = complete, virtual_time.run
with run_folder(tasks, recipe_named(recipe)) as folder:
    seen = ours(NoServer(), folder, goal, level, **more)
print(json.dumps([len(ends), max(ends), seen.cpu]))
"""
Measured = tuple[float, float]  # requests per second, milliseconds of CPU time per request


def measure(checkout: Path, program: str, *words: object) -> Measured:
    """Make one run with the code of a checkout; return requests per second and milliseconds of CPU time per request."""
    paths = (checkout / "benchmarks", checkout, checkout / "src")
    command = [
        sys.executable,
        "-P",
        "-c",
        program,
        *(word if isinstance(word, str) else json.dumps(word) for word in words),
    ]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    requests, span, cpu = json.loads(done.stdout.splitlines()[-1])
    return requests / span, 1000 * cpu / requests


def rounds(
    name: str, count: int, sides: dict[str, tuple[Path, dict[str, int]]], virtual: bool, recipe: str
) -> list[dict[str, Measured]]:
    """Measure a case with all schedules in turn, in an order that changes with each round."""
    mean, has_tail, tasks, goal, level = CASES[name]
    options = TAIL if has_tail else ("--latency", str(mean))
    clock = str(HERE.parent / "tests" / "support" / "virtual_time.py")
    rows: list[dict[str, Measured]] = []
    with serving(*options) if not virtual else contextlib.nullcontext() as server:
        for number in range(count):
            order = [*list(sides)[number % len(sides) :], *list(sides)[: number % len(sides)]]
            row: dict[str, Measured] = {}
            for side in order:
                checkout, more = sides[side]
                if server is None:
                    row[side] = measure(
                        checkout, VIRTUAL, [mean, has_tail, number, recipe], [tasks, goal, level], more, clock
                    )
                else:
                    row[side] = measure(checkout, MEASURE, server.root, [tasks, goal, level], more)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--virtual", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recipe", default="paper", help="with --virtual")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    here = HERE.parent
    sides: dict[str, tuple[Path, dict[str, int]]] = {"usual": (here, {}), "loosest": (here, {"ahead": LOOSEST})}
    if words.against:
        sides["other"] = (words.against.resolve(), {})
    print(
        "| case | against | rate: median of ratios (range) | requests a second | CPU a request |\n|---|---|---|---|---|"
    )
    for name in words.cases or CASES:
        rows = rounds(name, words.rounds, sides, words.virtual, words.recipe)
        if words.out:
            with words.out.open("a") as out:
                out.write(json.dumps({"case": name, "virtual": words.virtual, "rounds": rows}) + "\n")
        for side in list(sides)[1:]:
            ratios = [row["usual"][0] / row[side][0] for row in rows]
            rates = [statistics.median(row[which][0] for row in rows) for which in ("usual", side)]
            cpus = [statistics.median(row[which][1] for row in rows) for which in ("usual", side)]
            print(
                f"| {name} | {side} | {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) "
                f"| {rates[0]:.0f} to {rates[1]:.0f} | {cpus[0]:.2f} to {cpus[1]:.2f} ms |",
                flush=True,
            )


if __name__ == "__main__":
    main()
