"""What every reader must keep to, whatever it is given: the errors it documents and no others, and bounded results.

Each entry of TARGETS takes bytes; `test_fuzz.py` and `guided.py` feed them.
"""

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from bootstruct.domain import Checkmark, Instance, Message, Prompt, Refused, Reply, Sampling, Seed, Verdict
from bootstruct.engines.openai import read_reply
from bootstruct.errors import BadInput, BadJournal
from bootstruct.event_json import from_json, to_json
from bootstruct.events import Annotated, Checked, Event, Failed, Proposed, Recorded, Replied, Started
from bootstruct.files import read_recipe, read_seeds, recipe_folder
from bootstruct.recipe import Recipe, from_mapping, to_mapping
from bootstruct.stages import read_original, read_robust
from bootstruct.stages.encode import without_field_name
from bootstruct.stages.rules import broken_rule

RECIPES: dict[str, Recipe] = {
    name: read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))) for name in ("original", "paper", "chat")
}
WIDEST = 3  # characters that `str.capitalize` may make of one
FOLDER = Path(tempfile.mkdtemp(prefix="bootstruct-fuzz-"))


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def finishes(raw: bytes) -> str:
    return "length" if len(raw) % 3 == 0 else "stop"


# Replies


def original_instructions(raw: bytes) -> None:
    text = text_of(raw)
    found = read_original.instructions(Reply(text, finishes(raw)))
    assert sum(len(each.text) for each in found) <= WIDEST * len(text)
    assert all(each.text == " ".join(each.text.split()) != "" for each in found)
    for each in found:
        broken_rule(RECIPES["original"].propose.rules, each.text)


def robust_instructions(raw: bytes) -> None:
    text = text_of(raw)
    for opened in (None, 9):
        found = read_robust.instructions(Reply(text, finishes(raw)), opened)
        assert sum(len(each.text) for each in found) <= 2 * len(text)
        assert len(found) <= 1 + text.count("\n") + text.count("\r")
        assert all(each.text == " ".join(each.text.split()) != "" for each in found)
        assert all(each.flaw is None for each in found[:-1])
        for each in found:
            broken_rule(RECIPES["paper"].propose.rules, each.text)


def instances(reader: Any, recipe: Recipe, raw: bytes) -> None:
    text = text_of(raw)
    for labels in (False, True):
        kept, refused = reader.instances(Reply(text, finishes(raw)), labels)
        every = [*kept, *(each.instance for each in refused)]
        assert sum(len(each.input) + len(each.output) for each in every) <= len(text) + len(every)
        assert len(set(kept)) == len(kept)
        assert all(read_original.broken(each) is None for each in kept)
        assert all(each.rule for each in refused)
        inputs = [each.input for each in kept if each.input]
        assert len(set(inputs)) == len(inputs)
        for each in kept:
            assert len(without_field_name(recipe, each.input)) <= len(each.input)


def original_instances(raw: bytes) -> None:
    instances(read_original, RECIPES["original"], raw)


def robust_instances(raw: bytes) -> None:
    instances(read_robust, RECIPES["paper"], raw)


def classifications(raw: bytes) -> None:
    reply = Reply(text_of(raw))
    if read_original.is_classification(reply):
        assert read_robust.is_classification(reply)


STOPPED = Sampling(stop=("\n16.", "Task:"))
PROMPTS = (
    Prompt("propose", "m", STOPPED, 1, text="x"),
    Prompt("propose", "m", STOPPED, 1, messages=(Message("user", "x"),)),
)


def server_replies(raw: bytes) -> None:
    """Any body is a reply; it can be written to a journal and read back."""
    for prompt in PROMPTS:
        reply = read_reply(raw, prompt)
        assert not any(stop in reply.text for stop in STOPPED.stop)
        assert len(reply.text) <= len(raw)
        event = Replied("k", "d", reply)
        assert from_json(orjson.loads(orjson.dumps(to_json(event)))) == event


# Journals

SAMPLES: tuple[Event, ...] = (
    Replied("propose/0", "d", Reply("text", "stop", 1, 2, "m"), "question", "run"),
    Failed("propose/0", "d", 400, "too long"),
    Proposed(0, ("s",), (Verdict("a"), Verdict("b", "too similar", 0.8, "s"))),
    Annotated("0.0", True, (Instance("a", "b"),), (Refused(Instance("", ""), "empty output"),)),
    Checked("0.0", "rubric", (Checkmark(0), Checkmark(1, "graded too low", 2.0, "a note")), True),
    Recorded("0.0", (("a", 0.5),), 0.1, 3),
    Started(RECIPES["original"], (Seed("s", "Say.", (Instance("", "x"),), False),)),
)
LINES = tuple(orjson.dumps(to_json(event)) for event in SAMPLES)


def journal_lines(raw: bytes) -> None:
    try:
        row = orjson.loads(raw)
    except ValueError:
        return
    fault = ""
    try:
        event = from_json(row)
    except BadJournal as exc:
        fault = str(exc)
    assert len(fault) < 2000
    if fault:
        return
    again = from_json(orjson.loads(orjson.dumps(to_json(event))))
    assert to_json(again) == to_json(event)


