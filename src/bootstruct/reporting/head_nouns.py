"""The head of the noun phrase that follows a verb. Rule-based, for instructions; part of the verb-object reader."""

from dataclasses import dataclass

from bootstruct.reporting.lexicon import (
    AFTER_NOUN,
    BOUNDS,
    COMPLEMENTED,
    DETERMINERS,
    NAMES,
    NAMING,
    NUMBERS,
    PARTICLES,
    PRONOUNS,
    QUANTITIES,
    QUOTES,
    STOPS,
    TWO_OBJECTS,
    can_be_noun,
    classes,
    is_plural,
)

Tokens = list[str]


@dataclass(slots=True)
class _Phrase:
    """A phrase while it is read: `head` so far; `sure` if it can only be a noun."""

    verb: str
    head: str | None = None
    sure: bool = False


def head_noun(tokens: Tokens, start: int, verb: str) -> str | None:
    """The head noun of the object that begins at `start`, None if the object is not a noun."""
    phrase, at = _Phrase(verb), start
    while at < len(tokens):
        step = _step(tokens, at, phrase)
        if step == 0:
            break
        at += step
    return phrase.head


def past_bound(tokens: Tokens, at: int) -> int:
    """Past "at least", "up to" and the like, if a number follows."""
    ahead = [token.lower() for token in tokens[at : at + 4]]
    for bound in BOUNDS:
        end = len(bound)
        if tuple(ahead[:end]) == bound and end < len(ahead) and _is_number(ahead[end]):
            return at + end
    return at


def _is_number(word: str) -> bool:
    return word in NUMBERS or word[:1].isdigit()


def _step(tokens: Tokens, at: int, phrase: _Phrase) -> int:
    """How many tokens this one takes, 0 if the phrase ends before it."""
    word = tokens[at]
    low = word.lower()
    after = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
    if word in QUOTES:
        return _quoted(tokens, at, phrase)
    if word[0] in "<{[" and len(word) > 2:
        return 1
    if low in ("but", "yet") and phrase.head is None:
        return 1  # "a kind but firm reply"
    if low in ("and", "or", "&", "/", "and/or"):
        return _coordinated(tokens, at, phrase)
    if word == ",":
        begun = phrase.head is not None or "ADJ" in classes(tokens[at - 1].lower())  # "a new, interesting character"
        return int(begun and not phrase.sure and ("ADJ" in classes(after) or "-" in after))
    if not word[0].isalnum():
        return int(word in "-$€£")
    if low in PRONOUNS and low not in DETERMINERS | {"this", "that"} and word not in NAMES:
        return 0
    if low in DETERMINERS or low in NUMBERS or word[0].isdigit():
        return _determined(low, after, phrase)
    if low in STOPS or low in PARTICLES:
        return 0
    if low.split("'")[0].split("’")[0] in STOPS:
        return 0  # "what's wrong"
    if low[-2:] in ("'s", "’s") or low[-1] in "'’":  # a possessor: its possession is the head
        phrase.head, phrase.sure = None, False
        return 1
    return _open_class(tokens, at, phrase)


def _quoted(tokens: Tokens, at: int, phrase: _Phrase) -> int:
    """A quotation before the head is skipped if a noun follows it; after the head, it ends the phrase."""
    if phrase.head is not None:
        return 0
    closing = QUOTES[tokens[at]]
    for end in range(at + 1, min(at + 40, len(tokens))):
        if tokens[end] == closing:
            return end - at + 1 if end + 1 < len(tokens) and can_be_noun(tokens[end + 1]) else 0
    return 0


def _coordinated(tokens: Tokens, at: int, phrase: _Phrase) -> int:
    """Whether "and" continues the phrase: in "black and white photo" it does, in "a title and a summary" not."""
    if phrase.head is None:
        return int(tokens[at - 1].lower() != "following")  # "pick one of the following and explain"
    second = tokens[at + 1] if at + 1 < len(tokens) else ""
    third = tokens[at + 2] if at + 2 < len(tokens) else ""
    if is_plural(phrase.head) or not can_be_noun_or_adjective(second) or not can_be_noun(third):
        return 0
    if phrase.sure and "ADJ" in classes(second.lower()):
        return 0
    phrase.head, phrase.sure = None, False
    return 1


def can_be_noun_or_adjective(word: str) -> bool:
    """Whether a word can come before a noun."""
    return can_be_noun(word) or (word.lower() not in STOPS | DETERMINERS and "ADJ" in classes(word.lower()))


def _determined(low: str, after: str, phrase: _Phrase) -> int:
    if phrase.head is not None:
        if phrase.verb in TWO_OBJECTS and phrase.sure and can_be_noun_or_adjective(after):  # "give the user a list"
            phrase.head, phrase.sure = None, False
            return 1
        return 0 if phrase.sure or low in DETERMINERS else 1
    return 2 if low in QUANTITIES and after == "of" else 1  # "all of the dates"


