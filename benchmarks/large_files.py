"""Large files of rows through the commands: time and peak memory of each, one process a command.

    python benchmarks/large_files.py make FOLDER [--rows 52000]        one file per container, the same rows in each
    python benchmarks/large_files.py run FOLDER [--commands dedup ...] a line of JSON per file and command

The rows are made of words drawn by number, so that about one in ten comes near an earlier one, and one instruction in
four has a second instance.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

FILES = (
    "rows.jsonl",
    "rows.json",
    "rows.csv",
    "rows.tsv",
    "rows.parquet",
    "rows.arrow",
    "rows.jsonl.gz",
    "rows.jsonl.zst",
)


def rows(count: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Rows of Alpaca's shape."""
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


def make(folder: Path, count: int, names: tuple[str, ...]) -> None:
    """Write the files."""
    from bootstruct.io.writers import form_of, write_rows

    for name in names:
        path = folder / name
        write_rows(path, rows(count), form_of(path, container="dataset" if name == "dataset" else None))
        print(path, file=sys.stderr)


def commands(path: Path, out: Path) -> dict[str, list[str]]:
    """The commands by name."""
    model = ["--model", "pocket", "--max-steps", "1", "--held-out", "0.01"]
    return {
        "dedup": ["dedup", str(path), "--out", str(out / "kept.jsonl"), "--json"],
        "report": ["report", str(path), "--out", str(out / "report.html"), "--json"],
        "finetune": ["finetune", str(path), *model, "--out", str(out / "model"), "--json"],
    }


def measured(command: list[str]) -> dict[str, object]:
    """Run a command; its time, the peak of its memory in MB, and what it counted."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "bootstruct", *command], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    found = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-300:]}
    read = [{name: row[name] for name in ("container", "read", "used")} for row in found.get("accounts", ())]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    kept = {name: found[name] for name in ("kept", "dropped", "steps", "error") if name in found}
    return {"code": done.returncode, "seconds": round(seconds, 1), "peak_mb": peak, "files": read, **kept}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["make", "run", "one"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--files", nargs="*", default=[*FILES, "dataset"])
    parser.add_argument("--commands", nargs="*", default=["dedup", "report", "finetune"])
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.step == "make":
        make(given.folder, given.rows, tuple(given.files))
        return
    for name in given.files:
        for command in given.commands:
            if given.step == "one":
                out = given.folder / "out" / f"{name}-{command}-{time.time_ns()}"
                words = commands(given.folder / name, out)[command]
                out.mkdir(parents=True)
                print(json.dumps({"file": name, "command": command, **measured(words)}), flush=True)
            else:  # each in a process of its own, so that the peak is its own
                words = ["one", str(given.folder), "--files", name, "--commands", command]
                subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