# Files


def seed_files(raw: bytes) -> None:
    path = FOLDER / "seeds.jsonl"
    path.write_bytes(raw)
    fault = ""
    try:
        seeds = read_seeds(path)
    except BadInput as exc:
        fault = str(exc)
    if fault:
        assert fault.startswith(str(path))
        return
    assert len({seed.id for seed in seeds}) == len({seed.instruction for seed in seeds}) == len(seeds) > 0
    orjson.dumps([to_json(Started(RECIPES["original"], seeds))])


def recipe_files(raw: bytes) -> None:
    path = FOLDER / "recipe.yaml"
    path.write_bytes(raw)
    fault = ""
    try:
        recipe = read_recipe(path)
    except BadInput as exc:
        fault = str(exc)
    if fault:
        assert str(path.parent) in fault
        return
    assert from_mapping(to_mapping(recipe), "x") == recipe


def recipe_values(raw: bytes) -> None:
    """A valid recipe with one value changed: the first byte says which, the rest is JSON (or text) to put there."""
    mapping: Any = copy.deepcopy(to_mapping(RECIPES["paper"]))
    try:
        value = json.loads(raw[2:])
    except (ValueError, RecursionError):
        value = text_of(raw[2:])
    place = holder = mapping
    for step in raw[:2]:
        keys: Any = (
            list(place) if isinstance(place, dict) else range(len(place)) if isinstance(place, list | tuple) else ()
        )
        if not keys:
            break
        holder, key = place, keys[step % len(keys)]
        place = holder[key]
    if raw and isinstance(holder, dict):
        holder[key] = value
    fault = ""
    try:
        recipe = from_mapping(mapping, "recipe.yaml")
    except BadInput as exc:
        fault = str(exc)
    if fault:
        assert fault.startswith("recipe.yaml: ")
        return
    event = Started(recipe, ())
    assert from_json(orjson.loads(orjson.dumps(to_json(event)))) == event


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        original_instructions,
        robust_instructions,
        original_instances,
        robust_instances,
        classifications,
        server_replies,
        journal_lines,
        seed_files,
        recipe_files,
        recipe_values,
    )
}
REPLY_TARGETS = (
    "original_instructions",
    "robust_instructions",
    "original_instances",
    "robust_instances",
    "classifications",
)

# What the readers look for, for generators to put together.
PIECES = (
    *(
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "\t",
        ":",
        "：",
        ".",
        ")",
        "1",
        "9",
        "10",
        "11",
        "2016",
        "٩",
        "９",
        "、",
        "\ufe0f\u20e3",
    ),
    *("Example", "Example 1", "example 2", "Input:", "Output:", "input 2:", "OUTPUT 1 :", "**Output:**", "### Output"),
    *("Class label:", "class label: a", "Label:", "- ", "* ", "• ", "> ", "#", "**", "__", "_", "```", "~~~", "---"),
    *(
        "\n9. ",
        "\n10. ",
        "\n11.",
        "\n12) ",
        "\nTask 13: ",
        "\n(14) ",
        "[15] ",
        "Sure!\n",
        "Here are tasks:\n",
        "Let me know",
    ),
    *(
        "a",
        "Write a poem",
        "None",
        "<noinput>",
        "Yes",
        "no",
        "<think>",
        "</think>",
        "<|endoftext|>",
        "</s>",
        "a series of tasks:",
    ),
    *(
        "é",
        "写一首诗。",
        "시",
        "\u2028",
        "\x85",
        "\x00",
        "\ufeff",
        "\U0001f600",
        '"',
        "'",
        "“",
        "”",
        "!",
        "?",
        "x: y",
        "https://x",
    ),
)
REPEATED = (
    *(piece * (20_000 // len(piece)) for piece in PIECES),
    *((piece + " ") * (20_000 // (len(piece) + 1)) for piece in PIECES),
    *((piece + "\n") * (20_000 // (len(piece) + 1)) for piece in PIECES),
    *(piece + blank * 20_000 + "x" for piece in PIECES for blank in (" ", "\n", "1", "*", "\t \n")),
)
MADE = (
    " \t" * 10_000,
    "\n" + " \t" * 10_000,
    "task" + " " * 20_000,
    "task 1" + " " * 20_000 + "x",
    "".join(f"{n}. a\n" for n in range(1, 2_500)),
    "".join(f"{n % 7}. a:\n\n" for n in range(2_500)),
    "".join(f"Example {n % 5}\nInput: a\n" for n in range(1_000)),
    "Output: x\n" + "Example 7\n" * 2_000,
    "Input:\n" * 2_500 + "Output:",
    "Output: x.\n" * 1_800,
    "Class label: x" + " " * 20_000 + "input",
    "Output: " + "1. " * 7_000,
    "Output: " + ". " * 10_000,
    "(" * 20_000,
    "[" * 20_000,
    "{" * 20_000,
    '{"a":' * 4_000,
    '"' + "\\" * 20_000,
    "".join(chr(0x4E00 + n % 20_000) for n in range(6_600)),
    "\N{COMBINING ACUTE ACCENT}" * 10_000,
)
