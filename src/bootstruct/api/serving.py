"""Start a model server on this machine for a block of code, from Python: `serve`."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from bootstruct.api.runs import read_state
from bootstruct.config.machine import read_machine
from bootstruct.config.recipe import models_of
from bootstruct.engines.model_server import START_SECONDS, OnWait, served
from bootstruct.errors import InputError

LOG = "server.log"  # in the run folder


@contextmanager
def serve(
    run: str | PathLike[str], server: str, *, seconds: float = START_SECONDS, on_wait: OnWait | None = None
) -> Iterator[str]:
    """Serve the model of a run on this machine for a `with` block; the server is stopped at the end of the block.

    The recipe's `model` names what is served: a name on a hub, a folder, or for llama.cpp a GGUF file. The server listens on
    127.0.0.1 only, and its output goes to `server.log` in the run folder.

    Args:
        run: the run folder.
        server: `vllm`, `sglang`, `llama.cpp` or `transformers`, and after it any further arguments for the server, as in
            `vllm --max-model-len 8192`. It must be installed.
        seconds: how long it may take to start.
        on_wait: called now and then until the server answers, with the seconds since its start.

    Yields:
        The address of the server.

    Raises:
        InputError: the server is unknown, or the run's model is not for a server, or the recipe names several models.
        EngineUnavailableError: the server is not installed, ended, or did not answer in time.

    Example:
        >>> import bootstruct as bs
        >>> run = bs.init("runs/served", recipe="paper", model="openai/small-model")
        >>> try:
        ...     with bs.serve(run.folder, "vllm --dtype bfloat16") as address:
        ...         bs.generate(run.folder, tasks=10, base_url=address)
        ... except bs.EngineUnavailableError as exc:
        ...     print(exc)
        vllm is not installed here: vllm cannot be found; install it, or start a server.
    """
    folder = Path(run)
    engine, models = read_machine(folder).engine, sorted(models_of(read_state(folder).recipe))
    if engine != "openai":
        raise InputError(
            f"--serve: the model of {folder} is for the engine {engine!r}, not for a server (openai/MODEL)."
        )
    if len(models) != 1:
        raise InputError(
            f"--serve starts a server for one model, but the recipe of {folder} names {', '.join(map(repr, models))}; "
            "start a server for each, and give their addresses."
        )
    with served(server, models[0], folder / LOG, seconds, on_wait) as address:
        yield address
