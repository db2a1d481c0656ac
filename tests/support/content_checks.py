"""The checks of the written content. Each gets texts or rows and returns a sentence for every problem that it finds."""

import ast
import csv
import io
import json
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable

from tests.support.content_arithmetic import wrong_equations
from tests.support.content_texts import Row, Template, instance_of, tokens_of

SEED_KEYS = ["id", "name", "instruction", "instances", "is_classification", "domain", "kind"]
USER_TASK_KEYS = ["id", "motivation_app", "instruction", "instances"]

CLASSIFY_TAIL = "Task: {{ instruction }}\nIs it classification?"
OPEN_TAIL = "Task: {{ instruction }}"

# The rule by which the released code grows the pool: whole words, in upper or lower case.
FORBIDDEN_WORDS = ["image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps"]
FORBIDDEN_WORDS += ["draw", "plot", "go to"]
# Words that Alpaca's variant also forbids.
FORBIDDEN_WORDS += ["video", "audio", "music", "flowchart", "diagram"]

# Opposite labels, the affirmative one first. Labels differ from task to task, so all pairs are also judged together.
PAIRS = [("yes", "no"), ("true", "false"), ("positive", "negative"), ("correct", "incorrect"), ("valid", "invalid")]
PAIRS += [("complete", "incomplete"), ("complete", "hollow"), ("safe", "unsafe"), ("overlap", "no overlap")]
PAIRS += [("due", "not due"), ("meets all", "falls short"), ("eligible", "ineligible"), ("faithful", "unfaithful")]
PAIRS += [("unambiguous", "ambiguous"), ("fixed", "not fixed"), ("interchangeable", "not interchangeable")]
PAIRS += [("fact", "myth"), ("possible", "impossible"), ("true", "not true"), ("same", "different")]


def format_problems(rows: list[Row], keys: list[str], prefix: str) -> list[str]:
    """Check keys, types, the order of ids, tidy texts, and at most one instance per row."""
    found: list[str] = []
    for number, row in enumerate(rows):
        name = f"row {number}"
        if list(row) != keys:
            found.append(f"{name}: the keys are {list(row)}")
            continue
        if row["id"] != f"{prefix}{number}":
            found.append(f"{name}: the id is {row['id']!r}")
        if not isinstance(row["instances"], list) or [sorted(entry) for entry in row["instances"]] != [
            ["input", "output"]
        ]:
            found.append(f"{name}: not exactly one instance with input and output")
            continue
        if not isinstance(row.get("is_classification", False), bool):
            found.append(f"{name}: is_classification is no truth value")
        found += [
            f"{name}: {key} is empty" for key in keys if key not in ("instances", "is_classification") and not row[key]
        ]
        found += [f"{name}: {problem}" for problem in text_problems(row["instruction"], *instance_of(row))]
    names = Counter(row["name"] for row in rows if "name" in row)
    found += [f"the name {name!r} is used {count} times" for name, count in names.items() if count > 1]
    found += [
        f"the name {name!r} is not in snake_case" for name in names if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name)
    ]
    return found


def text_problems(instruction: str, given: str, output: str) -> list[str]:
    """Return what the released code's rules would drop or change on the way to training data, and what is untidy."""
    found = []
    if not output:
        found.append("the output is empty")
    if given == output:
        found.append("input and output are equal")
    if instruction != " ".join(instruction.split()):
        found.append("the instruction has stray blanks")
    for what, text in (("input", given), ("output", output)):
        if text != text.strip():
            found.append(f"the {what} has blanks at an end")
        if text.endswith(":"):
            found.append(f"the {what} ends with a colon")
    for what, text in (("instruction", instruction), ("input", given), ("output", output)):
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f\u200b\ufeff\ufffd]|\t ", text):
            found.append(f"the {what} has a stray control character")
        if re.search(r"\b(?:lorem ipsum|TODO|TBD|FIXME)\b", text):
            found.append(f"the {what} is unfinished")
        found += [f"{address} is no address under a reserved name" for address in real_addresses(text)]
    return found


def real_addresses(text: str) -> list[str]:
    """Return mail addresses that could belong to somebody, because their names are not reserved for examples (RFC 2606)."""
    addresses = re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text)
    return [
        address
        for address in addresses
        if not re.search(r"[@.](?:example|test|invalid)(?:\.(?:com|org|net))?$", address)
    ]


def broken_rules(instruction: str, shortest: int = 4, longest: int = 60) -> list[str]:
    """Return which of the paper's rules for instructions are broken, and whether the number of words is outside our limits."""
    words = instruction.split()
    found = [] if shortest <= len(words) <= longest else [f"{len(words)} words"]
    if len(words) <= 3 or len(words) > 150:
        found.append("too short or too long for the paper's rule")
    found += [f"the word {w!r}" for w in FORBIDDEN_WORDS if re.search(rf"\b{w}\b", instruction, re.IGNORECASE)]
    if instruction.startswith("Write a program"):
        found.append("starts with 'Write a program'")
    if instruction[:1] in string.punctuation or not instruction[:1].isascii():
        found.append("starts with punctuation or outside ASCII")
    return found


