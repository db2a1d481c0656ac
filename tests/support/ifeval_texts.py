"""Texts and values for IFEval's 25 kinds of constraints, drawn so that both verdicts occur; benchmarks use them too."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

from bootstruct.stages.constraint_verifier import ANSWERS

WORDS: Final = r"""
the river runs past our old mill and Anna counts every stone I'm don't it's they'd NASA U.S. A-OK CO2 well-known Mr.
Dr. e.g. i.e. etc. No. vs. p.m. 3.5 10,000 $5 50% @home #tag a/b x=1 (maybe) [name] "so" 'yes' co-op über straße ÉTÉ
naïve İstanbul ß ΑΒΓ river River RIVER bank banking garden section Section PARAGRAPH answer weekend
""".split()
ENDS = [".", ".", ".", "!", "?", "...", "?!", '."', "!'", ";", ":", "", " .", "。"]
LANGUAGES = {
    "en": "The weather was fine and we walked along the river until the lights of the town came on.",
    "de": "Das Wetter war schön und wir gingen am Fluss entlang, bis in der Stadt die Lichter angingen.",
    "fr": "Il faisait beau et nous avons marché le long de la rivière jusqu'à la tombée de la nuit.",
    "es": "Hacía buen tiempo y caminamos junto al río hasta que se encendieron las luces del pueblo.",
    "ru": "Погода была хорошая, и мы шли вдоль реки, пока в городе не зажглись огни.",
    "hi": "मौसम अच्छा था और हम नदी के किनारे चलते रहे।",
    "ko": "날씨가 좋아서 우리는 강을 따라 걸었습니다.",
    "ja": "天気がよかったので、川に沿って歩きました。",
    "th": "อากาศดีเราจึงเดินเลียบแม่น้ำ",
}
PIECES: list[Callable[[random.Random], str]] = [
    lambda rng: sentence(rng),
    lambda rng: " ".join(sentence(rng) for _ in range(rng.randint(1, 4))),
    lambda rng: rng.choice(list(LANGUAGES.values())),
    lambda rng: rng.choice(("* ", "- ", "** ", "*", "-", "  * ", "\t- ", "*\n", "-\n\n", "• ")) + sentence(rng),
    lambda rng: rng.choice(("***", "* * *", "******", "*****", " *** ", "***\n***", "---", "****** ")),
    lambda rng: rng.choice(("<<{}>>", "<<{}>", "<<>> {}", "<< >>{}", "<<<{}>>>", "{}<<a>> b>>")).format(phrase(rng)),
    lambda rng: rng.choice(("*{}*", "**{}**", "***{}***", "*{}", "**{}*", "* {} *", "**{}** *{}*", "** **{}")).replace(
        "{}", phrase(rng)
    ),
    lambda rng: rng.choice(("[{}]", "[{}", "{}]", "[[{}]]", "[]{}", "[{}\n]", "[a][b]{}")).format(phrase(rng)),
    lambda rng: rng.choice(("Section {}", "section {}", "SECTION{}", "Section  {}", "Section\n{}", "Day {}")).format(
        rng.choice((1, 2, "12", "X", "٣"))
    ),
    lambda rng: rng.choice(("P.S. ", "p. s. ", "P.P.S ", "P. P. S. ", "PS ", "P.S ", "p.  s. ")) + sentence(rng),
    lambda rng: rng.choice((*ANSWERS, "my answer is yes.", "My answer is yes")),
    lambda rng: json.dumps({"a": [rng.randint(0, 9), phrase(rng)]}),
    lambda rng: f"```{rng.choice(('json', 'Json', 'JSON', '', 'js'))}\n{json.dumps([1, 'b'])}\n```",
    lambda rng: rng.choice(
        ("Here you are:", "Sure!", "Is there anything else?", "That is all.", '"', '""', "'Weekend'")
    ),
    lambda rng: sentence(rng).upper(),
    lambda rng: sentence(rng).lower(),
    lambda rng: f'"{sentence(rng)}"',
    lambda rng: rng.choice(list(LANGUAGES.values())).upper(),
    lambda rng: rng.choice(list(LANGUAGES.values())).lower(),
    lambda rng: LANGUAGES["en"].upper() + rng.choice(("", " NOW!", " now")),
    lambda rng: LANGUAGES["en"].lower() + rng.choice(("", " now!", " Now")),
    lambda rng: rng.choice((" ", "\u00a0", "\u2028", "\r", "\x0b", "\u3000", "")),
]


def phrase(rng: random.Random) -> str:
    """Return a few words."""
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4)))


def sentence(rng: random.Random) -> str:
    """Return a sentence, or nearly one."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(1, 12))]
    if rng.random() < 0.8:
        words[0] = words[0][:1].upper() + words[0][1:]
    return " ".join(words) + rng.choice(ENDS)


