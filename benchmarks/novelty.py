"""Compare the novelty index with the reference's two methods and with brute force by rapidfuzz.

    python benchmarks/novelty.py [--rows FILE] [--sizes 1000,10000,52000,200000,1000000] [--near 0.4] [--seed 1]

The script uses one process and one thread, and measures CPU time, so that waiting for a busy machine does not count. A pool
grows by single calls of `NoveltyIndex.decide`. Each call is timed, including insertion and the building of new orders. Near
each size, the other methods judge the same texts on the same pool in turn with the index, and must decide the same. Rows come
from FILE as long as it has any, then from a generator (see `Generator`); the table says how many of each the pool holds.
"""

import argparse
import gc
import json
import math
import random
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist
from rouge_score import rouge_scorer, tokenizers

from bootstruct.novelty import index as novelty
from bootstruct.novelty.index import NoveltyIndex, best_against
from bootstruct.novelty.rouge import requirement, tokens

ROWS = Path(__file__).resolve().parents[2] / "shared" / "data" / "scale" / "instructions_20k.jsonl"
# A size is measured by the calls that added this number of last members, or half the size if that is fewer.
WINDOW = 20_000
ASKS = 100  # at least this many of these texts are judged by the other methods too
PAIRS = 20  # pairs per text for the reference's methods, whose cost per decision is that of a pair times the pool
SEEDS = 175  # the paper and its code
clock = time.thread_time


def read_rows(file: Path) -> list[str]:
    """Return the instructions of a JSONL file, or the lines of any other file."""
    lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line]
    return [json.loads(line)["instruction"] for line in lines] if file.suffix == ".jsonl" else lines


def invented_rows(chance: random.Random, count: int) -> list[str]:
    """Return sentences of made-up words with falling frequencies; they replace the rows if there is no file."""
    words = [f"word{k}" for k in range(20_000)]
    falling = [1 / (rank + 3) for rank in range(len(words))]
    return [" ".join(chance.choices(words, falling, k=chance.randint(5, 25))) for _ in range(count)]


class Generator:
    """An endless source of texts that resemble some rows.

    A fresh text starts as one of the rows does and continues with words that follow one another somewhere in the rows. Of its
    words, 6% are names drawn from a long-tailed distribution, so that the vocabulary keeps growing. A share `near` of all texts
    are copies of an earlier text, with between one word and 45% of the words replaced, added or removed. Up to 100,000 earlier
    texts are kept for this, chosen at random.
    """

    KEPT = 100_000

    def __init__(self, rows: list[str], near: float, chance: random.Random) -> None:
        self.near, self.chance = near, chance
        self.earlier = [" ".join(tokens(row)) for row in rows]
        self.words = [word for row in self.earlier for word in row.split()]
        self.following: dict[str, list[str]] = {}
        for row in self.earlier:
            words = row.split()
            for before, after in zip(["", *words], [*words, ""], strict=True):
                self.following.setdefault(before, []).append(after)

    def __iter__(self) -> Iterator[str]:
        chance = self.chance
        while True:
            text = " ".join(self._copy() if chance.random() < self.near else self._fresh())
            if len(self.earlier) < self.KEPT:
                self.earlier.append(text)
            else:
                self.earlier[chance.randrange(self.KEPT)] = text
            yield text

    def _fresh(self) -> list[str]:
        chance = self.chance
        while True:
            words: list[str] = []
            word = ""
            while len(words) < 80 and (word := chance.choice(self.following[word])):
                words.append(f"n{int(chance.paretovariate(0.2)) % 500_000}" if chance.random() < 0.06 else word)
            if len(words) > 3:  # shorter texts never reach the filter (paper, section 2.2, and the released code)
                return words

    def _copy(self) -> list[str]:
        chance = self.chance
        words = chance.choice(self.earlier).split()
        for _ in range(max(1, int(len(words) * chance.random() * 0.45))):
            place, kind = chance.randrange(len(words)), chance.random()
            if kind < 0.5:
                words[place] = chance.choice(self.words)
            elif kind < 0.75 or len(words) == 1:
                words.insert(place, chance.choice(self.words))
            else:
                del words[place]
        return words


