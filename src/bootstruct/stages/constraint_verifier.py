"""Whether a text follows a constraint that code can check, without a model. Pure, linear in the length of the text.

A constraint is a name and its values. The names are those of IFEval (arXiv 2311.07911), and so are the names of the values, so
that its prompts can be scored by the same functions. The functions are our own; their verdicts are those of the benchmark, with
two differences: words are looked for as they are, not as regular expressions, and three questions about language (which
one it is, how many sentences and words in capitals there are) are answered by `LanguageTools`, which can be exchanged.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Values = Mapping[str, Any]
AT_LEAST, LESS_THAN = "at least", "less than"
ANSWERS: Final = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
FUNCTION_WORDS: Final = {  # frequent short words by language code, which suffice to distinguish these languages
    "en": "the and of to in is that it for was on are with as be this have from at by not but they you which",
    "de": "der die das und ist nicht ein eine zu mit den von im auf für sich dem des auch es an werden aus er sie",
    "fr": "le la les et est une des que pour dans qui sur pas par plus avec ce il sont au du en elle mais ou",
    "es": "el la los las y es una que por con para del se no un su al lo como más pero sus le ya este",
    "it": "il la che di è un una per con non del della si sono le gli anche nel alla più ma come lo questo",
    "pt": "o a os as e é um uma que para com não do da em no na por mais como mas foi ao seu sua",
    "nl": "de het een en van is dat niet op te met voor zijn die in aan er ook als maar om door bij naar wordt",
}
_SCRIPTS: Final = {  # languages with a script of their own
    "ru": "\u0400-\u04ff",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "ar": "\u0600-\u06ff",
    "hi": "\u0900-\u097f",
    "th": "\u0e00-\u0e7f",
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7af",
    "zh": "\u4e00-\u9fff",
}
_WORD = re.compile(r"\w+")
_PARTED_WORD = re.compile(r"\w+(?:[./-]+\w+)*")
_BLANKS = re.compile(r"\s+")
_POSTSCRIPTS: Final = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}  # the two markers that may hold blanks
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|No|Jr|Sr|e\.g|i\.e)|\b[A-Z])\.$")


@dataclass(frozen=True, slots=True)
class LanguageTools:
    """What answers the questions about language.

    Attributes:
        follows_language: whether a text is in the language of a code.
        is_english: whether a text in one case throughout is English.
        count_sentences: the number of sentences.
        count_capitals: the number of words in capitals.
    """

    follows_language: Callable[[str, str], bool]
    is_english: Callable[[str], bool]
    count_sentences: Callable[[str], int]
    count_capitals: Callable[[str], int]


def follows(name: str, values: Values, text: str, tools: LanguageTools | None = None) -> bool:
    """Return whether a text follows a constraint. An empty text follows none.

    Args:
        name: one of `VERIFIERS`, as in `length_constraints:number_words`.
        values: the constraint's values, as in `{"num_words": 40, "relation": "less than"}`.
        text: the text.
        tools: what answers the questions about language; None for the functions of this module.

    Raises:
        KeyError: the name is unknown, or a value is missing.

    Example:
        >>> follows("punctuation:no_comma", {}, "Red, green and blue.")
        False
        >>> follows("length_constraints:number_words", {"num_words": 5, "relation": "less than"}, "Red and green.")
        True
    """
    check = VERIFIERS[name]
    return bool(text.strip()) and check(text, values, tools or OWN_TOOLS)


def follows_loosely(name: str, values: Values, text: str, tools: LanguageTools | None = None) -> bool:
    r"""Return whether a text follows a constraint when its first line, its last line or its asterisks are overlooked.

    Args:
        name: as for `follows`.
        values: as for `follows`.
        text: the text.
        tools: as for `follows`.

    Raises:
        KeyError: as for `follows`.

    Example:
        >>> follows_loosely("startend:quotation", {}, 'Here you are:\n"Red and green."')
        True
    """
    lines = text.split("\n")
    parts = ("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))
    variants = dict.fromkeys(variant for part in (text, *parts) for variant in (part, part.replace("*", "")))
    return any(follows(name, values, variant, tools) for variant in variants)


def count_sentences(text: str) -> int:
    """Return the number of sentences: stretches that end with a mark before a blank, and what is left at the end.

    Example:
        >>> count_sentences("Dr. Lee paid 2.50. Why? Nobody knows")
        3
    """
    count, start = 0, 0
    for match in _SENTENCE_END.finditer(text):
        if _WORD.search(text, start, match.end()) and not _ABBREVIATION.search(
            text[max(start, match.start() - 6) : match.end()]
        ):
            count, start = count + 1, match.end()
    return count + bool(_WORD.search(text, start))


def detect_language(text: str) -> str | None:
    """Return the language code of a text; None if it is too short or in a language that is not known here.

    Kana distinguish Japanese from Chinese. Languages with the Latin script are distinguished by their most frequent words.

    Example:
        >>> detect_language("Der Hund liegt auf dem Sofa und schläft.")
        'de'
    """
    letters = sum(letter.isalpha() for letter in text)
    if not letters:
        return None
    for code, span in _SCRIPTS.items():
        if len(re.findall(f"[{span}]", text)) > letters * (0.1 if code == "ja" else 0.4):
            return code
    words = _WORD.findall(text.casefold())
    found = {code: sum(words.count(word) for word in set(known.split())) for code, known in FUNCTION_WORDS.items()}
    best, second = sorted(found, key=lambda code: -found[code])[:2]
    return best if found[best] > max(found[second], len(words) / 12) else None


def count_capitals(text: str) -> int:
    """Return the number of words in capitals; a word may hold dots, hyphens and strokes inside.

    Example:
        >>> count_capitals("The U.S. and NASA met at GATE 3B.")
        4
    """
    return sum(word.isupper() for word in _PARTED_WORD.findall(text))


def _follows_language(text: str, code: str) -> bool:
    """A text in an unrecognised language counts as following, as with IFEval's own detector."""
    found = detect_language(text)
    return found is None or found == code.partition("-")[0].casefold()


