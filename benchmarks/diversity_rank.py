"""Measure how measures of diversity and rules of selection correlate with the score of a model trained on the rows.

    python benchmarks/diversity_rank.py --out out/rank                            grow a run, train on 65 subsets, score
    python benchmarks/diversity_rank.py --out out/rank --embed hf/./all-MiniLM-L6-v2 --table docs/evidence/rank.json

The pocket model grows a run of 400 tasks. Subsets of 96 of its rows are drawn in several ways: at random; from few families of
tasks (the truth that the micro-world knows); as copies of fewer rows; and by each rule of `select`, from three random halves of
the rows. The pocket model is finetuned on each subset with equal settings and then answers prompts of all families, none of
which was generated.

Every result is a line of results.jsonl, so running the command again continues the work. `--table` writes the correlations.
"""

import argparse
import contextlib
import io
import itertools
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bootstruct.embeddings.embedder import embedded, open_embedder
from bootstruct.evaluation.cases import EvaluationCase
from bootstruct.evaluation.user_tasks import user_prompt
from bootstruct.finetuning.run import finetune
from bootstruct.finetuning.settings import FinetuneSettings, MixturePart
from bootstruct.measures.diversity import Measure, entropy, label_measures, lexical_measures
from bootstruct.measures.vectors import vector_measures
from bootstruct.novelty.index import best_against
from bootstruct.novelty.rouge import unicode_tokens
from bootstruct.pocket.demo.evaluation_data import NEW_TOKENS, evaluation_rows
from bootstruct.pocket.demo.formats import HEADLINE
from bootstruct.pocket.demo.scores import mean_of, score_answers
from bootstruct.pocket.world.strict_reader import ReadTask, check_instance, read_instruction
from bootstruct.reporting.verbs import reader
from bootstruct.run.folder import read_run
from bootstruct.selection.rules import RuleInputs, SelectableRow, choose
from bootstruct.stages.draw import rng_for
from bootstruct.stages.training_format import encode, training_instances
from bootstruct.types import Prompt, Sampling

TASKS, SIZE, STEPS, RATE, BATCH = 400, 96, 60, 5e-4, 48
PHRASINGS = 4  # prompts per family
RANDOM, DRAWS, FAMILIES, COPIES, HALVES = 20, 3, (8, 12, 16, 24, 32, 64), (12, 24, 48), 3
RULES = ("longest", "perplexity", "ifd", "grade", "k-center", "mixture")
Json = dict[str, Any]


def grown(out: Path) -> Any:
    """Return the state of the run, and grow the run first if it does not exist."""
    run = out / "run"
    for words in (("init", str(run), "--recipe", "pocket", "--model", "pocket"), ("generate", str(run), "--tasks", str(TASKS), "--quiet")):  # fmt: skip
        if words[0] == "init" and run.is_dir():
            continue
        subprocess.run([sys.executable, "-m", "bootstruct", *words], check=True)
    return read_run(run)


def rows_of(state: Any) -> list[Json]:
    """Return every instance of the run's own tasks, encoded as for training, with what the micro-world knows about it."""
    found = []
    for task in state.completed_tasks:
        for n, given in enumerate(training_instances(state.recipe, task.name, state.completed[task.name].instances)):
            example = encode(state.recipe, task.text, given, rng_for(state.recipe.seed, "encode", f"{task.name}/{n}"))
            read = read_instruction(task.text)
            found.append(
                {
                    "instruction": task.text, "input": given.input, "output": given.output,
                    "prompt": example.prompt, "completion": example.completion,
                    "family": read.family.name if isinstance(read, ReadTask) else "",
                    "right": float(check_instance(task.text, given.input, given.output) == "right"),
                }
            )  # fmt: skip
    return found


