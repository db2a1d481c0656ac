"""Servers that refuse fields of a request, or values of them, each in the words of its own family."""

import itertools
import re
from typing import Any

from tests.support.zoo.quirk import Behaviour, Same, quirk
from tests.support.zoo.server import Request, Response, as_json, http

FIELD = 2  # requests in flight, which may all be refused before the client has read the first refusal
SCHEMA_ROW = r"JSON schema"


def openai_error(message: str, param: str | None, code: str | None, status: int = 400) -> Response:
    return as_json(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    )


def unsupported(name: str) -> Response:
    return openai_error(
        f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
    )


def fastapi_extra(name: str) -> Response:
    """Return Pydantic's message about a field that a model forbids."""
    row = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 1}
    return as_json(422, {"detail": [row]})


def refuses(name: str, error: Response, **more: Any) -> Behaviour:
    """Register a quirk that refuses one field in every request."""

    def behave(request: Request) -> Response | None:
        return error if name in request.asked else None

    wasted = more.pop("wasted", FIELD)
    more.setdefault("adapts", name)
    more.setdefault("doctor", SCHEMA_ROW if name == "response_format" else name if name == "temperature" else "")
    return quirk(more.pop("called", f"refuses {name}"), Same(wasted), says=more.pop("says", name), **more)(behave)


refuses("temperature", unsupported("temperature"), keeps=("top_p", "seed"))
refuses("top_p", unsupported("top_p"), keeps=("temperature", "seed"))
refuses(
    "seed",
    as_json(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "type.example/BadRequest", "fieldViolations": [{"description": "seed"}]}],
                }
            }
        ],
    ),
    called="refuses seed, body is a list",
    keeps=("temperature", "top_p"),
)
refuses("seed", fastapi_extra("seed"), called="refuses seed, detail is a list", keeps=("temperature", "top_p"))
refuses(
    "seed",
    Response(
        http(
            422,
            b"Failed to deserialize the JSON body into the target type: unknown field `seed`, expected one of "
            b"`model`, `messages`, `temperature`, `top_p`, `max_tokens` at line 1 column 96",
            "text/plain",
        )
    ),
    called="refuses seed in plain text that names other fields",
    keeps=("temperature", "top_p"),
)
refuses("presence_penalty", fastapi_extra("presence_penalty"), recipe="paper", keeps=("temperature", "stop"))
refuses(
    "stop",
    as_json(400, {"code": "Client specified an invalid argument", "error": "Argument not supported: stop"}),
    recipe="paper",
    keeps=("temperature", "top_p"),
)
refuses(
    "max_tokens",
    openai_error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "unsupported_parameter",
    ),
    called="wants max_completion_tokens",
    says="max_completion_tokens|max_tokens",
    keeps=("max_completion_tokens", "temperature"),
)
refuses(
    "response_format",
    openai_error("Unrecognized request argument supplied: response_format", None, None),
    keeps=("temperature", "seed"),
)
refuses(
    "response_format",
    as_json(422, {"error": {"message": [{"loc": ["response_format"], "msg": "extra fields not permitted"}]}}),
    called="refuses response_format, message is a list",
)
refuses(
    "response_format",
    Response(http(500, b"Internal Server Error", "text/plain")),
    called="breaks on response_format with 500",
    says="response_format|schema|JSON",
    wasted=8,
    speed=100.0,
    keeps=("temperature", "seed"),
)
refuses(
    "response_format",
    as_json(404, {"error": {"message": "No endpoints found that support the requested parameters.", "code": 404}}),
    called="no endpoints for response_format, 404",
    says="response_format|schema|JSON",
    keeps=("temperature", "seed"),
)
refuses(
    "response_format",
    as_json(501, {"error": "response_format: grammars are not implemented in this build"}),
    called="has no response_format, 501",
    says="response_format|schema|JSON",
)


@quirk(
    "temperature must be 1",
    Same(FIELD),
    says="temperature",
    keeps=("top_p",),
    adapts="temperature",
    doctor="temperature",
)
def temperature_must_be_1(request: Request) -> Response | None:
    """Answer as o-series and GPT-5 models do."""
    value = request.asked.get("temperature", 1)
    if value == 1:
        return None
    message = f"Unsupported value: 'temperature' does not support {value} with this model. Only the default (1) value is supported."
    return openai_error(message, "temperature", "unsupported_value")


@quirk(
    "temperature must be positive",
    Same(FIELD),
    says="temperature",
    keeps=("top_p", "seed"),
    adapts="temperature",
    doctor="temperature",
)
def temperature_must_be_positive(request: Request) -> Response | None:
    """Answer as text-generation-inference does."""
    if request.asked.get("temperature", 1) > 0:
        return None
    message = "Input validation error: `temperature` must be strictly positive"
    return as_json(422, {"error": message, "error_type": "validation"})


@quirk("top_p must be below 1", Same(FIELD), says="top_p", keeps=("temperature",), adapts="top_p")
def top_p_must_be_below_1(request: Request) -> Response | None:
    """Answer as text-generation-inference does."""
    if request.asked.get("top_p", 0.5) < 1:
        return None
    message = "Input validation error: `top_p` must be > 0.0 and < 1.0"
    return as_json(422, {"error": message, "error_type": "validation"})


