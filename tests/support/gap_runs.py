"""Runs whose instances a weak and a strong solver answer, with scripted answers that depend on the prompt alone."""

import random
import re
from dataclasses import replace
from typing import Any

from bootstruct.config.recipe import Ask, Check, Recipe
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.scripts import WORDS, recipe

SOLVE = "Solve {{ instruction }} of {{ input }}"
GAP = Check(
    "gap",
    "solver-gap",
    samples=3,
    measure="numeric",
    weak=Ask(SOLVE, Sampling(0.7), model="small"),
    strong=Ask(SOLVE, Sampling(0.7), model="large"),
    strong_at_least=0.6,
    weak_below=0.6,
    gap=0.3,
)
JUDGE = Ask("Judge {{ instruction }} {{ input }} {{ output }} {{ answer }}", Sampling(), model="judge")
JUDGED = replace(GAP, measure="judge", judge=JUDGE, scale=("wrong", "half", "right"), weak_below=0.8, gap=0.1)


def gap_recipe(check: Check = GAP) -> Recipe:
    """Return the recipe of the small world with this check."""
    return replace(recipe(), checks=(check,))


def solving(prompt: Prompt) -> Reply:
    """Return sums as tasks, most of them with a right output, and the answers of the two solvers.

    The small model is seldom right, except about small numbers; the large one is usually right.
    """
    rng, n = random.Random(f"{prompt.sample} {prompt.text} {prompt.model}"), prompt.sample
    tokens: Any = (20, 5, prompt.model)
    if prompt.step == "propose":
        lines = []
        for number in range(9, 13):
            one, two, three, four = rng.sample(WORDS, 4)
            end = f"{rng.randrange(5000)} {rng.randrange(5000)}"
            lines.append(f"{number}. Add {one} {two} {three} {four} {end}")
        return Reply(" " + "\n".join(lines).removeprefix("9. "), "stop", *tokens)
    if prompt.step == "kind":
        return Reply(" No", "stop", *tokens)
    if prompt.step == "instances":
        left, right = n % 40, n // 40 % 40
        output = left + right + (n % 6 == 0)
        text = f"Example 1\nInput: {left} and {right}\nOutput: {output}\nExample 2\nInput: {left} and 9\nOutput: {left + 9}"
        return Reply(text, "stop", *tokens)
    if prompt.step.endswith(".judge"):
        return Reply(f"Grade: {rng.choice(('wrong', 'half', 'right'))}" if n % 9 else "No idea.", "stop", *tokens)
    left, right = map(int, re.findall(r"(\d+) and (\d+)", prompt.text)[0])
    right_share = (0.8 if left < 12 else 0.2) if prompt.model == "small" else 0.9
    answer = left + right + (0 if rng.random() < right_share else rng.randrange(1, 9))
    return Reply("", "length", *tokens) if n % 41 == 0 else Reply(f"Answer: {answer}", "stop", *tokens)
