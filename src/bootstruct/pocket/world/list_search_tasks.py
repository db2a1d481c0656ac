"""Tasks that search a list of words.

A `_draw` function draws an input of its family. The `_solve` function of the same name returns the output for an input, or None
if the input does not fit the task.
"""

from __future__ import annotations

from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily
from bootstruct.pocket.world.grammar import Slots
from bootstruct.pocket.world.lexicon import ALL_WORDS, CATEGORIES, CATEGORY_OF, THINGS
from bootstruct.pocket.world.list_tasks import A_LIST, split_list

_CATEGORY: Slots = {"cat": tuple(CATEGORIES)}


def _draw_filter(rng: Random, params: Params, _label: str) -> str:
    others = [word for word in ALL_WORDS if CATEGORY_OF[word] != params["cat"]]
    words = [*rng.sample(others, rng.randint(2, 3)), rng.choice(CATEGORIES[params["cat"]])]
    rng.shuffle(words)
    return ", ".join(words)


def _solve_filter(text: str, params: Params) -> str | None:
    found = [word for word in split_list(text) if CATEGORY_OF.get(word) == params["cat"]]
    return found[0] if len(found) == 1 else None


def _draw_odd(rng: Random, _params: Params, _label: str) -> str:
    one, other = rng.sample(tuple(CATEGORIES), 2)
    words = [*rng.sample(CATEGORIES[one], 3), rng.choice(CATEGORIES[other])]
    rng.shuffle(words)
    return ", ".join(words)


def _solve_odd(text: str, _params: Params) -> str | None:
    words = split_list(text)
    kinds = [CATEGORY_OF.get(word) for word in words]
    alone = [word for word, kind in zip(words, kinds, strict=True) if kinds.count(kind) == 1]
    return alone[0] if len(words) == 4 and len(alone) == 1 and None not in kinds and len(set(kinds)) == 2 else None


def _draw_repeated(rng: Random, _params: Params, _label: str) -> str:
    words = rng.sample(ALL_WORDS, rng.randint(2, 4))
    words.insert(rng.randint(0, len(words)), rng.choice(words))
    return ", ".join(words)


def _solve_repeated(text: str, _params: Params) -> str | None:
    words = split_list(text)
    twice = {word for word in words if words.count(word) == 2}
    return twice.pop() if len(twice) == 1 and len(set(words)) == len(words) - 1 else None


def _solve_unique(text: str, _params: Params) -> str | None:
    return None if _solve_repeated(text, {}) is None else ", ".join(dict.fromkeys(split_list(text)))


def _draw_contains(rng: Random, params: Params, label: str) -> str:
    others = [word for word in ALL_WORDS if word != params["w"]]
    words = rng.sample(others, rng.randint(3, 4))
    if label == "yes":
        words[rng.randrange(len(words))] = params["w"]
    return ", ".join(words)


def _solve_contains(text: str, params: Params) -> str | None:
    words = split_list(text)
    return None if len(words) < 2 else ("yes" if params["w"] in words else "no")


def _draw_same(rng: Random, _params: Params, label: str) -> str:
    word, other = rng.sample(ALL_WORDS, 2)
    return f"{word}, {word if label == 'same' else other}"


def _solve_same(text: str, _params: Params) -> str | None:
    words = split_list(text)
    return None if len(words) != 2 else ("same" if words[0] == words[1] else "different")


def _draw_row(rng: Random, _params: Params, _label: str) -> str:
    return " ".join(rng.sample(ALL_WORDS, rng.randint(3, 4)))


def _solve_row(text: str, _params: Params) -> str | None:
    words = text.split()
    return ", ".join(words) if len(words) >= 2 and "," not in text else None


def _draw_odd_size(rng: Random, _params: Params, _label: str) -> str:
    return ", ".join(rng.sample(ALL_WORDS, rng.choice((3, 3, 5))))


def _solve_middle(text: str, _params: Params) -> str | None:
    words = split_list(text)
    return words[len(words) // 2] if len(words) % 2 and len(words) >= 3 else None


LIST_SEARCH_FAMILIES: tuple[TaskFamily, ...] = (
    TaskFamily(
        "list_filter",
        "lists",
        (
            "Pick the {cat} from the list.",
            "Which of these words [is|names] {@cat}?",
            "Find the {cat} [in the list|among these words].",
            "One word in the list is {@cat}. Which one?",
            "Only one of the words belongs to the {+cat}. Copy it.",
        ),
        _draw_filter,
        _solve_filter,
        A_LIST,
        ("the {cat} in the list", "the only {cat} among the words"),
        slots=_CATEGORY,
        weight=2.0,
    ),
    TaskFamily(
        "list_odd",
        "lists",
        (
            "Find the odd one out.",
            "Which word does not belong [in the list|with the others]?",
            "Three of the words are alike. Pick the one that is different.",
            "Spot the word that does not fit.",
        ),
        _draw_odd,
        _solve_odd,
        A_LIST,
        ("the word that does not belong", "the odd one out"),
        weight=2.0,
    ),
    TaskFamily(
        "list_repeated",
        "lists",
        (
            "Which word [appears|is written] twice?",
            "Find the word that [occurs twice|is repeated].",
            "Someone wrote a word two times. Which one?",
        ),
        _draw_repeated,
        _solve_repeated,
        A_LIST,
        ("the word that occurs twice", "the repeated word"),
        weight=1.6,
    ),
    TaskFamily(
        "list_unique",
        "lists",
        (
            "Remove the [repeated word|duplicates] from the list.",
            "Write each word only once.",
            "Clean the list so that no word comes twice.",
        ),
        _draw_repeated,
        _solve_unique,
        A_LIST,
        ("the list without the repeated word", "the list without duplicates"),
        "list",
        weight=1.8,
    ),
    TaskFamily(
        "list_contains",
        "lists",
        (
            "Is the word {w} in the list? Answer yes or no.",
            "Does the list contain {w}? Say yes or no.",
            "Look for {w} in the list and answer yes or no.",
            "Say yes if you see {w} among the words and no if not.",
        ),
        _draw_contains,
        _solve_contains,
        A_LIST,
        ("whether the list contains {w}", "if {w} is one of the words"),
        "label",
        {"w": THINGS},
        ("yes", "no"),
        weight=1.4,
    ),
    TaskFamily(
        "list_same",
        "lists",
        (
            "Are the two words the same or different?",
            "Compare the two words. Say same or different.",
            "Tell me if the pair is the same word twice. Answer same or different.",
        ),
        _draw_same,
        _solve_same,
        ("two words", "a pair of words"),
        ("whether the two words are the same or different",),
        "label",
        labels=("same", "different"),
    ),
    TaskFamily(
        "list_commas",
        "lists",
        (
            "Put commas between the words.",
            "Separate the words with commas.",
            "The commas are missing. Write the list with commas.",
        ),
        _draw_row,
        _solve_row,
        ("a row of words", "words without commas"),
        ("the words with commas between them",),
        "list",
        weight=1.4,
    ),
    TaskFamily(
        "list_middle",
        "lists",
        (
            "Which word [is|stands] in the middle[| of the list]?",
            "Copy the middle word.",
            "The list has an odd number of words. Pick the one in the middle.",
        ),
        _draw_odd_size,
        _solve_middle,
        A_LIST,
        ("the middle word", "the word in the middle of the list"),
        weight=1.8,
    ),
)
