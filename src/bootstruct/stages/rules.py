"""Rules that reject candidate instructions and instances, each with the name under which a rejection is recorded."""

import operator
import re
import string

from bootstruct.config.recipe import Rule
from bootstruct.errors import InputError
from bootstruct.stages.expressions import MOST_SECONDS, is_found
from bootstruct.types import Instance, RejectedInstance

# Names of rejections of candidates that are not by a rule of a recipe
EMPTY, TOO_SIMILAR, KEPT_AWAY = "empty", "too similar", "near a kept-away text"
REPEATS_INPUT, EMPTY_OUTPUT, ENDS_WITH_COLON = "output repeats input", "empty output", "ends with a colon"
REPEATS_INSTRUCTION, REPEATS_ITSELF = "output repeats instruction", "output repeats itself"
NO_INPUT, ALL_LABELS = "no input", "names all labels"
# Words at the end of a cut output that show a loop: at least, at most; the share of them that must repeat
LEAST_LOOP_WORDS, LOOP_WORDS, LOOP_SHARE = 40, 60, 0.9
_AROUND_WORDS = string.digits + string.punctuation
_CODE_LINE = re.compile(
    r"\s*(?:async\s|def\s+\w+\s*\(|class\s+\w+|if\s|elif\s|else\s*:|for\s|while\s|try\s*:|except\b|finally\s*:|with\s)"
)
_LABELS = re.compile(r"\s+or\s+|\s*/\s*", re.IGNORECASE)

# Scripts written without blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han.
_BLANKLESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def count_words(text: str, count: str = "blanks") -> int:
    """Return the number of words in a text.

    Args:
        text: any text.
        count: `blanks` counts the pieces between blanks; `any script` counts each character of a script that puts no
            blanks between words (Chinese, Japanese, Thai ...) as a word of its own.
    """
    words = text.split()
    if count == "blanks" or text.isascii():
        return len(words)
    return sum(len(_BLANKLESS.findall(word)) or 1 for word in words)


def _is_found(rule: Rule, expression: str, text: str) -> bool:
    try:
        return is_found(expression, text)
    except (TimeoutError, MemoryError, RecursionError):
        raise InputError(
            f"rule {rule.name!r}: its expression takes more than {MOST_SECONDS:g} s on a text of {len(text):,} characters; "
            "write one without a repetition inside another."
        ) from None


def breaks(rule: Rule, text: str) -> bool:
    """Return whether a non-empty text breaks a rule."""
    if rule.words_at_most is not None:
        return count_words(text, rule.count) <= rule.words_at_most
    if rule.words_above is not None:
        return count_words(text, rule.count) > rule.words_above
    if rule.matches is not None:
        return _is_found(rule, rule.matches, text)
    if rule.starts_with is not None:
        return text.startswith(rule.starts_with)
    if rule.starts_with_punctuation:
        return text[0] in string.punctuation
    return rule.starts_outside_ascii and not text[0].isascii()  # rules in Python: see `custom`


def broken_rule(rules: tuple[Rule, ...], text: str) -> str | None:
    """Return the name of the first rule that an instruction breaks, None if it breaks none (section 2.2)."""
    return next((rule.name for rule in rules if breaks(rule, text)), None)


def broken_instance_rule(instance: Instance, robust: bool = False, instruction: str = "") -> str | None:
    """Return the name of the first rule that an instance breaks, None if it breaks none (the released code).

    Args:
        instance: the instance.
        robust: whether the rules are those of the robust reading: a line of code such as "def total(a, b):" may be the
            last one, an instance without input and output is called empty, and an output must not be the instruction.
        instruction: the task, for the robust reading.
    """
    if not instance.output and robust:
        return EMPTY_OUTPUT
    if instance.input == instance.output:
        return REPEATS_INPUT
    if not instance.output:
        return EMPTY_OUTPUT
    if robust and not instance.input and instance.output.casefold().split() == instruction.casefold().split():
        return REPEATS_INSTRUCTION
    for text in (instance.input, instance.output):
        if text.rstrip().endswith(":") and not (robust and _CODE_LINE.match(text.rstrip().rpartition("\n")[2])):
            return ENDS_WITH_COLON
    return None


def repeats_itself(text: str) -> bool:
    """Return whether a text ends in a loop: its last words, apart from numbers, repeat one phrase.

    Small models fall into such loops until the reply limit cuts them off. It is meant for cut texts, because a
    complete one may have been asked to repeat itself.

    Args:
        text: an output that was cut off.
    """
    last = [bare for word in text.split()[-2 * LOOP_WORDS - 1 : -1] if (bare := word.strip(_AROUND_WORDS))]
    words = last[-LOOP_WORDS:]
    return len(words) >= LEAST_LOOP_WORDS and any(
        sum(map(operator.eq, words, words[period:])) >= LOOP_SHARE * (len(words) - period)
        for period in range(1, len(words) // 3 + 1)
    )


def broken_output_rule(rules: tuple[Rule, ...], instance: Instance, is_classification: bool = False) -> str | None:
    """Return the name of the first of a recipe's rules for outputs that an instance breaks, None if it breaks none.

    Args:
        rules: the rules (`instances.output_rules`).
        instance: the instance; its output is not empty.
        is_classification: whether the model wrote the input for a given label, so that the rules also apply to the input.
    """
    written = instance.input if is_classification else instance.output
    for rule in rules:
        if (written and breaks(rule, written)) or (instance.output and breaks(rule, instance.output)):
            return rule.name
    return None


def checked_instances(
    rules: tuple[Rule, ...],
    kept: tuple[Instance, ...],
    rejected: tuple[RejectedInstance, ...],
    is_classification: bool,
    instruction: str,
) -> tuple[tuple[Instance, ...], tuple[RejectedInstance, ...]]:
    """Apply a recipe's rules for outputs, if it has any; with them, a label needs an input and names one label only.

    Args:
        rules: the rules (`instances.output_rules`); without any, nothing is changed.
        kept: the instances that break no other rule.
        rejected: those that do.
        is_classification: whether they were asked for label first.
        instruction: the task.
    """
    if not rules:
        return kept, rejected
    names = [broken_output_rule(rules, pair, is_classification) for pair in kept]
    if is_classification:
        names = [
            name or _broken_label_rule(pair, len(kept), instruction) for name, pair in zip(names, kept, strict=True)
        ]
    lost = tuple(RejectedInstance(pair, name) for pair, name in zip(kept, names, strict=True) if name is not None)
    return tuple(pair for pair, name in zip(kept, names, strict=True) if name is None), (*rejected, *lost)


def _broken_label_rule(pair: Instance, count: int, instruction: str) -> str | None:
    """Return why an instance of a classification task is invalid: no input beside others, or all labels at once."""
    if not pair.input and count > 1:
        return NO_INPUT
    parts = [part.strip().casefold() for part in _LABELS.split(pair.output)]
    return ALL_LABELS if len(parts) > 1 and all(part and part in instruction.casefold() for part in parts) else None
