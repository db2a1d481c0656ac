"""Whole tasks in one reply: the blocks that Alpaca's variant asks for, as models write them."""

import pytest

from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.whole_tasks import parse_tasks
from bootstruct.types import Candidate, Instance, Reply

ADD = Candidate("Add the two numbers.", None, (Instance("2 and 3", "5"),))
GREET = Candidate("Greet a guest warmly.", None, (Instance("", "Welcome!\n\nCome in."),))
PLAIN = """### 4
Instruction: Add the two numbers.
Input: 2 and 3
Output: 5
### 5
Instruction: Greet a guest
warmly.
Input: <noinput>
Output: Welcome!

Come in.
"""


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("### 4\n", "").replace("### 5\n", ""),
        PLAIN.replace("### 4", "Here they are:\n\n###").replace("### 5", "###\n"),
        PLAIN.replace("### 4", "### Task 4:").replace("### 5", "### Task 5:"),
        PLAIN.replace("### 4\nInstruction", "###\n4. Instruction").replace("### 5\nInstruction", "###\n5. Instruction")
        .replace("Input:", "1. Input:").replace("Output:", "1. Output:\n"),
        PLAIN.replace("Instruction:", "**Instruction:**").replace("Input:", "**Input:**").replace("Output:", "**Output:**"),
        PLAIN.replace("Instruction:", "instruction :").replace("Output:", "OUTPUT:"),
        PLAIN.replace("<noinput>", "None"),
        PLAIN.replace("Input: <noinput>\n", ""),
        f"```\n{PLAIN}```",
        f"<think>Instruction: no</think>\n{PLAIN}",
        f"{PLAIN}###",
    ],
)  # fmt: skip
def test_two_tasks_in_any_shape(text: str) -> None:
    assert parse_tasks(Reply(text), opened=False) == [ADD, GREET]


def test_a_reply_that_goes_on_from_the_prompt() -> None:
    assert parse_tasks(Reply(PLAIN.removeprefix("### 4\nInstruction:")), opened=True) == [ADD, GREET]


def test_between_separators_an_answer_may_say_anything() -> None:
    answer = "Use this form:\n\nInstruction: what to do\nInput: x\nOutput: y\n\n### Then\n1. Stop."
    text = f"### 4\nInstruction: Design a form.\nInput:\nOutput: {answer}\n### 5\nInstruction: B is next.\nOutput: b"
    first, second = parse_tasks(Reply(text), opened=False)
    assert first.instances == (Instance("", answer),)
    assert second == Candidate("B is next.", None, (Instance("", "b"),))


def test_the_last_task_of_a_cut_reply_is_rejected_by_name() -> None:
    read = parse_tasks(Reply(PLAIN, "length"), opened=False)
    assert [entry.flaw for entry in read] == [None, CUT_OFF]
    assert parse_tasks(Reply("### 4\nInstruc", "length"), opened=False) == []


@pytest.mark.parametrize(
    ("fields", "flaw"),
    [
        ("Input: a\nOutput:", "empty output"),
        ("Input:\nOutput:", "empty output"),
        ("Input: a", "empty output"),
        ("Output: as follows:", "ends with a colon"),
        ("Input: same\nOutput: same", "output repeats input"),
    ],
)
def test_a_flaw_of_an_instance_is_a_flaw_of_its_task(fields: str, flaw: str) -> None:
    assert [task.flaw for task in parse_tasks(Reply(f"### 1\nInstruction: Do it.\n{fields}"), opened=False)] == [flaw]


@pytest.mark.parametrize(
    "text", ["", "I am sorry, I cannot.", "###\n###\n", "Instruction: \nInput: x\nOutput: y", "1. A\n2. B"]
)
def test_replies_without_a_task(text: str) -> None:
    assert parse_tasks(Reply(text), opened=False) == []


def test_other_scripts() -> None:
    text = "### 4\nInstruction： 把下面的句子翻译成英文。\nInput： 今天天气很好。\nOutput： The weather is fine today."
    assert parse_tasks(Reply(text), opened=False) == [
        Candidate("把下面的句子翻译成英文。", None, (Instance("今天天气很好。", "The weather is fine today."),))
    ]


@pytest.mark.parametrize("text", ["###\n" * 100_000, "Instruction: a\n" * 50_000, "### " * 100_000, "*" * 300_000, "\n \t" * 100_000,
                                  "Instruction: a\n" + "Input: b\n" * 50_000, "1. " * 100_000])  # fmt: skip
def test_hostile_replies_are_parsed_to_their_end(text: str) -> None:
    assert all(task.text for task in parse_tasks(Reply(text), opened=False))
