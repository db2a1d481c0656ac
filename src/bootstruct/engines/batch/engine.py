"""An engine that sends requests by batch: they go to the server in one file and return within a day at half the price.

A batch is closed when no request has come for a moment and no ordered request is in flight, which might bring more.
A submitted batch is on disk before the engine waits for it (see `store`), so a resumed run waits for the same batch.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstruct.engines.batch.api import BatchApi, object_in, objects_in
from bootstruct.engines.batch.lines import (
    MOST_BYTES,
    MOST_REQUESTS,
    BatchResultLine,
    custom_id_of,
    line_of,
    read_lines,
    split_lines,
)
from bootstruct.engines.batch.store import MAYBE_SENT, REFUSED, SENT, TAKEN, BatchStore, SubmittedBatch
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError
from bootstruct.io.files import write_whole
from bootstruct.render.sanitize import one_line
from bootstruct.types import Prompt, Reply

LINGER = 2.0  # seconds without a new request before a batch is closed
TICK = 0.1  # seconds between two checks of what is due
FIRST_POLL, LONGEST_POLL = 1.0, 60.0  # seconds between two polls of a batch
TRIES = 4  # batches in which a request may fail transiently
ENDED = ("completed", "failed", "expired", "cancelled")
VIA = "batch"


@dataclass(eq=False, slots=True)
class _QueuedRequest:
    prompt: Prompt
    custom_id: str
    reply: "asyncio.Future[Reply]"
    callers: int = 0
    tries: int = 0
    reason: str = ""


@dataclass(slots=True)
class _OpenBatch:
    """A batch that the server works on; polled next at loop time `poll_at`."""

    batch: SubmittedBatch
    poll_at: float = 0.0
    pause: float = field(default_factory=lambda: FIRST_POLL)


class BatchEngine:
    """An engine that collects requests into batches.

    Args:
        client: of the server.
        folder: of the run; submitted batches are kept in it.
        ordinary: gives the number of ordered requests in flight, which might bring more.
        linger: seconds without a new request before a batch is closed.
    """

    def __init__(self, client: OpenAIEngine, folder: Path, ordinary: Callable[[], int], linger: float = LINGER) -> None:
        self.client, self.linger = client, linger
        self.store = BatchStore(folder)
        self.api = BatchApi(client, self.store)
        self._ordinary = ordinary
        self._waiting: dict[str, _QueuedRequest] = {}
        self._next: list[_QueuedRequest] = []
        self._open: list[_OpenBatch] | None = None  # None: not yet read from disk
        self._out: set[str] = set()  # requests in open batches
        self._found: dict[str, BatchResultLine] = {}
        self._last_request = 0.0
        self._most = MOST_REQUESTS
        self._runner: asyncio.Task[None] | None = None

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`.

        Raises:
            RequestRejectedError: the server rejected this request.
            EngineUnavailableError: the server rejected the batch.
            RunStoppedError: the batch was cancelled at the server, or none of its requests got a result.
        """
        custom_id, clock = custom_id_of(prompt), asyncio.get_running_loop().time
        if self._open is None:
            self._resume()
        line = self._found.get(custom_id)
        if line is not None and not self.client.adapt(prompt, line.status, line.body):
            return parse_line(line, prompt, self.client)
        waiting = self._waiting.get(custom_id)
        if waiting is None:
            waiting = _QueuedRequest(prompt, custom_id, asyncio.get_running_loop().create_future())
            self._waiting[custom_id] = waiting
            if custom_id not in self._out:
                self._next.append(waiting)
                self._last_request = clock()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        waiting.callers += 1
        try:
            return await asyncio.shield(waiting.reply)
        finally:
            waiting.callers -= 1
            if not waiting.callers and not waiting.reply.done():  # cancelled: not to be submitted any more
                self._waiting.pop(custom_id, None)

    def in_words(self) -> str:
        """What the server is doing, as text; empty while it does nothing."""
        if not self._open:
            return ""
        batches = [opened.batch for opened in self._open]
        states = ", ".join(sorted({batch.status or batch.state for batch in batches}))
        done, all_of = sum(batch.done for batch in batches), sum(len(batch.requests) for batch in batches)
        name = f"batch {batches[0].id}" if len(batches) == 1 else f"{len(batches)} batches"
        return f"{name} {states}: {done:,} of {all_of:,} completed"

    def _resume(self) -> None:
        """Read the batches that earlier runs of the command have submitted or downloaded."""
        self._open = []
        for batch in self.store.read():
            if batch.state in (SENT, MAYBE_SENT):
                self._open.append(_OpenBatch(batch))
                self._out.update(batch.requests)
            elif batch.state == TAKEN and self.store.results(batch).is_file():
                self._remember(read_lines(self.store.content(self.store.results(batch))))
            elif batch.state not in (TAKEN, REFUSED):
                self.store.drop(batch)  # written to disk, never submitted

    def _remember(self, lines: Any) -> None:
        self._found.update((line.custom_id, line) for line in lines if line.status == 200 or not line.is_transient)

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._is_due():
                    await self._submit()
                for opened in list(self._open or ()):
                    await self._poll(opened)
                await asyncio.sleep(TICK)
        except Exception as exc:  # raised in every waiting request: the run ends with the first
            for waiting in list(self._waiting.values()):
                self._fail(waiting, exc)
            self._waiting, self._next = {}, []

    def _is_due(self) -> bool:
        self._next = [queued for queued in self._next if queued.custom_id in self._waiting]
        if not self._next or (self._most < MOST_REQUESTS and self._open):
            return False  # a server with a lower limit gets one batch after another
        quiet = asyncio.get_running_loop().time() - self._last_request >= self.linger and not self._ordinary()
        return quiet or len(self._next) >= self._most

    async def _submit(self) -> None:
        groups: dict[tuple[str, str], list[tuple[_QueuedRequest, bytes]]] = {}
        for waiting in self._next:
            path, payload = self.client.request_for(waiting.prompt)
            line = line_of(waiting.custom_id, path, payload)
            groups.setdefault((path, waiting.prompt.model), []).append((waiting, line))
        self._next = []
        for (path, _), group in groups.items():  # the API wants one path and one model per batch
            lines = [line for _, line in group]
            for part in split_lines(lines, self._most, MOST_BYTES):
                batch = SubmittedBatch(secrets.token_hex(8), path, [group[number][0].custom_id for number in part])
                self.store.add(batch, b"".join(lines[number] for number in part))
                await self._send(batch)

    async def _send(self, batch: SubmittedBatch) -> None:
        assert self._open is not None
        await self.api.send(batch)
        if not any(opened.batch is batch for opened in self._open):
            self._open.append(_OpenBatch(batch))
        self._out.update(batch.requests)

    async def _poll(self, opened: _OpenBatch) -> None:
        clock, batch = asyncio.get_running_loop().time, opened.batch
        if clock() < opened.poll_at:
            return
        if batch.state == MAYBE_SENT:
            await self._send(batch)
        reported = await self.api.fetch(batch)
        counts = object_in(reported, "request_counts")
        batch.status, batch.done, batch.failed = (
            str(reported.get("status")),
            _count(counts, "completed"),
            _count(counts, "failed"),
        )
        if batch.status in ENDED:
            await self._download(opened, reported)
        opened.poll_at, opened.pause = clock() + opened.pause, min(LONGEST_POLL, 1.5 * opened.pause)

    async def _download(self, opened: _OpenBatch, reported: dict[str, Any]) -> None:
        assert self._open is not None
        batch, content = opened.batch, b""
        for name in ("output_file_id", "error_file_id"):
            if reported.get(name):
                content += (await self.api.content(str(reported[name]))).rstrip(b"\n") + b"\n"
        batch.state = TAKEN if content or batch.status == "completed" else REFUSED
        write_whole(self.store.results(batch), content)
        self.store.write(batch)
        self._open.remove(opened)
        self._out.difference_update(batch.requests)
        lines = {line.custom_id: line for line in read_lines(content)}
        self._remember(lines.values())
        left = [
            self._waiting[name] for name in batch.requests if name in self._waiting and not self._settle(name, lines)
        ]
        if batch.status == "failed":
            self._after_rejection(batch, reported, left)
        elif batch.status == "cancelled" and left:
            raise RunStoppedError(
                f"The batch {batch.id} was cancelled at the server; {len(batch.requests) - len(left)} of its "
                f"{len(batch.requests)} replies are saved. Run the same command to submit the rest again."
            )
        self._resubmit(batch, left, lines)

    def _settle(self, name: str, lines: dict[str, BatchResultLine]) -> bool:
        """Whether the request got its final result, which is then passed to its waiting caller."""
        waiting, line = self._waiting[name], lines.get(name)
        waiting.tries += 1
        if line is None or line.is_transient:
            waiting.reason = (line.reason or self.client.reason_of(line.body)) if line else "no result"
            return False
        if self.client.adapt(waiting.prompt, line.status, line.body):
            waiting.reason = self.client.reason_of(line.body)  # the form of the request was refused
            del self._found[name]
            return False
        del self._waiting[name]
        if not waiting.reply.done():
            try:
                waiting.reply.set_result(parse_line(line, waiting.prompt, self.client))
            except RequestRejectedError as exc:
                self._fail(waiting, exc)
        return True

    def _resubmit(self, batch: SubmittedBatch, left: list[_QueuedRequest], lines: dict[str, BatchResultLine]) -> None:
        """Requests without a result go into the next batch, a few times."""
        has_result = any(not line.is_transient for line in lines.values())
        for waiting in left:
            if waiting.tries < TRIES:
                self._next.append(waiting)
            elif has_result:
                del self._waiting[waiting.custom_id]
                self._fail(waiting, RequestRejectedError(0, f"{waiting.reason} (in {TRIES} batches)"))
            else:
                raise RunStoppedError(
                    f"The batch {batch.id} ended as {batch.status} without any result, like those before it "
                    f"({waiting.reason}). All replies so far are saved; run the same command to try again."
                )
        self._last_request = asyncio.get_running_loop().time()

    def _after_rejection(self, batch: SubmittedBatch, reported: dict[str, Any], left: list[_QueuedRequest]) -> None:
        """The server rejected the file. If it was too large, the next ones are smaller; otherwise the run ends."""
        rows = objects_in(object_in(reported, "errors"), "data")
        if any(row.get("code") == "token_limit_exceeded" for row in rows) and len(batch.requests) > 1:
            self._most = max(1, len(batch.requests) // 2)
            for waiting in left:
                waiting.tries -= 1
            return
        reasons = "; ".join(
            one_line(f"line {row['line']}: {row.get('message')}" if row.get("line") else str(row.get("message")), 300)
            for row in rows[:3]
        )
        raise EngineUnavailableError(
            f"{self.client.where} rejected the batch {batch.id}: {reasons.rstrip('.') or 'no reason given'}. None of it "
            "was run or billed; remove the cause, then run the same command again."
        )

    def _fail(self, waiting: _QueuedRequest, exc: Exception) -> None:
        if not waiting.reply.done():
            waiting.reply.set_exception(exc)
            waiting.reply.exception()  # retrieved, so that asyncio does not warn if nobody waits any more

    async def aclose(self) -> None:
        """Stop polling and close the client; batches continue at the server."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})
        await self.client.aclose()


def parse_line(line: BatchResultLine, prompt: Prompt, client: OpenAIEngine) -> Reply:
    """The reply in a line. Raises RequestRejectedError if the request was rejected, or there is no reply in it."""
    response = client.batched_response(prompt, line.status, line.body)
    if not isinstance(response, Reply):
        raise RequestRejectedError(line.status, line.reason or response.message)
    return replace(response, via=VIA)


def _count(counts: dict[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) else 0
