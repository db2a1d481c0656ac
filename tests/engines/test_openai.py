"""The client against a real server on loopback (tests/simulator.py, in this process), and the reading of what it sends."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.domain import Message, Prompt, Reply, Sampling
from bootstruct.engines.openai import OpenAI, _retry_after, cut_at_stop, read_reply
from bootstruct.errors import CallFailed, DoorClosed, Passing, Permanent
from tests.simulator import Options, Simulator, serve

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
            client = OpenAI(url, key, timeout)
            try:
                return await client.complete(prompt)
            finally:
                await client.aclose()

    return asyncio.run(go())


def test_text_is_continued_and_chat_is_answered() -> None:
    reply = ask(TEXT)
    assert reply.text.count("\n") == 6
    assert "\n15. " in reply.text
    assert (reply.finish, reply.model) == ("stop", "m")
    assert reply.prompt_tokens > 0 < reply.completion_tokens
    assert ask(CHAT).text in ("Yes", "No")


def test_the_same_question_is_answered_the_same() -> None:
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
def test_passing_faults(fault: str, status: int, wait: float | None) -> None:
    with pytest.raises(Passing) as caught:
        ask(TEXT, faults={fault: 1.0}, retry_after=7.0)
    assert caught.value.status == status
    assert caught.value.retry_after == wait
    assert caught.value.connected


def test_retry_after_may_be_a_date() -> None:
    with pytest.raises(Passing) as caught:
        ask(TEXT, faults={"429-date": 1.0}, retry_after=90.0)
    assert caught.value.retry_after is not None
    assert 88 <= caught.value.retry_after <= 92


def test_a_server_that_hangs() -> None:
    with pytest.raises(Passing, match=r"no answer within 0\.2 s"):
        ask(TEXT, timeout=0.2, faults={"hang": 1.0})


def test_a_server_that_is_not_there() -> None:
    async def go() -> None:
        async with server(Options()) as (_, url):
            pass
        client = OpenAI(url, None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(Passing, match="cannot connect") as caught:
        asyncio.run(go())
    assert not caught.value.connected


def test_permanent_errors_are_of_one_question_only() -> None:
    with pytest.raises(Permanent) as caught:
        ask(TEXT, faults={"400": 1.0})
    assert caught.value.status == 400


def test_a_wrong_key_closes_the_door() -> None:
    with pytest.raises(DoorClosed, match="check the key"):
        _ask_with(KEY, Options(key="sk-another-key-12345678"))
    with pytest.raises(DoorClosed, match="OPENAI_API_KEY"):
        _ask_with(None, Options(key="sk-another-key-12345678"))


def _ask_with(key: str | None, options: Options, prompt: Prompt = TEXT) -> Reply:
    async def go() -> Reply:
        async with server(options) as (_, url):
            client = OpenAI(url, key)
            try:
                return await client.complete(prompt)
            finally:
                await client.aclose()

    return asyncio.run(go())


def test_an_unknown_model_closes_the_door() -> None:
    with pytest.raises(DoorClosed, match="model 'm'"):
        ask(TEXT, models=["other"])


@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_the_key_is_nowhere(prompt: Prompt) -> None:
    for fault in ("key-in-error", "key-in-reply"):
        try:
            said = repr(_ask_with(KEY, Options(faults={fault: 1.0}), prompt))
        except CallFailed as exc:
            said = f"{exc!r} {exc} {exc.reason}"
        assert KEY not in said
        assert "[key]" in said
    with pytest.raises(DoorClosed) as caught:
        _ask_with(KEY, Options(key="sk-another-key-12345678"), prompt)
    assert KEY not in str(caught.value)


def test_a_placeholder_for_a_key_leaves_replies_alone() -> None:
    assert _ask_with("a", Options()).text == ask(TEXT).text
    with pytest.raises(Permanent) as caught:
        _ask_with("none", Options(faults={"key-in-error": 1.0}))
    assert "none" not in caught.value.reason
    assert "cannot do this" in caught.value.reason


def test_credentials_in_the_address_are_not_shown() -> None:
    async def go() -> None:
        client = OpenAI("http://someone:hidden-word@127.0.0.1:9/v1?token=hidden-word", None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(Passing) as caught:
        asyncio.run(go())
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/v1", "http://"])
def test_what_is_no_address_closes_the_door(url: str) -> None:
    async def go() -> None:
        client = OpenAI(url, None)
        try:
            await client.complete(TEXT)
        finally:
            await client.aclose()

    with pytest.raises(DoorClosed, match="--base-url"):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("fault", "finish"),
    [
        ("not-json", "unreadable"),
        ("empty-choices", "unreadable"),
        ("null-content", "stop"),
        ("refusal", "content_filter"),
    ],
)
@pytest.mark.parametrize("prompt", [TEXT, CHAT])
def test_bad_answers_are_replies(fault: str, finish: str, prompt: Prompt) -> None:
    reply = ask(prompt, faults={fault: 1.0})
    assert (reply.text, reply.finish) == ("", finish)


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    reply = ask(TEXT, faults={"not-utf8": 1.0})
    assert "\ufffd" in reply.text
    reply.text.encode()


def test_stop_strings_that_were_left_in_are_cut() -> None:
    assert ask(TEXT, faults={"stop-left-in": 1.0}).text == ask(TEXT).text


def test_servers_that_know_the_limit_by_its_other_name_only() -> None:
    async def go() -> None:
        async with server(Options(wants_other_limit=True, latency=0.01)) as (simulator, url):
            client = OpenAI(url, None)
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
        (402, {"error": {"message": "Insufficient Balance"}}, DoorClosed),
        (403, {"detail": "forbidden"}, DoorClosed),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, DoorClosed),
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, Passing),
        (413, "too large", Permanent),
        (422, {"detail": [{"loc": ["body"]}]}, Permanent),
        (501, "", Permanent),
        (529, [], Passing),
        (301, "", DoorClosed),
    ],
)
def test_what_a_status_means(status: int, body: object, kind: type[Exception]) -> None:
    from bootstruct.engines.openai import _error_of

    raw = json.dumps(body).encode()
    error = OpenAI("http://x/v1", None)._refusal(status, {}, *_error_of(raw), "m")
    assert type(error) is kind


def test_an_error_told_with_a_200_is_an_error() -> None:
    assert _raised({"error": {"message": "upstream busy", "code": 503}}, 503) is Passing
    assert _raised({"error": {"message": "bad", "code": 400}}, 400) is Permanent


def _raised(body: dict[str, Any], status: int) -> type[Exception]:
    class Canned(OpenAI):
        async def post(self, path: str, payload: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
            return 200, {}, json.dumps(body).encode()

    with pytest.raises(CallFailed) as caught:
        asyncio.run(Canned("http://x/v1", None).complete(TEXT))
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


def test_retry_after_by_our_own_clock_where_the_server_tells_none() -> None:
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
def test_any_body_is_a_reply(body: bytes) -> None:
    reply = read_reply(body, TEXT)
    assert isinstance(reply.text, str)
    assert isinstance(reply.finish, str)
    (reply.text + reply.finish + reply.model).encode()
    assert reply.prompt_tokens >= 0 <= reply.completion_tokens


@settings(max_examples=200, deadline=None)
@given(st.text("ab\n16.", max_size=30), st.lists(st.text("ab\n16.", min_size=1, max_size=3), max_size=3).map(tuple))
def test_no_stop_string_is_left(text: str, stop: tuple[str, ...]) -> None:
    cut = cut_at_stop(text, stop)
    assert text.startswith(cut)
    assert not any(each in cut for each in stop)
    assert cut == text or any(text[len(cut) :].startswith(each) for each in stop)
