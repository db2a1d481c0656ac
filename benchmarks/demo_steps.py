"""Choose the steps and the learning rate of the demo's finetuning, and the best prompt format for the untuned model.

    python benchmarks/demo_steps.py --run out/demo/run
    python benchmarks/demo_steps.py --run out/demo/run --steps 40,80 --rates 5e-4 --prompts 1    a small grid
    python benchmarks/demo_steps.py --run out/demo/run --formats                                 the formats only

The choice is made on a development set, never on the evaluation. For the baseline (the seeds only) and for the self-instruct
model alike, every pair of the grid is trained with each finetuning seed. The models get prompts of the same families as the
evaluation, but in phrasings and with inputs that the evaluation does not have. The results are kept in a file beside the run
(--out), so nothing is trained twice. The choice belongs in src/bootstruct/pocket/demo/experiment_configs.py.
"""

import argparse
import contextlib
import io
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootstruct.evaluation.cases import EvaluationCase
from bootstruct.evaluation.user_tasks import user_prompt
from bootstruct.finetuning.run import finetune
from bootstruct.finetuning.settings import FinetuneSettings, MixturePart
from bootstruct.pocket.demo.evaluation_data import NEITHER, NEW_TOKENS, development_rows, family_groups
from bootstruct.pocket.demo.formats import FEW_SHOT, FORMATS, HEADLINE, format_template
from bootstruct.pocket.demo.options import RUN
from bootstruct.pocket.demo.scores import in_run, mean_of, score_answers
from bootstruct.pocket.demo.training_data import seed_rows_in_all_templates
from bootstruct.pocket.demo.write_data import write_jsonl
from bootstruct.run.folder import read_run
from bootstruct.types import Prompt, Sampling

BATCH = 48
SEEDS = "seeds.jsonl"
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a run of the pocket model, as the demo grows it")
    parser.add_argument("--steps", type=numbers, default=[20, 40, 80, 160], help="steps, with commas")
    parser.add_argument("--rates", type=numbers, default=[2.5e-4, 5e-4, 1e-3], help="learning rates, with commas")
    parser.add_argument("--seeds", type=numbers, default=[7, 8], help="finetuning seeds, with commas")
    parser.add_argument("--prompts", type=int, default=2, help="prompts per family")
    parser.add_argument("--model", default="pocket", help="the base model: pocket, or a folder")
    parser.add_argument("--out", type=Path, help="[default: demo-steps.jsonl beside the run]")
    parser.add_argument("--formats", action="store_true", help="only the formats of the model as it was")
    args = parser.parse_args()
    out = args.out or args.run.parent / "demo-steps.jsonl"
    state = read_run(args.run)
    rows = development_rows(
        {seed.instruction for seed in state.seeds} | {task.text for task in state.accepted}, args.prompts
    )
    families = len({row["family"] for row in rows})
    print(
        f"{len(rows)} development prompts of {families} families; {len(state.accepted)} tasks in {args.run}", flush=True
    )
    if args.formats:
        formats(args.model, rows)
        return
    groups = family_groups([seed.instruction for seed in state.seeds], [task.text for task in state.accepted])
    done = [json.loads(text) for text in out.read_text().splitlines()] if out.is_file() else []
    with tempfile.TemporaryDirectory(prefix="bootstruct-steps-") as name:
        sources = {SEEDS: write_jsonl(Path(name) / SEEDS, seed_rows_in_all_templates(state)), RUN: args.run}
        grid = itertools.product(sources, args.seeds, args.rates, args.steps)
        for number, (source, seed, rate, steps) in enumerate(grid):
            point = {"source": source, "steps": int(steps), "rate": rate, "seed": int(seed), "prompts": len(rows)}
            if any(point.items() <= row.items() for row in done):
                continue
            row = point | measured(sources[source], point, args.model, Path(name) / str(number), rows, groups)
            done.append(row)
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(result(row), flush=True)
    for source in sources:
        table([row for row in done if row["source"] == source and row["prompts"] == len(rows)], source)


def numbers(text: str) -> list[float]:
    """Return the numbers of a list with commas."""
    return [float(part) for part in text.split(",")]


