"""Reading the response of an OpenAI-compatible server: a reply of the model, or a failure.

The status line does not decide: gateways report the errors of others with status 200, some servers stream without a
request for it, and a page that asks people to sign in is not a reply of a model. `read_response` distinguishes them.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bootstruct.types import REFUSAL, Prompt, Reply

KEY_SHAPE = re.compile(r"\b(sk|pk|key|token)-[A-Za-z0-9_*\-]{8,}")
LONGEST_MESSAGE: Final = 300  # characters of a server's message that are kept
DEEPEST_MESSAGE: Final = 4  # nested errors that are examined
MALFORMED: Final = "malformed"  # the code of a response that is neither a reply nor an error
STATUS_OF_CODE: Final = {  # words that servers use instead of a status
    **dict.fromkeys(("insufficient_quota", "billing_error", "billing_hard_limit_reached"), 402),
    **dict.fromkeys(("invalid_api_key", "authentication_error", "unauthenticated", "unauthorized"), 401),
    **dict.fromkeys(("permission_error", "permission_denied", "forbidden"), 403),
    **dict.fromkeys(("model_not_found", "not_found_error", "not_found", "deploymentnotfound"), 404),
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "too_many_requests"), 429),
    **dict.fromkeys(("invalid_request_error", "bad_request", "badrequesterror", "invalid_argument"), 400),
    **dict.fromkeys(("context_length_exceeded", "unsupported_parameter", "unsupported_value", "content_filter"), 400),
    **dict.fromkeys(("overloaded_error", "overloaded", "service_unavailable", "unavailable"), 503),
}
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,400})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*+>")
_THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", "thought")


@dataclass(frozen=True, slots=True)
class ServerError:
    """A failure as a server reports it.

    Attributes:
        status: the HTTP status that it amounts to, which need not be that of the response; 0 if there is none.
        message: one short line, without anything shaped like a key.
        code: the server's own word for it, in lower case.
        param: the field of the request that it is about; empty if the server does not say.
    """

    status: int
    message: str
    code: str = ""
    param: str = ""

    @property
    def is_malformed(self) -> bool:
        """Whether the response was neither a reply nor an error that can be understood."""
        return self.code == MALFORMED


def read_response(status: int, body: bytes, prompt: Prompt) -> Reply | ServerError:
    """The reply in a response, or its failure.

    Args:
        status: the HTTP status.
        body: as it came, decompressed.
        prompt: what was asked.
    """
    if status != 200:
        return error_in(status, body)
    value = parsed(body)
    if value is None and (events := list(_events(body))):
        return _read_stream(events, prompt)
    if value is None:
        return ServerError(0, _no_json(body), MALFORMED)
    return read_value(value, prompt)


def read_value(value: Any, prompt: Prompt) -> Reply | ServerError:
    """Like `read_response`, for the parsed body of a response with status 200."""
    if not isinstance(value, dict):
        return _error_of(value) if isinstance(value, list) else ServerError(0, "the response is no object", MALFORMED)
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return _read_choice(choices[0], value, prompt)
    if value.get("error") or value.get("object") == "error" or value.get("detail"):
        return _error_of(value)
    reported = "`choices` is empty" if choices == [] else "there are no `choices` in it"
    return ServerError(0, f"the response holds no reply: {reported}", MALFORMED)


def error_in(status: int, body: bytes) -> ServerError:
    """The failure that a response with a status other than 200 reports."""
    value = parsed(body)
    if value is None:
        return ServerError(status, _line(_visible_text(body)) or "no message")
    return _error_of(value, status)


def parsed(body: bytes) -> Any:
    """A body as JSON; None if it is not JSON. A byte order mark, NaN, lone surrogates and text after it do no harm."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.JSONDecoder().raw_decode(body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))[0]
    except (ValueError, RecursionError):
        return None


