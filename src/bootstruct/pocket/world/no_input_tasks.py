"""Tasks without an input.

For a task with many right outputs, one function draws an output, and the function of the same name with `_ok` returns whether
an output is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily
from bootstruct.pocket.world.grammar import Slots
from bootstruct.pocket.world.lexicon import ADJECTIVES, CATEGORIES, CATEGORY_OF, DAYS, LANGUAGES, NAMES, NUMBERS, THINGS

_COUNTS: Slots = {"k": ("two", "three", "four")}


def _nothing(_rng: Random, _params: Params, _label: str) -> str:
    """Return the empty input."""
    return ""


def _fixed_family(
    name: str, asks: tuple[str, ...], work: Callable[[Params], str], answer: str, slots: Slots
) -> TaskFamily:
    """Return a family whose tasks have exactly one right output, which follows from the instruction."""

    def solve(text: str, params: Params) -> str | None:
        return work(params) if not text else None

    return TaskFamily(
        name,
        "writing",
        asks,
        _nothing,
        solve,
        answer=answer,
        slots=slots,
        takes_input=False,
        write=lambda _rng, params: work(params),
    )


def _some(rng: Random, params: Params) -> str:
    return ", ".join(rng.sample(CATEGORIES[params["cat"]], NUMBERS.index(params["k"]) + 1))


def _some_ok(_text: str, output: str, params: Params) -> bool:
    words = output.split(", ")
    return len(words) == len(set(words)) == NUMBERS.index(params["k"]) + 1 and all(
        CATEGORY_OF.get(w) == params["cat"] for w in words
    )


def _about(rng: Random, params: Params) -> str:
    return rng.choice(
        (f"The {params['w']} is {rng.choice(ADJECTIVES)}.", f"{rng.choice(NAMES)} has the {params['w']}.")
    )


def _about_ok(_text: str, output: str, params: Params) -> bool:
    adjectives, names = "|".join(ADJECTIVES), "|".join(NAMES)
    return re.fullmatch(rf"The {params['w']} is ({adjectives})\.|({names}) has the {params['w']}\.", output) is not None


def _ask_about(rng: Random, params: Params) -> str:
    return rng.choice(
        (
            f"Where is the {params['w']}?",
            f"Is the {params['w']} {rng.choice(ADJECTIVES)}?",
            f"Who has the {params['w']}?",
        )
    )


def _ask_about_ok(_text: str, output: str, params: Params) -> bool:
    adjectives = "|".join(ADJECTIVES)
    return (
        re.fullmatch(rf"(Where is|Who has) the {params['w']}\?|Is the {params['w']} ({adjectives})\?", output)
        is not None
    )


def _describe(rng: Random, params: Params) -> str:
    return f"{params['n']} is {' and '.join(rng.sample(ADJECTIVES, 2))}."


def _describe_ok(_text: str, output: str, params: Params) -> bool:
    found = re.fullmatch(rf"{params['n']} is (\w+) and (\w+)\.", output)
    return found is not None and found[1] != found[2] and {found[1], found[2]} <= set(ADJECTIVES)


def _open_family(
    name: str,
    asks: tuple[str, ...],
    write: Callable[[Random, Params], str],
    accept: Callable[[str, str, Params], bool],
    answer: str,
    slots: Slots,
) -> TaskFamily:
    """Return a family whose tasks have many right outputs; `write` draws one and `accept` recognizes all."""
    return TaskFamily(
        name,
        "writing",
        asks,
        _nothing,
        lambda _t, _p: None,
        answer=answer,
        slots=slots,
        takes_input=False,
        write=write,
        accept=lambda text, output, params: not text and accept(text, output, params),
    )


_LETTERS = {
    "thank": "Dear {n}, thank you for the help. Best wishes.",
    "invite": "Dear {n}, please come to my party. Best wishes.",
    "say sorry to": "Dear {n}, I am very sorry. Best wishes.",
}
_GREETINGS = {
    "morning": "Good morning",
    "evening": "Good evening",
    "birthday": "Happy birthday",
    "journey": "Have a good trip",
}

WRITE_FAMILIES: tuple[TaskFamily, ...] = (
    _open_family(
        "name_some",
        (
            "Name {k} {+cat}.",
            "Give me {k} {+cat}.",
            "Write a list of {k} {+cat}.",
            "Can you think of {k} {+cat}?",
            "Tell me the names of {k} {+cat}.",
            "We play a game and I need {k} {+cat}. Help me.",
            "Which {k} {+cat} come to your mind?",
        ),
        _some,
        _some_ok,
        "list",
        {**_COUNTS, "cat": tuple(CATEGORIES)},
    ),
    _open_family(
        "sentence_about",
        (
            "Write a sentence about the {w}.",
            "Make a sentence with the word {w}.",
            "Use {w} in a short sentence.",
            "Tell me something about the {w} in one sentence.",
        ),
        _about,
        _about_ok,
        "sentence",
        {"w": THINGS},
    ),
    _open_family(
        "question_about",
        ("Write a question about the {w}.", "Ask me something about the {w}.", "Make a question with the word {w}."),
        _ask_about,
        _ask_about_ok,
        "sentence",
        {"w": THINGS},
    ),
    _open_family(
        "describe",
        (
            "Describe {n} with two adjectives.",
            "Say two things about how {n} is.",
            "Write how {n} is, in two words joined by and.",
        ),
        _describe,
        _describe_ok,
        "sentence",
        {"n": NAMES},
    ),
    _fixed_family(
        "letter",
        (
            "Write a short [letter|email] to {why} {n}.",
            "Write a note to {why} {n}.",
            "Help me write a card to {why} {n}.",
            "I want to {why} {n}. What can I write?",
        ),
        lambda p: _LETTERS[p["why"]].replace("{n}", p["n"]),
        "sentence",
        {"n": NAMES, "why": tuple(_LETTERS)},
    ),
    _fixed_family(
        "greeting",
        (
            "Write a greeting to {n} for the {time}.",
            "Greet {n}. The occasion is the {time}.",
            "What do I say to {n} for the {time}?",
        ),
        lambda p: f"{_GREETINGS[p['time']]}, {p['n']}!",
        "sentence",
        {"n": NAMES, "time": tuple(_GREETINGS)},
    ),
    _fixed_family(
        "repeat_word",
        ("Write the word {w} {k} times.", "Repeat the word {w} {k} times.", "Say {w} {k} times in a row."),
        lambda p: ", ".join([p["w"]] * (NUMBERS.index(p["k"]) + 1)),
        "list",
        {**_COUNTS, "w": THINGS},
    ),
    _fixed_family(
        "count_to",
        (
            "Count from one to {top}.",
            "Write all the numbers from one to {top}.",
            "Count up to {top} and start with one.",
        ),
        lambda p: ", ".join(NUMBERS[: NUMBERS.index(p["top"]) + 1]),
        "list",
        {"top": NUMBERS[2:10]},
    ),
    _fixed_family(
        "days_from",
        (
            "List the three days that follow {day}.",
            "Which three days come after {day}?",
            "Write the next three days after {day}.",
        ),
        lambda p: ", ".join((DAYS * 2)[DAYS.index(p["day"]) + 1 : DAYS.index(p["day"]) + 4]),
        "list",
        {"day": DAYS},
    ),
    _fixed_family(
        "say_foreign",
        ("How do you say {w} in {lang}?", "What is the {lang} word for {w}?", "Write the word for {w} in {lang}."),
        lambda p: LANGUAGES[p["lang"]][p["w"]],
        "word",
        {"w": tuple(LANGUAGES["Spanish"]), "lang": tuple(LANGUAGES)},
    ),
)
