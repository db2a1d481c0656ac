"""A server on the loopback interface that speaks the OpenAI API, for tests and benchmarks; it makes up plausible replies.

    python tests/support/simulator.py --port 0 --latency 0.1 --fault 429=0.1 --fault 500=0.05

The command prints the port. A reply, its delay and its lasting faults (400, and everything that comes with status 200) depend
only on --seed, the prompt and the request's `seed`. A transient fault also depends on the number of the attempt.

GET /stats returns counts, POST /reset clears them, and POST /set changes options (a JSON object of them).
"""

import argparse
import asyncio
import dataclasses
import email.utils
import json
import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.simulator_texts import answer, is_strict

TRANSIENT = ("429", "429-date", "408", "500", "503", "hang", "reset", "cut")  # these are drawn anew at each attempt
LASTING = (
    "400", "not-json", "not-utf8", "empty-choices", "null-content", "refusal", "stop-left-in", "key-in-error", "key-in-reply",
    "cut-text",
)  # fmt: skip
WORDS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 408: "Request Timeout",
    422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip
REFUSAL_SECONDS = 0.005  # a rate limiter responds at once
HANG_SECONDS = 3600.0


@dataclass
class Options:
    """How the server behaves."""

    latency: float = 0.0  # mean seconds of a reply
    dist: str = "const"  # or `lognormal`, with sigma
    sigma: float = 1.2
    seed: int = 0
    cap: int = 0  # requests in flight above which it answers 429; 0 for no cap
    slots: int = 0  # requests served at once, while the others wait; 0 for any number
    retry_after: float = 1.0
    faults: dict[str, float] = field(default_factory=dict)  # name -> share of requests
    first: int | None = None  # faults affect only this many attempts of a request; None for all
    steps: list[str] = field(default_factory=list)  # faults affect only these steps (propose, kind, instances)
    key: str = ""  # the API key that clients must send
    models: list[str] = field(default_factory=list)  # the only models that exist; empty for any
    usage: bool = True
    items: int = 8
    wants_other_limit: bool = False  # whether only max_completion_tokens is accepted, as newer OpenAI models do
    schemas: str = "obeyed"  # what happens to `response_format`: obeyed, ignored, or refused with `schema_status`
    schema_status: int = 400


@dataclass
class Stats:
    """The counts of a server."""

    requests: int = 0
    ok: int = 0
    in_flight: int = 0
    peak: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    with_schema: int = 0
    first_at: float | None = None
    last_at: float | None = None
    by_status: dict[str, int] = field(default_factory=dict)
    by_step: dict[str, int] = field(default_factory=dict)


