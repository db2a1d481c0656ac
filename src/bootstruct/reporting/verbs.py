"""Root verb and direct noun object of an English instruction (the paper's diversity figure, section 3.1).

Two readers with one interface: spaCy, if the user has it with an English model, which is the paper's method; else rules over
lemminflect's dictionary, written for instructions, which find more (`PAPER_METHOD_PER_RULE`). Without either there is none.
"""

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bootstruct.reporting.head_nouns import head_noun, past_bound
from bootstruct.reporting.lexicon import (
    COMMON_COMMANDS,
    DETERMINERS,
    FILLING,
    HELPING,
    INDIRECT,
    LABELS,
    LEAD_INS,
    NAMES,
    NUMBERS,
    OPENERS,
    PARTICLES,
    PRONOUNS,
    QUOTES,
    SETTINGS,
    SHIFTING,
    STOPS,
    can_be_noun,
    classes,
    is_base_verb,
    is_plural,
    noun_lemma,
    verb_lemma,
)

VerbObjectPair = tuple[str, str]
SENTENCES, TOKENS = 4, 80  # read of a text, from its beginning
FEW_TOKENS = 6  # usually enough to find the first word after "can you" and the like
PAPER_METHOD_PER_RULE = (
    0.93,
    1.07,
)  # pairs that the paper's method finds for each of the rules': least, most (docs/report.md)

