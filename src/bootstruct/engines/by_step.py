"""Which questions go by batch is decided here, by step: what needs an order is asked by ordinary requests, the rest waits
for the next batch, at a server or in a file that is answered offline."""

import asyncio
from pathlib import Path

from bootstruct.domain import Prompt, Reply
from bootstruct.engines import Engine
from bootstruct.engines.batch import LINGER, TICK, reply_in
from bootstruct.engines.batch_lines import custom_id_of, line_of, read_results
from bootstruct.engines.openai import OpenAI
from bootstruct.errors import BadInput, StoppedShort
from bootstruct.files import write_whole

NEEDS_ORDER = {"propose"}  # what a later question is written from


class ByStep:
    """ordinary, batched: where the one and the other are asked. `asking` is the number of ordinary questions under way."""

    def __init__(self, ordinary: Engine) -> None:
        self.ordinary = ordinary
        self.batched: Engine = ordinary
        self.asking = 0

    async def complete(self, prompt: Prompt) -> Reply:
        if prompt.step not in NEEDS_ORDER:
            return await self.batched.complete(prompt)
        self.asking += 1
        try:
            return await self.ordinary.complete(prompt)
        finally:
            self.asking -= 1

    async def aclose(self) -> None:
        if self.batched is not self.ordinary:
            await self.batched.aclose()
        await self.ordinary.aclose()


class Offline:
    """Answers from result files; what they do not answer is written to `out` for the next time, or asked by `rest`.

    client: knows the form of a question; nothing is sent. complete raises StoppedShort once the file is written.
    """

    def __init__(self, client: OpenAI, results: tuple[Path, ...], out: Path | None, rest: ByStep) -> None:
        self.client, self.out, self.rest = client, out, rest
        self.lines = {name: line for path in results for name, line in read_results(path).items()}
        self._asked: dict[str, Prompt] = {}
        self._last_asked = 0.0
        self._written: asyncio.Task[None] | None = None
        if out is not None and out.exists():
            raise BadInput(
                f"{out}: is there already; give another name, or move it away, so that no questions are lost."
            )

    async def complete(self, prompt: Prompt) -> Reply:
        custom_id = custom_id_of(prompt)
        line = self.lines.get(custom_id)
        if line is not None and not line.is_passing and not self.client.learn(prompt, line.status, line.body):
            return reply_in(line, prompt, self.client)
        if self.out is None:
            return await self.rest.ordinary.complete(prompt)
        self._asked[custom_id] = prompt
        self._last_asked = asyncio.get_running_loop().time()
        if self._written is None:
            self._written = asyncio.create_task(self._write(self.out))
        await asyncio.shield(self._written)
        raise AssertionError("the file is written, or the writing failed")

    async def _write(self, out: Path) -> None:
        clock = asyncio.get_running_loop().time
        while clock() - self._last_asked < LINGER or self.rest.asking:
            await asyncio.sleep(TICK)
        asked = self._asked
        lines = [line_of(name, *self.client.question(prompt)) for name, prompt in asked.items()]
        write_whole(out, b"".join(lines))
        models = " ".join(sorted({prompt.model for prompt in asked.values()}))
        raise StoppedShort(
            f"{len(lines):,} questions are written to {out}. Answer them, as in `vllm run-batch -i {out} -o "
            f"{out.with_suffix('')}-answers.jsonl --model {models}`, then run the same command with --batch-results "
            "and another --batch-file."
        )

    async def aclose(self) -> None:
        if self._written is not None and not self._written.done():
            self._written.cancel()
            await asyncio.wait({self._written})
