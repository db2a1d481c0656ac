"""`make demo`: the commands of the tour against a scripted server on this machine. No model: it shows the machinery.

The server (tests/simulator.py) makes up texts of the right shape, so the data is nonsense; everything else is real: HTTP,
the journal, a kill in the middle, the resume, verify, the exports.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLI = [sys.executable, "-m", "bootstruct"]


def say(*words: str) -> None:
    """Show a command and run it."""
    print(f"\n$ bootstruct {' '.join(words)}", flush=True)
    subprocess.run([*CLI, *words], check=True)


def killed(*words: str) -> None:
    """Start a command and kill it half way."""
    print(f"\n$ bootstruct {' '.join(words)}     (and kill -9 after a moment)", flush=True)
    process = subprocess.Popen([*CLI, *words], stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    process.send_signal(signal.SIGKILL)
    process.wait()


def main() -> None:
    server = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "tests" / "simulator.py"),
            "--port",
            "0",
            "--latency",
            "0.05",
            "--dist",
            "lognormal",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        port = "".join(filter(str.isdigit, server.stdout.readline()))
        os.environ["BOOTSTRUCT_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            print("A scripted server answers, not a model: the texts are nonsense, the machinery is real.")
            say("init", "run", "--recipe", "paper", "--model", "openai/scripted")
            say("preview", "run", "--requests", "1")
            killed("generate", "run", "--tasks", "300", "--quiet")
            say("status", "run")
            say("generate", "run", "--tasks", "300")
            say("status", "run")
            say("verify", "run")
            say("export", "run", "--format", "messages", "--out", "train.jsonl")
            say("dedup", "train.jsonl", "--threshold", "0.5")
    finally:
        server.kill()


main()
