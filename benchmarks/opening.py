"""Measure the time and the memory that it takes to open a finished run: python benchmarks/opening.py [--tasks 52000].

The script writes a journal that resembles that of a finished run: each request brings 5 accepted of 7 candidates, each task has
two replies, and the texts are synthetic and have the paper's mean lengths. A fresh process opens it in the way of `status`, of
`generate` (the state, then the novelty index) and of `verify`. The script prints seconds and peak memory, and for comparison
those of reading the same file with orjson alone. The goal is less than 5 s and less than 500 MB.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson

from bootstruct.journal.codec import encode_line
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.types import Instance, Reply, Verdict
from tests.support.scripts import SEEDS, recipe

VOCABULARY = 6000


def write_run(path: Path, tasks: int) -> int:
    """Write the journal and return the number of replies in it."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 2) for rank in range(VOCABULARY)]

    def text(mean: int) -> str:
        return " ".join(rng.choices(words, weights, k=max(4, int(rng.expovariate(1 / mean)) + 4)))

    replies = made = index = 0
    with path.open("wb") as file:

        def write(event: object) -> None:
            file.write(encode_line(event, file.tell()))  # type: ignore[arg-type]

        write(RunStarted(recipe(), SEEDS))
        while made < tasks:
            texts = [text(12) for _ in range(7)]
            reply = Reply("\n".join(f"{n}. {t}" for n, t in enumerate(texts, 9)), "stop", 350, 140, "m")
            write(ReplyReceived(f"propose/{index}", f"{rng.getrandbits(128):032x}", reply))
            verdicts = tuple(Verdict(t, None if n < 5 else "too similar", None, None) for n, t in enumerate(texts))
            write(CandidatesJudged(index, tuple(f"seed_task_{n}" for n in range(8)), verdicts))
            for number in range(5):
                name = f"{index}.{number}"
                for step, size in (("kind", 1), ("instances", 90)):
                    answer = Reply(text(size), "stop", 1800, size, "m")
                    write(ReplyReceived(f"annotate/{name}/{step}", f"{rng.getrandbits(128):032x}", answer))
                write(TaskCompleted(name, number == 0, (Instance(text(8), text(15)), Instance(text(8), text(15)))))
            made, replies, index = made + 5, replies + 11, index + 1
    return replies


def opened(what: str, path: Path) -> None:
    """Open the run, which a fresh process does, and print seconds and peak memory in MB."""
    began = time.perf_counter()
    if what == "orjson":
        with path.open("rb") as file:
            for line in file:
                orjson.loads(line)
    else:
        from bootstruct.journal.file import read_state
        from bootstruct.stages.pool import Pool

        state = read_state(path)
        assert state is not None
        if what == "generate":
            Pool(state.recipe).catch_up(state)
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=52_000)
    parser.add_argument("--open", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open:
        opened(args.open[0], Path(args.open[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        replies = write_run(path, args.tasks)
        print(f"{args.tasks} tasks, {replies} replies, {path.stat().st_size / 1e6:.0f} MB; goal < 5 s, < 500 MB")
        for what in ("orjson", "status", "generate") * 3:
            words = [sys.executable, __file__, "--open", what, str(path)]
            done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
            seconds, memory = json.loads(done.stdout)
            print(f"{what:10} {seconds:6.2f} s {memory:6.0f} MB")


main()
