"""`generate` against a second simulator that others wrote, so that ours does not only agree with itself."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstruct.run.folder import read_run
from tests.support.commands import bootstruct
from tests.support.paths import SHARED

MOCK = SHARED / "bench" / "mock_openai.py"
pytestmark = pytest.mark.skipif(not MOCK.is_file(), reason="../shared/bench is absent: the other simulator is not here")


@contextlib.contextmanager
def mock(*options: str) -> Iterator[str]:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, str(MOCK), "--port", str(port), *options])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=2):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("recipe", ["paper", "chat", "original"])
def test_a_run(tmp_path: Path, recipe: str) -> None:
    with mock("--latency", "0.01") as url:
        run = tmp_path / "run"
        assert bootstruct("init", run, "--recipe", recipe, "--model", "openai/sim", "--base-url", url).returncode == 0
        done = bootstruct("generate", run, "--tasks", 60)
        assert done.returncode == 1, done.stderr  # its replies about instances contain none, and the run says so
        assert "tasks is without an instance" in done.stderr
        assert bootstruct("verify", run).returncode == 0
        assert len(read_run(run).accepted) >= 60


@pytest.mark.slow
def test_faults_change_no_instruction(tmp_path: Path) -> None:
    kept = []
    for name, options in (("quiet", ()), ("faulty", ("--p429", "0.1", "--p500", "0.1"))):
        with mock("--latency", "0.01", *options) as url:
            run = tmp_path / name
            bootstruct("init", run, "--recipe", "paper", "--model", "openai/sim", "--base-url", url)
            done = bootstruct("generate", run, "--tasks", 20)
            assert done.returncode == 1, done.stderr
            assert len(read_run(run).accepted) >= 20
            assert bootstruct("export", run, "--format", "original", "--out", run / "out").returncode == 0
            # Its yes or no depends on the attempt, so only what does not is compared: the instructions.
            kept.append((run / "out" / "machine_generated_instructions.jsonl").read_bytes())
    assert kept[0] == kept[1]
