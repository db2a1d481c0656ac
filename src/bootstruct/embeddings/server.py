"""Embeddings from any OpenAI-compatible server: POST /embeddings, some texts per request, some requests at once."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from bootstruct.config.machine import read_machine
from bootstruct.engines.build import open_servers
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import EngineUnavailableError, TransientError

TEXTS: Final = 64  # of one request
AT_ONCE: Final = 8
ATTEMPTS: Final = 6
FIRST_PAUSE: Final = 0.5  # seconds, doubled from attempt to attempt


class ServerEmbedder:
    """A model of embeddings behind a server.

    Args:
        model: the name that the server knows.
        base_url: the address or name of the server; None for the one in the user's settings.

    Raises:
        InputError: the address or the settings cannot be used.
    """

    def __init__(self, model: str, base_url: str | None) -> None:
        machine = read_machine(None, engine="openai", base_url=(base_url,) if base_url else None)
        self.machine, self.model, self.name = machine, model, f"openai/{model}"
        self.identity = f"openai/{model} at {open_servers(machine)[0].where}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`."""
        return asyncio.run(self._embed(texts))

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        server, limit = open_servers(self.machine)[0], asyncio.Semaphore(AT_ONCE)

        async def some(start: int) -> NDArray[np.float32]:
            async with limit:
                return await self._ask(server, texts[start : start + TEXTS])

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(some(start)) for start in range(0, len(texts), TEXTS)]
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            await server.aclose()
        return np.concatenate([task.result() for task in tasks])

    async def _ask(self, server: OpenAIEngine, texts: Sequence[str]) -> NDArray[np.float32]:
        payload = {"model": self.model, "input": [text or " " for text in texts], "encoding_format": "float"}
        for attempt in range(ATTEMPTS):
            try:
                status, headers, body = await server.post("/embeddings", payload)
                if status == 200:
                    return _vectors(body, len(texts), server.where)
                raise server.error_for(status, headers, body)
            except TransientError as exc:
                if attempt == ATTEMPTS - 1:
                    raise EngineUnavailableError(
                        f"{server.where}: no embeddings after {ATTEMPTS} attempts ({str(exc).rstrip('.')}); "
                        "run the same command again to continue."
                    ) from None
                await asyncio.sleep(FIRST_PAUSE * 2**attempt)
        raise AssertionError


def _vectors(body: bytes, count: int, where: str) -> NDArray[np.float32]:
    """The vectors of a response in the order of the texts."""
    try:
        rows: Any = orjson.loads(body)["data"]
        ordered = sorted(rows, key=lambda row: row["index"])
        if [row["index"] for row in ordered] != list(range(count)):
            raise ValueError
        vectors = np.array([row["embedding"] for row in ordered], dtype=np.float32)
        if vectors.ndim != 2 or not vectors.shape[1]:
            raise ValueError
        return vectors
    except (ValueError, TypeError, KeyError, OverflowError):
        raise EngineUnavailableError(
            f"{where} answers /embeddings with something other than {count} vectors; check that the model is one of embeddings."
        ) from None
