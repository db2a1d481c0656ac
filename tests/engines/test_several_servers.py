"""Runs against several server processes, some of which fail in the middle: the same data, nothing lost, nothing failed."""

import json
import subprocess
import time
from pathlib import Path

from tests.run.test_kill import exports, lines, replies
from tests.support.commands import CLI, Simulator, bootstruct, environment, simulator

TASKS = 60
PACE = ("--latency", "0.03")


def words(run: Path, *servers: Simulator) -> list[str]:
    urls = [word for server in servers for word in ("--base-url", server.url)]
    return ["generate", str(run), "--tasks", str(TASKS), *urls, "--concurrency", "9"]


def begin(run: Path) -> None:
    done = bootstruct("init", run, "--recipe", "paper", "--model", "openai/sim")
    assert done.returncode == 0, done.stderr


def test_one_of_three_servers_dies_in_the_middle(tmp_path: Path) -> None:
    with simulator(*PACE) as one, simulator(*PACE) as two, simulator(*PACE) as three:
        straight, run = tmp_path / "straight", tmp_path / "run"
        for folder in (straight, run):
            begin(folder)
        assert bootstruct(*words(straight, one), "--quiet").returncode == 0
        process = subprocess.Popen(
            [*CLI, *words(run, one, two, three), "--quiet"], env=environment(), stderr=subprocess.PIPE, text=True
        )
        while lines(run) < 30 and process.poll() is None:
            time.sleep(0.005)
        two.kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert exports(run) == exports(straight)
        assert len({event.key for event in replies(run)}) == len(replies(run))
        assert json.loads(bootstruct("status", run, "--json").stdout)["failed"] == 0
        assert not (run / "aside.json").exists()


def test_one_of_two_servers_rate_limits_everything_with_a_long_retry_after(tmp_path: Path) -> None:
    """Its Retry-After of a minute holds nobody: the other server does the work."""
    with simulator(*PACE) as one, simulator("--fault", "429", "--retry-after", "60") as two:
        run = tmp_path / "run"
        begin(run)
        began = time.monotonic()
        done = bootstruct(*words(run, two, one), "--quiet")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - began < 50
        assert two.stats()["ok"] == 0 < two.stats()["requests"]
