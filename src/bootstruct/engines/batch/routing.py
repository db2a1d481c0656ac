"""Which requests go by batch: ordered ones are sent as usual, the others wait for the next batch or go to a file."""

import asyncio
from pathlib import Path

from bootstruct.engines.base import Engine
from bootstruct.engines.batch.engine import LINGER, TICK, parse_line
from bootstruct.engines.batch.lines import custom_id_of, line_of, read_results
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.io.files import write_whole
from bootstruct.types import Prompt, Reply


class BatchRouter:
    """Sends ordered requests (`Prompt.ordered`) to one engine and the rest to another.

    Args:
        ordinary: the engine for ordered requests.

    Attributes:
        batched: the engine for the rest.
        in_flight: ordered requests in flight.
    """

    def __init__(self, ordinary: Engine) -> None:
        self.ordinary = ordinary
        self.batched: Engine = ordinary
        self.in_flight = 0

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`."""
        if not prompt.ordered:
            return await self.batched.complete(prompt)
        self.in_flight += 1
        try:
            return await self.ordinary.complete(prompt)
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        """Close both engines."""
        if self.batched is not self.ordinary:
            await self.batched.aclose()
        await self.ordinary.aclose()


class OfflineBatchEngine:
    """Takes replies from result files; requests without a result are written to a file, or sent as usual.

    Args:
        client: knows the form of a request; it sends nothing.
        results: the result files.
        out: the file to write; None to send requests without a result through `rest`.
        rest: the router to which this engine belongs.

    Raises:
        InputError: a result file cannot be read, or `out` exists.
    """

    def __init__(self, client: OpenAIEngine, results: tuple[Path, ...], out: Path | None, rest: BatchRouter) -> None:
        self.client, self.out, self.rest = client, out, rest
        self.lines = {name: line for path in results for name, line in read_results(path).items()}
        self._unanswered: dict[str, Prompt] = {}
        self._last_request = 0.0
        self._written: asyncio.Task[None] | None = None
        if out is not None and out.exists():
            raise InputError(
                f"{out}: exists already; give another name, or move the file away, so that no requests are lost."
            )

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`. Raises RunStoppedError once the file is written."""
        custom_id = custom_id_of(prompt)
        line = self.lines.get(custom_id)
        if line is not None and not line.is_transient and not self.client.adapt(prompt, line.status, line.body):
            return parse_line(line, prompt, self.client)
        if self.out is None:
            return await self.rest.ordinary.complete(prompt)
        self._unanswered[custom_id] = prompt
        self._last_request = asyncio.get_running_loop().time()
        if self._written is None:
            self._written = asyncio.create_task(self._write(self.out))
        await asyncio.shield(self._written)
        raise AssertionError("unreachable: writing the file ends in an error")

    async def _write(self, out: Path) -> None:
        clock = asyncio.get_running_loop().time
        while clock() - self._last_request < LINGER or self.rest.in_flight:
            await asyncio.sleep(TICK)
        prompts = self._unanswered
        lines = [line_of(name, *self.client.request_for(prompt)) for name, prompt in prompts.items()]
        write_whole(out, b"".join(lines))
        models = " ".join(sorted({prompt.model for prompt in prompts.values()}))
        raise RunStoppedError(
            f"{len(lines):,} requests are written to {out}. Run them, as in `vllm run-batch -i {out} -o "
            f"{out.with_suffix('')}-results.jsonl --model {models}`, then run the same command with --batch-results "
            "and another --batch-file."
        )

    async def aclose(self) -> None:
        """Stop waiting for further requests."""
        if self._written is not None and not self._written.done():
            self._written.cancel()
            await asyncio.wait({self._written})