def packed(value: Any) -> bytes:
    r"""A value that `parsed` returned as JSON again; empty if it is nested more deeply than any reply.

    Example:
        >>> packed({"half a character": "\ud800"}), packed(10**30)
        (b'{"half a character": "\\ud800"}', b'1000000000000000000000000000000')
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # more than 254 levels, numbers beyond 64 bits, or half a character
        pass
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b""


def _read_choice(choice: dict[str, Any], body: dict[str, Any], prompt: Prompt) -> Reply | ServerError:
    error = choice.get("error")
    if error or choice.get("finish_reason") == "error":
        return _error_of({"error": error or body.get("error") or "the server broke off"})
    message = choice.get("message", choice.get("delta"))
    if message is None and "text" in choice:
        message = {"content": choice["text"]}
    if not isinstance(message, dict):
        return ServerError(0, "the response holds no reply: its choice has no message", MALFORMED)
    text, thought = _parts(message.get("content"))
    thought = thought or next((found for name in _THOUGHT_FIELDS if (found := _thought(message.get(name)))), "")
    thought = thought or _thought(message.get("reasoning_details"))
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) and finish else "stop"
    refusal = message.get("refusal")
    if not text and isinstance(refusal, str) and refusal:
        text, finish = refusal, REFUSAL
    text = text or _called(message)
    text, thought = clean(text), clean(thought)
    cut = cut_at_stop(text, prompt.sampling.stop)
    finish = "stop" if cut != text else clean(finish)
    usage, model = body.get("usage"), body.get("model")
    named = clean(model) if isinstance(model, str) else prompt.model
    counts = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return Reply(cut, finish, *counts, named, thought=thought)


def reasoning_tokens(body: bytes) -> int:
    """How many tokens of a reply were thoughts that the server counts but does not show; 0 if it does not say."""
    if b"reasoning_tokens" not in body:
        return 0
    value = parsed(body)
    usage = value.get("usage") if isinstance(value, dict) else None
    return _count(usage.get("completion_tokens_details"), "reasoning_tokens") if isinstance(usage, dict) else 0


def _parts(content: Any) -> tuple[str, str]:
    """(text, thought) of a message's content: a text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):  # JSON that the server has parsed already
        inner = content.get("text")
        return (inner if isinstance(inner, str) else packed(content).decode()), ""
    texts, thoughts = [], []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind = str(part.get("type", "text"))
            if kind in ("thinking", "reasoning", "redacted_thinking"):
                thoughts.append(_thought(part.get("thinking") or part.get("reasoning") or part.get("text")))
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
    return "".join(texts), "".join(thoughts)


def _thought(value: Any) -> str:
    """A thought as servers give it: a text, an object with a text, or a list of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return next((value[name] for name in ("text", "content", "summary") if isinstance(value.get(name), str)), "")
    return "".join(_thought(part) for part in value if not isinstance(part, list)) if isinstance(value, list) else ""


def _called(message: dict[str, Any]) -> str:
    """The arguments of the first tool call, which some servers send instead of JSON content."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else {"function": message.get("function_call")}
    function = call.get("function") if isinstance(call, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict):
        return packed(arguments).decode()
    return arguments if isinstance(arguments, str) else ""


