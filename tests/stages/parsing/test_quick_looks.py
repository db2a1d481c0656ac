"""What is looked at first, to save time, decides nothing: readers give what they would give without it."""

import json
import random
from typing import Any

import pytest

from bootstruct.stages.parsing import cleanup, instructions, loose_json, task_types, thoughts
from bootstruct.types import Reply
from tests.support.linear_readers import FRAGMENTS, forget

ENDS = (
    *("<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|END_OF_TURN_TOKEN|>", "</s>", "<eos>", "<end_of_turn>", "[INST]", "[/INST]"),
    *("assistant\n\n", "assistant \n \n", "\nUser:", "\nHuman: \u2003", "\nAssistant", "<｜end▁of▁sentence｜>", "<|end|>", "<|user|>"),
)  # fmt: skip
FIELDS = (
    "Output:",
    "OUTPUT 2 :",
    "İnput:",
    "\u0131nput：",
    "**Input:**",
    "Class label:",
    "example output:",
    "Label：",
    "ınput",
)


def texts(*more: str, count: int = 2_000) -> list[str]:
    rng = random.Random(1)
    pieces = (*FRAGMENTS, *more * 8, "\n", "\n\n", " ", "word", ". ")
    return ["".join(rng.choices(pieces, k=rng.randrange(1, 9))) for _ in range(count)]


def test_end_tokens_are_those_of_the_pattern() -> None:
    found = 0
    for text in texts(*ENDS):
        forget()
        answer = cleanup.clean_reply(text)
        before = text.replace("\r\n", "\n").replace("\r", "\n").translate(dict.fromkeys(map(ord, "\ufeff\u200b\u2060")))
        before = cleanup._DIRECTION_MARKS.sub("", before)
        whole = thoughts.split_thought(before).answer
        assert answer == cleanup._END_TOKEN.split(whole, maxsplit=1)[0], text
        found += answer != whole
    assert found > 400


@pytest.mark.parametrize("field", [cleanup.OUTPUT, cleanup.INPUT, cleanup.LABEL, cleanup.SHORT_LABEL])
def test_fields_are_those_of_the_pattern(field: cleanup.FieldPattern) -> None:
    found = 0
    for text in texts(*FIELDS):
        spans = [match.span() for match in field._pattern.finditer(text)]
        assert [match.span() for match in field.finditer(text)] == spans, text
        first = field.search(text)
        assert (first and first.span()) == (spans[0] if spans else None), text
        found += bool(spans)
    assert found > 20


VALUES = (
    '{"a": "\\frac{1}{2} \\neq \\times \\t x"}', '["\\ud83d\\ude00", "\\ud83d", "\\u00e9"]', '{"a": 1, "a": 2.50, "b": -0, "c": 1e400}',
    "[" * 16 + "]" * 16, "[" * 17 + "]" * 17, '{"a": ' * 16 + "1" + "}" * 16, '{"a": ' * 17 + "1" + "}" * 17,
    "[NaN, Infinity, -Infinity]", '{"a": [true, false, null], "b": {}}', '{"a": "raw\nline", "b": "tab\tx"}', '["a" "b"]', "[1,]",
    '{"a": "x"} {"b": [1]}, {"c": 2}', '{"a": "x"}, {\'b\': 1} {"c": 2}', '{"a": "cut', '["\\x", "\\/", "\\\\neq"]', '{"": ""}', "[01]",
)  # fmt: skip


def own_reading(text: str, monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    with monkeypatch.context() as patched:
        patched.setattr(loose_json, "_strict_value", lambda text, at: None)
        return list(loose_json.json_values(text))


def shown(values: list[list[Any]]) -> str:
    return repr([[(type(value).__name__, value) for value in row] for row in values])


def test_json_is_read_as_by_the_reader_for_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(2)

    def value(depth: int = 0) -> Any:
        kind = rng.randrange(6 if depth < 4 else 4)
        if kind < 3:
            return rng.choice((rng.choice(FRAGMENTS), rng.choice(ENDS), 1, 2.5, True, None, 10**30))
        if kind == 3:
            return rng.choice(("a \\ b", 'a "b"', "\u2028", "\ufeff", "é", "\\frac", "\t"))
        if kind == 4:
            return [value(depth + 1) for _ in range(rng.randrange(4))]
        return {rng.choice(FRAGMENTS): value(depth + 1) for _ in range(rng.randrange(4))}

    made = [json.dumps(value(), ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2))) for _ in range(2_000)]
    made += [text[: rng.randrange(len(text) + 1)] for text in made[:500]]
    for text in (*VALUES, *made):
        assert shown(list(loose_json.json_values(text))) == shown(own_reading(text, monkeypatch)), text


def test_equal_parts_are_read_alike_wherever_they_stand() -> None:
    found = instructions.parse_instructions(Reply("- Name a bird.\n- Name a fish.\n- Name a bird.", "length"), None)
    assert [candidate.text for candidate in found] == ["Name a bird.", "Name a fish.", "Name a bird."]
    assert [candidate.flaw for candidate in found] == [None, None, cleanup.CUT_OFF]
    assert task_types.parse_task_types(Reply("1. Yes\n2. No\n3. Yes"), 2, False) == {1: True, 2: False}
    assert task_types.parse_task_types(Reply("1. Yes\n1. No\n2. Yes"), 2, False) == {2: True}


def test_the_answers_of_a_request_are_each_callers_own() -> None:
    first = task_types.parse_task_types(Reply("1. Yes\n2. No"), 2, False)
    first.clear()
    assert task_types.parse_task_types(Reply("1. Yes\n2. No"), 2, False) == {1: True, 2: False}
