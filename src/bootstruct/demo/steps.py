"""Commands as steps that are done once: what is on disk and still follows from its sources is not done again."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bootstruct.errors import BadInput, BootstructError, StoppedShort
from bootstruct.files import read_text, write_whole

Work = Literal["generation", "finetuning", "evaluation", "report"]
Say = Callable[[str], None]
BOOK = "steps.json"


@dataclass(frozen=True, slots=True)
class Step:
    """A command. place: the folder that it makes, in the demo's folder. made_of: a digest of all it depends on."""

    work: Work
    told: str
    words: tuple[str, ...]
    place: str
    made_of: str


@dataclass(slots=True)
class Book:
    """What has been done in a demo's folder: by place the digest of its sources and how long it took; seconds by kind of
    work, over all runs of the demo."""

    path: Path
    model: str
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def has(self, step: Step) -> bool:
        found = self.done.get(step.place)
        return found is not None and found["made_of"] == step.made_of and (self.path.parent / step.place).is_dir()

    def save(self) -> None:
        row = {"model": self.model, "seconds": self.seconds, "done": self.done}
        write_whole(self.path, (json.dumps(row, indent=1) + "\n").encode())

    @contextmanager
    def timed(self, work: Work) -> Iterator[None]:
        """Counts the time of a block, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[work] = self.seconds.get(work, 0.0) + time.monotonic() - began
            self.save()


def open_book(folder: Path, model: str) -> Book:
    """The book of a folder. Raises BadInput where it is another model's, or cannot be read."""
    path = folder / BOOK
    if not path.is_file():
        return Book(path, model)
    try:
        row = json.loads(read_text(path))
        book = Book(path, row["model"], dict(row["done"]), dict(row["seconds"]))
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: cannot be read; choose another folder with --out, or delete this one.") from None
    if book.model != model:
        raise BadInput(f"{folder}: holds a demo of the model {book.model}; choose another folder with --out.")
    return book


def digest(*parts: object) -> str:
    """A name for a step's sources."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, default=str).encode("utf-8", "replace")).hexdigest()[
        :24
    ]


def run_command(words: Sequence[str], folder: Path, say: Say, aside: bool = False, silent: bool = False) -> str:
    """Show a command and run it in `folder`; `aside` sends what it prints to stderr, `silent` shows it only where it
    fails and returns it. Raises StoppedShort or BadInput where it fails, as it did."""
    say(f"\n$ bootstruct {' '.join(words)}")
    told: Any = subprocess.PIPE if silent else sys.stderr if aside else None
    command = [sys.executable, "-m", "bootstruct", *words]
    done = subprocess.run(command, cwd=folder, check=False, stdout=told, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        if done.stdout:
            say(done.stdout.rstrip())
        failed = StoppedShort if done.returncode == 1 else BadInput
        raise failed(
            f"`bootstruct {words[0]}` ended with {done.returncode}, in {folder}; the same demo again goes on from here."
        )
    return done.stdout or ""


def do(step: Step, book: Book, say: Say) -> bool:
    """Do a step that is not done; False where its command fails. What a broken step left behind goes first."""
    folder = book.path.parent
    if book.has(step):
        return True
    book.done.pop(step.place, None)
    shutil.rmtree(folder / step.place, ignore_errors=True)
    before = book.seconds.get(step.work, 0.0)
    try:
        with book.timed(step.work):
            printed = run_command(step.words, folder, say, silent=True)
    except BootstructError as exc:
        say(f"{step.told}: failed. {exc}")
        return False
    if step.work == "finetuning":
        say(printed.partition("\n")[0])
    book.done[step.place] = {"made_of": step.made_of, "work": step.work, "seconds": book.seconds[step.work] - before}
    book.save()
    return True


def seconds_left(steps: Sequence[Step], book: Book) -> float | None:
    """How long the steps that are not done will take, from those that are; None before one of each kind was seen."""
    left = 0.0
    for step in steps:
        if book.has(step):
            continue
        known = [each["seconds"] for each in book.done.values() if each["work"] == step.work]
        if not known:
            return None
        left += sum(known) / len(known)
    return left