def resident() -> float:
    """Return the resident memory of this process in MB; 0 if the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmRSS"))


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Return the CPU seconds of a call, and its result."""
    start = clock()
    result = work(*arguments)
    return clock() - start, result


@dataclass(frozen=True)
class Calls:
    """Durations of single calls in microseconds: mean, median, 99th percentile, and the longest."""

    mean: float
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: "array[float] | list[float]") -> "Calls":
        values = np.asarray(seconds) * 1e6
        return cls(
            float(values.mean()), float(np.median(values)), float(np.percentile(values, 99)), float(values.max())
        )


@dataclass(frozen=True)
class Line:
    """The measurements at one size of the pool."""

    size: int
    real: int
    window: Calls  # single calls just before the size was reached
    growth: Calls  # all single calls since the size before
    brute: Calls
    original: float  # microseconds per decision, extrapolated from pairs
    alpaca: float
    memory: float  # MB more than with the empty index; this includes what the script keeps
    top: float  # milliseconds
    mean: float
    order: float  # seconds that it takes to build an order anew


class Bench:
    """A pool that grows, with the measurements of its growth."""

    def __init__(self, rows: list[str], near: float, seed: int) -> None:
        self.chance = random.Random(seed)
        self.real = len(rows)
        base = rows or invented_rows(self.chance, 5000)
        self.generator = Generator(base, near, self.chance)
        self.made = iter(self.generator)
        self.source = self._texts(rows)
        self.index = NoveltyIndex()
        self.seconds = array("d")
        self.offered = self.kept_real = 0
        self.million: tuple[float, int] | None = None  # seconds for the first million rows, and how many were kept
        gc.collect()
        gc.freeze()  # the garbage collector need not search this script's own objects
        self.before = resident()

    def _texts(self, rows: list[str]) -> Iterator[str]:
        yield from rows
        yield from self.made

    def grow(self, size: int, others: Callable[[str], None] | None = None, every: int = 0) -> None:
        """Offer texts one by one until the pool has this size; let the other methods judge a text at every `every`-th offer."""
        index, decide = self.index, self.index.decide
        while len(index) < size:
            if others and len(self.seconds) % every == 0:
                others(next(self.made))
            batch = (next(self.source),)
            start = clock()
            decision = decide(batch)
            self.seconds.append(clock() - start)
            self.offered += 1
            if self.offered <= self.real:
                self.kept_real += decision[0][0]
            if self.offered == 1_000_000:
                self.million = sum(self.seconds), len(index)

    def brute_force(self, text: str) -> bool:
        """Tell whether a text is too similar to any member, by comparing it with all.

        It reads the index's own encoded members, so that both methods read the same memory.
        """
        words = tokens(text)
        query = novelty._joined(self.index._vocabulary.known(words))
        lcs = cdist([query], self.index._members, scorer=LCSseq.similarity, dtype=np.uint16)[0]
        lengths = np.frombuffer(self.index._lengths, dtype=np.int64)
        required = requirement(len(words), 4095).required
        return bool((lcs >= required[np.minimum(lengths, 4095)]).any())

    def at(self, size: int) -> Line:
        """Grow the pool to a size, with the other methods taking turns in the last calls, and return the measurements there."""
        scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
        cut = tokenizers.DefaultTokenizer().tokenize
        brute, original, alpaca = array("d"), array("d"), array("d")

        def others(text: str) -> None:
            seconds, over = timed(self.brute_force, text)
            brute.append(seconds)
            if over != (self.index.nearest(text) is not None):
                raise SystemExit(f"brute force decides otherwise: {text!r}")
            for member in self.chance.choices(self.generator.earlier, k=PAIRS):
                original.append(timed(scorer.score, member, text)[0])
                alpaca.append(timed(rouge_scorer._score_lcs, cut(member), cut(text))[0])

        start = len(self.seconds)
        window = min(WINDOW, size // 2)
        self.grow(size - window)
        last = len(self.seconds)
        self.grow(size, others, every=max(1, window // ASKS))
        memory = resident() - self.before
        some = [next(self.made) for _ in range(20)]
        return Line(
            size=size,
            real=self.kept_real,
            window=Calls.of(self.seconds[last:]),
            growth=Calls.of(self.seconds[start:]),
            brute=Calls.of(brute),
            original=float(np.mean(original)) * size * 1e6,
            alpaca=float(np.mean(alpaca)) * size * 1e6,
            memory=memory,
            top=timed(lambda: [self.index.top(text, 10) for text in some])[0] / len(some) * 1e3,
            mean=timed(lambda: [self.index.mean(text) for text in some])[0] / len(some) * 1e3,
            order=timed(self.index.extend, ())[0],
        )


def show(line: Line) -> None:
    """Print the times at one size, and their ratios to ours as measured in the same minutes."""
    window = line.window
    print(f"\nPool of {line.size:,} ({line.real:,} real rows, {line.size - line.real:,} generated)")
    print(f"  {'microseconds a decision':50}{'mean':>14}{'p50':>12}{'p99':>12}{'x ours':>12}")
    for name, calls in (
        ("ours: single calls, insertion, new orders", window),
        ("ours: the same, all since the size before", line.growth),
        ("rapidfuzz, brute force", line.brute),
    ):
        ratio = calls.mean / window.mean
        print(f"  {name:50}{calls.mean:14,.1f}{calls.p50:12,.1f}{calls.p99:12,.1f}{ratio:12,.1f}")
    for name, value in (
        ("rouge_score on token lists (sampled pairs x pool)", line.alpaca),
        ("rouge_score, the original's (sampled pairs x pool)", line.original),
    ):
        print(f"  {name:50}{value:14,.0f}{'':24}{value / window.mean:12,.0f}")
    print(f"  p99 / mean {window.p99 / window.mean:.1f}; longest call {line.growth.longest / 1e3:.1f} ms", end="; ")
    print(f"memory {line.memory:.0f} MB, {line.memory * 2**20 / line.size:.0f} bytes a member", end="; ")
    print(f"a new order at once {line.order:.2f} s, {line.order / line.size * 50_000:.2f} s per 50,000", end="; ")
    print(f"top 10 {line.top:.1f} ms, mean {line.mean:.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=ROWS if ROWS.exists() else None)
    parser.add_argument("--sizes", default="1000,10000,52000,200000,1000000")
    parser.add_argument("--near", type=float, default=0.4, help="share of near-duplicates among generated rows")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rows = read_rows(chosen.rows) if chosen.rows else []
    bench = Bench(rows, chosen.near, chosen.seed)
    print(f"{len(rows):,} real rows; {chosen.near:.0%} near-duplicates among the generated")
    lines = []
    for size in sorted(int(size) for size in chosen.sizes.split(",")):
        lines.append(bench.at(size))
        show(lines[-1])
    print(f"\n{bench.offered:,} rows offered one by one: {sum(bench.seconds):.1f} s in all")
    if bench.million:
        print(f"the first 1,000,000 of them de-duplicated in {bench.million[0]:.1f} s, {bench.million[1]:,} kept")
    # Brute force grows in proportion to the pool, so ours against it tells the growth whatever the machine did meanwhile.
    small, large = (next((line for line in lines if line.size == size), None) for size in (52_000, 1_000_000))
    if small and large:
        exponent = math.log(large.window.mean / small.window.mean) / math.log(large.size / small.size)
        relative = exponent - math.log(large.brute.mean / small.brute.mean) / math.log(large.size / small.size) + 1
        print(f"growth from 52,000 to 1,000,000: time ~ size^{exponent:.2f}; against brute force size^{relative:.2f}")
    some = [next(bench.made) for _ in range(52_000)]
    seconds = timed(best_against, (rows or bench.generator.earlier)[:SEEDS], some)[0]
    print(f"best score of 52,000 texts with {SEEDS}: {seconds:.2f} s")


if __name__ == "__main__":
    main()
