"""How requests are put: what a refusal names is changed, and nothing else."""

import json
import warnings
from dataclasses import replace
from typing import Any

import pytest

from bootstruct.api.generation import _warn_of_extra_fields
from bootstruct.engines.request_form import RequestForm, RequestForms, in_words
from bootstruct.engines.response import ServerError, error_in
from bootstruct.journal.events import RequestAdapted
from bootstruct.stages import schemas
from bootstruct.types import Message, Prompt, Reply, Sampling
from tests.support.scripts import recipe as recipe_of

SAMPLING = Sampling(0.7, 0.9, 1.0, 0.5, 800, ("END",), {"top_k": 40, "reasoning_effort": "low"})
CHAT = Prompt("kind", "m", SAMPLING, 7, messages=(Message("user", "u"),), schema=schemas.TASK_TYPE)


def form(**changes: str) -> RequestForm:
    return RequestForm("http://h/v1", "m", changes)


def change_for(error: ServerError, **known: str) -> dict[str, str] | None:
    there = form(**known)
    return there.next_change(CHAT, there.body(CHAT), error, {})


def refusal(message: str, param: str = "", status: int = 400) -> ServerError:
    return ServerError(status, message, "", param)


def test_every_field_of_the_recipe_is_sent_and_null_is_left_out() -> None:
    body = form().body(CHAT)
    assert (body["temperature"], body["top_p"], body["seed"], body["max_tokens"]) == (0.7, 0.9, 7, 800)
    assert (body["stop"], body["top_k"], body["reasoning_effort"]) == (["END"], 40, "low")
    bare = Prompt("kind", "m", Sampling(None, None, None, None, None), 7, text="x")
    assert set(form().body(bare)) == {"model", "prompt", "seed"}


@pytest.mark.parametrize(
    ("message", "param", "change"),
    [
        ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature", {"temperature": ""}),
        ("temperature does not support 0 with this model. Only the default (1) is supported", "", {"temperature": ""}),
        ("temperature and top_p cannot both be specified for this model", "", {"top_p": ""}),
        ('Unknown name "seed": Cannot find field', "", {"seed": ""}),
        ("unknown field `seed`, expected one of `temperature`, `top_p`, `stop`", "", {"seed": ""}),
        ("Invalid value at generation_config.topP", "", {"top_p": ""}),
        ("Extra inputs are not permitted", "body.presence_penalty", {"presence_penalty": ""}),
        ("stop: unsupported parameter", "", {"stop": ""}),
        ("Please stop sending so many things", "", None),
        ("Unknown parameter: reasoning_effort", "", {"reasoning_effort": ""}),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "", {"max_tokens": "max_completion_tokens"}),
        ("max_tokens is too large: 800. This model supports at most 512 completion tokens", "", {"most_tokens": "512"}),
        ("This model's maximum context length is 2048 tokens, you requested 2600 (max_tokens 800)", "", None),
        ("model `m` does not exist", "", None),
    ],
)  # fmt: skip
def test_what_a_refusal_names_is_changed(message: str, param: str, change: dict[str, str] | None) -> None:
    proven = form()
    proven.has_proven_schema = True  # else a refusal that names nothing is tried without the schema
    assert proven.next_change(CHAT, proven.body(CHAT), refusal(message, param), {}) == change


def test_a_schema_is_asked_for_in_other_ways_until_none_is_left() -> None:
    asked, trial = [], dict[str, str]()
    while (change := form().next_change(CHAT, form().body(CHAT, trial), refusal("json_schema?"), trial)) is not None:
        trial |= change
        asked.append(form().body(CHAT, trial))
    formats = [body.get("response_format", {}).get("type") for body in asked]
    assert formats == ["json_object", "json_object", None, None]
    assert "schema" in asked[0]["response_format"]
    assert "schema" not in asked[1]["response_format"]
    assert ["guided_json" in body for body in asked] == [False, False, True, False]


def test_an_unknown_response_format_is_not_tried_in_its_other_types() -> None:
    assert change_for(refusal("Unknown parameter: response_format")) == {"response_format": "guided_json"}


def test_a_500_is_a_refusal_of_the_schema_only_while_none_was_taken() -> None:
    broken = ServerError(500, "Internal Server Error")
    assert change_for(broken) == {"response_format": "json_object and schema"}
    there = form()
    there.has_proven_schema = True
    assert there.next_change(CHAT, there.body(CHAT), broken, {}) is None
    tired = form()
    tired.note_failure()
    tired.note_failure()
    assert tired.next_change(CHAT, tired.body(CHAT), broken, {}) is None


def test_room_for_thoughts_is_made_once_one_shows_and_doubled_where_it_is_not_enough() -> None:
    there = form()
    assert there.make_room(CHAT, Reply("Yes"), 0) == []
    (event,) = there.make_room(CHAT, Reply("Yes", thought="let me see"), 0)
    assert (event.field, event.change, there.body(CHAT)["max_tokens"]) == ("thinking_tokens", "4096", 4896)
    assert there.make_room(CHAT, Reply("Yes", thought="let me see"), 0) == []
    there.make_room(CHAT, Reply("", "length", 10, 4896, thought="hm"), 0)
    assert there.room == 8192
    for _ in range(5):
        there.make_room(CHAT, Reply("", "length", 10, 800 + there.room, thought="hm"), 0)
    assert there.room == 32_768


