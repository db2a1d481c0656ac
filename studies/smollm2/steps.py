"""Steps that are done once: the result of each is a JSON file, and a step whose file exists is not repeated."""

import contextlib
import fcntl
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json

Work = Callable[[], Any]


def say(text: str) -> None:
    """Print a line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Steps:
    """The steps of a study, in the order in which they are done.

    Attributes:
        folder: the folder of their results.
        planned: the sort and the name of each step, for estimating the time that is left.
        spent: the seconds that this process has spent on steps.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Open the folder of a study.

        Raises:
            InputError: the folder holds a study with other settings.
        """
        self.folder = folder
        self.planned: Sequence[tuple[str, str]] = ()
        self.spent = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "settings.json"
        if path.is_file():
            if read_json(path) != settings:
                raise InputError(f"{path}: this study was begun with other settings; choose another folder with --out.")
        else:
            write_whole(path, (json.dumps(settings, indent=1) + "\n").encode())

    def path(self, sort: str, name: str) -> Path:
        """Return the file for a step's result."""
        return self.folder / "steps" / f"{sort}-{name}.json"

    def result(self, sort: str, name: str) -> Any:
        """Return the result of a step; None if it is not done."""
        path = self.path(sort, name)
        return read_json(path)["result"] if path.is_file() else None

    def seconds(self) -> dict[str, float]:
        """Return the seconds spent on finished steps, by their sort."""
        found: dict[str, float] = {}
        for path in sorted((self.folder / "steps").glob("*.json")):
            sort = path.name.partition("-")[0]
            found[sort] = found.get(sort, 0.0) + float(read_json(path)["seconds"])
        return {sort: round(value, 1) for sort, value in found.items()}

    def once(self, sort: str, name: str, work: Work) -> Any:
        """Return the result of a step, and do the step if it is not done.

        If another process is doing it, wait for its result.
        """
        path = self.path(sort, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.with_suffix(".lock")):
            if path.is_file():
                return read_json(path)["result"]
            return self._do(path, sort, name, work)

    def _do(self, path: Path, sort: str, name: str, work: Work) -> Any:
        say(f"{sort} {name} begins; {self.left()}")
        began, before = time.monotonic(), self.spent
        result = work()
        seconds = time.monotonic() - began - (self.spent - before)  # without steps that this one has waited for
        self.spent += seconds
        row = {"seconds": round(seconds, 1), "result": result}
        write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n").encode())
        gc.collect()
        say(f"{sort} {name} took {seconds:,.0f} s")
        return result

    def left(self) -> str:
        """Return the remaining time in words, as far as steps of each sort have been timed."""
        known: dict[str, list[float]] = {}
        waiting: dict[str, int] = {}
        for sort, name in self.planned:
            path = self.path(sort, name)
            if path.is_file():
                known.setdefault(sort, []).append(float(read_json(path)["seconds"]))
            else:
                waiting[sort] = waiting.get(sort, 0) + 1
        total = sum(count * sum(known[sort]) / len(known[sort]) for sort, count in waiting.items() if sort in known)
        unknown = sorted(set(waiting) - set(known))
        more = f", and {', '.join(unknown)} (not timed yet)" if unknown else ""
        return f"{sum(waiting.values())} steps are left: about {total / 60:,.0f} min{more}"


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock while the block runs; the system releases it when the process ends, however it ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def meter(label: str, every: float = 20.0) -> Callable[[int, int], None]:
    """Return a function that prints how much of a step is done, and how long the rest will take, every few seconds."""
    began, last = time.monotonic(), [0.0]

    def show(done: int, total: int) -> None:
        seconds = time.monotonic() - began
        if seconds - last[0] < every and done < total:
            return
        last[0] = seconds
        left = f", {seconds / done * (total - done):,.0f} s left" if 0 < done < total else ""
        say(f"  {label}: {done:,} of {total:,}{left}")
        sys.stdout.flush()

    return show