def rule_problems(instructions: Iterable[str]) -> list[str]:
    return [
        f"{instruction!r}: {', '.join(broken)}" for instruction in instructions if (broken := broken_rules(instruction))
    ]


FENCE = re.compile(r"^```([A-Za-z]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON_START = re.compile(r"(?:async def|def|class) \w+.*:|import \w+|from [\w.]+ import |@[\w.]+(?:\(.*\))?\n")


def code_problems(text: str) -> list[str]:
    """Return Python that does not compile: ```python blocks, and texts whose first line is a def, class or import."""
    blocks = [code for language, code in FENCE.findall(text) if language.lower() in ("python", "py")]
    if PYTHON_START.match(text):
        blocks.append(text)
    found = []
    for block in blocks:
        try:
            compile(block, "<content>", "exec", dont_inherit=True)
        except SyntaxError as error:
            found.append(f"python: {error}")
    return found


def json_problems(text: str) -> list[str]:
    """Return texts and fenced blocks that begin like JSON and are not JSON.

    A Python literal, and code in a block with a language name, are allowed.
    """
    blocks = [code.strip() for language, code in FENCE.findall(text) if language.lower() in ("", "json")]
    blocks += [text] if text[:1] in ("{", "[") and not re.match(r"\[[A-Z][^\]\"]*\]|\[[ xX]\]", text) else []
    found = []
    for block in (entry for entry in blocks if entry[:1] in ("{", "[")):
        try:
            json.loads(block)
        except ValueError as error:
            try:
                ast.literal_eval(block)
            except (ValueError, SyntaxError):
                found.append(f"json: {error} in {block[:60]!r}")
    return found


def table_problems(text: str) -> list[str]:
    """Return Markdown tables that lack the line of dashes or whose rows differ in their number of cells.

    The rows of ```csv blocks are also checked.
    """
    found, table = [], list[str]()
    for line in [*text.split("\n"), ""]:
        if line.lstrip().startswith("|"):
            table.append(line.strip())
            continue
        if len(table) > 1:
            cells = {len(re.split(r"(?<!\\)\|", row.strip("|"))) if row.endswith("|") else -1 for row in table}
            if len(cells) != 1 or -1 in cells:
                found.append(f"table: rows of {sorted(cells)} cells under {table[0]!r}")
            if not re.fullmatch(r"\|(?:\s*:?-+:?\s*\|)+", table[1]):
                found.append(f"table: no line of dashes under {table[0]!r}")
        table = []
    for language, block in FENCE.findall(text):
        if language.lower() == "csv":
            found += csv_problems(block)
    return found


def csv_problems(text: str) -> list[str]:
    widths = {len(row) for row in csv.reader(io.StringIO(text.strip()), skipinitialspace=True, strict=True)}
    return [] if len(widths) == 1 else [f"csv: rows of {sorted(widths)} cells"]


def csv_output_problems(instruction: str, output: str) -> list[str]:
    """Check an output that is CSV as a whole: the instruction asks for CSV, and the first line has a comma."""
    asked = re.search(r"\b(?:CSV|comma-separated (?:rows|lines|table))\b", instruction)
    return csv_problems(output) if asked and "```" not in output and "," in output.split("\n")[0] else []


def sum_problems(text: str) -> list[str]:
    return [f"sum: {equation}" for equation in wrong_equations(text)]


TEXT_CHECKS: list[Callable[[str], list[str]]] = [code_problems, json_problems, table_problems, sum_problems]


def output_problems(instruction: str, output: str) -> list[str]:
    found = [problem for check in TEXT_CHECKS for problem in check(output)]
    return found + csv_output_problems(instruction, output)


def label_problems(rows: list[Row], most: float = 0.65) -> list[str]:
    """Return labels that the instruction does not name, long labels, and pairs of labels of which one is too frequent.

    For opposite labels, only tasks count whose instruction names both labels. A pair is judged if it has at least five tasks,
    and one label may have at most the share `most` of them.
    """
    found, sides = [], []
    for row in rows:
        text, label = row["instruction"].lower(), instance_of(row)[1].strip(" .").lower()
        if label not in text or len(label.split()) > 5:
            found.append(f"{row['id']}: the label {label!r} is not one that the instruction names")
        for pair in PAIRS:
            if label in pair and all(re.search(rf"(?<![\w-]){entry}(?![\w-])", text) for entry in pair):
                sides.append((pair, pair.index(label)))
                break
    for group in [*PAIRS, None]:
        places = [side for pair, side in sides if group in (pair, None)]
        larger = max(places.count(0), places.count(1))
        if len(places) >= 5 and larger > most * len(places):
            found.append(f"{group or 'all pairs'}: {places.count(0)} affirmative against {places.count(1)}")
    if len(sides) < 5:
        found.append(f"only {len(sides)} tasks with opposite labels: the balance was not measured")
    return found


def affirmative_share(rows: list[Row]) -> str:
    """Return how many answers of opposite pairs are the affirmative one, as a text for the record."""
    answers = [instance_of(row)[1].lower() for row in rows]
    yes, no = ({pair[side] for pair in PAIRS} for side in (0, 1))
    return f"{sum(answer in yes for answer in answers)} affirmative, {sum(answer in no for answer in answers)} negative"


def is_question(instruction: str) -> bool:
    """Return whether one of the sentences is a question; a question inside quotation marks does not count."""
    return bool(re.search(r"\?(?=\s|$)", re.sub(r"[\"“][^\"“”]*[\"”]", "", instruction)))


def first_verbs(instructions: list[str]) -> Counter[str]:
    """Count the first words, in lower case, of the instructions that do not begin with a question."""
    plain = [instruction for instruction in instructions if not is_question(re.split(r"(?<=[.?!])\s", instruction)[0])]
    return Counter(tokens_of(entry)[0] for entry in plain)


def template_problems(template: Template, tail: str) -> list[str]:
    """Check what every few-shot template needs: one header line, whole blocks, an open end, and no markers inside texts."""
    found = []
    if template.tail != tail:
        found.append(f"the tail is {template.tail!r}")
    if "\n" in template.header or not template.header or template.header.startswith("Task:"):
        found.append("no header line")
    for block in template.blocks:
        name = block.split("\n")[0]
        if not re.match(r"Task: \S", block) or "\n" not in block:
            found.append(f"{name!r}: a block starts with 'Task: '")
        if re.search(r"\{\{|\{%|\{#", block) or block.count("Task:") != 1 or "Example 6" in block:
            found.append(f"{name!r}: markup or a stop string inside the block")
        if any(line != line.rstrip() for line in block.split("\n")):
            found.append(f"{name!r}: blanks at the end of a line")
    return found


def classify_problems(template: Template) -> list[str]:
    """Check that all blocks are `Task: ...` and `Is it classification? Yes|No`, with at most three equal answers in a row."""
    shape = re.compile(r"Task: [^\n]+\nIs it classification\? (Yes|No)")
    found = [f"{block!r} has another shape" for block in template.blocks if not shape.fullmatch(block)]
    answers = "".join("Y" if block.endswith("Yes") else "N" for block in template.blocks)
    if len(answers) != 31 or answers.count("Y") != 12:
        found.append(f"{answers.count('Y')} yes and {answers.count('N')} no")
    if re.search(r"YYYY|NNNN", answers):
        found.append(f"more than three of a kind in a row: {answers}")
    return found


def input_first_problems(template: Template) -> list[str]:
    """Check that there are 11 blocks, of which 4 have `Output:` alone.

    The others have `Example 1`, `Example 2` ... with named fields, then `Output:`.
    """
    found, without = [], 0
    for block in template.blocks:
        name, _, body = block.partition("\n")
        if body.startswith("Output:"):
            without += 1
            if "Example" in body or body.count("Output:") != 1:
                found.append(f"{name!r}: more than one output")
            continue
        if not body.startswith("Example 1\n"):
            found.append(f"{name!r}: no heading 'Example 1'")
        numbers = [int(number) for number in re.findall(r"^Example (\d+)$", body, re.MULTILINE)]
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > 5:
            found.append(f"{name!r}: numbered {numbers}")
        for part in re.split(r"^Example \d+\n", body, flags=re.MULTILINE)[1:]:
            if (
                not re.match(r"(?!Output|Input)[A-Z][\w ]*:", part)
                or len(re.findall(r"^Output:", part, re.MULTILINE)) != 1
            ):
                found.append(f"{name!r}: an example without a named field and one output")
    if (len(template.blocks), without) != (11, 4):
        found.append(f"{len(template.blocks)} demonstrations, {without} without input")
    return found


def output_first_problems(template: Template) -> list[str]:
    """Check that there are 16 blocks with 1 to 4 lines `Class label: X`, 34 in all.

    The same named fields follow each of these lines, and the labels of a block differ.
    """
    found, lines = [], 0
    for block in template.blocks:
        name, _, body = block.partition("\n")
        labels = re.findall(r"^Class label: (.+)$", body, re.MULTILINE)
        lines += len(labels)
        if not 1 <= len(labels) <= 4 or len(set(labels)) != len(labels):
            found.append(f"{name!r}: labels {labels}")
        parts = re.split(r"^Class label: .+\n?", body, flags=re.MULTILINE)
        fields = {tuple(re.findall(r"^([A-Z][\w ]*):", part, re.MULTILINE)) for part in parts[1:]}
        if parts[0] or len(fields) != 1 or fields == {()}:
            found.append(f"{name!r}: fields {sorted(fields)}")
    if (len(template.blocks), lines) != (16, 34):
        found.append(f"{len(template.blocks)} demonstrations, {lines} labels")
    return found
