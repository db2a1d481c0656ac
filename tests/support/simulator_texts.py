"""The simulator's answers: to a prompt of ours an answer of the right form, to any other prompt a list of tasks."""

import json
import random
import re
from typing import Any


def _words(text: str) -> list[str]:
    return text.split()


DO = _words("""
    Tell Show Find Pick Mark Label Group Match Order Check Judge Review Adapt Condense Reword Render Turn Split Merge Fill
    Finish Continue Plan Work Guess Reply Argue Defend Doubt Praise Warn Teach Trace Measure Add Divide Quote Cite Sketch
""")
FORM = _words("""
    note leaflet sermon fable toast telegram ballad memo limerick notice diary logbook manual roster ledger almanac parable
    eulogy briefing handout transcript bulletin synopsis couplet crossword voucher receipt dossier manifesto postscript
    statement charter lullaby anecdote preface epilogue footnote errand abstract placard sonnet monologue travelogue
""")
KIND = _words("""
    brisk dusty tender formal sour northern crooked early bitter plain wooden foreign noisy patient narrow solemn velvet
    sunny reckless thrifty cheerful bleak gentle stubborn salty careful famous hurried copper winter hungry spotless
    rival wandering upright curious weary distant marble sturdy frugal anxious silver midnight borrowed festive mossy
""")
THEME = _words("""
    ferries bakeries magnets owls saffron tides allotments barometers rafts honey cranes maps sledges wells moths ropes
    granite pianos harvests customs canals sirens ovens lighthouses feathers clocks cellars rain bicycles dunes geese
    printers mushrooms fog anchors looms telescopes caravans pears dams echoes snow chimneys tractors pigeons amber
    postcards hedges elevators vineyards carpets riddles buttons compasses greenhouses tortoises scaffolds dominoes mills
""")
WHO = _words("""
    widows cellists surgeons beekeepers apprentices carpenters lodgers cousins divers wardens novices shepherds opticians
    locksmiths stewards cyclists archivists surveyors cooks twins porters grocers glaziers anglers dancers tutors welders
""")
SHAPES = (
    "{V} {W} in a {k} {f} what makes {t} {q} after {n} winters.",
    "My {W} keep {t} next to {u}: {v} {n} reasons that speak against it.",
    "How could {q} {W} trade {t} for {u} without a {k} {f}?",
    "{V} the {k} parts of this {f}, leaving out all that concerns {t} or {u}.",
    "Which of {t}, {u} and {x} do {q} {W} need least, and why?",
    "{V} a {f} in {n} words; it must mention {t} twice and {W} never.",
    "Suppose {t} cost {n} crowns. What would a {k} {f} by {W} say?",
    "{V} and then {v2}: {q} {t}, {k} {u}, one {f} for {W}",
    "Under which heading belongs a {f} on {t}: {u}, {x}, or {W}?",
    "Before {W} leave for the {k} fair, {v} their {f} against the price of {t}.",
    "Nobody among the {W} believes that {u} are {k}. {V} a {q} {f} to change that!",
    "From {n} {t} take away the {q} ones; {v} the rest as {W} would.",
)
ENDS = (
    " Mind {q} {x}, {u} and {v2} {n} {f}s.", " Use {k} {q} words, as {x} would for {u}.", " ({v2} {x}; no {t}, {q} {u}.)",
    " End on {n} {q} {x} by {u}.",
)  # fmt: skip
_NUMBERED_TO = re.compile(r"numbered (\d+) to (\d+)")
_OPEN_NUMBER = re.compile(r"(\d+)\.\s*$")
_JSON_FIELD = re.compile(r'Answer with a JSON object whose one field "(\w+)"')
_BLOCKS_TO = re.compile(r"go on with number (\d+) and end with number (\d+)")
_LINES = re.compile(r"Answer with (\d+) lines, one for each task")
_COUNT = re.compile(r"(?:is a list of|Here are) (\d+) ")


