"""Run `bootstruct evaluate`, and a small HTTP server whose answers a test writes."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.commands import bootstruct


def evaluate(*words: object, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return bootstruct("evaluate", *words, **env)


@contextlib.contextmanager
def answering(answer: Callable[[str], str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Start a server that speaks chat and text, until the block ends; yield its address and the list of its requests so far.

    `answer` gets the last message, or the prompt.
    """
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(body)
            question = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
            text = answer(question)
            choice = {"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}}
            usage = {"prompt_tokens": 10, "completion_tokens": 5}
            row = {"model": body["model"], "choices": [{**choice, "finish_reason": "stop"}], "usage": usage}
            sent = json.dumps(row).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
