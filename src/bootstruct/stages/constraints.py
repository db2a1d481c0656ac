"""Constraints that are dealt to tasks, stated in the request for instances, and checked by code. Pure.

The constraints of a task depend only on the recipe and the task's name. The constraint becomes the last sentence of
each input, so that all later steps (checks, exports, reports) see the request as it was made. Classification tasks
are dealt none.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bootstruct.config.recipe import Recipe
from bootstruct.config.recipe_constraints import Constraints
from bootstruct.errors import InputError
from bootstruct.stages.constraint_verifier import AT_LEAST, LESS_THAN, follows
from bootstruct.stages.draw import rng_for
from bootstruct.types import Instance, RejectedInstance

LANGUAGES: Final = {"de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch"}
ALONE: Final = {  # each is the only constraint of its task: others would contradict it or be confused with it
    "detectable_format:json_format",
    "language:response_language",
    "change_case:english_lowercase",
    "change_case:english_capital",
}
_AT_THE_END: Final = {"startend:end_checker", "startend:quotation", "detectable_content:postscript"}
_ENDINGS: Final = ("Is there anything else?", "That is all I know.", "I hope this is of use.", "Judge for yourself.")

Dealt = tuple[dict[str, Any], str]  # values, and the sentence that asks for them


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint as dealt: its name among `DEALERS`, its values, and the sentence that asks for it."""

    name: str
    values: dict[str, Any]
    sentence: str

    @property
    def rule(self) -> str:
        """The name under which an output that breaks it is rejected."""
        return f"breaks {self.name}"


def deal_constraints(recipe: Recipe, task: str, is_classification: bool = False) -> tuple[Constraint, ...]:
    """Return the constraints of a task.

    Args:
        recipe: the recipe; without `constraints` there are none.
        task: the task's name.
        is_classification: its task type; a classification task gets none, because its answer is one of a few labels.
    """
    chosen = recipe.constraints
    if chosen is None or is_classification:
        return ()
    rng = rng_for(recipe.seed, "constraints", task)
    if rng.random() >= chosen.share:
        return ()
    names = rng.sample(chosen.kinds or tuple(DEALERS), len(chosen.kinds or DEALERS))
    count, dealt = rng.randint(1, chosen.most), list[Constraint]()
    for name in names:
        if len(dealt) < count and not any(_clash(name, other.name) for other in dealt):
            dealt.append(Constraint(name, *DEALERS[name](rng, chosen)))
    return tuple(dealt)


def constrained_text(text: str, constraints: Sequence[Constraint]) -> str:
    """Return an instruction followed by the sentences of its constraints."""
    return " ".join([text, *(constraint.sentence for constraint in constraints)])


def apply_constraints(
    constraints: Sequence[Constraint], kept: tuple[Instance, ...], rejected: tuple[RejectedInstance, ...]
) -> tuple[tuple[Instance, ...], tuple[RejectedInstance, ...]]:
    """Return the instances whose outputs follow all constraints, which their inputs then end with, and the rejected ones.

    Args:
        constraints: those of the task; without any, nothing is changed.
        kept: the instances that break no other rule.
        rejected: those that do.
    """
    if not constraints:
        return kept, rejected
    asked = " ".join(constraint.sentence for constraint in constraints)
    passed, lost = list[Instance](), list[RejectedInstance]()
    for old in kept:
        instance = Instance(f"{old.input.rstrip()}\n\n{asked}" if old.input.strip() else asked, old.output)
        broken = broken_constraint(constraints, instance.output)
        if broken is None:
            passed.append(instance)
        else:
            lost.append(RejectedInstance(instance, broken))
    return tuple(passed), (*rejected, *lost)


def broken_constraint(constraints: Sequence[Constraint], output: str) -> str | None:
    """Return the name of the rule under which an output is rejected; None if it follows every constraint."""
    return next((c.rule for c in constraints if not follows(c.name, c.values, output)), None)


def check_constraints(recipe: Recipe) -> None:
    """Raise InputError if a recipe's constraints name an unknown kind."""
    for name in recipe.constraints.kinds if recipe.constraints is not None else ():
        if name not in DEALERS:
            raise InputError(f"constraints.kinds: {name!r} is unknown; use some of {', '.join(DEALERS)}.")


def _clash(name: str, other: str) -> bool:
    group, others = name.partition(":")[0], other.partition(":")[0]
    return (
        bool(ALONE & {name, other})
        or {name, other} <= _AT_THE_END
        or (group == others and group != "detectable_format")
    )