def _events(body: bytes) -> Iterator[Any]:
    """The JSON values of a stream of server-sent events; nothing if the body is not such a stream."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not text.startswith(("data:", "event:", "id:", ":")):
        return
    for line in text.splitlines():
        data = line[5:].strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            yield data
        elif data and (value := parsed(data.encode())) is not None:
            yield value


def _read_stream(events: list[Any], prompt: Prompt) -> Reply | ServerError:
    """One reply, joined from the pieces of a stream."""
    text, thought, refusal, finish, calls = [], [], [], "", []
    whole: dict[str, Any] = {}
    for event in events:
        if not isinstance(event, dict):
            continue
        if event.get("error") or event.get("object") == "error":
            return _error_of(event)
        whole |= {name: event[name] for name in ("model", "usage") if event.get(name)}
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or choice.get("index", 0) != 0:
                continue
            if choice.get("error"):
                return _error_of(choice)
            finish = choice.get("finish_reason") or finish
            piece = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
            if isinstance(piece, dict):
                parts = _parts(piece.get("content"))
                text.append(parts[0])
                thought.append(parts[1] or next((_thought(piece[n]) for n in _THOUGHT_FIELDS if piece.get(n)), ""))
                refusal.append(_thought(piece.get("refusal")))
                calls.append(_called(piece))
    if not finish and "[DONE]" not in events:
        return ServerError(0, "the stream broke off before its end", MALFORMED)
    message = {"content": "".join(text) or "".join(calls), "reasoning": "".join(thought), "refusal": "".join(refusal)}
    return _read_choice({"message": message, "finish_reason": finish}, whole, prompt)


def _error_of(value: Any, status: int = 0) -> ServerError:
    """The failure in a parsed body, in any of the usual shapes."""
    message, code, param, number = _described(value, 0)
    code = code.lower()
    inner = number if 400 <= number < 600 else STATUS_OF_CODE.get(code, 0)
    if status in (0, 200):
        status = inner or 500
    elif inner == 402:
        status = 402
    return ServerError(status, _line(message) or "no message", code, param)


def _described(value: Any, depth: int) -> tuple[str, str, str, int]:
    """(message, code, param, number) of an error: an object, a list, a text, or an error within an error."""
    if isinstance(value, list):
        return _of_list(value, depth)
    if not isinstance(value, dict):
        return ("" if value is None else str(value)), "", "", 0
    inner = value.get("error")
    if isinstance(inner, dict | list) and depth < DEEPEST_MESSAGE:
        return _described(inner, depth + 1)
    codes = [value.get(name) for name in ("code", "type", "status", "error_type")]
    number = next((int(str(code)) for code in codes if str(code).isdecimal() and len(str(code)) < 10), 0)
    words = [code for code in codes if isinstance(code, str) and not code.isdecimal() and code != "error"]
    named = next((word for word in words if word.lower() in STATUS_OF_CODE), words[0] if words else "")
    param = value.get("param")
    raw = value.get("metadata", {}).get("raw") if isinstance(value.get("metadata"), dict) else None
    detail = value.get("detail")
    if isinstance(detail, list | dict) and depth < DEEPEST_MESSAGE:
        found = _described(detail, depth + 1)
        return found[0], found[1] or named, found[2] or (param if isinstance(param, str) else ""), found[3] or number
    texts = [value.get("message"), value.get("msg"), detail, inner, value.get("errors"), raw]
    reported = [text if isinstance(text, str) else json.dumps(text) for text in texts if text]
    message = ": ".join(dict.fromkeys(reported)) or (json.dumps(value) if value else "")
    place = value.get("loc")
    if isinstance(place, list) and place:  # FastAPI's: the place of the fault in the request
        param = ".".join(str(step) for step in place if step != "body")
        message = f"{param}: {message}"
    return message, named, param if isinstance(param, str) else "", number


def _of_list(values: list[Any], depth: int) -> tuple[str, str, str, int]:
    if depth >= DEEPEST_MESSAGE or not values:
        return "", "", "", 0
    found = [_described(value, depth + 1) for value in values[:5]]
    first = next((one for one in found if one[1] or one[2]), found[0])
    return "; ".join(dict.fromkeys(one[0] for one in found if one[0])), *first[1:]


def _no_json(body: bytes) -> str:
    if not body.strip():
        return "the response is empty"
    is_page = bool(re.match(rb"\s*<", body[:2000]))
    start = _line(_visible_text(body))[:100]
    if is_page:
        return f"a web page came in place of a reply ({start})" if start else "a web page came in place of a reply"
    if body.lstrip()[:1] in (b"{", b"["):
        return "the response is broken JSON"
    return f"the response is no JSON ({start})"


def _visible_text(body: bytes) -> str:
    """The visible part of a body that is not JSON: the title of a page, else its text."""
    text = body[:20_000].decode("utf-8", "replace")
    if not re.match(r"\s*<", text):
        return text
    if title := _TITLE.search(text):
        return html.unescape(title[1])
    return html.unescape(_TAG.sub(" ", text))


def _line(text: str) -> str:
    line = " ".join(clean(KEY_SHAPE.sub("[key]", text[: 20 * LONGEST_MESSAGE])).split())
    return line[:LONGEST_MESSAGE].rstrip(".")


def clean(text: str) -> str:
    """The text without lone surrogates, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut_at_stop(text: str, stop: tuple[str, ...]) -> str:
    """The text before the first stop string: some servers leave it in, some ignore it."""
    return text[: min((at for name in stop if (at := text.find(name)) >= 0), default=len(text))]


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else 0
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
