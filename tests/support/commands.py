"""Run the command line in this process, and servers in threads of it; start real processes where a test is about processes."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from unittest import mock

from bootstruct.cli import main
from tests.support import simulator as simulation
from tests.support.paths import ROOT

CLI = [sys.executable, "-m", "bootstruct"]
DEADLINE = 300  # real seconds after which a command is stopped


class Overdue(BaseException):
    """The command did not end by itself."""


class Simulator:
    """A running server of tests/support/simulator.py, in a thread, with its address and its counts."""

    def __init__(self, words: tuple[str, ...]) -> None:
        options, port = simulation.options_of(words)
        self.server, self.loop = simulation.Simulator(options), asyncio.SelectorEventLoop()
        self.connections = set[simulation.Connection]()
        self.listening = self.loop.run_until_complete(
            self.loop.create_server(self._connect, "127.0.0.1", port, backlog=4096)
        )
        self.root = f"http://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}"
        self.url = f"{self.root}/v1"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def _connect(self) -> simulation.Connection:
        connection = simulation.Connection(self.server)
        self.connections.add(connection)
        return connection

    def _run(self, call: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return call()

        coroutine: Coroutine[Any, Any, Any] = run()
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def stats(self) -> dict[str, Any]:
        result: dict[str, Any] = self._run(self.server.account)
        return result

    def set(self, **options: Any) -> None:
        for name, value in options.items():
            self._run(lambda name=name, value=value: setattr(self.server.options, name, value))

    def reset(self) -> None:
        self._run(self.server.forget)

    def kill(self) -> None:
        """End the server as the end of its process would: connections are reset, and new ones are refused."""
        self._run(self._hang_up)

    def _hang_up(self) -> None:
        self.listening.close()
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def close(self) -> None:
        self.kill()
        self._run(lambda: None)  # now the connections have been told
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@contextlib.contextmanager
def simulator(*options: str) -> Iterator[Simulator]:
    """Start a simulator with these command line options; it ends with the block."""
    server = Simulator(options)
    try:
        yield server
    finally:
        server.close()


def environment(**more: str) -> dict[str, str]:
    """Return the environment without anything that points at a real server."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "BOOTSTRUCT", "HTTP", "http"))}
    return clean | {"XDG_CONFIG_HOME": "/nonexistent", "PYTHONPATH": str(ROOT / "src")} | more


def bootstruct(*words: object, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end in this process, with the same result as `bootstruct_process` has in another."""
    command = ["bootstruct", *map(str, words)]
    out, err, code = _pipe(), _pipe(), 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"COLUMNS": "80"} | environment(**env), clear=True))
        stack.enter_context(mock.patch.multiple(sys, argv=command, stdin=_pipe(), stdout=out, stderr=err))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", DeprecationWarning)  # as it is outside tests
        stack.enter_context(deadline(DEADLINE))
        try:
            main()
        except SystemExit as exc:
            code = int(exc.code or 0)
    return subprocess.CompletedProcess(command, code, _written(out), _written(err))


def _pipe() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)


def _written(pipe: io.TextIOWrapper) -> str:
    buffer = pipe.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode().replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Raise Overdue in the block after this number of real seconds."""

    def overdue(*_: object) -> None:
        raise Overdue(f"still running after {seconds} real seconds")

    before = signal.signal(signal.SIGALRM, overdue)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def bootstruct_process(*words: object, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end in a process of its own."""
    return subprocess.run(
        [*CLI, *map(str, words)],
        capture_output=True,
        text=True,
        env=environment(**env),
        timeout=DEADLINE,
        check=False,
    )
