"""Measure how often the 95% intervals of `bootstruct diversity` contain the mean of a measure over sets of one size.

    python benchmarks/diversity_coverage.py FILE [--size 300] [--sets 200] [--out coverage.json]

FILE holds many texts, from which the sets are drawn at random. For comparison, the same is measured for the usual bootstrap,
which draws with replacement.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from bootstruct.measures import diversity
from bootstruct.measures.diversity import DRAWS, label_measures, lexical_measures, measured
from bootstruct.reporting.diversity import measured_texts
from bootstruct.reporting.read_subjects import read_subjects


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    (subject,) = read_subjects([options.file])
    texts = measured_texts(subject, "instruction")
    values, held = {}, {}
    bootstrap = {}
    for number in range(options.sets):
        sample = random.Random(number).sample(texts, options.size)
        statistics = lexical_measures(sample) + label_measures([text.split()[0] for text in sample], None, 0)
        for found in measured(options.size, statistics):
            values.setdefault(found.measure.key, []).append((found.value, found.low, found.high))
        if number < 40:
            chance = np.random.default_rng(number)
            rows = [chance.integers(0, options.size, options.size) for _ in range(DRAWS)]
            for measure, statistic in statistics:
                low, high = np.quantile([statistic(chosen) for chosen in rows], [0.025, 0.975])
                bootstrap.setdefault(measure.key, []).append((low, high))
    table = []
    for key, found in values.items():
        mean = float(np.mean([value for value, _, _ in found]))
        held[key] = float(np.mean([low <= mean <= high for _, low, high in found]))
        usual = float(np.mean([low <= mean <= high for low, high in bootstrap[key]]))
        width = float(np.mean([high - low for _, low, high in found]))
        needed = 2 * 1.96 * float(np.std([value for value, _, _ in found]))
        table.append(
            {
                "measure": key,
                "mean": mean,
                "holds": held[key],
                "width_over_needed": width / needed if needed else None,
                "bootstrap_holds": usual,
            }
        )
        print(
            f"{key:22} mean {mean:9.3f}  holds {held[key]:6.1%}  width / needed {width / needed if needed else float('nan'):.2f}  bootstrap holds {usual:6.1%}"
        )
    if options.out:
        options.out.write_text(
            json.dumps(
                {
                    "texts": len(texts),
                    "size": options.size,
                    "sets": options.sets,
                    "draws": diversity.DRAWS,
                    "measures": table,
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
