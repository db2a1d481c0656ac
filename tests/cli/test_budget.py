"""A run that stops short says why, what it has, and how to go on; exit code 1; nothing is lost."""

from pathlib import Path

import pytest

from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events
from tests.support.commands import bootstruct, simulator


def init(run: Path, url: str, recipe: str = "paper", model: str = "openai/gpt-4o-mini") -> None:
    made = bootstruct("init", run, "--recipe", recipe, "--model", model, "--base-url", url)
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    ("flag", "low", "high"),
    [("--max-requests", 20, 10_000), ("--max-tokens", 20_000, 10_000_000), ("--max-cost", 0.004, 100)],
)
def test_a_budget(tmp_path: Path, flag: str, low: float, high: float) -> None:
    with simulator() as server:
        run = tmp_path / "run"
        init(run, server.url)
        done = bootstruct("generate", run, "--tasks", 40, flag, low)
        assert done.returncode == 1
        assert "stopped: The budget is used up" in done.stderr
        assert f"{flag} {low:g}" in done.stderr
        assert "same command with a higher limit" in done.stderr
        assert "instructions accepted" in done.stderr
        stats = server.stats()
        replies = [e.reply for _, e in read_events(run / "journal.jsonl") if isinstance(e, ReplyReceived)]
        assert 0 < len(replies) == stats["ok"]
        tokens = sum(reply.prompt_tokens + reply.completion_tokens for reply in replies)
        cost = sum(0.15 * reply.prompt_tokens + 0.6 * reply.completion_tokens for reply in replies) / 1e6
        assert {"--max-requests": len(replies), "--max-tokens": tokens, "--max-cost": cost}[flag] <= low
        again = bootstruct("generate", run, "--tasks", 40, flag, low)
        assert again.returncode == 1  # cumulative: the same cap leaves no more room than before
        assert server.stats()["ok"] - stats["ok"] <= 3
        done = bootstruct("generate", run, "--tasks", 40, flag, high)
        assert done.returncode == 0, done.stderr
        assert bootstruct("verify", run).returncode == 0


def test_a_dry_pool_and_ignoring_it(tmp_path: Path) -> None:
    with simulator("--items", "1", "--fault", "refusal=1.0") as server:
        run = tmp_path / "run"
        init(run, server.url, "chat")
        done = bootstruct("generate", run, "--tasks", 5)
        assert done.returncode == 1
        assert "brought no new instruction" in done.stderr
        assert "--ignore-stall" in done.stderr
        asked = server.stats()["ok"]
        assert bootstruct("generate", run, "--tasks", 5).returncode == 1
        assert server.stats()["ok"] == asked
        done = bootstruct("generate", run, "--tasks", 5, "--ignore-stall", "--max-requests", asked + 40)
        assert done.returncode == 1
        assert server.stats()["ok"] > asked


def test_progress_is_plain_lines_away_from_a_terminal_and_nothing_with_quiet(tmp_path: Path) -> None:
    with simulator("--latency", "0.2") as server:
        for name, more in (("plain", []), ("quiet", ["--quiet"])):
            run = tmp_path / name
            init(run, server.url)
            done = bootstruct("generate", run, "--tasks", 5, *more)
            assert done.returncode == 0
            assert "\x1b" not in done.stdout + done.stderr
            assert done.stderr == "" or name == "plain"
            assert "instructions accepted" in done.stdout


def test_several_servers_share_the_work_and_one_may_be_down(tmp_path: Path) -> None:
    with simulator("--latency", "0.02") as one, simulator("--latency", "0.02") as two:
        run = tmp_path / "run"
        init(run, one.url)
        urls = ["--base-url", one.url, "--base-url", two.url, "--base-url", "http://127.0.0.1:9/v1"]
        done = bootstruct("generate", run, "--tasks", 40, *urls)
        assert done.returncode == 0, done.stderr
        assert min(one.stats()["ok"], two.stats()["ok"]) > 20
