"""Any OpenAI-compatible server, over HTTP: chat and text completions. A thin client: 0.2 ms of CPU per request.

The API key is held here only, and removed from everything that a server sends back before any other code sees it.
"""

import asyncio
import contextlib
import email.utils
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import orjson

from bootstruct.config.addresses import secrets_of, shown_address
from bootstruct.config.machine import DEFAULT_KEY_ENV
from bootstruct.engines.redaction import LEAST_SECRET, Redactor
from bootstruct.engines.request_form import MOST_STEPS, NO_MODEL, REFUSALS, SCHEMA, RequestForm, RequestForms
from bootstruct.engines.response import ServerError, error_in, packed, read_response, reasoning_tokens
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, TransientError
from bootstruct.types import Prompt, Reply

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10
TRANSIENT_STATUSES = {408, 409, 424, 425, 429, 498}  # transient, like most 5xx (424: TGI's, 498: Groq's)
PERMANENT_STATUSES = {501, 505}  # the 5xx that say that the server never can
BEARER = "authorization"  # the usual header of a key, which then follows the word Bearer
NO_CREDIT = {"insufficient_quota", "billing_error", "billing_hard_limit_reached"}
_NO_CREDIT = re.compile(
    r"credit|insufficient (?:quota|funds|balance)|exceeded your current quota|billing", re.IGNORECASE
)
_BAD_KEY = re.compile(
    r"api[ _-]?key (?:not valid|is invalid|not found)|invalid api[ _-]?key|incorrect api key", re.IGNORECASE
)
MOST_BYTES = 16 * 2**20  # of a response, decompressed
MOST_FILE_BYTES = 2**30  # of a file of results, decompressed


