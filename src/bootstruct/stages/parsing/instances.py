"""Parse the instances of one task from free text: markers at line starts only, in any case and the usual shapes.

Repairs of faults of the released code, each with a test: an answer may hold the word "Example" or a second "Output:"; of
conflicting instances only those that conflict are rejected; a truncated answer to a task without input is cut back to its
last whole sentence.
"""

import re
from bisect import bisect_left
from collections import Counter

from bootstruct.stages.parsing.cleanup import (
    CLOSING_REMARK,
    CODE_FENCE,
    CUT_OFF,
    GREETING,
    HORIZONTAL_RULE,
    INPUT,
    LABEL,
    OUTPUT,
    SHORT_LABEL,
    FieldPattern,
    Marker,
    clean_reply,
    may_have_fences,
    means_no_input,
    normalize_fields,
    split_after,
    trimmed,
)
from bootstruct.stages.rules import REPEATS_ITSELF, broken_instance_rule, count_words, repeats_itself
from bootstruct.types import Instance, RejectedInstance, Reply

ParsedInstances = tuple[tuple[Instance, ...], tuple[RejectedInstance, ...]]  # kept and rejected

DUPLICATE = "duplicate"  # the rule under which an instance is rejected that equals an earlier one of its task
LEAST_SALVAGED_WORDS = 20  # a truncated output with fewer whole words is rejected

