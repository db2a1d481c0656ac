"""Tasks that find a word or a number in a sentence."""

from __future__ import annotations

from random import Random

from bootstruct.pocket.world.family import Params, TaskFamily
from bootstruct.pocket.world.grammar import PhraseReader, render
from bootstruct.pocket.world.lexicon import ANTONYMS, NUMBERS
from bootstruct.pocket.world.sentence_tasks import A_SENTENCE, DOES, FILLERS, IS, sentence_family

_FACTS = (
    "{n} saw a {color} {animal} in {city}.",
    "The {job} from {city} has a {color} {animal}.",
    "{n} the {job} likes {food}.",
    "{n} has {number} friends in {city}.",
    "The {animal} of {n} eats {food}.",
    "{n} is a {job} and works {number} days.",
    "My {animal} is {color} and {number} years old.",
    "On {day} {n} ate {food} in {city}.",
    "The {color} {animal} came on {day}.",
)
_ASKED = {
    "name": "n",
    "animal": "animal",
    "color": "color",
    "city": "city",
    "food": "food",
    "job": "job",
    "number": "number",
    "day": "day",
}
_EXTRACT_READER = PhraseReader(_FACTS, FILLERS)


def _draw_fact(rng: Random, params: Params, _label: str) -> str:
    slot = "{" + _ASKED[params["what"]] + "}"
    return render(rng.choice([shape for shape in _FACTS if slot in shape]), rng, None, FILLERS)


def _solve_fact(text: str, params: Params) -> str | None:
    return (_EXTRACT_READER.read(text) or {}).get(_ASKED[params["what"]])


def _draw_length(rng: Random, _params: Params, _label: str) -> str:
    return render(
        rng.choice((*IS, *DOES, "{n} helps {m}.", "{act}.", "The {color} {animal} came on {day}.")), rng, None, FILLERS
    )


def _solve_length(text: str, _params: Params) -> str | None:
    words = text.split()
    return NUMBERS[len(words) - 1] if text.endswith(".") and 2 <= len(words) <= 12 else None


_BLANKS = {f"The opposite of {left} is ___.": right for left, right in ANTONYMS.items()}

FINDING_FAMILIES: tuple[TaskFamily, ...] = (
    TaskFamily(
        "extract",
        "sentences",
        (
            "Extract the {what} from the sentence.",
            "Find the {what} in the sentence.",
            "Which {what} [is named|do you find] in the sentence?",
            "Copy the {what} from the sentence.",
            "The sentence mentions one {what}. Which one?",
        ),
        _draw_fact,
        _solve_fact,
        A_SENTENCE,
        ("the {what} in the sentence", "the {what} named in the sentence"),
        slots={"what": tuple(_ASKED)},
        weight=3.0,
    ),
    sentence_family(
        "who_got",
        ("{n} gave the {thing} to {m}.", "{n} sent the {thing} to {m}.", "{n} sold the {thing} to {m}."),
        ("the name of the person who got the thing", "the person who has the thing now"),
        (
            "Who has the thing at the end?",
            "Tell me who got the thing.",
            "The thing changes hands. In whose hands is it now?",
        ),
        lambda v, _t, _p: None if v["n"] == v["m"] else v["m"],
        "word",
    ),
    sentence_family(
        "who_gave",
        ("{n} gave the {thing} to {m}.", "{n} sent the {thing} to {m}.", "{n} sold the {thing} to {m}."),
        ("the name of the person who gave the thing away", "the person who had the thing first"),
        (
            "Who had the thing at the start?",
            "Tell me who gave the thing away.",
            "Someone has one thing less than before. Who?",
        ),
        lambda v, _t, _p: None if v["n"] == v["m"] else v["n"],
        "word",
    ),
    sentence_family(
        "which_thing",
        ("{n} gave the {thing} to {m}.", "{n} finds the {thing}.", "{n} lost the {thing} in {city}."),
        ("the thing that the sentence is about", "the object named in the sentence"),
        (
            "Which thing is the sentence about?",
            "Name the object in the sentence.",
            "People do something with an object here. Which object?",
        ),
        lambda v, _t, _p: v["thing"],
        "word",
    ),
    sentence_family(
        "compare",
        ("The {animal} is taller than the {subj}.", "{n} is older than {m}.", "{n} is faster than {m}."),
        ("the one that is less", "the second of the two that are compared"),
        ("Two are compared. Which one has less of it?", "Who or what loses the comparison?"),
        lambda v, _t, _p: (
            None if v.get("n", "") == v.get("m") or v.get("animal", "") == v.get("subj") else v.get("m") or v["subj"]
        ),
        "word",
    ),
    TaskFamily(
        "sentence_length",
        "sentences",
        (
            "How many words does the sentence have?",
            "Count the words of the sentence.",
            "Say in one word how many words you read.",
        ),
        _draw_length,
        _solve_length,
        A_SENTENCE,
        ("the number of words in the sentence", "the length of the sentence in words"),
        "number",
        weight=2.0,
    ),
    TaskFamily(
        "fill_blank",
        "sentences",
        (
            "Fill in the blank.",
            "Which word is missing in the sentence?",
            "One word is left out. Write the missing word.",
        ),
        lambda rng, _p, _l: rng.choice(tuple(_BLANKS)),
        lambda text, _p: _BLANKS.get(text),
        ("a sentence with a blank", "a sentence with a gap"),
        ("the word that fills the gap", "the missing word"),
    ),
)
