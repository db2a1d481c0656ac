"""JSON schemas over HTTP: sent where a server takes them, remembered where it does not, and read whatever comes."""

import asyncio
from typing import Any

import pytest

from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError
from bootstruct.stages import schemas
from bootstruct.stages.parsing.task_types import parse_task_type
from bootstruct.types import Message, Prompt, Reply, Sampling, digest_of
from tests.engines.test_openai import server
from tests.support.simulator import Options, Simulator

ASKED = (Message("user", 'Answer with a JSON object whose one field "is_classification" is true or false.'),)


def question(sample: int = 7, schema: str = schemas.TASK_TYPE, model: str = "m") -> Prompt:
    return Prompt("kind", model, Sampling(max_tokens=50), sample, messages=ASKED, schema=schema)


def ask(prompts: list[Prompt], at_once: bool = False, **options: Any) -> tuple[list[Reply], Simulator]:
    """The replies to these prompts, through one client, and the server that gave them."""

    async def go() -> tuple[list[Reply], Simulator]:
        async with server(Options(**options)) as (simulator, url):
            client = OpenAIEngine(url, None)
            try:
                if at_once:
                    return list(await asyncio.gather(*map(client.complete, prompts))), simulator
                return [await client.complete(prompt) for prompt in prompts], simulator
            finally:
                await client.aclose()

    return asyncio.run(go())


def test_a_server_that_knows_schemas_is_held_to_them() -> None:
    (reply,), simulator = ask([question()])
    assert reply.text in ('{"is_classification": true}', '{"is_classification": false}')
    assert (simulator.stats.with_schema, simulator.stats.requests) == (1, 1)


@pytest.mark.parametrize("status", [400, 404, 422, 501])
def test_a_refused_schema_is_remembered(status: int) -> None:
    replies, simulator = ask([question(n) for n in range(5)], schemas="refused", schema_status=status)
    assert all(parse_task_type(reply, True) is not None for reply in replies)
    assert simulator.stats.with_schema == 1
    assert simulator.stats.ok == 5


def test_of_many_at_once_one_finds_out_for_all() -> None:
    replies, simulator = ask([question(n) for n in range(30)], at_once=True, schemas="refused", latency=0.01)
    assert len(replies) == simulator.stats.ok == 30
    assert simulator.stats.with_schema <= 31


def test_each_model_is_tried_for_itself() -> None:
    prompts = [
        question(1),
        question(2, schema=schemas.TASK_TYPES),
        question(3, model="n"),
        question(4),
        question(5, model="n"),
    ]
    _, simulator = ask(prompts, schemas="refused")
    assert simulator.stats.with_schema == 2


def test_a_schema_that_is_ignored_costs_nothing() -> None:
    replies, simulator = ask([question(n) for n in range(3)], schemas="ignored")
    assert {reply.text for reply in replies} <= {"Yes", "No"}
    assert simulator.stats.with_schema == simulator.stats.requests == 3


def test_a_request_refused_with_and_without_schema_is_rejected() -> None:
    with pytest.raises(RequestRejectedError) as caught:
        ask([question()], faults={"400": 1.0})
    assert caught.value.status == 400


def test_a_server_that_took_a_schema_once_is_not_sent_the_request_twice() -> None:
    async def go() -> tuple[int, int]:
        async with server(Options()) as (simulator, url):
            client = OpenAIEngine(url, None)
            await client.complete(question(1))
            simulator.options.faults = {"400": 1.0}
            with pytest.raises(RequestRejectedError):
                await client.complete(question(2))
            await client.aclose()
            return simulator.stats.requests, simulator.stats.with_schema

    assert asyncio.run(go()) == (2, 2)


def test_a_wrong_model_still_ends_the_run() -> None:
    with pytest.raises(EngineUnavailableError, match="check that the server has the model"):
        ask([question()], models=["other"])


def test_both_things_a_server_may_not_know() -> None:
    (reply,), simulator = ask([question()], schemas="refused", wants_other_limit=True)
    assert parse_task_type(reply, True) is not None
    assert simulator.stats.ok == 1


@pytest.mark.parametrize(
    "prompt", [question(schema=""), Prompt("propose", "m", Sampling(), 1, text="8. One\n9.", schema="{}")]
)
def test_without_a_schema_or_without_chat_none_is_sent(prompt: Prompt) -> None:
    _, simulator = ask([prompt])
    assert simulator.stats.with_schema == 0


def test_the_schema_is_part_of_the_digest() -> None:
    assert len({digest_of(question(schema=schema)) for schema in ("", schemas.TASK_TYPE, schemas.TASK_TYPES)}) == 3
