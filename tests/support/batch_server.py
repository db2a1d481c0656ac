"""A server on the loopback interface that implements OpenAI's documented batch API, for tests.

    python tests/support/batch_server.py --port 0 --seconds 1 --fail 0.1

The command prints the port. Files are uploaded as multipart forms, batches pass through validating, in_progress and finalizing
to their end, and results are downloaded as files. The server also answers ordinary requests. The answers are those of
tests/support/simulator.py. GET /stats returns counts, POST /set changes options (a JSON object), and POST /v1/batches/ID/cancel
cancels a batch.
"""

import argparse
import asyncio
import dataclasses
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import simulator
from tests.support.simulator_texts import answer

MOST_REQUESTS, MOST_BYTES = 50_000, 200 * 1000 * 1000
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")


@dataclass
class Options:
    """How the server behaves.

    Attributes:
        seconds: the time from the creation of a batch to its end.
        fail: the share of lines that get an error 500, drawn anew in each batch.
        refuse: the share of lines that get an error 400.
        end: the status with which batches end.
        ends: how many batches end with that status; the later ones complete.
        answered: the share of lines that have a result when a batch expires or is cancelled.
        most: the most requests in a file.
        enqueued: the number of lines at once above which a batch fails with token_limit_exceeded.
        key: the API key that clients must send; empty for none.
        api: whether there is a batch API.
        drop: how many responses to POST /batches are lost on the way.
        wants_other_limit: whether lines with max_tokens get an error 400.
        broken_lines: whether result files contain broken lines.
    """

    seconds: float = 0.5
    fail: float = 0.0
    refuse: float = 0.0
    end: str = "completed"
    ends: int = 10**9  # that is, all batches
    answered: float = 0.5
    most: int = MOST_REQUESTS
    enqueued: int = 10**9
    key: str = ""
    api: bool = True
    drop: int = 0
    wants_other_limit: bool = False
    broken_lines: bool = False


@dataclass
class Stats:
    uploads: int = 0
    made: int = 0
    lines: int = 0
    ordinary: int = 0
    by_question: dict[str, int] = field(default_factory=dict)


