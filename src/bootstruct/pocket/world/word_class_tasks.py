"""Classification tasks whose input is a word, a pair of words or a claim.

A `_draw` function draws an input with the given label. The `_solve` function of the same name returns the label of an input, or
None if the input does not fit the task.
"""

from __future__ import annotations

from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily, classification_family
from bootstruct.pocket.world.lexicon import (
    ADJECTIVES,
    ANTONYMS,
    CAPITALS,
    CATEGORIES,
    CATEGORY_OF,
    COLOR_OF,
    CONTINENTS,
    ING,
    LANGUAGES,
    OBJECT_WORDS,
    PEOPLE_WORDS,
    PLACE_WORDS,
    PLURALS,
    RHYMES,
    ROOMS,
    SEASONS,
    SOUNDS,
    SYNONYMS,
)

_WORD = ("a word", "a noun")
_WORD_CLASSES = (
    classification_family(
        "category",
        "classes",
        _WORD,
        ("which category the word belongs to", "which group the word is part of"),
        (
            "Classify the word as animal, color, food, job, city, vehicle, tool or sport.",
            "Name the category of the word.",
            "What kind of thing is this word? Name the group.",
        ),
        {c: CATEGORIES[c] for c in ("animal", "color", "food", "job", "city", "vehicle", "tool", "sport")},
        weight=1.3,
    ),
    classification_family(
        "number_of_noun",
        "classes",
        ("a noun", "a word"),
        ("whether the noun is singular or plural", "if the noun is singular or plural"),
        ("Is the noun singular or plural?", "One thing or many? Say singular or plural."),
        {"singular": tuple(PLURALS), "plural": tuple(PLURALS.values())},
    ),
    classification_family(
        "person_place_thing",
        "classes",
        ("a noun", "a word"),
        ("whether the noun is a person, a place or a thing",),
        ("Is the noun a person, place or thing?", "Who, where or what? Say person, place or thing."),
        {"person": PEOPLE_WORDS, "place": PLACE_WORDS, "thing": OBJECT_WORDS},
    ),
    classification_family(
        "word_language",
        "classes",
        ("a foreign word", "a word"),
        ("which language the word is from", "the language of the word"),
        ("Is the word Spanish, French or German?", "In which language is the word: Spanish, French or German?"),
        {
            name: tuple(
                w
                for w in table.values()
                if sum(w in other.values() for other in LANGUAGES.values()) == 1 and w not in table
            )
            for name, table in LANGUAGES.items()
        },
    ),
    classification_family(
        "part_of_speech",
        "classes",
        ("a word", "an English word"),
        ("whether the word is a noun, a verb or an adjective", "which part of speech the word is"),
        ("Is the word a noun, verb or adjective?", "Grammar question: noun, verb or adjective?"),
        {
            "noun": CATEGORIES["animal"] + CATEGORIES["furniture"],
            "verb": tuple(v for v in ING if v not in ("clean", "open")),
            "adjective": tuple(a for a in ADJECTIVES if a not in ("clean", "open")),
        },
    ),
    classification_family(
        "room",
        "classes",
        ("a thing in a house", "an object"),
        ("which room the thing belongs in", "where in the house the thing is"),
        (
            "Where does the thing belong: kitchen, bathroom, bedroom or garden?",
            "I clean the house and found this. Does it go to the kitchen, bathroom, bedroom or garden?",
        ),
        ROOMS,
    ),
    classification_family(
        "continent",
        "classes",
        ("a country", "the name of a country"),
        ("which continent the country is in", "on which continent the country lies"),
        (
            "On which continent is the country: Europe, Asia, Africa or America?",
            "Find the continent: Europe, Asia, Africa or America.",
        ),
        CONTINENTS,
    ),
    classification_family(
        "season",
        "classes",
        ("a month", "the name of a month"),
        ("which season the month belongs to", "in which season the month falls"),
        ("In which season is the month: winter, spring, summer or autumn?", "Name the season of the month."),
        SEASONS,
    ),
    classification_family(
        "alive",
        "classes",
        ("a noun", "a thing"),
        ("whether it is alive or not alive", "if the thing is alive or not alive"),
        ("Is it alive or not alive?", "Does it breathe and eat? Answer alive or not alive."),
        {
            "alive": CATEGORIES["animal"] + CATEGORIES["job"],
            "not alive": CATEGORIES["tool"] + CATEGORIES["clothing"] + CATEGORIES["furniture"],
        },
    ),
    classification_family(
        "fruit_vegetable",
        "classes",
        ("a word for food", "a plant we eat"),
        ("whether it is a fruit or a vegetable",),
        ("Is it a fruit or a vegetable?", "A cook sorts the basket. Say fruit or vegetable."),
        {"fruit": CATEGORIES["fruit"], "vegetable": CATEGORIES["vegetable"]},
    ),
    classification_family(
        "travel",
        "classes",
        ("a vehicle", "the name of a vehicle"),
        ("whether it moves on land, on water or in the air",),
        ("Does it move on land, water or air?", "Where does the vehicle move? Choose land, water or air."),
        {
            "land": ("car", "bus", "train", "bike", "truck", "tram", "van", "taxi"),
            "water": ("boat", "ship", "ferry", "canoe", "submarine", "raft"),
            "air": ("plane", "helicopter", "balloon", "rocket", "glider", "jet"),
        },
    ),
)


