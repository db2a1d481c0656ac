"""590 replies in the styles of 37 model families, written by somebody who had not seen the parsers: each is read as expected."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.recipe import Recipe
from bootstruct.stages.annotate import parse_instances
from bootstruct.stages.parsing.task_types import parse_task_type, parse_task_types
from bootstruct.stages.propose import parse_instructions
from bootstruct.stages.rules import broken_rule
from bootstruct.types import Reply
from tests.support.paths import DATA
from tests.support.scripts import recipe

Row = dict[str, Any]
ROWS: list[Row] = [
    json.loads(line) for line in Path(__file__).with_name("messy_replies.jsonl").read_text("utf-8").splitlines()
]
RECIPES = {name: recipe(name) for name in ("paper", "chat")}
MISREAD = {  # and why this is left so
    "pp-code-in-task": "an instruction is one line everywhere, so code in it is put on that line",
    "pj-double-escaped": "code in strict JSON has doubled backslashes, too",
    "of-base-labels-only": "recipe paper has no rules for outputs, since its digest stands; labels without inputs are kept",
    "if-both-forms": "real answers contain lines that begin with Output:",
}


def read(row: Row) -> list[object]:
    """What the parsers make of a reply; for instructions both before and after the recipe's rules."""
    chosen, reply, step = RECIPES[row["recipe"]], Reply(row["reply"], row["finish"]), row["step"]
    as_json = row.get("format") == "json"
    if step.startswith("propose"):
        ask = replace(chosen.propose.ask, reply="json" if step == "propose json" else "text")
        asked: Recipe = replace(chosen, propose=replace(chosen.propose, ask=ask))
        shown = ["x"] * (row.get("next_number", 9) - 1)
        texts = [found.text for found in parse_instructions(asked, reply, shown) if found.flaw is None]
        return [texts, [text for text in texts if broken_rule(asked.propose.rules, text) is None]]
    if step == "classify":
        return [parse_task_type(reply, as_json)]
    if step == "classify together":
        count = len(row["instructions"])
        answers = parse_task_types(reply, count, as_json)
        return [[answers.get(number) for number in range(1, count + 1)]]
    ask = replace(chosen.instances.input_first, reply="json" if as_json else "text")
    labels = "output first" in (step, row.get("asked"))
    kept, _ = parse_instances(chosen, ask, reply, labels, row["instruction"])
    return [[[instance.input, instance.output] for instance in kept]]


def accepted(row: Row) -> Iterator[object]:
    """The readings that a careful person would accept; an instruction is one line here."""
    for expected in (row["expect"], *row.get("alternatives", ())):
        if isinstance(expected, str):  # unreadable, refused or cut
            silent = {"classify": None, "classify together": [None] * len(row.get("instructions", ()))}
            yield silent.get(row["step"], [])
        else:
            is_list = row["step"].startswith("propose")
            yield [" ".join(text.split()) for text in expected] if is_list else expected


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_every_reply_is_read_as_a_careful_person_would(row: Row) -> None:
    wanted = list(accepted(row))
    is_right = any(found in wanted for found in read(row))
    assert is_right is (row["name"] not in MISREAD), (read(row), wanted)


def test_the_table_is_large_and_diverse() -> None:
    assert len(ROWS) == len({row["name"] for row in ROWS}) == 590
    assert len({row["family"] for row in ROWS}) == 37


def test_refusals_placeholders_and_links_are_rejected_by_name() -> None:
    chat = RECIPES["chat"]
    names = set[str]()
    for row in ROWS:
        if row["step"] in ("input first", "instances json", "output first") and row["recipe"] == "chat":
            ask = replace(chat.instances.input_first, reply="json" if row.get("format") == "json" else "text")
            labels = "output first" in (row["step"], row.get("asked"))
            _, rejected = parse_instances(chat, ask, Reply(row["reply"], row["finish"]), labels, row["instruction"])
            names |= {pair.rule for pair in rejected}
    rules = {rule.name for rule in chat.instances.output_rules}
    assert rules <= names
    assert {"no input", "names all labels", "cut off", "empty output", "output repeats input"} <= names


SHARED_CASES = DATA / "cases" / "replies.jsonl"


@pytest.mark.skipif(not SHARED_CASES.exists(), reason="the shared cases are not on this machine")
def test_the_shared_cases_are_read_as_expected() -> None:
    chat = RECIPES["chat"]
    wrong = []
    for line in SHARED_CASES.read_text("utf-8").splitlines():
        case = json.loads(line)
        step, reply, found = case["step"], Reply(case["reply"]), None
        as_json = step.endswith("json")
        if step.startswith("propose"):
            ask = replace(chat.propose.ask, reply="json" if as_json else "text")
            asked = replace(chat, propose=replace(chat.propose, ask=ask))
            found = [row.text for row in parse_instructions(asked, reply, []) if row.flaw is None]
        elif step == "classify":
            found = parse_task_type(reply, False)
        else:
            kept, rejected = parse_instances(chat, chat.instances.input_first, reply, False, "")
            found = [[pair.input, pair.output] for pair in kept]
            if case["expect"] == "refused by name":
                found = case["expect"] if rejected and not kept else found
        if found != case["expect"]:
            wrong.append((case["name"], found))
    assert wrong == []
