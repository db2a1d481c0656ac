"""Tasks with small numbers.

A `_draw` function draws an input of its family. The function after it returns the output for an input, or None if the input
does not fit the task.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily, lookup_family
from bootstruct.pocket.world.lexicon import ITEMS, NAMES, NUMBERS

_PAIR = re.compile(r"(\d+) and (\d+)")
_TWO = ("two numbers", "a pair of numbers")
_ONE = ("a number", "a small number")
_MANY = ("a list of numbers", "some numbers", "three numbers")


def _pair_family(
    name: str,
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    work: Callable[[int, int, Params], str | None],
    top: int,
    slots: dict[str, tuple[str, ...]] | None = None,
    weight: float = 1.5,
) -> TaskFamily:
    """Return a family whose input is two different numbers from 1 to `top`, such as "4 and 7"."""

    def draw(rng: Random, params: Params, _label: str) -> str:
        while True:
            left, right = rng.sample(range(1, top + 1), 2)
            if work(left, right, params) is not None:
                return f"{left} and {right}"

    def solve(text: str, params: Params) -> str | None:
        found = _PAIR.fullmatch(text)
        return work(int(found[1]), int(found[2]), params) if found else None

    return TaskFamily(name, "numbers", asks, draw, solve, _TWO, objects, "number", slots or {}, weight=weight)


def _chosen(left: int, right: int, params: Params) -> str | None:
    if left == right:
        return None
    return str(min(left, right) if params["cmp"] == "smaller" else max(left, right))


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(", ")] if re.fullmatch(r"\d+(, \d+)+", text) else []


def _draw_numbers(rng: Random, _params: Params, _label: str) -> str:
    return ", ".join(str(number) for number in rng.sample(range(1, 21), 3))


def _draw_unsorted(rng: Random, params: Params, label: str) -> str:
    while (text := _draw_numbers(rng, params, label)) == _sorted(text, params):
        pass
    return text


def _sorted(text: str, params: Params) -> str | None:
    numbers = _numbers(text)
    down = params["order"] == "large to small"
    return ", ".join(str(number) for number in sorted(numbers, reverse=down)) if numbers else None


def _extreme(text: str, params: Params) -> str | None:
    numbers = _numbers(text)
    if len(set(numbers)) < 2:
        return None
    return str(max(numbers) if params["top"] == "largest" else min(numbers))


def _draw_row(rng: Random, _params: Params, _label: str) -> str:
    step, start = rng.choice((1, 2, 3, 5, 10)), rng.randint(1, 9)
    return ", ".join(str(start + place * step) for place in range(3))


def _next_in_row(text: str, _params: Params) -> str | None:
    numbers = _numbers(text)
    steps = {right - left for left, right in pairwise(numbers)}
    return str(numbers[-1] + steps.pop()) if len(numbers) >= 3 and len(steps) == 1 else None


def _draw_story(rng: Random, _params: Params, _label: str) -> str:
    name, item, have = rng.choice(NAMES), rng.choice(ITEMS), rng.randint(2, 9)
    if rng.random() < 0.5:
        return f"{name} has {have} {item}s and gets {rng.randint(1, 9)} more."
    return f"{name} has {have} {item}s and loses {rng.randint(1, have - 1)}."


def _solve_story(text: str, _params: Params) -> str | None:
    if found := re.fullmatch(r"\w+ has (\d+) \w+ and gets (\d+) more\.", text):
        return str(int(found[1]) + int(found[2]))
    if found := re.fullmatch(r"\w+ has (\d+) \w+ and loses (\d+)\.", text):
        return str(int(found[1]) - int(found[2])) if int(found[1]) >= int(found[2]) else None
    return None


def _draw_parity(rng: Random, _params: Params, label: str) -> str:
    return str(rng.randint(0, 49) * 2 + (2 if label == "even" else 1))


def _parity(text: str, _params: Params) -> str | None:
    return ("even" if int(text) % 2 == 0 else "odd") if re.fullmatch(r"\d+", text) else None


def _draw_order(rng: Random, _params: Params, label: str) -> str:
    small, large = sorted(rng.sample(range(1, 21), 2))
    return f"{large} and {small}" if label == "yes" else f"{small} and {large}"


def _first_larger(text: str, _params: Params) -> str | None:
    found = _PAIR.fullmatch(text)
    if found is None or int(found[1]) == int(found[2]):
        return None
    return "yes" if int(found[1]) > int(found[2]) else "no"


def _draw_size(rng: Random, _params: Params, label: str) -> str:
    return str(rng.randint(1, 10) if label == "small" else rng.randint(90, 999))


def _size(text: str, _params: Params) -> str | None:
    if not re.fullmatch(r"\d+", text) or 10 < int(text) < 90:
        return None
    return "small" if int(text) <= 10 else "large"


NUMBER_FAMILIES: tuple[TaskFamily, ...] = (
    _pair_family(
        "add",
        ("the sum", "the sum of the two numbers"),
        ("Add the two numbers.", "What do the numbers make together?", "Add the first number to the second."),
        lambda left, right, _: str(left + right),
        9,
        weight=1.8,
    ),
    _pair_family(
        "subtract",
        ("the difference", "the difference of the two numbers"),
        (
            "Subtract the smaller number from the larger one.",
            "Take the small number away from the big one. What is left?",
            "By how much do the two numbers differ?",
        ),
        lambda left, right, _: str(abs(left - right)),
        12,
        weight=1.8,
    ),
    _pair_family(
        "choose_number",
        ("the {cmp} number", "the {cmp} of the two numbers"),
        ("Choose the {cmp} number.", "Which of the two numbers is {cmp}?", "Copy the number that is {cmp}."),
        _chosen,
        20,
        {"cmp": ("bigger", "larger", "smaller")},
    ),
    lookup_family(
        "number_word",
        "numbers",
        _ONE,
        ("the number in words", "the number as a word"),
        ("Write the number in words.", "Spell out the number.", "Change the digits into a word."),
        {str(place + 1): word for place, word in enumerate(NUMBERS)},
    ),
    lookup_family(
        "word_number",
        "numbers",
        ("a number word", "a number in words"),
        ("the number in digits", "the digits for the number word"),
        (
            "Write the number word in digits.",
            "Change the number word into a figure.",
            "Use digits instead of letters for the number.",
        ),
        {word: str(place + 1) for place, word in enumerate(NUMBERS)},
        "number",
    ),
    lookup_family(
        "next_number",
        "numbers",
        _ONE,
        ("the number that comes next", "the next number"),
        (
            "Which number comes next when you count?",
            "Add one to the number.",
            "You count and say this number. What do you say next?",
        ),
        {str(n): str(n + 1) for n in range(1, 60)},
        "number",
    ),
    lookup_family(
        "previous_number",
        "numbers",
        _ONE,
        ("the number just before it", "the number that comes one earlier"),
        (
            "Which number comes right before this one?",
            "Take one away from the number.",
            "You count backwards. What comes next?",
        ),
        {str(n): str(n - 1) for n in range(1, 60)},
        "number",
    ),
    lookup_family(
        "double",
        "numbers",
        _ONE,
        ("twice the number", "the double of the number"),
        (
            "Double the number.",
            "Multiply the number by two.",
            "Two people have this many coins each. How many coins is that in all?",
        ),
        {str(n): str(2 * n) for n in range(1, 26)},
        "number",
    ),
    TaskFamily(
        "sort_numbers",
        "numbers",
        (
            "Sort the numbers from {order}.",
            "Put the numbers in order from {order}.",
            "The numbers are mixed up. Order them from {order}.",
        ),
        _draw_unsorted,
        _sorted,
        _MANY,
        ("the numbers sorted from {order}", "the numbers in order from {order}"),
        "list",
        {"order": ("small to large", "large to small")},
        weight=2.2,
    ),
    TaskFamily(
        "extreme_number",
        "numbers",
        (
            "Which number [in the list|of the three] is the {top}?",
            "Pick the {top} number[| of all].",
            "Compare all the numbers and copy the {top}.",
        ),
        _draw_numbers,
        _extreme,
        _MANY,
        ("the {top} number", "the {top} of the numbers"),
        "number",
        {"top": ("largest", "smallest")},
        weight=1.6,
    ),
    TaskFamily(
        "continue_row",
        "numbers",
        (
            "Continue the row of numbers.",
            "Which number comes next in the row?",
            "The numbers grow by the same step. What is the next one?",
        ),
        _draw_row,
        _next_in_row,
        ("a row of numbers", "the start of a number row"),
        ("the next number of the row",),
        "number",
        weight=1.6,
    ),
    TaskFamily(
        "word_problem",
        "numbers",
        (
            "How many things does the person have [now|in the end]?",
            "Solve the little word problem.",
            "Read the story and work out how many are left or there now.",
        ),
        _draw_story,
        _solve_story,
        ("a short story with numbers", "a word problem"),
        ("the number of things the person has now", "the result of the word problem"),
        "number",
        weight=2.0,
    ),
    TaskFamily(
        "parity",
        "numbers",
        ("Is the number even or odd?", "Can the number be shared by two people? Say even or odd."),
        _draw_parity,
        _parity,
        _ONE,
        ("whether the number is even or odd", "if it is an even or odd number"),
        "label",
        labels=("even", "odd"),
    ),
    TaskFamily(
        "first_larger",
        "numbers",
        (
            "Is the first number larger than the second? Answer yes or no.",
            "Compare the numbers. Say yes if the first one is larger and no if it is smaller.",
        ),
        _draw_order,
        _first_larger,
        _TWO,
        ("whether the first number is larger",),
        "label",
        labels=("yes", "no"),
        weight=1.4,
    ),
    TaskFamily(
        "number_size",
        "numbers",
        ("Is this a small or large number?", "Numbers up to ten are small and the others large. Which is this?"),
        _draw_size,
        _size,
        ("a number",),
        ("whether the number is small or large", "if we should call the number small or large"),
        "label",
        labels=("small", "large"),
    ),
)
