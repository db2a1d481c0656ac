"""Servers that answer with status 200 and a body that is not a plain completion."""

from typing import Any

import orjson

from tests.support.zoo.errors import DOOR, SOME, always, passing
from tests.support.zoo.quirk import Ends, Same, quirk
from tests.support.zoo.server import Request, Response, as_json, http

PAGE = Response(
    http(200, b"<!DOCTYPE html><html><head><title>Gateway login</title></head><body>Sign in</body></html>", "text/html")
)

# The body is an error.

passing(
    "200, choices null and an error 429",
    as_json(200, {"choices": None, "error": {"message": "Rate limited upstream", "code": 429}}),
)
passing("200, error is a text", as_json(200, {"error": "model is loading"}))
passing(
    "200, object error with a code of its own",
    as_json(200, {"object": "error", "message": "worker died", "type": "InternalServerError", "code": 50001}),
)
passing("200, detail is a text", as_json(200, {"detail": "upstream unavailable"}))
passing(
    "200, error without a code",
    as_json(200, {"error": {"message": "Provider returned error", "metadata": {"raw": "x"}}}),
)
passing("200, code as text of a number", as_json(200, {"error": {"message": "upstream", "code": "503"}}))
passing(
    "200, success false",
    as_json(
        200, {"success": False, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}], "result": None}
    ),
)
passing(
    "200, empty choices",
    as_json(
        200,
        {
            "id": "x",
            "object": "chat.completion",
            "model": "m",
            "choices": [],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0},
        },
    ),
)
passing("200, choices absent", as_json(200, {"id": "x", "model": "m"}))
passing("200, null", as_json(200, None))
passing("200, empty body", Response(http(200, b"")))
passing("200, plain text OK", Response(http(200, b"OK", "text/plain")))
passing("200, HTML for a while", PAGE)
passing("200, HTML that calls itself JSON", Response(http(200, b"<html><body>busy</body></html>")))
passing(
    "200, choice without message",
    as_json(200, {"id": "x", "model": "m", "choices": [{"index": 0, "finish_reason": "error"}]}),
)


def in_choice(request: Request) -> Response:
    error = {"code": 502, "message": "Upstream broke", "metadata": {"provider_name": "x"}}
    choice = {"index": 0, "finish_reason": "error", "error": error, "message": {"role": "assistant", "content": ""}}
    return as_json(200, request.body(choice))


