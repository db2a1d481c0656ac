"""The whole of Self-Instruct on this machine, with the commands that anybody could type.

A real language model (the pocket model) invents tasks, tells classification, writes instances, is finetuned on what
survived the filters, and is measured before and after on prompts it has not seen. What it shows is the mechanism: one
grammar wrote the model's corpus, checks the instances and makes the evaluation.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bootstruct.errors import BadInput, StoppedShort
from bootstruct.events import State
from bootstruct.files import write_whole
from bootstruct.pocket.families import FAMILIES
from bootstruct.pocket.held_out import HELD_OUT
from bootstruct.pocket.reading import check_instance
from bootstruct.stages.rouge import rouge_l

HEADLINE = "{{ instruction }}\n{% if input %}{{ input }}\n{% endif %}Answer:"  # the one format absent from the corpus
STEPS = 80  # of finetuning; an earlier, smaller study: more steps overfit
PHRASINGS = 2  # evaluation prompts a family
NEW_TOKENS = 40
Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One model's ROUGE-L (stemmer, x100): over all prompts, over families in some seed, over families in none."""

    model: str
    all: float
    seeded: float
    held_out: float


def evaluation_rows(known: set[str], sample: int = 0) -> list[Json]:
    """Prompts of every family with one right answer, as user-oriented tasks; those in `known` (seen or generated) are
    left out. `motivation_app` says whether the family is in some seed. Equal `sample`, equal rows."""
    rows: list[Json] = []
    for name, family in FAMILIES.items():
        for number in range(PHRASINGS if family.accept is None else 0):
            rng = Random(f"evaluation/{sample}/{name}/{number}")
            params = family.params(rng)
            instruction = family.instruction(rng, params)
            given, output = family.instance(rng, params)
            if instruction not in known:
                group = "held out" if name in HELD_OUT else "seeded"
                task: Json = {"id": f"eval_{len(rows)}", "motivation_app": group, "instruction": instruction}
                rows.append(task | {"instances": [{"input": given, "output": output}]})
    return rows


def verified(state: State) -> Counter[str]:
    """What the micro-world's strict reader says of each kept instance: right, wrong, unread, ambiguous, bad input."""
    texts = {task.name: task.text for task in state.machine}
    return Counter(
        check_instance(texts[annotated.task], instance.input, instance.output)
        for annotated in state.annotated.values()
        for instance in annotated.instances
    )


def score(name: str, predictions: Iterable[Json], groups: dict[str, str], cut: bool) -> Line:
    """ROUGE-L of predictions (`id`, `response`, `target`), overall and by group; `cut` ends answers at the first line."""
    scores: dict[str, list[float]] = {"seeded": [], "held out": []}
    for row in predictions:
        text = row["response"].strip()
        text = text.split("\n", 1)[0] if cut else text
        scores[groups[row["id"]]].append(100 * rouge_l(row["target"], text, tokenizer="rouge-stemmed"))
    both = scores["seeded"] + scores["held out"]
    means = [sum(each) / len(each) if each else 0.0 for each in (both, scores["seeded"], scores["held out"])]
    return Line(name, *means)


def seeds_as_data(state: State) -> list[Json]:
    """The seeds as instruction data, for the baseline that is tuned on them alone."""
    return [
        {"instruction": seed.instruction, "input": each.input, "output": each.output}
        for seed in state.seeds
        for each in seed.instances
    ]


def jsonl(path: Path, rows: Iterable[Json]) -> Path:
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return path


def run_command(words: list[str], folder: Path, say: Say) -> None:
    """Show a command and run it in `folder`. Raises StoppedShort or BadInput where it fails, as it did."""
    say(f"\n$ bootstruct {' '.join(words)}")
    done = subprocess.run([sys.executable, "-m", "bootstruct", *words], cwd=folder, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        failed = StoppedShort if done.returncode == 1 else BadInput
        raise failed(f"the demo ends here: `bootstruct {words[0]}` ended with {done.returncode}, in {folder}.")


def grow(folder: Path, model: str, tasks: int, say: Say) -> None:
    """From the pocket seeds to a verified run."""
    if not (folder / "run").is_dir():
        run_command(["init", "run", "--recipe", "pocket", "--model", model], folder, say)
    run_command(["generate", "run", "--tasks", str(tasks)], folder, say)
    run_command(["status", "run"], folder, say)
    run_command(["verify", "run"], folder, say)


def tune_and_evaluate(folder: Path, state: State, model: str, say: Say) -> list[Line]:
    """Finetune on the seeds alone and on seeds and generated tasks; evaluate these and the model as it was."""
    known = {seed.instruction for seed in state.seeds} | {task.text for task in state.machine}
    rows = evaluation_rows(known)
    jsonl(folder / "evaluation.jsonl", rows)
    write_whole(folder / "headline.jinja", HEADLINE.encode())
    jsonl(folder / "seeds.jsonl", seeds_as_data(state))
    base = model.removeprefix("hf/")
    for source, out in (("seeds.jsonl", "tuned-on-seeds"), ("run", "tuned")):
        if not (folder / out / "config.json").is_file():
            words = ["finetune", source, "--model", base, "--out", out, "--max-steps", str(STEPS)]
            run_command([*words, "--held-out", "0", "--quiet"], folder, say)
    names = {
        model: "as it was",
        "hf/./tuned-on-seeds": "tuned on the seeds only",
        "hf/./tuned": "tuned on self-instruct",
    }
    for name in names:
        words = ["evaluate", "user-tasks", "--model", name, "--tasks", "evaluation.jsonl", "--prompt", "headline.jinja"]
        place = f"evaluations/{names[name].replace(' ', '-')}"
        run_command([*words, "--new-tokens", str(NEW_TOKENS), "--out", place, "--quiet"], folder, say)
    groups = {row["id"]: row["motivation_app"] for row in rows}
    lines = []
    for told in names.values():
        found = next((folder / "evaluations" / told.replace(" ", "-")).glob("*/predictions.jsonl"))
        predictions = [json.loads(line) for line in found.read_text(encoding="utf-8").split("\n") if line]
        lines.append(score(f"{told}, whole answer", predictions, groups, cut=False))
        lines.append(score(f"{told}, first line", predictions, groups, cut=True))
    return lines
