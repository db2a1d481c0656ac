"""Tasks that change one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily
from bootstruct.pocket.world.grammar import PhraseReader, Slots, render
from bootstruct.pocket.world.lexicon import (
    ADJECTIVES,
    ANTONYMS,
    CATEGORIES,
    DAYS,
    NAMES,
    NUMBERS,
    OBJECTS,
    PLURALS,
    SUBJECTS,
    VERBS_S,
    WOMEN,
)

A_SENTENCE = ("a sentence", "a short sentence", "an English sentence")
FILLERS: Slots = {
    "subj": SUBJECTS,
    "adj": ADJECTIVES,
    "verb": tuple(VERBS_S),
    "city": CATEGORIES["city"],
    "n": NAMES,
    "m": NAMES,
    "thing": OBJECTS,
    "animal": CATEGORIES["animal"],
    "color": CATEGORIES["color"],
    "food": CATEGORIES["food"],
    "job": CATEGORIES["job"],
    "number": NUMBERS[1:10],
    "day": DAYS,
    "item": ("book", "cup", "key", "ticket", "card", "pen"),
    "dog": tuple(w for w in SUBJECTS if w in PLURALS),
    "act": (
        "Open the door",
        "Close the window",
        "Sit down",
        "Wait here",
        "Call me",
        "Help me",
        "Come in",
        "Read this",
        "Write to me",
        "Turn left",
    ),
}
_BASE = {verb: verb[:-1] for verb in VERBS_S}
_DONE = {"finds": "found", "takes": "taken", "buys": "bought"}
IS = ("The {subj} is {adj}.",)
DOES = ("{n} {verb} in {city}.", "{n} {verb} on {day}.")
Change = Callable[[dict[str, str], str, Params], str | None]


def sentence_family(
    name: str,
    shapes: tuple[str, ...],
    objects: tuple[str, ...],
    asks: tuple[str, ...],
    change: Change,
    answer: str = "sentence",
    slots: Slots | None = None,
    weight: float = 1.6,
) -> TaskFamily:
    """Return a family whose input is a sentence and whose output is the changed sentence.

    `shapes` holds the templates of the sentences, whose slots `FILLERS` fills. `change` gets the slot values of the sentence,
    the sentence itself, and the slot values of the instruction; it returns the output, or None if the sentence does not fit the
    task. The other arguments are the attributes of `TaskFamily` that have the same names.
    """
    reader = PhraseReader(shapes, FILLERS)

    def solve(text: str, params: Params) -> str | None:
        values = reader.read(text)
        return None if values is None else change(values, text, params)

    def draw(rng: Random, params: Params, _label: str) -> str:
        while True:
            text = render(rng.choice(shapes), rng, None, FILLERS)
            if solve(text, params) is not None:
                return text

    return TaskFamily(name, "sentences", asks, draw, solve, A_SENTENCE, objects, answer, slots or {}, weight=weight)


def _where(values: dict[str, str]) -> str:
    """Return the place or the day of a sentence, with its preposition."""
    return f"in {values['city']}" if "city" in values else f"on {values['day']}"


def _pronoun(values: dict[str, str], text: str, _params: Params) -> str:
    """Replace the name at the beginning of the sentence with "He" or "She"."""
    return re.sub(rf"^{values['n']}\b", "She" if values["n"] in WOMEN else "He", text)


def _renamed(values: dict[str, str], text: str, params: Params) -> str | None:
    """Replace the name at the beginning of the sentence; return None if it is the new name already."""
    return None if values["n"] == params["to"] else re.sub(rf"^{values['n']}\b", params["to"], text)


SENTENCE_FAMILIES: tuple[TaskFamily, ...] = (
    sentence_family(
        "negate",
        IS,
        ("the negative form of the sentence", "the negated sentence"),
        (
            "Make the sentence negative.",
            "Negate the sentence.",
            "Put the word not into the sentence.",
            "Somebody said this but it is wrong. Deny it with the word not.",
        ),
        lambda v, _t, _p: f"The {v['subj']} is not {v['adj']}.",
    ),
    sentence_family(
        "to_question",
        IS,
        ("the question form of the sentence", "the sentence as a question"),
        (
            "Turn the sentence into a question.",
            "Make a question from the sentence.",
            "Rewrite the sentence as a question.",
            "You are not sure that it is so. Ask for it.",
        ),
        lambda v, _t, _p: f"Is the {v['subj']} {v['adj']}?",
    ),
    sentence_family(
        "opposite_sentence",
        IS,
        ("a sentence that says the contrary", "the sentence with the opposite adjective"),
        (
            "Rewrite the sentence so that it says the opposite.",
            "Change the adjective to its opposite.",
            "Say the contrary of the sentence.",
        ),
        lambda v, _t, _p: f"The {v['subj']} is {ANTONYMS[v['adj']]}.",
    ),
    sentence_family(
        "past_sentence",
        DOES,
        ("the sentence in the past", "the past version of the sentence"),
        (
            "Put the sentence in the past.",
            "Change the sentence to the past tense.",
            "It happened last year. Rewrite the sentence for that.",
        ),
        lambda v, _t, _p: f"{v['n']} {VERBS_S[v['verb']]} {_where(v)}.",
    ),
    sentence_family(
        "future_sentence",
        DOES,
        ("the sentence in the future", "the sentence with will"),
        (
            "Put the sentence in the future.",
            "Change the sentence so that it uses will.",
            "It will happen next year. Rewrite the sentence for that.",
        ),
        lambda v, _t, _p: f"{v['n']} will {_BASE[v['verb']]} {_where(v)}.",
    ),
    sentence_family(
        "replace_name",
        DOES,
        ("the sentence with {to} as the new name", "the sentence about {to} instead"),
        (
            "Replace the name in the sentence with {to}.",
            "Change the name to {to}.",
            "Rewrite the sentence and call the person {to}.",
            "It was {to} who did it. Correct the name in the sentence.",
        ),
        _renamed,
        slots={"to": NAMES},
    ),
    sentence_family(
        "pronoun",
        DOES,
        ("the sentence with he or she for the name", "the sentence with a pronoun"),
        (
            "Replace the name with he or she.",
            "Use a pronoun for the person in the sentence.",
            "We know who is meant. Write he or she in place of the name.",
        ),
        _pronoun,
    ),
    sentence_family(
        "plural_subject",
        ("The {dog} is {adj}.",),
        ("the sentence in the plural", "the sentence about more than one"),
        (
            "Put the sentence in the plural.",
            "Rewrite the sentence for more than one thing.",
            "There are many of them. Change the sentence.",
        ),
        lambda v, _t, _p: f"The {PLURALS[v['dog']]} are {v['adj']}.",
    ),
    sentence_family(
        "very",
        IS,
        ("the sentence with very in it", "a stronger sentence with very"),
        (
            "Make the sentence stronger with the word very.",
            "Add very before the adjective.",
            "Put the word very into the sentence.",
        ),
        lambda v, _t, _p: f"The {v['subj']} is very {v['adj']}.",
    ),
    sentence_family(
        "polite",
        ("{act}.",),
        ("a polite version of the command", "the request with please"),
        (
            "Make the command polite with please.",
            "Put please at the start of the sentence.",
            "The sentence sounds rude. Add please in front.",
        ),
        lambda v, _t, _p: f"Please {v['act'][0].lower()}{v['act'][1:]}.",
    ),
    sentence_family(
        "passive",
        ("{n} finds the {thing}.", "{n} takes the {thing}.", "{n} buys the {thing}."),
        ("the passive form of the sentence", "the sentence in the passive voice"),
        (
            "Put the sentence in the passive voice.",
            "Rewrite the sentence so that the thing comes first.",
            "Start with the thing and end with by and the name.",
        ),
        lambda v, t, _p: f"The {v['thing']} is {_DONE[t.split()[1]]} by {v['n']}.",
    ),
    sentence_family(
        "swap_names",
        ("{n} helps {m}.", "{n} calls {m}.", "{n} sees {m}.", "{n} likes {m}."),
        ("the sentence with the two names swapped", "the sentence after the names change places"),
        (
            "Swap the two names in the sentence.",
            "Let the two people in the sentence change places.",
            "It was the other way round. Exchange the names.",
        ),
        lambda v, t, _p: None if v["n"] == v["m"] else f"{v['m']} {t.split()[1]} {v['n']}.",
    ),
    sentence_family(
        "first_person",
        ("I am {adj}.", "I like {food}.", "I have a {animal}.", "I live in {city}."),
        ("the sentence with you instead of I", "the sentence said to another person"),
        (
            "Change I to you in the sentence.",
            "Speak to another person. Write you instead of I.",
            "Say it about you, not about me.",
        ),
        lambda _v, t, _p: "You " + t[2:].replace("am ", "are ", 1),
    ),
    sentence_family(
        "exclaim",
        IS + DOES,
        ("the sentence with an exclamation mark", "a louder version of the sentence"),
        (
            "Put an exclamation mark at the end of the sentence.",
            "End the sentence with an exclamation mark.",
            "Shout the sentence. Use an exclamation mark.",
        ),
        lambda _v, t, _p: t[:-1] + "!",
    ),
    sentence_family(
        "remove_word",
        DOES + IS,
        ("the sentence without its last word", "the sentence after you cut the last word"),
        (
            "Remove the last word of the sentence.",
            "Cut off the last word[| and keep the dot].",
            "Leave out the word at the end of the sentence.",
        ),
        lambda _v, t, _p: t[:-1].rsplit(" ", 1)[0] + ".",
    ),
    sentence_family(
        "add_day",
        ("{n} {verb} in {city}.",),
        ("the sentence with on {day} at the end",),
        (
            "Add on {day} to the end of the sentence.",
            "It happens on {day}. Say so at the end of the sentence.",
            "Put the day into the sentence: it is {day}.",
        ),
        lambda _v, t, p: f"{t[:-1]} on {p['day']}.",
        slots={"day": DAYS},
    ),
)
