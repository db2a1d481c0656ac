"""Replies held to a JSON schema: what is finished matches, whatever the batch; where they cannot be held that is said."""

import dataclasses
import importlib.util
import json
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("llguidance", reason="llguidance is not installed: pip install 'bootstruct[local]'")

from bootstruct.engines.local.schema_constraints import ReplyConstraint, SchemaConstraints  # noqa: E402
from bootstruct.stages import schemas  # noqa: E402
from bootstruct.types import Prompt, Sampling  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402

pytestmark = pytest.mark.real

SHORT = json.dumps(  # as the recipes' schemas are, with limits, because a model of random weights seldom ends a text
    {
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "properties": {"input": {"type": "string", "maxLength": 9}, "is_new": {"type": "boolean"}},
                    "required": ["input", "is_new"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["tasks"],
        "additionalProperties": False,
    }
)
OURS = [schemas.TASKS, schemas.TASKS_WITH_INSTANCES, schemas.TASK_TYPE, schemas.TASK_TYPES, schemas.INPUT_FIRST, schemas.LABEL_FIRST]  # fmt: skip


@pytest.fixture(scope="module")
def causal() -> Any:
    return tiny.loaded(tiny.causal_folder())


@pytest.fixture(scope="module")
def seq2seq() -> Any:
    return tiny.loaded(tiny.seq2seq_folder())


def held(count: int, tokens: int = 120, **sampling: Any) -> list[Prompt]:
    """Prompts with several schemas and none, without stop strings, which would cut JSON anywhere."""
    forms = [SHORT, schemas.TASK_TYPE, "", SHORT, schemas.TASK_TYPES]
    prompts = tiny.prompts(count, tokens, stop=(), **sampling)
    return [dataclasses.replace(prompt, schema=forms[n % len(forms)]) for n, prompt in enumerate(prompts)]


def matches(value: Any, schema: dict[str, Any]) -> bool:
    if schema["type"] == "object":
        fields = schema["properties"]
        return isinstance(value, dict) and list(value) == list(fields) and all(
            matches(value[name], fields[name]) for name in fields
        )  # fmt: skip
    if schema["type"] == "array":
        return isinstance(value, list) and all(matches(item, schema["items"]) for item in value)
    return type(value) is {"string": str, "integer": int, "boolean": bool}[schema["type"]]


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_finished_replies_match_and_do_not_depend_on_their_batch(kind: str, request: pytest.FixtureRequest) -> None:
    model, prompts = request.getfixturevalue(kind), held(40)
    alone = tiny.in_batches(model, prompts, 1)
    assert tiny.in_batches(model, prompts, 40) == alone
    assert tiny.in_batches(model, prompts[::-1], 16) == alone[::-1]
    finished = [
        (prompt, reply)
        for prompt, reply in zip(prompts, alone, strict=True)
        if prompt.schema and reply.finish == "stop"
    ]
    assert len(finished) > 12
    assert {prompt.schema for prompt, _ in finished} >= {SHORT, schemas.TASK_TYPE}
    for prompt, reply in finished:
        assert matches(json.loads(reply.text), json.loads(prompt.schema)), reply.text


def test_cut_replies_are_the_beginning_of_one_that_matches(causal: Any) -> None:
    starts = {"{", "[", '"', ":", ","}
    for schema in OURS:
        (prompt,) = tiny.prompts(1, 30, stop=(), temperature=1.0)
        (reply,) = causal.generate([dataclasses.replace(prompt, schema=schema)], tiny.never)
        first = next(iter(json.loads(schema)["properties"]))
        outside = "".join(reply.text.split())
        assert outside.startswith(f'{{"{first}":'[: len(outside)])
        assert outside[0] in starts


def test_free_replies_beside_held_ones_are_as_they_would_be_alone(causal: Any) -> None:
    free = tiny.prompts(6, 20)
    alone = causal.generate(free, tiny.never)
    together = causal.generate([*free, *held(6, 20)], tiny.never)
    assert together[: len(free)] == alone


def test_a_missing_package_is_noted_once_and_replies_are_free(
    causal: Any, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    prompts = [dataclasses.replace(prompt, schema=schemas.TASKS) for prompt in tiny.prompts(6, 9)]
    free = causal.generate([dataclasses.replace(prompt, schema="") for prompt in prompts], tiny.never)
    constraints = SchemaConstraints(causal.tokenization.tokenizer, causal.tokenization.ends, "tiny")
    monkeypatch.setattr(causal, "decode_settings", dataclasses.replace(causal.decode_settings, schemas=constraints))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert causal.generate(prompts, tiny.never) == free
    notes = [str(warning.message) for warning in recwarn if "JSON schema" in str(warning.message)]
    assert notes == [
        "replies of tiny cannot be constrained to a JSON schema and are parsed without it: llguidance is not installed: "
        "pip install 'bootstruct[local]'."
    ]


def test_schemas_and_tokenizers_that_are_not_supported_are_noted(causal: Any) -> None:
    tokenizer, ends = causal.tokenization.tokenizer, causal.tokenization.ends
    with pytest.warns(UserWarning, match="a JSON schema has a form that is not supported"):
        assert SchemaConstraints(tokenizer, ends, "tiny").constraint('{"type": "no such"}', 700) is None

    class Strange:
        def __len__(self) -> int:
            return 7

    constraints = SchemaConstraints(Strange(), ends, "tiny")
    with pytest.warns(UserWarning, match="its tokenizer is not supported"):
        assert constraints.constraint(SHORT, 700) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert constraints.constraint(SHORT, 700) is None


def test_a_reply_that_no_token_continues_is_cut(causal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def compute_bitmask(self) -> bytes:
            return bytes(4 * 700)

    class Constraints(SchemaConstraints):
        def constraint(self, schema: str, width: int) -> ReplyConstraint:
            return ReplyConstraint(Dead())

    mine = Constraints(causal.tokenization.tokenizer, causal.tokenization.ends, "tiny")
    monkeypatch.setattr(causal, "decode_settings", dataclasses.replace(causal.decode_settings, schemas=mine))
    (reply,) = causal.generate(
        [Prompt("kind", "tiny", Sampling(max_tokens=9), 1, text="Task", schema=SHORT)], tiny.never
    )
    assert (reply.text, reply.finish) == ("", "length")


def test_only_allowed_tokens_have_a_bit_and_the_whole_width_is_covered(causal: Any) -> None:
    constraints = SchemaConstraints(causal.tokenization.tokenizer, causal.tokenization.ends, "tiny")
    width = causal.model.config.vocab_size + 5
    constraint = constraints.constraint(schemas.TASK_TYPE, width)
    assert constraint is not None
    allowed = constraint.allowed(width)
    assert allowed.shape == (width,)
    texts = {causal.tokenization.tokenizer.decode([n]) for n in np.flatnonzero(allowed)}
    assert texts
    assert all(text.startswith("{") for text in texts)