class Simulator:
    """The state of one server: its options, its counts, and how often each request has come."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.line: deque[tuple[float, Answering]] = deque()
        self.busy = 0
        self.forget()

    def forget(self) -> None:
        in_flight = self.stats.in_flight if hasattr(self, "stats") else 0
        self.stats = Stats(in_flight=in_flight)
        self.attempts: dict[str, int] = {}
        self.answered: dict[str, int] = {}

    def serve_line(self) -> None:
        """Serve waiting requests as long as there are free slots."""
        while self.line and self.busy < self.options.slots:
            delay, reply = self.line.popleft()
            self.busy += 1
            asyncio.get_running_loop().call_later(delay, self.served, reply)

    def served(self, reply: "Answering") -> None:
        self.busy -= 1
        reply.send()
        self.serve_line()

    def account(self) -> dict[str, Any]:
        result = dataclasses.asdict(self.stats)
        result["unique"] = len(self.attempts)
        result["repeated"] = sum(self.attempts.values()) - len(self.attempts)
        result["answered_twice"] = sum(n - 1 for n in self.answered.values())
        return result

    def fault_of(self, name: str, attempt: int, step: str) -> str | None:
        """Return the fault of this attempt; None if it has none."""
        options = self.options
        if options.cap and self.stats.in_flight > options.cap:
            return "429"
        if not options.faults or (options.steps and step not in options.steps):
            return None
        if options.first is not None and attempt > options.first:
            return None
        for kinds, where in (
            (LASTING, f"{options.seed}:{name}:lasting"),
            (TRANSIENT, f"{options.seed}:{name}:{attempt}"),
        ):
            dice = random.Random(where).random()
            for fault in kinds:
                dice -= options.faults.get(fault, 0.0)
                if dice < 0:
                    return fault
        return None

    def delay_of(self, name: str) -> float:
        options = self.options
        if options.dist == "const":
            return options.latency
        rng = random.Random(f"{options.seed}:{name}:delay")
        return options.latency * rng.lognormvariate(-(options.sigma**2) / 2, options.sigma)


def head(status: int, length: int, extra: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} {WORDS[status]}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{extra}\r\n"
    ).encode()


def whole(status: int, value: object, extra: str = "") -> bytes:
    body = orjson.dumps(value)
    return head(status, len(body), extra) + body


def error(status: int, message: str, code: str = "", extra: str = "") -> bytes:
    return whole(status, {"error": {"message": message, "type": "error", "code": code or str(status)}}, extra)


class Connection(asyncio.Protocol):
    """The connection of one client, whose requests come one after another.

    There is no asyncio task per request; a timer sends the reply.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.buffer = b""
        self.transport: Any = None
        self.in_flight = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.simulator.stats.in_flight -= self.in_flight  # nobody waits for the reply any more
        self.in_flight, self.transport = 0, None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.request(lines[0].split(" ")[1], headers, body)

    def request(self, path: str, headers: dict[str, str], body: bytes) -> None:
        simulator, options = self.simulator, self.simulator.options
        if path.endswith("/stats"):
            self.send(whole(200, simulator.account()))
        elif path.endswith("/reset"):
            simulator.forget()
            self.send(whole(200, {}))
        elif path.endswith("/set"):
            for name, value in orjson.loads(body).items():
                setattr(options, name, value)
            self.send(whole(200, {}))
        elif options.key and headers.get("authorization") != f"Bearer {options.key}":
            self.send(
                error(401, f"Incorrect API key provided: {headers.get('authorization', 'none')}.", "invalid_api_key")
            )
        elif path.endswith("/models"):
            models = [{"id": name, "object": "model"} for name in options.models or ["sim"]]
            self.send(whole(200, {"object": "list", "data": models}))
        elif path.endswith("completions"):
            self.complete(orjson.loads(body), headers, is_chat="chat" in path)
        else:
            self.send(error(404, f"no such path {path}"))

    def send(self, response: bytes) -> None:
        if self.transport is not None:
            self.transport.write(response)

    def complete(self, asked: dict[str, Any], headers: dict[str, str], is_chat: bool) -> None:
        simulator, options, stats = self.simulator, self.simulator.options, self.simulator.stats
        if options.models and asked.get("model") not in options.models:
            self.send(error(404, f"The model `{asked.get('model')}` does not exist", "model_not_found"))
            return
        if options.wants_other_limit and "max_tokens" in asked:
            hint = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            self.send(error(400, f"Unsupported parameter: {hint}", "unsupported_parameter"))
            return
        if "response_format" in asked:
            stats.with_schema += 1
            if options.schemas == "refused" or (
                options.schemas == "obeyed" and not is_strict(asked["response_format"])
            ):
                self.send(error(options.schema_status, "response_format: this is not supported here", "unsupported"))
                return
        prompt = "\n".join(str(m["content"]) for m in asked["messages"]) if is_chat else asked["prompt"]
        name = f"{asked.get('seed')}:{prompt}"
        attempt = simulator.attempts[name] = simulator.attempts.get(name, 0) + 1
        stats.requests += 1
        stats.in_flight += 1
        self.in_flight += 1
        stats.peak = max(stats.peak, stats.in_flight)
        now = time.time()
        stats.first_at = stats.first_at or now
        obeyed = "json" if "response_format" in asked else "fenced"
        form = "text" if options.schemas == "ignored" else obeyed
        step, text = answer(prompt, f"{options.seed}:{name}", options.items, form)
        stats.by_step[step] = stats.by_step.get(step, 0) + 1
        fault = simulator.fault_of(name, attempt, step)
        delay = simulator.delay_of(name)
        if fault in ("429", "429-date"):
            delay = min(delay, REFUSAL_SECONDS)
        elif fault == "hang":
            delay = HANG_SECONDS
        reply = Answering(self, asked, headers, is_chat, prompt, text, name, fault)
        if options.slots and fault not in ("429", "429-date"):
            simulator.line.append((delay, reply))
            simulator.serve_line()
        elif delay > 0:
            asyncio.get_running_loop().call_later(delay, reply.send)
        else:
            asyncio.get_running_loop().call_soon(reply.send)


