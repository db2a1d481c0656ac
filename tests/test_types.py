"""A question's digest: of everything that is asked, and of nothing else."""

from dataclasses import asdict, fields, replace

import pytest

from bootstruct.types import Message, Prompt, Sampling, digest_of, digest_of_value

SAMPLING = Sampling(0.7, 0.5, 2.0, 0.1, 30, ("a", "b"))
TEXT = Prompt("propose", "m", SAMPLING, 7, text="Ünïcode \ud800 {}")
CHAT = Prompt("kind", "m", SAMPLING, 7, messages=(Message("system", "s"), Message("user", "u")))


@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_it_is_of_the_whole_question_but_the_step(prompt: Prompt) -> None:
    question = asdict(prompt)
    del question["step"], question["ordered"]  # how it is asked, not what
    del question["schema"], question["sampling"]["extra"]  # part of it only where there are any
    assert digest_of(prompt) == digest_of_value(question)
    assert digest_of(prompt) == digest_of(replace(prompt, step="other", ordered=True))


def test_the_digest_is_that_of_the_canonical_json() -> None:
    """Texts are written by a faster writer of JSON, which has to write every character alike."""
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x11000), *range(0x1F000, 0x1F800), 0x10FFFF)))
    for text in (every, "\ud800 half", ""):
        for prompt in (replace(TEXT, text=text), replace(CHAT, messages=(Message("user", text),), schema=text)):
            for sampling in (
                SAMPLING,
                Sampling(),
                Sampling(1, -0.0, None, 1e-07, None, (text,), {"top_k": 40, "a": text}),
            ):
                asked = replace(prompt, sampling=sampling)
                question = asdict(asked)
                del question["step"], question["ordered"]
                question["sampling"] = {k: v for k, v in question["sampling"].items() if v or k != "extra"}
                question = {k: v for k, v in question.items() if v or k != "schema"}
                assert digest_of(asked) == digest_of_value(question)
    assert digest_of(replace(TEXT, sample=2**70)) != digest_of(TEXT)


def test_every_field_counts() -> None:
    changes = {"model": "n", "sample": 8, "text": "y", "messages": (Message("user", "x"),), "schema": "{}"}
    digests = {digest_of(replace(TEXT, **{name: value})) for name, value in changes.items()}
    changed = {
        "temperature": 0.1,
        "top_p": 0.1,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "max_tokens": 1,
        "stop": (),
        "extra": {"top_k": 40},
    }
    assert set(changed) == {field.name for field in fields(Sampling)}
    digests |= {digest_of(replace(TEXT, sampling=replace(SAMPLING, **{n: v}))) for n, v in changed.items()}  # type: ignore[arg-type]
    assert len(digests | {digest_of(TEXT)}) == len(changes) + len(changed) + 1
