"""The recipes for models that chat, end to end over HTTP: servers of every kind, any speed, any crash, the same data."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import read_events
from bootstruct.run.folder import read_run
from tests.run.test_kill import CONCURRENCY, TASKS, exports, generate, kill_once, lines, replies
from tests.support.commands import Simulator, bootstruct, simulator

FAULTS = ("429=0.05", "500=0.03", "reset=0.02", "null-content=0.05", "refusal=0.03")
KILLS = int(os.environ.get("BOOTSTRUCT_KILLS", "0")) or 3


def begin(run: Path, server: Simulator, recipe: str) -> None:
    """A run folder. `alpaca json` is the recipe alpaca with JSON replies, `chat text` the recipe chat without any."""
    name, _, reply = recipe.partition(" ")
    done = bootstruct("init", run, "--recipe", name, "--model", "openai/sim", "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    if reply:
        path, other = run / "recipe.yaml", "text" if reply == "json" else "json"
        path.write_text(path.read_text().replace(f"reply: {other}", f"reply: {reply}"))


def grow(run: Path, server: Simulator, concurrency: int = 16, *more: object) -> None:
    done = bootstruct(*generate(run, server, concurrency), *more)
    assert done.returncode == 0, done.stderr
    checked = bootstruct("verify", run)
    assert checked.returncode == 0, checked.stdout
    assert "agrees: every decision" in checked.stdout


@pytest.mark.parametrize("recipe", ["chat", "alpaca json"])
def test_what_a_server_makes_of_schemas_changes_no_byte(tmp_path: Path, recipe: str) -> None:
    """Obeyed, ignored (replies in plain words), refused (JSON in a fence after a greeting): the same data set."""
    made = []
    for schemas in ("obeyed", "ignored", "refused"):
        with simulator("--schemas", schemas) as server:
            run = tmp_path / schemas
            begin(run, server, recipe)
            grow(run, server)
            made.append(exports(run))
            sent = server.stats()["with_schema"]
            assert 0 < sent <= (5 * CONCURRENCY if schemas == "refused" else sent)
    for other in made[1:]:
        assert {name for name in made[0] if other[name] != made[0][name]} <= RAW, "other decisions"


RAW = {
    "original/machine_generated_instructions.jsonl",
    "original/machine_generated_instances.jsonl",
}  # hold raw replies


@pytest.mark.parametrize(
    ("recipe", "schemas"),
    [
        ("chat", "obeyed"),
        ("chat", "ignored"),
        ("chat text", "refused"),
        ("alpaca", "ignored"),
        ("alpaca json", "refused"),
    ],
)
@pytest.mark.slow
def test_faults_of_every_kind(tmp_path: Path, recipe: str, schemas: str) -> None:
    cut = "cut-text=0.5" if "alpaca" in recipe else "cut-text=0.15"  # it asks few questions
    faults = [word for fault in (*FAULTS, cut) for word in ("--fault", fault)]
    with simulator("--schemas", schemas, "--retry-after", "0.02", *faults) as server:
        begin(tmp_path / "run", server, recipe)
        grow(tmp_path / "run", server)
    state = read_run(tmp_path / "run")
    assert len(state.completed) == len(state.accepted) >= TASKS
    rules = set(state.rejections) | {entry.rule for a in state.completed.values() for entry in a.rejected}
    assert "cut off" in rules


@pytest.mark.parametrize("recipe", ["chat", "alpaca", "alpaca json"])
def test_one_at_a_time_or_sixty_four(tmp_path: Path, recipe: str) -> None:
    with simulator("--latency", "0.005", "--dist", "lognormal", "--fault", "cut-text=0.2") as server:
        for concurrency in (1, 64):
            begin(tmp_path / str(concurrency), server, recipe)
            grow(tmp_path / str(concurrency), server, concurrency)
    assert exports(tmp_path / "1") == exports(tmp_path / "64")


def test_tasks_of_a_request_are_classified_by_one_question(tmp_path: Path) -> None:
    with simulator() as server:
        begin(tmp_path / "run", server, "chat")
        grow(tmp_path / "run", server)
        steps, state = server.stats()["by_step"], read_run(tmp_path / "run")
    with_tasks = sum(b > a for a, b in zip([0, *state.accepted_after], state.accepted_after, strict=False))
    alone = sum(b - a == 1 for a, b in zip([0, *state.accepted_after], state.accepted_after, strict=False))
    assert steps.get("kind", 0) == alone
    assert steps["kinds"] == with_tasks - alone
    assert steps["instances"] == len(state.accepted)
    assert not state.replies.keys() - {key for key in state.replies if key.startswith("propose/")}


def test_where_the_common_question_fails_each_task_is_asked_alone(tmp_path: Path) -> None:
    with simulator("--steps", "kinds", "--fault", "400=1.0") as server:
        begin(tmp_path / "run", server, "chat")
        grow(tmp_path / "run", server)
        steps = server.stats()["by_step"]
    events = [event for _, event in read_events(tmp_path / "run" / "journal.jsonl")]
    failed = [event.key for event in events if isinstance(event, RequestFailed)]
    assert failed
    assert all(key.endswith("/kinds") for key in failed)
    assert len(failed) == len(set(failed))
    state = read_run(tmp_path / "run")
    assert steps["kind"] == len(state.accepted)
    assert not any(completed.failed for completed in state.completed.values())


def test_kinds_cut_in_the_middle_ask_the_rest_alone(tmp_path: Path) -> None:
    with simulator("--steps", "kinds", "--fault", "cut-text=1.0") as server:
        begin(tmp_path / "run", server, "chat")
        grow(tmp_path / "run", server)
        steps = server.stats()["by_step"]
    assert 0 < steps["kind"] < steps["instances"]


def test_alpaca_asks_nothing_but_for_tasks(tmp_path: Path) -> None:
    with simulator() as server:
        begin(tmp_path / "run", server, "alpaca")
        grow(tmp_path / "run", server)
        assert server.stats()["by_step"].keys() == {"propose"}
    state = read_run(tmp_path / "run")
    for task in state.accepted:
        completed = state.completed[task.name]
        assert completed.instances == task.instances
        assert len(task.instances) == 1
        assert not completed.is_classification
    rows = json.loads(exports(tmp_path / "run")["alpaca"])
    assert len(rows) == len(state.accepted)
    assert {bool(row["input"]) for row in rows} == {True, False}
    kept = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    verdicts = [v for row in kept if row["event"] == "proposed" for v in row["verdicts"]]
    assert all(("instances" in verdict) == ("rule" not in verdict) for verdict in verdicts)


@pytest.mark.parametrize("recipe", ["chat", "alpaca"])
def test_a_preview_is_taken_over(tmp_path: Path, recipe: str) -> None:
    with simulator() as server:
        begin(tmp_path / "run", server, recipe)
        done = bootstruct("preview", tmp_path / "run", "--json", "--tasks", 100)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        asked = len(result["requests"])
        server.reset()
        grow(tmp_path / "run", server)
        assert read_run(tmp_path / "run").usage
        reused = [e for e in replies(tmp_path / "run") if e.source]
        assert len(reused) == asked
        whole = len(replies(tmp_path / "run"))
        assert server.stats()["ok"] == whole - asked
    calls, needed = result["estimate"]["requests"], (100 // 8 + 1) * 2 + 100 if recipe == "chat" else 100 // 20 + 1
    assert 0.7 * needed < calls < 1.6 * needed


@pytest.mark.parametrize("recipe", ["chat", "alpaca json"])
@pytest.mark.slow
def test_killed_and_resumed(tmp_path: Path, recipe: str) -> None:
    """SIGKILL at random moments: the same bytes, and nothing paid twice but what was in flight."""
    with simulator(
        "--latency", "0.01", "--dist", "lognormal", "--fault", "cut-text=0.2", "--schemas", "refused"
    ) as server:
        begin(tmp_path / "straight", server, recipe)
        grow(tmp_path / "straight", server, 1)
        expected, whole = exports(tmp_path / "straight"), len(replies(tmp_path / "straight"))
        rng = random.Random(7)
        for _ in range(KILLS):
            run = tmp_path / "killed"
            begin(run, server, recipe)
            server.reset()
            kill_once(run, server, rng.randint(1, max(1, whole - CONCURRENCY)))
            grow(run, server, rng.randint(1, 64))
            kept = replies(run)
            assert exports(run) == expected
            assert len({event.key for event in kept}) == len(kept)
            assert server.stats()["ok"] - len(kept) <= CONCURRENCY
            shutil.rmtree(run)


def test_a_kill_between_two_tasks_of_a_request_asks_their_common_question_once(tmp_path: Path) -> None:
    """The journal cut after every line: whatever stands there is not asked again."""
    with simulator() as server:
        begin(tmp_path / "run", server, "chat")
        grow(tmp_path / "run", server, 1)
        journal, expected = tmp_path / "run" / "journal.jsonl", exports(tmp_path / "run")
        whole = journal.read_bytes().splitlines(keepends=True)
        first = next(n for n, line in enumerate(whole) if b'/kinds"' in line)
        for end in range(first, first + 20, 7):
            journal.write_bytes(b"".join(whole[:end]))
            before = lines(tmp_path / "run")
            server.reset()
            grow(tmp_path / "run", server, 8)
            assert exports(tmp_path / "run") == expected
            keys = [e.key for _, e in read_events(journal) if isinstance(e, ReplyReceived)]
            assert len(keys) == len(set(keys))
            assert server.stats()["ok"] <= len(whole) - before


def test_a_run_with_hints_is_judged_again_and_reported(tmp_path: Path) -> None:
    with simulator() as server:
        begin(tmp_path / "old", server, "alpaca")
        grow(tmp_path / "old", server)
        begin(tmp_path / "new", server, "alpaca")
        path = tmp_path / "new" / "recipe.yaml"
        path.write_text(path.read_text().replace("words_at_most: 3,", "words_at_most: 12,"))
        server.reset()
        old = read_run(tmp_path / "old")
        done = bootstruct(
            "generate", tmp_path / "new", "--rejudge", tmp_path / "old", "--tasks", 1, "--base-url", server.url
        )
        assert done.returncode == 0, done.stderr
        assert server.stats()["requests"] == 0
        new = read_run(tmp_path / "new")
        assert 0 < len(new.accepted) < len(old.accepted)
        assert {task.text for task in new.accepted} < {task.text for task in old.accepted}
        assert all(state.instances for state in new.completed.values())
        assert bootstruct("verify", tmp_path / "new").returncode == 0
        page = bootstruct("report", tmp_path / "new", "--out", tmp_path / "page.html")
        assert page.returncode == 0, page.stderr
