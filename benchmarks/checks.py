"""Measure what checks of instances find, in the pocket model's world, where the truth is known.

    python benchmarks/checks.py --out DIR          makes a pocket run, checks it, and prints the tables (also in DIR/tables.md)
    python benchmarks/checks.py --out DIR --tasks 300 --seeded 150

A strict reader knows for every instance whether it is right. The checks look for two kinds of errors: those that the model
made, and those that this script puts into right instances. The same command resumes a measurement that was interrupted. It
needs bootstruct[local,train].
"""

import argparse
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson
from checks_cases import WAYS, Case, Key, own_cases, seeded_cases

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import shipped_seeds
from bootstruct.evaluation.intervals import mean_interval
from bootstruct.io.rows import read_rows
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.novelty.rouge import rouge_l
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import ReadTask, read_instruction
from bootstruct.run.folder import read_run
from bootstruct.run.status import CheckStatus, status_of
from bootstruct.stages.contamination import LEAST_INPUT, KeepAwayIndex
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.types import Instance

Z = 1.96
TUNED_PROMPT = "{{ instruction }}\n{% if input %}{{ input }}\n{% endif %}Answer:"  # a format of the finetuning
MEASURED: dict[str, dict[str, object]] = {  # name -> settings beyond the shipped ones
    "agreement": {"kind": "agreement"},
    "agreement-rouge": {"kind": "agreement", "measure": "rouge"},
    "rubric": {"kind": "rubric"},
    "back-check": {"kind": "back-check"},
    "agreement-cool": {
        "kind": "agreement",
        "ask": {"sampling": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 60, "stop": ["\n"]}},
    },
}
PAIRED = ("agreement", "back-check", "rubric")  # in the order in which a run makes them, for the row of all three


@dataclass
class Outcome:
    """The result of one check that was made on every case.

    Attributes:
        rejected: whether the check rejected the case.
        scores: the score of the case; None if the answer was unreadable.
        spent: the requests and tokens that the check took.
        fewer: what the check would have rejected with its first reply only, with its first two replies, and so on.
    """

    rejected: dict[Key, bool]
    scores: dict[Key, float | None]
    spent: CheckStatus
    fewer: list[dict[Key, bool]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=150)
    parser.add_argument("--seeded", type=int, default=120, help="right instances that errors are seeded into")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    base, tuned = args.out / "base", args.out / "tuned"
    if not base.is_dir():
        run("init", base, "--recipe", "pocket")
    run("generate", base, "--tasks", args.tasks, "--quiet")
    if not (tuned / "config.json").is_file():
        run("finetune", base, "--model", "pocket", "--out", tuned, "--max-steps", 80, "--held-out", 0, "--quiet")
    state = read_run(base)
    own, unknown = own_cases(state)
    seeded = seeded_cases(state, own, args.seeded)
    lines = [
        f"{len(state.accepted)} tasks, {len(own)} instances that the reader knows, {unknown} that it does not.",
        "",
    ]
    for who in ("pocket", "tuned"):
        done = {name: checked(args.out, base, who, name, own, "own") for name in MEASURED}
        more = {name: checked(args.out, base, who, name, seeded, "seeded") for name in MEASURED}
        lines += [f"## Answered by {'the pocket model as it is' if who == 'pocket' else 'the finetuned one'}", ""]
        lines += [*own_table(own, done), "", *seeded_table(seeded, more), "", *thresholds(own, seeded, done, more), ""]
        lines += [*samples_table(own, done), ""]
    lines += [*ceiling(state), "", *decontamination(state, own)]
    text = "\n".join(lines)
    (args.out / "tables.md").write_text(text + "\n")
    print(text)


