"""Every check of the written content can fail: each is tried on a corrupted row, text, template or card."""

import copy
from collections.abc import Callable

import pytest

from tests.support import content_cards as cards
from tests.support import content_checks as checks
from tests.support.content_arithmetic import readable_equations, wrong_equations
from tests.support.content_texts import TEMPLATES, Row, instance_of, nearest, read_rows, split_template
from tests.support.paths import PACKAGE, ROOT


@pytest.fixture(scope="module")
def seeds() -> list[Row]:
    return read_rows(PACKAGE / "config" / "seeds.jsonl")


def _set(key: str, value: object) -> Callable[[Row], None]:
    return lambda row: row.__setitem__(key, value)


def _set_output(change: Callable[[str], str]) -> Callable[[Row], None]:
    def corrupt(row: Row) -> None:
        row["instances"][0]["output"] = change(row["instances"][0]["output"])

    return corrupt


ROW_CORRUPTIONS: dict[str, Callable[[Row], None]] = {
    "an id out of order": _set("id", "seed_task_9999"),
    "no instances": _set("instances", []),
    "a missing key": lambda row: row.pop("domain"),
    "a truth value as text": _set("is_classification", "no"),
    "an empty output": _set_output(lambda _: ""),
    "a blank at the end": _set_output(lambda text: text + " "),
    "an output that ends with a colon": _set_output(lambda text: text + " as follows:"),
    "somebody's address": _set_output(lambda text: text + " Write to jo.doe@gmail.com"),
    "an unfinished text": _set_output(lambda text: text + " TODO"),
    "a double blank": lambda row: row.__setitem__("instruction", "Count  the words of it"),
}


@pytest.mark.parametrize("corruption", ROW_CORRUPTIONS)
def test_the_checks_catch_a_corrupt_row(corruption: str, seeds: list[Row]) -> None:
    rows = copy.deepcopy(seeds)
    ROW_CORRUPTIONS[corruption](rows[7])
    assert checks.format_problems(rows, checks.SEED_KEYS, "seed_task_") != []


@pytest.mark.parametrize(
    "instruction",
    [
        "Write a program that sorts numbers",
        "Describe the Picture in one sentence",
        "Please go to the shop and list what you see",
        '"Quoted" words come first in this one',
        "Überlege dir einen Namen für das Boot",
        "Too few words",
        "word " * 61,
    ],
)
def test_the_checks_catch_a_broken_rule(instruction: str) -> None:
    assert checks.broken_rules(instruction) != []


def test_the_checks_leave_similar_words_alone() -> None:
    assert checks.broken_rules("Describe the graphite drawing, the profile and the paragraph") == []


def test_the_checks_catch_likeness(seeds: list[Row]) -> None:
    texts = [row["instruction"] for row in seeds]
    copied = " ".join(texts[3].split()[:-1]) + " now"
    assert nearest([*texts, copied]).score >= 0.55
    assert nearest([copied], texts).score >= 0.5
    near = nearest(["Name a river"], ["Name a river", "Something else"])
    assert (near.score, near.right) == (1.0, "Name a river")


@pytest.mark.parametrize(
    "output",
    [
        "def broken(:\n    return 1",
        "Here it is.\n```python\nfor x in range(3)\n    print(x)\n```",
        '{"name": "Ada", "born": }',
        "```json\n[1, 2,, 3]\n```",
        "| a | b |\n|---|---|\n| 1 | 2 | 3 |",
        "| a | b |\n| 1 | 2 |",
        "```csv\na,b\n1,2,3\n```",
        "The total is 12 + 13 = 26.",
    ],
)
def test_the_checks_catch_a_wrong_output(output: str) -> None:
    assert checks.output_problems("", output) != []


def test_the_checks_catch_csv_where_it_was_asked_for() -> None:
    assert checks.output_problems("Return the rows as CSV.", "a,b\n1,2,3") != []
    assert checks.output_problems("Return the rows as CSV.", 'a,b\n"1, 2",3') == []