def _words(rng: random.Random, chosen: Constraints) -> Dealt:
    if rng.random() < 0.6:
        most = rng.choice((15, 25, 40, 60, 80, 120))
        text = rng.choice((f"Use at most {most} words.", f"Keep it to {most} words or fewer."))
        return {"num_words": most + 1, "relation": LESS_THAN}, text
    least = rng.choice((30, 50, 80, 120))
    text = rng.choice((f"Use at least {least} words.", f"Write no fewer than {least} words."))
    return {"num_words": least, "relation": AT_LEAST}, text


def _sentences(rng: random.Random, chosen: Constraints) -> Dealt:
    if rng.random() < 0.6:
        most = rng.randint(1, 4)
        plural = "one sentence" if most == 1 else f"at most {most} sentences"
        return {"num_sentences": most + 1, "relation": LESS_THAN}, f"Answer in {plural}."
    least = rng.randint(3, 6)
    return {"num_sentences": least, "relation": AT_LEAST}, f"Write at least {least} sentences."


def _existence(rng: random.Random, chosen: Constraints) -> Dealt:
    words = rng.sample(chosen.words, min(rng.randint(1, 2), len(chosen.words)))
    return {"keywords": words}, f"Include the word{'s' * (len(words) > 1)} {' and '.join(map(repr, words))}."


def _forbidden(rng: random.Random, chosen: Constraints) -> Dealt:
    words = rng.sample(("the", "and", "very", "because", "also", "however", "is"), rng.randint(1, 2))
    return {"forbidden_words": words}, f"Do not use the word{'s' * (len(words) > 1)} {' or '.join(map(repr, words))}."


def _frequency(rng: random.Random, chosen: Constraints) -> Dealt:
    word, least = rng.choice(chosen.words), rng.randint(2, 3)
    sentence = f"Use the word {word!r} at least {'twice' if least == 2 else 'three times'}."
    return {"keyword": word, "frequency": least, "relation": AT_LEAST}, sentence


def _bullets(rng: random.Random, chosen: Constraints) -> Dealt:
    count = rng.randint(2, 5)
    return {"num_bullets": count}, f"Answer with exactly {count} bullet points, each a line that begins with '* '."


def _highlights(rng: random.Random, chosen: Constraints) -> Dealt:
    count = rng.randint(1, 3)
    parts = "one part" if count == 1 else f"{count} parts"
    return {"num_highlights": count}, f"Highlight at least {parts} of the answer with asterisks, *like this*."


def _placeholders(rng: random.Random, chosen: Constraints) -> Dealt:
    count = rng.randint(1, 3)
    marks = "one placeholder" if count == 1 else f"{count} placeholders"
    return {"num_placeholders": count}, f"Leave at least {marks} in square brackets, such as [name]."


def _ending(rng: random.Random, chosen: Constraints) -> Dealt:
    phrase = rng.choice(_ENDINGS)
    return {"end_phrase": phrase}, f'End with exactly these words and nothing after them: "{phrase}"'


def _language(rng: random.Random, chosen: Constraints) -> Dealt:
    code = rng.choice(tuple(LANGUAGES))
    return {"language": code}, f"Answer in {LANGUAGES[code]}, with no word of another language."


def _fixed(*sentences: str, **values: Any) -> Callable[[random.Random, Constraints], Dealt]:
    return lambda rng, chosen: (dict(values), rng.choice(sentences))


DEALERS: Final[dict[str, Callable[[random.Random, Constraints], Dealt]]] = {
    "length_constraints:number_words": _words,
    "length_constraints:number_sentences": _sentences,
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:title": _fixed("Give the answer a title in double angle brackets, as in <<title>>."),
    "detectable_format:json_format": _fixed(
        "Give the whole answer as JSON.", "Answer with valid JSON and nothing else."
    ),
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _fixed(
        "Add a postscript at the end that begins with P.S.", postscript_marker="P.S."
    ),
    "startend:end_checker": _ending,
    "startend:quotation": _fixed("Put the whole answer in double quotation marks."),
    "change_case:english_lowercase": _fixed("Write everything in lower case, without any capital letter."),
    "change_case:english_capital": _fixed("Write everything in capital letters."),
    "punctuation:no_comma": _fixed("Do not use any comma.", "Write without commas."),
    "language:response_language": _language,
}
