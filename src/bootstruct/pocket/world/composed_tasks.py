"""Tasks that combine two others, such as the plural of the second word of a list, or a sum written in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from bootstruct.pocket.world.family import Draw, Params, Solve, TaskFamily
from bootstruct.pocket.world.lexicon import (
    ALL_WORDS,
    ANTONYMS,
    CAPITALS,
    COLOR_OF,
    COMPARATIVES,
    NUMBERS,
    PAST,
    PLURALS,
    SOUNDS,
    VERBS_S,
    WOMEN,
)
from bootstruct.pocket.world.list_tasks import A_LIST, split_list
from bootstruct.pocket.world.number_tasks import _PAIR
from bootstruct.pocket.world.sentence_tasks import DOES, IS, _where, sentence_family

_SPOTS = {"first": 0, "second": 1, "last": -1}
_GAP = " and "


def _nth_family(
    name: str, noun: str, many: str, objects: tuple[str, ...], asks: tuple[str, ...], work: Mapping[str, str]
) -> TaskFamily:
    """Return a family whose input is three words of a table and whose output is the table's entry for one of them."""
    words = tuple(work)

    def draw(rng: Random, _params: Params, _label: str) -> str:
        return ", ".join(rng.sample(words, 3))

    def solve(text: str, params: Params) -> str | None:
        found = split_list(text)
        return work.get(found[_SPOTS[params["pos"]]]) if len(found) == 3 and set(found) <= set(words) else None

    inputs = (f"a list of {many}", f"three {many}")
    own = tuple(ask.replace("NOUN", noun) for ask in asks)
    shown = tuple(text.replace("NOUN", noun) for text in objects)
    return TaskFamily(name, "lists", own, draw, solve, inputs, shown, "word", {"pos": tuple(_SPOTS)}, weight=1.6)


def _both_family(
    name: str, inputs: tuple[str, ...], objects: tuple[str, ...], asks: tuple[str, ...], draw: Draw, solve: Solve,
    answer: str, theme: str,
) -> TaskFamily:  # fmt: skip
    """Return a family with the usual weight of tasks that combine two steps."""
    return TaskFamily(name, theme, asks, draw, solve, inputs, objects, answer, weight=1.6)


def _from(words: Mapping[str, str]) -> Draw:
    """Return a function that draws a word of a table."""
    known = tuple(words)
    return lambda rng, _p, _l: rng.choice(known)


def _words(least: int, most: int) -> Draw:
    """Return a function that draws a list of words; `least` and `most` are the lowest and the highest number of them."""
    return lambda rng, _p, _l: ", ".join(rng.sample(ALL_WORDS, rng.randint(least, most)))


def _pair(top: int) -> Draw:
    """Return a function that draws two different numbers from 1 to `top`, such as "4 and 7"."""
    return lambda rng, _p, _l: _GAP.join(map(str, rng.sample(range(1, top + 1), 2)))


def _on_pair(work: Callable[[int, int], str | None]) -> Solve:
    """Return a function that reads two numbers and gives them to `work`; any other input does not fit the task."""

    def solve(text: str, _params: Params) -> str | None:
        found = _PAIR.fullmatch(text)
        return work(int(found[1]), int(found[2])) if found else None

    return solve


def _reverse_drop(text: str, _params: Params) -> str | None:
    words = split_list(text)
    return ", ".join(words[::-1][1:]) if len(words) >= 3 else None


def _reverse_join(text: str, _params: Params) -> str | None:
    words = split_list(text)
    return " and ".join(words[::-1]) if len(words) >= 2 else None


def _sum_in_words(left: int, right: int) -> str | None:
    return NUMBERS[left + right - 1] if left + right <= len(NUMBERS) else None


def _past_with_pronoun(values: dict[str, str], _text: str, _params: Params) -> str:
    return f"{'She' if values['n'] in WOMEN else 'He'} {VERBS_S[values['verb']]} {_where(values)}."


def _letter_of_opposite(text: str, _params: Params) -> str | None:
    return ANTONYMS[text][0] if text in ANTONYMS else None