def _open_class(tokens: Tokens, at: int, phrase: _Phrase) -> int:
    word = tokens[at]
    low = word.lower()
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    known = classes(low) or classes(word)
    if _is_title(tokens, at, phrase):
        return 0
    if low in QUANTITIES and after.lower() == "of" and tokens[at - 1].lower() == "a":
        return 2  # "a couple of", "a number of"
    if not known:  # a name or a word too new for the dictionary
        if "-" in word and phrase.head is None and can_be_noun_or_adjective(after):
            return 1
        phrase.head, phrase.sure = word, True
        return 1
    if _is_participle(low, known):
        return _compound(tokens, at, phrase) or _participle(low, known, after, phrase)
    if _is_measure(tokens, at):
        return 1
    if "NOUN" in known or "PROPN" in known:
        return _noun(word, known, after, phrase)
    if "ADJ" in known or "ADV" in known:
        return 0 if phrase.sure else 1
    ends = not after[:1].isalnum() or after.lower() in STOPS
    if ends and (phrase.head is None or (phrase.head == tokens[at - 1] and "-" in phrase.head)):
        phrase.head, phrase.sure = word, True  # "a template": the dictionary knows only the verb
        return 1
    return 0 if phrase.sure or after.lower() in DETERMINERS else 1


def _is_title(tokens: Tokens, at: int, phrase: _Phrase) -> bool:
    """Whether a name begins that belongs to the noun before it, as in "the novel Great Expectations"."""
    word, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
    if phrase.head is None or phrase.head != tokens[at - 1] or not phrase.head.islower():
        return False
    return word[0].isupper() and word[1:].islower() and (phrase.sure or after[:1].isupper())


def _is_measure(tokens: Tokens, at: int) -> bool:
    """Whether a singular noun after a number belongs to the noun that follows, as in "a 500 word essay"."""
    before, after = tokens[at - 1].lower(), tokens[at + 1] if at + 1 < len(tokens) else ""
    counted = _is_number(before) and before not in ("1", "one", "first", "next", "last")
    ordinal = before.endswith(("st", "nd", "rd", "th")) or before in ("second", "third", "fourth", "fifth")
    return counted and not ordinal and not is_plural(tokens[at]) and after[:1].isalpha() and can_be_noun(after)


def _compound(tokens: Tokens, at: int, phrase: _Phrase) -> int:
    """A participle that makes one word with the noun before it: "English speaking countries", "an SEO optimized title".

    In "people speaking English" and "a company making cars" it begins a clause instead. They are distinguished by a
    name before the participle, or by a singular before it if the noun after it is plural and a number requires one.
    """
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    if phrase.head is None or phrase.head != tokens[at - 1] or is_plural(phrase.head) or not can_be_noun(after):
        return 0
    counted = at >= 2 and _is_number(tokens[at - 2].lower()) and is_plural(after)
    if not (phrase.head[:1].isupper() or counted) or after[:1].isupper():
        return 0
    phrase.head, phrase.sure = None, False
    return 1


def _is_participle(low: str, known: dict[str, tuple[str, ...]]) -> bool:
    ending = low.endswith(("ing", "ed")) or low in AFTER_NOUN
    return low == "following" or (ending and "VERB" in known and low not in known["VERB"])


def _participle(low: str, known: dict[str, tuple[str, ...]], after: str, phrase: _Phrase) -> int:
    noun_follows = can_be_noun(after)
    if low == "following":
        return int(not phrase.sure)
    if phrase.sure:
        if low in AFTER_NOUN or low.endswith("ed") or "NOUN" not in known or is_plural(phrase.head or ""):
            return 0
        if after and not noun_follows and after.lower() in DETERMINERS:
            return 0
        if not noun_follows:
            phrase.head = low  # "bird watching"
        return 1
    modifies = noun_follows or "ADJ" in classes(after.lower()) or after.lower() in ("and", "or", ",")
    if not modifies and low.endswith("ing"):
        phrase.head, phrase.sure = low, True  # "the meaning of"
    return 1


def _noun(word: str, known: dict[str, tuple[str, ...]], after: str, phrase: _Phrase) -> int:
    low = word.lower()
    adjective = "ADJ" in known
    if phrase.sure and phrase.head is not None:
        if phrase.head.lower() in NAMING or (low in AFTER_NOUN and not can_be_noun(after)):
            return 0  # "the term photosynthesis", "novels set in Iceland"
        if adjective and not can_be_noun(after) and (phrase.verb in COMPLEMENTED or "NOUN" not in known):
            return 0  # "make the sentence negative"
        if is_plural(phrase.head) and (is_plural(word) or after.lower() in PRONOUNS):
            return 0  # "things dogs do"
        if "VERB" in known and after.lower() in DETERMINERS and phrase.verb not in TWO_OBJECTS:
            return 0  # "the man eat the apple"
    if adjective and low not in known["ADJ"] and low != "number":  # a comparative that is a noun somewhere ("smaller")
        return 0 if phrase.sure else 1
    phrase.head = word
    phrase.sure = phrase.sure or not (adjective or "ADV" in known)
    return 1
