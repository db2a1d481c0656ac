"""Any OpenAI-compatible server, over HTTP: chat and text completions. A thin client: 0.2 ms of CPU a request.

The key is held here only, and taken out of everything a server sends back before anyone else sees it.
"""

import asyncio
import email.utils
import json
import re
import time
from typing import TYPE_CHECKING, Any

import orjson

from bootstruct.domain import Prompt, Reply
from bootstruct.errors import DoorClosed, Passing, Permanent

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10
PASSING = {408, 409, 425, 429}
KEY_SHAPE = re.compile(rb"\b(sk|pk|key|token)-[A-Za-z0-9_*\-]{8,}")
WANTS_OTHER_NAME = "max_completion_tokens"


class OpenAI:
    """base_url ends before `/chat/completions`, as in `http://127.0.0.1:8000/v1`. timeout: seconds a call may take."""

    def __init__(self, base_url: str, key: str | None, timeout: float = 120.0) -> None:
        self.base_url, self._key, self.timeout = base_url.rstrip("/"), key, timeout
        self._session: aiohttp.ClientSession | None = None
        self._limit_name = "max_tokens"

    async def complete(self, prompt: Prompt) -> Reply:
        path = "/chat/completions" if prompt.is_chat else "/completions"
        status, headers, body = await self._post(path, self._payload(prompt))
        if status != 200:
            if status == 400 and WANTS_OTHER_NAME.encode() in body and self._limit_name != WANTS_OTHER_NAME:
                self._limit_name = WANTS_OTHER_NAME  # newer OpenAI models know the limit by this name only
                return await self.complete(prompt)
            raise self._refusal(status, headers, body, prompt.model)
        return read_reply(body, prompt)

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        sampling = prompt.sampling
        payload: dict[str, Any] = {
            "model": prompt.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self._limit_name: sampling.max_tokens,
            "seed": prompt.sample,
        }
        if prompt.is_chat:
            payload["messages"] = [{"role": each.role, "content": each.content} for each in prompt.messages]
        else:
            payload["prompt"] = prompt.text
        if sampling.presence_penalty:
            payload["presence_penalty"] = sampling.presence_penalty
        if sampling.frequency_penalty:
            payload["frequency_penalty"] = sampling.frequency_penalty
        if sampling.stop:
            payload["stop"] = list(sampling.stop)
        return payload

    async def _post(self, path: str, payload: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """(status, headers with lower-case names, body) of one call. Raises Passing where no whole answer came."""
        import aiohttp

        session = self._open()
        try:
            async with session.post(self.base_url + path, data=orjson.dumps(payload)) as response:
                body = await response.read()
                return response.status, {k.lower(): v for k, v in response.headers.items()}, self._without_key(body)
        except TimeoutError:
            raise Passing(0, f"no answer within {self.timeout:g} s") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise DoorClosed(f"{self.base_url}: not an address; give it as --base-url http://HOST:PORT/v1.") from None
        except aiohttp.ClientConnectorError as exc:
            raise Passing(0, f"cannot connect to {self.base_url}: {exc.os_error.strerror}", connected=False) from None
        except (aiohttp.ClientError, OSError) as exc:
            raise Passing(0, f"{type(exc).__name__}: {self._without_key(str(exc).encode()).decode()}") from None

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            headers = {"content-type": "application/json"}
            if self._key:
                headers["authorization"] = f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),  # how many at once is the gate's business
                timeout=aiohttp.ClientTimeout(total=self.timeout, sock_connect=CONNECT_SECONDS),
                headers=headers,
            )
        return self._session

    def _without_key(self, body: bytes) -> bytes:
        return body.replace(self._key.encode(), b"[key]") if self._key else body

    def _refusal(self, status: int, headers: dict[str, str], body: bytes, model: str) -> Exception:
        """What a status other than 200 means for the run."""
        message, code = _error_of(body)
        where = f"{self.base_url} answers {status}: {message}"
        if status in (401, 403):
            hint = "set the key in the environment (OPENAI_API_KEY)" if not self._key else "check the key and its rights"
            return DoorClosed(f"{where}; {hint}.")
        if code == "insufficient_quota":
            return DoorClosed(f"{where}; the account has no money left: add some, then run the same command again.")
        if status == 404:
            return DoorClosed(f"{where}; does this server have the model {model!r}, and does its address end in /v1?")
        if status in PASSING or status >= 500:
            return Passing(status, message, _retry_after(headers.get("retry-after")))
        return Permanent(status, message)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # let the transports close
            self._session = None


def read_reply(body: bytes, prompt: Prompt) -> Reply:
    """The reply in a 200 body. What cannot be read is an empty reply that finished `unreadable`: a fact, not a crash."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        try:
            answer = json.loads(body.decode("utf-8", "replace"))  # lone surrogates, NaN: lenient, cleaned below
        except (ValueError, RecursionError):
            return Reply("", "unreadable")
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        finish = choice.get("finish_reason") or "stop"
    except (KeyError, IndexError, TypeError):
        return Reply("", "unreadable")
    if not isinstance(text, str):
        text, finish = "", finish if text is None else "unreadable"
    usage = answer.get("usage") or {}
    prompt_tokens, completion_tokens = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
    model = answer.get("model")
    clean = text.encode("utf-8", "replace").decode()
    cut = cut_at_stop(clean, prompt.sampling.stop)
    if cut != clean:
        finish = "stop"
    named = model.encode("utf-8", "replace").decode() if isinstance(model, str) else prompt.model
    return Reply(cut, str(finish).encode("utf-8", "replace").decode(), prompt_tokens, completion_tokens, named)


def cut_at_stop(text: str, stop: tuple[str, ...]) -> str:
    """The text up to the first stop string: some servers leave it in, some ignore it."""
    return text[: min((at for each in stop if (at := text.find(each)) >= 0), default=len(text))]


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else 0
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _error_of(body: bytes) -> tuple[str, str]:
    """(message, code) of an error body, key-shaped words taken out, on one line and short."""
    body = KEY_SHAPE.sub(b"[key]", body)
    code = ""
    try:
        error = json.loads(body.decode("utf-8", "replace"))
        error = error.get("error", error) if isinstance(error, dict) else error
        message = error.get("message") or error.get("detail") or error if isinstance(error, dict) else error
        code = str(error.get("code") or "") if isinstance(error, dict) else ""
    except (ValueError, RecursionError):
        message = body.decode("utf-8", "replace")
    return " ".join(str(message).encode("utf-8", "replace").decode().split())[:300] or "no message", code


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