_TOKEN = re.compile(
    r"[<{\[][^<>{}\[\]\s]{1,30}[>}\]]|\d(?:[\w.,:/%-]*[\w%])?|[^\W\d_]+(?:['’][^\W\d_]+)*(?:-\w+)*|[^\w\s]|_+",
    re.UNICODE,
)
_ABBREVIATED = "".join(rf"(?<!\b{value}\.)" for value in (r"e\.g", r"i\.e", "etc", "vs", "mr", "mrs", "dr"))
_SENTENCE = re.compile(  # a small letter may begin one: the original reading lower-cases all but the first
    rf"(?<=[.!?]){_ABBREVIATED}[\"”')]*\s+(?=[\"“(]?\w)|\n+", re.IGNORECASE
)
_REQUEST = re.compile(
    r"\b(?:you(?: will| would| 'll)?(?: be)? (?:need|have|want|are (?:asked|required|expected|going|supposed)|asked|required"
    r"|expected|supposed)(?: to)?|you (?:should|must)(?: now)?"
    r"|(?:your|the|this|our) (?:\w+ )?(?:task|job|goal|objective|role|mission|assignment|challenge)"
    r" (?:is|will be|here is)(?: to)?"
    r"|(?:want|need|like|ask|asking) you to|(?:can|could|would|will) you(?: please| kindly| also)?"
    r"|how (?:do|would|can|should|could|might|to)(?: you| i| we| one| people)?|help me(?: to)?)\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class VerbReader:
    """A reader of pairs.

    Attributes:
        name: its name on the page.
        read: returns the pair of each text, in order.
        like_paper: how many pairs the paper's method finds for each of its pairs: the least and the most that was measured.
    """

    name: str
    read: Callable[[Iterable[str]], Iterator[VerbObjectPair | None]]
    like_paper: tuple[float, float] = (1.0, 1.0)


def reader() -> VerbReader | None:
    """The reader: spaCy if it is installed with an English model, else the rules if lemminflect is, else None."""
    if importlib.util.find_spec("spacy") is not None:
        import spacy

        models = sorted(name for name in spacy.util.get_installed_models() if name.startswith("en_"))
        if models:
            return VerbReader(
                f"spaCy, {models[0]}", lambda texts: by_spacy(spacy.load(models[0], exclude=["ner"]), texts)
            )
    if importlib.util.find_spec("lemminflect") is not None:
        return VerbReader(
            "rules over the lemminflect dictionary", lambda texts: map(pair, texts), PAPER_METHOD_PER_RULE
        )
    return None


def by_spacy(parser: Any, texts: Iterable[str]) -> Iterator[VerbObjectPair | None]:
    """Read pairs as the paper did (section 3.1; its released code): from the dependency parse of the first sentence.

    The verb is the root; if the root is not a verb, its first child is examined instead, and so on. The object is the verb's
    first direct object that is a noun; without one there is no pair.
    """
    for document in parser.pipe(texts):
        first = next(iter(document.sents), None)
        yield _pair_below(first.root) if first is not None else None


def _pair_below(token: Any) -> VerbObjectPair | None:
    while token is not None and token.pos_ != "VERB":
        token = next(iter(token.children), None)
    for child in token.children if token is not None else ():
        if child.dep_ in ("dobj", "obj") and child.pos_ == "NOUN":
            return token.lemma_.lower(), child.lemma_.lower()
    return None


def pair(text: str) -> VerbObjectPair | None:
    """Verb and object of an instruction by the rules, None if it has none."""
    titled: VerbObjectPair | None = None
    for sentence in [s for s in _SENTENCE.split(text.strip()) if s.strip()][:SENTENCES]:
        tokens = _TOKEN.findall(sentence)[:TOKENS]
        begin = _first_word(tokens)
        if begin >= len(tokens):
            continue
        at = _command(tokens, begin)
        if at is not None:
            return _pair_at(tokens, at)
        if (requested := _requested(sentence)) is not None:
            return _pair_at(requested, 0)
        if titled is None:
            titled = _gerund(tokens, begin)
    return titled


def _first_word(tokens: list[str]) -> int:
    """The first word past bullets, numbers, "Task:" and "please"."""
    at = 0
    while at < len(tokens):
        low = tokens[at].lower()
        if low in LABELS and tokens[at + 1 : at + 2] == [":"]:
            at += 2
        elif not tokens[at][0].isalpha() or low in LEAD_INS:
            at += 1
        else:
            break
    return at


def _command(tokens: list[str], begin: int) -> int | None:
    """The place of the imperative verb: at the beginning, or after an opening such as "Given ..., "."""
    first = tokens[begin].lower()
    if first not in OPENERS and first not in SETTINGS and _opens(tokens, begin):
        return begin
    if first == "do" and begin + 1 < len(tokens) and tokens[begin + 1].lower() in DETERMINERS:
        return begin
    if first in OPENERS or first in SETTINGS or first.endswith(("ing", "ed")):
        for at in range(begin + 1, len(tokens) - 1):
            if tokens[at] in (",", ";", ":", "–", "—"):
                inner = at + 1 + _first_word(tokens[at + 1 :])
                if inner < len(tokens) and tokens[inner].lower() not in OPENERS and _opens(tokens, inner, inside=True):
                    return inner
    if first in SETTINGS:
        for at in range(begin + 1, len(tokens) - 2):
            if (
                tokens[at].lower() == "and"
                and set(classes(tokens[at + 1].lower())) == {"VERB"}
                and _opens(tokens, at + 1)
            ):
                return begin if _has_object(tokens, begin) else at + 1
    return None


def _has_object(tokens: list[str], at: int) -> bool:
    return at + 1 < len(tokens) and tokens[at + 1].lower() in DETERMINERS


def _opens(tokens: list[str], at: int, inside: bool = False) -> bool:
    """Whether this token is an imperative verb, judged with what follows; stricter if `inside` a sentence."""
    word = tokens[at].lower()
    after = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
    if not is_base_verb(word) or after in (":", "-", "–", "—", "?", "/", "'s"):
        return False
    known = classes(word)
    starts_phrase = (
        after in DETERMINERS | PRONOUNS | NUMBERS
        or after in QUOTES
        or after[:1].isdigit()
        or after.startswith(("<", "{", "["))
        or (can_be_noun(after) and is_plural(after))
    )
    if set(known) == {"VERB"}:
        return True
    if starts_phrase:
        return True
    if after in ("is", "are", "was", "were", "of", "has", "does", "will", "can", "that"):
        return False
    if inside:
        plain = word in COMMON_COMMANDS or "NOUN" not in known or after in PARTICLES
        return after not in ("", ",", "and", "or", ".", ")") and plain
    if "ADV" in known and "ADJ" in known:
        return False
    noun_next = can_be_noun(after) and after not in PARTICLES
    heading = "NOUN" in known and noun_next and "ADJ" not in classes(after) and not is_plural(after)
    return word in COMMON_COMMANDS or not heading


def _requested(sentence: str) -> list[str] | None:
    """The tokens from the verb on, if a sentence asks in other words: "your task is to VERB", "can you VERB"."""
    at = 0
    while (found := _REQUEST.search(sentence, at)) is not None:
        tokens = _tokens_from(sentence, found.end(), FEW_TOKENS)
        skip = _first_word(tokens)
        if len(tokens) == FEW_TOKENS and skip >= FEW_TOKENS - 1:  # the word is farther away
            tokens = _tokens_from(sentence, found.end(), TOKENS)
            skip = _first_word(tokens)
        if skip < len(tokens) and is_base_verb(tokens[skip]) and tokens[skip][-2:] != "ly":
            return _tokens_from(sentence, found.end(), TOKENS)[skip:]
        at = max(found.end() - 1, found.start() + 1)
    return None


def _tokens_from(sentence: str, at: int, most: int) -> list[str]:
    return [token[0] for token in islice(_TOKEN.finditer(sentence, at), most)]


def _gerund(tokens: list[str], begin: int) -> VerbObjectPair | None:
    """Whether a gerund replaces an imperative, as in "Solving the equation"."""
    word = tokens[begin].lower()
    after = tokens[begin + 1].lower() if begin + 1 < len(tokens) else ""
    if word.endswith("ing") and "VERB" in classes(word) and after in DETERMINERS | NUMBERS:
        return _pair_at(tokens, begin)
    return None


def _pair_at(tokens: list[str], at: int) -> VerbObjectPair | None:
    """The pair of the verb at this place, or of the one to which it leads ("try to find")."""
    at = _inner_verb(tokens, at)
    verb, at = verb_lemma(tokens[at]), at + 1

    def low(offset: int = 0) -> str:
        return tokens[at + offset].lower() if at + offset < len(tokens) else ""

    at = past_bound(tokens, at)
    particle = low() in PARTICLES or (low() == "in" and verb in FILLING)
    if particle:
        if not low(1).isalnum() or low(1) in STOPS:
            return None  # "come up with", "find out which"
        at += 1
    while low().endswith("ly") and "ADV" in classes(low()) and low(1):
        at += 1
    if low() in ("and", "or") and low(1) and is_base_verb(low(1)):
        at += 2
    if low() in INDIRECT and (low(1)[:1].isalnum() or low(1)[:1] in QUOTES):
        at += 1
    at = past_bound(tokens, at)
    is_pronoun = low() in PRONOUNS - DETERMINERS - {"this", "that"}
    if not low() or low() in STOPS - {"that"} or (is_pronoun and tokens[at] not in NAMES):
        return None
    noun = head_noun(tokens, at, verb)
    if noun is None or not any(text.isalpha() for text in noun) or noun.lower() in PRONOUNS:
        return None
    return verb, noun_lemma(noun)


def _inner_verb(tokens: list[str], at: int) -> int:
    """Past "try to", "help me", "help me to": the place of the intended verb."""
    for _ in range(3):
        word = tokens[at].lower()
        ahead = [token.lower() for token in tokens[at + 1 : at + 4]]
        steps = 0
        if word in SHIFTING and ahead[:1] in (["to"], ["and"]):
            steps = 2
        elif word in HELPING and ahead and ahead[0] in INDIRECT:
            steps = 3 if ahead[1:2] == ["to"] else 2
        if not steps or steps > len(ahead) or not is_base_verb(ahead[steps - 1]):
            break
        at += steps
    return at