_OF_NTH = (
    _nth_family(
        "plural_of_nth", "noun", "nouns",
        ("the plural of the {pos} NOUN", "the {pos} NOUN of the list in the plural"),
        ("Take the {pos} NOUN of the list and make it plural.", "Pick the {pos} NOUN. Then write its plural."),
        PLURALS,
    ),
    _nth_family(
        "opposite_of_nth", "adjective", "adjectives",
        ("the opposite of the {pos} NOUN", "the opposite of the {pos} word of the list"),
        ("Take the {pos} NOUN of the list and write its opposite.", "Pick the {pos} word. Then write its opposite."),
        ANTONYMS,
    ),
    _nth_family(
        "color_of_nth", "thing", "things",
        ("the color of the {pos} NOUN", "the usual color of the {pos} NOUN in the list"),
        ("Take the {pos} NOUN of the list and name its color.", "Pick the {pos} NOUN. Which color does it have?"),
        COLOR_OF,
    ),
    _nth_family(
        "past_of_nth", "verb", "verbs",
        ("the past tense of the {pos} NOUN", "the {pos} NOUN of the list in the past tense"),
        ("Take the {pos} NOUN of the list and put it in the past tense.", "Pick the {pos} NOUN. Then write its past tense."),
        {verb: past for verb, past in PAST.items() if verb != past},
    ),
    _nth_family(
        "sound_of_nth", "animal", "animals",
        ("the sound of the {pos} NOUN", "the noise that the {pos} NOUN of the list makes"),
        ("Take the {pos} NOUN of the list and write its sound.", "Pick the {pos} NOUN. Which noise does it make?"),
        SOUNDS,
    ),
    _nth_family(
        "comparative_of_nth", "adjective", "short adjectives",
        ("the comparative of the {pos} NOUN", "the {pos} NOUN of the list in the comparative"),
        ("Take the {pos} NOUN and write its comparative.", "Pick the {pos} NOUN. Then write the form before than."),
        COMPARATIVES,
    ),
    _nth_family(
        "capitals_of_nth", "country", "countries",
        ("the capital of the {pos} NOUN", "the capital city of the {pos} NOUN in the list"),
        ("Take the {pos} NOUN of the list and name its capital.", "Pick the {pos} NOUN. Which city is its capital?"),
        CAPITALS,
    ),
)  # fmt: skip

_BOTH = (
    _both_family(
        "reverse_join", A_LIST,
        ("the reversed list joined with and", "the words in reverse order with and between them"),
        ("Reverse the list and join the words with and.", "Turn the list around. Then put and between the words."),
        _words(2, 4), _reverse_join, "sentence", "lists",
    ),
    _both_family(
        "reverse_drop", A_LIST,
        ("the reversed list without its first word", "the list in reverse order without its first word"),
        ("Reverse the list and remove the first word.", "Turn the list around. Then drop the first item."),
        _words(3, 5), _reverse_drop, "list", "lists",
    ),
    _both_family(
        "double_of_sum", ("two small numbers", "two numbers"),
        ("the double of the sum", "twice the sum of the numbers"),
        ("Add the two numbers and double the result.", "Add the numbers. Then multiply by two."),
        _pair(6), _on_pair(lambda left, right: str(2 * (left + right))), "number", "numbers",
    ),
    _both_family(
        "sum_in_words", ("two small numbers", "two numbers"),
        ("the sum in words", "the sum of the two numbers as a word"),
        ("Add the two numbers and write the result in words.", "Add the numbers. Then spell out the sum."),
        _pair(6), _on_pair(_sum_in_words), "word", "numbers",
    ),
    _both_family(
        "double_of_larger", ("two numbers", "a pair of numbers"),
        ("the double of the larger number", "twice the larger number"),
        ("Choose the larger number and double it.", "Find the bigger of the two numbers. Then multiply it by two."),
        _pair(20), _on_pair(lambda left, right: None if left == right else str(2 * max(left, right))), "number", "numbers",
    ),
    _both_family(
        "past_in_capitals", ("a verb", "a word"),
        ("the past tense in capital letters", "the past form of the verb in capital letters"),
        ("Put the verb in the past tense and write it in capital letters.", "Write the past tense. Use capital letters only."),
        _from({verb: past for verb, past in PAST.items() if verb != past}),
        lambda text, _p: PAST[text].upper() if text in PAST else None, "word", "words",
    ),
    _both_family(
        "plural_in_capitals", ("a noun", "a singular noun"),
        ("the plural in capital letters", "the plural of the noun in capital letters"),
        ("Make the noun plural and write it in capital letters.", "Write the plural. Use capital letters only."),
        _from(PLURALS), lambda text, _p: PLURALS[text].upper() if text in PLURALS else None, "word", "words",
    ),
    _both_family(
        "opposite_letter", ("an adjective", "a word"),
        ("the first letter of the opposite", "the letter that the opposite starts with"),
        ("Find the opposite of the adjective and give its first letter.", "Think of the opposite. Which letter is its first?"),
        _from(ANTONYMS), _letter_of_opposite, "number", "words",
    ),
    sentence_family(
        "not_very", IS,
        ("the negative sentence with very", "the negated sentence with the word very"),
        ("Make the sentence negative and add very.", "Put the words not and very into the sentence."),
        lambda v, _t, _p: f"The {v['subj']} is not very {v['adj']}.",
    ),
    sentence_family(
        "very_question", IS,
        ("the sentence as a question with very", "the question form of the sentence with the word very"),
        ("Turn the sentence into a question and add very.", "Ask for it and put the word very into the question."),
        lambda v, _t, _p: f"Is the {v['subj']} very {v['adj']}?",
    ),
    sentence_family(
        "past_with_pronoun", DOES,
        ("the sentence in the past with he or she", "the past version of the sentence with a pronoun"),
        (
            "Put the sentence in the past and replace the name with he or she.",
            "It happened last year. Say so, and use a pronoun for the name.",
        ),
        _past_with_pronoun,
    ),
)  # fmt: skip

COMPOSED_FAMILIES: tuple[TaskFamily, ...] = _OF_NTH + _BOTH