@pytest.mark.parametrize("reply", [Reply("<think>hm"), Reply("", "length"), Reply("\n◁think▷ hm")])
def test_a_thought_shows_in_the_text_too(reply: Reply) -> None:
    assert form().make_room(CHAT, reply, 0)


@pytest.mark.parametrize("text", ["<think>\n\n</think>\nYes", "Yes", "I think so"])
def test_no_room_is_made_where_nothing_was_thought(text: str) -> None:
    assert form().make_room(CHAT, Reply(text), 0) == []


def test_a_count_of_hidden_thoughts_makes_room() -> None:
    assert form().make_room(CHAT, Reply("Yes"), 64)


def test_recorded_changes_are_applied_and_those_of_a_stranger_are_not() -> None:
    def event(name: str, change: str) -> RequestAdapted:
        return RequestAdapted("http://h/v1", "m", name, change, "it said so")

    known = [event("temperature", ""), event("max_tokens", "max_completion_tokens"), event("most_tokens", "64")]
    strange = [event("messages", ""), event("model", ""), event("thinking_tokens", "9" * 30), event("stop", "x")]
    strange += [event("max_tokens", "messages"), event("response_format", "{}"), event("most_tokens", "-5")]
    forms = RequestForms([*known, *strange])
    assert forms.of("http://h/v1", "m").changes == {
        "temperature": "",
        "max_tokens": "max_completion_tokens",
        "most_tokens": "64",
    }
    body = forms.of("http://h/v1", "m").body(CHAT)
    assert (body["max_completion_tokens"], "temperature" in body, "max_tokens" in body) == (64, False, False)
    assert forms.of("http://other/v1", "m").changes == {}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("temperature", "", "refuses the field temperature; it is left out from now on: it said so."),
        ("max_tokens", "max_completion_tokens", "max_completion_tokens is sent in its place"),
        ("response_format", "", "replies are read without it"),
        ("most_tokens", "64", "at most 64 tokens"),
        ("thinking_tokens", "4096", "4096 tokens longer"),
    ],
)
def test_a_change_is_told_in_one_sentence(name: str, change: str, words: str) -> None:
    assert words in in_words(RequestAdapted("http://h/v1", "m", name, change, "it said so"))


@pytest.mark.parametrize(
    ("body", "status", "message", "param"),
    [
        ({"error": {"message": "slow down", "code": 429}}, 400, "slow down", ""),
        ({"error": "model is loading"}, 400, "model is loading", ""),
        ([{"error": {"code": 400, "message": "Unknown name"}}], 400, "Unknown name", ""),
        ({"detail": "Not authenticated"}, 400, "Not authenticated", ""),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "extra"}]}, 422, "top_p: extra", "top_p"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529, "Overloaded", ""),
        ({"object": "error", "message": "worker died", "code": 50001}, 500, "worker died", ""),
        ({"error": {"code": "insufficient_quota", "message": "No credit"}}, 402, "No credit", ""),
        ({"error": {"message": {"detail": "deep"}}}, 400, '{"detail": "deep"}', ""),
        ("just text", 503, "just text", ""),
    ],
)
def test_errors_are_read_in_every_shape(body: Any, status: int, message: str, param: str) -> None:
    error = error_in(status, json.dumps(body).encode())
    assert (error.status, error.message, error.param) == (status, message, param)


def test_a_page_is_named_by_its_title() -> None:
    page = b"<html><head><title>502 Bad &amp; Gone</title></head><body>nginx</body></html>"
    assert error_in(502, page).message == "502 Bad & Gone"


def test_a_change_is_never_silent() -> None:
    """Whoever does not say what becomes of changes (a preview, an evaluation) gets a warning for each."""
    forms = RequestForms()
    there = forms.of("http://h/v1", "m")
    with pytest.warns(UserWarning, match=r"refuses the field seed; it is left out from now on: it said so\."):
        forms.report(there.adopt({"seed": ""}, {"seed": "it said so"}))


@pytest.mark.parametrize(
    ("engine", "warns"), [("hf", True), ("pocket", True), ("openai", False), ("recorded:x", False)]
)
def test_extra_fields_are_not_ignored_in_silence(engine: str, warns: bool) -> None:
    recipe = recipe_of("chat")
    propose = replace(recipe.propose, ask=replace(recipe.propose.ask, sampling=SAMPLING))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _warn_of_extra_fields(replace(recipe, propose=propose), engine)
        _warn_of_extra_fields(recipe, engine)
    texts = [str(warning.message) for warning in caught]
    assert texts == (
        [f"the fields under `extra` in the recipe (reasoning_effort, top_k) are for servers; {engine} ignores them."]
        if warns
        else []
    )
