"""Whether a text follows a constraint that code can check, without a model. Pure, linear in the length of the text.

A constraint is a name and its values. The names are those of IFEval (arXiv 2311.07911), and so are the names of the values, so
that its prompts can be scored by the same functions. The functions are our own.
"""

import json
import re
import string
from collections.abc import Callable, Mapping
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
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|No|Jr|Sr|e\.g|i\.e)|\b[A-Z])\.$")


def follows(name: str, values: Values, text: str) -> bool:
    """Return whether a text follows a constraint. An empty text follows none.

    Args:
        name: one of `VERIFIERS`, as in `length_constraints:number_words`.
        values: the constraint's values, as in `{"num_words": 40, "relation": "less than"}`.
        text: the text.

    Raises:
        KeyError: the name is unknown, or a value is missing.

    Example:
        >>> follows("punctuation:no_comma", {}, "Red, green and blue.")
        False
        >>> follows("length_constraints:number_words", {"num_words": 5, "relation": "less than"}, "Red and green.")
        True
    """
    check = VERIFIERS[name]
    return bool(text.strip()) and check(text, values)


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


def _compares(count: int, relation: str, bound: int) -> bool:
    return count >= bound if relation == AT_LEAST else count < bound


def _frequency(text: str, word: str) -> int:
    return text.casefold().count(word.casefold())


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", text, re.IGNORECASE) is not None


def _paragraphs(text: str) -> list[str] | None:
    """Paragraphs between lines of three asterisks; None if one in the middle is empty."""
    parts = re.split(r"\s?\*\*\*\s?", text)
    inner = [part for n, part in enumerate(parts) if part.strip() or 0 < n < len(parts) - 1]
    return None if any(not part.strip() for part in inner) else inner


def _first_word(text: str, values: Values) -> bool:
    parts = [part for part in text.split("\n\n") if part.strip()]
    place = int(values["nth_paragraph"]) - 1
    if len(parts) != int(values["num_paragraphs"]) or not 0 <= place < len(parts):
        return False
    word = parts[place].split()[0].strip(string.punctuation + "“”‘’").casefold()
    return word == str(values["first_word"]).casefold()


def _is_json(text: str, values: Values) -> bool:
    text = re.sub(r"\A\s*```(?:json)?[ \t]*\n?|\n?```\s*\Z", "", text, flags=re.IGNORECASE).strip()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _highlights(text: str) -> int:
    doubles = re.findall(r"\*\*([^\n*]*)\*\*", text)
    singles = re.findall(r"\*([^\n*]*)\*", re.sub(r"\*\*[^\n*]*\*\*", "", text))
    return sum(bool(part.strip()) for part in (*singles, *doubles))


def _two_responses(text: str, values: Values) -> bool:
    parts = [part.strip() for part in text.split("******")]
    inner = [part for n, part in enumerate(parts) if part or 0 < n < len(parts) - 1]
    return len(inner) == 2 and all(inner) and inner[0] != inner[1]


def _is_quoted(text: str, values: Values) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _in_language(text: str, values: Values) -> bool:
    """A text in an unrecognised language counts as following, as with IFEval's own detector."""
    found = detect_language(text)
    return found is None or found == str(values["language"]).partition("-")[0].casefold()


def _postscript(text: str, values: Values) -> bool:
    marker = str(values["postscript_marker"]).casefold().replace(" ", "")
    return re.search(r"\s*".join(map(re.escape, marker)), text.casefold()) is not None


VERIFIERS: Final[Mapping[str, Callable[[str, Values], bool]]] = {
    "keywords:existence": lambda text, v: all(_frequency(text, word) for word in v["keywords"]),
    "keywords:frequency": lambda text, v: _compares(_frequency(text, v["keyword"]), v["relation"], v["frequency"]),
    "keywords:forbidden_words": lambda text, v: not any(_has_word(text, word) for word in v["forbidden_words"]),
    "keywords:letter_frequency": lambda text, v: _compares(
        text.casefold().count(str(v["letter"]).casefold()), v["let_relation"], v["let_frequency"]
    ),
    "language:response_language": _in_language,
    "length_constraints:number_sentences": lambda text, v: _compares(
        count_sentences(text), v["relation"], v["num_sentences"]
    ),
    "length_constraints:number_paragraphs": lambda text, v: len(_paragraphs(text) or ()) == v["num_paragraphs"],
    "length_constraints:number_words": lambda text, v: _compares(
        len(_WORD.findall(text)), v["relation"], v["num_words"]
    ),
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": lambda text, v: (
        len(re.findall(r"\[[^\[\]\n]*\]", text)) >= v["num_placeholders"]
    ),
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": lambda text, v: (
        len(re.findall(r"^[ \t]*(?:\*(?!\*)|-).*$", text, re.MULTILINE)) == v["num_bullets"]
    ),
    "detectable_format:constrained_response": lambda text, v: any(answer in text for answer in ANSWERS),
    "detectable_format:number_highlighted_sections": lambda text, v: _highlights(text) >= v["num_highlights"],
    "detectable_format:multiple_sections": lambda text, v: (
        len(re.findall(rf"{re.escape(str(v['section_spliter']))}\s?\d+", text)) >= v["num_sections"]
    ),
    "detectable_format:json_format": _is_json,
    "detectable_format:title": lambda text, v: any(
        found.strip(" <>") for found in re.findall(r"<<([^\n]{1,500}?)>>", text)
    ),
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": lambda text, v: (
        text.strip().casefold().startswith(str(v["prompt_to_repeat"]).strip().casefold())
    ),
    "startend:end_checker": lambda text, v: (
        text.strip().strip('"').casefold().endswith(str(v["end_phrase"]).strip().casefold())
    ),
    "startend:quotation": _is_quoted,
    "change_case:capital_word_frequency": lambda text, v: _compares(
        sum(word.isupper() for word in _WORD.findall(text)), v["capital_relation"], v["capital_frequency"]
    ),
    "change_case:english_capital": lambda text, v: text.isupper(),
    "change_case:english_lowercase": lambda text, v: text.islower(),
    "punctuation:no_comma": lambda text, v: "," not in text,
}
