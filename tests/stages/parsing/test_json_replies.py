"""JSON replies as servers and models really send them: whole, fenced, cut, wrong, and hostile."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.stages import schemas
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.json_replies import (
    BROKEN,
    consistent_answers,
    parse_instances,
    parse_instructions,
    parse_task_types,
    parse_tasks,
)
from bootstruct.stages.parsing.loose_json import JsonNumber, PartialJson, json_values, unwrap
from bootstruct.stages.parsing.task_types import parse_task_type
from bootstruct.types import Instance, RejectedInstance, Reply

TWO = '{"tasks": ["Name a river.", "Count the boats."]}'


def texts(text: str, finish: str = "stop") -> list[tuple[str, str | None]] | None:
    read = parse_instructions(Reply(text, finish))
    return None if read is None else [(entry.text, entry.flaw) for entry in read]


BOTH = [("Name a river.", None), ("Count the boats.", None)]


@pytest.mark.parametrize(
    "text",
    [
        TWO,
        f"  \n{TWO}\n",
        f"```json\n{TWO}\n```",
        f"Sure, here they are:\n\n```\n{TWO}\n```\nLet me know if you need more!",
        f"Here you go:\n{TWO}",
        f"<think>a list [1] of {{things}}</think>{TWO}",
        f"{TWO}<|im_end|>",
        '["Name a river.", "Count the boats."]',
        '{"instructions": ["Name a river.", "Count the boats."]}',
        '{"tasks": ["1. Name a river.", "2) Count  the\\nboats."]}',
        '{"tasks": ["1. Name a river. 2. Count the boats."]}',
        '{"tasks": ["Name a river.", "Count the boats.",]}',
        '{"tasks": [{"instruction": "Name a river."}, {"instruction": "Count the boats."}]}',
        '{"task": "Name a river."}\n{"task": "Count the boats."}',
        '{"note": "as asked", "tasks": ["Name a river.", null, 5, [], "Count the boats.", " - "]}',
        '{"tasks": ["lost"], "tasks": ["Name a river.", "Count the boats."]}',
        '{"tasks": ["Name a river."\n,\n"Count the boats."]} trailing words {"tasks": 1}',
    ],
)
def test_two_tasks_in_any_wrapping(text: str) -> None:
    assert texts(text) == BOTH


@pytest.mark.parametrize("text", ["", "1. Name a river.\n2. Count the boats.", "{", "[Note] Name a river.", "[1] Do it.",
                                  '{"other": 1}', '{"tasks": "Name a river."}'])  # fmt: skip
def test_other_replies_are_left_to_the_text_parser(text: str) -> None:
    assert texts(text) is None


def test_an_empty_list_is_a_list() -> None:
    assert texts('{"tasks": []}') == []


@pytest.mark.parametrize("cut", range(len('{"tasks": ["Name a river.", "'), len(TWO)))
def test_a_cut_reply_keeps_its_whole_items(cut: int) -> None:
    read = texts(TWO[:cut], "length")
    assert read is not None
    assert read[0] == BOTH[0]
    assert len(read) <= 2
    closed = cut > TWO.rindex('"')  # the closing quote of the second one is there
    assert all(flaw == (None if closed else CUT_OFF) for _, flaw in read[1:])


def test_bare_quotes_are_part_of_a_string_or_cost_their_item_only() -> None:
    assert texts('{"tasks": ["Say "hello" to a guest.", "Name a river."]}') == [
        ('Say "hello" to a guest.', None), ("Name a river.", None),
    ]  # fmt: skip
    assert texts('{"tasks": ["Name a river.", "Say "yes", then stop.", "Count the boats."]}') == [
        ("Name a river.", None), ('Say "yes', BROKEN),
    ]  # fmt: skip


def test_escapes_and_halves_of_characters() -> None:
    assert texts(r'{"tasks": ["Gr\u00fc\u00dfe \ud83d\ude00 an alle"]}') == [("Grüße 😀 an alle", None)]
    read = texts(r'{"tasks": ["one \ud800 two \udc00 \ud83dx", "a \q b \u12"]}')
    assert read == [("one \ufffd two \ufffd \ufffdx", None), (r"a \q b \u12", None)]
    json.dumps(read, ensure_ascii=False).encode()


WHOLE = '{"tasks": [{"instruction": "Add the numbers.", "input": "2, 3", "output": "5"}, '


def test_tasks_with_their_instances() -> None:
    read = parse_tasks(Reply(WHOLE + '{"instruction": "Greet.", "input": "<noinput>", "output": "Hello!"}]}'))
    assert read is not None
    assert [(entry.text, entry.flaw, entry.instances) for entry in read] == [
        ("Add the numbers.", None, (Instance("2, 3", "5"),)),
        ("Greet.", None, (Instance("", "Hello!"),)),
    ]


def test_a_flaw_of_an_instance_is_a_flaw_of_its_task() -> None:
    more = '{"instruction": "A", "input": "", "output": ""}, {"instruction": "B", "input": "x", "output": "x"}, {"inst'
    read = parse_tasks(Reply(WHOLE + more, "length"))
    assert read is not None
    assert [entry.flaw for entry in read] == [None, "empty output", "output repeats input"]
    cut = parse_tasks(Reply(WHOLE + '{"instruction": "Tell a story.", "input": "", "output": "Once upon', "length"))
    assert cut is not None
    assert [entry.flaw for entry in cut] == [None, CUT_OFF]


def test_instances_input_first() -> None:
    text = (
        '{"examples": [{"input": "None", "output": "Because."}, {"input": {"Text": "abc", "Limit": 5}, "output": 3},'
        ' {"input": "x", "output": ["a", "b"]}, {"input": "y", "output": ""}, {"input": "y", "output": true}]}'
    )
    read = parse_instances(Reply(text), is_classification=False)
    assert read is not None
    assert read[0] == (
        Instance("", "Because."), Instance('{"Text": "abc", "Limit": 5}', "3"), Instance("x", "a\nb"), Instance("y", "true"),
    )  # fmt: skip
    assert read[1] == (RejectedInstance(Instance("y", ""), "empty output"),)


def test_instances_label_first_and_cut() -> None:
    text = '{"examples": [{"class_label": "good", "input": "I like it."}, {"class_label": "bad", "input": "I do n'
    read = parse_instances(Reply(text, "length"), is_classification=True)
    assert read == ((Instance("I like it.", "good"),), (RejectedInstance(Instance("I do n", "bad"), CUT_OFF),))


def test_conflicting_instances_are_rejected_as_in_text() -> None:
    text = '{"examples": [{"class_label": "a", "input": "x"}, {"class_label": "b", "input": "x"}]}'
    read = parse_instances(Reply(text), is_classification=True)
    assert read is not None
    assert [entry.rule for entry in read[1]] == ["conflicting outputs"] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"is_classification": true}', True),
        ('```json\n{"is_classification": false}\n```', False),
        ('{"is_classification": "Yes."}', True),
        ('{"answer": "no"}', False),
        ('{"is_classification": TRUE', True),
        ('{"is_classification": 1}', None),
        ('{"is_classification": null}', None),
        ('{"is_classification": "perhaps"}', None),
        ("Yes", True),
        ('{"isClassification": true, "labels": []}', True),
        ('{"is_classification": true or false}', None),
        ('{"is_classification": true}\n{"is_classification": false}', None),
        ("[true]", True),
    ],
)
def test_a_task_type(text: str, expected: bool | None) -> None:
    assert parse_task_type(Reply(text), True) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answers": [{"number": 1, "is_classification": true}, {"number": 2, "is_classification": false}]}', {1: True, 2: False}),
        ('{"answers": [{"number": 2, "is_classification": false}, {"number": 1, "is_classification": tr', {2: False}),
        ('{"answers": [{"number": 1, "is_classification": true}, {"number": 1, "is_classification": false}]}', None),
        ('{"answers": [{"number": 0, "is_classification": true}, {"number": 3, "is_classification": true}]}', None),
        ('{"answers": [{"number": 99999999999999999999999, "is_classification": true}]}', None),
        ('{"answers": [{"task": "Task 2", "answer": "yes"}]}', {2: True}),
        ('{"1": "Yes", "2": false}', {1: True, 2: False}),
        ("[true, false]", {1: True, 2: False}),
        ('{"answers": ["No", "Yes"]}', {1: False, 2: True}),
        ("[true]", None),
        ("[true, false, true]", None),
        ("1. Yes\n2. No", None),
    ],
)  # fmt: skip
def test_task_types_of_two_tasks(text: str, expected: dict[int, bool] | None) -> None:
    assert parse_task_types(Reply(text), 2) == expected


def test_answers_that_contradict_one_another_are_dropped() -> None:
    answers = [(1, True), (1, True), (2, True), (2, False), (None, True), (3, None), (4, False), (9, True)]
    assert consistent_answers(answers, 4) == {1: True, 4: False}


HOSTILE = [  # before, repeated, how often, after
    ("", "[", 4, ""), ("", '{"tasks":', 2, ""), ('{"tasks": ["a", ', "9", 10, "]}"), ('{"tasks": [1e', "9", 10, ""), ('{"tasks": ["', "\\u", 4, ""),
    ('{"tasks": [', '"" ', 4, ""), ('{"tasks": [', '"a" "b" ', 2, ""), ("", "{}", 4, ""), ("", "{\n", 4, ""), ("", "```\n", 2, "{"),
    ("", " ", 8, "{"), ('{"', "k", 8, '": {}}'),
]  # fmt: skip


@pytest.mark.parametrize("times", [5_000, pytest.param(50_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("before", "part", "share", "after"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_replies_are_parsed_to_their_end(before: str, part: str, share: int, after: str, times: int) -> None:
    """Up to half a megabyte when slow: quadratic work would take hours, and recursion as deep as the text would end the process."""
    text = before + part * (share * times) + after
    for reply in (Reply(text), Reply(text, "length")):
        for read in (parse_instructions(reply), parse_tasks(reply)):
            assert all(entry.text for entry in read or ())
        assert parse_task_type(reply, True) is None
        assert parse_task_types(reply, 3) is None
        assert parse_instances(reply, True) in (None, ((), ()))


NOISE = st.text(st.sampled_from('{}[]",:\\ \n`truefalsn0123.-eEu"{[') | st.characters(), max_size=200)


@settings(max_examples=300, deadline=None)
@given(NOISE, st.sampled_from(["stop", "length"]))
def test_no_reply_breaks_a_parser_and_every_result_can_be_written(text: str, finish: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    for reply in (
        Reply(clean, finish),
        Reply(WHOLE + clean, finish),
        Reply('{"examples": [{"input": "' + clean, finish),
    ):
        read = (
            parse_instructions(reply),
            parse_tasks(reply),
            parse_instances(reply, False),
            parse_instances(reply, True),
            parse_task_types(reply, 4),
        )
        json.dumps(str(read), ensure_ascii=False).encode()
        for task in parse_tasks(reply) or ():
            assert task.text


VALUES = st.recursive(
    st.booleans() | st.none() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4), max_leaves=12
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4) | st.lists(VALUES, max_size=4), st.booleans())
def test_strict_json_is_parsed_as_json(value: object, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    assert next(json_values(text)) == [value]


def test_numbers_keep_their_text_and_parts_are_marked() -> None:
    assert next(json_values('{"n": -1.50e3')) == [PartialJson({"n": JsonNumber("-1.50e3")})]
    assert unwrap(PartialJson("x")) == "x"


@pytest.mark.parametrize(
    "name", ["TASKS", "TASKS_WITH_INSTANCES", "TASK_TYPE", "TASK_TYPES", "INPUT_FIRST", "LABEL_FIRST"]
)
def test_schemas_are_what_strict_servers_accept(name: str) -> None:
    def closed(schema: dict[str, object]) -> bool:
        if schema["type"] == "array":
            inner = schema["items"]
            assert isinstance(inner, dict)
            return closed(inner)
        if schema["type"] != "object":
            return schema["type"] in ("string", "integer", "boolean") and list(schema) == ["type"]
        fields = schema["properties"]
        assert isinstance(fields, dict)
        assert schema["required"] == list(fields)
        return schema["additionalProperties"] is False and all(closed(field) for field in fields.values())

    schema = json.loads(getattr(schemas, name))
    assert schema["type"] == "object"
    assert closed(schema)


def test_the_label_is_asked_for_before_its_input() -> None:
    fields = json.loads(schemas.LABEL_FIRST)["properties"]["examples"]["items"]["properties"]
    assert list(fields) == ["class_label", "input"]
