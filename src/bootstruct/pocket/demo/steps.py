"""Commands as steps that are done once: a step whose output still follows from its sources is not done again."""

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

from bootstruct.errors import BootstructError, InputError, RunStoppedError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json
from bootstruct.io.trust import require_no_links
from bootstruct.pocket.demo.options import STEPS

Work = Literal["generation", "finetuning", "evaluation", "report"]
Echo = Callable[[str], None]  # shows one line


@dataclass(frozen=True, slots=True)
class CommandStep:
    """A command that makes a folder.

    Attributes:
        work: the sort of work, by which time is counted.
        label: what it is for, in words.
        words: the words after `bootstruct`.
        output: the folder that it makes, in the demo's folder.
        made_of: a digest of everything that the output depends on.
    """

    work: Work
    label: str
    words: tuple[str, ...]
    output: str
    made_of: str


@dataclass(slots=True)
class StepRecord:
    """What has been done in a demo's folder, as `steps.json` holds it.

    Attributes:
        path: the file.
        model: the demo's model.
        done: by output folder: the digest of its sources, the sort of work, and the seconds it took.
        seconds: time by sort of work, over all runs of the demo.
    """

    path: Path
    model: str
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def has(self, step: CommandStep) -> bool:
        """Return whether a step is done and its output still follows from its sources."""
        row = self.done.get(step.output)
        return row is not None and row["made_of"] == step.made_of and (self.path.parent / step.output).is_dir()

    def save(self) -> None:
        """Write the file."""
        row = {"model": self.model, "seconds": self.seconds, "done": self.done}
        write_whole(self.path, (json.dumps(row, indent=1) + "\n").encode())

    @contextmanager
    def timed(self, work: Work) -> Iterator[None]:
        """Add the time of a block to its sort of work, however it ends."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[work] = self.seconds.get(work, 0.0) + time.monotonic() - began
            self.save()


def open_record(folder: Path, model: str) -> StepRecord:
    """Read the record of a demo's folder, or begin one.

    Raises:
        InputError: the folder contains a demo of another model, or the record cannot be read.
    """
    path = folder / STEPS
    require_no_links(folder)
    if not path.is_file():
        return StepRecord(path, model)
    try:
        row = read_json(path)
        record = StepRecord(path, row["model"], dict(row["done"]), dict(row["seconds"]))
    except (InputError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: cannot be read; choose another folder with --out, or delete this one.") from None
    if record.model != model:
        raise InputError(f"{folder}: contains a demo of the model {record.model}; choose another folder with --out.")
    return record


def digest(*parts: object) -> str:
    """Return a digest of JSON values."""
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def run_command(words: Sequence[str], folder: Path, echo: Echo, to_stderr: bool = False, silent: bool = False) -> str:
    """Show a command and run it as a process of its own.

    Args:
        words: the words after `bootstruct`.
        folder: where it runs.
        echo: shows the command.
        to_stderr: send what it prints to stderr.
        silent: show what it prints only if it fails.

    Returns:
        What it printed, if `silent`.

    Raises:
        RunStoppedError: it stopped short of its goal.
        InputError: it failed otherwise.
    """
    echo(f"\n$ bootstruct {' '.join(words)}")
    stdout: Any = subprocess.PIPE if silent else sys.stderr if to_stderr else None
    command = [sys.executable, "-P", "-m", "bootstruct", *words]  # -P: no module is taken from the demo's folder
    done = subprocess.run(command, cwd=folder, check=False, stdout=stdout, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        if done.stdout:
            echo(done.stdout.rstrip())
        error = RunStoppedError if done.returncode == 1 else InputError
        raise error(
            f"`bootstruct {words[0]}` ended with {done.returncode}, in {folder}; run the same demo again to continue from here."
        )
    return done.stdout or ""


def do_once(step: CommandStep, record: StepRecord, echo: Echo) -> bool:
    """Do a step unless it is done; the output of an unfinished one is removed first.

    Returns:
        Whether the step is done now; False if its command failed.
    """
    folder = record.path.parent
    if record.has(step):
        return True
    record.done.pop(step.output, None)
    shutil.rmtree(folder / step.output, ignore_errors=True)
    before = record.seconds.get(step.work, 0.0)
    try:
        with record.timed(step.work):
            printed = run_command(step.words, folder, echo, silent=True)
    except BootstructError as exc:
        echo(f"{step.label}: failed. {exc}")
        return False
    if step.work == "finetuning":
        echo(printed.partition("\n")[0])
    seconds = record.seconds[step.work] - before
    record.done[step.output] = {"made_of": step.made_of, "work": step.work, "seconds": seconds}
    record.save()
    return True


def seconds_left(steps: Sequence[CommandStep], record: StepRecord) -> float | None:
    """Estimate how long the steps that are not done will take; None until one of each sort of work was done."""
    left = 0.0
    for step in steps:
        if record.has(step):
            continue
        known = [row["seconds"] for row in record.done.values() if row["work"] == step.work]
        if not known:
            return None
        left += sum(known) / len(known)
    return left
