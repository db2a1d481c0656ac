"""The pocket model's corpus: documents made from the micro-world.

Every document is a pure function of its number: `document(k)` draws from `Random(f"{seed}/{k}")`. No document contains the
headline format of the evaluation, which has an instruction, an input and the word "Answer" with a colon, one per line.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from gates import BLANK

from bootstruct.pocket.world import prompt_headers
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.family import TaskFamily
from bootstruct.pocket.world.grammar import render
from bootstruct.pocket.world.held_out_families import HELD_OUT
from bootstruct.pocket.world.lexicon import (
    ADJECTIVES,
    ALL_WORDS,
    ANTONYMS,
    CAPITALS,
    CATEGORY_OF,
    COLOR_OF,
    COMPARATIVES,
    DAYS,
    HOMES,
    JOB_TOOLS,
    LANGUAGE_OF,
    LANGUAGES,
    LETTER_WORDS,
    MATERIALS,
    NAMES,
    NUMBERS,
    PAST,
    PLURALS,
    PRODUCTS,
    RHYMES,
    SHOPS,
    SOUNDS,
    SYNONYMS,
    TASTES,
    WORKPLACES,
    YOUNG,
)

END = "<|end|>"
_ALL = tuple(FAMILIES.values())
_CLASS = tuple(family for family in _ALL if family.is_classification)
_OTHER = tuple(family for family in _ALL if not family.is_classification)
_WITH_INPUT = tuple(family for family in _ALL if family.takes_input)
# The corpus shows an instruction with its answer only for these.
_ANSWERED = tuple(family for family in _ALL if family.name not in HELD_OUT)
_TABLED = tuple(family for family in _WITH_INPUT if family.name in HELD_OUT)
_ANSWERED_CLASS = tuple(family for family in _ANSWERED if family.is_classification)
_ANSWERED_OTHER = tuple(family for family in _ANSWERED if not family.is_classification)
_TITLES = ("Tasks for today:", "Homework:", "Things to do in class:", "A list of exercises:", "This week:")
_FACTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("The capital of {a} is {b}.", CAPITALS),
    ("The {a} says {b}.", SOUNDS),
    ("The color of {a} is {b}.", COLOR_OF),
    ("The opposite of {a} is {b}.", ANTONYMS),
    ("The plural of {a} is {b}.", PLURALS),
    ("The past tense of {a} is {b}.", PAST),
    ("A young {a} is called a {b}.", YOUNG),
    ("The {a} lives in the {b}.", HOMES),
    ("In {a} people speak {b}.", LANGUAGE_OF),
    ("The {a} works in the {b}.", WORKPLACES),
    ("The {a} uses the {b}.", JOB_TOOLS),
    ("The {a} is made of {b}.", MATERIALS),
    ("You buy {a} at the {b}.", SHOPS),
    ("We get {a} from the {b}.", PRODUCTS),
    ("The word {a} rhymes with {b}.", RHYMES),
    ("The word {a} means the same as {b}.", SYNONYMS),
    ("The taste of {a} is {b}.", TASTES),
    ("If it is more {a} it is {b}.", COMPARATIVES),
    ("The word {a} names a kind of {b}.", CATEGORY_OF),
    *((f"The {name} word for {{a}} is {{b}}.", table) for name, table in LANGUAGES.items()),
)


# Families that an earlier training learnt late; they are shown more often than by their own weight.
_PRACTICE = {
    "list_odd": 3.5, "list_filter": 3.5, "list_keep": 2.8, "list_replace": 2.8, "list_unique": 2.6, "list_same": 1.6,
    "list_contains": 2.0, "list_without": 2.2, "list_nth": 2.4, "list_repeated": 2.0, "next_number": 2.0,
    "previous_number": 2.0, "double": 1.6, "choose_number": 2.2, "continue_row": 2.6, "subtract": 2.6, "sort_numbers": 3.0,
    "word_problem": 2.6, "day_step": 2.2, "extract": 4.0, "category": 2.0, "is_category": 2.2, "opposite_sentence": 1.8,
    "true_false": 2.4, "sum_in_words": 2.0, "double_of_sum": 2.0, "double_of_larger": 2.0,
}  # fmt: skip


def _pick(rng: Random, families: tuple[TaskFamily, ...], count: int) -> list[TaskFamily]:
    """Draw `count` different families by their weights."""
    chosen: dict[str, TaskFamily] = {}
    weights = [_PRACTICE.get(family.name, family.weight) for family in families]
    while len(chosen) < count:
        family = rng.choices(families, weights)[0]
        chosen[family.name] = family
    return list(chosen.values())


def _say(rng: Random, family: TaskFamily) -> str:
    """Return an instruction of a family."""
    return family.instruction(rng, family.params(rng))


def task_list(rng: Random) -> str:
    """Return a header and 10 to 16 numbered instructions."""
    only_class = rng.random() < 0.12
    families = rng.sample(_CLASS if only_class else _ALL, rng.randint(10, 16))
    header = (
        prompt_headers.PROPOSE_CLASSIFICATION
        if only_class
        else (prompt_headers.PROPOSE if rng.random() < 0.75 else rng.choice(_TITLES))
    )
    return "\n".join([header, *(f"{k}. {_say(rng, family)}" for k, family in enumerate(families, 1))])


def kind_list(rng: Random) -> str:
    """Return instructions, each with the answer to whether it is a classification task."""
    blocks = [prompt_headers.CLASSIFY] if rng.random() < 0.85 else []
    for _ in range(rng.randint(8, 14)):
        family = rng.choice(_CLASS if rng.random() < 0.45 else _OTHER)
        blocks.append(f"Task: {_say(rng, family)}\nIs it classification? {'Yes' if family.is_classification else 'No'}")
    return "\n\n".join(blocks)


def input_first_block(rng: Random, family: TaskFamily, most: int = 3) -> str:
    """Return one task with up to `most` examples, input before output."""
    params = family.params(rng)
    lines = [f"Task: {family.instruction(rng, params)}"]
    if not family.takes_input:
        return "\n".join([*lines, f"Output: {family.instance(rng, params)[1]}"])
    seen: set[str] = set()
    for _ in range(rng.randint(1, most) if rng.random() < 0.5 else most):
        for _try in range(8):
            text, output = family.instance(rng, params)
            if text not in seen:
                break
        else:
            break
        seen.add(text)
        lines += [f"Example {len(seen)}", f"Input: {text}", f"Output: {output}"]
    return "\n".join(lines)


def input_first(rng: Random) -> str:
    """Return several tasks with examples, most of them not classification.

    They come only from families that may be shown with an answer.
    """
    families = _pick(rng, _ANSWERED_OTHER if rng.random() < 0.75 else _ANSWERED, rng.randint(4, 7))
    blocks = [prompt_headers.INPUT_FIRST] if rng.random() < 0.85 else []
    return "\n\n".join([*blocks, *(input_first_block(rng, family, rng.choice((2, 3, 3, 5))) for family in families)])


_ARROWS = (" -> ", " -> ", " = ", " => ", " | ")


def table(rng: Random) -> str:
    """Return tables with a head of two noun phrases and rows "x -> y".

    They show what a phrase means without any instruction.
    """
    arrow, blocks = rng.choice(_ARROWS), []
    for family in _pick(rng, _TABLED if rng.random() < 0.6 else _WITH_INPUT, rng.randint(2, 4)):
        params = family.params(rng)
        lines = [arrow.join(render(rng.choice(some), rng, params) for some in (family.inputs, family.objects))]
        lines += dict.fromkeys(arrow.join(family.instance(rng, params)) for _ in range(rng.randint(4, 9)))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def blank(rng: Random) -> str:
    """Return a worksheet in the layout of tasks with examples, or with arrows, in which all answers are blank.

    More documents begin with such a worksheet than with answered tasks, so that the model does not learn to answer a task
    merely because it begins a text.
    """
    arrows = rng.random() < 0.15
    blocks = [prompt_headers.INPUT_FIRST] if not arrows and rng.random() < 0.8 else []
    # Most are families that other documents answer: each must be blank more often than answered.
    families = _ANSWERED if rng.random() < 0.85 else _TABLED
    for family in _pick(rng, families, rng.choice((1, 1, 1, 2))):
        params = family.params(rng)
        text = family.instruction(rng, params)
        if not family.takes_input:
            blocks.append(f"{text}\n{BLANK}" if arrows else f"Task: {text}\nOutput: {BLANK}")
            continue
        given = [family.instance(rng, params)[0] for _ in range(rng.choice((1, 1, 2)))]
        if arrows:
            arrow = rng.choice(_ARROWS)
            blocks.append("\n".join([text, *(f"{one}{arrow}{BLANK}" for one in given)]))
            continue
        lines = [f"Example {k}\nInput: {one}\nOutput: {BLANK}" for k, one in enumerate(given, 1)]
        blocks.append("\n".join([f"Task: {text}", *lines]))
    return "\n\n".join(blocks)


def paraphrases(rng: Random) -> str:
    """Return instructions, each in two phrasings, without an answer."""
    lines = []
    for family in rng.sample(_ALL, rng.randint(2, 5)):
        params = family.params(rng)
        one, other = (render(rng.choice(family.templates), rng, params) for _ in range(2))
        lines.append(f"{one} In other words: {other}")
    return "\n".join(lines)


def output_first(rng: Random) -> str:
    """Return classification tasks with an input for each class label."""
    blocks = [prompt_headers.OUTPUT_FIRST] if rng.random() < 0.85 else []
    for family in _pick(rng, _ANSWERED_CLASS, rng.randint(4, 6)):
        params = family.params(rng)
        lines = [f"Task: {family.instruction(rng, params)}"]
        for label in rng.sample(family.labels, min(len(family.labels), rng.choice((2, 3, 4)))):
            lines += [f"Class label: {label}", f"Input: {family.instance(rng, params, label)[0]}"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _fact(rng: Random) -> str:
    """Return a sentence that states a fact."""
    shape, table = rng.choice(_FACTS)
    left = rng.choice(tuple(table))
    return shape.replace("{a}", left).replace("{b}", table[left])


def plain(rng: Random) -> str:
    """Return facts and sentences of the micro-world, without any task."""
    sentences = []
    for _ in range(rng.randint(5, 10)):
        if rng.random() < 0.6:
            sentences.append(_fact(rng))
            continue
        family = FAMILIES[rng.choice(("extract", "topic", "emotion", "intent", "who_got", "tense", "negate", "spam"))]
        sentences.append(family.instance(rng, family.params(rng))[0])
    return " ".join(sentences)


def pattern(rng: Random) -> str:
    """Return lines "x -> y" of one family, without an instruction or a head."""
    family = _pick(rng, _WITH_INPUT, 1)[0]
    params = family.params(rng)
    arrow = rng.choice((" -> ", " = ", " : ", " => "))
    lines = [arrow.join(family.instance(rng, params)) for _ in range(rng.randint(4, 8))]
    return "\n".join(lines)


def thread(rng: Random) -> str:
    """Return a conversation in which a question gets no answer."""
    family = rng.choice(_ALL)
    params = family.params(rng)
    one, other = rng.sample(NAMES, 2)
    asked = " ".join(
        part
        for part in (family.instruction(rng, params), family.instance(rng, params)[0] if family.takes_input else "")
        if part
    )
    reply = rng.choice(
        (
            "I do not know.",
            "Is this your homework?",
            "Can you say more?",
            "We had this in class.",
            "Ask your teacher.",
            "Me too.",
        )
    )
    lines = [f"{one}: {asked}", f"{other}: {reply}"]
    if rng.random() < 0.6:
        lines.append(f"{one}: " + rng.choice(("Thanks.", "Please help me.", f"I need it for {rng.choice(DAYS)}.")))
    return "\n".join(lines)


def worksheet(rng: Random) -> str:
    """Return instructions with inputs, which may be lettered, and without answers."""
    blocks, lettered = [], rng.random() < 0.4
    for family in rng.sample(_WITH_INPUT, rng.randint(2, 4)):
        params = family.params(rng)
        texts = [family.instance(rng, params)[0] for _ in range(rng.randint(2, 4))]
        lines = [f"{letter}) {text}" for letter, text in zip("abcd", texts, strict=False)] if lettered else texts
        blocks.append(family.instruction(rng, params) + "\n" + "\n".join(lines))
    return "\n\n".join(blocks)


_SUNG = tuple(dict.fromkeys((*ALL_WORDS, *NAMES, *ADJECTIVES, *PAST, *LETTER_WORDS, *NUMBERS)))


def song(rng: Random) -> str:
    """Return a line of random words that is repeated or reversed; it teaches copying."""
    words = [rng.choice(_SUNG) for _ in range(rng.randint(3, 12))]
    glue = rng.choice((", ", ", ", " ", " and ", " - "))
    join = rng.choice(("\n", "\n", ". ", "\nAgain: ", "\n\n"))
    line = glue.join(words)
    if rng.random() < 0.2 and len(words) <= 6:
        return f"{line}\nBackwards: {glue.join(words[::-1])}"
    return join.join([line] * rng.randint(2, 4))


GENRES: tuple[tuple[Callable[[Random], str], float], ...] = (
    (input_first, 0.18),
    (blank, 0.50),
    (table, 0.18),
    (task_list, 0.06),
    (output_first, 0.035),
    (kind_list, 0.015),
    (plain, 0.04),
    (pattern, 0.03),
    (paraphrases, 0.035),
    (thread, 0.02),
    (worksheet, 0.03),
    (song, 0.04),
)
_MAKERS, _SHARES = tuple(maker for maker, _ in GENRES), tuple(share for _, share in GENRES)


def document(number: int, seed: int = 1) -> str:
    """Return the document with this number."""
    rng = Random(f"{seed}/{number}")
    return rng.choices(_MAKERS, _SHARES)[0](rng)
