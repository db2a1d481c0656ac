"""A model server on this machine, started for a block of code and stopped at its end: vLLM, SGLang, llama.cpp, transformers."""

import contextlib
import ctypes
import http.client
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bootstruct.errors import EngineUnavailableError, InputError
from bootstruct.io.trust import open_inside
from bootstruct.render.sanitize import one_line, visible

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 900.0  # until a large model is loaded, and downloaded before that
STOP_SECONDS: Final = 15.0  # between the request to end and the order to
POLL_SECONDS: Final = 0.25
LONGEST_TAIL: Final = 4096  # bytes of the end of a log that are looked at
PR_SET_PDEATHSIG: Final = 1  # of prctl(2)

OnWait = Callable[[float], object]  # seconds since the start

# The ways to start each server, the first that is found: the program, or `python -m` a module, and the arguments.
_AT = ("--host", HOST, "--port", "{port}")
_WAYS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "vllm": (("vllm", "serve", "{model}", *_AT, "--load-format", "safetensors"),),
    "sglang": (("python -m sglang.launch_server", "--model-path", "{model}", *_AT, "--load-format", "safetensors"),),
    "llama.cpp": (
        ("llama-server", "--model", "{model}", *_AT),
        ("python -m llama_cpp.server", "--model", "{model}", *_AT),
    ),
    "transformers": (("transformers", "serve", "{model}", *_AT),),
}
SERVERS: Final = tuple(_WAYS)


@contextlib.contextmanager
def served(
    server: str, model: str, log: Path, seconds: float = START_SECONDS, on_wait: OnWait | None = None
) -> Iterator[str]:
    """Start a server on a free port of this machine, and stop it at the end of the block, however it ends.

    The server listens on 127.0.0.1 only. vLLM and SGLang are told to load safetensors and nothing else. On Linux, the server
    also ends if this process is killed.

    Args:
        server: one of `SERVERS`, and after it any further arguments for the server, quoted as in a shell.
        model: what it serves: a name on a hub, a folder, or for llama.cpp a GGUF file.
        log: the file that receives the server's output; it is replaced. Its folder must be there.
        seconds: how long it may take to start.
        on_wait: called now and then until it answers, with the seconds since its start.

    Yields:
        The server's address, to be used as `base_url`.

    Raises:
        InputError: the server is unknown, the model is no name, or the log cannot be written.
        EngineUnavailableError: the server is not installed, ended, or did not answer in time.
    """
    port = _free_port()
    command = command_of(server, model, port)
    try:
        output = open_inside(log.parent, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise InputError(f"{log}: cannot be written as the server's log ({exc.strerror}).") from None
    with os.fdopen(output, "wb", buffering=0) as file:
        try:
            process = _start(command, file.fileno())
        except OSError as exc:
            raise EngineUnavailableError(f"{command[0]}: cannot be started ({exc.strerror}).") from None
        try:
            _wait(process, port, shlex.join(command), log, seconds, on_wait)
            yield f"http://{HOST}:{port}/v1"
        finally:
            _stop(process)


def command_of(server: str, model: str, port: int) -> list[str]:
    """Return the command that starts a server, which is not run here.

    Args:
        server: one of `SERVERS`, and after it any further arguments.
        model: what it serves.
        port: where it listens.

    Raises:
        InputError: the server is unknown, or the model's name is not one.
        EngineUnavailableError: the server is not installed.

    Example:
        >>> try:
        ...     command_of("apache", "a/model", 8000)
        ... except InputError as exc:
        ...     print(exc)
        'apache' is no server that can be started; use one of vllm, sglang, llama.cpp, transformers.
    """
    try:
        name, *more = shlex.split(server) or [""]
    except ValueError as exc:
        raise InputError(f"--serve {server!r}: {exc}; quote its arguments as in a shell.") from None
    if not name:
        raise InputError(f"--serve {server!r} names no server; use one of {', '.join(SERVERS)}.")
    if name not in _WAYS:
        raise InputError(f"{name!r} is no server that can be started; use one of {', '.join(SERVERS)}.")
    if not model or model.startswith("-") or not model.isprintable():
        raise InputError(f"{model!r} is no name of a model that can be served; the recipe's `model` names it.")
    for program, *arguments in _WAYS[name]:
        if (found := _found(program)) is not None:
            return [*found, *(part.replace("{port}", str(port)).replace("{model}", model) for part in arguments), *more]
    programs = " nor ".join(program for program, *_ in _WAYS[name])
    raise EngineUnavailableError(
        f"{name} is not installed here: {programs} cannot be found; install it, or start a server."
    )


def _found(program: str) -> list[str] | None:
    """The start of the command, if the program (beside this Python, or on the path) or the module is installed."""
    module = program.removeprefix("python -m ")
    if module != program:
        return [sys.executable, "-m", module] if find_spec(module.partition(".")[0]) is not None else None
    beside = shutil.which(program, path=str(Path(sys.executable).parent))
    path = beside or shutil.which(program)
    return None if path is None else [path]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


def _start(command: Sequence[str], output: int) -> "subprocess.Popen[bytes]":
    """Start it in a session of its own, so that Ctrl-C reaches this process alone, which then stops it in good order."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    prepare = None if library is None else lambda: library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare,
    )


def _wait(
    process: "subprocess.Popen[bytes]", port: int, shown: str, log: Path, seconds: float, on_wait: OnWait | None
) -> None:
    began = time.monotonic()
    while (since := time.monotonic() - began) < seconds:
        if (code := process.poll()) is not None:
            raise EngineUnavailableError(
                f"The server ended with exit code {code} before it answered: {_last_line(log)} "
                f"It was started as {one_line(visible(shown), 300)}; {log} has its output."
            )
        if _answers(port):
            return
        if on_wait is not None:
            on_wait(since)
        time.sleep(POLL_SECONDS)
    raise EngineUnavailableError(
        f"The server did not answer within {seconds:.0f} s: {_last_line(log)} "
        f"It was started as {one_line(visible(shown), 300)}; {log} has its output."
    )


def _answers(port: int) -> bool:
    """Whether the server lists its models. No proxy is asked: the server is on this machine."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    """The last line of the server's output, in one printable line."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_TAIL))
        lines = [line for line in file.read(LONGEST_TAIL).decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return f"its last line is '{one_line(visible(lines[-1]), 200)}'."
    return "it printed nothing."


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server and the processes that it started: first by request, then by force."""
    for how, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived the server
