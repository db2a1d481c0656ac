"""What `generate --steer` does to the topics of a run whose model has favourites, and what it costs.

    python benchmarks/steering.py --tasks 400 --draws 3

A simulated model is asked for tasks with the recipe `chat`, whose 40 topics are dealt as hints. It writes four tasks per request,
each about the topic of the hint with a probability (how far it obeys), and otherwise about a favourite: topics are favoured like
1/rank. A topic that the model hardly knows gives one task instead of four. The words of a topic are known (`steer.words`), or the
model writes with words of its own that no topic has. The truth is the topic that the model wrote about.

For each kind of model, runs with and without steering reach the same number of accepted tasks. It prints the entropy of the topics
(at most log2 40 = 5.32 bits), the share of topics with at least half of an even share, and the requests for instructions.
"""

import argparse
import asyncio
import dataclasses
import json
import math
import random
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe_steer import Steer
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.journal.events import RunStarted
from bootstruct.journal.file import Journal
from bootstruct.journal.state import begin
from bootstruct.pipeline import generate
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt

CHAT = read_recipe(recipe_folder("chat") / "recipe.yaml")
TOPICS = CHAT.propose.hints["topic"]
VERBS = [
    "Draft",
    "Polish",
    "Rank",
    "Trace",
    "Judge",
    "Sketch",
    "Weigh",
    "Count",
    "Group",
    "Rhyme",
    "Guess",
    "Check",
    "Plan",
    "Shorten",
    "Translate",
    "Compare",
]
FORMS = ["letter", "table", "riddle", "speech", "notice", "rule", "poem", "menu", "story", "sign", "chart", "verse"]


def words_of(topic: int) -> list[str]:
    """Sixty invented words that only this topic has."""
    chance = random.Random(f"words/{topic}")
    return ["".join(chance.choice("bdfgklmnprstv") + chance.choice("aeiou") for _ in range(4)) for _ in range(60)]


WORDS = [words_of(topic) for topic in range(len(TOPICS))]
OWN_WORDS = [words_of(1000 + topic) for topic in range(len(TOPICS))]  # that no topic of the recipe has


class Model:
    """The simulated model; `truth` collects the topic of each task that it wrote."""

    def __init__(self, obeys: float, known: bool, unknown_topics: int) -> None:
        self.obeys, self.words, self.truth = obeys, WORDS if known else OWN_WORDS, dict[str, int]()
        self.favourites = random.Random(7).sample(range(len(TOPICS)), len(TOPICS))
        self.poor = set(self.favourites[-unknown_topics:]) if unknown_topics else set()

    def answer(self, prompt: Prompt) -> str:
        if prompt.step != "propose":
            return json.dumps({"is_classification": False, "instances": [{"input": "", "output": "Yes, it is."}]})
        chance = random.Random(prompt.sample)
        text = prompt.messages[-1].content
        hint = next(number for number, topic in enumerate(TOPICS) if topic in text)
        tasks = []
        for number in range(4):
            weights = [1 / rank for rank in range(1, len(TOPICS) + 1)]
            topic = hint if chance.random() < self.obeys else chance.choices(self.favourites, weights)[0]
            if number and topic in self.poor:
                continue
            parts = chance.sample(self.words[topic], 4)
            task = f"{chance.choice(VERBS)} a {chance.choice(FORMS)} of {parts[0]} and {parts[1]} with {parts[2]} for {parts[3]}."
            self.truth[task] = topic
            tasks.append({"instruction": task})
        return json.dumps({"tasks": tasks})


def grown(model: Model, steer: Steer | None, seed: int, tasks: int):
    """The state of a run of stage 1 with this model."""
    recipe = dataclasses.replace(CHAT, seed=seed, propose=dataclasses.replace(CHAT.propose, steer=steer))
    with tempfile.TemporaryDirectory() as folder:
        started = RunStarted(recipe, read_seeds(shipped_seeds()))
        journal = Journal(Path(folder) / "journal.jsonl")
        journal.append(started)

        async def grow():
            run = ActiveRun(begin(started), journal, ScriptedEngine(model.answer))
            await generate(run, tasks, None)
            return run.state

        try:
            return asyncio.run(grow())
        finally:
            journal.close()


def measured(model: Model, state, tasks: int) -> tuple[float, float, float]:
    """Entropy in bits, share of topics with at least half an even share, and requests, over the first tasks."""
    found = Counter(model.truth[task.text] for task in state.accepted[:tasks])
    shares = [count / found.total() for count in found.values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    filled = sum(found[topic] >= tasks / len(TOPICS) / 2 for topic in range(len(TOPICS))) / len(TOPICS)
    return entropy, filled, len(state.accepted_after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--draws", type=int, default=3)
    args = parser.parse_args()
    words = {topic: tuple(WORDS[number]) for number, topic in enumerate(TOPICS)}
    print("| model | steering | entropy, bits | topics filled | requests |\n|---|---|---:|---:|---:|")
    for obeys, known, poor in ((1.0, True, 0), (1.0, True, 10), (0.7, True, 0), (0.7, True, 10), (0.4, True, 0), (0.7, False, 10), (0.0, True, 0)):  # fmt: skip
        name = (
            f"obeys {obeys:.0%}" + (f", {poor} poor topics" if poor else "") + ("" if known else ", words of its own")
        )
        for label, steer in (("without", None), ("with", Steer(words=words))):
            rows = []
            for draw in range(args.draws):
                model = Model(obeys, known, poor)
                rows.append(measured(model, grown(model, steer, 100 + draw, args.tasks), args.tasks))
            means, spread = (
                [f(column) for column in zip(*rows, strict=True)] for f in (statistics.fmean, statistics.stdev)
            )
            print(f"| {name} | {label} | {means[0]:.2f} ± {spread[0]:.2f} | {means[1]:.0%} ± {spread[1]:.0%} | {means[2]:.0f} ± {spread[2]:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
