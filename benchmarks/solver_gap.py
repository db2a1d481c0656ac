"""Measure the check `solver-gap` in the pocket model's world, where the truth is known.

    python benchmarks/solver_gap.py --out DIR [--tasks 100] [--reuse RUN]

The strong solver is the shipped pocket model, asked with the recipe's solved examples. The weak one is a checkpoint of it after 40
steps of finetuning on right rows that the world's grammar wrote, asked without examples. A strict reader judges every instance
and every answer. An instance is useful if it is right and if, over further answers of both solvers, the strong one is right in
65% or more and the weak one in less than 50%, at least 20 points apart. The same command resumes a measurement that was
interrupted. It needs bootstruct[local,train].
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import yaml

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Check
from bootstruct.evaluation.intervals import mean_interval
from bootstruct.journal.file import journal_path
from bootstruct.journal.state import State
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import check_instance
from bootstruct.run.folder import read_run
from bootstruct.run.status import status_of
from bootstruct.run.task_provenance import counted_reply
from bootstruct.stages.instance_checks import InstanceChecks, check_keys
from bootstruct.stages.parsing.check_replies import parse_answer
from bootstruct.types import CheckVerdict, Reply

TUNED_PROMPT = "{{ instruction }}\n{% if input %}{{ input }}\n{% endif %}Answer:"  # a format of the finetuning
SOLVER = {"prompt": TUNED_PROMPT, "sampling": {"temperature": 1.0, "max_tokens": 60, "stop": ["\n"]}}
ROWS, STEPS, SAMPLES = 8000, 40, 4
SETTINGS: dict[str, dict[str, Any]] = {
    "all three thresholds": {},
    "`strong_at_least` alone": {"weak_below": 1.01, "gap": -1.0},
    "`weak_below` alone": {"strong_at_least": 0.0, "gap": -1.0},
    "`gap` alone": {"strong_at_least": 0.0, "weak_below": 1.01},
    "strong 1, weak 0": {"strong_at_least": 1.0, "weak_below": 0.01},
}


@dataclass(frozen=True)
class Case:
    """An instance with the verdict of the check, whether it is right, and how often each solver is right about it."""

    task: str
    verdict: CheckVerdict
    is_right: bool
    weak: float
    strong: float

    @property
    def is_useful(self) -> bool:
        return self.is_right and self.strong >= 0.65 and self.weak < 0.5 and self.strong - self.weak >= 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--reuse", type=Path, help="a run of the recipe pocket whose replies are used")
    args = parser.parse_args()
    make(args.out, args.tasks, args.reuse)
    state, journal = read_run(args.out / "gap"), journal_path(args.out / "gap")
    further, answers = read_run(args.out / "further"), journal_path(args.out / "further")
    print(table(state, journal, further, answers))
    spent = status_of(state, Prices()).checks[0]
    print(f"\n{spent.requests:,} requests, {spent.prompt_tokens + spent.completion_tokens:,} tokens")
    print("\nrejected as:", spent.rejected)
    cases = list(cases_of(state, journal, further, answers, state.recipe.checks[0]))
    weak, strong = (
        sum(values) / len(cases) for values in zip(*((case.weak, case.strong) for case in cases), strict=True)
    )
    print(f"\nanswers right by the strict reader: weak {weak:.0%}, strong {strong:.0%}")


def make(out: Path, tasks: int, reuse: Path | None) -> None:
    """Make the two models, the run with the check, and a run with further answers of both solvers."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "pocket").is_dir():
        shutil.copytree(str(resources.files("bootstruct") / "pocket" / "model"), out / "pocket")
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in right_rows(ROWS)))
    if not (out / "weak" / "config.json").is_file():
        options = ("--max-steps", STEPS, "--held-out", 0, "--no-seeds", "--quiet")
        command(out, "finetune", "rows.jsonl", "--model", "pocket", "--out", "weak", *options)
    check = {"kind": "solver-gap", "name": "gap", "weak": {"model": "weak", **SOLVER}, "strong": {"model": "pocket"}}
    grow(out, "gap", check, tasks, () if reuse is None else ("--reuse", reuse.resolve()))
    further = check | {"name": "further", "samples": SAMPLES, "strong_at_least": 0.0, "weak_below": 1.01, "gap": 0.0}
    grow(out, "further", further, tasks, ("--reuse", "gap"))


