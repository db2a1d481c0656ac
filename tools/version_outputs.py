"""Collect what one version of bootstruct produces, in a form that compare_versions.py can compare with that of another."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

FORMATS = ("messages", "alpaca", "prompt-completion", "sharegpt", "openai", "parquet", "original")
# Keys of printed JSON that hold times.
TIMES = {"seconds", "answer_seconds", "reply_seconds", "busy_seconds", "sittings", "sessions"}
JOURNAL_VERSION = re.compile(rb'^{"event":"started","version":(\d+)')
JOURNAL_CHECKSUM = re.compile(rb',"crc":"[0-9a-f]{8}"')  # it depends on the lines above, and so on times
JOURNAL_TIMES = re.compile(rb',"(?:at|seconds)":[-+.\deE]+')  # inside a string its quotes would be escaped
ACCOUNTS = {"accounts"}  # which only later versions print
# Keys of printed JSON that have a new name.
RENAMED = {"refused": "rejected", "annotated": "completed", "refused_instances": "rejected_instances"}
RENAMED |= {"standing": "passed_checks", "calls": "replies", "aside": "suspended"}
# What later versions write into exports beside what earlier ones did.
LATER_KEYS = {"messages": {"task"}, "sharegpt": {"task"}, "prompt-completion": {"id", "task"}}
LATER_KEYS |= {"parquet": {"task", "model", "recipe"}}
LATER_FILES = {"recipe.yaml", "seed_tasks.jsonl", "requests.jsonl"}  # of `original`
UNORDERED = (b'{"event":"replied"', b'{"event":"failed"')  # lines of a journal that are in the order of arrival
LIMIT = 1800.0  # the time limit of a command in seconds
RUN = "run"  # name of the run folder in every place
Outputs = dict[str, bytes]  # name of a file (or of printed figures) -> its bytes


class CommandError(Exception):
    """A command failed, so there is nothing to compare."""


class Version:
    """A checkout, run as a command, with a folder for its outputs."""

    def __init__(self, label: str, checkout: Path, place: Path) -> None:
        self.label, self.checkout, self.place = label, checkout.resolve(), place
        place.mkdir()
        pointers = ("OPENAI", "BOOTSTRUCT", "HTTP", "http", "PYTHONPATH", "PYTHONHASHSEED")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(pointers)}
        settings = {"PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1", "XDG_CONFIG_HOME": os.devnull}
        self.env = kept | settings | {"PYTHONPATH": str(self.checkout / "src"), "NO_PROXY": "*"}

    def python(self, *words: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
        """Run this interpreter with the modules of the version."""
        command, nothing = [sys.executable, *map(str, words)], subprocess.DEVNULL
        return subprocess.run(command, cwd=cwd, env=self.env, stdin=nothing, capture_output=True, timeout=LIMIT)

    def run(self, cwd: Path, *words: object, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[bytes]:
        """Run `bootstruct WORDS`.

        Raises:
            CommandError: the exit code is none of `codes`, or the command shows a traceback.
        """
        done = self.python("-m", "bootstruct", *words, cwd=cwd)
        if done.returncode not in codes or b"Traceback (most recent call last)" in done.stderr:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
            raise CommandError(f"{self.label}: `{' '.join(map(str, words))}` exits {done.returncode}: {last[:200]!r}")
        return done

    def fault(self) -> str:
        """Return why this checkout cannot be compared, or an empty string if it can.

        The package that runs must be that of the checkout.
        """
        done = self.python("-c", "import bootstruct; print(bootstruct.__file__)", cwd=self.place)
        found = done.stdout.decode(errors="replace").strip()
        if done.returncode or not Path(found).resolve().is_relative_to(self.checkout / "src"):
            return f"{self.checkout}: has no importable src/bootstruct (found {found or 'nothing'})."
        return ""


def files_below(path: Path) -> Outputs:
    """Return the bytes of a file, or of all files in a folder, by name."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def journal(run: Path, is_generated: bool = False) -> Outputs:
    """Return the lines of a journal without times: of an import in their order, of a generated run sorted by kind of event.

    The order of requests and decisions in a generated run depends on timing, even within one version. Therefore the decisions
    of each kind are compared in their order, and replies and failed requests in any order.
    """
    lines = (run / "journal.jsonl").read_bytes().split(b"\n")
    timeless = [JOURNAL_TIMES.sub(b"", line) if line.startswith(b'{"event":"replied"') else line for line in lines]
    if is_generated:
        timeless = [JOURNAL_CHECKSUM.sub(b"", line) for line in timeless]
        timeless.sort(key=lambda line: (line.partition(b",")[0], line if line.startswith(UNORDERED) else b""))
    return {"journal.jsonl": b"\n".join(JOURNAL_VERSION.sub(b'{"event":"started"', line) for line in timeless)}


def journal_format(place: Path) -> int:
    """Return the highest format number of the journals below a folder; 0 if there is no journal."""
    found = (JOURNAL_VERSION.match(path.read_bytes()[:100]) for path in place.rglob("journal.jsonl"))
    return max((int(match[1]) for match in found if match), default=0)


def figures(printed: bytes) -> bytes:
    """Return printed JSON in one spelling: with sorted keys, without times, and with old names of keys replaced."""

    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                RENAMED.get(name, name): known(inner) for name, inner in value.items() if name not in TIMES | ACCOUNTS
            }
        return [known(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(known(json.loads(printed)), indent=1, sort_keys=True, ensure_ascii=False).encode()


def status(version: Version, cwd: Path) -> Outputs:
    """Return the counts of `status --json`."""
    return {"status": figures(version.run(cwd, "status", RUN, "--json").stdout)}


def verified(version: Version, cwd: Path) -> Outputs:
    """Return the results of `verify --json` in numbers: exit code, decisions checked and not checked, disagreements."""
    done = version.run(cwd, "verify", RUN, "--json", codes=(0, 2))
    found = json.loads(done.stdout)
    counts = {name: sorted(found[name].values()) for name in ("checked", "unchecked")}
    numbers = {"exit": done.returncode, **counts, "disagreements": len(found["disagreements"])}
    return {"verify": json.dumps(numbers, indent=1).encode()}


def exported(version: Version, cwd: Path, out: str) -> Outputs:
    """Return the files of all formats. A refused format (exit code 2) is noted as an entry in parentheses."""
    made: Outputs = {}
    for name in FORMATS:
        target = cwd / out / name
        done = version.run(cwd, "export", RUN, "--format", name, "--out", f"{out}/{name}", codes=(0, 2))
        made |= comparable(name, files_below(target)) if done.returncode == 0 else {f"({name})": b"refused"}
    return made


def comparable(name: str, files: Outputs) -> Outputs:
    """Return the files of a format without what only later versions write: ids, names of tasks, recipe and seeds."""
    files = {file: content for file, content in files.items() if Path(file).name not in LATER_FILES}
    later = LATER_KEYS.get(name)
    if later is None:
        return files
    if name == "parquet":
        import pyarrow.parquet

        tables = {file: pyarrow.parquet.read_table(io.BytesIO(content)) for file, content in files.items()}
        rows = {file: table.to_pylist() for file, table in tables.items()}
    else:
        rows = {file: json_rows(content) for file, content in files.items()}
    kept = {
        file: [{key: value for key, value in row.items() if key not in later} for row in found]
        for file, found in rows.items()
    }
    return {
        file: b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in found)
        for file, found in kept.items()
    }


def json_rows(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a JSON list or of JSON Lines."""
    if content.startswith(b"["):
        return list(json.loads(content))
    return [json.loads(line) for line in content.split(b"\n") if line]