class Server:
    """The files and batches of one server."""

    def __init__(self, options: Options) -> None:
        self.options, self.stats = options, Stats()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES + 10**6, middlewares=[self.guard])
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files/{id}/content", self.content)
        app.router.add_post("/v1/batches", self.make)
        app.router.add_get("/v1/batches", self.listing)
        app.router.add_get("/v1/batches/{id}", self.look)
        app.router.add_post("/v1/batches/{id}/cancel", self.cancel)
        app.router.add_post("/v1/chat/completions", self.ordinary)
        app.router.add_post("/v1/completions", self.ordinary)
        app.router.add_get("/stats", self.account)
        app.router.add_post("/set", self.set)
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path
        wanted = f"Bearer {self.options.key}" if self.options.key else None
        if path.startswith("/v1") and wanted and request.headers.get("authorization") != wanted:
            return _error(401, "Incorrect API key provided.", "invalid_api_key")
        if not self.options.api and path.startswith(("/v1/files", "/v1/batches")):
            return _error(404, "Not Found")
        response: web.StreamResponse = await handler(request)
        return response

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file, purpose = form.get("file"), form.get("purpose")
        if purpose != "batch" or not isinstance(file, web.FileField):
            return _error(400, "expected a form with `purpose` and `file`")
        self.stats.uploads += 1
        name = f"file-{len(self.files) + 1}"
        self.files[name] = file.file.read()
        size = len(self.files[name])
        return web.json_response(
            {"id": name, "object": "file", "bytes": size, "filename": file.filename, "purpose": "batch"}
        )

    async def content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        return _error(404, "No such File object") if content is None else web.Response(body=content)

    async def make(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("input_file_id") not in self.files or asked.get("endpoint") not in PATHS:
            return _error(400, "Invalid input_file_id or endpoint")
        if asked.get("completion_window") != "24h":
            return _error(400, "Invalid value for completion_window")
        self.stats.made += 1
        name, now = f"batch_{len(self.batches) + 1:04}", time.time()
        self.batches[name] = asked | {
            "id": name,
            "object": "batch",
            "status": "validating",
            "created_at": int(now),
            "at": now,
        }
        if self.options.drop > 0:
            self.options.drop -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(self.shown(name))

    async def listing(self, request: web.Request) -> web.Response:
        names = sorted(self.batches, reverse=True)
        after = request.query.get("after")
        names = names[names.index(after) + 1 :] if after in names else names
        page = names[: int(request.query.get("limit", 20))]
        rows = [self.shown(name) for name in page]
        return web.json_response({"object": "list", "data": rows, "has_more": len(names) > len(page)})

    async def look(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return web.json_response(self.shown(name)) if name in self.batches else _error(404, "No batch found")

    async def cancel(self, request: web.Request) -> web.Response:
        self.batches[request.match_info["id"]]["end"] = "cancelled"
        return web.json_response(self.shown(request.match_info["id"]))

    def shown(self, name: str) -> dict[str, Any]:
        """Return the batch in its present state, which depends on the clock."""
        batch = self.batches[name]
        passed = (time.time() - batch["at"]) / max(self.options.seconds, 1e-6)
        if name not in self.ended:
            if errors := self.errors_in(self.files[batch["input_file_id"]], batch["endpoint"]):
                batch["status"], batch["errors"] = "failed", {"object": "list", "data": errors}
                self.ended.add(name)
            elif passed >= 1 or batch.get("end") == "cancelled":
                self.finish(name, batch)
            else:
                batch["status"] = "validating" if passed < 0.2 else "in_progress" if passed < 0.9 else "finalizing"
        return {key: value for key, value in batch.items() if key not in ("at", "end")}

    def errors_in(self, content: bytes, endpoint: str) -> list[dict[str, Any]]:
        lines, seen, models = content.splitlines(), set[str](), set[str]()
        if len(lines) > self.options.enqueued:
            return [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached for sim", "line": None}]
        if len(lines) > min(self.options.most, MOST_REQUESTS) or len(content) > MOST_BYTES:
            return [{"code": "invalid_file", "message": "the file holds too many requests", "line": None}]
        for number, text in enumerate(lines, 1):
            try:
                row = json.loads(text)
                models.add(row["body"]["model"])
                assert row["method"] == "POST"
                assert row["url"] == endpoint
            except (ValueError, KeyError, AssertionError):
                return [{"code": "invalid_json_line", "message": "This line is not a request", "line": number}]
            if row["custom_id"] in seen or not 0 < len(row["custom_id"]) <= 64:
                return [{"code": "duplicate_custom_id", "message": "The custom_id was used before", "line": number}]
            seen.add(row["custom_id"])
        if self.options.end == "failed":
            return [{"code": "model_not_found", "message": "The model does not support the Batch API.", "line": 1}]
        return (
            [{"code": "mismatched_model", "message": "several models in one file", "line": 1}]
            if len(models) > 1
            else []
        )

    def finish(self, name: str, batch: dict[str, Any]) -> None:
        end = batch.get("end") or (self.options.end if len(self.ended) < self.options.ends else "completed")
        rows = [json.loads(text) for text in self.files[batch["input_file_id"]].splitlines()]
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        kept = len(rows) if end == "completed" else int(len(rows) * self.options.answered)
        for number, row in enumerate(rows):
            if number >= kept:
                why = {"code": f"batch_{end}", "message": "This request could not be executed in time."}
                bad.append({"id": f"r{number}", "custom_id": row["custom_id"], "response": None, "error": why})
                continue
            status, body = self.answer_to(row, name)
            line = {"id": f"r{number}", "custom_id": row["custom_id"], "error": None}
            line |= {"response": {"status_code": status, "request_id": f"q{number}", "body": body}}
            (good if status == 200 else bad).append(line)
        random.Random(name).shuffle(good)  # the order of the results is not that of the requests
        for field_name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                batch[field_name] = f"file-{len(self.files) + 1}"
                text = "".join(json.dumps(line) + "\n" for line in lines)
                self.files[batch[field_name]] = ("not json\n\n" + text if self.options.broken_lines else text).encode()
        batch["status"] = end
        batch["request_counts"] = {"total": len(rows), "completed": len(good), "failed": len(bad)}
        self.ended.add(name)

    def answer_to(self, row: dict[str, Any], batch: str) -> tuple[int, dict[str, Any]]:
        name, asked = row["custom_id"], row["body"]
        self.stats.lines += 1
        if self.options.wants_other_limit and "max_tokens" in asked:
            return 400, _body("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if random.Random(f"refuse {name}").random() < self.options.refuse:
            return 400, _body("This question is not to be answered.")
        if random.Random(f"fail {batch} {name}").random() < self.options.fail:
            return 500, _body("The server had an error.")
        self.stats.by_question[name] = self.stats.by_question.get(name, 0) + 1
        return 200, answer_of(asked, is_chat="chat" in row["url"])

    async def ordinary(self, request: web.Request) -> web.Response:
        self.stats.ordinary += 1
        asked = await request.json()
        if self.options.wants_other_limit and "max_tokens" in asked:
            return _error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return web.json_response(answer_of(asked, is_chat="chat" in request.path))

    async def account(self, _: web.Request) -> web.Response:
        result = dataclasses.asdict(self.stats)
        result["twice"] = sum(number - 1 for number in result.pop("by_question").values())
        return web.json_response(result | {"batches": {name: self.shown(name)["status"] for name in self.batches}})

    async def set(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            setattr(self.options, name, value)
        return web.json_response({})


def answer_of(asked: dict[str, Any], is_chat: bool) -> dict[str, Any]:
    """Return the body that tests/support/simulator.py would send."""
    prompt = "\n".join(str(m["content"]) for m in asked["messages"]) if is_chat else asked["prompt"]
    text = answer(prompt, f"0:{asked.get('seed')}:{prompt}", 8)[1]
    connection = SimpleNamespace(simulator=simulator.Simulator(simulator.Options()))
    return simulator.Answering(connection, asked, {}, is_chat, prompt, text, "", None).body()  # type: ignore[arg-type]


def _body(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "code": None}}


def _error(status: int, message: str, code: str = "") -> web.Response:
    return web.json_response({"error": {"message": message, "type": "error", "code": code or None}}, status=status)


async def _main(port: int, options: Options) -> None:
    runner = web.AppRunner(Server(options).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--options", default="{}", help="a JSON object")
    words = parser.parse_args()
    asyncio.run(_main(words.port, Options(**json.loads(words.options))))
