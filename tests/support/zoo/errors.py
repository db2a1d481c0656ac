"""Servers that answer with an error status: permanently, for some requests, or for a while."""

import email.utils
import time

from tests.support.zoo.fields import openai_error
from tests.support.zoo.quirk import Behaviour, Ends, Same, quirk
from tests.support.zoo.server import Request, Response, as_json, http

DOOR = 8  # requests that may be sent before the client stops at a permanent refusal
SOME = (2, 3, 5)  # the numbers of the requests that meet a transient failure
KEY = (("OPENAI_API_KEY", "zoo-key-0123456789"),)


def always(response: Response) -> Behaviour:
    return lambda request: response


def at_first(response: Response, numbers: tuple[int, ...] = SOME) -> Behaviour:
    """Fail a few requests in passing, which succeed when they are sent again."""
    return lambda request: response if request.number in numbers else None


def passing(name: str, response: Response, **more: object) -> None:
    """Register a transient failure: the requests are sent again, nothing is lost, and nothing else is sent."""
    quirk(name, Same(len(SOME)), **more)(at_first(response))


# Permanent refusals: no request can succeed, and the user must do something, which differs from case to case.

UNAUTHORIZED = openai_error("Incorrect API key provided: zoo-key-****6789.", None, "invalid_api_key", 401)
quirk("401, a key is set", Ends((2,), r"401.*OPENAI_API_KEY", DOOR), env=KEY)(always(UNAUTHORIZED))
quirk("401, no key is set", Ends((2,), r"401.*set the key.*OPENAI_API_KEY", DOOR))(
    always(as_json(401, {"error": "Unauthorized"}))
)
quirk("401 in the middle of a run", Ends((2,), r"401.*OPENAI_API_KEY", 12, paid=None), env=KEY)(
    lambda request: UNAUTHORIZED if 4 <= request.number <= 8 else None
)
quirk("403 no credit, a key is set", Ends((2,), r"credit balance is too low", DOOR), env=KEY)(
    always(
        as_json(
            403,
            {
                "type": "error",
                "error": {
                    "type": "permission_error",
                    "message": "Your credit balance is too low to access the API.",
                },
            },
        )
    )
)
quirk("403 no credit, no key is set", Ends((2,), r"credit balance is too low", DOOR, never=r"set the key"))(
    always(
        as_json(
            403,
            {"error": {"type": "permission_error", "message": "Your credit balance is too low to access the API."}},
        )
    )
)
quirk("402 insufficient balance", Ends((2,), r"Insufficient Balance.*credit", DOOR), env=KEY)(
    always(openai_error("Insufficient Balance", None, "invalid_request_error", 402))
)
QUOTA = "You exceeded your current quota, please check your plan and billing details."
quirk("429 insufficient_quota", Ends((2,), r"quota.*credit", DOOR), env=KEY)(
    always(openai_error(QUOTA, None, "insufficient_quota", 429))
)
quirk(
    "429 resource exhausted for the day",
    Ends((1, 2), r"[Qq]uota.*per day|per day.*[Qq]uota", 12, never=r"\[\{"),
    speed=200.0,
)(
    always(
        as_json(
            429,
            [
                {
                    "error": {
                        "code": 429,
                        "message": "Quota exceeded: requests per day per model.",
                        "status": "RESOURCE_EXHAUSTED",
                        "details": [{"retryDelay": "34011s"}],
                    }
                }
            ],
            retry_after="34011",
        )
    )
)
quirk("404 wrong path", Ends((2,), r"404.*/v1", DOOR))(always(as_json(404, {"detail": "Not Found"})))
quirk("404 wrong path, in HTML", Ends((2,), r"404.*/v1", DOOR, never=r"<html>"))(
    always(Response(http(404, b"<html>\r\n<head><title>404 Not Found</title></head></html>\r\n", "text/html")))
)
quirk("404 unknown model", Ends((2,), r"model.*zoo", DOOR))(
    always(
        as_json(
            404, {"object": "error", "message": "The model `zoo` does not exist.", "type": "NotFoundError", "code": 404}
        )
    )
)
quirk("400 unknown model", Ends((2,), r"has the model|model.*(not found|does not exist)", 12))(
    always(openai_error("model 'zoo' not found, try pulling it first", "model", "model_not_found"))
)
quirk("405 method not allowed", Ends((2,), r"405|Method Not Allowed", 12))(
    always(as_json(405, {"detail": "Method Not Allowed"}))
)
quirk("301 moved", Ends((2,), r"https://new\.example/v1|new address", DOOR))(
    always(Response(http(301, b"<html>moved</html>", "text/html", location="https://new.example/v1/chat/completions")))
)
quirk("307 to a login page", Ends((2,), r"--base-url", DOOR))(
    always(Response(http(307, b"", "text/html", location="/login?next=%2Fv1")))
)
quirk("407 a proxy asks for a password", Ends((1, 2), r"[Pp]roxy", 12))(
    always(Response(http(407, b"Proxy Authentication Required", "text/plain")))
)
quirk("no text completions", Ends((2,), r"recipe chat|--recipe chat|chat completions", DOOR), recipe="paper")(
    always(as_json(404, {"detail": "Not Found"}))
)
quirk("text completions refused for a chat model", Ends((2,), r"chat", DOOR), recipe="paper")(
    always(
        openai_error(
            "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?",
            "model",
            None,
            404,
        )
    )
)

