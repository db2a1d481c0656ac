"""S1 to S4 of load.py in pairs: the usual schedule against another one, in turns at the same server.

    python benchmarks/load_pairs.py [S1 S2 S3 S4] [--rounds 5] [--against CHECKOUT] [--out FILE.jsonl]

Against what: the loosest schedule of this version (no bound on unfinished tasks, `--ahead 1000000000`), and, with --against, another
checkout with its own code. Each measurement is a process of its own; rates are requests a second at the server, from the first
request to the last reply. Printed: the median over the rounds of the ratio within a round, with its range.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from load_parts import HERE, serving

TAIL = ("--latency", "0.5", "--dist", "lognormal", "--sigma", "1.2")
CASES = {  # options of the server, accepted tasks to begin with, goal, requests in flight
    "S1": (("--latency", "0.1"), 1000, 0, 50),
    "S2": (("--latency", "0.1"), 2000, 0, 500),
    "S3": ((*TAIL, "--seed", "1"), 500, 0, 50),
    "S4": ((*TAIL, "--seed", "1"), 0, 600, 50),
}
LOOSEST = 10**9
MEASURE = """
import json, sys
from load_parts import Server, ours, run_folder
root, tasks, goal, level, more = sys.argv[1], *map(int, sys.argv[2:5]), json.loads(sys.argv[5])
with run_folder(tasks) as folder:
    seen = ours(Server(root), folder, goal, level, **more)
print(json.dumps([seen.server["requests"], seen.server["span"], seen.cpu]))
"""


def measure(checkout: Path, root: str, tasks: int, goal: int, level: int, more: dict[str, int]) -> tuple[float, float]:
    """(requests a second, milliseconds of CPU a request) of one run, by the code of a checkout."""
    paths = (checkout / "benchmarks", checkout, checkout / "src")
    words = [sys.executable, "-c", MEASURE, root, str(tasks), str(goal), str(level), json.dumps(more)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(words, env=env, check=True, capture_output=True, text=True)
    requests, span, cpu = json.loads(done.stdout.splitlines()[-1])
    return requests / span, 1000 * cpu / requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    here = HERE.parent
    sides: dict[str, tuple[Path, dict[str, int]]] = {"usual": (here, {}), "loosest": (here, {"ahead": LOOSEST})}
    if words.against:
        sides["other"] = (words.against.resolve(), {})
    print("| case | against | rate, median of ratios (range) | rates a second | CPU a request |\n|---|---|---|---|---|")
    for name in words.cases or CASES:
        options, tasks, goal, level = CASES[name]
        rows: list[dict[str, tuple[float, float]]] = []
        with serving(*options) as server:
            for number in range(words.rounds):
                order = list(sides)[number % len(sides) :] + list(sides)[: number % len(sides)]
                rows.append(
                    {side: measure(sides[side][0], server.root, tasks, goal, level, sides[side][1]) for side in order}
                )
        if words.out:
            with words.out.open("a") as out:
                out.write(json.dumps({"case": name, "rounds": rows}) + "\n")
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