def run(*words: object) -> None:
    """Run a command of bootstruct; raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "bootstruct", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"OMP_NUM_THREADS": "1", **os.environ})


# One check of all cases, as a run of its own


def checked(out: Path, base: Path, who: str, name: str, cases: dict[Key, Case], kind: str) -> Outcome:
    """Check the cases with one check and return the outcome.

    The check is made by a run of its own, which `bootstruct generate` completes: the run `base` with the cases in place of its
    instances, and with this check alone in its recipe.
    """
    folder = out / f"{who}-{name}-{kind}"
    # The answers depend neither on the output nor on the measure.
    same = out / f"{who}-{name.removesuffix('-rouge')}-own"
    recipe = recipe_with(out, name, str(out / "tuned") if who == "tuned" else "")
    if not (folder / "journal.jsonl").is_file():
        folder.mkdir()
        (folder / "machine.yaml").write_text(f"engine: {'hf' if who == 'tuned' else 'pocket'}\n")
        rows = (orjson.dumps(to_json(event)) + b"\n" for event in with_cases(base, recipe, cases))
        (folder / "journal.jsonl").write_bytes(b"".join(rows))
    reuse = ("--reuse", same) if name.startswith("agreement") and folder != same else ()
    run("generate", folder, "--tasks", 1, "--quiet", *reuse)
    state = read_run(folder)
    verdicts = {(task, v.instance): v for task, entry in state.checked.items() for v in entry[0].verdicts}
    assert verdicts.keys() == cases.keys()
    spent = status_of(state, Prices()).checks[0]
    rejected = {key: not v.kept for key, v in verdicts.items()}
    return Outcome(rejected, {key: v.score for key, v in verdicts.items()}, spent, fewer(folder, state, cases))


def fewer(folder: Path, state: State, cases: dict[Key, Case]) -> list[dict[Key, bool]]:
    """Return what an agreement check would have rejected with only its first reply, its first two replies, and so on."""
    check, checks = state.recipe.checks[0], InstanceChecks(state.recipe)
    if check.kind != "agreement":
        return []
    replies = {
        event.key: event.reply for _, event in read_events(folder / "journal.jsonl") if isinstance(event, ReplyReceived)
    }
    texts, found = {task.name: task for task in state.accepted}, []
    for count in range(1, check.samples + 1):
        found.append({})
        for (task, n), case in cases.items():
            given = [replies[f"check/{task}/{check.name}/{n}/{sample}"] for sample in range(count)]
            found[-1][task, n] = not checks.judge(check, texts[task], n, case.instance, given).kept
    return found


def recipe_with(out: Path, name: str, tuned: str) -> Recipe:
    """Return the pocket recipe with one check in the settings that the package has for it.

    A finetuned model is asked in a format that it was trained on.
    """
    check: dict[str, Any] = dict(MEASURED[name])
    if tuned:
        check["ask"] = check.get("ask", {}) | {"model": str(Path(tuned).resolve())}
        if check["kind"] == "agreement":
            check["ask"] |= {"prompt": TUNED_PROMPT}
    text = (Path(str(recipe_folder("pocket"))) / "recipe.yaml").read_text()
    place = out / "recipe.yaml"
    place.write_text(text + f"\nchecks: {orjson.dumps([check]).decode()}\n")
    return read_recipe(place)


def with_cases(base: Path, recipe: Recipe, cases: dict[Key, Case]) -> Iterator[Event]:
    """Yield the events of the run `base`, with another recipe and with the cases as the instances."""
    by_task: dict[str, list[Instance]] = {}
    for (task, _), case in cases.items():
        by_task.setdefault(task, []).append(case.instance)
    for _, event in read_events(base / "journal.jsonl"):
        if isinstance(event, RunStarted):
            yield dataclasses.replace(event, recipe=recipe)
        elif isinstance(event, TaskCompleted):
            yield dataclasses.replace(event, instances=tuple(by_task.get(event.task, ())), rejected=())
        else:
            yield event


# The tables


def result(values: list[bool], groups: list[str]) -> str:
    """Return a share in percent with its 95% interval, for which whole tasks are resampled."""
    if not values:
        return "-"
    share, tasks = sum(values) / len(values), len(set(groups))
    if share in (0, 1):  # resampling finds no variation here: Wilson's bound over tasks
        bound = 100 * Z**2 / (tasks + Z**2)
        return f"{100 * share:.0f}% " + (f"[{100 - bound:.0f}, 100]" if share else f"[0, {bound:.0f}]")
    interval = mean_interval([float(v) for v in values], groups, scale=100)
    between = f" [{interval.low:.0f}, {interval.high:.0f}]" if interval else ""
    return f"{100 * share:.0f}%{between}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def row_of(name: str, cases: dict[Key, Case], rejected: dict[Key, bool], cost: list[str]) -> list[str]:
    """Return the row of a check for the table of the model's own errors."""

    def share(of: Callable[[Case], bool], among: Callable[[Key], bool]) -> str:
        keys = [key for key in cases if among(key)]
        return result([of(cases[key]) for key in keys], [cases[key].task for key in keys])

    def caught(among: Callable[[Case], bool]) -> str:
        keys = [key for key in cases if among(cases[key])]
        return result([rejected[key] for key in keys], [cases[key].task for key in keys])

    return [
        name,
        share(lambda case: not case.truth, lambda key: rejected[key]),
        caught(lambda case: not case.truth),
        caught(lambda case: not case.truth and case.fits),
        caught(lambda case: not case.fits),
        caught(lambda case: case.truth),
        share(lambda case: case.truth, lambda key: not rejected[key]),
        str(sum(not entry for entry in rejected.values())),
        *cost,
    ]


