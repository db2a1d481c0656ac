"""What a row holds, whatever its shape: the same answer for every command that reads rows."""

from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.seeds import read_seeds
from bootstruct.deduplication.comparison import RowComparison
from bootstruct.errors import InputError
from bootstruct.evaluation.overlap import training_texts
from bootstruct.finetuning.data import read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.io.chats import turns_of
from bootstruct.io.row_texts import instruction_of, texts_of
from bootstruct.io.shapes import read_task_row
from bootstruct.reporting.from_files import file_subject
from bootstruct.reporting.held_out import read_held_out
from bootstruct.run.init import init_run
from bootstruct.types import Instance, Message
from tests.io.test_one_reader import lines

USER, GPT = {"from": "human", "value": "Add 1 and 2."}, {"from": "gpt", "value": "3"}
ASKED, ANSWERED = {"role": "user", "content": "Add 1 and 2."}, {"role": "assistant", "content": "3"}
SYSTEM = {"role": "system", "content": "Be brief."}

# Shapes in which the one task "Add 1 and 2." -> 3 is written: (shape, row)
ONE_TASK: list[tuple[str, dict[str, Any]]] = [
    ("seeds", {"instruction": "Add 1 and 2.", "instances": [{"input": "", "output": "3"}]}),
    ("seeds", {"id": "a", "instruction": "Add 1 and 2.", "instances": [{"output": "3"}], "is_classification": False}),
    ("alpaca", {"instruction": "Add 1 and 2.", "input": "", "output": "3"}),
    ("alpaca", {"instruction": "Add 1 and 2.", "input": None, "output": "3", "text": "Below is an instruction ..."}),
    ("alpaca", {"instruction": "Add 1 and 2.", "input": "<noinput>", "output": "3"}),
    ("alpaca", {"instruction": "Add 1 and 2.", "input": float("nan"), "output": "3", "metadata": {"source": "web"}}),
    ("dolly", {"instruction": "Add 1 and 2.", "context": "", "response": "3", "category": "open_qa"}),
    ("messages", {"messages": [ASKED, ANSWERED]}),
    ("messages", {"messages": [SYSTEM, ASKED, ANSWERED], "prompt": "Add 1 and 2.", "prompt_id": "x"}),
    ("messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Add 1 and 2."}]}, ANSWERED]}),
    ("messages", {"prompt": [ASKED], "completion": [ANSWERED]}),
    ("conversations", {"conversations": [USER, GPT]}),
    ("conversations", {"id": "x", "conversations": [{"from": "user", "value": "Add 1 and 2."}, {**GPT, "from": "model"}]}),
    ("lima", {"conversations": ["Add 1 and 2.", "3"], "source": "lima"}),
    ("prompt and completion", {"prompt": "Add 1 and 2.", "completion": "3"}),
    ("prompt and response", {"prompt": "Add 1 and 2.", "response": "3"}),
    ("prompt and response", {"prompt": "Add 1 and 2.", "output": "3"}),
    ("question and answer", {"question": "Add 1 and 2.", "answer": "3", "context": ""}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "row"), ONE_TASK, ids=lambda value: value if isinstance(value, str) else ",".join(value)
)
def test_one_task_in_every_shape(shape: str, row: dict[str, Any], tmp_path: Path) -> None:
    task = read_task_row(row)
    assert (task.shape, task.instruction) == (shape, "Add 1 and 2.")
    assert task.instances == (Instance("", "3"),)
    assert instruction_of(row) == RowComparison().text(row) == next(texts_of(row)) == "Add 1 and 2."
    path = lines(tmp_path / "rows.jsonl", row)
    (reported,) = file_subject(path, "rows").tasks
    assert (reported.text, reported.instances) == ("Add 1 and 2.", (Instance("", "3"),))
    (example,) = read_part(MixturePart(str(path)))[1]
    assert (example.task, example.messages[-1].content) == ("Add 1 and 2.", "3")
    (held,) = read_held_out([path])
    assert [(question.instruction, question.input) for question in held.questions] == [("Add 1 and 2.", "")]
    assert training_texts(path)[0][0].instruction == "Add 1 and 2."
    init_run(tmp_path / "run", "paper", keep_away=(path,))
    assert '"Add 1 and 2."' in (tmp_path / "run" / "keep_away.jsonl").read_text()


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Shorten.", "input": "a long text", "output": "a text"},
        {"instruction": "Shorten.", "context": "a long text", "response": "a text"},
        {"question": "Shorten.", "context": "a long text", "answer": "a text"},
        {"instruction": "Shorten.", "instances": [{"input": "a long text", "output": "a text"}]},
    ],
)
def test_the_input_is_kept(row: dict[str, Any], tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", row)
    assert read_task_row(row).instances == (Instance("a long text", "a text"),)
    assert file_subject(path, "rows").tasks[0].instances == (Instance("a long text", "a text"),)
    assert "a long text" in read_part(MixturePart(str(path)))[1][0].prompt
    assert read_held_out([path])[0].questions[0].input == "a long text"
    assert "a long text" in training_texts(path)[0][0].parts


def test_seeds_in_alpacas_shape_keep_input_and_output(tmp_path: Path) -> None:
    path = lines(tmp_path / "seeds.jsonl", {"instruction": "Shorten.", "input": "a long text", "output": "a text"})
    assert read_seeds(path)[0].instances == (Instance("a long text", "a text"),)


def test_rows_of_one_instruction_are_one_task_of_the_report(tmp_path: Path) -> None:
    rows = [{"instruction": "Add.", "instances": [{"input": str(n), "output": "x"}]} for n in range(3)]
    (task,) = file_subject(lines(tmp_path / "rows.jsonl", *rows), "rows").tasks
    assert [instance.input for instance in task.instances] == ["0", "1", "2"]


def test_numbers_are_texts_and_what_is_no_text_is_named() -> None:
    assert read_task_row({"instruction": "Add.", "output": 3}).instances == (Instance("", "3"),)
    assert read_task_row({"instruction": "Add.", "output": 0.5}).instances == (Instance("", "0.5"),)
    listed = read_task_row({"instruction": "Add.", "output": ["3", "three"]})
    assert (listed.instances, len(listed.notes)) == ((Instance("", "3"),), 1)
    for value in ([3], {"a": 1}, True):
        with pytest.raises(ValueError, match="`output` is not text"):
            read_task_row({"instruction": "Add.", "output": value})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "a row without instruction; expected instruction"),
        ({"a": 1, "b": 2}, "a row without instruction; expected .*, found a, b"),
        ({"instruction": " "}, "a row without instruction"),
        ({"instruction": None, "output": "x"}, "a row without instruction"),
        ({"instruction": "a", "instances": 3}, "expected `instruction` and a list of `instances`"),
        ({"instruction": "a", "instances": ["x"]}, "expected `instruction` and a list of `instances`"),
        ({"messages": "a"}, "a list of messages is expected"),
        ({"messages": []}, "no message of `messages` is a user's"),
        ({"messages": [{"content": "a"}]}, "message 1 has no role"),
        ({"messages": [ASKED, {"role": "assistant", "content": 3}]}, "the content of message 2 is no text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "the content of message 1 is no text"),
    ],
)
def test_what_has_no_shape_says_why(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_task_row(row)


def test_an_output_that_is_missing_is_none_and_nothing_to_learn(tmp_path: Path) -> None:
    assert read_task_row({"instruction": "Add.", "input": "1"}).pairs == (("1", None),)
    path = lines(tmp_path / "rows.jsonl", {"instruction": "Add.", "input": "1"})
    assert file_subject(path, "rows").tasks[0].instances == ()
    with pytest.raises(InputError, match=r"rows\.jsonl:1: without output"):
        read_part(MixturePart(str(path)))


def test_turns_of_several_dialects() -> None:
    expected = [Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("tool", "t")]
    assert turns_of([{"role": m.role, "content": m.content} for m in expected]) == expected
    dialect = zip(("system", "Human", "bing", "observation"), "suat", strict=True)
    assert turns_of([{"from": role, "value": text} for role, text in dialect]) == expected
    assert turns_of([{"role": "elf", "content": None}]) == [Message("elf", "")]


def test_what_is_compared_comes_from_the_same_field_everywhere() -> None:
    row = {"text": "t", "question": "q", "prompt": "p", "instruction": "i", "input": "n"}
    for expected in ("i", "p", "q", "t", "n"):
        assert instruction_of(row) == next(texts_of(row)) == expected
        row.pop(next(name for name, value in row.items() if value == expected))
    assert instruction_of(row) is None


def test_a_chat_with_a_broken_message_still_shows_the_others() -> None:
    row = {"messages": [{"role": "user", "content": "a b"}, {"content": "?"}, {"role": "assistant", "content": "c"}]}
    assert list(texts_of(row)) == ["a b", "c"]
    assert instruction_of(row) == "a b"