def measured(source: Path, point: Json, model: str, out: Path, rows: Sequence[Json], groups: Any) -> Json:
    """Train one point of the grid; return its scores on the development prompts in percent, and the seconds it took."""
    settings = FinetuneSettings(
        mixture=(MixturePart(str(source)),), held_out=0.0, max_steps=point["steps"], learning_rate=point["rate"],
        seed=point["seed"],
    )  # fmt: skip
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        finetune(model, out, settings, False, lambda _line: None)
    trained = time.monotonic()
    answers = in_run(score_answers(ask(str(out), rows), rows), 1, groups)
    first_line = mean_of(answers, "first_line")
    assert first_line.interval is not None
    return {
        "first line": first_line.value,
        "neither": mean_of(answers, "first_line", NEITHER).value,
        "interval": [first_line.interval.low, first_line.interval.high],
        "whole": mean_of(answers, "whole").value,
        "seconds": [round(trained - began, 1), round(time.monotonic() - trained, 1)],
    }


def formats(model: str, rows: Sequence[Json]) -> None:
    """Print the scores of the untuned model in every prompt format."""
    from bootstruct.engines.local.load import place_of

    place = place_of(model, is_pocket=model == "pocket")
    for name in (*FORMATS, FEW_SHOT):
        answers = score_answers(ask(place, rows, format_template(name)), rows)
        whole, cut = (mean_of(answers, measure).value for measure in ("whole", "first_line"))
        print(f"{name:16} whole {whole:5.1f}, first line {cut:5.1f}", flush=True)


def ask(folder: str, rows: Sequence[Json], template: str = HEADLINE) -> list[Json]:
    """Return greedy answers to the prompts in a format."""
    from bootstruct.engines.local.load import load

    model = load(folder)
    cases = [
        EvaluationCase(row["family"], row["id"], row["instruction"], row["instances"][0]["input"], ()) for row in rows
    ]
    sampling = Sampling(max_tokens=NEW_TOKENS)
    prompts = [Prompt("predict", "m", sampling, 0, text=user_prompt(template, case)) for case in cases]
    replies: list[Any] = []
    for start in range(0, len(prompts), BATCH):
        replies += model.generate(prompts[start : start + BATCH], lambda: False)
    targets = [row["instances"][0]["output"] for row in rows]
    return [
        {"id": case.instance, "response": reply.text, "target": target}
        for case, reply, target in zip(cases, replies, targets, strict=True)
    ]


def result(row: Json) -> str:
    """Return one line for a point of the grid."""
    return (
        f"{row['source']:16} seed {row['seed']}, {row['steps']:4} steps at {row['rate']:.2g}: {row['first line']:5.1f} "
        f"[{row['interval'][0]:.1f}, {row['interval'][1]:.1f}] (whole {row['whole']:.1f}; neither {row['neither']:.1f}); "
        f"{row['seconds'][0]} + {row['seconds'][1]} s"
    )


def table(rows: Sequence[Json], source: str) -> None:
    """Print the means over finetuning seeds as a Markdown table, and the best pair.

    Among equal pairs, the one with fewer steps is best.
    """
    cells: dict[tuple[int, float], list[float]] = {}
    for row in rows:
        cells.setdefault((row["steps"], row["rate"]), []).append(row["first line"])
    means = {pair: statistics.fmean(values) for pair, values in cells.items()}
    rates = sorted({rate for _, rate in means})
    print(f"\n| {source}: steps | " + " | ".join(f"{rate:g}" for rate in rates) + " |\n|---|" + "---:|" * len(rates))
    for steps in sorted({steps for steps, _ in means}):
        shown = (f"{means[steps, rate]:.1f}" if (steps, rate) in means else "" for rate in rates)
        print(f"| {steps} | " + " | ".join(shown) + " |")
    steps, rate = max(means, key=lambda pair: (means[pair], -pair[0]))
    print(f"\nBest for {source}: {steps} steps at {rate:g} ({means[steps, rate]:.1f})")


if __name__ == "__main__":
    main()
