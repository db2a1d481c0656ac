"""Any OpenAI-compatible server, over HTTP: chat and text completions. A thin client: 0.2 ms of CPU a request.

The key is held here only, and taken out of everything a server sends back before anyone else sees it.
"""

import asyncio
import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from bootstruct.domain import Prompt, Reply
from bootstruct.errors import DoorClosed, Passing, Permanent

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10
PASSING = {408, 409, 425, 429}
BEARER = "authorization"  # the usual header of a key, behind the word Bearer
NEVER = {501, 505}  # the server cannot, and will not be able to
KEY_SHAPE = re.compile(r"\b(sk|pk|key|token)-[A-Za-z0-9_*\-]{8,}")
LEAST_SECRET = 8  # characters; a shorter key ("EMPTY", "none") is no secret, and its letters stand in honest replies
WANTS_OTHER_NAME = "max_completion_tokens"
NO_SCHEMAS = {400, 404, 422, 501}  # how servers answer that do not know `response_format`, or not this schema


class OpenAI:
    """base_url ends before `/chat/completions`, as in `http://127.0.0.1:8000/v1`. timeout: seconds a call may take.

    key_header: which header holds the key. headers: more of them, none of them secret.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        timeout: float = 120.0,
        key_header: str = BEARER,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url, self._key, self.timeout = base_url.rstrip("/"), key, timeout
        self._key_header, self._headers = key_header, headers or {}
        self.where = _without_credentials(self.base_url)
        self._secret = (key or "").encode() if len(key or "") >= LEAST_SECRET else b""
        self._session: aiohttp.ClientSession | None = None
        self._limit_name = "max_tokens"
        self._takes_schema: dict[tuple[str, str], bool] = {}  # (model, schema): as far as answers have told

    async def complete(self, prompt: Prompt) -> Reply:
        asked = (prompt.model, prompt.schema)
        with_schema = bool(prompt.schema) and self._takes_schema.get(asked, True)
        status, headers, body, answer = await self._put(prompt, with_schema)
        if with_schema and status in NO_SCHEMAS and not self._takes_schema.get(asked, False):
            with_schema = False
            status, headers, body, answer = await self._put(prompt, with_schema)
        if status != 200:  # with a schema or without: it is the question that is refused
            raise self._refusal(status, headers, *_error_of(body), prompt.model)
        self._takes_schema.setdefault(asked, with_schema)
        return reply_of(answer, prompt)

    async def _put(self, prompt: Prompt, with_schema: bool) -> tuple[int, Mapping[str, str], bytes, Any]:
        """(status, headers, body, body as JSON) of one question."""
        path = "/chat/completions" if prompt.is_chat else "/completions"
        limit_name = self._limit_name
        status, headers, body = await self.post(path, self._payload(prompt, with_schema))
        if status == 400 and limit_name != WANTS_OTHER_NAME and WANTS_OTHER_NAME.encode() in body:
            self._limit_name = WANTS_OTHER_NAME  # newer OpenAI models know the limit by this name only
            status, headers, body = await self.post(path, self._payload(prompt, with_schema))
        answer = _parsed(body) if status == 200 else None
        if isinstance(answer, dict) and "choices" not in answer and isinstance(answer.get("error"), dict):
            code = answer["error"].get("code")  # some gateways tell the errors of others with a 200
            status = code if isinstance(code, int) and 400 <= code < 600 else status
        return status, headers, body, answer

    def _payload(self, prompt: Prompt, with_schema: bool = True) -> dict[str, Any]:
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
        if prompt.schema and prompt.is_chat and with_schema:
            form = {"name": prompt.step, "strict": True, "schema": orjson.loads(prompt.schema)}
            payload["response_format"] = {"type": "json_schema", "json_schema": form}
        return payload

    async def post(self, path: str, payload: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body without the key) of one call. Raises Passing where no whole answer came."""
        return await self.call("POST", path, orjson.dumps(payload))

    async def call(
        self, method: str, path: str, data: "bytes | aiohttp.FormData | None" = None, seconds: float | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Like `post`; data: JSON or a form. seconds: the most it may take, if not the usual."""
        import aiohttp

        session, headers = self._open(), {"content-type": "application/json"} if isinstance(data, bytes) else None
        timeout = aiohttp.ClientTimeout(total=seconds or self.timeout, sock_connect=CONNECT_SECONDS)
        try:
            async with session.request(
                method, self._address(path), data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await response.read()
                return response.status, response.headers, body.replace(self._secret, b"[key]") if self._secret else body
        except aiohttp.ConnectionTimeoutError:
            raise Passing(0, f"cannot connect to {self.where} within {CONNECT_SECONDS} s", connected=False) from None
        except TimeoutError:
            raise Passing(0, f"no answer within {self.timeout:g} s") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            raise DoorClosed(f"{self.where}: not an address; give it as --base-url http://HOST:PORT/v1.") from None
        except aiohttp.ClientConnectorError as exc:
            cause = getattr(exc, "_os_error", exc)  # errors of certificates have none
            reason = getattr(cause, "strerror", None) or type(cause).__name__
            raise Passing(0, f"cannot connect to {self.where}: {reason}", connected=False) from None
        except (aiohttp.ClientError, OSError) as exc:
            raise Passing(0, f"the connection broke ({type(exc).__name__})") from None

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            headers = dict(self._headers)
            if self._key:
                headers[self._key_header] = self._key if self._key_header != BEARER else f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),  # how many at once is the gate's business
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _refusal(self, status: int, headers: Mapping[str, str], message: str, code: str, model: str) -> Exception:
        """What a status other than 200 means for the run."""
        if self._key and len(self._key) < LEAST_SECRET:
            message = re.sub(rf"(?<!\w){re.escape(self._key)}(?!\w)", "[key]", message)
        where = f"{self.where} answers {status}: {message}"
        if status in (401, 403):
            hint = "check the key and its rights" if self._key else "set the key in the environment (OPENAI_API_KEY)"
            return DoorClosed(f"{where}; {hint}.")
        if status == 402 or code == "insufficient_quota":
            return DoorClosed(f"{where}; the account has no money left: add some, then run the same command again.")
        if status == 404:
            return DoorClosed(f"{where}; does this server have the model {model!r}, and does its address end in /v1?")
        if 300 <= status < 400:
            return DoorClosed(f"{where}; the server has moved: give its new address with --base-url.")
        if status in PASSING or (status >= 500 and status not in NEVER):
            return Passing(status, message, _retry_after(headers))
        return Permanent(status, message)

    def _address(self, path: str) -> str:
        """What stands behind a `?` in the base address (Azure's api-version) goes behind each path."""
        before, mark, query = self.base_url.partition("?")
        if not mark:
            return before + path
        return f"{before.rstrip('/')}{path}{'&' if '?' in path else '?'}{query}"

    def question(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        """(path behind /v1, body) of a question, as this server is known to want it: for batches."""
        with_schema = self._takes_schema.get((prompt.model, prompt.schema), True)
        return "/chat/completions" if prompt.is_chat else "/completions", self._payload(prompt, with_schema)

    def learn(self, prompt: Prompt, status: int, body: Any) -> bool:
        """True where a question of a batch was refused for its form; it is asked in another one from now on."""
        told = str(body)
        if status == 400 and WANTS_OTHER_NAME in told:
            self._limit_name = WANTS_OTHER_NAME
            return True
        if prompt.schema and status in NO_SCHEMAS and ("response_format" in told or "schema" in told):
            self._takes_schema[prompt.model, prompt.schema] = False
            return True
        return False

    def heard(self, prompt: Prompt, body: Any) -> Reply:
        """The reply in the body of a batch's line, the key taken out of it."""
        if self._secret and self._secret in (told := orjson.dumps(body)):
            body = orjson.loads(told.replace(self._secret, b"[key]"))
        return reply_of(body, prompt)

    def reason_of(self, body: Any) -> str:
        """Why a question was refused, from the body of a batch's line."""
        told = orjson.dumps(body)
        return _error_of(told.replace(self._secret, b"[key]") if self._secret else told)[0]

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """What a status other than 200 means for the run, where no model was asked."""
        return self._refusal(status, headers, *_error_of(body), "")

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # let the transports close
            self._session = None


def read_reply(body: bytes, prompt: Prompt) -> Reply:
    """The reply in a 200 body. What cannot be read is an empty reply that finished `unreadable`: a fact, not a crash."""
    return reply_of(_parsed(body), prompt)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        try:
            return json.loads(body.decode("utf-8", "replace"))  # lone surrogates, NaN: lenient, cleaned later
        except (ValueError, RecursionError):
            return None


def reply_of(answer: Any, prompt: Prompt) -> Reply:
    """The reply in a parsed answer, whatever it is; see `read_reply`."""
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        finish = choice.get("finish_reason") or "stop"
        usage, model = answer.get("usage"), answer.get("model")
    except (KeyError, IndexError, TypeError, AttributeError):
        return Reply("", "unreadable")
    if not isinstance(text, str):
        text, finish = "", finish if text is None else "unreadable"
    clean = _clean(text)
    cut = cut_at_stop(clean, prompt.sampling.stop)
    finish = "stop" if cut != clean else _clean(str(finish))
    named = _clean(model) if isinstance(model, str) else prompt.model
    return Reply(cut, finish, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), named)


def _clean(text: str) -> str:
    """Without lone surrogates, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut_at_stop(text: str, stop: tuple[str, ...]) -> str:
    """The text up to the first stop string: some servers leave it in, some ignore it."""
    return text[: min((at for each in stop if (at := text.find(each)) >= 0), default=len(text))]


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else 0
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _error_of(body: bytes) -> tuple[str, str]:
    """(message, code) of an error body, key-shaped words taken out, on one line and short."""
    answer = _parsed(body)
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    code = ""
    if isinstance(error, dict):
        code = str(error.get("code") or error.get("type") or "")
        message = error.get("message") or error.get("detail") or error
    else:
        message = error if error is not None else body.decode("utf-8", "replace")
    line = " ".join(_clean(KEY_SHAPE.sub("[key]", str(message))).split())
    return line[:300].rstrip(".") or "no message", code


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait: a number, or a date, which is held against the server's own clock."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        now = headers.get("date")
        until = email.utils.parsedate_to_datetime(value).timestamp()
        return max(0.0, until - (email.utils.parsedate_to_datetime(now).timestamp() if now else time.time()))
    except (ValueError, TypeError, OverflowError):
        return None


def _without_credentials(url: str) -> str:
    """The address as it may be shown: no user, no password, no query."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])
