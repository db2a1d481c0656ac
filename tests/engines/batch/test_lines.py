import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.engines.batch.lines import custom_id_of, line_of, read_lines, read_results, split_lines
from bootstruct.errors import InputError
from bootstruct.types import digest_of
from tests.support.simulated_servers import prompt

ANSWER = {"choices": [{"message": {"content": "hi"}}]}


def test_a_line_has_the_four_fields_of_the_format() -> None:
    row = json.loads(line_of("kind-1", "/chat/completions", {"model": "m"}))
    assert row == {"custom_id": "kind-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}


def test_a_custom_id_is_short_plain_and_unique() -> None:
    asked = prompt(7, step="rewrite/3 with a very long name that somebody gave to a stage of his own")
    assert custom_id_of(asked) == f"rewrite_3_with_a_very_long_name-{digest_of(asked)}"
    assert len(custom_id_of(asked)) <= 64
    assert custom_id_of(prompt(7)) != custom_id_of(prompt(8))


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 20), st.integers(50, 300))
def test_files_stay_within_the_limits_and_hold_every_line_once(sizes: list[int], most: int, most_bytes: int) -> None:
    lines = [b"x" * size for size in sizes]
    parts = split_lines(lines, most, most_bytes)
    assert [number for part in parts for number in part] == list(range(len(lines)))
    assert all(0 < len(part) <= most and sum(sizes[n] for n in part) <= most_bytes for part in parts)
    assert all(  # no part could have taken the next line as well
        len(a) == most or sum(sizes[n] for n in a) + sizes[b[0]] > most_bytes for a, b in pairwise(parts)
    )


@pytest.mark.parametrize(
    ("row", "status", "reason"),
    [
        ({"response": {"status_code": 200, "body": ANSWER}, "error": None}, 200, ""),
        ({"response": ANSWER}, 200, ""),
        ({"response": {"status_code": 429, "body": {}}}, 429, ""),
        ({"response": None, "error": {"code": "batch_expired", "message": "too late"}}, 0, "too late"),
        ({"response": {"status_code": 400, "body": {}}, "error": {"message": "no"}}, 400, "no"),
        ({"response": None, "error": {"code": 400, "message": "no"}}, 400, "no"),
        ({"response": None}, 0, "no response"),
    ],
)
def test_results_of_openai_and_vllm_are_read(row: dict[str, object], status: int, reason: str) -> None:
    (line,) = read_lines(json.dumps({"custom_id": "a"} | row).encode())
    assert (line.status, line.reason) == (status, reason)
    if status == 200:
        assert line.body == ANSWER


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"custom_id": 3}', '{"response": {}}', "\ud800"])
def test_lines_that_are_no_results_are_skipped(text: str, tmp_path: Path) -> None:
    content = text.encode("utf-8", "surrogatepass") + b'\n{"custom_id": "a", "response": {}}\n'
    assert [line.custom_id for line in read_lines(content)] == ["a"]
    (tmp_path / "in.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="contains no results"):
        read_results(tmp_path / "in.jsonl")
