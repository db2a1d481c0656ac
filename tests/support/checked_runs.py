"""Runs with checks of instances, and the scripted answers for them."""

import random
from dataclasses import replace
from pathlib import Path

from bootstruct.config.recipe import Ask, Check, Recipe
from bootstruct.engines.base import Engine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.history.verification import Verification
from bootstruct.history.verify import verify
from bootstruct.journal.events import Event, ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.types import Prompt, Reply, Sampling, digest_of
from tests.support.scripts import WORDS, answer, recipe, run_to

TASKS = 30
AGREEMENT = Check(
    "agreement", "agreement", Ask("Do: {{ instruction }} {{ input }}", Sampling(0.7)), samples=3, at_least=0.6
)
RUBRIC = Check("rubric", "rubric", Ask("Grade: {{ instruction }} {{ input }} {{ output }}", Sampling()), level="3")
BACK = Check("back", "back-check", Ask("Task? {{ input }} {{ output }}", Sampling(0.7)), samples=2, at_least=0.17)
AWAY = Check("away", "decontamination", texts=(" ".join(WORDS[::2]), " ".join(WORDS[1::2])), near=0.28)
ALL = (AGREEMENT, RUBRIC, BACK, AWAY)


def checked_recipe(*checks: Check) -> Recipe:
    return replace(recipe(), checks=checks)


def checking(prompt: Prompt) -> Reply:
    """Return an answer that depends on the prompt alone.

    Of the answers to checks, some agree, some grade high, and some are unreadable.
    """
    rng = random.Random(digest_of(prompt))
    if not prompt.step.startswith("check "):
        return answer(prompt)
    if prompt.step == "check agreement":
        # This answer agrees for most instances: `OUTPUTS` holds the recorded outputs.
        given = prompt.text.removeprefix("Do: ")
        return Reply(
            OUTPUTS.get(given, "?") if random.Random(given).random() < 0.7 else rng.choice("abc"), "stop", 40, 2
        )
    if prompt.step == "check rubric":
        return Reply(rng.choice(["Grade: 4", "5", "2", "No idea."]), "stop", 60, 3)
    return Reply("Task: Describe the " + " ".join(rng.sample(WORDS, 12)), "stop", 50, 9)


OUTPUTS: dict[str, str] = {}


def fill_outputs(folder: Path) -> None:
    """Make a run without checks and keep its outputs in `OUTPUTS`, with which the scripted answers agree."""
    plain = run_to(folder / "journal.jsonl", ScriptedEngine(answer), TASKS)
    for task in plain.accepted:
        for instance in plain.completed[task.name].instances:
            OUTPUTS[f"{task.text} {instance.input}"] = instance.output


def throttled(engine: Engine, at_once: int) -> Engine:
    return ThrottledEngine([engine], ConcurrencyLimiter(at_once))


def found(path: Path) -> Verification:
    return verify(path)


def events(path: Path, kind: type[Event]) -> list[Event]:
    return [event for _, event in read_events(path) if isinstance(event, kind)]


def keys(path: Path) -> list[str]:
    return [event.key for event in events(path, ReplyReceived) if isinstance(event, ReplyReceived)]
