"""The demo as a whole: tables from scripted answers, another model, and the default demo with the embedded one."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstruct.cli.demo import bar, show
from bootstruct.demo.data import seeds_as_data
from bootstruct.demo.loop import Measured, Wanted, tune_and_ask, write_sources
from bootstruct.demo.models import kinds, trainings
from bootstruct.demo.page import write_page
from bootstruct.demo.prompts import SEEDED, UNSEEDED, evaluation_rows
from bootstruct.demo.scores import answers
from bootstruct.demo.steps import Book, open_book
from bootstruct.demo.summary import curve_rows, write_summary
from bootstruct.domain import Instance, Verdict
from bootstruct.drive import Run
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import StoppedShort
from bootstruct.events import Annotated, Proposed, Started, State, apply, begin
from bootstruct.files import read_seeds
from bootstruct.pipeline import generate
from bootstruct.runs import open_run
from tests.scripts import answer as small_answer
from tests.scripts import recipe
from tests.servers import CLI, bootstruct, environment

SEEDS = read_seeds(Path(__file__).parent.parent / "src" / "bootstruct" / "recipes" / "pocket" / "seeds.jsonl")
RIGHT = {"as-it-was": 0.3, "seeds-only": 0.5, "self-instruct": 0.9}


def events(count: int) -> list[Proposed | Annotated]:
    """So many accepted tasks with one instance each."""
    texts = [row["instruction"] for row in evaluation_rows(set(), sample=5)][:count]
    rows = evaluation_rows(set(), sample=5)[:count]
    kept = [Annotated(f"0.{n}", False, (Instance(**row["instances"][0]),)) for n, row in enumerate(rows)]
    return [Proposed(0, (), tuple(map(Verdict, texts))), *kept]


def state_of(count: int) -> State:
    state = begin(Started(recipe("pocket"), SEEDS))
    for event in events(count):
        apply(state, event)
    return state


def measured(folder: Path, full: bool, model: str = "pocket", missing: str = "") -> Measured:
    """A demo whose models answer a fixed share of the prompts rightly, and run on after each answer."""
    wanted, state = Wanted(folder, model, full=full), state_of(45)
    rows = write_sources(wanted, state)
    table = kinds(45, full, wanted.is_pocket)
    models = trainings(table, wanted.seeds)
    found = {}
    for each in models:
        share = RIGHT.get(each.kind.name, 0.7)
        said = [
            {
                "id": row["id"],
                "target": row["instances"][0]["output"],
                "response": (row["instances"][0]["output"] if n % 10 < 10 * share else "wrong") + "\nand so on",
            }
            for n, row in enumerate(rows)
        ]
        found[each.name] = answers(said, rows)
    found.pop(missing, None)
    (folder / "report.html").touch()
    seconds = {"generation": 20.0, "finetuning": 30.0, "evaluation": 9.0, "report": 1.0}
    return Measured(wanted, state, rows, table, models, found, Book(folder / "steps.json", model, {}, seconds))


@pytest.mark.parametrize("full", [False, True])
def test_what_the_demo_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str], full: bool) -> None:
    done = measured(tmp_path, full)
    told = write_summary(done)
    write_page(done, told)
    assert told == json.loads((tmp_path / "summary.json").read_text())
    rows = {row["name"]: row for row in told["models"]}
    for name, share in RIGHT.items():
        assert rows[name]["exact"]["all"]["mean"] == pytest.approx(100 * share, abs=1)
        assert rows[name]["whole answer"]["all"]["mean"] < rows[name]["first line"]["all"]["mean"]
    counts = told["prompts"]
    assert counts["all"] == counts[SEEDED] + counts[UNSEEDED] == rows["as-it-was"]["first line"]["all"]["count"]
    assert counts["left out"] == len(evaluation_rows(set(), done.wanted.phrasings)) - counts["all"]
    more = next(row for row in told["differences"] if row["over"] == "seeds-only" and row["prompts"] == "all")
    assert more["interval"]["low"] < more["value"] < more["interval"]["high"]
    assert told["instances"]["right"] == told["instances"]["all"] == 45
    assert [row["generated tasks"] for row in curve_rows(told)] == ([0, 20, 40, 45] if full else [])
    assert (tmp_path / "curve.svg").is_file() == full
    page = (tmp_path / "results.md").read_text()
    assert "no evidence about language at large" in page
    assert all(f"| {row['family']} |" in page for row in told["families"])
    show(told, tmp_path)
    shown = capsys.readouterr().out
    assert "as it was, whole answer" in shown
    assert "more in results.md" in shown
    assert ("seed 44" in shown) == full
    assert "no evidence about language at large" in " ".join(shown.split())
    assert all(len(text) <= 100 for text in shown.splitlines())


def test_a_model_that_failed_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = measured(tmp_path, True, missing="self-instruct-43")
    told = write_summary(done)
    assert told["failed"] == ["self-instruct-43"]
    (tmp_path / "report.html").unlink()
    assert write_summary(done)["failed"] == ["self-instruct-43", "report"]
    row = next(row for row in told["models"] if row["name"] == "self-instruct")
    assert row["by seed"]["43"] is None
    assert row["mean over seeds"] == row["by seed"]["42"]
    show(told, tmp_path)
    assert "failed" in capsys.readouterr().out


def test_another_model_is_not_judged_by_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = write_summary(measured(tmp_path, True, model="hf/other"))
    assert "right" not in told["instances"]
    assert "solved" not in {row["name"] for row in told["models"]}
    assert not (tmp_path / "solved.jsonl").exists()
    show(told, tmp_path)
    assert "they are not checked" in " ".join(capsys.readouterr().out.split())


def test_prompts_that_were_generated_are_left_out(tmp_path: Path) -> None:
    rows = evaluation_rows(set())
    state = begin(Started(recipe("pocket"), SEEDS))
    apply(state, Proposed(0, (), (Verdict(rows[0]["instruction"]),)))
    kept = write_sources(Wanted(tmp_path), state)
    assert len(kept) == len(rows) - 1
    assert rows[0]["id"] not in {row["id"] for row in kept}
    assert len((tmp_path / "seeds-only.jsonl").read_text().splitlines()) == len(seeds_as_data(state))


def test_old_answers_of_a_model_that_failed_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, state, said = Wanted(tmp_path), state_of(45), list[str]()
    write_sources(wanted, state)

    def run(words: tuple[str, ...], folder: Path, *_: object, **__: object) -> str:
        if words[0] == "finetune":
            raise StoppedShort("no memory")
        place = folder / words[words.index("--out") + 1] / "model"
        place.mkdir(parents=True)
        (place / "predictions.jsonl").touch()
        return ""

    monkeypatch.setattr("bootstruct.demo.steps.run_command", run)
    (tmp_path / "evaluations" / "seeds-only-42").mkdir(parents=True)
    models = trainings(kinds(45, False, True), (42,))
    done = tune_and_ask(wanted, state, models, open_book(tmp_path, "pocket"), said.append)
    assert [model.name for model in done] == ["as-it-was"]
    assert sum("failed. no memory" in text for text in said) == 2
    again = tune_and_ask(wanted, state, models[:1], open_book(tmp_path, "pocket"), said.append)
    assert [model.name for model in again] == ["as-it-was"]
    assert "1 of 1 models are on disk already" in said[-1]


def test_bars_grow_with_the_score() -> None:
    lengths = [len(bar(score)) for score in (0, 25, 50, 100)]
    assert lengths == sorted(set(lengths))
    assert bar(250) == bar(100)


def demo(*words: object) -> "subprocess.CompletedProcess[str]":
    """The command as a user runs it; a busy machine may take its time."""
    return subprocess.run(
        [*CLI, "demo", *map(str, words)], capture_output=True, text=True, env=environment(HF_HUB_OFFLINE="1"),
        timeout=3600, check=False,
    )  # fmt: skip


def local_parts() -> None:
    pytest.importorskip("torch", reason="torch is not installed: no model here")
    pytest.importorskip("trl", reason="trl is not installed: no finetuning here")


async def grow_scripted(folder: Path, tasks: int) -> None:
    """Bring a run to so many tasks with scripted replies."""
    state, journal = open_run(folder)
    try:
        await generate(Run(state, journal, Scripted(small_answer)), tasks)
    finally:
        journal.close()


@pytest.mark.real
def test_another_model_goes_through_the_whole_loop(tmp_path: Path) -> None:
    """A model of random weights; its tasks are scripted, since it would never write one."""
    local_parts()
    from tests.tiny_model import make

    model = make(tmp_path / "tiny")
    out = tmp_path / "demo"
    assert bootstruct("init", out / "run", "--recipe", "pocket", "--model", f"hf/{model}").returncode == 0
    asyncio.run(grow_scripted(out / "run", 14))
    words = ("--out", out, "--tasks", 14, "--model", f"hf/{model}", "--json")
    done = demo(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert [row["name"] for row in told["models"]] == list(RIGHT)
    assert told["failed"] == []
    shutil.rmtree(out / "models" / "self-instruct-42")
    again = demo(*words)
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stderr.count("$ bootstruct finetune") == 1, "only what is gone is made again"
    assert json.loads(again.stdout)["models"] == told["models"]


@pytest.mark.real
def test_a_model_that_writes_no_task_ends_the_demo_with_a_sentence(tmp_path: Path) -> None:
    local_parts()
    from tests.tiny_model import make

    done = demo("--out", tmp_path / "demo", "--model", f"hf/{make(tmp_path / 'tiny')}")
    assert done.returncode == 1, done.stderr[-3000:]
    assert "10 are the least" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.real
def test_the_whole_loop(tmp_path: Path) -> None:
    local_parts()
    out = tmp_path / "demo"
    done = demo("--out", out, "--tasks", 40)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "agrees: every decision follows from its replies" in done.stdout
    rows = {row["name"]: row for row in json.loads((out / "summary.json").read_text())["models"]}
    scores = {name: row["whole answer"]["all"]["mean"] for name, row in rows.items()}
    assert scores["as-it-was"] < 20
    assert scores["self-instruct"] > scores["as-it-was"] + 40
    assert (out / "report.html").stat().st_size > 50_000
    again = demo("--out", out, "--tasks", 40)
    assert again.returncode == 0
    assert "3 of 3 models are on disk already" in again.stdout
    assert "$ bootstruct finetune" not in again.stdout
