"""The guard of the review page: which requests pass, and what a page may do. Plain ASGI around the whole application.

- The Host header must name this server: a foreign name that was made to point here (DNS rebinding) is rejected.
- A random token gives access once; from then on a cookie does (HttpOnly, SameSite=Strict).
- A request that changes something must come from a page of ours (Origin, Sec-Fetch-Site).
- Nothing foreign is loaded and nothing inline runs: the policy allows only this server's own files.
"""

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY: Final = 64 * 1024  # bytes of a form
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    # The token page is the only address with a secret in it and says `no-referrer`. Elsewhere `same-origin`: under
    # `no-referrer` browsers hide the origin of a form from ourselves too (they send `Origin: null`).
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ("cache-control", "no-store"),
)
OPEN: Final = "/static/"  # style and script of the package; no secret in them


class Guard:
    """Passes permitted requests on to `app`, and gives every response its headers.

    Args:
        host, port: the address of the server. `refusal(title, text)` makes the page that says why not.
    """

    def __init__(self, app: App, host: str, port: int, refusal: Callable[[str, str], str], welcome: str) -> None:
        self.token = secrets.token_urlsafe(32)
        self._app, self._host, self._port, self._refusal, self._welcome = app, host, port, refusal, welcome
        self._pass = secrets.token_urlsafe(32)
        self.cookie = f"bootstruct_review_{port}"  # cookies know no ports: two servers must not share one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it is permitted."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self.is_own_host(host) or sum(name == b"host" for name, _ in scope["headers"]) != 1:
            await self._refuse(send, 421, "Wrong address", "This server does not answer under that name.")
        elif scope["path"].startswith(OPEN) and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, _with_headers(send))
        elif scope["path"] == "/" and b"token=" in scope["query_string"]:
            await self._enter(scope, send)
        elif not self._knows(headers.get("cookie", "")):
            text = "Open the address that bootstruct review printed when it was started; it changes with every start."
            await self._refuse(send, 403, "This page needs the printed address", text)
        elif scope["method"] not in ("GET", "HEAD") and not _is_ours(headers, host):
            await self._refuse(send, 403, "Rejected", "This was sent by a page of another site.")
        elif (bounded := await _bounded(receive)) is None:
            await self._refuse(send, 413, "Too long", f"A form may contain {MOST_BODY // 1024} KB.")
        else:
            await self._app(scope, bounded, _with_headers(send))

    def is_own_host(self, host: str) -> bool:
        """True if a Host header names this server: what it is bound to, or `localhost` for the machine itself.

        Bound to all addresses, any address goes (rebinding needs a name), and the machine's own name.
        """
        name, _, port = host.rpartition(":")
        if port != str(self._port):
            return False
        name, bound = name.strip("[]").lower(), self._host.strip("[]").lower()
        if name == bound or (name == "localhost" and _is_loopback(bound)):
            return True
        if bound not in ("0.0.0.0", "::"):
            return False
        return _is_address(name) or name in ("localhost", socket.gethostname().lower(), socket.getfqdn().lower())

    def _knows(self, given: str) -> bool:
        pairs = (part.strip().partition("=") for part in given.split(";"))  # by hand: others' cookies may be malformed
        return any(name == self.cookie and _same(value, self._pass) for name, _, value in pairs)

    async def _enter(self, scope: Scope, send: Send) -> None:
        pairs = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        given = pairs.get("token", "")
        if scope["method"] != "GET" or not _same(given, self.token):
            text = "The token in this address belongs to an earlier start. Copy the address that was printed last."
            await self._refuse(send, 403, "Wrong token", text)
            return
        cookie = f"{self.cookie}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
        # A page instead of a redirect: a strict cookie would not travel along a redirect that began on another site.
        await _answer(send, 200, self._welcome, (("set-cookie", cookie), ("referrer-policy", "no-referrer")))

    async def _refuse(self, send: Send, status: int, title: str, text: str) -> None:
        await _answer(send, status, self._refusal(title, text))


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_ours(headers: dict[str, str], host: str) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    return origin == f"http://{host}" or (origin in (None, "null") and site == "same-origin")


async def _bounded(receive: Receive) -> Receive | None:
    """The request's body, read whole; None if it is longer than a form may be."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > MOST_BODY:
            return None
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {name.encode() for name, _ in HEADERS}
            kept = [row for row in message.get("headers", []) if row[0].lower() not in ours]
            message["headers"] = kept + [(name.encode(), value.encode()) for name, value in HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, page: str, more: tuple[tuple[str, str], ...] = ()) -> None:
    body = page.encode("utf-8", "replace")
    headers = dict(HEADERS) | dict(more)
    headers |= {"content-type": "text/html; charset=utf-8", "content-length": str(len(body))}
    start = {"status": status, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body})
