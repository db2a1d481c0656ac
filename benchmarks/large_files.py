"""Measure time and peak memory of commands on large files, and check that every container gives the same result.

    python benchmarks/large_files.py FOLDER                                   the table for 52,000 rows, which takes an hour
    python benchmarks/large_files.py FOLDER --files jsonl parquet --commands dedup --rows 1000000
    python benchmarks/large_files.py FOLDER --commands export --rows 1000000 --files jsonl

The rows have Alpaca's shape and consist of random words. One instruction in ten resembles an earlier one, and one in five has a
second instance. Each file is called `rows`, so that only its content tells what it is. Each command runs in a process of its
own, and one runs at a time. The figures are kept in FOLDER/figures.jsonl, and a measurement that the file contains is not
repeated.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

CONTAINERS = {  # name -> its label in the table, and the file ending by which the writer knows it
    "jsonl": ("JSON Lines", ".jsonl"),
    "json": ("JSON list", ".json"),
    "columns": ("JSON object of columns", ""),
    "csv": ("CSV", ".csv"),
    "tsv": ("TSV", ".tsv"),
    "parquet": ("Parquet", ".parquet"),
    "arrow": ("Arrow", ".arrow"),
    "dataset": ("folder of `datasets`", ""),
    "jsonl-gz": ("JSON Lines, gzip", ".jsonl.gz"),
    "jsonl-zst": ("JSON Lines, zstd", ".jsonl.zst"),
    "csv-gz": ("CSV, gzip", ".csv.gz"),
    "utf16": ("JSON Lines, UTF-16", ""),
    "utf16-tsv": ("TSV, UTF-16", ""),
}
COMMANDS = ("dedup", "report", "finetune", "import", "export")


def rows(count: int, seed: int = 0) -> Iterator[Json]:
    """Yield rows of Alpaca's shape."""
    rng = random.Random(seed)
    words = ["".join(rng.choice("abcdefghijklmnoprstuvwy") for _ in range(rng.randint(3, 9))) for _ in range(20_000)]
    before: list[str] = []
    for number in range(count):
        text = " ".join(rng.choice(words) for _ in range(rng.randint(6, 18)))
        draw = rng.random()
        if before and draw < 0.2:
            text = before[rng.randrange(len(before))]  # a second instance
        elif before and draw < 0.3:
            parts = before[rng.randrange(len(before))].split()
            parts[rng.randrange(len(parts))] = rng.choice(words)
            text = " ".join(parts)
        if len(before) < 5000:
            before.append(text)
        else:
            before[rng.randrange(5000)] = text
        output = " ".join(rng.choice(words) for _ in range(20))
        yield {"instruction": text, "input": f"{rng.choice(words)} {number}", "output": output}


def make(folder: Path, count: int, name: str) -> Path:
    """Write the file of a container if it does not exist, and return its path."""
    from bootstruct.io.writers import form_of, write_rows

    path, ending = folder / f"{count}" / name / "rows", CONTAINERS[name][1]
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "columns":
        found = list(rows(count))
        path.write_text(json.dumps({key: [row[key] for row in found] for key in found[0]}))
    elif name == "utf16":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(count)), encoding="utf-16")
    elif name == "utf16-tsv":
        lines = ("\t".join(row.values()) + "\n" for row in rows(count))
        path.write_text("instruction\tinput\toutput\n" + "".join(lines), encoding="utf-16")
    else:
        write_rows(
            path, rows(count), form_of(Path(f"rows{ending}"), container="dataset" if name == "dataset" else None)
        )
    return path


def make_run(folder: Path, count: int) -> Path:
    """Write a run with this number of completed tasks if it does not exist, and return its folder.

    The journal is one that an import without recorded replies makes.
    """
    from bootstruct.config.loading import read_recipe, recipe_folder
    from bootstruct.config.seeds import read_seeds, shipped_seeds
    from bootstruct.journal.codec import encode_lines
    from bootstruct.journal.events import NOT_KEPT, CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
    from bootstruct.types import Instance, Reply, Verdict, digest_of_value

    def events() -> Iterator[Event]:
        recipe = read_recipe(Path(str(recipe_folder("original"))) / "recipe.yaml")
        yield RunStarted(recipe, read_seeds(shipped_seeds(), "keep"), origin="import")
        for number, row in enumerate(rows(count)):
            yield ReplyReceived(f"propose/{number}", digest_of_value(""), Reply("", NOT_KEPT))
            yield CandidatesJudged(number, (), (Verdict(f"{row['instruction']} {number}"),))
        for number, row in enumerate(rows(count)):
            yield TaskCompleted(f"{number}.0", False, (Instance(row["input"], row["output"]),))

    run = folder / f"{count}" / "run"
    if not run.exists():
        run.mkdir(parents=True)
        with open(run / "journal.jsonl", "wb") as file:
            file.writelines(encode_lines(events()))
    return run


def words_of(command: str, name: str, path: Path, out: Path, model: str) -> list[str]:
    """Return the command line, without `bootstruct`."""
    if command == "export":
        form = ["--container", "dataset"] if name == "dataset" else []
        return [
            "export",
            str(path),
            "--format",
            "alpaca",
            "--out",
            str(out / f"out{CONTAINERS[name][1]}"),
            *form,
            "--json",
        ]
    return {
        "dedup": ["dedup", str(path), "--out", str(out / "kept.jsonl"), "--json"],
        "report": ["report", str(path), "--out", str(out / "report.html"), "--json"],
        "finetune": ["finetune", str(path), "--model", model, "--max-steps", "1", "--held-out", "0.002",
                     "--out", str(out / "model"), "--json"],
        "import": ["import", str(out / "run"), "--from", str(path), "--json"],
    }[command]  # fmt: skip


