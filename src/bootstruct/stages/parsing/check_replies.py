"""Parse the replies to checks: an answer, an instruction, a grade. Pure, linear in the length of a reply."""

import re
from collections.abc import Sequence

from bootstruct.stages.parsing.cleanup import CODE_FENCE, OUTPUT, FieldPattern, clean_reply

_TASK = FieldPattern(r"(?:task|instruction|question)")


def parse_answer(text: str) -> str:
    """Return the answer in a reply, without thoughts, code fences and a leading "Output:"."""
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    heading = OUTPUT.match(text)
    return text[heading.end() :].strip() if heading else text


def parse_task_text(text: str) -> str:
    """Return the instruction in a reply on one line, without thoughts, code fences and a leading "Task:"."""
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    heading = _TASK.match(text)
    return " ".join((text[heading.end() :] if heading else text).split()).strip("\"'“”")


def parse_grade(text: str, scale: Sequence[str]) -> str | None:
    """Return the grade in a judge's reply, None if there is none or it is ambiguous.

    These are tried in turn: the reply is a grade or begins with one; the last grade named as such ("Score: 4", "grade
    is B"); a line that contains nothing else; the only grade in the text (numbers only, since "A" is also a word).

    Args:
        text: the reply.
        scale: the grades, worst first.
    """
    text = CODE_FENCE.sub("", clean_reply(text)).strip()
    grades = {grade.casefold(): grade for grade in scale}
    one = f"(?:{'|'.join(re.escape(grade) for grade in sorted(scale, key=len, reverse=True))})"
    alone = rf"(?<![\w.,/-])({one})(?![\w%]|[.,]\d)"
    if first := re.match(
        rf"[\s*_(\[\"']*+({one})(?=[\s*_)\]\"']*+(?:$|[.:;,\n/–—-](?!\d)|/\s*\d))", text, re.IGNORECASE
    ):
        return grades[first[1].casefold()]
    named_by = r"\b(?:score|grade|rating|rated|level|mark|verdict|overall|answer)\b"
    named = re.findall(rf"{named_by}[^\n\w]*+(?:(?:is|of|as|a|would be)\b[^\n\w]*+)*{alone}", text, re.IGNORECASE)
    bare = r"(?:(?!\n)[\W_])*"  # within one line, so that a sequence of blank lines is not read again from each of them
    lines = re.findall(rf"^{bare}+({one}){bare}+$", text, re.IGNORECASE | re.MULTILINE)
    numbers = set(re.findall(alone, text)) if all(grade.isdecimal() for grade in scale) else set()
    for candidates in (named[-1:], lines[-1:], list(numbers) if len(numbers) == 1 else []):
        if candidates:
            return grades[candidates[0].casefold()]
    return None