quirk("200, error inside a choice", Same(len(SOME)))(lambda r: in_choice(r) if r.number in SOME else None)
quirk("200, error inside a choice after half the text", Same(len(SOME)))(
    lambda r: (
        as_json(
            200,
            r.body(
                r.choice(content=r.text()[: len(r.text()) // 2])
                | {"finish_reason": "error", "error": {"code": 502, "message": "Upstream broke"}}
            ),
        )
        if r.number in SOME
        else None
    )
)
quirk("200, finish reason error and no text", Same(len(SOME)))(
    lambda r: as_json(200, r.body(r.choice(content="") | {"finish_reason": "error"})) if r.number in SOME else None
)
quirk(
    "200, error code insufficient_quota",
    Ends((2,), r"No credit left", DOOR),
    env=(("OPENAI_API_KEY", "zoo-key-0123456789"),),
)(always(as_json(200, {"error": {"code": "insufficient_quota", "message": "No credit left"}})))
quirk("200, error 401 inside", Ends((2,), r"No auth credentials.*OPENAI_API_KEY", DOOR))(
    always(as_json(200, {"error": {"code": 401, "message": "No auth credentials found"}}))
)
quirk(
    "200, error 400 for the context",
    Ends((1, 2), r"maximum context length is 2048", 150, heals=False, never="bootstruct export"),
)(always(as_json(200, {"error": {"code": 400, "message": "This endpoint's maximum context length is 2048 tokens."}})))
quirk("200, HTML for ever", Ends((2,), r"Gateway login", 40), speed=100.0, doctor="Gateway login")(always(PAGE))
quirk("200, error is a text for ever", Ends((1,), r"model is loading", 60), speed=200.0)(
    always(as_json(200, {"error": "model is loading"}))
)
quirk("200, empty choices for ever", Ends((1, 2), r"choices|no reply|empty", 60), speed=200.0)(
    always(as_json(200, {"id": "x", "object": "chat.completion", "model": "m", "choices": []}))
)
quirk("200, HTML beside a clean server", Same(24), beside_clean=True, says=r"suspended|Gateway login")(always(PAGE))
quirk("200, errors inside beside a clean server", Same(24), beside_clean=True)(
    always(as_json(200, {"error": {"message": "Upstream broke", "code": 502}}))
)

# The body is a stream although the request did not ask for one.


def pieces(request: Request, size: int = 40) -> list[str]:
    text = request.text()
    return [text[at : at + size] for at in range(0, len(text), size)]


def chunk(request: Request, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    head = {"id": "zoo", "object": "chat.completion.chunk", "created": 1, "model": "zoo"}
    return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def stream(
    chunks: list[dict[str, Any]],
    end: str = "\n\n",
    kind: str = "text/event-stream",
    before: str = "",
    done: bool = True,
) -> Response:
    lines = [f"data: {orjson.dumps(value).decode()}{end}" for value in chunks]
    return Response(http(200, (before + "".join(lines) + (f"data: [DONE]{end}" if done else "")).encode(), kind))


def deltas(request: Request, thought: str = "") -> list[dict[str, Any]]:
    """Return the good answer as the parts of a stream: role, thought, text, finish reason and usage."""
    thoughts = [chunk(request, {"reasoning_content": word + " "}) for word in thought.split()]
    texts = [chunk(request, {"content": piece}) for piece in pieces(request)]
    usage = {"id": "zoo", "object": "chat.completion.chunk", "model": "zoo", "choices": [], "usage": request.usage()}
    role = chunk(request, {"role": "assistant", "content": ""})
    return [role, *thoughts, *texts, chunk(request, {}, "stop"), usage]


quirk("a stream though none was asked for", Same())(lambda r: stream(deltas(r)))
quirk("a stream with reasoning", Same(), journal="weighing", thinks=True)(
    lambda r: stream(deltas(r, 'weighing {"tasks": ["Wrong."]} first'))
)
quirk("a stream that calls itself JSON", Same())(lambda r: stream(deltas(r), kind="application/json"))
quirk("a stream with CRLF and comments", Same())(lambda r: stream(deltas(r), "\r\n\r\n", before=": PROCESSING\r\n\r\n"))
quirk("a stream without [DONE] or usage", Same())(lambda r: stream(deltas(r)[:-1], done=False))
quirk("a stream with one event that holds a whole body", Same())(lambda r: stream([r.body()]))
quirk("a stream that breaks off with an error", Same(len(SOME)))(
    lambda r: (
        stream([*deltas(r)[:3], {"error": {"message": "Upstream broke", "code": 502}}]) if r.number in SOME else None
    )
)
quirk("a stream cut before its finish reason", Same(len(SOME)))(
    lambda r: stream(deltas(r)[:3], done=False) if r.number in SOME else None
)

# The body is a reply of an unusual form.

quirk("content is a list of parts", Same())(
    lambda r: r.message(content=[{"type": "text", "text": piece} for piece in pieces(r)])
)
quirk("content is a list of texts", Same())(lambda r: r.message(content=pieces(r)))
quirk("content is one part", Same())(lambda r: r.message(content={"type": "text", "text": r.text()}))
quirk("content is a list with output_text parts", Same())(
    lambda r: r.message(content=[{"type": "output_text", "text": r.text(), "annotations": []}])
)
quirk("a delta in place of the message", Same())(
    lambda r: as_json(
        200, r.body({"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": r.text()}})
    )
)
quirk("a text in place of the message", Same())(
    lambda r: as_json(200, r.body({"index": 0, "finish_reason": "stop", "text": r.text()}))
)
quirk("content is parsed JSON already", Same())(
    lambda r: r.message(content=orjson.loads(r.text())) if r.text().startswith("{") else None
)


def instead(request: Request, finish: str, **message: object) -> Response | None:
    """Give an odd reply to some requests for instances, and the good answer to all others."""
    if not request.is_odd:
        return None
    return as_json(200, request.body(request.choice(**message) | {"finish_reason": finish}))


ODD = Ends((0, 1), r"", 60, paid=None, heals=False)
quirk("refusal field", ODD, status=r"refus")(
    lambda r: instead(r, "stop", content=None, refusal="I can not help with that.")
)
quirk("finish content_filter", ODD, status=r"filter")(lambda r: instead(r, "content_filter", content=""))
quirk("content null", ODD, status=r"empty|no text")(lambda r: instead(r, "stop", content=None))
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"place": "Rome"}'}}
quirk("tool_calls in place of content", ODD, status=r"tool")(
    lambda r: instead(r, "tool_calls", content=None, tool_calls=[CALL])
)
quirk(
    "tool_calls in place of content, always",
    Ends((1,), r"tool", 150, paid=None, heals=False, never="bootstruct export"),
    status="tool",
)(lambda r: as_json(200, r.body(r.choice(content=None, tool_calls=[CALL]) | {"finish_reason": "tool_calls"})))
quirk(
    "refusals, always",
    Ends((1,), r"refus", 150, paid=None, heals=False, never="bootstruct export|[Aa]dd seeds"),
    status="refus",
)(lambda r: r.message(content="I'm sorry, but I can't help with that."))
quirk(
    "content null, always",
    Ends((1,), r"empty|no text", 150, paid=None, heals=False, never="bootstruct export"),
    status="empty|no text",
)(lambda r: r.message(content=None))