def measured(words: list[str]) -> Json:
    """Run a command; return its exit code, wall-clock and CPU seconds, peak memory in MB, and the JSON that it printed."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "bootstruct", *words], stdout=printed, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        printed.seek(0)
        errors.seek(0)
        code, text = os.waitstatus_to_exitcode(status), printed.read().decode()
        found = json.loads(text) if code == 0 else {"error": errors.read().decode()[-300:]}
    cost = {
        "seconds": round(seconds, 1),
        "cpu": round(usage.ru_utime + usage.ru_stime, 1),
        "mb": usage.ru_maxrss // 1024,
    }
    return {"code": code, **cost, "found": found}


def outcome(command: str, found: Json, out: Path) -> str:
    """Return a short digest of what must be equal for every container."""
    if command == "dedup":
        rest: Any = [hashlib.sha256((out / "kept.jsonl").read_bytes()).hexdigest(), found["kept"]]
    elif command == "report":
        # The page names rows by their line numbers, which a table's head line shifts, so the card is compared.
        card = (out / "report.card.md").read_bytes()
        rest = [hashlib.sha256(card).hexdigest(), [row["instances"] for row in found["data_sets"]]]
    elif command == "import":
        rest = [found[name] for name in ("accepted", "tasks", "instances", "open_tasks")]
        lines = (out / "run" / "journal.jsonl").read_bytes()
        rest.append(hashlib.sha256(lines).hexdigest())
    elif command == "export":
        from bootstruct.io.rows import read_rows

        digest, count = hashlib.sha256(), 0
        for _, row in read_rows(next(out.glob("out*"))):
            digest.update(json.dumps(row).encode())
            count += 1
        rest = [digest.hexdigest(), count]
    else:  # the order of training depends on the bytes of the file, so the losses after one step differ
        rest = {name: value for name, value in found.items() if isinstance(value, int)}
    return hashlib.sha256(json.dumps(rest).encode()).hexdigest()[:8]


def apart(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process of its own and return its result.

    The measured peak of a command's memory is never below the size of its parent process, so the parent must stay small.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def figures_of(folder: Path, count: int, name: str, command: str, model: str) -> Json:
    """Run one command on the file of one container and return its figures."""
    path = apart(make_run, folder, count) if command == "export" else apart(make, folder, count, name)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = measured(words_of(command, name, path, Path(place), model))
        row: Json = {"rows": count, "file": name, "command": command} | {
            k: done[k] for k in ("code", "seconds", "cpu", "mb")
        }
        if done["code"]:
            return row | done["found"]
        account = next(iter(done["found"].get("accounts", ())), None)
        if account is not None:
            left_out = sum(map(len, account["left_out"].values()))
            row |= {
                "container": account["container"],
                "read": account["read"],
                "used": account["used"],
                "left_out": left_out,
            }
            assert account["read"] == account["used"] + left_out == count, account
        return row | {"same": apart(outcome, command, done["found"], Path(place))}


def table(figures: list[Json], commands: list[str]) -> str:
    """Return the figures as a Markdown table."""
    head = ["container", "rows read = used + left out", *(f"`{command}`: s, MB" for command in commands), "the same"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    firsts = {row["command"]: row.get("same") for row in reversed(figures)}
    for name, (called, _) in CONTAINERS.items():
        own = {row["command"]: row for row in figures if row["file"] == name}
        if not own:
            continue
        sums = {f"{row['read']:,} = {row['used']:,} + {row['left_out']:,}" for row in own.values() if "read" in row}
        cells = [f"{own[c]['seconds']:,.0f}, {own[c]['mb']:,}" if c in own else "" for c in commands]
        same = all(row["code"] == 0 and row["same"] == firsts[row["command"]] for row in own.values())
        lines.append("| " + " | ".join([called, " or ".join(sorted(sums)), *cells, "yes" if same else "NO"]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the measurements that the command line asks for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--files", nargs="*", default=list(CONTAINERS), choices=list(CONTAINERS))
    parser.add_argument("--commands", nargs="*", default=["dedup", "report", "finetune"], choices=COMMANDS)
    parser.add_argument("--model", default="pocket", help="the model of `finetune`")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    log = given.folder / "figures.jsonl"
    known = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = [row for row in known if row["rows"] == given.rows and row["code"] == 0]
    for command in given.commands:
        for name in given.files:
            if command == "export" and name in ("columns", "utf16", "utf16-tsv"):
                continue  # containers that are read but not written
            if not any((row["file"], row["command"]) == (name, command) for row in known):
                row = figures_of(given.folder, given.rows, name, command, given.model)
                print(json.dumps(row), file=sys.stderr, flush=True)
                known.append(row)
                with open(log, "a") as file:
                    file.write(json.dumps(row) + "\n")
    wanted = [row for row in known if row["file"] in given.files and row["command"] in given.commands]
    print(table(wanted, given.commands))


if __name__ == "__main__":
    main()
