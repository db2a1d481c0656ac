"""Parse task types, of one task or of several, from JSON or from words. A reply without a clear answer counts as none.

Understood are yes and no in the languages below, "it is (not) a classification task", and a final "Answer: Yes". The
options as the prompt named them ("Yes or No") are not an answer, and neither is a yes and a no in one reply.
"""

import re
from functools import lru_cache

from bootstruct.stages.parsing.cleanup import clean_reply
from bootstruct.stages.parsing.json_replies import consistent_answers
from bootstruct.stages.parsing.json_replies import parse_task_type as json_task_type
from bootstruct.stages.parsing.json_replies import parse_task_types as json_task_types
from bootstruct.types import Reply

_YES = "yes|yeah|yep|ja|oui|sí|si|sì|sim|tak|da|так|evet|نعم|是的|是|对|はい|예|네|हाँ|हां|kyllä|ano|ναι|כן|ya|có|igen|ใช่|да|true"
_NO = (
    "no|nope|nah|nein|non|não|nee|nie|нет|ні|hayır|لا|不是|否|不|いいえ|아니요|아니오|नहीं|nej|nei|ei|ne|όχι|לא|tidak|không|nu|nem"
    "|ไม่ใช่|false"
)
_TRUTHS = {**dict.fromkeys(_YES.split("|"), True), **dict.fromkeys(_NO.split("|"), False)}
_ONE = "|".join(re.escape(word) for word in sorted(_TRUTHS, key=len, reverse=True))
_OPEN = r"[\s*_~`\"'“”‘’«»()\[\]{}$>#✅❌:：.,;–—-]*+"  # what may stand before an answer
# "No doubt", "Yesterday" and the "no" of "no fixed set" are no answers: English words may be followed by more words,
# the others, which are words of English too or parts of words, may not.
_END = r"(?![^\W_]|['’]\w)"
_LEAD = re.compile(
    rf"{_OPEN}(?:(?P<english>yes|no)(?:{_END}(?!\s+(?:doubt|matter|one|wonder|problem|worries|idea|need)\b)|(?=assistant\b))"
    rf"|(?P<other>{_ONE}){_END}(?=[^\w\s]|\s*(?:\n|\Z)|\s+[(\[–—-]))",
    re.IGNORECASE,
)
_ALONE = re.compile(
    rf"(?<![^\W_])(?P<word>{_ONE}){_END}(?=[*_`\"'”’)\]}}$]*+\s*+(?:[.,;:!?。！、，]|\n|\Z|because\b|since\b))",
    re.IGNORECASE,
)
_MARKS = r"[*_`\"'“”‘’]{0,3}"
_OR = rf"{_MARKS}(?:\s{{0,3}}[/|,]\s{{0,3}}|\s{{1,3}}(?:or|and)\s{{1,3}}){_MARKS}"
_EITHER = rf"{_MARKS}(?:\s{{0,3}}[/|]\s{{0,3}}|\s{{1,3}}or\s{{1,3}}){_MARKS}"
_OPTIONS = re.compile(rf"\b(?:yes{_OR}no|no{_EITHER}yes|true{_EITHER}false)\b", re.IGNORECASE)
_NAMED = re.compile(
    rf"\b(?:answer|verdict|conclusion|classification(?:[ \t]task)?)[*_]*[ \t]*(?:[:：=]|\bis\b[ \t]*:?|\bwould[ \t]be\b)"
    rf"[\s*_`\"'“”‘’$\\{{(]*(?P<word>{_ONE}){_END}",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\bis\s(?:it|this)[^\n?]{0,60}\bclassification\b[^\n?]{0,40}\?", re.IGNORECASE)
_STATED = re.compile(
    r"\b(?:is|it['’]s|be)\s(?P<not>not\s|never\s)?[^.\n?!]{0,40}?(?P<no>\bnot\s|\bnon-)?(?:an?\s)?(?:\w+\s)?classification\b"
    r"|(?P<bare>\bnon-classification\b|\bisn['’]t\s[^.\n?!]{0,40}\bclassification\b|\b(?:definitely|certainly|absolutely)\snot\b)",
    re.IGNORECASE,
)
_NEXT_TASK = re.compile(r"(?<=\S)\s*\bTask:")  # a model that continues a text goes on with another task
_MARKER = re.compile(
    r"^[ \t>*_(\[#-]*+(?:[ xX]?\][ \t]*+)?(?:task[ \t]++)?\#?[(\[]?(?P<first>\d{1,4})[ \t]*+"
    r"(?:\\?[.)\]:=．、）：–-]|[*_]{1,2}[.):]?)*+"
    rf"|(?<=[\s,;])[*_(\[#]*+(?:task[ \t]++)?\#?(?P<inline>\d{{1,4}})[ \t]*+[.)\]:=．、–-]*+(?={_OPEN}(?:{_ONE}){_END}"
    r"[*_]*+\s*+(?:[.,;!?]|\d|\Z|\n))",
    re.IGNORECASE | re.MULTILINE,
)
LONGEST_PART = 3000  # characters at either end of a reply about one task in which its answer is looked for
_WORD = re.compile(r"[^\W\d_]+")


def parse_task_type(reply: Reply, as_json: bool) -> bool | None:
    """Return whether a task is classification; None if the reply does not say so clearly.

    Args:
        reply: the model's reply.
        as_json: whether it was requested as JSON; a reply that is not such JSON is read as words.

    Example:
        >>> [parse_task_type(Reply(text), False) for text in ("Yes.", "You may answer Yes or No. No.", "It depends.")]
        [True, False, None]
    """
    text = _OPTIONS.sub(" ", clean_reply(reply.text))
    if as_json and (found := json_task_type(text)):
        return found.pop() if len(found) == 1 else None
    return _task_type_in_words(text)


def parse_task_types(reply: Reply, count: int, as_json: bool) -> dict[int, bool]:
    """Return whether each of tasks 1 to `count` is classification; tasks without a clear answer are left out.

    Args:
        reply: the model's reply to a request about several tasks.
        count: the number of tasks.
        as_json: whether it was requested as JSON; a reply that is not such JSON is read as words.
    """
    return dict(read_task_types(reply.text, reply.finish, count, as_json))


@lru_cache(maxsize=16)  # each of the tasks reads the reply
def read_task_types(text: str, finish: str, count: int, as_json: bool) -> dict[int, bool]:
    """Like `parse_task_types`, for a reply with this text and finish; the same object for the same arguments."""
    reply = Reply(text, finish)
    parsed = json_task_types(reply, count) if as_json else None
    return consistent_answers(_task_types_in_words(reply, count), count) if parsed is None else parsed


def _task_type_in_words(text: str) -> bool | None:
    text = text if len(text) <= 2 * LONGEST_PART else f"{text[:LONGEST_PART]}\n{text[-LONGEST_PART:]}"
    text = _NEXT_TASK.split(text, maxsplit=1)[0]
    asked = _QUESTION.search(text)
    if asked is not None:  # the question was repeated
        text = text[asked.end() :]
    named = [match["word"] for match in _NAMED.finditer(text)]
    if named:
        return _TRUTHS[named[-1].lower()]
    if (leading := _leading(text)) is not None:
        return leading
    if text.strip(" \t\n.!").lower() in ("y", "n"):
        return text.strip(" \t\n.!").lower() == "y"
    stated = {not (match["bare"] or match["not"] or match["no"]) for match in _STATED.finditer(text)}
    alone = {_TRUTHS[match["word"].lower()] for match in _ALONE.finditer(text)}
    found = stated or alone
    return found.pop() if len(found) == 1 else None


def _leading(text: str) -> bool | None:
    """Return the answer that a text begins with."""
    match = _LEAD.match(text)
    return None if match is None else _TRUTHS[(match["english"] or match["other"]).lower()]


def _task_types_in_words(reply: Reply, count: int) -> list[tuple[int | None, bool | None]]:
    """Return (number, is classification) for each answer: "3. Yes", "3. the task ... Yes", the answer on the next line.

    Without numbers, exactly `count` lines that begin with an answer are understood.
    """
    text = _OPTIONS.sub(" ", clean_reply(reply.text))
    segments = _numbered_segments(text)
    if any(number == 0 for number, _ in segments):
        return []  # it counts from 0, or what it counts are no tasks
    if segments:
        segments = [(number, segment) for number, segment in segments if number <= count]
        answers = {segment: _answer_in(segment) for segment in {segment for _, segment in segments}}  # equal ones once
        return [(number, answers[segment]) for number, segment in segments]
    lines = [line for line in text.split("\n") if line.strip()]
    first = [_leading(line) for line in lines] if len(lines) == count else [None]
    return [] if None in first else list(enumerate(first, 1))


def _numbered_segments(text: str) -> list[tuple[int, str]]:
    """Return each number at the start of a line, or before an answer, with the text up to the next one."""
    numbers: list[int] = []
    places: list[int] = []  # where each marker begins and ends, in turn: matches are not kept, since there may be many
    for marker in _MARKER.finditer(text):
        numbers.append(int(marker[marker.lastgroup or 0]))
        places += marker.span()
    if not numbers:
        return []
    return [
        (number, text[begin:end].strip())
        for number, begin, end in zip(numbers, places[1::2], [*places[2::2], len(text)], strict=True)
    ]


def _answer_in(segment: str) -> bool | None:
    """Return the answer in what follows a task's number: it begins with it, its first line ends with it, or the next begins."""
    line, _, rest = segment.partition("\n")
    answer = _leading(segment)
    if answer is None:
        words = _WORD.findall(line)
        answer = _TRUTHS.get(words[-1].lower()) if words else None
    return _leading(rest) if answer is None else answer
