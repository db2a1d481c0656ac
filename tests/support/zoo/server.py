"""The server: the simulator's HTTP connection in a thread, which answers as a quirk says, or well."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.support.simulator import Connection, Options, Simulator
from tests.support.simulator_texts import answer

FORMS = ("response_format", "guided_json", "format", "json_schema", "structured_outputs")
ITEMS = 8


def http(status: int, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    """Return a whole HTTP response; underscores in header names become hyphens."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body


def as_json(status: int, value: object, **headers: str) -> "Response":
    """Return a response whose body is this value as JSON."""
    return Response(http(status, orjson.dumps(value), **headers))


@dataclass(frozen=True)
class Response:
    """The bytes of a response, and what happens around them.

    Attributes:
        data: the bytes.
        then: `keep` the connection, `close` it in good order, `abort` it with a reset, or `hang` without an end.
        delay: the real seconds before the bytes.
    """

    data: bytes = b""
    then: str = "keep"
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """A request for a completion, and the good answer to it.

    Attributes:
        zoo: the server.
        path: the path of the address.
        headers: the headers by name in lower case.
        asked: the JSON body.
        number: the number of the request at this server, from 1.
        attempt: the number of the request among those with this prompt, from 1.
    """

    zoo: "Zoo"
    path: str
    headers: dict[str, str]
    asked: dict[str, Any]
    number: int
    attempt: int

    @property
    def is_chat(self) -> bool:
        return "chat" in self.path

    @property
    def prompt(self) -> str:
        if not self.is_chat:
            return str(self.asked["prompt"])
        return "\n".join(str(message["content"]) for message in self.asked["messages"])

    @property
    def is_json(self) -> bool:
        """Whether the request asks for a constrained reply, in any of the usual ways."""
        return any(self.asked.get(name) for name in FORMS)

    @property
    def step(self) -> str:
        return self.good()[0]

    @property
    def is_odd(self) -> bool:
        """Whether this is one of some requests for instances, which are the same ones in every run."""
        return self.step == "instances" and sum(self.prompt.encode()) % 3 == 0

    @property
    def limit(self) -> int:
        """The most tokens of the reply; the newer name of the field takes precedence."""
        asked = self.asked.get("max_completion_tokens") or self.asked.get("max_tokens")
        return int(asked) if asked else 4096

    def good(self, form: str = "") -> tuple[str, str]:
        """Return the step and the text of the good answer, which depends on the prompt alone."""
        return answer(self.prompt, self.prompt, ITEMS, form or ("json" if self.is_json else "fenced"))

    def text(self, form: str = "") -> str:
        """Return the good answer up to the first stop string."""
        text, stops = self.good(form)[1], self.asked.get("stop") or []
        ends = [at for stop in ([stops] if isinstance(stops, str) else stops) if (at := text.find(stop)) >= 0]
        return text[: min(ends)] if ends else text

    def usage(self, thought: str = "") -> dict[str, int]:
        used, written = max(1, len(self.prompt) // 4), max(1, len(self.text() + thought) // 4)
        return {"prompt_tokens": used, "completion_tokens": written, "total_tokens": used + written}

    def choice(self, **message: object) -> dict[str, Any]:
        """Return the only choice of the good answer, with these changes in its message."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
        if self.is_chat:
            return choice | {"message": {"role": "assistant", "content": self.text(), **message}}
        return choice | {"text": self.text()}

    def body(self, choice: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
        """Return the body of the good answer, with these changes."""
        kind = "chat.completion" if self.is_chat else "text_completion"
        head = {"id": f"zoo-{self.number}", "object": kind, "created": 1764500000, "model": self.asked.get("model")}
        return head | {"choices": [choice or self.choice()], "usage": self.usage()} | more

    def message(self, **message: object) -> Response:
        """Return the good answer with this message."""
        return as_json(200, self.body(self.choice(**message)))

    def ok(self, **more: object) -> Response:
        """Return the good answer with these changes in its body."""
        return as_json(200, self.body(**more))


class Zoo:
    """A server on a port of its own, which ends with the block.

    Attributes:
        behave: the quirk; None for the clean server.
        pace: the real seconds that each response takes.
        requests: all requests for completions.
        memory: whatever a quirk remembers.
        url: the address, as `--base-url` takes it.
    """

    def __init__(self, behave: Callable[[Request], Response | None] | None = None, pace: float = 0.0) -> None:
        self.pace = pace
        self.behave, self.requests, self.memory = behave, list[Request](), dict[str, Any]()
        self.attempts: Counter[str] = Counter()
        self.began = 0.0
        self.faults: list[BaseException] = []
        self.loop = asyncio.SelectorEventLoop()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.ready = threading.Event()

    def __enter__(self) -> "Zoo":
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _serve(self) -> None:
        start = self.loop.create_server(lambda: ZooConnection(self), "127.0.0.1", 0, backlog=256)
        server = self.loop.run_until_complete(start)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self.ready.set()
        self.loop.run_forever()
        server.close()
        self.loop.close()

    def respond(self, path: str, headers: dict[str, str], asked: dict[str, Any]) -> Response:
        self.began = self.began or time.monotonic()
        name = orjson.dumps([asked.get("messages"), asked.get("prompt")]).decode()
        self.attempts[name] += 1
        request = Request(self, path, headers, asked, len(self.requests) + 1, self.attempts[name])
        self.requests.append(request)
        return (self.behave(request) if self.behave else None) or request.ok()

    @property
    def seconds(self) -> float:
        """Return the real seconds since the first request."""
        return time.monotonic() - self.began


@dataclass
class _Quiet:
    """The counts that the simulator's connection expects."""

    stats: Any = field(default_factory=lambda: Simulator(Options()).stats)


class ZooConnection(Connection):
    """The connection of one client of the zoo."""

    def __init__(self, zoo: Zoo) -> None:
        super().__init__(_Quiet())  # type: ignore[arg-type]
        self.zoo = zoo

    def request(self, path: str, headers: dict[str, str], body: bytes) -> None:
        try:
            response = self._response(path, headers, body)
        except Exception as exc:  # an error of the zoo itself, which the test reports
            self.zoo.faults.append(exc)
            response = as_json(500, {"error": f"the zoo broke: {exc!r}"})
        if response.delay or self.zoo.pace:
            self.zoo.loop.call_later(response.delay + self.zoo.pace, self._write, response)
        else:
            self._write(response)

    def _response(self, path: str, headers: dict[str, str], body: bytes) -> Response:
        path = path.partition("?")[0]
        if path.endswith("/models"):
            return as_json(200, {"object": "list", "data": [{"id": "zoo", "object": "model"}]})
        if path.endswith("/completions"):
            return self.zoo.respond(path, headers, orjson.loads(body))
        return as_json(404, {"detail": "Not Found"})

    def _write(self, response: Response) -> None:
        if self.transport is None or response.then == "hang":
            return
        if response.data:
            self.transport.write(response.data)
        if response.then == "close":
            self.transport.close()
        elif response.then == "abort":
            self.zoo.loop.call_later(0.02, self.transport.abort)