def grow(out: Path, name: str, check: dict[str, Any], tasks: int, options: tuple[object, ...]) -> None:
    """Make a run of the recipe `pocket` with this check, and bring it to its goal."""
    if not (out / name / "recipe.yaml").is_file():
        command(out, "init", name, "--recipe", "pocket", "--model", "hf/pocket")
        with (out / name / "recipe.yaml").open("a") as recipe:
            recipe.write("\n" + yaml.safe_dump({"checks": [check]}))
    command(out, "generate", name, "--tasks", tasks, "--quiet", *options)


def right_rows(count: int) -> Iterator[dict[str, str]]:
    """Yield instructions of all families with right instances."""
    rng, names = Random("right rows"), sorted(FAMILIES)
    for _ in range(count):
        family = FAMILIES[rng.choice(names)]
        params = family.params(rng)
        given, output = family.instance(rng, params)
        yield {"instruction": family.instruction(rng, params), "input": given, "output": output}


def cases_of(state: State, journal: Path, further: State, answers: Path, check: Check) -> Iterator[Case]:
    """Yield every instance that the strict reader can judge, with its verdict under a setting of the check."""
    checks, many = InstanceChecks(replace(state.recipe, checks=(check,))), further.recipe.checks[0]
    for task in state.completed_tasks:
        for number, instance in enumerate(state.completed[task.name].instances):
            truth = check_instance(task.text, instance.input, instance.output)
            replies = recorded(state, journal, check_keys(check, task, number))
            more = recorded(further, answers, check_keys(many, task, number))
            if truth in ("right", "wrong", "bad input") and len(replies) == check.asks and len(more) == many.asks:
                right = [check_instance(task.text, instance.input, parse_answer(r.text)) == "right" for r in more]
                weak, strong = (sum(part) / many.samples for part in (right[: many.samples], right[many.samples :]))
                yield Case(
                    task.name, checks.judge(check, task, number, instance, replies), truth == "right", weak, strong
                )


def recorded(state: State, journal: Path, keys: list[str]) -> list[Reply]:
    found = [counted_reply(state, journal, key) for key in keys]
    return [event.reply for event in found if event is not None]


def table(state: State, journal: Path, further: State, answers: Path) -> str:
    columns = ("kept", "right among kept", "useful among kept", "kept among useful", "not right among `too hard`",
               "`too hard` among not right", "rejected among right and not useful")  # fmt: skip
    lines = [f"| setting | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    none = {"strong_at_least": 0.0, "weak_below": 1.01, "gap": -1.0}
    for name, values in {"none": none, **SETTINGS}.items():
        check = replace(state.recipe.checks[0], **values)
        cases = list(cases_of(state, journal, further, answers, check))
        kept = [case for case in cases if case.verdict.kept]
        hard = [case for case in cases if case.verdict.rule == "too hard"]
        cells = [
            share(kept, lambda case: case.is_right),
            share(kept, lambda case: case.is_useful),
            share([case for case in cases if case.is_useful], lambda case: case.verdict.kept),
            share(hard, lambda case: not case.is_right),
            share([case for case in cases if not case.is_right], lambda case: case.verdict.rule == "too hard"),
            share([c for c in cases if c.is_right and not c.is_useful], lambda case: not case.verdict.kept),
        ]
        lines.append(f"| {name} | {len(kept)} of {len(cases)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def share(cases: list[Case], holds: Callable[[Case], bool]) -> str:
    """Return a share in percent with its 95% interval, for which whole tasks are resampled."""
    if not cases:
        return "-"
    values = [float(holds(case)) for case in cases]
    interval = mean_interval(values, [case.task for case in cases], 100)
    between = f" [{interval.low:.0f}, {interval.high:.0f}]" if interval else ""
    return f"{100 * sum(values) / len(values):.0f}%{between}"


def command(folder: Path, *words: object) -> None:
    """Run a command of bootstruct in a folder, in which the names of the models are folders."""
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **os.environ}
    words = (sys.executable, "-m", "bootstruct", *map(str, words))
    subprocess.run(words, check=True, env=environment, cwd=folder)


if __name__ == "__main__":
    main()
