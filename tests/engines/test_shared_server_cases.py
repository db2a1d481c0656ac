"""Responses of servers that were read wrongly once, and what must come of each.

The responses are public data beside the checkout; nothing of them is repeated here but their names.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, TransientError
from bootstruct.journal.events import CUT_WHILE_THINKING, FILTERED, REFUSAL, RequestAdapted
from bootstruct.stages import schemas
from bootstruct.stages.parsing import json_replies, task_types
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Message, Prompt, Reply, Sampling
from tests.support.paths import DATA

FILE = DATA / "cases" / "servers.jsonl"
if not FILE.is_file():
    pytest.skip("../shared/data/cases/servers.jsonl is absent: the responses are not here", allow_module_level=True)

CASES: dict[str, dict[str, Any]] = {
    case["name"]: case for case in map(json.loads, FILE.read_text(encoding="utf-8").split("\n")[:-1])
}
PROMPT = Prompt("kind", "m", Sampling(0.7, 0.9), 7, messages=(Message("user", "u"),), schema=schemas.TASK_TYPE)
GOOD = orjson.dumps({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}], "model": "m"})
Body = dict[str, Any]


class CaseEngine(OpenAIEngine):
    """A server that answers as the case says where `meets` holds for the body of a request, and well otherwise."""

    def __init__(self, case: dict[str, Any], meets: Callable[[Body], bool] = lambda body: True) -> None:
        super().__init__("http://h/v1", None)
        self.case, self.meets = case, meets
        self.sent: list[Body] = []
        self.adapted: list[RequestAdapted] = []
        self.forms.on_adapted = self.adapted.append

    async def post(self, path: str, payload: Body) -> tuple[int, dict[str, str], bytes]:
        self.sent.append(payload)
        if self.meets(payload):
            return self.case["status"], {"content-type": self.case["type"]}, self.case["body"].encode()
        return 200, {"content-type": "application/json"}, GOOD


def replied(name: str) -> Reply:
    return asyncio.run(CaseEngine(CASES[name]).complete(PROMPT))


def test_every_case_is_tried() -> None:
    assert set(CASES) == {*TRANSIENT, *ENDED, *REJECTED, *READ, *ADAPTED}


TRANSIENT = {
    "choices null, error code 429": (429, False),
    "error inside a choice": (502, False),
    "HTML with 200": (0, True),
    "error is a text": (500, False),
    "object error, own code": (500, False),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_passing_failure_is_no_reply(name: str) -> None:
    status, is_malformed = TRANSIENT[name]
    with pytest.raises(TransientError) as caught:
        replied(name)
    assert (caught.value.status, caught.value.is_malformed) == (status, is_malformed)
    if is_malformed:
        assert "Gateway" in str(caught.value), "the page is named by its title"
        assert not caught.value.connected, "among several servers it is set aside at once"


ENDED = ("error code is a text", "no credit, no key set")


@pytest.mark.parametrize("name", ENDED)
def test_without_credit_the_run_ends_and_no_key_is_asked_for(name: str) -> None:
    with pytest.raises(EngineUnavailableError, match="no credit left: add some") as caught:
        replied(name)
    assert "set the key" not in str(caught.value)
    assert "redit" in CASES[name]["body"], "the server's own sentence is part of it"


REJECTED = ("context exceeded",)


@pytest.mark.parametrize("name", REJECTED)
def test_a_prompt_that_is_too_long_fails_alone_and_names_the_limit(name: str) -> None:
    engine = CaseEngine(CASES[name])
    with pytest.raises(RequestRejectedError, match="2048 tokens"):
        asyncio.run(engine.complete(PROMPT))
    assert len(engine.sent) == 1, "no other form of the request is tried"
    assert engine.adapted == []


READ: dict[str, Callable[[Reply], bool]] = {
    "content is a list of parts": lambda reply: (
        bool(reply.thought) and len(json_replies.parse_instructions(reply) or ()) == 2
    ),
    "thought in a field of its own": lambda reply: (
        bool(reply.thought) and task_types.parse_task_type(reply, as_json=True) is True
    ),
    "cut while thinking, content null": lambda reply: unread_reason(reply) == CUT_WHILE_THINKING,
    "cut inside <think>": lambda reply: unread_reason(reply) == CUT_WHILE_THINKING,
    "refusal field": lambda reply: unread_reason(reply) == REFUSAL,
    "content filter": lambda reply: unread_reason(reply) == FILTERED,
}


@pytest.mark.parametrize("name", READ)
def test_a_reply_is_read_for_what_it_is(name: str) -> None:
    assert READ[name](replied(name))


def asks_json_schema(body: Body) -> bool:
    return bool(body.get("response_format", {}).get("type") == "json_schema")


ADAPTED: dict[str, tuple[Callable[[Body], bool], str]] = {  # when the server refuses, and the field that changes
    "temperature must be 1": (lambda body: body.get("temperature", 1) != 1, "temperature"),
    "top_p unknown": (lambda body: "top_p" in body, "top_p"),
    "not both": (lambda body: "temperature" in body and "top_p" in body, "top_p"),
    "unknown name seed, body is a list": (lambda body: "seed" in body, "seed"),
    "schema breaks the server": (asks_json_schema, "response_format"),
}


@pytest.mark.parametrize("name", ADAPTED)
def test_what_is_refused_is_changed_once_and_recorded(name: str) -> None:
    meets, field = ADAPTED[name]
    engine = CaseEngine(CASES[name], meets)

    async def twice() -> list[Reply]:
        return [await engine.complete(PROMPT), await engine.complete(PROMPT)]

    assert [reply.text for reply in asyncio.run(twice())] == ["fine", "fine"]
    assert len(engine.sent) == 3, "one request is refused, then the changed form is sent from the start"
    (event,) = engine.adapted
    assert event.field == field
    assert event.reason and "\n" not in event.reason and "{" not in event.reason, "one sentence of the server"