class OpenAIEngine:
    """A client of one OpenAI-compatible server.

    Args:
        base_url: the address before `/chat/completions`, as in `http://127.0.0.1:8000/v1`.
        key: the API key, None for servers without one.
        timeout: seconds that a request may take.
        key_header: the header that holds the key.
        headers: further headers, none of them secret.
        key_env: the environment variable with the key, for hints.
        forms: the forms of requests to servers, shared with others and kept by the run; None for forms of its own.

    Attributes:
        where: the address without credentials, as it may be shown.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        timeout: float = 120.0,
        key_header: str = BEARER,
        headers: Mapping[str, str] | None = None,
        key_env: str = DEFAULT_KEY_ENV,
        forms: RequestForms | None = None,
    ) -> None:
        self.base_url, self._key, self.timeout = base_url.rstrip("/"), key, timeout
        self._key_header, self._headers, self._key_env = key_header, headers or {}, key_env
        self.where = shown_address(self.base_url)
        self._redactor = Redactor([key or "", *secrets_of(self.base_url)])
        self.forms = forms or RequestForms()
        self._proxy = _proxy_for(self.base_url)
        self._session: aiohttp.ClientSession | None = None

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`. A field that the server refuses by name is left out or sent in another form from then on."""
        form = self.forms.of(self.where, prompt.model)
        known = dict(form.changes)
        sent = form.body(prompt)
        response, headers = await self._attempt(form, prompt, sent, {}, {})
        if isinstance(response, Reply):
            return response
        if form.changes == known and form.next_change(prompt, sent, response, {}) is None:
            raise self._error(response, headers, prompt.model, not prompt.is_chat)
        async with form.exploring:  # one request finds out for all
            return await self._explore(form, prompt, response, headers, known)

    async def _explore(
        self,
        form: RequestForm,
        prompt: Prompt,
        response: ServerError,
        headers: Mapping[str, str],
        known: Mapping[str, str],
    ) -> Reply:
        """Send a refused request again in other forms until the server accepts one; only that one is kept."""
        trial, reasons = dict[str, str](), dict[str, str]()
        sent = form.body(prompt)
        is_known = form.changes != known  # another request has found out while this one waited
        while True:
            if not is_known:
                change = form.next_change(prompt, sent, response, trial) if len(reasons) < MOST_STEPS else None
                if change is None:
                    form.note_failure()
                    raise self._error(response, headers, prompt.model, not prompt.is_chat)
                trial |= change
                reasons |= dict.fromkeys(change, response.message)
            is_known = False
            sent = form.body(prompt, trial)
            answer, headers = await self._attempt(form, prompt, sent, trial, reasons)
            if isinstance(answer, Reply):
                return answer
            response = answer

    async def _attempt(
        self,
        form: RequestForm,
        prompt: Prompt,
        sent: Mapping[str, Any],
        trial: Mapping[str, str],
        reasons: Mapping[str, str],
    ) -> tuple[Reply | ServerError, Mapping[str, str]]:
        """Send a request once; its response and the headers. Information in the reply about the form is kept."""
        status, headers, body = await self.post(_path(prompt), dict(sent))
        response = read_response(status, body, prompt)
        if isinstance(response, Reply):
            new = form.adopt(trial, reasons)
            form.has_proven_schema |= bool(prompt.schema) and form.changes.get(SCHEMA) != ""
            self.forms.report([*new, *form.make_room(prompt, response, reasoning_tokens(body))])
        return response, headers

    async def post(self, path: str, payload: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """POST a JSON payload to a path of the API.

        Returns:
            Status, headers, and the body without the key.

        Raises:
            TransientError: no complete response came.
            EngineUnavailableError: the address is not one.
        """
        return await self.call("POST", path, orjson.dumps(payload))

    async def call(
        self,
        method: str,
        path: str,
        data: "bytes | aiohttp.FormData | None" = None,
        seconds: float | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Make one HTTP request; returns and raises as `post`.

        Args:
            method: of HTTP.
            path: below the base address.
            data: JSON or a form.
            seconds: the most that the request may take, if that is not the usual timeout.
            most_bytes: the largest allowed response, decompressed.
        """
        import aiohttp

        session, headers = self._open(), {"content-type": "application/json"} if isinstance(data, bytes) else None
        timeout = aiohttp.ClientTimeout(total=seconds or self.timeout, sock_connect=CONNECT_SECONDS)
        try:
            async with session.request(
                method,
                self._address(path),
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                body = self._without_key(await self._read(response, most_bytes))
                return response.status, response.headers, body
        except aiohttp.ConnectionTimeoutError:
            raise TransientError(
                0, f"cannot connect to {self.where} within {CONNECT_SECONDS} s", connected=False
            ) from None
        except TimeoutError:
            raise TransientError(0, f"no response within {self.timeout:g} s (--timeout)") from None
        except aiohttp.ClientConnectorCertificateError as exc:
            raise EngineUnavailableError(_refused_certificate(self.where, exc.certificate_error)) from None
        except aiohttp.ClientConnectorSSLError as exc:
            raise TransientError(
                0, f"cannot connect to {self.where} over TLS: {_reason(exc)}", connected=False
            ) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            raise EngineUnavailableError(
                f"{self.where}: not an address; give it as --base-url http://HOST:PORT/v1."
            ) from None
        except aiohttp.ClientConnectorError as exc:
            raise TransientError(0, f"cannot connect to {self.where}: {_reason(exc)}", connected=False) from None
        except (aiohttp.ClientError, OSError) as exc:
            raise TransientError(0, f"the connection broke ({type(exc).__name__})") from None

    async def _read(self, response: "aiohttp.ClientResponse", most_bytes: int) -> bytes:
        """The body of a response, unless it is too large."""
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(2**16):
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise TransientError(
                    0,
                    f"the response is larger than {most_bytes // 2**20} MiB, which is too large for a reply",
                    is_malformed=True,
                )
        return b"".join(pieces)

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            headers = dict(self._headers)
            if self._key:
                headers[self._key_header] = self._key if self._key_header != BEARER else f"Bearer {self._key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),  # the limiter decides how many at once
                headers=headers,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _error(self, error: ServerError, headers: Mapping[str, str], model: str, is_text: bool = False) -> Exception:
        """What a failure means for the run; `is_text` if a text was to be continued."""
        status, message = error.status, error.message
        if self._key and len(self._key) < LEAST_SECRET:
            message = re.sub(rf"(?<!\w){re.escape(self._key)}(?!\w)", "[key]", message)
        if error.is_malformed:
            return TransientError(0, f"{self.where}: {message}", connected=False, is_malformed=True)
        where = f"{self.where} answers with status {status}: {message}"
        if status == 402 or error.code in NO_CREDIT or (status in (403, 429) and _NO_CREDIT.search(message)):
            return EngineUnavailableError(
                f"{where}; the account has no credit left: add some, then run the same command again."
            )
        if status in (401, 403) or _BAD_KEY.search(message):
            return EngineUnavailableError(f"{where}; {key_hint(self._key_env, bool(self._key))}.")
        if status == 404 and is_text and not NO_MODEL.search(message):
            return EngineUnavailableError(
                f"{where}; a server with chat completions only needs `bootstruct init RUN --recipe chat`; any other needs an "
                "address that ends in /v1."
            )
        if status == 404 or (status == 400 and NO_MODEL.search(message)):
            return EngineUnavailableError(
                f"{where}; check that the server has the model {model!r} and that its address ends in /v1."
            )
        if 300 <= status < 400:
            return EngineUnavailableError(f"{where}; the server has moved: give its new address with --base-url.")
        if status in TRANSIENT_STATUSES or (status >= 500 and status not in PERMANENT_STATUSES):
            return TransientError(status, message, _retry_after(headers))
        return RequestRejectedError(status, message)

    def _address(self, path: str) -> str:
        """The full address of a path; a query in the base address (Azure's api-version) follows the path."""
        before, mark, query = self.base_url.partition("?")
        if not mark:
            return before + path
        return f"{before.rstrip('/')}{path}{'&' if '?' in path else '?'}{query}"

    def request_for(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        """(path below /v1, body) of a request, in the form that this server is known to accept, for batches."""
        return _path(prompt), self.forms.of(self.where, prompt.model).body(prompt)

    def adapt(self, prompt: Prompt, status: int, body: Any) -> bool:
        """Whether a request of a batch was refused for its form, which is then changed for later requests."""
        response = self.batched_response(prompt, status, body)
        if isinstance(response, Reply):
            return False
        as_sent = RequestForm(self.where, prompt.model)  # lines of one batch all went out before the first was refused
        change = (
            as_sent.next_change(prompt, as_sent.body(prompt), response, {}) if response.status in REFUSALS else None
        )
        if change is None:
            return False
        if SCHEMA in change:
            change[SCHEMA] = ""  # another form may be refused again, hours later
        reasons = dict.fromkeys(change, response.message)
        self.forms.report(self.forms.of(self.where, prompt.model).adopt(change, reasons))
        return True

    def batched_response(self, prompt: Prompt, status: int, body: Any) -> Reply | ServerError:
        """The reply or the failure in the body of a line of a batch, without the key."""
        content = self._without_key(packed(body))
        response = read_response(status, content, prompt)
        if isinstance(response, Reply):
            form = self.forms.of(self.where, prompt.model)
            self.forms.report(form.make_room(prompt, response, reasoning_tokens(content)))
        return response

    def reason_of(self, body: Any) -> str:
        """Why a request was refused, from the body of a line of a batch."""
        return error_in(0, self._without_key(packed(body))).message

    def error_for(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """The error that a status other than 200 means, for a request that names no model."""
        return self._error(error_in(status, body), headers, "")

    def _without_key(self, content: bytes) -> bytes:
        return self._redactor.clean(content)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # let the transports close
            self._session = None


def _proxy_for(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for an address; none for this machine itself."""
    address = urlsplit(url)
    host = address.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all")


def _reason(exc: Exception) -> str:
    cause = getattr(exc, "_os_error", exc)
    return getattr(cause, "strerror", None) or type(cause).__name__


def _refused_certificate(where: str, exc: Exception) -> str:
    reason = getattr(exc, "verify_message", "") or type(exc).__name__
    return (
        f"The certificate of {where} was refused ({reason}): check the address; for a certificate of your own, name "
        "its file in the environment variable SSL_CERT_FILE."
    )


def _path(prompt: Prompt) -> str:
    return "/chat/completions" if prompt.is_chat else "/completions"


def key_hint(key_env: str, is_set: bool) -> str:
    """What to do about a key that a server refuses, naming the variable of the key.

    Args:
        key_env: the environment variable (`MachineSettings.key_env`).
        is_set: whether it holds a key.
    """
    if is_set:
        return f"check the key in {key_env} and its rights"
    return f"set the key in the environment variable {key_env} (`key_env` in machine.yaml names another one)"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: a number, or a date, which is compared with the server's own clock."""
    if (pause := headers.get("retry-after-ms")) is not None:
        with contextlib.suppress(ValueError):
            return max(0.0, float(pause) / 1000)
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