def _draw_is_category(rng: Random, params: Params, label: str) -> str:
    if label == "yes":
        return rng.choice(CATEGORIES[params["cat"]])
    return rng.choice([word for word in CATEGORY_OF if CATEGORY_OF[word] != params["cat"]])


def _solve_is_category(text: str, params: Params) -> str | None:
    return None if text not in CATEGORY_OF else ("yes" if CATEGORY_OF[text] == params["cat"] else "no")


def _draw_rhyme_pair(rng: Random, _params: Params, label: str) -> str:
    word = rng.choice(tuple(RHYMES))
    if label == "yes":
        return f"{word} and {RHYMES[word]}"
    while (other := rng.choice(tuple(RHYMES))) in (word, RHYMES[word]) or RHYMES[other] == RHYMES[word]:
        pass
    return f"{word} and {other}"


def _solve_rhyme_pair(text: str, _params: Params) -> str | None:
    parts = text.split(" and ")
    if len(parts) != 2 or any(part not in RHYMES for part in parts):
        return None
    return "yes" if RHYMES[parts[0]] == parts[1] or RHYMES[parts[1]] == parts[0] else "no"


def _draw_meaning(rng: Random, _params: Params, label: str) -> str:
    table = SYNONYMS if label == "same" else ANTONYMS
    word = rng.choice(tuple(table))
    return f"{word} and {table[word]}"


def _solve_meaning(text: str, _params: Params) -> str | None:
    left, _, right = text.partition(" and ")
    if SYNONYMS.get(left) == right:
        return "same"
    return "opposite" if ANTONYMS.get(left) == right else None


_STATEMENTS = (
    ("The capital of {a} is {b}.", CAPITALS),
    ("The {a} says {b}.", SOUNDS),
    ("The color of {a} is {b}.", COLOR_OF),
)


def _draw_claim(rng: Random, _params: Params, label: str) -> str:
    shape, table = rng.choice(_STATEMENTS)
    left = rng.choice(tuple(table))
    right = table[left] if label == "true" else rng.choice([value for value in table.values() if value != table[left]])
    return shape.replace("{a}", left).replace("{b}", right)


_CLAIMS = {
    shape.replace("{a}", left).replace("{b}", right): "true" if table[left] == right else "false"
    for shape, table in _STATEMENTS
    for left in table
    for right in table.values()
}

_JUDGEMENTS = (
    TaskFamily(
        "is_category",
        "classes",
        (
            "Is the word {@cat}? Answer yes or no.",
            "Say yes if the word is {@cat} and no if not.",
            "We collect words for {+cat}. Does this one fit, yes or no?",
        ),
        _draw_is_category,
        _solve_is_category,
        _WORD,
        ("whether the word is {@cat}", "if the word is one of the {+cat}"),
        "label",
        {"cat": tuple(CATEGORIES)},
        ("yes", "no"),
        weight=1.6,
    ),
    TaskFamily(
        "rhyme_check",
        "classes",
        ("Do the two words rhyme? Answer yes or no.", "Would the pair of words work in a poem that rhymes, yes or no?"),
        _draw_rhyme_pair,
        _solve_rhyme_pair,
        ("two words", "a pair of words"),
        ("whether the two words rhyme",),
        "label",
        labels=("yes", "no"),
    ),
    TaskFamily(
        "meaning_pair",
        "classes",
        ("Do the words mean the same or the opposite?", "Compare the meaning of the two words. Say same or opposite."),
        _draw_meaning,
        _solve_meaning,
        ("two adjectives or verbs", "a pair of words"),
        ("whether the words have the same or the opposite meaning",),
        "label",
        labels=("same", "opposite"),
        weight=1.3,
    ),
    TaskFamily(
        "true_false",
        "classes",
        (
            "Is the statement true or false?",
            "Check the fact. Answer true or false.",
            "A student wrote this. Is it true or false?",
        ),
        _draw_claim,
        lambda text, _p: _CLAIMS.get(text),
        ("a statement about the world", "a claim"),
        ("whether the claim is true or false",),
        "label",
        labels=("true", "false"),
        weight=1.8,
    ),
)

WORD_CLASS_FAMILIES: tuple[TaskFamily, ...] = _WORD_CLASSES + _JUDGEMENTS
