"""Run folders, rating sheets and servers for the tests of the review page."""

import contextlib
import functools
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import orjson

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.evaluation.ratings import ModelAnswer, write_sheet
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.types import Instance, Reply, Seed, Verdict
from tests.support.paths import ROOT

OWN_SEEDS = 20  # the last shipped seeds, which are the run's own; the others take the place of a model's tasks
COMMAND = "import bootstruct.cli as c; c.main()"
# An instruction, whether it is classification, and (input, output) of each instance.
Task = tuple[str, bool, Sequence[tuple[str, str]]]
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>",
    "</textarea></form><form action='https://evil.example/'><button name=level value=A>x</button>",
    "{{ 7 * 7 }}{% raw %} ' onmouseover='window.hacked = 1' \" autofocus onfocus=\"window.hacked = 1",
    "left \u202etxt.exe\u202c right \u2066hidden\u2069 \u200b zero \x07 bell \U000e0041 tag",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href='https://evil.example/'>",
    "<a href='javascript:window.hacked = 1'>click</a><style>body{display:none}</style><iframe src=/></iframe>",
)


@functools.cache
def shipped() -> tuple[Seed, ...]:
    return read_seeds(shipped_seeds())


@functools.cache
def recipe() -> Recipe:
    return read_recipe(Path(str(recipe_folder("chat"))) / "recipe.yaml")


def tasks(count: int = 60) -> list[Task]:
    """Return tasks that resemble a model's: shipped seeds, each with its instance."""
    seeds = shipped()[:-OWN_SEEDS]
    made = [(seed.instruction, seed.is_classification, [(i.input, i.output) for i in seed.instances]) for seed in seeds]
    return list(itertools.islice(itertools.cycle(made), count))


def events(given: Sequence[Task], completed: int | None = None) -> list[Event]:
    """Return the events of a run that accepted these tasks, eight per request, with some rejected candidates among them."""
    seeds = shipped()[-OWN_SEEDS:]
    result: list[Event] = [RunStarted(recipe(), seeds)]
    names = []
    for index, begin in enumerate(range(0, len(given), 8)):
        part = given[begin : begin + 8]
        verdicts = [Verdict(text) for text, _, _ in part]
        verdicts += [Verdict("Write a poem.", "too similar", 0.81, "seed_task_0")] * (index % 3)
        verdicts += [Verdict("Draw a cat.", "needs more than text")] * (index % 2)
        names += [f"{index}.{number}" for number in range(len(part))]
        result.append(
            ReplyReceived(f"propose/{index}", f"{index:032x}", Reply("1. ...", "stop", 420, 160, "gpt-4.1-mini"))
        )
        result.append(CandidatesJudged(index, (), tuple(verdicts)))
    for name, (_, kind, instances) in list(zip(names, given, strict=True))[:completed]:
        result.append(TaskCompleted(name, kind, tuple(Instance(*instance) for instance in instances)))
    return result


def append(folder: Path, given: Sequence[Event]) -> None:
    with (folder / "journal.jsonl").open("ab") as file:
        for event in given:
            file.write(orjson.dumps(to_json(event)) + b"\n")


def make_run(folder: Path, given: Sequence[Task] | None = None) -> Path:
    """Make a run folder with a journal of these tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    append(folder, events(tasks() if given is None else given))
    return folder


def make_sheet(folder: Path, count: int = 12, models: Sequence[str] = ("base-model", "tuned-model")) -> Path:
    """Make a blind sheet of answers to the shipped user tasks: the reference, and worse versions of it."""
    text = (resources.files("bootstruct.evaluation") / "user_tasks.jsonl").read_text()
    answers = []
    for row in list(map(json.loads, text.split("\n")[:count])):
        instance = row["instances"][0]
        verdict = [
            instance["output"],
            instance["output"].split(".")[0] + " and so on and so on.",
            "I am sorry, I cannot.",
        ]
        for model, response in zip(models, reversed(verdict[: len(models)]), strict=True):
            answers.append(
                ModelAnswer(model, row["id"], row["instruction"], instance["input"], instance["output"], response)
            )
    write_sheet(folder, answers)
    return folder


def environment() -> dict[str, str]:
    clean = {
        k: v for k, v in os.environ.items() if not k.upper().startswith(("OPENAI", "BOOTSTRUCT", "HTTP_", "HTTPS_"))
    }
    return clean | {
        "XDG_CONFIG_HOME": "/nonexistent",
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUNBUFFERED": "1",
    }


@dataclass
class Served:
    """A running `bootstruct review`: its process, and the address that it printed."""

    process: "subprocess.Popen[str]"
    url: str

    @property
    def root(self) -> str:
        return self.url.partition("/?")[0]

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", COMMAND, "review", *map(str, words)]


@contextlib.contextmanager
def served(run: Path, *words: object) -> Iterator[Served]:
    """Run `bootstruct review RUN` in a process of its own, which is killed at the end of the block."""
    process = subprocess.Popen(command(run, "--port", 0, *words), stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout
        line = process.stdout.readline().strip()
        assert re.fullmatch(r"http://\S+:\d+/\?token=\S{40,}", line), line
        yield Served(process, line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None