def _count_words(text: str) -> int:
    """The number of runs of letters, digits and the signs that belong to letters, such as the vowel signs of Hindi."""
    if not text.isascii():
        text = "".join("x" if unicodedata.category(sign)[0] == "M" else sign for sign in text)
        text = re.sub("[\u200c\u200d\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f]", "x", text)  # joiners
    return len(_WORD.findall(text))


def _compares(count: int, relation: str, bound: int) -> bool:
    return count >= bound if relation == AT_LEAST else count < bound


def _frequency(text: str, word: str) -> int:
    return len(re.findall(re.escape(word), text, re.IGNORECASE))


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def _parts(text: str, mark: str) -> list[str] | None:
    """The parts between marks, without an empty one at the beginning and the end; None if one in the middle is empty."""
    parts = re.split(mark, text)
    inner = [part.strip() for n, part in enumerate(parts) if part.strip() or 0 < n < len(parts) - 1]
    return inner if all(inner) else None


def _paragraphs(text: str, values: Values, tools: LanguageTools) -> bool:
    parts = _parts(text, r"\s?\*\*\*\s?")
    return parts is not None and len(parts) == values["num_paragraphs"]


def _two_responses(text: str, values: Values, tools: LanguageTools) -> bool:
    parts = _parts(text, r"\*{6}")
    return parts is not None and len(parts) == 2 and parts[0] != parts[1]


def _first_word(text: str, values: Values, tools: LanguageTools) -> bool:
    parts, place = text.split("\n\n"), int(values["nth_paragraph"]) - 1
    count = sum(bool(part.strip()) for part in parts)
    if count != int(values["num_paragraphs"]) or not 0 <= place < count or not parts[place].strip():
        return False
    word = parts[place].split()[0].lstrip("'").lstrip('"')
    return re.split(r"[.,?!'\"]", word, maxsplit=1)[0].lower() == str(values["first_word"]).lower()


