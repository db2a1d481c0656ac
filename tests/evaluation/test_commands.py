"""The commands as a user runs them: real processes, a real server, and SIGKILL in the middle."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bootstruct.evaluation.asking import read_facts
from bootstruct.journal.events import ReplyReceived
from tests.support.commands import CLI, environment, simulator
from tests.support.evaluate_commands import answering, evaluate

COMMANDS = (
    "superni",
    "user-tasks",
    "ifeval",
    "mc",
    "perplexity",
    "score",
    "overlap",
    "sheet",
    "judge",
    "agree",
    "compare",
)


def checkout(folder: Path, instances: int = 30) -> Path:
    """A checkout with three tasks; every instance asks for its own number."""
    (folder / "tasks").mkdir(parents=True)
    (folder / "splits" / "default").mkdir(parents=True)
    names = [f"task{n}_made_up" for n in range(3)]
    (folder / "splits" / "default" / "test_tasks.txt").write_text("\n".join(names) + "\n")
    for n, name in enumerate(names):
        rows = [{"id": f"{name}-{k}", "input": f"number {n}.{k}", "output": [f"{n}.{k}"]} for k in range(instances)]
        task = {"Definition": [f"Say number {n}"], "Categories": ["Title Generation" if n else "Word Analogy"]}
        task |= {"Positive Examples": [{"input": "number 9", "output": "9"}], "Instances": rows}
        (folder / "tasks" / f"{name}.json").write_text(json.dumps(task))
    return folder


def user_tasks(path: Path, count: int = 6) -> Path:
    rows = [
        {"id": f"u{n}", "instruction": f"Do {n}", "instances": [{"input": "x" if n % 2 else "", "output": f"done {n}"}]}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    shown = evaluate(command, "--help")
    assert shown.returncode == 0, shown.stderr
    assert f"bootstruct evaluate {command}" in shown.stdout


def test_superni_asks_scores_and_resumes_for_nothing(tmp_path: Path) -> None:
    def answer(question: str) -> str:
        number = question.rsplit("Input: number ", 1)[1].split(".\n")[0]
        return f" {number}\n\nInput: and on" if number.startswith("1") else f" {number}"

    words = [
        "superni",
        "--data",
        checkout(tmp_path / "ni", 10),
        "--model",
        "openai/m",
        "--out",
        tmp_path / "out",
        "--quiet",
    ]
    with answering(answer) as (url, asked):
        done = evaluate(*words, "--base-url", url, "--examples", 1, "--api", "text")
        assert done.returncode == 0, done.stderr
        assert "30 of 30 instances, 3 tasks" in done.stdout
        assert "Word Analogy (exact match)" in done.stdout
        assert len(asked) == 30
        assert {(entry["temperature"], entry["max_tokens"]) for entry in asked} == {(0.0, 1024)}
        shown = "Definition: Say number 0.\n\n Positive Example 1 -\nInput: number 9.\n Output: 9.\n\n"
        assert sum(entry["prompt"].startswith(shown) for entry in asked) == 10
        again = evaluate(*words, "--base-url", url, "--examples", 1, "--api", "text", "--json")
        assert len(asked) == 30
        changed = evaluate(*words, "--base-url", url, "--api", "text")
        assert changed.returncode == 2
        assert "sent before with another model, prompt" in changed.stderr
        assert len(asked) == 30
    scores = json.loads(again.stdout)[0]
    assert (scores["scored"], scores["expected"], scores["problems"]) == (30, 30, [])
    assert (scores["raw"]["overall"]["exact_match"], scores["paragraph"]["overall"]["exact_match"]) == (66.6667, 100.0)
    folder = tmp_path / "out" / "openai_m"
    rows = rows_of(folder / "predictions.jsonl")
    assert set(rows[0]) == {"Task", "Categories", "Instance", "prediction", "lineage"}
    fact = read_facts(folder)[rows[0]["lineage"]["key"]]
    assert isinstance(fact, ReplyReceived)
    assert (fact.reply.text, fact.digest) == (rows[0]["prediction"], rows[0]["lineage"]["digest"])
    assert json.loads((folder / "evaluation.json").read_text())["prompt"].startswith("definition and up to 1 examples")
    scored = evaluate("score", folder, "--data", tmp_path / "ni", "--json")
    assert json.loads(scored.stdout)[0]["raw"] == scores["raw"]


def test_missing_replies_are_counted(tmp_path: Path) -> None:
    words = [
        "superni",
        "--data",
        checkout(tmp_path / "ni", 4),
        "--model",
        "openai/m",
        "--out",
        tmp_path / "out",
        "--quiet",
    ]
    with answering(lambda question: "x") as (url, asked):
        short = evaluate(*words, "--base-url", url, "--max-requests", 5, "--concurrency", 1)
        assert short.returncode == 1
        assert "5 of 12 instances" in short.stdout
        assert "7 instances without a prediction" in short.stdout
        assert "max-requests 5" in short.stderr
        assert len(asked) == 5
        assert evaluate(*words, "--base-url", url).returncode == 0
        assert len(asked) == 12


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


@pytest.mark.slow
def test_killed_evaluations_resume_without_asking_again(tmp_path: Path) -> None:
    chance, flying = random.Random(4), 8
    data = checkout(tmp_path / "ni", 60)
    with simulator("--latency", "0.01", "--dist", "lognormal", "--sigma", "1.0") as server:
        words = ["superni", "--data", data, "--model", "openai/sim", "--base-url", server.url, "--quiet"]
        straight = evaluate(*words, "--out", tmp_path / "straight")
        assert straight.returncode == 0, straight.stderr
        server.reset()
        out, known = tmp_path / "killed", 0
        journal = out / "openai_sim" / "journal.jsonl"
        for _ in range(3):
            goal = known + chance.randint(10, 30)
            run = [*CLI, "evaluate", *map(str, words), "--out", str(out), "--concurrency", str(flying)]
            process = subprocess.Popen(run, env=environment(), stdout=subprocess.DEVNULL, start_new_session=True)
            while process.poll() is None and lines(journal) < goal:
                time.sleep(0.001)
            assert process.poll() is None, "it ended before it could be killed"
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kept = sum(isinstance(fact, ReplyReceived) for fact in read_facts(journal.parent).values())
            assert known < kept < 180
            known = kept
        done = evaluate(*words, "--out", out)
        assert done.returncode == 0, done.stderr
        stats = server.stats()
    assert stats["unique"] == 180
    assert stats["repeated"] <= 3 * flying  # what was in flight at a kill, and nothing else
    for name in ("predictions.jsonl", "scores.json", "evaluation.json"):
        assert (out / "openai_sim" / name).read_bytes() == (tmp_path / "straight" / "openai_sim" / name).read_bytes()


@pytest.mark.slow
def test_user_tasks_from_asking_to_comparing(tmp_path: Path) -> None:
    """The same commands before and after: two models, a sheet, people's ratings, a judge, agreement, comparison."""

    def answer(question: str) -> str:
        if "Level: A, B, C or D" in question:
            return "Fine.\nLevel: A" if "done" in question.split("<answer>")[1] else "Bad.\nLevel: D"
        if "Better: 1, 2 or tie" in question:
            return "Better: 1" if "done" in question.split("<answer_1>")[1].split("</answer_1>")[0] else "Better: 2"
        return "I cannot." if len(question) > 20 else "done " + question.split()[1]

    tasks, out = user_tasks(tmp_path / "tasks.jsonl"), tmp_path / "out"
    with answering(answer) as (url, asked):
        words = ["user-tasks", "--tasks", tasks, "--out", out, "--base-url", url, "--quiet"]
        done = evaluate(*words, "--model", "openai/before", "--model", "openai/after")
        assert done.returncode == 0, done.stderr
        assert {entry["model"] for entry in asked} == {"before", "after"}
        assert [{"role": "user", "content": "Do 0\nOutput:"}] in [entry["messages"] for entry in asked]
        models = [out / "openai_before", out / "openai_after"]
        judge = ["judge", *models, "--judge", "openai/j", "--base-url", url, "--out", tmp_path / "judged", "--quiet"]
        levels, pairs = evaluate(*judge), evaluate(*judge, "--pairwise", "--json")
        assert levels.returncode == pairs.returncode == 0, levels.stderr + pairs.stderr
    assert "12 replies, 120 prompt and 60 reply tokens" in levels.stdout
    comparison = json.loads(pairs.stdout)["comparisons"][0]
    assert (comparison["ties"], comparison["win_rate"]) == (6, 50.0)
    key = json.loads((out / "key.json").read_text())["items"]
    assert "openai" not in (out / "sheet.jsonl").read_text()
    people = tmp_path / "people.jsonl"
    with people.open("w") as file:
        for item, row in enumerate(rows_of(out / "sheet.jsonl")):
            for rater in ("anna", "ben"):
                level = "B" if "done" in row["response"] or (rater == "ben" and item == 0) else "D"
                file.write(json.dumps({"item": row["item"], "rater": rater, "level": level}) + "\n")
    assert len(key) == 12
    judged = tmp_path / "judged" / "openai_j-absolute"
    agree = evaluate(
        "agree", people, judged, "--key", out / "key.json", "--scores", models[0], "--scores", models[1], "--json"
    )
    assert agree.returncode == 0, agree.stderr
    result = json.loads(agree.stdout)
    assert [entry["kind"] for entry in result["pairs"]] == ["people", "person and judge", "person and judge"]
    assert result["all_raters"][1]["raters"] == 3
    assert result["scores_and_ratings"][0]["score"] == "ROUGE-L, raw"
    compared = evaluate(
        "compare", *models, "--ratings", people, "--ratings", judged, "--key", out / "key.json", "--out", tmp_path / "c"
    )
    assert compared.returncode == 0, compared.stderr
    assert {path.name for path in (tmp_path / "c").iterdir()} == {
        "compare.md",
        "compare.html",
        "compare.json",
        "ratings.svg",
    }
    assert "InstructGPT 003 (published)" in compared.stdout
    more = evaluate(*words, "--model", "openai/before")  # the sheet may have been rated by now
    assert more.returncode == 0, more.stderr
    assert "is kept because" in more.stderr
    sheet = evaluate("sheet", f"one={models[0]}", f"two={models[1]}", "--out", tmp_path / "sheet")
    assert sheet.returncode == 0, sheet.stderr
    assert len(rows_of(tmp_path / "sheet" / "sheet.jsonl")) == 12


