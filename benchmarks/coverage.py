"""Simulate how often the 95% intervals of `evaluate` and the demo contain the true mean, and how often a bootstrap's do.

    python benchmarks/coverage.py          runs 1,000 repeats of every case in a minute; writes docs/evidence/coverage.json

Scores are 0 or 1, in groups of equal size. *Alike* means that all scores of a group are equal, *mixed* that each group has a
share of ones of its own, mostly near 0 or 1, and *independent* that the groups make no difference. The bootstrap resamples
groups.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bootstruct.evaluation.intervals import mean_interval, paired_difference

OUT = Path(__file__).parent.parent / "docs" / "evidence" / "coverage.json"
KINDS = ("alike", "mixed", "independent")
SHAPES = ((5, 4), (10, 2), (30, 2), (138, 2))
MEANS = (0.5, 0.75, 0.9, 0.97)
DRAWS = 500


def scores(chance: np.random.Generator, kind: str, groups: int, each: int, mean: float) -> NDArray[np.float64]:
    """Return simulated scores with this true mean, of shape (groups, each)."""
    if kind == "alike":
        return np.repeat(chance.random((groups, 1)) < mean, each, axis=1).astype(float)
    shares = chance.beta(mean * 0.5, (1 - mean) * 0.5, (groups, 1)) if kind == "mixed" else mean
    return (chance.random((groups, each)) < shares).astype(float)


def coverage(kind: str, groups: int, each: int, mean: float, repeats: int) -> dict[str, object]:
    """Return the shares of repeats in which our interval, and that of the bootstrap over groups, contain the true mean."""
    chance, names = np.random.default_rng([groups, each, int(100 * mean)]), np.repeat(np.arange(groups), each).tolist()
    held = bootstrap = 0
    for _ in range(repeats):
        drawn = scores(chance, kind, groups, each, mean)
        interval = mean_interval(drawn.ravel().tolist(), names)
        assert interval is not None
        held += interval.low <= mean <= interval.high
        means = drawn.mean(axis=1)[chance.integers(0, groups, (DRAWS, groups))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        bootstrap += low <= mean <= high
    case = {"scores": kind, "groups": groups, "each": each, "mean": mean}
    return case | {"interval": held / repeats, "bootstrap": bootstrap / repeats}


def level(groups: int, mean: float, repeats: int) -> dict[str, object]:
    """Return how often the sign-flip test reports a difference at the 5% level where there is none."""
    chance, names, seen = np.random.default_rng([groups, int(100 * mean)]), np.repeat(np.arange(groups), 3).tolist(), 0
    for _ in range(repeats):
        shares = chance.beta(mean, 1 - mean, (groups, 1))
        one, other = ((chance.random((groups, 3)) < shares).astype(float).ravel().tolist() for _ in range(2))
        p = paired_difference(one, other, names).p
        seen += p is not None and p <= 0.05
    return {"groups": groups, "mean": mean, "found": seen / repeats}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    rows = [
        coverage(kind, groups, each, mean, arguments.repeats)
        for kind in KINDS
        for groups, each in SHAPES
        for mean in MEANS
    ]
    for row in rows:
        print("{scores:12} {groups:4} x {each} at {mean:.2f}: {interval:.1%}, bootstrap {bootstrap:.1%}".format(**row))
    levels = [level(groups, mean, arguments.repeats) for groups in (5, 6, 10, 12) for mean in (0.5, 0.9)]
    for row in levels:
        print("{groups:4} groups at {mean}: a difference that is not there is found in {found:.1%}".format(**row))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"repeats": arguments.repeats, "coverage": rows, "level": levels}
    arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
