"""The client against a real server on loopback (tests/support/simulator.py, in this process), and the reading of what it sends."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.config.machine import read_machine
from bootstruct.engines.build import open_servers
from bootstruct.engines.openai import OpenAIEngine, _retry_after
from bootstruct.engines.response import ServerError, cut_at_stop, error_in, read_response
from bootstruct.errors import EngineUnavailableError, RequestError, RequestRejectedError, TransientError
from bootstruct.types import Message, Prompt, Reply, Sampling
from tests.support.simulator import Options, Simulator, serve

KEY = "sk-proj-abcdefghijklmnop1234"
TEXT = Prompt("propose", "m", Sampling(max_tokens=300, stop=("\n16.",)), 7, text="A list of tasks:\n8. One\n9.")
CHAT = Prompt(
    "kind", "m", Sampling(max_tokens=5), 7, messages=(Message("user", "Task: x\nAnswer Yes or No, with nothing else."),)
)


@contextlib.asynccontextmanager
async def server(options: Options) -> AsyncIterator[tuple[Simulator, str]]:
    simulator = Simulator(options)
    listening = await serve(simulator)
    try:
        yield simulator, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        listening.close()


def ask(prompt: Prompt, key: str | None = KEY, timeout: float = 20.0, **options: Any) -> Reply:
    """The reply of one call to a fresh server with these options."""

    async def go() -> Reply:
        async with server(Options(**options)) as (_, url):
            client = OpenAIEngine(url, key, timeout)
            try:
                return await client.complete(prompt)
            finally:
                await client.aclose()

    return asyncio.run(go())


def test_text_and_chat_prompts_get_replies() -> None:
    reply = ask(TEXT)
    assert reply.text.count("\n") == 6
    assert "\n15. " in reply.text
    assert (reply.finish, reply.model) == ("stop", "m")
    assert reply.prompt_tokens > 0 < reply.completion_tokens
    assert ask(CHAT).text in ("Yes", "No")


def test_the_same_prompt_gets_the_same_reply() -> None:
    assert ask(TEXT).text == ask(TEXT).text != ask(TEXT, seed=1).text


@pytest.mark.parametrize(
    ("fault", "status", "wait"),
    [
        ("429", 429, 7.0),
        ("408", 408, None),
        ("500", 500, None),
        ("503", 503, None),
        ("reset", 0, None),
        ("cut", 0, None),
    ],
)
def test_transient_faults(fault: str, status: int, wait: float | None) -> None:
    with pytest.raises(TransientError) as caught:
        ask(TEXT, faults={fault: 1.0}, retry_after=7.0)
    assert caught.value.status == status
    assert caught.value.retry_after == wait
    assert caught.value.connected


def test_retry_after_may_be_a_date() -> None:
    with pytest.raises(TransientError) as caught:
        ask(TEXT, faults={"429-date": 1.0}, retry_after=90.0)
    assert caught.value.retry_after is not None
    assert 88 <= caught.value.retry_after <= 92


def test_a_server_that_hangs() -> None:
    with pytest.raises(TransientError, match=r"no response within 0\.2 s"):
        ask(TEXT, timeout=0.2, faults={"hang": 1.0})


def test_a_server_that_is_not_there() -> None:
    async def go() -> None:
        async with server(Options()) as (_, url):
            pass
        client = OpenAIEngine(url, None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(TransientError, match="cannot connect") as caught:
        asyncio.run(go())
    assert not caught.value.connected


def test_a_rejected_request_is_an_error_of_its_own() -> None:
    with pytest.raises(RequestRejectedError) as caught:
        ask(TEXT, faults={"400": 1.0})
    assert caught.value.status == 400


def test_a_wrong_key_makes_the_engine_unavailable() -> None:
    with pytest.raises(EngineUnavailableError, match="check the key"):
        _ask_with(KEY, Options(key="sk-another-key-12345678"))
    with pytest.raises(EngineUnavailableError, match="OPENAI_API_KEY"):
        _ask_with(None, Options(key="sk-another-key-12345678"))


@pytest.mark.parametrize("key", [KEY, None])
def test_the_hint_names_the_variable_that_the_key_comes_from(
    key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-this-one-12345678")
    monkeypatch.delenv("MY_SERVER_KEY", raising=False)
    if key:
        monkeypatch.setenv("MY_SERVER_KEY", key)
    (tmp_path / "machine.yaml").write_text("key_env: MY_SERVER_KEY\n")

    async def go() -> None:
        async with server(Options(key="sk-another-key-12345678")) as (_, url):
            (client,) = open_servers(read_machine(tmp_path, trust=True, base_url=(url,)))
            try:
                await client.complete(TEXT)
            finally:
                await client.aclose()

    with pytest.raises(EngineUnavailableError, match="MY_SERVER_KEY") as caught:
        asyncio.run(go())
    assert "OPENAI_API_KEY" not in str(caught.value)


def _ask_with(key: str | None, options: Options, prompt: Prompt = TEXT) -> Reply:
    async def go() -> Reply:
        async with server(options) as (_, url):
            client = OpenAIEngine(url, key)
            try:
                return await client.complete(prompt)
            finally:
                await client.aclose()

    return asyncio.run(go())


def test_an_unknown_model_makes_the_engine_unavailable() -> None:
    with pytest.raises(EngineUnavailableError, match="model 'm'"):
        ask(TEXT, models=["other"])


@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_the_key_is_nowhere(prompt: Prompt) -> None:
    for fault in ("key-in-error", "key-in-reply"):
        try:
            written = repr(_ask_with(KEY, Options(faults={fault: 1.0}), prompt))
        except RequestError as exc:
            written = f"{exc!r} {exc} {exc.reason}"
        assert KEY not in written
        assert "[key]" in written
    with pytest.raises(EngineUnavailableError) as caught:
        _ask_with(KEY, Options(key="sk-another-key-12345678"), prompt)
    assert KEY not in str(caught.value)


def test_a_placeholder_for_a_key_leaves_replies_alone() -> None:
    assert _ask_with("a", Options()).text == ask(TEXT).text
    with pytest.raises(RequestRejectedError) as caught:
        _ask_with("none", Options(faults={"key-in-error": 1.0}))
    assert "none" not in caught.value.reason
    assert "cannot do this" in caught.value.reason


def test_credentials_in_the_address_are_not_shown() -> None:
    async def go() -> None:
        client = OpenAIEngine("http://someone:hidden-word@127.0.0.1:9/v1?token=hidden-word", None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(TransientError) as caught:
        asyncio.run(go())
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://"])
def test_an_invalid_address_makes_the_engine_unavailable(url: str) -> None:
    async def go() -> None:
        client = OpenAIEngine(url, None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(EngineUnavailableError, match="--base-url"):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "finish"),
    [
        ("null-content", "stop"),
        ("refusal", "content_filter"),
    ],
)
@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_a_reply_without_text_is_a_reply(fault: str, finish: str, prompt: Prompt) -> None:
    reply = ask(prompt, faults={fault: 1.0})
    assert (reply.text, reply.finish) == ("", finish)


@pytest.mark.parametrize("fault", ["not-json", "empty-choices"])
@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_a_response_that_is_no_reply_is_a_failure(fault: str, prompt: Prompt) -> None:
    with pytest.raises(TransientError) as caught:
        ask(prompt, faults={fault: 1.0})
    assert caught.value.is_malformed


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    reply = ask(TEXT, faults={"not-utf8": 1.0})
    assert "\ufffd" in reply.text
    reply.text.encode()


def test_stop_strings_that_were_left_in_are_cut() -> None:
    assert ask(TEXT, faults={"stop-left-in": 1.0}).text == ask(TEXT).text


def test_servers_that_know_the_limit_by_its_other_name_only() -> None:
    async def go() -> None:
        async with server(Options(wants_other_limit=True, latency=0.01)) as (simulator, url):
            client = OpenAIEngine(url, None)
            replies = await asyncio.gather(*(client.complete(CHAT) for _ in range(20)))
            await client.aclose()
            assert len(replies) == simulator.stats.requests == 20

    asyncio.run(go())


def test_no_usage_is_no_crash() -> None:
    reply = ask(TEXT, usage=False)
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 0)
    assert reply.text


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, {"error": {"message": "Insufficient Balance"}}, EngineUnavailableError),
        (403, {"detail": "forbidden"}, EngineUnavailableError),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, EngineUnavailableError),
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, TransientError),
        (413, "too large", RequestRejectedError),
        (422, {"detail": [{"loc": ["body"]}]}, RequestRejectedError),
        (501, "", RequestRejectedError),
        (529, [], TransientError),
        (301, "", EngineUnavailableError),
    ],
)
def test_what_a_status_means(status: int, body: object, kind: type[Exception]) -> None:
    raw = json.dumps(body).encode()
    error = OpenAIEngine("http://x/v1", None)._error(error_in(status, raw), {}, "m")
    assert type(error) is kind


def test_an_error_reported_with_status_200_is_an_error() -> None:
    assert _raised({"error": {"message": "upstream busy", "code": 503}}, 503) is TransientError
    assert _raised({"error": {"message": "bad", "code": 400}}, 400) is RequestRejectedError


def _raised(body: dict[str, Any], status: int) -> type[Exception]:
    class CannedEngine(OpenAIEngine):
        async def post(self, path: str, payload: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
            return 200, {}, json.dumps(body).encode()

    with pytest.raises(RequestError) as caught:
        asyncio.run(CannedEngine("http://x/v1", None).complete(TEXT))
    assert caught.value.status == status
    return type(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert _retry_after(headers) == seconds


def test_retry_after_by_the_local_clock_where_the_server_sends_no_date() -> None:
    wait = _retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert wait is not None
    assert 50 < wait < 70


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("choices", "message", "content", "text", "usage", "model", "finish_reason")), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_body_is_a_reply_or_a_failure(body: bytes) -> None:
    reply = read_response(200, body, TEXT)
    if isinstance(reply, ServerError):
        (reply.message + reply.code + reply.param).encode()
        return
    assert isinstance(reply.text, str)
    assert isinstance(reply.finish, str)
    (reply.text + reply.finish + reply.model).encode()
    assert reply.prompt_tokens >= 0 <= reply.completion_tokens


@settings(max_examples=200, deadline=None)
@given(st.text("ab\n16.", max_size=30), st.lists(st.text("ab\n16.", min_size=1, max_size=3), max_size=3).map(tuple))
def test_no_stop_string_is_left(text: str, stop: tuple[str, ...]) -> None:
    cut = cut_at_stop(text, stop)
    assert text.startswith(cut)
    assert not any(entry in cut for entry in stop)
    assert cut == text or any(text[len(cut) :].startswith(entry) for entry in stop)
