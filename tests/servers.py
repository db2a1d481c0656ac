"""Starting real server processes and the real command line for tests."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CLI = [sys.executable, "-m", "bootstruct"]


class Simulator:
    """A running tests/simulator.py: its address, its counts."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.root = process, f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.root}/stats", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(self.root + path, json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def reset(self) -> None:
        self.post("/reset", {})


@contextlib.contextmanager
def simulator(*options: str) -> Iterator[Simulator]:
    """A simulator process with these command line options, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "simulator.py"), "--port", "0", *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield Simulator(process, int("".join(filter(str.isdigit, process.stdout.readline()))))
    finally:
        process.kill()
        process.wait()


def environment(**more: str) -> dict[str, str]:
    """The environment without anything that points at a real server."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "BOOTSTRUCT", "HTTP", "http"))}
    return clean | {"XDG_CONFIG_HOME": "/nonexistent", "PYTHONPATH": str(HERE.parent / "src")} | more


def bootstruct(*words: object, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [*CLI, *map(str, words)], capture_output=True, text=True, env=environment(**env), timeout=300, check=False
    )