class Pool:
    """All rows, with the vectors and likelihoods that rules and measures need; each of these is computed once."""

    def __init__(self, rows: list[Json], state: Any, embed: str | None, cache: Path) -> None:
        self.rows, self.state, self.embed, self.cache = rows, state, embed, cache
        self.selectable = [
            SelectableRow(place, row["instruction"], row["input"], row["output"]) for place, row in enumerate(rows)
        ]
        self.texts = ["\n".join(part for part in (row["instruction"], row["input"]) if part) for row in rows]
        self.inputs = RuleInputs(self.perplexities, self.grades, self.vectors)

    @cache  # noqa: B019 - one pool for one process
    def likelihoods(self) -> Any:
        from bootstruct.selection.likelihood import perplexities

        return perplexities(self.selectable, "pocket")

    @cache  # noqa: B019
    def every_vector(self, name: str) -> Any:
        return embedded(self.texts, open_embedder(name), self.cache)

    def perplexities(self, every: Sequence[SelectableRow]) -> Any:
        after, alone = self.likelihoods()
        places = [row.place for row in every]
        return after[places], alone[places]

    def grades(self, every: Sequence[SelectableRow]) -> Any:
        return np.array([self.rows[row.place]["right"] for row in every])

    def vectors(self, every: Sequence[SelectableRow]) -> Any:
        return self.every_vector(self.embed or "hashed")[[row.place for row in every]]


