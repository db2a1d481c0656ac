"""Every command that reads rows says what became of them: in one line, by line number on request, and as JSON."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import bootstruct
from tests.support.evaluate_commands import answering

Json = dict[str, Any]
BROKEN = '{"instruction": "cut'


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files of rows; the second row of each is broken."""
    tasks = [{"instruction": f"Name {thing}.", "output": thing} for thing in ("a fruit", "the largest river")]
    answers = [
        {"id": f"t{n}", "instruction": f"Do {n}.", "response": f"done {n}", "target": f"done {n}"} for n in range(2)
    ]
    ratings = [{"model": "m", "task": f"t{n}", "rater": rater, "level": "A"} for n in range(2) for rater in ("a", "b")]
    lines(tmp_path / "rows.jsonl", tasks[0], BROKEN, tasks[1])
    lines(tmp_path / "good.jsonl", *tasks)
    lines(tmp_path / "answers.jsonl", answers[0], BROKEN, answers[1])
    lines(tmp_path / "ratings.jsonl", *ratings, ratings[0] | {"level": "B"})
    return tmp_path


Command = Callable[[Path], "tuple[object, ...]"]
COMMANDS: dict[str, tuple[Command, int, str]] = {  # words, rows left out, the lines of these
    "init": (
        lambda at: (
            "init",
            at / "new",
            "--seeds",
            at / "good.jsonl",
            "--keep-away",
            at / "rows.jsonl",
            "--model",
            "openai/x",
        ),
        1,
        "line 2",
    ),
    "dedup": (lambda at: ("dedup", at / "rows.jsonl", "--against", at / "good.jsonl"), 1, "line 2"),
    "report": (
        lambda at: (
            *("report", at / "rows.jsonl", "--out", at / "r.html"),
            *("--seeds", at / "good.jsonl", "--test-set", at / "rows.jsonl"),
        ),
        2,
        "line 2",
    ),
    "import": (
        lambda at: ("import", at / "run", "--from", at / "rows.jsonl", "--seeds", at / "good.jsonl"),
        1,
        "line 2",
    ),
    "overlap": (
        lambda at: ("evaluate", "overlap", at / "rows.jsonl", "--tasks", at / "rows.jsonl", "--rows", 0),
        2,
        "line 2",
    ),
    "score": (lambda at: ("evaluate", "score", at / "answers.jsonl"), 1, "line 2"),
    "compare": (
        lambda at: ("evaluate", "compare", f"m={at}/answers.jsonl", "--ratings", at / "ratings.jsonl"),
        2,
        "line 2",
    ),
    "agree": (
        lambda at: ("evaluate", "agree", at / "ratings.jsonl", "--scores", f"m={at}/answers.jsonl"),
        2,
        "replaced by a later one of the same rater: line 1",
    ),
}


def accounts_in(done: "subprocess.CompletedProcess[str]") -> list[Json]:
    found = json.loads(done.stdout)
    rows = found if isinstance(found, list) else [found]
    return [account for row in rows for account in row["accounts"]]


def require_sums(accounts: list[Json], left_out: int) -> None:
    assert accounts
    for account in accounts:
        assert account["read"] == account["used"] + sum(map(len, account["left_out"].values())) > 0, account
    assert sum(len(places) for account in accounts for places in account["left_out"].values()) == left_out


@pytest.mark.parametrize("name", COMMANDS)
def test_rows_read_are_rows_used_and_rows_left_out(name: str, files: Path) -> None:
    words, left_out, listed = COMMANDS[name]
    done = bootstruct(*words(files), "--json")
    assert done.returncode == 0, done.stderr
    require_sums(accounts_in(done), left_out)
    for made in ("new", "run"):
        (files / made).rename(files / f"before-{made}") if (files / made).exists() else None
    done = bootstruct(*words(files), "--list-left-out")
    assert done.returncode == 0, done.stderr
    assert listed in done.stderr


def test_the_commands_that_ask_models(files: Path) -> None:
    with answering(lambda question: "Level: A" if "Level" in question or "A" in question else "x") as (url, _):
        asked = ("--base-url", url, "--quiet")
        tasks = ("evaluate", "user-tasks", "--model", "openai/m", "--tasks", files / "rows.jsonl", *asked)
        judge = ("evaluate", "judge", f"m={files}/answers.jsonl", "--judge", "openai/j", *asked)
        for words in (tasks, judge):
            out = ("--out", files / "out" / str(words[1]))
            done = bootstruct(*words, *out, "--json", OPENAI_API_KEY="k")
            assert done.returncode == 0, done.stderr
            require_sums(accounts_in(done), 1)
            done = bootstruct(*words, *out, "--list-left-out", OPENAI_API_KEY="k")
            assert done.returncode == 0, done.stderr
            assert "not JSON: line 2" in done.stderr
        done = bootstruct("evaluate", "sheet", f"m={files}/answers.jsonl", "--out", files / "sheet", "--list-left-out")
        assert "not JSON: line 2" in done.stderr


def test_task_files_of_superni_are_counted_as_well(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    task = {"Definition": ["Say it."], "Instances": [{"id": "a", "input": "x", "output": ["x"]}]}
    (tmp_path / "tasks" / "task1_good.json").write_text(json.dumps(task))
    (tmp_path / "tasks" / "task2_bad.json").write_text("{}")
    names = ("--task", "task1_good", "--task", "task2_bad")
    with answering(lambda question: "x") as (url, _):
        words = ("evaluate", "superni", "--data", tmp_path, *names, "--model", "openai/m", "--base-url", url, "--quiet")
        done = bootstruct(*words, "--out", tmp_path / "out", "--json", OPENAI_API_KEY="k")
        assert done.returncode == 0, done.stderr
        require_sums(accounts_in(done), 1)
        done = bootstruct(*words, "--out", tmp_path / "out", "--list-left-out", OPENAI_API_KEY="k")
        assert "2 tasks; 1 left out: 1 that are no task files" in done.stderr
