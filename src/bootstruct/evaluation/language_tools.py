"""The questions of IFEval about language, answered by the packages that its reference uses, where these are installed.

`langdetect` names languages, and `nltk` with its data `punkt_tab` counts sentences and words. Where one is absent, the
functions of `stages.constraint_verifier` answer instead, and a note says so.
"""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from bootstruct.stages.constraint_verifier import OWN_TOOLS, LanguageTools

TO_INSTALL: Final = "pip install 'bootstruct[ifeval]'"
OF_LANGDETECT: Final = ("language:response_language", "change_case:english_capital", "change_case:english_lowercase")
OF_NLTK: Final = ("length_constraints:number_sentences", "change_case:capital_word_frequency")


def find_language_tools() -> tuple[LanguageTools, dict[str, str]]:
    """Return what answers the questions about language, and for each kind that is answered otherwise than in the reference why.

    Detection is seeded, so that a text is always in the same language; the reference's own is not.
    """
    tools, differing = OWN_TOOLS, dict[str, str]()
    if (detect := _langdetect()) is not None:
        tools = dataclasses.replace(
            tools,
            follows_language=lambda text, code: detect(text) in (None, code),
            is_english=lambda text: detect(text) in (None, "en"),
        )
    else:
        differing |= dict.fromkeys(OF_LANGDETECT, f"langdetect is not installed ({TO_INSTALL})")
    counts, missing = _nltk()
    if counts is not None:
        tools = dataclasses.replace(tools, count_sentences=counts[0], count_capitals=counts[1])
    else:
        differing |= dict.fromkeys(OF_NLTK, missing)
    return tools, differing


def _langdetect() -> Callable[[str], str | None] | None:
    """The detector of languages; it gives None for a text without any feature. None if it is not installed."""
    try:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
        from langdetect.lang_detect_exception import LangDetectException
    except ImportError:
        return None
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(0)

    @lru_cache(maxsize=1024)
    def detect(text: str) -> str | None:
        detector = factory.create()
        detector.append(text)
        try:
            return str(detector.detect())
        except LangDetectException:
            return None

    return detect


def _nltk() -> tuple[tuple[Callable[[str], int], Callable[[str], int]] | None, str]:
    """The counters of sentences and of words in capitals; else None and why."""
    try:
        from nltk.tokenize import word_tokenize
        from nltk.tokenize.punkt import PunktTokenizer
    except ImportError:
        return None, f"nltk is not installed ({TO_INSTALL})"
    try:
        sentences = PunktTokenizer("english")
    except (LookupError, OSError):
        return None, "nltk lacks its data punkt_tab (python -m nltk.downloader punkt_tab)"

    def count_capitals(text: str) -> int:
        return sum(word.isupper() for word in word_tokenize(text))

    return (lambda text: len(sentences.tokenize(text)), count_capitals), ""