def test_overlap_of_a_training_file(tmp_path: Path) -> None:
    training = tmp_path / "train.jsonl"
    training.write_text(json.dumps({"instruction": "Do 3!", "output": "x"}) + "\n")
    done = evaluate("overlap", training, "--tasks", user_tasks(tmp_path / "tasks.jsonl"), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["tasks"][0]["task"], result["summary"]["same_instruction"]) == ("u3", 1)
    superni = evaluate("overlap", training, "--data", checkout(tmp_path / "ni"))
    assert "Evaluation tasks: 3" in superni.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["superni", "--data", "nowhere", "--model", "openai/m"], "checkout"),
        (["user-tasks", "--model", "just-a-name"], "name the engine and the model"),
        (["user-tasks", "--model", "openai/m", "--tasks", "gone.jsonl"], "no such file"),
        (["user-tasks", "--model", "openai/unknown-price", "--max-cost", "1"], "price"),
        (["score", "gone.jsonl"], "no such evaluation folder"),
        (["compare", "gone"], "no such evaluation folder"),
        (["agree", "gone.jsonl"], "no such file"),
        (["overlap", "gone.jsonl"], "no such file"),
        (["judge", "gone", "--judge", "openai/j"], "no such evaluation folder"),
    ],
)
def test_errors_are_one_sentence(tmp_path: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = evaluate(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