def answer(prompt: object, key: str, items: int, form: str = "fenced") -> tuple[str, str]:
    """Return the step to which a prompt of ours belongs, and an answer that depends on the key alone.

    `form` says how a request for JSON is answered: `json`, `fenced` (after a greeting, in a code fence), or `text`, as if the
    prompt did not ask for JSON.
    """
    text = prompt if isinstance(prompt, str) else str(prompt)
    rng = random.Random(key)
    if field := _JSON_FIELD.search(text):
        step, value = _value(field[1], text, rng)
        if form == "text":
            return step, _as_text(value)
        written = json.dumps(value, ensure_ascii=False, indent=None if form == "json" else 1)
        return step, written if form == "json" else f"Sure, here it is:\n\n```json\n{written}\n```"
    if blocks := _BLOCKS_TO.search(text):
        return "propose", _as_text({"tasks": [_whole(rng) for _ in range(int(blocks[2]) - int(blocks[1]) + 1)]})
    if 'paragraph that begins with "Plan:"' in text:
        whole = f"###\nInstruction: {_task(rng)}\nInput: none\nOutput: {rng.choice(FORM)}"
        return "propose", f"Plan: they ask for order. Mine asks for a sum.\n\n{whole}"
    if lines := _LINES.search(text):
        return "kinds", _as_text({"answers": _answers(int(lines[1]), rng)})
    tail = text[-400:]
    if asked := _NUMBERED_TO.search(text):
        first, last = int(asked[1]), int(asked[2])
        return "propose", "\n".join(f"{n}. {_task(rng)}" for n in range(first, last + 1))
    if opened := _OPEN_NUMBER.search(tail):
        first = int(opened[1])
        return "propose", f" {_task(rng)}" + "".join(f"\n{n}. {_task(rng)}" for n in range(first + 1, first + items))
    if "classification?" in tail or "Yes or No" in tail:
        is_chat = "Yes or No" in tail
        return "kind", ("" if is_chat else " ") + ("Yes" if rng.random() < 0.3 else "No")
    if "Class label:" in text:
        lines = "\n".join(f"Class label: {label}\nInput: {_task(rng)}" for label in rng.sample(FORM, 3))
        return "instances", f"\n{lines}\n\nTask: {_task(rng)}"
    if "Output:" in text:
        if rng.random() < 0.4:
            return "instances", f"\nOutput: {_task(rng)} {_task(rng)}\n\nTask: {_task(rng)}"
        pairs = "\n".join(f"Example {n}\nInput: {_task(rng)}\nOutput: {_task(rng)}" for n in (1, 2))
        return "instances", f"\n{pairs}\n\nTask: {_task(rng)}"
    return "other", "\n".join(f"{n}. {_task(rng)}" for n in range(1, items + 1))


def _value(field: str, text: str, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Return the step that asks for an object with this one field, and such an object."""
    if field == "is_classification":
        return "kind", {field: rng.random() < 0.3}
    count = max(int(number) for number in _COUNT.findall(text) or ["2"])
    if field == "answers":
        return "kinds", {field: _answers(count, rng)}
    if field == "tasks":
        whole = '"instruction", "input" and "output"' in text
        return "propose", {field: [_whole(rng) if whole else _task(rng) for _ in range(count)]}
    if "class_label" in text:
        return "instances", {field: [{"class_label": label, "input": _task(rng)} for label in rng.sample(FORM, 3)]}
    if rng.random() < 0.4:
        return "instances", {field: [{"input": "", "output": f"{_task(rng)} {_task(rng)}"}]}
    return "instances", {field: [{"input": _task(rng), "output": _task(rng)} for _ in range(2)]}


def _answers(count: int, rng: random.Random) -> list[dict[str, Any]]:
    return [{"number": number, "is_classification": rng.random() < 0.3} for number in range(1, count + 1)]


def _whole(rng: random.Random) -> dict[str, str]:
    given = "" if rng.random() < 0.4 else _task(rng)
    return {"instruction": _task(rng), "input": given, "output": f"{_task(rng)} {_task(rng)}"}


def _as_text(value: dict[str, Any]) -> str:
    """Return the same content in words, as models write it that do not know JSON."""
    inside, lines = next(iter(value.values())), []
    if isinstance(inside, bool):
        return "Yes" if inside else "No"
    for number, entry in enumerate(inside, 1):
        if isinstance(entry, str):
            lines.append(f"{number}. {entry}")
        elif "instruction" in entry:
            lines.append(f"### {number}\nInstruction: {entry['instruction']}\nInput: {entry['input'] or '<noinput>'}")
            lines.append(f"Output: {entry['output']}")
        elif "number" in entry:
            lines.append(f"{entry['number']}. {'Yes' if entry['is_classification'] else 'No'}")
        elif "class_label" in entry:
            lines.append(f"Class label: {entry['class_label']}\nInput: {entry['input']}")
        else:
            lines.append(f"Example {number}\nInput: {entry['input']}" if entry["input"] else "")
            lines.append(f"Output: {entry['output']}")
    return "\n".join(lines).strip()


def is_strict(form: Any) -> bool:
    """Return whether this is a schema as strict servers require it: named, with every object closed and all fields required."""
    if form.get("type") != "json_schema" or not re.fullmatch(r"[\w-]{1,64}", form["json_schema"].get("name", "")):
        return False

    def closed(schema: Any) -> bool:
        if schema["type"] == "array":
            return closed(schema["items"])
        if schema["type"] != "object":
            return True
        fields = schema["properties"]
        whole = schema["additionalProperties"] is False and schema["required"] == list(fields)
        return whole and all(closed(field) for field in fields.values())

    schema = form["json_schema"]["schema"]
    return form["json_schema"].get("strict") is True and schema["type"] == "object" and closed(schema)


def _task(rng: random.Random) -> str:
    verb, other = rng.choice(DO), rng.choice(DO)
    shape = rng.choice(SHAPES) + (rng.choice(ENDS) if rng.random() < 0.8 else "")
    return shape.format(
        V=verb, v=verb.lower(), v2=other.lower(), f=rng.choice(FORM), k=rng.choice(KIND), q=rng.choice(KIND),
        t=rng.choice(THEME), u=rng.choice(THEME), x=rng.choice(THEME), W=rng.choice(WHO), n=rng.randint(2, 99),
    )  # fmt: skip