@dataclass
class Answering:
    """One answer on its way."""

    connection: Connection
    asked: dict[str, Any]
    headers: dict[str, str]
    is_chat: bool
    prompt: str
    text: str
    name: str
    fault: str | None

    def send(self) -> None:
        connection, stats = self.connection, self.connection.simulator.stats
        if connection.transport is None:
            return
        connection.in_flight -= 1
        stats.in_flight -= 1
        stats.last_at = time.time()
        status = self.fault[:3] if self.fault and self.fault[:3].isdigit() else "200"
        status = {"reset": "reset", "cut": "cut", "hang": "hang", "key-in-error": "400"}.get(self.fault or "", status)
        stats.by_status[status] = stats.by_status.get(status, 0) + 1
        if status == "reset":
            connection.transport.abort()
        elif status == "cut":
            body = orjson.dumps(self.body())
            connection.send(head(200, len(body)) + body[: len(body) // 2])
            connection.transport.close()
        elif status != "200":
            connection.send(self.refusal(int(status) if status.isdigit() else 503))
        else:
            answered = connection.simulator.answered
            answered[self.name] = answered.get(self.name, 0) + 1
            stats.ok += 1
            connection.send(self.response())

    def refusal(self, status: int) -> bytes:
        wait, extra = self.connection.simulator.options.retry_after, ""
        if self.fault == "429-date":
            extra = f"retry-after: {email.utils.formatdate(time.time() + wait, usegmt=True)}\r\n"
            extra += f"date: {email.utils.formatdate(time.time(), usegmt=True)}\r\n"
        elif status == 429:
            extra = f"retry-after: {wait:g}\r\n"
        if self.fault == "key-in-error":
            return error(400, f"cannot do this with {self.headers.get('authorization')}", extra=extra)
        return error(status, WORDS[status], extra=extra)

    def response(self) -> bytes:
        match self.fault:
            case "not-json":
                return head(200, 13) + b"<html>busy</h"
            case "not-utf8":
                body = orjson.dumps(self.body()).replace(b"a", b"\xe4")
                return head(200, len(body)) + body
            case "empty-choices":
                return whole(200, self.body() | {"choices": []})
        return whole(200, self.body())

    def body(self) -> dict[str, Any]:
        text, finish = self.shaped()
        content: str | None = text
        if self.fault in ("null-content", "refusal"):
            content, finish = None, "stop" if self.fault == "null-content" else "content_filter"
        if self.fault == "key-in-reply":
            content = f"{text} {self.headers.get('authorization', '')}"
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": content}} if self.is_chat else {"text": content}
        kind = "chat.completion" if self.is_chat else "text_completion"
        body = {
            "id": "sim",
            "object": kind,
            "created": int(time.time()),
            "model": self.asked.get("model"),
            "choices": [choice],
        }
        if self.connection.simulator.options.usage:
            used, written = len(self.prompt) // 4, len(text) // 4
            stats = self.connection.simulator.stats
            stats.prompt_tokens += used
            stats.completion_tokens += written
            body["usage"] = {"prompt_tokens": used, "completion_tokens": written, "total_tokens": used + written}
        return body

    def shaped(self) -> tuple[str, str]:
        """Return the text ended by stop strings and max_tokens (four characters per token), and the finish reason."""
        text, finish = self.text, "stop"
        stops = self.asked.get("stop") or []
        ends = [at for stop in ([stops] if isinstance(stops, str) else stops) if (at := text.find(stop)) >= 0]
        if ends and self.fault != "stop-left-in":
            text = text[: min(ends)]
        if self.fault == "cut-text":
            text, finish = text[: len(text) * 2 // 3], "length"
        most = self.asked.get("max_completion_tokens") or self.asked.get("max_tokens")
        if most is not None and len(text) > 4 * most:
            text, finish = text[: 4 * most], "length"
        return text, finish


async def serve(simulator: Simulator, port: int = 0) -> asyncio.Server:
    """Return a listening server; its port is `server.sockets[0].getsockname()[1]`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(simulator), "127.0.0.1", port, backlog=4096)


def options_of(words: Sequence[str]) -> tuple[Options, int]:
    """Return the options of the command line, and the port."""
    arguments = _parse(words)
    faults = {name: float(share or 1) for name, _, share in (entry.partition("=") for entry in arguments.fault)}
    if unknown := set(faults) - {*TRANSIENT, *LASTING}:
        raise SystemExit(f"no such fault: {', '.join(unknown)}; there are {', '.join((*TRANSIENT, *LASTING))}")
    plain = {f.name for f in dataclasses.fields(Options)} - {"faults"}
    given = {name: value for name, value in vars(arguments).items() if name in plain and value is not None}
    return Options(faults=faults, **given), arguments.port


async def _main(words: Sequence[str]) -> None:
    options, port = options_of(words)
    server = await serve(Simulator(options), port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE")
    for kind, names in ((float, ("latency", "sigma")), (int, ("seed", "cap", "slots", "items", "first"))):
        for name in names:
            parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--retry-after", type=float)
    parser.add_argument("--dist", choices=("const", "lognormal"))
    parser.add_argument("--key")
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--steps", nargs="+")
    parser.add_argument("--no-usage", dest="usage", action="store_false", default=None)
    parser.add_argument("--schemas", choices=("obeyed", "ignored", "refused"))
    parser.add_argument("--schema-status", type=int)
    parser.add_argument("--wants-other-limit", action="store_true", default=None)
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        asyncio.run(_main(sys.argv[1:]))
    except KeyboardInterrupt:
        json.dumps(None)
