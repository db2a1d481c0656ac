"""Inputs that once broke a reader, each with what it broke."""

import pytest

from tests.support.fuzz_readers import TARGETS

FOUND = [
    (
        "server_replies",
        b'{"choices":[{"text":"a"}],"usage":{"prompt_tokens":true}}',
    ),  # a count that no journal could read
    ("server_replies", b'{"choices":[{"text":"\\ud800"}]}'),  # half a character, which no file can hold
    (
        "journal_lines",
        b'{"event":"replied","key":5,"digest":"d","reply":{"text":"","finish":""}}',
    ),  # a key without steps
    ("journal_lines", b'{"event":"proposed","index":1.5,"shown":[],"verdicts":[]}'),  # cut down to 1
    (
        "journal_lines",
        b'{"event":"recorded","task":"t","most_similar":[],"mean":0,"request_idx":1e300}',
    ),  # beyond 64 bits
    (
        "journal_lines",
        b'{"event":"started","version":1,"origin":"","recipe":{},"seeds":[]}',
    ),  # InputError, not JournalError
    ("seed_files", b'{"instruction":"half \\ud83d"}'),  # read, and then not written to the journal
    ("seed_files", b"[" * 100_000),  # overflowed the stack
    ("recipe_files", b"[" * 5_000),  # overflowed the stack
    ("recipe_files", b"classify: {prompt: " + b"x" * 5_000 + b".jinja}"),  # a name too long for a file
    ("recipe_files", b"seed: 0x" + b"f" * 5_000),  # a number too long to be shown
    ("recipe_values", b"\x07\x001" + b"0" * 400),  # too large for a float
    ("robust_instances", b"Example 1\nInput: a\nOutput: b\nExample 2\nInput: c"),  # an input that became an output
    ("robust_instances", b"output" + b" " * 20_000),  # quadratic time
    ("robust_instances", b"example" + b" \t" * 10_000),  # cubic time
    ("original_instances", b"Output" + b" " * 20_000),  # quadratic time
    ("robust_instructions", b"task" + b" " * 20_000),  # quadratic time
    ("robust_instructions", b"1. a\n" + b"  1. b\n" * 3_000),  # quadratic time
]


@pytest.mark.parametrize(("target", "raw"), FOUND, ids=[f"{target}-{n}" for n, (target, _) in enumerate(FOUND)])
def test_found(target: str, raw: bytes) -> None:
    TARGETS[target](raw)