_ABOUT_EXAMPLES = re.compile(r"\b(?:examples?|instances)\b", re.IGNORECASE)
_RUN_ON = re.compile(
    r"\n[ \t]*\n[ \t]*(?:Task:|\#{2,6}[ \t]*(?:Instruction|Task|Response|Human|User)\b)|\n[ \t]*Task:[ \t]*\Z"
)
_TURNS = re.compile(r"\n[ \t]*\n(?:User|Human):[^\n]*\n+(?:Assistant|AI|Bot):")
_EXPLANATION = re.compile(
    r"^[ \t]*[*_]{0,2}(?:explanation|reasoning|rationale|reason|justification)[*_]{0,2}[ \t]*:", re.I | re.M
)
_ABOUT_REASONS = re.compile(r"\b(?:expla\w+|reason\w*|why|justif\w+|rationale|argu\w+|solve|steps?)\b", re.IGNORECASE)
_BRIDGE = re.compile(r"(?:here(?:'s|’s| is| are)|another|next|now|and here)\b[^\n]*[:：]", re.IGNORECASE)
_OFFER = re.compile(
    r"(?<=[.!?`])\s+(?:let me know|feel free|would you like|i hope)\b[^\n.!?]*[.!?]*\s*\Z", re.IGNORECASE
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_NUMBER_WORDS = re.compile(
    r"^([ \t*_#]*example[ \t]+)(one|two|three|four|five)(?=[ \t]*[*_:.)]*[ \t]*$)", re.IGNORECASE | re.MULTILINE
)
_WORDS_OF = {
    "Input": "输入|輸入|eingabe|entrée|entrada|ввод|вход|входные данные|入力|입력|المدخل|الإدخال|invoer|girdi",
    "Output": "输出|輸出|ausgabe|sortie|salida|saída|вывод|выход|выходные данные|出力|출력|المخرج|الإخراج|uitvoer|çıktı",
    "Example": "示例|例子|beispiel|exemple|ejemplo|exemplo|esempio|пример|例|예시|예|مثال|voorbeeld|örnek|przykład",
    "Class label": "类别标签|标签|類別|klasse|klassenlabel|etiqueta|étiquette|classe|etichetta|метка|класс|ラベル|라벨|التصنيف",
}
_ENGLISH = {word: name for name, words in _WORDS_OF.items() for word in words.split("|")}
_FOREIGN = re.compile(
    r"^[ \t]*[*_]{0,2}(?=[^\W\d_])"
    rf"(?P<name>{'|'.join(sorted(_ENGLISH, key=len, reverse=True))})[ \t]*(?P<number>\d{{0,2}})[*_]{{0,2}}"
    r"(?P<colon>[ \t]*[:：][*_]{0,2}|[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_ABOUT_MARKS = re.compile(
    r"\b(?:punctuation|symbols?|signs?|marks?|characters?|dash(?:es)?|hyphens?|abbreviations?|acronyms?|placeholders?|missing"
    r"|empty|null|none|n/a)\b",
    re.IGNORECASE,
)
_LIST_NUMBER = re.compile(r"[ \t]*+\d{1,3}[.)]")
_DANGLING = re.compile(r"(?<!\s)\s+(\d{1,3})[.)]\Z")
_WHOLE = re.compile(
    r"[.!?…؟।][\"'”’)\]]*(?=\s|\Z)|[。！？][」』”’）]*|^[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]+[^\s][^\n]*(?=\n)",
    re.MULTILINE,
)

_NAMED = re.compile(r"[ \t]*(?P<name>[^\W\d_][\w ]{0,30}):", re.IGNORECASE)
_INLINE_INPUT = re.compile(
    r"(?<![ \t])[ \t]*+(?:[|,;–—-][ \t]++|(?<=[ \t]))[*_]*+input[*_]*+[ \t]*+[:：][*_]*+[ \t]*+", re.IGNORECASE
)
_EXAMPLE = re.compile(
    r"^[ \t]*+[*_#]*+[ \t]*+example[ \t]*+\#?+(?P<number>\d{0,4}+)[ \t]*+[.:)]*+[*_]*+[.:]?+[ \t]*+"
    r"(?:(?=\n|\Z)|(?<=[\d.:)* \t])(?=(?P<title>[^\n])))",
    re.IGNORECASE | re.MULTILINE,
)


def parse_instances(reply: Reply, is_classification: bool, instruction: str = "") -> ParsedInstances:
    """Return the instances of one task and the rejected ones, each with its rule.

    Args:
        reply: the model's reply to an input-first or output-first prompt.
        is_classification: whether the request asked for the label first.
        instruction: the task, which distinguishes a real input "-" from one that says that there is none.
    """
    text = _unfenced(clean_reply(reply.text))
    greeting = GREETING.match(text)
    text = _without_closing_remark(text[greeting.end() if greeting else 0 :], greeted=greeting is not None)
    text, is_run_on = _without_run_on(_translated(normalize_fields(_unfenced(text))))
    pairs = _label_first(text) if is_classification else _input_first(text)
    if instruction and not _ABOUT_REASONS.search(instruction):
        pairs = [_without_explanation(pair, is_classification) for pair in pairs]
    pairs = blank_inputs(pairs, instruction)
    rejected: list[RejectedInstance] = []
    if reply.is_cut and not is_run_on and pairs:
        last = pairs.pop()
        if (whole := _salvaged(last, is_classification)) is None:
            rejected.append(RejectedInstance(last, CUT_OFF))
        elif repeats_itself(last.output):
            rejected.append(RejectedInstance(last, REPEATS_ITSELF))
        else:
            pairs.append(whole)
    return filter_instances(pairs, rejected, instruction)


def _without_run_on(text: str) -> tuple[str, bool]:
    """Cut off what follows the instances: another task, or another turn of a dialogue. Returns whether there was any."""
    answered = OUTPUT.search(text) or LABEL.search(text)
    if answered and (match := _RUN_ON.search(text, answered.end())):
        return text[: match.start()], True
    if (turn := _TURNS.search(text)) and "User:" not in text[: turn.start()] and "Human:" not in text[: turn.start()]:
        return text[: turn.start()], True
    return text, False


def _translated(text: str) -> str:
    """Return a text with its field names in English where it has none of the English ones."""
    if "example" in text.lower():
        text = _NUMBER_WORDS.sub(lambda match: f"{match[1]}{_NUMBERS[match[2].lower()]}", text)
    if OUTPUT.search(text) or LABEL.search(text) or SHORT_LABEL.search(text):
        return text
    return _FOREIGN.sub(lambda match: f"{_ENGLISH[match['name'].casefold()]} {match['number']}{match['colon']}", text)


def _without_explanation(pair: Instance, is_classification: bool) -> Instance:
    """Drop an explanation after the answer if the task does not ask for one."""
    text = pair.input if is_classification else pair.output
    if (match := _EXPLANATION.search(text)) is None or not text[: match.start()].strip():
        return pair
    text = text[: match.start()].rstrip()
    return Instance(text, pair.output) if is_classification else Instance(pair.input, text)


def blank_inputs(pairs: list[Instance], instruction: str = "") -> list[Instance]:
    """Empty the inputs that only say that there is none ("None", "N/A", "-").

    Such an input is real, and stays, if the task is about such texts: its instruction says so (`_ABOUT_MARKS`), or its
    examples have several different ones, or it is a mere sign while another example has another input.

    Args:
        pairs: the instances as parsed.
        instruction: the task.
    """
    none_like = {pair.input for pair in pairs if pair.input and means_no_input(pair.input)}
    if not none_like or _ABOUT_MARKS.search(instruction):
        return pairs
    words = {word.strip("<>()[]\"'*_. ").casefold() for word in none_like}
    has_others = any(pair.input and pair.input not in none_like for pair in pairs)
    is_sign = not any(character.isalnum() for word in words for character in word) and any(words)
    return pairs if len(words) > 1 or (is_sign and has_others) else [_blanked(pair) for pair in pairs]


def _blanked(pair: Instance) -> Instance:
    return Instance("" if means_no_input(pair.input) else pair.input, pair.output)


def filter_instances(pairs: list[Instance], rejected: list[RejectedInstance], instruction: str = "") -> ParsedInstances:
    """Apply the rules for instances: of equal ones the first is kept, and all sides of a conflict are rejected.

    Args:
        pairs: the instances as parsed, in order.
        rejected: instances that were rejected already; they come first in the result.
        instruction: the task, which an output must not merely repeat.
    """
    kept: dict[Instance, None] = {}  # a set in order
    for pair in pairs:
        rule = broken_instance_rule(pair, robust=True, instruction=instruction)
        rule = rule or (DUPLICATE if pair in kept else None)
        if rule:
            rejected.append(RejectedInstance(pair, rule))
        else:
            kept[pair] = None
    outputs = Counter(pair.input for pair in kept if pair.input)
    rejected += [RejectedInstance(pair, "conflicting outputs") for pair in kept if outputs[pair.input] > 1]
    return tuple(pair for pair in kept if outputs[pair.input] <= 1), tuple(rejected)


def _without_closing_remark(text: str, greeted: bool) -> str:
    """Drop a last paragraph that addresses the reader; only if the reply began with a greeting or names the examples."""
    head, *rest = text.rstrip().rsplit("\n\n", 1)
    last = rest[0].strip() if rest else ""
    if CLOSING_REMARK.fullmatch(last) and (greeted or _ABOUT_EXAMPLES.search(last)):
        return head
    return _OFFER.sub("", text) if "```" in text else text


def _salvaged(last: Instance, is_classification: bool) -> Instance | None:
    """Cut a truncated output of a task without input back to its last whole sentence or list item, if enough is left."""
    if last.input or is_classification:
        return None
    text = last.output
    all_ends = [match.end() for match in _WHOLE.finditer(text)]
    ends = [end for end in all_ends if not _LIST_NUMBER.fullmatch(text, text.rfind("\n", 0, end) + 1, end)]
    whole = _without_dangling_number(text[: ends[-1]]) if ends else ""
    return Instance("", whole) if count_words(whole, "any script") >= LEAST_SALVAGED_WORDS else None


def _without_dangling_number(text: str) -> str:
    """Drop the number of a list item that was cut off, in a list on one line: "... 31. A bird. 32."."""
    last = _DANGLING.search(text)
    if last is None or not re.search(rf"(?<!\d){int(last[1]) - 1}[.)]\s", text):
        return text
    return text[: last.start()]


def _input_first(text: str) -> list[Instance]:
    head, _, last = text.rpartition("\n")
    if head and (_EXAMPLE.fullmatch(last.strip()) or (OUTPUT.fullmatch(last.strip()) and OUTPUT.search(head))):
        text = head.rstrip()  # a heading or a field with nothing after it
    headings = _headings(text)
    if not headings:
        return [_pair(part, answered=False) for part in _split_at_first_field(text) if part]
    parts = [part.strip() for _, part in split_after(headings, text)]
    lead = text[: headings[0].start()].strip()
    answered = [bool(OUTPUT.search(part)) for part in parts]
    if OUTPUT.search(lead):
        if not any(answered):
            return [_pair(text, answered=False)]  # the "Example 1" stands inside the answer
        parts.insert(0, lead)
    return [_pair(part, answered=not any(answered)) for part in parts if part]


def _headings(text: str) -> list[Marker]:
    """Find the headings "Example 1", "Example 2" ... in sequence; an "Example" out of sequence is part of an answer.

    A heading out of sequence counts if there is an "Output:" both before and after it. Headings without a number, and those
    with a title ("Example 1: The easy one"), count if the first heading is like that too.
    """
    if "example" not in text.lower():
        return []
    found = [match for match in _EXAMPLE.finditer(text) if not match["title"] or match["number"]]
    found = [entry for entry in found if not entry["title"] or found[0]["title"]]
    found = [entry for entry in found if entry["number"] or not found[0]["number"]]
    outputs = [marker.start() for marker in OUTPUT.finditer(text)]
    ends = [*(entry.start() for entry in found), len(text)][1:]
    chain: list[Marker] = []
    last = 0
    for entry, end in zip(found, ends, strict=True):
        number = int(entry["number"] or last + 1)
        answered = chain and _any_within(outputs, chain[-1].end(), entry.start())
        if not chain or number == last + 1 or (answered and _any_within(outputs, entry.end(), end)):
            chain.append(entry)
            last = number
    return chain


def _any_within(places: list[int], start: int, end: int) -> bool:
    """Return whether any of the sorted places lies in [start, end)."""
    return bisect_left(places, start) < bisect_left(places, end)


def _split_at_first_field(text: str) -> list[str]:
    r"""Split a reply without headings: a new instance begins where its first field comes again after an "Output:".

    If that field is "Output:" itself (answers without input), then only after a whole sentence: "it prints\nOutput: 5" is
    one answer.
    """
    outputs = [marker.start() for marker in OUTPUT.finditer(text)]
    if not outputs:
        return []
    named = _NAMED.match(text)
    name = named["name"].strip() if named else ""
    comes_again = not text.isascii() or text.lower().count(name.lower()) > 1
    first = FieldPattern(re.escape(name)) if name and comes_again else INPUT
    starts = [0]
    for marker in sorted([*INPUT.finditer(text), *first.finditer(text)], key=re.Match.start):
        repeats = OUTPUT.match(marker[0]) is not None
        if _any_within(outputs, starts[-1], marker.start()) and not (
            repeats and not _ends_with_sentence(text, marker.start())
        ):
            starts.append(marker.start())
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _ends_with_sentence(text: str, end: int) -> bool:
    return text[max(0, end - 80) : end].rstrip()[-1:] in tuple(".!?…。！？")


def _pair(part: str, answered: bool) -> Instance:
    """Parse one instance. `answered`: a part without "Output:" is an output, otherwise an input without its output."""
    part = _unfenced(part)
    marker = OUTPUT.search(part)
    if marker is None:
        given, output = ("", part) if answered and not INPUT.match(part) else (part, "")
    else:
        given, output = part[: marker.start()], part[marker.end() :]
    if not given.strip() and (later := INPUT.search(output)) is not None and len(list(INPUT.finditer(output))) == 1:
        given, output = output[later.end() :], output[: later.start()]  # turned round
    given = given.strip().removeprefix(": ")
    title, _, rest = given.partition("\n")
    if ":" not in title and INPUT.match(rest.lstrip()):
        given = rest.lstrip()
    if match := INPUT.match(given):
        given = given[match.end() :]
    return Instance(_without_rule(given), _without_rule(output))


def _without_rule(text: str) -> str:
    """Trim a text, and drop a last line of dashes, or of words such as "Here is another one:", before what follows it."""
    text = trimmed(text)
    head, _, last = text.rpartition("\n")
    if head and (HORIZONTAL_RULE.match(last) or (head.endswith("\n") and _BRIDGE.fullmatch(last.strip()))):
        return trimmed(head)
    return text


def _unfenced(text: str) -> str:
    """Remove a code fence that wraps the whole text; fences inside it stay."""
    text = text.strip()
    if not may_have_fences(text):
        return text
    fences = list(CODE_FENCE.finditer(text))
    if len(fences) == 2 and fences[0].start() == 0 and fences[1].end() == len(text):
        inside = text[fences[0].end() : fences[1].start()].strip("\n")
        return inside if OUTPUT.search(inside) or LABEL.search(inside) else text
    return text


def _label_first(text: str) -> list[Instance]:
    markers = list(LABEL.finditer(text)) or list(SHORT_LABEL.finditer(text))
    if not markers:
        return []
    named = [part.strip().partition("\n") for _, part in split_after(markers, text)]
    labels, inputs = [name for name, _, _ in named], [given for _, _, given in named]
    before = [text[: markers[0].start()], *inputs[:-1]]
    if not inputs[-1].strip() and _begin_alike(before):
        inputs = before  # each label comes after its input
    instances = []
    for name, given in zip(labels, inputs, strict=True):
        label, *inline = _INLINE_INPUT.split(name, maxsplit=1)
        given = _without_rule(_without_heading("\n".join([*inline, given])))
        starts = list(INPUT.finditer(given))
        several = (
            [rest.strip() for _, rest in split_after(starts, given)] if starts and not starts[0].start() else [given]
        )
        instances += [Instance(text, label.strip().strip("*_").strip()) for text in several]
    return instances


def _begin_alike(inputs: list[str]) -> bool:
    """Return whether all of these begin with the same field."""
    names = [_NAMED.match(_without_heading(given)) for given in inputs]
    return None not in names and len({name["name"].lower() for name in names if name}) == 1


def _without_heading(given: str) -> str:
    """Drop an "Example 2" at either end: it belongs to the instance before or after."""
    lines = given.strip().split("\n")
    for position in (0, -1):
        if lines and _EXAMPLE.fullmatch(lines[position]):
            del lines[position]
    return "\n".join(lines)