def make_text(rng: random.Random) -> str:
    """Return a text of a few pieces."""
    if rng.random() < 0.15:  # texts that hold nothing else, which the strict kinds of form ask for
        return rng.choice(PIECES)(rng)
    text = ""
    for _ in range(rng.randint(1, 7)):
        text += rng.choice(PIECES)(rng) + rng.choice((" ", "\n", "\n\n", "\n\n\n", "", "\n \n", "\n* ", "\n***\n"))
    return text


def make_values(name: str, rng: random.Random, text: str) -> dict[str, Any]:
    """Return values for a kind that are near those of the text, so that both verdicts occur."""
    words = [word for word in text.split() if word.isalnum()] or ["river"]
    relation = rng.choice(("at least", "less than"))
    some = rng.choice(words) if rng.random() < 0.7 else rng.choice(("river", "bank", "garden"))
    count = rng.randint(1, 6)
    parts = [part.split()[0] for part in text.split("\n\n") if part.strip()] or ["weekend"]
    return {
        "keywords:existence": {"keywords": [some, rng.choice(words)][: rng.randint(1, 2)]},
        "keywords:frequency": {"keyword": some, "frequency": rng.randint(1, 3), "relation": relation},
        "keywords:forbidden_words": {"forbidden_words": [some]},
        "keywords:letter_frequency": {"letter": rng.choice("aeiRSt"), "let_frequency": count, "let_relation": relation},
        "language:response_language": {"language": rng.choice(list(LANGUAGES))},
        "length_constraints:number_sentences": {"num_sentences": count, "relation": relation},
        "length_constraints:number_paragraphs": {"num_paragraphs": rng.randint(1, 4)},
        "length_constraints:number_words": {
            "num_words": max(1, len(text.split()) + rng.randint(-4, 6)),
            "relation": relation,
        },
        "length_constraints:nth_paragraph_first_word": {
            "num_paragraphs": max(1, min(5, len(parts) + rng.choice((0, 0, 0, 1)))),
            "nth_paragraph": 1,
            "first_word": rng.choice((parts[0], parts[0].strip("\"'.,") or "river", "weekend")),
        },
        "detectable_content:number_placeholders": {"num_placeholders": rng.randint(1, 3)},
        "detectable_content:postscript": {"postscript_marker": rng.choice(("P.S.", "P.P.S"))},
        "detectable_format:number_bullet_lists": {"num_bullets": rng.randint(1, 4)},
        "detectable_format:number_highlighted_sections": {"num_highlights": rng.randint(1, 3)},
        "detectable_format:multiple_sections": {
            "section_spliter": rng.choice(("Section", "SECTION", "Day")),
            "num_sections": rng.randint(1, 2),
        },
        "combination:repeat_prompt": {"prompt_to_repeat": text[: rng.randint(3, 12)].strip() or "river"},
        "startend:end_checker": {"end_phrase": rng.choice((text[-8:].strip() or "x", "Is there anything else?"))},
        "change_case:capital_word_frequency": {"capital_frequency": rng.randint(1, 5), "capital_relation": relation},
    }.get(name, {})


def draw(seed: object) -> tuple[str, Callable[[str], dict[str, Any]]]:
    """Return a text, and a function that returns the values for a kind.

    Call the function for the kinds in the order of `VERIFIERS`.
    """
    rng = random.Random(f"{seed}")
    text = make_text(rng)
    return text, lambda name: make_values(name, rng, text)
