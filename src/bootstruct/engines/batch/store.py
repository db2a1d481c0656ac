"""Submitted batches on disk: one small file per batch in the run folder, written before its results are waited for.

The journal does not contain batches: with these files, a machine finds what it has already paid for. `batches/` may
be deleted when the run is done.
"""

import dataclasses
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.trust import open_inside, require_inside

FOLDER = "batches"
FILE_NAMES = {
    "status": "told",
    "requests": "questions",
}  # field -> its name in the files, which other versions read too
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")  # a part of file names
_ID = re.compile(r"(?!.*(\.\.|//))[0-9A-Za-z][0-9A-Za-z_.:/-]{0,199}")  # a part of addresses
_PATH = re.compile(r"(/[a-z_]{1,40}){1,3}")
MAYBE_SENT, SENT, TAKEN, REFUSED = "maybe sent", "sent", "taken", "refused"


@dataclass(slots=True)
class SubmittedBatch:
    """One batch.

    Attributes:
        name: its own name, which is also in its metadata at the server.
        path: of the API, below `/v1`.
        requests: the custom_ids of its requests.
        state: `made` (never submitted), `maybe sent` (the call that creates it was begun), `sent`, `taken` (its results
            are beside this file) or `refused`.
        id: the server's.
        created: Unix time.
        status: the server's word for its progress.
        done: completed requests, as the server counts them.
        failed: failed requests, likewise.
    """

    name: str
    path: str
    requests: list[str]
    state: str = "made"
    id: str = ""
    created: float = 0.0
    status: str = ""
    done: int = 0
    failed: int = 0


class BatchStore:
    """The batches of a run folder, kept in its subfolder `batches`."""

    def __init__(self, folder: Path) -> None:
        self.run, self.folder = folder, folder / FOLDER

    def read(self) -> list[SubmittedBatch]:
        """All batches, oldest first. Raises InputError if a file does not describe one."""
        require_inside(self.run, self.folder)
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(_from_json(orjson.loads(self.content(path)), path.stem))
            except (OSError, ValueError, TypeError, AttributeError) as exc:
                raise InputError(
                    f"{path}: does not describe a batch ({exc}); move it away to continue without it."
                ) from None
        return sorted(found, key=lambda batch: batch.created)

    def content(self, path: Path) -> bytes:
        """The content of a file of the folder. Raises OSError, or InputError where it is a link."""
        with open(open_inside(self.run, path), "rb") as file:
            return file.read()

    def add(self, batch: SubmittedBatch, lines: bytes) -> None:
        """Write a new batch and the lines of its requests to disk."""
        require_inside(self.run, self.folder)
        batch.created = time.time()
        write_whole(self.lines(batch), lines)
        self.write(batch)

    def write(self, batch: SubmittedBatch) -> None:
        """Write the state of a batch to disk."""
        write_whole(self.folder / f"{batch.name}.json", orjson.dumps(_to_json(batch)))

    def drop(self, batch: SubmittedBatch) -> None:
        """Delete a batch that was never submitted."""
        self.lines(batch).unlink(missing_ok=True)
        (self.folder / f"{batch.name}.json").unlink(missing_ok=True)

    def lines(self, batch: SubmittedBatch) -> Path:
        """The file of its requests, kept until it is submitted."""
        return self.folder / f"{batch.name}.in.jsonl"

    def results(self, batch: SubmittedBatch) -> Path:
        """The file of its results."""
        return self.folder / f"{batch.name}.out.jsonl"


def _to_json(batch: SubmittedBatch) -> dict[str, Any]:
    return {FILE_NAMES.get(name, name): value for name, value in dataclasses.asdict(batch).items()}


def _from_json(row: dict[str, Any], name: str) -> SubmittedBatch:
    """The batch in the file NAME.json. Raises ValueError or TypeError where a value is not as this package writes it."""
    names = {in_file: field for field, in_file in FILE_NAMES.items()}
    batch = SubmittedBatch(**{names.get(key, key): value for key, value in row.items()})
    if batch.name != name or not _NAME.fullmatch(name):
        raise ValueError(f"its name is {batch.name!r:.40}, which is not that of the file")
    if batch.state not in ("made", MAYBE_SENT, SENT, TAKEN, REFUSED):
        raise ValueError(f"unknown state {batch.state!r:.40}")
    if not (isinstance(batch.id, str) and (not batch.id or _ID.fullmatch(batch.id)) and _PATH.fullmatch(batch.path)):
        raise ValueError("its id or its path is not one of a batch API")
    texts = [batch.status, *batch.requests] if isinstance(batch.requests, list) else [None]
    numbers = (batch.created, batch.done, batch.failed)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(n, int | float) for n in numbers):
        raise ValueError("a value has the wrong type")
    return batch
