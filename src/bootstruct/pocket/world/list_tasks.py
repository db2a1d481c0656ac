"""Tasks that work on a list of words, such as "cat, rice, bus".

Each function after `_list_family` gets the words of the list and the slot values of the instruction. It returns the output, or
None if the list does not fit the task.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily
from bootstruct.pocket.world.grammar import Slots
from bootstruct.pocket.world.lexicon import ALL_WORDS, NUMBERS, THINGS

A_LIST = ("a list of words", "some words", "a list", "a short list of words")
_SPOTS = {"first": 0, "second": 1, "third": 2, "last": -1}
_COUNTS = {"two": 2, "three": 3}


def split_list(text: str) -> list[str]:
    """Return the words between the commas, or an empty list if the text is not a list of single words.

    Example:
        >>> split_list("cat, rice"), split_list("a cat, rice")
        (['cat', 'rice'], [])
    """
    words = text.split(", ")
    return words if all(word and " " not in word and "," not in word for word in words) else []


def _list_family(
    name: str,
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    work: Callable[[list[str], Params], str | None],
    sizes: tuple[int, int] = (3, 5),
    answer: str = "list",
    slots: Slots | None = None,
    weight: float = 1.6,
) -> TaskFamily:
    """Return a family whose input is a list of different words. `sizes` are the lowest and the highest number of words."""
    least, most = sizes

    def draw(rng: Random, params: Params, _label: str) -> str:
        while True:
            text = ", ".join(rng.sample(ALL_WORDS, rng.randint(least, most)))
            if work(text.split(", "), params) is not None:
                return text

    def solve(text: str, params: Params) -> str | None:
        words = split_list(text)
        return work(words, params) if len(words) >= least else None

    return TaskFamily(name, "lists", asks, draw, solve, A_LIST, objects, answer, slots or {}, weight=weight)


def _nth(words: list[str], params: Params) -> str | None:
    return words[_SPOTS[params["pos"]]] if len(words) >= 3 else None


def _without(words: list[str], params: Params) -> str:
    return ", ".join(words[1:] if params["end"] == "first" else words[:-1])


def _keep(words: list[str], params: Params) -> str:
    count = _COUNTS[params["k"]]
    return ", ".join(words[:count] if params["end"] == "first" else words[-count:])


def _joined(words: list[str], params: Params) -> str:
    return {"and": " and ", "or": " or ", "dashes": " - ", "plus": " + "}[params["glue"]].join(words)


def _added(words: list[str], params: Params) -> str | None:
    if params["w"] in words:
        return None
    return ", ".join([*words, params["w"]] if params["side"] == "end" else [params["w"], *words])


def _replaced(words: list[str], params: Params) -> str | None:
    if params["w"] in words:
        return None
    return ", ".join([*words[:-1], params["w"]] if params["end"] == "last" else [params["w"], *words[1:]])


def _and_list(words: list[str], _params: Params) -> str:
    return "We have " + ", ".join(words[:-1]) + " and " + words[-1] + "."


def _numbered(words: list[str], _params: Params) -> str:
    return ", ".join(f"{place + 1} {word}" for place, word in enumerate(words))


LIST_FAMILIES: tuple[TaskFamily, ...] = (
    _list_family(
        "list_reverse",
        ("the list in reverse order", "the words in reverse order", "the reversed list"),
        (
            "Reverse the [list|order of the words].",
            "Write the [list|words] backwards[|, from the last to the first].",
            "Turn the list around so that the last word comes first.",
        ),
        lambda words, _: ", ".join(words[::-1]),
        (2, 4),
        weight=2.2,
    ),
    _list_family(
        "list_nth",
        ("the {pos} word", "the {pos} word of the list", "the {pos} item of the list"),
        (
            "Pick the {pos} [word|item] from the list.",
            "Copy the {pos} word of the list.",
            "Which word [is|comes|stands] {pos} in the list?",
        ),
        _nth,
        (3, 5),
        "word",
        {"pos": tuple(_SPOTS)},
        2.0,
    ),
    _list_family(
        "list_count",
        ("the number of words in the list", "the number of items"),
        (
            "Count the [words|items] in the list.",
            "How many [words|items] are in the list?",
            "How long is the list? Count every item.",
        ),
        lambda words, _: NUMBERS[len(words) - 1] if len(words) <= 12 else None,
        (2, 6),
        "number",
        None,
        2.0,
    ),
    _list_family(
        "list_without",
        ("the list without its {end} word", "all the words but the {end}"),
        (
            "Remove the {end} word from the list.",
            "Delete the {end} [item|word] of the list and keep the rest.",
            "Drop the {end} item and write what is left.",
        ),
        _without,
        (3, 5),
        "list",
        {"end": ("first", "last")},
    ),
    _list_family(
        "list_keep",
        ("the {end} {k} words of the list", "only the {end} {k} words"),
        (
            "Keep only the {end} {k} [words|items] of the list.",
            "Copy the {end} {k} words.",
            "Shorten the list to its {end} {k} words.",
        ),
        _keep,
        (4, 5),
        "list",
        {"end": ("first", "last"), "k": tuple(_COUNTS)},
    ),
    _list_family(
        "list_join",
        ("the words joined with {glue}", "one line that joins the words with {glue}"),
        (
            "Join the words with {glue}.",
            "Replace the commas [in the list |]with {glue}.",
            "Put {glue} between the words instead of commas.",
        ),
        _joined,
        (2, 4),
        "sentence",
        {"glue": ("and", "or", "dashes", "plus")},
    ),
    _list_family(
        "list_add",
        ("the list with {w} at the {side}", "the list after you put {w} at the {side}"),
        (
            "Add the word {w} to the {side} of the list.",
            "Put {w} at the {side} of the list.",
            "Someone forgot {w}. Add it at the {side} of the list.",
        ),
        _added,
        (2, 4),
        "list",
        {"w": THINGS, "side": ("start", "end")},
    ),
    _list_family(
        "list_replace",
        ("the list with {w} in place of the {end} word",),
        (
            "Replace the {end} word of the list with {w}.",
            "Change the {end} item to {w}[| and keep all the others].",
            "Write {w} where the {end} word of the list stands.",
        ),
        _replaced,
        (3, 4),
        "list",
        {"w": THINGS, "end": ("first", "last")},
    ),
    _list_family(
        "list_swap",
        ("the list with the first and last word swapped", "the list after its ends change places"),
        (
            "Swap the first and the last word of the list.",
            "Let the first and last item change places.",
            "Exchange the two words at the ends of the list.",
        ),
        lambda words, _: ", ".join([words[-1], *words[1:-1], words[0]]),
        (3, 4),
    ),
    _list_family(
        "list_double",
        ("the list with every word written twice", "a list that repeats each word"),
        (
            "Write every word of the list twice.",
            "Repeat each [word|item] in the list[| one time].",
            "Double each word, one after the other.",
        ),
        lambda words, _: ", ".join(word for word in words for _i in range(2)),
        (2, 3),
    ),
    _list_family(
        "list_number",
        ("a numbered list of the words", "the words with a number before each"),
        ("Number the [words|items] of the list.", "Put a number before each word[|, starting with 1]."),
        _numbered,
        (2, 4),
        "sentence",
    ),
    _list_family(
        "list_sentence",
        ("a sentence that names all the things in the list",),
        (
            "Turn the list into a sentence that starts with We have.",
            "Use all the words of the list in one sentence with We have.",
            "Say in a sentence that we have all these things.",
        ),
        _and_list,
        (2, 4),
        "sentence",
    ),
)
