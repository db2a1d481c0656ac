"""Make a run of any size as its journal would record it, with plausible words and without a model."""

import dataclasses
import random
from pathlib import Path

import orjson

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.journal.codec import to_json
from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.types import Instance, Reply, Seed, Verdict

VERBS = [
    "write",
    "list",
    "name",
    "describe",
    "explain",
    "sort",
    "rewrite",
    "compare",
    "suggest",
    "find",
    "count",
    "translate",
    "summarise",
    "correct",
    "plan",
    "invent",
]
ADJECTIVES = [
    "short",
    "kind",
    "odd",
    "careful",
    "bright",
    "formal",
    "useful",
    "plain",
    "rare",
    "local",
    "early",
    "modern",
    "quiet",
    "simple",
    "wide",
    "honest",
]
NOUNS = [
    "letter",
    "poem",
    "recipe",
    "plan",
    "list",
    "story",
    "word",
    "price",
    "map",
    "harbour",
    "garden",
    "bridge",
    "lamp",
    "teacher",
    "parcel",
    "river",
    "ticket",
    "window",
    "song",
    "mountain",
    "market",
    "kitchen",
    "holiday",
    "rule",
    "sentence",
    "number",
    "colour",
    "season",
    "animal",
    "village",
    "engine",
    "budget",
    "speech",
    "question",
    "museum",
    "library",
]
TAILS = [
    "for a child",
    "in one line",
    "from the note below",
    "about rain",
    "before noon",
    "with an example",
    "of the week",
    "in plain words",
]
LABELS = ("yes", "no", "urgent", "Positive", "negative", "neutral")
SEEDS = 175


def recipe(name: str = "paper", model: str = "gpt-4.1-mini") -> Recipe:
    given = read_recipe(Path(str(recipe_folder(name))) / "recipe.yaml")
    return dataclasses.replace(given, model=model)


def seeds(count: int = SEEDS) -> tuple[Seed, ...]:
    draws = random.Random("seeds")
    return tuple(
        Seed(f"seed_task_{n}", f"{sentence(draws)} (seed {n})", (Instance("", "done"),), n % 7 == 0)
        for n in range(count)
    )


def pick(draws: random.Random, words: "list[str]") -> str:
    """Return a word; the first words of the list are the most frequent, as in real texts."""
    return words[min(int(draws.expovariate(4 / len(words))), len(words) - 1)]


def sentence(draws: random.Random) -> str:
    verb, adjective, noun = pick(draws, VERBS).capitalize(), draws.choice(ADJECTIVES), pick(draws, NOUNS)
    rest = ", ".join(draws.choice(NOUNS) for _ in range(draws.randrange(2, 9)))
    return f"{verb} the {adjective} {noun} {draws.choice(TAILS)}: {rest}."


def events(tasks: int, completed: float = 0.98, given: Recipe | None = None) -> "list[Event]":
    """Return the events of a run with about this number of accepted instructions, of which a share is completed."""
    return list(_events(tasks, completed, given or recipe()))


def _events(tasks: int, completed: float, given: Recipe):  # type: ignore[no-untyped-def]
    draws = random.Random(f"run/{tasks}")
    shown_seeds = seeds()
    yield RunStarted(given, shown_seeds)
    accepted: list[str] = []
    waiting: list[str] = []
    index = 0
    while len(accepted) < tasks:
        verdicts = []
        drying = min(0.6, len(accepted) / 120_000)
        for number in range(min(7, tasks - len(accepted) + 2)):
            text = sentence(draws)
            if draws.random() < 0.06:
                verdicts.append(Verdict(text, draws.choice(("needs more than text", "too short", "cut off"))))
            elif draws.random() < drying and accepted:
                verdicts.append(Verdict(text, "too similar", 0.75, draws.choice(accepted)))
            elif len(accepted) < tasks:
                verdicts.append(Verdict(text))
                accepted.append(f"{index}.{number}")
                waiting.append(f"{index}.{number}")
        names = [draws.choice(accepted) for _ in range(2)] if index > 5 else []
        shown = tuple(names + [f"seed_task_{draws.randrange(SEEDS)}" for _ in range(6)])
        reply = "\n".join(f"{n}. {verdict.text}" for n, verdict in enumerate(verdicts, 9))
        yield ReplyReceived(f"propose/{index}", f"{index:032x}", Reply(reply, "stop", 420, 160, given.model))
        yield CandidatesJudged(index, shown, tuple(verdicts))
        index += 1
        for task in waiting if index % 3 == 0 else ():
            if len(accepted) < tasks * completed:
                yield from _annotation(task, draws, given.model)
        if index % 3 == 0:
            waiting = []


def _annotation(task: str, draws: random.Random, model: str):  # type: ignore[no-untyped-def]
    kind = draws.random() < 0.22
    instances = []
    for _ in range(draws.choice((0, 1, 1, 2, 3))):
        given = "" if draws.random() < 0.45 else " ".join(draws.choices(NOUNS, k=draws.randrange(3, 30)))
        output = draws.choice(LABELS) if kind else " ".join(draws.choices(NOUNS, k=draws.randrange(2, 50)))
        instances.append(Instance(given, output))
    text = "\n".join(f"Input: {instance.input}\nOutput: {instance.output}" for instance in instances)
    yield ReplyReceived(
        f"annotate/{task}/kind", task.rjust(32, "0"), Reply("Yes" if kind else "No", "stop", 900, 1, model)
    )
    yield ReplyReceived(f"annotate/{task}/instances", task.rjust(32, "1"), Reply(text, "stop", 700, 60, model))
    yield TaskCompleted(task, kind, tuple(instances))


def write_journal(folder: Path, given: "list[Event]") -> Path:
    """Write the events as the journal of a run folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "journal.jsonl").open("wb") as file:
        for event in given:
            file.write(orjson.dumps(to_json(event)) + b"\n")
    return folder