def own_table(cases: dict[Key, Case], done: dict[str, Outcome]) -> list[str]:
    """Return the table of the model's own errors."""
    wrong, misfits = (
        sum(not flag for flag in flags)
        for flags in ([c.truth for c in cases.values()], [c.fits for c in cases.values()])
    )
    head = ["check", "wrong among refused (precision)", "refused among wrong (recall)", "of wrong outputs", "of inputs that do not fit",
            "refused among right", "right among kept", "kept", "unreadable", "requests", "tokens"]  # fmt: skip
    rows = [row_of("none", cases, dict.fromkeys(cases, False), ["", "0", "0"])]
    for name, outcome in done.items():
        spent = done["agreement"].spent if name == "agreement-rouge" else outcome.spent
        cost = [f"{spent.requests:,}", f"{spent.prompt_tokens + spent.completion_tokens:,}"]
        rows.append(row_of(name, cases, outcome.rejected, [str(outcome.spent.unreadable), *cost]))
    together = {key: any(done[name].rejected[key] for name in PAIRED) for key in cases}
    rows.append(row_of(", ".join(PAIRED), cases, together, ["", *chained(cases, done)]))
    written = (
        f"The model's own errors: {wrong} wrong of {len(cases)}, {misfits} of them inputs that do not fit the task."
    )
    return [written, "", *table(head, rows)]


def samples_table(own: dict[Key, Case], done: dict[str, Outcome]) -> list[str]:
    """Return the table of agreement checks with fewer replies, computed from the replies of the full check."""
    rows = []
    for name in ("agreement", "agreement-cool"):
        for count, rejected in enumerate(done[name].fewer, 1):
            row = row_of(name, own, rejected, [])
            rows.append([row[0], str(count), *row[1:3], *row[5:8]])
    head = ["check", "replies", "precision", "recall", "refused among right", "right among kept", "kept"]
    return ["Fewer replies.", "", *table(head, rows)]


def chained(cases: dict[Key, Case], done: dict[str, Outcome]) -> list[str]:
    """Return the requests and tokens of the three checks in sequence, as in a run, where nothing rejected is checked again."""
    left, requests, tokens = set(cases), 0.0, 0.0
    for name in PAIRED:
        spent, share = done[name].spent, len(left) / len(cases)
        requests += share * (spent.requests + spent.reused)
        tokens += share * (spent.prompt_tokens + spent.completion_tokens)
        left -= {key for key in left if done[name].rejected[key]}
    return [f"about {requests:,.0f}", f"about {tokens:,.0f}"]


def seeded_table(cases: dict[Key, Case], done: dict[str, Outcome]) -> list[str]:
    """Return the recall by kind of injected error, and in the last column the share of unchanged instances that is rejected."""
    head = ["check", *(f"{kind} ({sum(c.seeded == kind for c in cases.values())})" for kind in WAYS),
            f"as they were ({sum(c.truth for c in cases.values())})"]  # fmt: skip
    rows = []
    for name, outcome in done.items():
        rows.append([name])
        for kind in (*WAYS, ""):
            keys = [key for key, case in cases.items() if case.seeded == kind]
            rows[-1].append(result([outcome.rejected[key] for key in keys], [cases[key].task for key in keys]))
    return ["Seeded errors: how many of each kind are refused.", "", *table(head, rows)]


