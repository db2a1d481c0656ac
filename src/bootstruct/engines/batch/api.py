"""The batch API of an OpenAI-compatible server: upload files, create and watch batches, download results."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from bootstruct.engines.batch.store import MAYBE_SENT, SENT, BatchStore, SubmittedBatch
from bootstruct.engines.openai import MOST_FILE_BYTES, OpenAIEngine
from bootstruct.errors import EngineUnavailableError, RequestRejectedError, RunStoppedError, TransientError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds after a call that failed transiently
SILENCE = 600.0  # seconds without a response after which the run stops
PAGES = 20  # pages of a hundred batches each, searched for one that may have been submitted
FILE_SECONDS = 1800.0  # for a file of up to 200 MB
MISSING_STATUSES = {404, 405, 501}
ALTERNATIVES = "Leave --batch out, or send the requests through files: --batch-file OUT.jsonl."
LABEL = "bootstruct"  # the key of the batch's own name in its metadata


def object_in(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name in a server's response; an empty one where there is something else."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def objects_in(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of the list under a name in a server's response; none if there is something else."""
    found = value.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


class BatchApi:
    """Calls of the batch API, repeated while they fail transiently.

    All methods raise EngineUnavailableError if the server refuses, and RunStoppedError if it does not respond for
    SILENCE seconds.

    Args:
        client: of the server.
        store: the submitted batches.
    """

    def __init__(self, client: OpenAIEngine, store: BatchStore) -> None:
        self.client, self.store = client, store

    async def send(self, batch: SubmittedBatch) -> None:
        """Submit a batch exactly once: one that may have been submitted already is searched for first."""
        if batch.state == MAYBE_SENT and (found := await self._find(batch)):
            batch.id, batch.state = found, SENT
        else:
            file_id = await self._upload(batch)
            batch.state = MAYBE_SENT
            self.store.write(batch)
            batch.id, batch.state = await self._create(batch, file_id), SENT
        self.store.write(batch)
        self.store.lines(batch).unlink(missing_ok=True)

    async def fetch(self, batch: SubmittedBatch) -> dict[str, Any]:
        """The batch as the server describes it."""
        gone = (
            f"{self.client.where} does not know the batch {batch.id}, which this run submitted, perhaps to another account or "
            f"another server. Delete {self.store.folder / batch.name}.json to submit its requests again."
        )
        return await self._json(lambda: self.client.call("GET", f"/batches/{batch.id}"), gone)

    async def content(self, file_id: str) -> bytes:
        """The content of a result file."""
        gone = f"{self.client.where} no longer has the results {file_id}; they are lost. "
        gone += f"Delete the batch's file in {self.store.folder} to submit its requests again."
        path = f"/files/{file_id}/content"
        return await self._body(lambda: self.client.call("GET", path, None, FILE_SECONDS, MOST_FILE_BYTES), gone)

    async def _upload(self, batch: SubmittedBatch) -> str:
        import aiohttp

        lines = self.store.content(self.store.lines(batch))

        def upload() -> Awaitable[Any]:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field("file", lines, filename=f"{batch.name}.jsonl", content_type="application/jsonl")
            return self.client.call("POST", "/files", form, FILE_SECONDS)

        return str((await self._json(upload)).get("id", ""))

    async def _create(self, batch: SubmittedBatch, file_id: str) -> str:
        fields = {"input_file_id": file_id, "endpoint": f"/v1{batch.path}", "completion_window": "24h"}
        body = orjson.dumps(fields | {"metadata": {LABEL: batch.name}})

        async def create() -> Any:
            try:
                return await self.client.call("POST", "/batches", body)
            except TransientError as exc:
                if exc.connected and (found := await self._find(batch)):  # the request arrived, its response did not
                    return 200, {}, orjson.dumps({"id": found})
                raise

        found = str((await self._json(create)).get("id") or "")
        if not found:
            raise EngineUnavailableError(
                f"{self.client.where} created a batch without an id; this server's batch API cannot be used."
            )
        return found

    async def _find(self, batch: SubmittedBatch) -> str:
        """The id of a batch, by its own name in its metadata; empty if the server has none."""
        after = ""
        for _ in range(PAGES):
            path = f"/batches?limit=100{after}"
            try:
                page = await self._json(partial(self.client.call, "GET", path))
            except EngineUnavailableError as exc:
                raise EngineUnavailableError(
                    f"{exc} Whether the batch {batch.name} was submitted is unknown: if it was not, delete "
                    f"{self.store.folder / batch.name}.json; then run the same command again."
                ) from None
            rows = objects_in(page, "data")
            for row in rows:
                if object_in(row, "metadata").get(LABEL) == batch.name:
                    return str(row.get("id") or "")
            created = rows[-1].get("created_at", 0) if rows else 0
            is_old = isinstance(created, int | float) and created < batch.created - 86400
            if not page.get("has_more") or not rows or is_old:
                return ""
            after = f"&after={quote(str(rows[-1].get('id')), safe='')}"
        return ""

    async def _json(self, call: Callable[[], Awaitable[Any]], gone: str = "") -> dict[str, Any]:
        try:
            value = orjson.loads(await self._body(call, gone))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise EngineUnavailableError(f"{self.client.where} does not implement the batch API. {ALTERNATIVES}")
        return value

    async def _body(self, call: Callable[[], Awaitable[Any]], gone: str = "") -> bytes:
        """The body of a successful response; repeated while the call fails transiently. gone: the meaning of a 404."""
        pause, silent_since = FIRST_PAUSE, time.monotonic()
        while True:
            try:
                status, headers, body = await call()
                if status == 200:
                    return bytes(body)
                if status in MISSING_STATUSES:
                    raise EngineUnavailableError(
                        gone or f"{self.client.where} has no batch API (status {status}). {ALTERNATIVES}"
                    )
                raise self.client.error_for(status, headers, body)
            except RequestRejectedError as exc:
                raise EngineUnavailableError(f"{self.client.where} rejected the batch: {exc}.") from None
            except TransientError as exc:
                if time.monotonic() - silent_since > SILENCE:
                    raise RunStoppedError(
                        f"No response about the batches for {SILENCE / 60:.0f} minutes; the last error was: {exc}. The "
                        "submitted batches continue there; run the same command to resume."
                    ) from None
                await asyncio.sleep(max(pause, exc.retry_after or 0.0))
                pause = min(LONGEST_PAUSE, 2 * pause)
