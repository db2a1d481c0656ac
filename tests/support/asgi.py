"""A minimal browser: it calls the guarded application directly, keeps cookies and does not follow redirects."""

import asyncio
import html
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bootstruct.reviewing.app import Pages
from bootstruct.reviewing.serve import open_session
from bootstruct.reviewing.session import ReviewOptions, RunReview

HOST, PORT = "127.0.0.1", 8642


@dataclass
class Answer:
    """A response of the application."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def form(self) -> dict[str, str]:
        """Return the hidden fields of the first form that has an item."""
        part = self.text[self.text.index('name="item"') - 80 :]
        return {
            name: html.unescape(value)
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part)[:4]
        }

    def last(self) -> str:
        """Return the id of the judgement that undo would take back."""
        found = re.findall(r'/undo".*?name="id" value="(\w+)"', self.text, re.DOTALL)
        return str(found[0]) if found else ""


@dataclass
class Browser:
    """A browser with its cookies."""

    app: Any
    cookies: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        return asyncio.run(self.ask(method, path, body, **headers))

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        given = {"host": f"{HOST}:{PORT}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        bare, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": bare, "raw_path": bare.encode(), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value],
            "http_version": "1.1", "scheme": "http", "server": (HOST, PORT), "client": (HOST, 1), "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        result = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        if cookie := result.get("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(sent[0]["status"], result, b"".join(entry.get("body", b"") for entry in sent[1:]))

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        given = {"origin": f"http://{HOST}:{PORT}", "content_type": "application/x-www-form-urlencoded"} | headers
        return self.call("POST", path, urlencode(form).encode(), **given)


@dataclass
class Site:
    """A run folder with its review page, without a server."""

    session: RunReview
    guard: Any
    ledger: Any

    def browser(self) -> Browser:
        """Return a browser that has logged in with the token."""
        browser = Browser(self.guard)
        assert browser.get(f"/?token={self.guard.token}").status == 200
        return browser

    def close(self) -> None:
        self.ledger.close()


def open_site(run: Path, sheet: Path | None = None, **wanted: Any) -> Site:
    """Open the review of a run, or of a sheet of answers for it."""
    session, ledger = open_session(run, sheet, ReviewOptions(**wanted))
    return Site(session, Pages(session).guarded(HOST, PORT), ledger)


def judge_all(browser: Browser, reviewer: str, answers: str = "yes yes yes", most: int = 1000) -> int:
    """Give every item the same answers to the quality questions, and return the number of items."""
    names, count = ("task", "input", "output"), 0
    page = browser.get(f"/r/{reviewer}/quality")
    while "Save, next" in page.text and count < most:
        page = browser.post(f"/r/{reviewer}/quality", page.form() | dict(zip(names, answers.split(), strict=True)))
        count += 1
    return count
