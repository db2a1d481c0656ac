"""What was submitted, on disk: one small file a batch in the run folder, written before anything is waited for.

The journal knows nothing of batches: this is how a machine finds again what it has already paid for. `batches/` may be
deleted once the run is done.
"""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from bootstruct.errors import BadInput
from bootstruct.files import write_whole

FOLDER = "batches"
MAYBE, SENT, TAKEN, REFUSED = "maybe sent", "sent", "taken", "refused"


@dataclass(slots=True)
class Batch:
    """One batch. state: `made` (never sent), `maybe sent` (the call that creates it was begun), `sent`, `taken` (its
    results lie beside this file), `refused`. id: the server's. done, failed: questions as it counts them."""

    name: str
    path: str
    questions: list[str]
    state: str = "made"
    id: str = ""
    created: float = 0.0
    told: str = ""
    done: int = 0
    failed: int = 0


class Store:
    """The batches of a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    def read(self) -> list[Batch]:
        """All batches, oldest first. Raises BadInput where a file is none of ours."""
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                found.append(Batch(**orjson.loads(path.read_bytes())))
            except (OSError, ValueError, TypeError) as exc:
                raise BadInput(f"{path}: does not tell of a batch ({exc}); move it away to go on without.") from None
        return sorted(found, key=lambda batch: batch.created)

    def add(self, batch: Batch, lines: bytes) -> None:
        batch.created = time.time()
        write_whole(self.lines(batch), lines)
        self.write(batch)

    def write(self, batch: Batch) -> None:
        write_whole(self.folder / f"{batch.name}.json", orjson.dumps(dataclasses.asdict(batch)))

    def drop(self, batch: Batch) -> None:
        """Forget a batch that never was."""
        self.lines(batch).unlink(missing_ok=True)
        (self.folder / f"{batch.name}.json").unlink(missing_ok=True)

    def lines(self, batch: Batch) -> Path:
        """Its questions, kept until it is sent."""
        return self.folder / f"{batch.name}.in.jsonl"

    def results(self, batch: Batch) -> Path:
        return self.folder / f"{batch.name}.out.jsonl"