# Permanent failures of single requests: all others succeed.


def context_exceeded(request: Request) -> Response:
    message = (
        f"This model's maximum context length is 2048 tokens. However, you requested 2600 tokens ({request.number})."
    )
    return as_json(400, {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400})


quirk(
    "400 context exceeded, always",
    Ends((1, 2), r"2048 tokens", 150, heals=False, never=r"bootstruct export"),
)(context_exceeded)
quirk(
    "400 context exceeded, all instances",
    Ends((1, 2), r"2048 tokens", 150, paid=None, heals=False, never=r"bootstruct export"),
    status="2048 tokens",
)(lambda request: context_exceeded(request) if request.step == "instances" else None)
quirk(
    "400 context exceeded, some instances",
    Ends((0, 1), r"2048 tokens", 60, paid=None, heals=False),
    status="2048 tokens",
)(lambda request: context_exceeded(request) if request.is_odd else None)
quirk(
    "400 content filter on the prompt", Ends((0, 1), r"failed for good", 60, paid=None, heals=False), status=r"filter"
)(
    lambda request: (
        as_json(
            400,
            {
                "error": {
                    "message": "The response was filtered due to the prompt triggering the content management policy.",
                    "type": None,
                    "param": "prompt",
                    "code": "content_filter",
                    "status": 400,
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
        )
        if request.is_odd
        else None
    )
)
quirk(
    "413 too large, in HTML",
    Ends((0, 1), r"failed for good", 60, paid=None, heals=False, never="<center>"),
    status="413.{0,40}Too Large",
)(
    lambda request: (
        Response(
            http(
                413,
                b"<html><head><title>413 Request Entity Too Large</title></head><body><center>nginx</center></body></html>",
                "text/html",
            )
        )
        if request.is_odd
        else None
    )
)

# Transient failures.

passing("429 with Retry-After in seconds", openai_error("Rate limit reached", None, "rate_limit_exceeded", 429))
passing("429 with retry-after-ms", as_json(429, {"error": {"message": "slow down"}}, retry_after_ms="700"))
passing("429 without Retry-After", as_json(429, {"message": "Requests rate limit exceeded"}))
passing("503 with a page of a gateway", Response(http(503, b"<html><title>Service down</title></html>", "text/html")))
passing("502 with an empty body", Response(http(502, b"", "text/html")))
passing("520 of a gateway", Response(http(520, b"error code: 520", "text/plain")))
passing(
    "529 overloaded", as_json(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
)
passing("408 request timeout", as_json(408, {"error": {"message": "Request timed out"}}))
passing("425 too early", as_json(425, {"error": {"message": "replay"}}))
passing("409 conflict", as_json(409, {"error": {"message": "conflict, try again"}}))
passing("500 cuda out of memory", as_json(500, {"error": {"code": 500, "message": "CUDA out of memory", "type": "x"}}))
passing("498 capacity exceeded", as_json(498, {"error": {"message": "Flex tier capacity exceeded, retry later"}}))
passing(
    "424 generation failed", as_json(424, {"error": "Request failed during generation: ", "error_type": "generation"})
)


@quirk("429 with Retry-After as a date", Same(len(SOME)))
def retry_date(request: Request) -> Response | None:
    if request.number not in SOME:
        return None
    now = time.time()
    later = {
        "retry_after": email.utils.formatdate(now + 3, usegmt=True),
        "date": email.utils.formatdate(now, usegmt=True),
    }
    return as_json(429, {"error": {"message": "too many"}}, **later)


@quirk("503 while the model loads", Same(8))
def loading(request: Request) -> Response | None:
    """Answer as llama.cpp's server does in its first seconds."""
    if request.zoo.seconds > 0.4:
        return None
    return as_json(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})


quirk("503 for ever", Ends((1,), r"Loading model", 40), speed=300.0)(
    always(as_json(503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}))
)
quirk(
    "403 of a firewall, beside a clean server",
    Ends((2,), r"127\.0\.0\.1.*403.*Request blocked", 24, paid=None, never="<html"),
    beside_clean=True,
)(always(Response(http(403, b"<html><title>Request blocked</title></html>", "text/html"))))
quirk(
    "404 unknown model, beside a clean server",
    Ends((2,), r"127\.0\.0\.1.*does not exist", 24, paid=None),
    beside_clean=True,
)(always(as_json(404, {"error": {"message": "The model `zoo` does not exist", "code": "model_not_found"}})))
