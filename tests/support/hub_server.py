"""A small server that behaves as the documented API of the Hugging Face hub does, for data sets: make, commit, list, fetch."""

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of-the-tests"


class HubState:
    """What the server holds: files by repository, every request, and what it answers instead."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.messages: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.refusal: tuple[int, str] | None = None


def revision_of(files: dict[str, bytes]) -> str:
    """A commit's name, which follows from the files."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: HubState

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self._begin()
        if self.state.refusal is not None:
            self._json({"error": self.state.refusal[1]}, self.state.refusal[0])
        elif self.headers.get("authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            if name in self.state.repositories:
                self._json({"error": "You already created this dataset repo", "url": self._url(name)}, 409)
                return
            self.state.repositories[name] = {}
            self.state.private[name] = bool(asked.get("private")) or asked.get("visibility") == "private"
            self._json({"url": self._url(name), "name": name})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            asked = json.loads(body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            self._json({"files": modes})
        else:
            self._commit(path.removeprefix("/api/datasets/").partition("/commit/")[0], body)

    def _commit(self, name: str, body: bytes) -> None:
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "header":
                self.state.messages.append(entry["value"]["summary"])
            elif entry["key"] == "file":
                self.state.repositories[name][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        commit = revision_of(self.state.repositories[name])
        self._json({"success": True, "commitUrl": f"{self._url(name)}/commit/{commit}", "commitOid": commit})

    def do_GET(self) -> None:
        path = self._begin()
        if path.startswith("/api/datasets/"):
            rest = path.removeprefix("/api/datasets/")
            name = "/".join(rest.split("/")[:2])
            files = self.state.repositories.get(name)
            if files is None:
                self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            elif "/tree/" in rest:
                self._json(
                    [
                        {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                        for path, content in files.items()
                    ]
                )
            else:
                siblings = [{"rfilename": path} for path in files]
                self._json({"id": name, "sha": revision_of(files), "siblings": siblings, "private": False, "tags": []})
            return
        self._file(path)

    do_HEAD = do_GET

    def _file(self, path: str) -> None:
        name, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
        files = self.state.repositories.get(name, {})
        content = files.get(rest.partition("/")[2])
        if content is None:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        facts = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": revision_of(files)}
        self._send(200, content, facts | {"content-type": "application/octet-stream"})

    def _begin(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, path))
        return path

    def _url(self, name: str) -> str:
        return f"http://{self.headers['host']}/datasets/{name}"

    def _json(self, value: Any, status: int = 200, facts: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), {"content-type": "application/json"} | (facts or {}))

    def _send(self, status: int, content: bytes, facts: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (facts | {"content-length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return None


@contextlib.contextmanager
def hub() -> Iterator[tuple[str, HubState]]:
    """(address, state) of a running server."""
    state = HubState()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
