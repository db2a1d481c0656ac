"""An engine that answers by batch: questions gather, go to the server in one file, and come back within a day at half
the price.

A batch is closed when no question has come for a moment and nothing is asked by ordinary requests, which may bring more.
What was submitted is on disk before it is waited for (see batch_store.py), so a run that is taken up again waits for it.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.batch_api import BatchApi
from bootstruct.engines.batch_lines import MOST_BYTES, MOST_REQUESTS, Line, custom_id_of, line_of, read_lines, split
from bootstruct.engines.batch_store import MAYBE, REFUSED, SENT, TAKEN, Batch, Store
from bootstruct.engines.openai import OpenAI
from bootstruct.errors import DoorClosed, Permanent, StoppedShort
from bootstruct.files import write_whole

LINGER = 2.0  # seconds without a new question before a batch is closed
TICK = 0.1
FIRST_LOOK, LONGEST_LOOK = 1.0, 60.0  # seconds between two looks at what the server has done
TRIES = 4  # batches in which a question may fail in passing
ENDED = ("completed", "failed", "expired", "cancelled")
VIA = "batch"


@dataclass(eq=False, slots=True)
class _Waiting:
    prompt: Prompt
    custom_id: str
    answer: "asyncio.Future[Reply]"
    askers: int = 0
    tries: int = 0
    reason: str = ""


@dataclass(slots=True)
class _Open:
    """A batch that the server works on."""

    batch: Batch
    look_at: float = 0.0
    pause: float = field(default=FIRST_LOOK)


class Batches:
    """folder: the run's. ordinary: how many questions are asked by ordinary requests now.

    complete raises Permanent for a question that is refused, DoorClosed where a batch is, StoppedShort where it was
    cancelled at the server or nothing of it was answered.
    """

    def __init__(self, client: OpenAI, folder: Path, ordinary: Callable[[], int], linger: float = LINGER) -> None:
        self.client, self.linger = client, linger
        self.store = Store(folder)
        self.api = BatchApi(client, self.store)
        self._ordinary = ordinary
        self._waiting: dict[str, _Waiting] = {}
        self._next: list[_Waiting] = []
        self._open: list[_Open] | None = None  # None: the disk was not looked at yet
        self._out: set[str] = set()  # questions in open batches
        self._found: dict[str, Line] = {}
        self._last_asked = 0.0
        self._most = MOST_REQUESTS
        self._runner: asyncio.Task[None] | None = None

    async def complete(self, prompt: Prompt) -> Reply:
        custom_id, clock = custom_id_of(prompt), asyncio.get_running_loop().time
        if self._open is None:
            self._take_up()
        line = self._found.get(custom_id)
        if line is not None and not self.client.learn(prompt, line.status, line.body):
            return reply_in(line, prompt, self.client)
        waiting = self._waiting.get(custom_id)
        if waiting is None:
            waiting = _Waiting(prompt, custom_id, asyncio.get_running_loop().create_future())
            self._waiting[custom_id] = waiting
            if custom_id not in self._out:
                self._next.append(waiting)
                self._last_asked = clock()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        waiting.askers += 1
        try:
            return await asyncio.shield(waiting.answer)
        finally:
            waiting.askers -= 1
            if not waiting.askers and not waiting.answer.done():  # cancelled: not to be submitted any more
                self._waiting.pop(custom_id, None)

    def told(self) -> str:
        """What the server is doing, in words; empty while it does nothing."""
        if not self._open:
            return ""
        batches = [each.batch for each in self._open]
        states = ", ".join(sorted({batch.told or batch.state for batch in batches}))
        done, all_of = sum(batch.done for batch in batches), sum(len(batch.questions) for batch in batches)
        name = f"batch {batches[0].id}" if len(batches) == 1 else f"{len(batches)} batches"
        return f"{name} {states}: {done:,} of {all_of:,} answered"

    def _take_up(self) -> None:
        """What an earlier sitting has submitted or brought home."""
        self._open = []
        for batch in self.store.read():
            if batch.state in (SENT, MAYBE):
                self._open.append(_Open(batch))
                self._out.update(batch.questions)
            elif batch.state == TAKEN and self.store.results(batch).is_file():
                self._keep(read_lines(self.store.results(batch).read_bytes()))
            elif batch.state not in (TAKEN, REFUSED):
                self.store.drop(batch)  # written down, never sent

    def _keep(self, lines: Any) -> None:
        self._found.update((line.custom_id, line) for line in lines if line.status == 200 or not line.is_passing)

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._is_time():
                    await self._submit()
                for each in list(self._open or ()):
                    await self._look(each)
                await asyncio.sleep(TICK)
        except Exception as exc:  # told to all who wait: the run ends with the first
            for waiting in list(self._waiting.values()):
                self._refuse(waiting, exc)
            self._waiting, self._next = {}, []

    def _is_time(self) -> bool:
        self._next = [each for each in self._next if each.custom_id in self._waiting]
        if not self._next or (self._most < MOST_REQUESTS and self._open):
            return False  # a server that takes no more at once gets one batch after another
        quiet = asyncio.get_running_loop().time() - self._last_asked >= self.linger and not self._ordinary()
        return quiet or len(self._next) >= self._most

    async def _submit(self) -> None:
        groups: dict[tuple[str, str], list[tuple[_Waiting, bytes]]] = {}
        for waiting in self._next:
            path, payload = self.client.question(waiting.prompt)
            line = line_of(waiting.custom_id, path, payload)
            groups.setdefault((path, waiting.prompt.model), []).append((waiting, line))
        self._next = []
        for (path, _), group in groups.items():  # the API wants one path and one model a batch
            lines = [line for _, line in group]
            for part in split(lines, self._most, MOST_BYTES):
                batch = Batch(secrets.token_hex(8), path, [group[number][0].custom_id for number in part])
                self.store.add(batch, b"".join(lines[number] for number in part))
                await self._send(batch)

    async def _send(self, batch: Batch) -> None:
        assert self._open is not None
        await self.api.send(batch)
        if not any(each.batch is batch for each in self._open):
            self._open.append(_Open(batch))
        self._out.update(batch.questions)

    async def _look(self, each: _Open) -> None:
        clock, batch = asyncio.get_running_loop().time, each.batch
        if clock() < each.look_at:
            return
        if batch.state == MAYBE:
            await self._send(batch)
        told = await self.api.look(batch)
        counts = told.get("request_counts") or {}
        batch.told, batch.done, batch.failed = (
            str(told.get("status")),
            _count(counts, "completed"),
            _count(counts, "failed"),
        )
        if batch.told in ENDED:
            await self._bring_home(each, told)
        each.look_at, each.pause = clock() + each.pause, min(LONGEST_LOOK, 1.5 * each.pause)

    async def _bring_home(self, each: _Open, told: dict[str, Any]) -> None:
        assert self._open is not None
        batch, content = each.batch, b""
        for name in ("output_file_id", "error_file_id"):
            if told.get(name):
                content += (await self.api.content(str(told[name]))).rstrip(b"\n") + b"\n"
        batch.state = TAKEN if content or batch.told == "completed" else REFUSED
        write_whole(self.store.results(batch), content)
        self.store.write(batch)
        self._open.remove(each)
        self._out.difference_update(batch.questions)
        lines = {line.custom_id: line for line in read_lines(content)}
        self._keep(lines.values())
        left = [
            self._waiting[name] for name in batch.questions if name in self._waiting and not self._settle(name, lines)
        ]
        if batch.told == "failed":
            self._refused(batch, told, left)
        elif batch.told == "cancelled" and left:
            raise StoppedShort(
                f"The batch {batch.id} was cancelled at the server; {len(batch.questions) - len(left)} of its "
                f"{len(batch.questions)} answers are taken. Run the same command to submit the rest again."
            )
        self._again(batch, left, lines)

    def _settle(self, name: str, lines: dict[str, Line]) -> bool:
        """Answer who waits for this question, as far as there is an answer."""
        waiting, line = self._waiting[name], lines.get(name)
        waiting.tries += 1
        if line is None or line.is_passing:
            waiting.reason = (line.reason or self.client.reason_of(line.body)) if line else "no answer"
            return False
        if self.client.learn(waiting.prompt, line.status, line.body):
            waiting.reason = self.client.reason_of(line.body)  # asked in a form that the server does not take
            del self._found[name]
            return False
        del self._waiting[name]
        if not waiting.answer.done():
            try:
                waiting.answer.set_result(reply_in(line, waiting.prompt, self.client))
            except Permanent as exc:
                self._refuse(waiting, exc)
        return True

    def _again(self, batch: Batch, left: list[_Waiting], lines: dict[str, Line]) -> None:
        """What a batch did not answer goes into the next one, a few times."""
        answered = any(not line.is_passing for line in lines.values())
        for waiting in left:
            if waiting.tries < TRIES:
                self._next.append(waiting)
            elif answered:
                del self._waiting[waiting.custom_id]
                self._refuse(waiting, Permanent(0, f"{waiting.reason} (in {TRIES} batches)"))
            else:
                raise StoppedShort(
                    f"The batch {batch.id} ended as {batch.told} and answered nothing, like those before it "
                    f"({waiting.reason}). All replies so far are saved; run the same command to try again."
                )
        self._last_asked = asyncio.get_running_loop().time()

    def _refused(self, batch: Batch, told: dict[str, Any], left: list[_Waiting]) -> None:
        """The server did not take the file. Where it was too much at once, it gets less; else the run ends."""
        rows = [row for row in (told.get("errors") or {}).get("data") or () if isinstance(row, dict)]
        if any(row.get("code") == "token_limit_exceeded" for row in rows) and len(batch.questions) > 1:
            self._most = max(1, len(batch.questions) // 2)
            for waiting in left:
                waiting.tries -= 1
            return
        reasons = "; ".join(
            f"line {row['line']}: {row.get('message')}" if row.get("line") else str(row.get("message"))
            for row in rows[:3]
        )
        raise DoorClosed(
            f"{self.client.where} refused the batch {batch.id}: {reasons.rstrip('.') or 'no reason given'}. Nothing of it "
            "was asked or billed; change what it says, then run the same command again."
        )

    def _refuse(self, waiting: _Waiting, exc: Exception) -> None:
        if not waiting.answer.done():
            waiting.answer.set_exception(exc)
            waiting.answer.exception()  # seen, also where nobody waits any more

    async def aclose(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})
        await self.client.aclose()


def reply_in(line: Line, prompt: Prompt, client: OpenAI) -> Reply:
    """The reply in a line. Raises Permanent where the question was refused."""
    if line.status != 200:
        raise Permanent(line.status, line.reason or client.reason_of(line.body))
    return replace(client.heard(prompt, line.body), via=VIA)


def _count(counts: dict[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) else 0
