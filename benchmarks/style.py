"""Measure whether outputs follow the style of the seeds when seed tasks are shown (`instances.worked_seeds`), and when not.

    python benchmarks/style.py --model hf/DIR            a model folder or a GGUF file
    python benchmarks/style.py --model hf/DIR --json FILE

There are three invented house styles, each with 12 seed tasks that keep to it, and 24 tasks without any style. For each style,
the recipe `chat` requests instances once without seeds and once with three. A style has a length and a mark that a program can
check (certain words, or a list); agreement is the share of outputs with the mark. The tasks and the seeds are our own.
"""

import argparse
import asyncio
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.machine import MachineSettings
from bootstruct.config.recipe import Recipe
from bootstruct.engines.base import Engine
from bootstruct.engines.build import open_engine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.run.init import split_model
from bootstruct.stages.annotate import annotate
from bootstruct.types import Instance, Instruction, Reply, Seed

SUBJECTS = (
    *("a leaking tap", "a late parcel", "a lost key", "a loud neighbour", "a slow computer", "a stained shirt"),
    *("a flat tyre", "a broken lamp", "a missed train", "an empty fridge", "a stiff lock", "a dusty shelf"),
)
TASKS = (
    *(
        "Say what to do about a creaking door.",
        "Tell me how to keep bread fresh.",
        "Explain why leaves fall in autumn.",
    ),
    *("Give advice on choosing a first bicycle.", "Say how to thank a neighbour.", "Describe how to make tea."),
    *("Explain what a thermometer does.", "Tell a child why it rains.", "Say how to find north without a compass."),
    *("Give a tip for learning new words.", "Explain why bread rises.", "Say how to pack a small suitcase."),
    *("Describe a good breakfast.", "Tell me how to calm a barking dog.", "Explain what a library card is for."),
    *("Say how to water plants on holiday.", "Give advice on sleeping well.", "Explain why ice floats."),
    *("Tell me how to sharpen a pencil.", "Say what to check before a long walk.", "Explain what yeast is."),
    *("Describe how to wrap a present.", "Say how to save money on heating.", "Give a tip for cleaning windows."),
)


@dataclass(frozen=True)
class Style:
    """A house style.

    Attributes:
        name: its name in the table.
        write: returns an output about a subject in this style.
        is_kept: whether an output has the mark of the style.
    """

    name: str
    write: Callable[[str], str]
    is_kept: Callable[[str], bool]


STYLES = (
    Style(
        "opens and closes with set words",
        lambda subject: f"Dear customer, with {subject} the first step is to stay calm and look closely. Kind regards.",
        lambda text: text.startswith("Dear customer") and text.rstrip(" .!").endswith("Kind regards"),
    ),
    Style(
        "a list of dashes",
        lambda subject: f"- Look at {subject}\n- Find the cause\n- Mend it or ask for help",
        lambda text: text.count("\n- ") >= 1 and text.startswith("- "),
    ),
    Style(
        "at most ten words",
        lambda subject: f"Look at {subject}, then act.",
        lambda text: len(text.split()) <= 10,
    ),
)


async def outputs(engine: Engine, recipe: Recipe, seeds: tuple[Seed, ...]) -> list[str]:
    """Return the outputs that the model writes for the tasks, one for each readable instance."""

    async def one(task: Instruction) -> list[str]:
        flow = annotate(recipe, task, again=False, seeds=seeds)
        next(flow)
        prompt = flow.send(Reply("No"))
        prompt = dataclasses.replace(prompt, sampling=dataclasses.replace(prompt.sampling, max_tokens=160))
        try:
            flow.send(await engine.complete(prompt))
        except StopIteration as stop:
            written: tuple[Instance, ...] = stop.value.instances
            return [instance.output for instance in written]
        return []

    tasks = [Instruction(f"{n}.0", text) for n, text in enumerate(TASKS)]
    return [text for found in await asyncio.gather(*map(one, tasks)) for text in found]


async def measure(model: str) -> list[dict[str, object]]:
    """Return one row of figures for each style, without seeds and with them."""
    recipe = read_recipe(Path(str(recipe_folder("chat") / "recipe.yaml")))
    provider, name = split_model(model)
    recipe = dataclasses.replace(recipe, model=name)
    engine = open_engine(MachineSettings(engine=provider), BudgetLimits(), BudgetAmount()).engine
    rows: list[dict[str, object]] = []
    try:
        for style in STYLES:
            seeds = tuple(
                Seed(f"s{n}", f"Say what to do about {subject}.", (Instance("", style.write(subject)),), False)
                for n, subject in enumerate(SUBJECTS)
            )
            goal = statistics.mean(len(style.write(subject).split()) for subject in SUBJECTS)
            for shown in (0, 3):
                started = time.perf_counter()
                with_seeds = dataclasses.replace(recipe.instances, worked_seeds=shown)
                texts = await outputs(engine, dataclasses.replace(recipe, instances=with_seeds), seeds)
                row = {
                    "style": style.name,
                    "seeds shown": shown,
                    "outputs": len(texts),
                    "words of the seeds": round(goal, 1),
                }
                row["mean words"] = round(statistics.mean([len(text.split()) for text in texts] or [0]), 1)
                row["keeps the style"] = f"{sum(map(style.is_kept, texts))} of {len(texts)}"
                row["seconds"] = round(time.perf_counter() - started)
                print(json.dumps(row), flush=True)
                rows.append(row)
    finally:
        await engine.aclose()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="as in openai/gpt-4.1-mini or hf/DIR")
    parser.add_argument("--json", type=Path, help="write the rows here")
    args = parser.parse_args()
    rows = asyncio.run(measure(args.model))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