@pytest.mark.parametrize(
    "text",
    [
        "3 x 4 + 2 = 18",
        "$1,200 - $150.50 = $1,050.50",
        "1/2 + 1/4 = 2/3",
        "15% of 80 is 13",
        "15% of $80 = $12.50",
        "2 / 3 = 0.66",
        "10 / 3 = 3",
        "5 x 3 = 10 + 4 = 15",
        "- 3 + 4 = 8",
        "12 / 48 = 24%",
        "7 + 5 = 12, 12 - 4 = 9",
        "4 plus 5 equals 8",
        "1000 / 7 = about 200",
        "2 hours x 15 euros = 35 euros.",
        "5² = 26",
        "(3 + 4 = 8)",
        "3 boxes of 12 x 4 = 46",
        "3 × (4 − 2) = 7",
    ],
)
def test_the_checks_catch_a_wrong_sum(text: str) -> None:
    assert wrong_equations(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "3 x 4 + 2 = 14",
        "Total: $1,200 - $150.50 = $1,049.50",
        "1 1/2 + 1/4 = 1 3/4",
        "15% of $80 = $12, and 80 - 12 = 68",
        "2 / 3 ≈ 0.67",
        "1000 / 7 = about 140",
        "(60 - 45) / 60 x 100 = 25%",
        "5 x 3 = 10 + 5 = 15",
        "2.5 * 1.15 = 2.88",
        "1. 12 eggs / 6 = 2 trays (4 + 8)",
        "speed = 150 km / 2 h = 75 km/h",
        "2/3 of 90 = 60",
    ],
)
def test_right_sums_are_read_and_accepted(text: str) -> None:
    found = readable_equations(text)
    assert found
    assert all(right for _, right in found)


@pytest.mark.parametrize(
    "text",
    [
        "2x - 3 = 7",
        "8:30 + 0:45 = 9:15",
        "2 h + 30 min = 150 min",
        "45 min x 4 = 3 h",
        "price - 5 = 10",
        "a[3 + 4] == 8",
    ],
)
def test_what_cannot_be_read_for_certain_is_left_alone(text: str) -> None:
    assert readable_equations(text) == []


def _labelled(label: str, instruction: str = "Is the bridge safe or unsafe?") -> Row:
    return {"id": "x", "instruction": instruction, "instances": [{"input": "", "output": label}]}


@pytest.mark.parametrize(
    "rows",
    [
        [_labelled("safe")] * 7 + [_labelled("unsafe")] * 3,
        [_labelled("valid", "Is it valid or invalid?")] * 4 + [_labelled("safe")] * 4,
        [_labelled("safe")] * 3 + [_labelled("unsafe")] * 3 + [_labelled("wobbly")],
        [_labelled("safe"), _labelled("unsafe")],
    ],
    ids=["one pair leans", "pairs together lean", "a label that is not named", "too few to tell"],
)
def test_the_checks_catch_leaning_labels(rows: list[Row]) -> None:
    assert checks.label_problems(rows) != []
    assert checks.label_problems([_labelled("safe")] * 6 + [_labelled("unsafe")] * 4) == []


def test_the_checks_catch_a_turned_label(seeds: list[Row]) -> None:
    """Three labels turned from the negative to the affirmative side are enough."""
    rows = copy.deepcopy([row for row in seeds if row["is_classification"]])
    turned = 0
    for row in rows:
        _, label = instance_of(row)
        for yes, no in checks.PAIRS:
            if label == no and yes in row["instruction"].lower() and turned < 3:
                row["instances"][0]["output"], turned = yes, turned + 1
    assert turned == 3
    assert checks.label_problems(rows) != []


TEMPLATE_CORRUPTIONS: dict[str, tuple[str, str, str]] = {
    "an answer turned": ("classify", "classification? Yes", "classification? No"),
    "an answer of another kind": ("classify", "classification? Yes", "classification? Maybe"),
    "a heading skipped": ("input_first", "Example 2", "Example 3"),
    "an output lost": ("input_first", "\nOutput: 7.50 euros", ""),
    "a field without a name": ("input_first", "Receipt: bread", "bread"),
    "a label twice": ("output_first", "Class label: Criticise", "Class label: Praise"),
    "a label without input": ("output_first", "\nNumber: 50", ""),
    "a stray blank line": ("output_first", "\nNumber: 50", "\n\nNumber: 50"),
    "a tail that is closed": ("output_first", "{{ instruction }}", "done"),
    "markup in a text": ("output_first", "Number: 50", "Number: {{ 50 }}"),
    "a second task in a block": ("input_first", "Output: 7.50 euros", "Output: 7.50 euros Task:"),
}


@pytest.mark.parametrize("corruption", TEMPLATE_CORRUPTIONS)
def test_the_checks_catch_a_corrupt_template(corruption: str) -> None:
    name, old, new = TEMPLATE_CORRUPTIONS[corruption]
    text = (TEMPLATES / f"{name}.jinja").read_text("utf-8")
    assert old in text
    template = split_template(text.replace(old, new, 1))
    shape = {
        "classify": checks.classify_problems,
        "input_first": checks.input_first_problems,
        "output_first": checks.output_first_problems,
    }[name]
    tail = checks.CLASSIFY_TAIL if name == "classify" else checks.OPEN_TAIL
    assert checks.template_problems(template, tail) + shape(template) != []


def test_the_checks_catch_a_stale_card() -> None:
    text = (ROOT / "docs" / "demonstrations-card.md").read_text("utf-8")
    assert cards.tables_in(text.replace("| 31 |", "| 30 |")) != cards.CARDS["demonstrations-card.md"]()
