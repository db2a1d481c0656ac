"""Details of bodies that must have no effect: usage, finish reasons, names, extra fields, marks, and garbage around JSON."""

import orjson

from tests.support.zoo.quirk import Same, quirk
from tests.support.zoo.server import Request, Response, as_json, http


def raw(request: Request, before: bytes = b"", after: bytes = b"", kind: str = "application/json") -> Response:
    return Response(http(200, before + orjson.dumps(request.body()) + after, kind))


def without(request: Request, *names: str) -> Response:
    body = request.body()
    choice = {name: value for name, value in body["choices"][0].items() if name not in names}
    return as_json(200, {name: value for name, value in body.items() if name not in names} | {"choices": [choice]})


quirk("usage missing", Same(), doctor=r"token usage")(lambda r: without(r, "usage"))
quirk("usage null", Same())(lambda r: r.ok(usage=None))
quirk("usage of texts", Same())(lambda r: r.ok(usage={"prompt_tokens": "12", "completion_tokens": None}))
quirk("usage negative", Same())(
    lambda r: r.ok(usage={"prompt_tokens": -1, "completion_tokens": -1, "total_tokens": -2})
)
quirk("finish_reason null", Same())(lambda r: as_json(200, r.body(r.choice() | {"finish_reason": None})))
quirk("finish_reason missing", Same())(lambda r: without(r, "finish_reason"))
quirk("finish_reason in words of its own", Same())(
    lambda r: as_json(200, r.body(r.choice() | {"finish_reason": "eos_token"}))
)
quirk("finish_reason in capitals", Same())(lambda r: as_json(200, r.body(r.choice() | {"finish_reason": "STOP"})))
quirk("model missing", Same())(lambda r: without(r, "model"))
quirk("everything but the content missing", Same())(
    lambda r: as_json(200, {"choices": [{"message": {"content": r.text()}}]})
)
quirk("extra fields everywhere", Same())(
    lambda r: as_json(
        200,
        r.body(
            r.choice(
                annotations=[],
                audio=None,
                refusal=None,
                function_call=None,
                tool_calls=[],
                reasoning=None,
                reasoning_content=None,
            )
            | {
                "stop_reason": None,
                "content_filter_results": {"hate": {"filtered": False}},
                "matched_stop": 2,
                "error": None,
            },
            system_fingerprint=None,
            service_tier="default",
            error=None,
            timings={"predicted_ms": 1.5},
            prompt_filter_results=[],
            x_groq={"id": "r"},
            kv_transfer_params=None,
        ),
    )
)
quirk("a mark before JSON", Same())(lambda r: raw(r, b"\xef\xbb\xbf"))
quirk("blank lines before JSON", Same())(lambda r: raw(r, b"\n   \n         \n" * 20))
quirk("garbage after JSON", Same())(lambda r: raw(r, after=b"\n<!-- served by a proxy -->\n"))
quirk("NaN in JSON", Same())(
    lambda r: Response(http(200, orjson.dumps(r.body())[:-1] + b', "logprobs": [NaN, -Infinity], "score": NaN}'))
)
quirk("lone surrogates", Same())(
    lambda r: Response(
        http(200, orjson.dumps(r.body())[:-1] + rb', "system_fingerprint": "\ud83d", "note": "\udc00 x"}')
    )
)
quirk("content type text/plain", Same())(lambda r: raw(r, kind="text/plain; charset=utf-8"))
quirk("content type in another charset", Same())(lambda r: raw(r, kind="application/json; charset=iso-8859-1"))
quirk("stop string left in", Same(), recipe="paper")(lambda r: stop_left_in(r))
quirk("reply limit ignored", Same())(
    lambda r: r.ok(usage={"prompt_tokens": 10, "completion_tokens": 99999, "total_tokens": 100009})
)
quirk("prompts cut silently", Same(), doctor=r"prompts?\W+(\w+\W+){0,4}cut|cuts?\W+(\w+\W+){0,3}prompts?")(
    lambda r: r.ok(usage=r.usage() | {"prompt_tokens": min(256, r.usage()["prompt_tokens"])})
)
quirk("an echo of the prompt before a completion", Same(), recipe="paper")(
    lambda r: as_json(200, r.body({"index": 0, "finish_reason": "stop", "text": r.prompt + r.text()}))
)
quirk("end token left in", Same())(lambda r: r.message(content=r.text() + "<|im_end|>"))


def stop_left_in(request: Request) -> Response:
    """Give the good answer with the stop string and some text after it, as servers do that ignore `stop`."""
    stops = request.asked.get("stop") or []
    text = request.good()[1]
    if stops and not any(stop in text for stop in stops):
        text += f"{stops[0]} and more that nobody asked for"
    return as_json(200, request.body({"index": 0, "finish_reason": "stop", "text": text}))