def subsets(pool: Pool) -> Iterator[tuple[str, list[int]]]:
    """Yield every subset: its name, and the numbers of its rows in order."""
    count = len(pool.rows)
    for draw in range(RANDOM):
        yield f"random {draw}", sorted(random.Random(f"random/{draw}").sample(range(count), SIZE))
    names = sorted({row["family"] for row in pool.rows} - {""})
    for families, draw in itertools.product(FAMILIES, range(DRAWS)):
        chance, places = random.Random(f"families/{families}/{draw}"), list[int]()
        while len(places) < SIZE:
            some = set(chance.sample(names, families))
            places = [place for place, row in enumerate(pool.rows) if row["family"] in some]
        yield f"families {families} {draw}", sorted(chance.sample(places, SIZE))
    for different, draw in itertools.product(COPIES, range(DRAWS)):
        places = random.Random(f"copies/{different}/{draw}").sample(range(count), different)
        yield f"copies {different} {draw}", sorted(places * (SIZE // different))
    for rule, half in itertools.product(RULES, range(HALVES)):
        some = [
            pool.selectable[place] for place in sorted(random.Random(f"half/{half}").sample(range(count), count // 2))
        ]
        chosen = choose(some, SIZE, rule, pool.inputs, "ifd")
        yield f"{rule} {half}", sorted(some[choice.place].place for choice in chosen)


def measures_of(pool: Pool, places: list[int]) -> dict[str, tuple[float, str, str]]:
    """Return for each measure, by key, its value, its label, and the direction that means more diverse or better."""
    rows = [pool.rows[place] for place in places]
    every = np.arange(len(rows))
    found: dict[str, tuple[float, str, str]] = {}

    def add(part: str, statistics_: list[tuple[Measure, Any]]) -> None:
        for measure, statistic in statistics_:
            found[f"{part}{measure.key}"] = (statistic(every), f"{part}{measure.label}", measure.direction)

    instructions = [row["instruction"] for row in rows]
    add("", lexical_measures(instructions))
    seeds = [seed.instruction for seed in pool.state.seeds]
    verbs = reader()
    pairs = list(verbs.read(instructions)) if verbs is not None else None
    add("", label_measures(pairs, [number for _, number in best_against(seeds, instructions, "rouge")], len(seeds)))
    add("rows: ", lexical_measures(["\n".join((row["instruction"], row["input"], row["output"])) for row in rows]))
    for name in ("hashed", *([pool.embed] if pool.embed else [])):
        mark = "hashed: " if name == "hashed" else "meaning: "
        vectors = pool.every_vector(name)
        add(mark, vector_measures(vectors[places], vectors))
        farthest = 1 - (vectors @ vectors[places].T).max(axis=1)
        found[f"{mark}radius"] = (float(farthest.mean()), f"{mark}mean distance of all rows to the chosen (k-center)", "lower")  # fmt: skip
    after, alone = (values[places] for values in pool.likelihoods())
    found["longest"] = (statistics.fmean(len(unicode_tokens(row["output"])) for row in rows), "rule longest: words of outputs", "higher")  # fmt: skip
    found["perplexity"] = (float(np.nanmedian(after)), "rule perplexity: median", "lower")
    found["ifd"] = (float(np.nanmedian(after / alone)), "rule ifd: median", "higher")
    found["grade"] = (statistics.fmean(row["right"] for row in rows), "rule grade: share of right rows (truth)", "higher")  # fmt: skip
    found["different"] = (float(len(set(instructions))), "different instructions", "higher")
    found["families"] = (float(len({row["family"] for row in rows})), "families of tasks (truth)", "higher")
    found["family_entropy"] = (entropy([row["family"] for row in rows]), "entropy of families (truth), bits", "higher")
    return found


def trained(rows: list[Json], seed: int, prompts: list[Json]) -> tuple[float, float, list[float]]:
    """Train a model on these rows; return its ROUGE-L and exact match (0 to 100) and the seconds of training and answering."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bootstruct-rank-") as name:
        data, out = Path(name) / "data.jsonl", Path(name) / "model"
        data.write_text("".join(json.dumps({"prompt": row["prompt"], "completion": row["completion"]}) + "\n" for row in rows))  # fmt: skip
        settings = FinetuneSettings(
            mixture=(MixturePart(str(data)),), held_out=0.0, max_steps=STEPS, learning_rate=RATE, seed=seed
        )
        with contextlib.redirect_stdout(io.StringIO()):
            finetune("pocket", out, settings, False, lambda _line: None)
        middle = time.monotonic()
        answers = score_answers(answered(str(out), prompts), prompts)
    spent = [round(middle - began, 1), round(time.monotonic() - middle, 1)]
    return mean_of(answers, "first_line").value, mean_of(answers, "exact").value, spent


def answered(folder: str, prompts: list[Json]) -> list[Json]:
    """Return greedy answers in the headline format.

    Short prompts come first, so that the prompts of a batch have similar lengths.
    """
    from bootstruct.engines.local.load import load

    model, replies = load(folder), dict[str, str]()
    cases = {row["id"]: EvaluationCase(row["family"], row["id"], row["instruction"], row["instances"][0]["input"], ()) for row in prompts}  # fmt: skip
    texts = {name: user_prompt(HEADLINE, case) for name, case in cases.items()}
    order = sorted(texts, key=lambda name: len(texts[name]))
    sampling = Sampling(max_tokens=NEW_TOKENS, stop=("\n",))
    for start in range(0, len(order), BATCH):
        names = order[start : start + BATCH]
        batch = [Prompt("predict", "m", sampling, 0, text=texts[name]) for name in names]
        replies |= dict(zip(names, (reply.text for reply in model.generate(batch, lambda: False)), strict=True))  # type: ignore[union-attr]
    return [{"id": row["id"], "response": replies[row["id"]], "target": row["instances"][0]["output"]} for row in prompts]  # fmt: skip


def ranks(values: Sequence[float]) -> Any:
    """Return the ranks of the values, from 0; equal values share the mean of their ranks."""
    array = np.asarray(values, dtype=np.float64)
    return np.array([((array < value).sum() + (array <= value).sum() - 1) / 2 for value in array])


def rank_correlation(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Return Spearman's coefficient with its 95% interval (Fisher's z with the variance of Bonett and Wright 2000)."""
    x, y = ranks(xs), ranks(ys)
    if x.std() == 0 or y.std() == 0:
        return math.nan, math.nan, math.nan
    value = float(np.corrcoef(x, y)[0, 1])
    z, wide = math.atanh(min(0.999999, max(-0.999999, value))), 1.96 * math.sqrt((1 + value**2 / 2) / (len(x) - 3))
    return value, math.tanh(z - wide), math.tanh(z + wide)


def correlations(results: list[Json], keys: list[str], of: list[str]) -> list[Json]:
    """Return the correlation of each measure with the score.

    Each measure is turned so that a higher value means more diverse or better.
    """
    score = [statistics.fmean(row["score"] for row in results if row["subset"] == name) for name in of]
    first = {row["subset"]: row for row in results}
    found = []
    for key in keys:
        values = [first[name]["measures"][key] for name in of]
        sign = 1 if values[0][2] == "higher" else -1
        value, low, high = rank_correlation([sign * value[0] for value in values], score)
        found.append({"measure": key, "label": values[0][1], "rho": value, "low": low, "high": high})
    return sorted(found, key=lambda row: -row["rho"] if not math.isnan(row["rho"]) else 9)


def table(results: list[Json]) -> Json:
    """Return the correlations over all subsets and over those without planted redundancy, and the mean score per kind."""
    names = list(dict.fromkeys(row["subset"] for row in results))
    keys = list(results[0]["measures"])
    natural = [name for name in names if not name.startswith(("families", "copies"))]
    kinds: dict[str, list[float]] = {}
    for name in names:
        score = statistics.fmean(row["score"] for row in results if row["subset"] == name)
        kinds.setdefault(name.rpartition(" ")[0], []).append(score)
    pairs = [[row["score"] for row in results if row["subset"] == name] for name in names]
    twice = [pair[:2] for pair in pairs if len(pair) > 1]
    return {
        "subsets": len(names), "size": SIZE, "steps": STEPS, "rate": RATE, "trainings": len(results),
        "agreement of two trainings of a subset": rank_correlation([a for a, _ in twice], [b for _, b in twice]) if len(twice) > 4 else None,
        "all": correlations(results, keys, names), "natural": correlations(results, keys, natural), "natural subsets": len(natural),
        "over random": over_random(kinds),
        "scores": {kind: {"mean": statistics.fmean(values), "each": values} for kind, values in kinds.items()},
    }  # fmt: skip


def over_random(scores: dict[str, list[float]]) -> dict[str, tuple[float, float, float]]:
    """By kind of subset, the mean score less that of random ones, with its 95% t interval over subsets (equal variances)."""
    base, found = scores["random"], {}
    for kind, values in scores.items():
        if kind == "random" or len(values) < 2:
            continue
        free = len(values) + len(base) - 2
        pooled = ((len(values) - 1) * statistics.variance(values) + (len(base) - 1) * statistics.variance(base)) / free
        t = 1.96 + 2.372 / free + 2.823 / free**2  # the 97.5% point, to three digits from 8 degrees of freedom on
        wide = t * math.sqrt(pooled * (1 / len(values) + 1 / len(base)))
        difference = statistics.fmean(values) - statistics.fmean(base)
        found[kind] = (difference, difference - wide, difference + wide)
    return found


def show(found: Json) -> None:
    """Print the table in Markdown."""
    natural = {row["measure"]: row for row in found["natural"]}
    print(f"{found['subsets']} subsets of {found['size']} rows, {found['trainings']} trainings; two trainings agree: {found['agreement of two trainings of a subset']}")  # fmt: skip
    for row in found["all"]:
        other = natural[row["measure"]]
        print(f"| {row['label']} | {row['rho']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) | {other['rho']:+.2f} ({other['low']:+.2f} to {other['high']:+.2f}) |")  # fmt: skip
    for kind, (difference, low, high) in found["over random"].items():
        print(f"| {kind} | {len(found['scores'][kind]['each'])} | {difference:+.1f} ({low:+.1f} to {high:+.1f}) |")
    for kind, score in found["scores"].items():
        print(f"{kind}: {score['mean']:.1f}  ({', '.join(f'{value:.1f}' for value in score['each'])})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the run and of the results")
    parser.add_argument("--embed", help="a model of embeddings besides hashed words, as in hf/./all-MiniLM-L6-v2")
    parser.add_argument("--seeds", type=int, default=1, help="finetuning seeds per subset")
    parser.add_argument("--table", type=Path, help="write the correlations here")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    results = args.out / "results.jsonl"
    state = grown(args.out)
    rows = rows_of(state)
    pool = Pool(rows, state, args.embed, args.out / "vectors")
    prompts = evaluation_rows(
        {seed.instruction for seed in state.seeds} | {task.text for task in state.accepted}, PHRASINGS
    )
    print(f"{len(rows)} rows of {len({row['family'] for row in rows})} families, {len(prompts)} prompts", flush=True)
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    every = list(subsets(pool))
    order = random.Random("order").sample(range(len(every)), len(every))  # a part of them has some of each kind
    for seed, number in itertools.product(range(7, 7 + args.seeds), order):
        name, places = every[number]
        if any(row["subset"] == name and row["seed"] == seed for row in done):
            continue
        score, exact, seconds = trained([rows[place] for place in places], seed, prompts)
        row = {"subset": name, "seed": seed, "score": score, "exact": exact, "seconds": seconds, "measures": measures_of(pool, places)}  # fmt: skip
        done.append(row)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{len(done):3} {name:16} seed {seed}: {score:.1f} (exact {exact:.1f}; {seconds} s)", flush=True)
    found = table(done)
    if args.table is not None:
        args.table.write_text(json.dumps(found, indent=1) + "\n")
    show(found)


if __name__ == "__main__":
    main()