def _is_json(text: str, values: Values, tools: LanguageTools) -> bool:
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _bullets(text: str) -> int:
    """The number of lines that begin with `-`, or with `*` and no second one. Blank lines before one belong to it."""
    count = 0
    for mark in "*-":
        start = 0
        while start <= len(text):
            blank = _BLANKS.match(text, start)
            place = blank.end() if blank else start
            found = text.startswith(mark, place)
            after = place + 1
            if found and mark == "*":  # the next character belongs to the bullet, also if it is a line break
                found = after < len(text) and text[after] != "*"
                after += found
            count += found
            end = text.find("\n", after if found else place)
            if end < 0:
                break
            start = end + 1
    return count


def _highlights(text: str) -> int:
    singles = sum(bool(found.strip("*").strip()) for found in re.findall(r"\*[^\n*]*\*", text))
    return singles + sum(bool(found.strip()) for found in re.findall(r"\*\*([^\n*]*)\*\*", text))


def _placeholders(text: str) -> int:
    count = 0
    for line in text.split("\n"):
        place = line.find("[")
        while place >= 0 and (end := line.find("]", place)) >= 0:
            count += 1
            place = line.find("[", end)
    return count


def _has_title(text: str, values: Values, tools: LanguageTools) -> bool:
    spans = ((line, line.find("<<"), line.rfind(">>")) for line in text.split("\n"))
    return any(
        0 <= start < end - 2 and bool(line[start:end].lstrip("<").rstrip(">").strip()) for line, start, end in spans
    )


def _is_quoted(text: str, values: Values, tools: LanguageTools) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _postscript(text: str, values: Values, tools: LanguageTools) -> bool:
    marker = str(values["postscript_marker"]).strip()
    return re.search(_POSTSCRIPTS.get(marker, re.escape(marker.lower())), text.lower()) is not None


OWN_TOOLS: Final = LanguageTools(_follows_language, lambda text: True, count_sentences, count_capitals)
VERIFIERS: Final[Mapping[str, Callable[[str, Values, LanguageTools], bool]]] = {
    "keywords:existence": lambda text, v, tools: all(_frequency(text, word) for word in v["keywords"]),
    "keywords:frequency": lambda text, v, tools: _compares(
        _frequency(text, str(v["keyword"]).strip()), v["relation"], v["frequency"]
    ),
    "keywords:forbidden_words": lambda text, v, tools: not any(_has_word(text, word) for word in v["forbidden_words"]),
    "keywords:letter_frequency": lambda text, v, tools: _compares(
        text.lower().count(str(v["letter"]).lower()), v["let_relation"], v["let_frequency"]
    ),
    "language:response_language": lambda text, v, tools: tools.follows_language(text, str(v["language"])),
    "length_constraints:number_sentences": lambda text, v, tools: _compares(
        tools.count_sentences(text), v["relation"], v["num_sentences"]
    ),
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": lambda text, v, tools: _compares(
        _count_words(text), v["relation"], v["num_words"]
    ),
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": lambda text, v, tools: _placeholders(text) >= v["num_placeholders"],
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": lambda text, v, tools: _bullets(text) == v["num_bullets"],
    "detectable_format:constrained_response": lambda text, v, tools: any(answer in text for answer in ANSWERS),
    "detectable_format:number_highlighted_sections": lambda text, v, tools: _highlights(text) >= v["num_highlights"],
    "detectable_format:multiple_sections": lambda text, v, tools: (
        len(re.findall(rf"{re.escape(str(v['section_spliter']).strip())}\s?\d+", text)) >= v["num_sections"]
    ),
    "detectable_format:json_format": _is_json,
    "detectable_format:title": _has_title,
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": lambda text, v, tools: (
        text.strip().lower().startswith(str(v["prompt_to_repeat"]).strip().lower())
    ),
    "startend:end_checker": lambda text, v, tools: (
        text.strip().strip('"').lower().endswith(str(v["end_phrase"]).strip().lower())
    ),
    "startend:quotation": _is_quoted,
    "change_case:capital_word_frequency": lambda text, v, tools: _compares(
        tools.count_capitals(text), v["capital_relation"], v["capital_frequency"]
    ),
    "change_case:english_capital": lambda text, v, tools: text.isupper() and tools.is_english(text),
    "change_case:english_lowercase": lambda text, v, tools: text.islower() and tools.is_english(text),
    "punctuation:no_comma": lambda text, v, tools: "," not in text,
}
