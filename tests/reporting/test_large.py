"""Large data sets: memory and size stay within bounds, and a sample is called one."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.report_runs import events, sentence, write_journal

GIGABYTE = 1_000_000  # kilobytes, as the system counts a process's memory

# `ru_maxrss` counts from before the program began: a child of a large process starts with its parent's peak. The
# kernel's own mark (Linux) begins anew with each program.
PEAK = """
import pathlib, resource
status = pathlib.Path("/proc/self/status")
marks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")] if status.exists() else []
print("memory", marks[0] if marks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def report(*arguments: str) -> tuple[str, int]:
    """What the command says, and the most memory it held, in kilobytes."""
    code = (
        "import sys; from bootstruct.cli.report import report_command\n"
        "report_command(sys.argv[1:], standalone_mode=False)\n"
    ) + PEAK
    history = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert history.returncode == 0, history.stderr
    *written, memory = history.stdout.strip().split("\n")
    return "\n".join(written), int(memory.split()[1])


@pytest.mark.slow
def test_a_run_of_the_papers_size(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(52_000))
    written, memory = report(str(folder))
    assert "52,000 instructions" in written
    assert memory < GIGABYTE
    page = folder / "report.html"
    assert page.stat().st_size < 6_000_000
    assert "A random sample: 1,000 of 52,000 tasks" in page.read_text()


@pytest.mark.slow
def test_a_million_rows(tmp_path: Path) -> None:
    path, draws = tmp_path / "data.jsonl", random.Random(1)
    with path.open("w") as file:
        for number in range(1_000_000):
            file.write(json.dumps({"instruction": f"{sentence(draws)} {number}", "input": "", "output": "done"}) + "\n")
    written, memory = report(str(path))
    assert "1,000,000 instructions" in written
    assert memory < 3 * GIGABYTE
    text = (tmp_path / "data.report.html").read_text()
    assert len(text) < 6_000_000
    assert "of 1,000,000 tasks" in text
    assert "From a random sample of 200 of 1,000,000" in text
    assert "of a random sample of 200,000 instructions" in text
