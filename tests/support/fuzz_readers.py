"""The guarantees of every parser for any input: it raises only the errors that it documents, and its results are bounded.

Each entry of TARGETS takes bytes; tests/fuzz/test_fuzz.py and `fuzz_guided.py` supply them.
"""

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.config.seeds import read_seeds
from bootstruct.engines.response import read_response
from bootstruct.errors import InputError, JournalError
from bootstruct.journal.codec import from_json, to_json
from bootstruct.journal.events import (
    CandidatesJudged,
    Event,
    ImportRecorded,
    InstancesChecked,
    ReplyReceived,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.stages.parsing import instances as instance_parser
from bootstruct.stages.parsing import instructions as text_parser
from bootstruct.stages.parsing import original as original_parser
from bootstruct.stages.parsing.task_types import parse_task_type
from bootstruct.stages.rules import broken_instance_rule, broken_rule
from bootstruct.stages.training_format import without_field_name
from bootstruct.types import CheckVerdict, Instance, Message, Prompt, RejectedInstance, Reply, Sampling, Seed, Verdict

RECIPES: dict[str, Recipe] = {
    name: read_recipe(Path(str(recipe_folder(name) / "recipe.yaml"))) for name in ("original", "paper", "chat")
}
WIDEST = 3  # the most characters into which `str.capitalize` may turn one
FOLDER = Path(tempfile.mkdtemp(prefix="bootstruct-fuzz-"))


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def finishes(raw: bytes) -> str:
    return "length" if len(raw) % 3 == 0 else "stop"


# Replies


def original_instructions(raw: bytes) -> None:
    text = text_of(raw)
    found = original_parser.parse_instructions(Reply(text, finishes(raw)))
    assert sum(len(entry.text) for entry in found) <= WIDEST * len(text)
    assert all(entry.text == " ".join(entry.text.split()) != "" for entry in found)
    for entry in found:
        broken_rule(RECIPES["original"].propose.rules, entry.text)


def robust_instructions(raw: bytes) -> None:
    text = text_of(raw)
    for opened in (None, 9):
        found = text_parser.parse_instructions(Reply(text, finishes(raw)), opened)
        assert sum(len(entry.text) for entry in found) <= 2 * len(text)
        assert len(found) <= 1 + text.count("\n") + text.count("\r")
        assert all(entry.text == " ".join(entry.text.split()) != "" for entry in found)
        assert all(entry.flaw is None for entry in found[:-1])
        for entry in found:
            broken_rule(RECIPES["paper"].propose.rules, entry.text)


def instances(parser: Any, recipe: Recipe, raw: bytes) -> None:
    text = text_of(raw)
    for labels in (False, True):
        kept, rejected = parser.parse_instances(Reply(text, finishes(raw)), labels)
        every = [*kept, *(entry.instance for entry in rejected)]
        assert sum(len(entry.input) + len(entry.output) for entry in every) <= len(text) + len(every)
        assert len(set(kept)) == len(kept)
        assert all(broken_instance_rule(entry, robust=True) is None for entry in kept)
        assert all(entry.rule for entry in rejected)
        inputs = [entry.input for entry in kept if entry.input]
        assert len(set(inputs)) == len(inputs)
        for entry in kept:
            assert len(without_field_name(recipe, entry.input)) <= len(entry.input)


def original_instances(raw: bytes) -> None:
    instances(original_parser, RECIPES["original"], raw)


def robust_instances(raw: bytes) -> None:
    instances(instance_parser, RECIPES["paper"], raw)


def classifications(raw: bytes) -> None:
    reply = Reply(text_of(raw))
    if original_parser.parse_task_type(reply):
        assert parse_task_type(reply, False)


STOPPED = Sampling(stop=("\n16.", "Task:"))
PROMPTS = (
    Prompt("propose", "m", STOPPED, 1, text="x"),
    Prompt("propose", "m", STOPPED, 1, messages=(Message("user", "x"),)),
)


def server_replies(raw: bytes) -> None:
    """Any body must become a reply or a failure, and a reply must survive being written to a journal and read back."""
    for prompt in PROMPTS:
        reply = read_response(200, raw, prompt)
        if not isinstance(reply, Reply):
            reply.message.encode()
            continue
        assert not any(stop in reply.text for stop in STOPPED.stop)
        assert len(reply.text) <= len(raw)
        event = ReplyReceived("k", "d", reply)
        assert from_json(orjson.loads(orjson.dumps(to_json(event)))) == event


# Journals

SAMPLES: tuple[Event, ...] = (
    ReplyReceived("propose/0", "d", Reply("text", "stop", 1, 2, "m"), "question", "run"),
    RequestFailed("propose/0", "d", 400, "too long"),
    CandidatesJudged(0, ("s",), (Verdict("a"), Verdict("b", "too similar", 0.8, "s"))),
    TaskCompleted("0.0", True, (Instance("a", "b"),), (RejectedInstance(Instance("", ""), "empty output"),)),
    InstancesChecked("0.0", "rubric", (CheckVerdict(0), CheckVerdict(1, "graded too low", 2.0, "a note")), True),
    ImportRecorded("0.0", (("a", 0.5),), 0.1, 3),
    RunStarted(RECIPES["original"], (Seed("s", "Say.", (Instance("", "x"),), False),)),
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
    except JournalError as exc:
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
    except InputError as exc:
        fault = str(exc)
    if fault:
        assert fault.startswith(str(path))
        return
    assert len({seed.id for seed in seeds}) == len({seed.instruction for seed in seeds}) == len(seeds) > 0
    orjson.dumps([to_json(RunStarted(RECIPES["original"], seeds))])


def recipe_files(raw: bytes) -> None:
    path = FOLDER / "recipe.yaml"
    path.write_bytes(raw)
    fault = ""
    try:
        recipe = read_recipe(path)
    except InputError as exc:
        fault = str(exc)
    if fault:
        assert str(path.parent) in fault
        return
    assert from_mapping(to_mapping(recipe), "x") == recipe


def recipe_values(raw: bytes) -> None:
    """A valid recipe gets one new value: the first byte chooses the place, and the rest is the value, as JSON or text."""
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
    except InputError as exc:
        fault = str(exc)
    if fault:
        assert fault.startswith("recipe.yaml: ")
        return
    event = RunStarted(recipe, ())
    assert from_json(orjson.loads(orjson.dumps(to_json(event)))) == event


TARGETS: dict[str, Callable[[bytes], None]] = {
    entry.__name__: entry
    for entry in (
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

# The strings that the readers look for; generators combine them.
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
