"""Every reader under arbitrary and under malicious input; `BOOTSTRUCT_FUZZ=1000000` asks for so many inputs in all."""

import os
import time

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fuzz_readers import LINES, MADE, PIECES, REPEATED, REPLY_TARGETS, TARGETS

INPUTS = int(os.environ.get("BOOTSTRUCT_FUZZ", "2000"))
SECONDS = {
    "recipe_files": 5.0
}  # of CPU for one malicious input of 20 KB, 1 unless said here: YAML's own reader is slow

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=30).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "model",
        "error",
        "event",
        "key",
        "digest",
        "reply",
        "instruction",
        "instances",
        "input",
        "output",
        "is_classification",
        "id",
        "name",
        "recipe",
        "propose",
        "ask",
        "prompt",
        "sampling",
        "rules",
        "matches",
    ]
)
objects = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**60) | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)
spoiled_lines = st.builds(
    lambda line, at, put, skip: line[: at % len(line)] + put + line[at % len(line) + skip :],
    st.sampled_from(LINES),
    st.integers(0, 4000),
    st.sampled_from([b"", b"null", b"5", b"-1", b'"x"', b"[]", b"{}", b'"', b",", b"1e999", b"\xff", b"true"]),
    st.integers(0, 12),
)
answers = st.builds(
    lambda text, usage, model, finish, chat: {
        "choices": [{("message" if chat else "text"): {"content": text} if chat else text, "finish_reason": finish}],
        "usage": usage,
        "model": model,
    },
    texts | values,
    st.dictionaries(keys, st.integers(-5, 2**60) | values, max_size=3) | values,
    st.text(max_size=5) | values,
    st.sampled_from(["stop", "length", None, 5, ["x"]]),
    st.booleans(),
)
seed_rows = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", "", 5]),
        "name": st.text(max_size=3),
        "instruction": st.text(max_size=5) | st.none(),
        "instances": st.lists(
            st.dictionaries(st.sampled_from(["input", "output"]), st.text(max_size=3) | st.none()), max_size=2
        ),
        "is_classification": st.booleans() | st.none(),
    },
)
seed_lines = st.lists(seed_rows.map(orjson.dumps), max_size=4)
yaml_pieces = st.lists(
    st.sampled_from(
        [
            "recipe",
            "model",
            "propose",
            "ask",
            "prompt",
            ": ",
            ":\n  ",
            "\n",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "&a ",
            "*a",
            "x.jinja",
        ]
        + [
            "!!binary ",
            "!x ",
            "|\n ",
            ">-\n ",
            "'",
            '"',
            "#",
            "---\n",
            "? ",
            "~",
            "1",
            "1e400",
            ".nan",
            "2024-13-45",
            "0o9",
            "<<: ",
        ]
    )
    | st.text(max_size=4),
    max_size=20,
).map("".join)


def encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # more than 64 bits
        return b"{}"


INPUTS_FOR = {
    **dict.fromkeys(REPLY_TARGETS, texts.map(str.encode)),
    "server_replies": (answers | objects).map(encoded) | st.binary(max_size=60),
    "journal_lines": spoiled_lines | objects.map(encoded) | st.binary(max_size=40),
    "seed_files": seed_lines.map(b"\n".join) | objects.map(encoded) | st.binary(max_size=60),
    "recipe_files": yaml_pieces.map(str.encode) | st.binary(max_size=40),
    "recipe_values": st.builds(
        lambda place, value: place + value, st.binary(min_size=2, max_size=2), values.map(encoded)
    ),
}


def test_every_reader_has_inputs() -> None:
    assert set(INPUTS_FOR) == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_arbitrary_input(target: str) -> None:
    @settings(
        max_examples=max(1, INPUTS // len(TARGETS)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(INPUTS_FOR[target])
    def read(raw: bytes) -> None:
        TARGETS[target](raw)

    read()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.slow
def test_malicious_input_takes_no_longer_than_it_is(target: str) -> None:
    slowest = (0.0, "")
    long = INPUTS > 2000
    for text in MADE + REPEATED[:: 1 if long else 5]:
        text = text if long or target != "recipe_files" else text[:2000]
        started = time.process_time()
        TARGETS[target](text.encode())
        slowest = max(slowest, (time.process_time() - started, text[:40]))
    assert slowest[0] < SECONDS.get(target, 1.0), slowest