def thresholds(
    own: dict[Key, Case], seeded: dict[Key, Case], done: dict[str, Outcome], more: dict[str, Outcome]
) -> list[str]:
    """Return what other thresholds reject, given the same replies: of wrong and right outputs and of injected errors."""
    rows = []
    for name, steps in (("agreement", (0.2, 0.4, 0.6, 0.8, 1.0)), ("agreement-cool", (0.2, 0.4, 0.6, 0.8, 1.0)), ("agreement-rouge", (0.3, 0.5, 0.7, 0.9)),
                        ("back-check", (0.2, 0.3, 0.4, 0.5, 0.6)), ("rubric", (1, 2, 3, 4))):  # fmt: skip
        for step in steps:
            shares = []
            for cases, outcome, truth in (
                (own, done[name], False),
                (own, done[name], True),
                (seeded, more[name], False),
            ):
                keys = [key for key, case in cases.items() if case.truth is truth]
                rejected = [(score := outcome.scores[key]) is not None and score < step for key in keys]
                shares.append(f"{100 * sum(rejected) / max(1, len(rejected)):.0f}%")
            rows.append([name, f"{step:g}" if name != "rubric" else str(step + 1), *shares])
    head = ["check", "kept at or above", "own wrong refused", "own right refused", "seeded wrong refused"]
    return ["Other thresholds, from the same replies.", "", *table(head, rows)]


def ceiling(state: State) -> list[str]:
    """Return the ROUGE-L scores that a perfect back-check could reach.

    The perfect back-check writes another phrasing of the very same task. The scores of another task are given for comparison.
    """
    rng, same, other = Random("ceiling"), list[float](), list[float]()
    for task in state.accepted:
        known = read_instruction(task.text)
        if isinstance(known, ReadTask):
            strange = rng.choice([family for family in FAMILIES.values() if family.name != known.family.name])
            same.append(max(rouge_l(task.text, known.family.instruction(rng, known.params)) for _ in range(3)))
            other.append(max(rouge_l(task.text, strange.instruction(rng, strange.params(rng))) for _ in range(3)))
    rows = [
        [
            f"{least:g}",
            *(f"{100 * sum(score >= least for score in scores) / len(scores):.0f}%" for scores in (same, other)),
        ]
        for least in (0.2, 0.3, 0.4, 0.5, 0.6)
    ]
    head = ["ROUGE-L at least", "best of 3 phrasings of the same task", "best of 3 of another task"]
    return ["## What ROUGE-L can tell of an instruction", "", *table(head, rows)]


def decontamination(state: State, own: dict[Key, Case]) -> list[str]:
    """Return how often items of a test set that were put into the run, changed or not, are found. No model is asked."""
    rng, texts = Random("planted"), {task.name: task.text for task in state.accepted}
    cases = rng.sample(list(own.values()), min(200, len(own)))
    plants: dict[str, Callable[[str, str], list[str]]] = {
        "the same instruction": lambda text, given: [text],
        "a sentence before it": lambda text, given: [f"Please help me with this. {text}"],
        "one word of it changed": lambda text, given: [_word_changed(rng, text)],
        "its words in another order": lambda text, given: [_shuffled(rng, text)],
        "the input alone, of 5 words or more": lambda text, given: [given] if len(given.split()) >= LEAST_INPUT else [],
    }
    rows = []
    for name, plant in plants.items():
        found = []
        for case in cases:
            if item := plant(texts[case.task], case.instance.input):
                away = KeepAwayIndex(item)
                found.append(away.find(texts[case.task], (case.instance.input, case.instance.output)) is not None)
        rows.append([name, str(len(found)), result(found, [str(n) for n in range(len(found))])])
    strangers = KeepAwayIndex([row["instruction"] for _, row in read_rows(Path(str(shipped_seeds())))])
    hits = [strangers.find(texts[c.task], (c.instance.input, c.instance.output)) is not None for c in own.values()]
    rows.append(["nothing: the 175 shipped seeds", str(len(hits)), result(hits, [c.task for c in own.values()])])
    return ["## Decontamination", "", *table(["what the test item shares with an instance", "pairs", "refused"], rows)]


def _word_changed(rng: Random, text: str) -> str:
    words = text.split()
    words[rng.randrange(len(words))] = "other"
    return " ".join(words)


def _shuffled(rng: Random, text: str) -> str:
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


if __name__ == "__main__":
    main()