@quirk("not temperature with top_p", Same(FIELD), says="top_p", keeps=("temperature",), adapts="top_p")
def not_both(request: Request) -> Response | None:
    """Answer as Anthropic's newer models do."""
    if not {"temperature", "top_p"} <= set(request.asked):
        return None
    message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    return as_json(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})


@quirk(
    "refuses six fields one after another",
    Same(6 * FIELD),
    says="temperature",
    recipe="chat",
    adapts="temperature",
    doctor="temperature",
)
def refuses_many(request: Request) -> Response | None:
    """Answer as a GPT-5 model behind a strict gateway does, which refuses one field at a time."""
    for name in ("max_tokens", "temperature", "top_p", "seed", "presence_penalty", "stop"):
        if name in request.asked:
            hint = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
            return openai_error(message, name, "unsupported_parameter")
    return None


@quirk("reply limit too high for the model", Same(FIELD), says="max_tokens|512", adapts="most_tokens")
def limit_too_high(request: Request) -> Response | None:
    """Refuse a value, because the model's limit is lower than the recipe's."""
    if (request.asked.get("max_tokens") or 0) <= 512:
        return None
    message = (
        f"max_tokens is too large: {request.asked['max_tokens']}. This model supports at most 512 completion tokens."
    )
    return openai_error(message, "max_tokens", "invalid_value")


def response_type(request: Request) -> str:
    return str((request.asked.get("response_format") or {}).get("type", ""))


@quirk(
    "json_schema breaks with 500, json_object with schema works",
    Same(8),
    says="response_format|schema|JSON",
    speed=100.0,
    adapts="response_format",
    doctor="json_object",
)
def schema_500(request: Request) -> Response | None:
    """Answer as llama-cpp-python's server does."""
    if response_type(request) == "json_schema":
        row = {"message": "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type')}]", "code": None}
        return as_json(500, {"error": row | {"type": "internal_server_error", "param": None}})
    if response_type(request) == "json_object":
        request.zoo.memory["json_object"] = True
    return None


@quirk(
    "json_object only",
    Same(2 * FIELD),
    says="response_format|schema|JSON",
    keeps=("temperature",),
    adapts="response_format",
    doctor="json_object",
)
def json_object_only(request: Request) -> Response | None:
    """Answer as DeepSeek does, which also refuses a schema inside json_object."""
    form = request.asked.get("response_format") or {}
    if form.get("type") == "json_schema":
        return openai_error("This response_format type is unavailable now", None, "invalid_request_error")
    if set(form) - {"type"}:
        return openai_error("response_format: unknown key 'schema'", "response_format", "invalid_request_error")
    return None


@quirk(
    "guided_json only",
    Same(3 * FIELD),
    says="response_format|schema|JSON",
    keeps=("temperature",),
    adapts="response_format",
    doctor="guided_json",
)
def guided_json_only(request: Request) -> Response | None:
    """Answer as old versions of vLLM do, which refuse `response_format` in every form."""
    if "response_format" not in request.asked:
        return None
    message = (
        "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'\"}]"
    )
    return as_json(400, {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400})


@quirk("strict schemas refused", Same(FIELD), says="response_format|schema|strict|JSON", adapts="response_format")
def strict_refused(request: Request) -> Response | None:
    """Answer as a server that has json_schema but not its field `strict`."""
    form = request.asked.get("response_format") or {}
    if "strict" not in form.get("json_schema", {}):
        return None
    return as_json(422, {"detail": [{"loc": ["body", "response_format", "json_schema", "strict"], "msg": "extra"}]})


@quirk("ignores response_format", Same(), doctor=r"ignored\s+JSON schema")
def ignores_schema(request: Request) -> Response | None:
    """Answer as `transformers serve` and Anthropic's compatible endpoint do."""
    return request.message(content=request.text("fenced"))


@quirk("roles must alternate and system is unknown", Same())
def strict_roles(request: Request) -> Response | None:
    """Answer as the chat templates of Gemma and old Mistral models do."""
    roles = [message["role"] for message in request.asked.get("messages", [])]
    if roles and (roles[0] != "user" or any(a == b for a, b in itertools.pairwise(roles))):
        return openai_error("Conversation roles must alternate user/assistant/user/assistant/...", None, None)
    return None


@quirk("model name is not in the body but in the address", Same())
def any_model(request: Request) -> Response | None:
    """Answer as Azure's dated API and one-model servers do: the reply names another model than the request."""
    return request.ok(model="zoo-2026-04-01@main")


@quirk("refuses unknown fields by pattern", Same(), keeps=("temperature", "top_p", "seed", "max_tokens"))
def only_known_fields(request: Request) -> Response | None:
    """Refuse every field outside OpenAI's own list."""
    known = re.compile(
        r"model|messages|prompt|temperature|top_p|max_(completion_)?tokens|seed|stop|(presence|frequency)_penalty|response_format"
    )
    unknown = [name for name in request.asked if not known.fullmatch(name)]
    return openai_error(f"Unknown parameter: '{unknown[0]}'.", unknown[0], "unknown_parameter") if unknown else None
