"""The batch API of an OpenAI-compatible server: files up, batches made and looked at, files down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson

from bootstruct.engines.batch_store import MAYBE, SENT, Batch, Store
from bootstruct.engines.openai import OpenAI
from bootstruct.errors import DoorClosed, Passing, Permanent, StoppedShort

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after a call that failed in passing
SILENCE = 600.0  # without an answer for this long the run stops
PAGES = 20  # of a hundred batches each, looked through for one that may have been sent
FILE_SECONDS = 1800.0  # for a file of up to 200 MB
NOT_THERE = {404, 405, 501}
OTHERWISE = "Leave --batch out, or have the questions answered offline: --batch-file OUT.jsonl."
LABEL = "bootstruct"  # the key of our name in a batch's metadata


class BatchApi:
    """Calls that fail in passing are made again. Raises DoorClosed where the server refuses, StoppedShort on silence."""

    def __init__(self, client: OpenAI, store: Store) -> None:
        self.client, self.store = client, store

    async def send(self, batch: Batch) -> None:
        """Submit a batch, once: what may have been sent is looked for first."""
        if batch.state == MAYBE and (found := await self._find(batch)):
            batch.id, batch.state = found, SENT
        else:
            file_id = await self._upload(batch)
            batch.state = MAYBE
            self.store.write(batch)
            batch.id, batch.state = await self._create(batch, file_id), SENT
        self.store.write(batch)
        self.store.lines(batch).unlink(missing_ok=True)

    async def look(self, batch: Batch) -> dict[str, Any]:
        """The batch as the server tells of it."""
        gone = (
            f"{self.client.where} does not know the batch {batch.id}, which this run submitted; was it another account or "
            f"another server? Delete {self.store.folder / batch.name}.json to submit its questions again."
        )
        return await self._json(lambda: self.client.call("GET", f"/batches/{batch.id}"), gone)

    async def content(self, file_id: str) -> bytes:
        """A file of results."""
        gone = f"{self.client.where} has not kept the results {file_id}; they are lost. "
        gone += f"Delete the batch's file in {self.store.folder} to ask its questions again."
        return await self._answer(
            lambda: self.client.call("GET", f"/files/{file_id}/content", None, FILE_SECONDS), gone
        )

    async def _upload(self, batch: Batch) -> str:
        import aiohttp

        lines = self.store.lines(batch).read_bytes()

        def upload() -> Awaitable[Any]:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field("file", lines, filename=f"{batch.name}.jsonl", content_type="application/jsonl")
            return self.client.call("POST", "/files", form, FILE_SECONDS)

        return str((await self._json(upload)).get("id", ""))

    async def _create(self, batch: Batch, file_id: str) -> str:
        asked = {"input_file_id": file_id, "endpoint": f"/v1{batch.path}", "completion_window": "24h"}
        body = orjson.dumps(asked | {"metadata": {LABEL: batch.name}})

        async def create() -> Any:
            try:
                return await self.client.call("POST", "/batches", body)
            except Passing as exc:
                if exc.connected and (found := await self._find(batch)):  # it was heard, its answer was not
                    return 200, {}, orjson.dumps({"id": found})
                raise

        found = str((await self._json(create)).get("id") or "")
        if not found:
            raise DoorClosed(
                f"{self.client.where} took a batch and gave it no id; this server's batch API is not usable."
            )
        return found

    async def _find(self, batch: Batch) -> str:
        """The id of a batch by our name in its metadata, empty where the server has none."""
        after = ""
        for _ in range(PAGES):
            path = f"/batches?limit=100{after}"
            try:
                page = await self._json(partial(self.client.call, "GET", path))
            except DoorClosed as exc:
                raise DoorClosed(
                    f"{exc} Whether the batch {batch.name} was submitted cannot be told: if it was not, delete "
                    f"{self.store.folder / batch.name}.json; then run the same command again."
                ) from None
            rows = [row for row in page.get("data") or () if isinstance(row, dict)]
            for row in rows:
                if (row.get("metadata") or {}).get(LABEL) == batch.name:
                    return str(row["id"])
            if not page.get("has_more") or not rows or rows[-1].get("created_at", 0) < batch.created - 86400:
                return ""
            after = f"&after={rows[-1]['id']}"
        return ""

    async def _json(self, call: Callable[[], Awaitable[Any]], gone: str = "") -> dict[str, Any]:
        try:
            value = orjson.loads(await self._answer(call, gone))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise DoorClosed(f"{self.client.where} does not speak the batch API. {OTHERWISE}")
        return value

    async def _answer(self, call: Callable[[], Awaitable[Any]], gone: str = "") -> bytes:
        """The body of a call that succeeds; asked again while it fails in passing. gone: what a 404 means."""
        pause, silent_since = FIRST_PAUSE, time.monotonic()
        while True:
            try:
                status, headers, body = await call()
                if status == 200:
                    return bytes(body)
                if status in NOT_THERE:
                    raise DoorClosed(gone or f"{self.client.where} has no batch API (it answers {status}). {OTHERWISE}")
                raise self.client.refusal(status, headers, body)
            except Permanent as exc:
                raise DoorClosed(f"{self.client.where} refuses the batch: {exc}.") from None
            except Passing as exc:
                if time.monotonic() - silent_since > SILENCE:
                    raise StoppedShort(
                        f"No answer about the batches for {SILENCE / 60:.0f} minutes; the last error was: {exc}. What was "
                        "submitted goes on there; run the same command to take it up."
                    ) from None
                await asyncio.sleep(max(pause, exc.retry_after or 0.0))
                pause = min(LONGEST_PAUSE, 2 * pause)
