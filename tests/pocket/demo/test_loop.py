"""The demo as a whole: tables from scripted answers, another model, and the default demo with the embedded one."""

import asyncio
import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstruct.cli.demo import bar, print_summary
from bootstruct.config.loading import read_recipe
from bootstruct.config.seeds import read_seeds
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import RunStoppedError
from bootstruct.journal.events import CandidatesJudged, RunStarted, TaskCompleted
from bootstruct.journal.state import State, apply, begin
from bootstruct.pipeline import generate
from bootstruct.pocket.demo import write_data
from bootstruct.pocket.demo.evaluation_data import GROUPS, evaluation_rows
from bootstruct.pocket.demo.experiment_configs import model_table, seeded_models
from bootstruct.pocket.demo.grow import edit_recipe
from bootstruct.pocket.demo.loop import finetune_and_evaluate, write_results
from bootstruct.pocket.demo.model_steps import source_digests
from bootstruct.pocket.demo.options import DemoOptions
from bootstruct.pocket.demo.scores import score_answers
from bootstruct.pocket.demo.steps import open_record
from bootstruct.pocket.demo.summary import DemoResults, curve_rows, summarize
from bootstruct.pocket.demo.tables import headline_sentence
from bootstruct.pocket.demo.training_data import run_rows
from bootstruct.pocket.demo.write_data import write_evaluation, write_training_data
from bootstruct.run.folder import open_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Instance, Prompt, Verdict
from tests.support.commands import CLI, bootstruct_process, environment
from tests.support.paths import PACKAGE
from tests.support.scripts import answer as small_answer
from tests.support.scripts import recipe

SEEDS = read_seeds(PACKAGE / "config" / "recipes" / "pocket" / "seeds.jsonl")
RIGHT = {"as-it-was": 0.3, "seed-instances": 0.5, "self-instruct": 0.9}


def events(count: int) -> list[CandidatesJudged | TaskCompleted]:
    """So many accepted tasks with one instance each."""
    texts = [row["instruction"] for row in evaluation_rows(set(), sample=5)][:count]
    rows = evaluation_rows(set(), sample=5)[:count]
    kept = [TaskCompleted(f"0.{n}", False, (Instance(**row["instances"][0]),)) for n, row in enumerate(rows)]
    return [CandidatesJudged(0, (), tuple(map(Verdict, texts))), *kept]


def state_of(count: int) -> State:
    state = begin(RunStarted(recipe("pocket"), SEEDS))
    for event in events(count):
        apply(state, event)
    return state


def measured(folder: Path, full: bool, model: str = "pocket", missing: str = "") -> DemoResults:
    """A demo whose models answer a fixed share of the prompts rightly, and run on after each answer."""
    options, state = DemoOptions(folder, model, full=full), state_of(45)
    states = tuple(state for _ in options.generations)
    table = model_table(45, full, options.is_pocket)
    rows = write_evaluation(options, states, table)
    models = seeded_models(table, options.finetuning_seeds, options.generations)
    answers = {}
    for seeded in models:
        share = RIGHT.get(seeded.config.name, 0.7)
        written = [
            {
                "id": row["id"],
                "target": row["instances"][0]["output"],
                "response": (row["instances"][0]["output"] if n % 10 < 10 * share else "wrong") + "\nand so on",
            }
            for n, row in enumerate(rows)
        ]
        answers[seeded.name] = score_answers(written, rows)
    answers.pop(missing, None)
    seconds = {"generation": 20.0, "finetuning": 30.0, "evaluation": 9.0, "report": 1.0}
    examples = {seeded.source: 365 for seeded in models if seeded.source}
    return DemoResults(options, states, rows, table, models, examples, answers, seconds, has_report=True)


@pytest.mark.parametrize("full", [False, True])
def test_what_the_demo_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str], full: bool) -> None:
    done = measured(tmp_path, full)
    result = summarize(done)
    write_results(tmp_path, result)
    assert result == json.loads((tmp_path / "summary.json").read_text())
    rows = {row["name"]: row for row in result["models"]}
    for name, share in RIGHT.items():
        assert rows[name]["exact"]["all"]["mean"] == pytest.approx(100 * share, abs=1)
        assert rows[name]["whole answer"]["all"]["mean"] < rows[name]["first line"]["all"]["mean"]
    counts = result["prompts"]
    runs = len(done.options.generations)
    assert [sum(counts[group][number] for group in GROUPS) for number in range(runs)] == [counts["all"]] * runs
    assert rows["as-it-was"]["first line"]["all"]["count"] == runs * counts["all"], "counted in each run"
    assert counts["left out"] == len(evaluation_rows(set(), done.options.phrasings)) - counts["all"]
    assert counts["held out"] == rows["as-it-was"]["first line"]["held out"]["count"] / runs
    more = next(row for row in result["differences"] if row["over"] == "seed-instances" and row["prompts"] == "all")
    assert more["interval"]["low"] < more["value"] < more["interval"]["high"]
    assert more["p"] < 0.05
    assert f"{more['value']:+.1f}" in headline_sentence(result)
    assert len(result["runs"]) == runs
    assert result["runs"][0]["instances"]["right"] == result["runs"][0]["instances"]["all"] == 45
    assert [row["generated tasks"] for row in curve_rows(result)] == ([0, 20, 40, 45] if full else [])
    assert (tmp_path / "curve.svg").is_file() == full
    page = (tmp_path / "results.md").read_text()
    assert "no evidence about language at large" in page
    assert all(f"| {row['family']} |" in page for row in result["families"])
    print_summary(result, tmp_path)
    shown = capsys.readouterr().out
    assert "untuned, headline, whole" in shown
    assert headline_sentence(result) in " ".join(shown.split())
    assert "more in results.md" in shown
    assert ("Over runs and finetuning seeds" in shown) == ("run 2, seed 44" in page) == full
    assert "no evidence about language at large" in " ".join(shown.split())
    assert "…" not in shown, "nothing is cut off at 80 columns"
    assert all(len(text) <= 80 for text in shown.splitlines())


@pytest.mark.slow
def test_a_model_that_failed_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = measured(tmp_path, True, missing="self-instruct-43")
    result = summarize(done)
    assert result["failed"] == ["self-instruct-43"]
    assert summarize(dataclasses.replace(done, has_report=False))["failed"] == ["self-instruct-43", "report"]
    row = next(row for row in result["models"] if row["name"] == "self-instruct")
    assert row["by seed"]["run 1, seed 43"] is None
    assert row["mean over seeds"] == row["by seed"]["run 1, seed 42"]
    write_results(tmp_path, result)
    assert "failed" in (tmp_path / "results.md").read_text()
    print_summary(result, tmp_path)
    assert "self-instruct" in capsys.readouterr().out


@pytest.mark.slow
def test_another_model_is_not_judged_by_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = summarize(measured(tmp_path, True, model="hf/other"))
    assert "right" not in result["runs"][0]["instances"]
    assert "solved" not in {row["name"] for row in result["models"]}
    print_summary(result, tmp_path)
    assert "they are not checked" in " ".join(capsys.readouterr().out.split())


def test_prompts_that_were_generated_are_left_out(tmp_path: Path) -> None:
    rows = evaluation_rows({seed.instruction for seed in SEEDS})
    state = begin(RunStarted(recipe("pocket"), SEEDS))
    apply(state, CandidatesJudged(0, (), (Verdict(rows[0]["instruction"]),)))
    kept = write_evaluation(DemoOptions(tmp_path), (state,), model_table(45, False, True))
    assert len(kept) == len(rows) - 1
    assert rows[0]["id"] not in {row["id"] for row in kept}


def test_every_model_has_as_many_examples_as_the_run_or_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, table = state_of(45), model_table(45, True, True)
    written = [Instance(f"{word}, cat", f"cat, {word}") for word in ("dog", "hen", "pig", "cow")]
    monkeypatch.setattr(write_data, "seed_instances", lambda *_: {seed.id: written for seed in SEEDS})
    monkeypatch.setattr(write_data, "input_first_instances", lambda *_: {})
    monkeypatch.setattr(write_data, "grow", lambda *_, **__: state_of(60))
    options, shown = DemoOptions(tmp_path, full=True), list[str]()
    examples = write_training_data(options, (state, state), table, shown.append)
    count = len(run_rows(state))
    assert examples["run"] == examples["run-2"] == count == len(SEEDS) + 45
    for name in ("seed-instances", "unfiltered", "input-first", "shuffled", "solved"):
        assert examples[f"data/{name}.jsonl"] == examples[f"data/{name}-2.jsonl"] == count
    assert (examples["data/seeds-only.jsonl"], examples["data/seeds-all-templates.jsonl"]) == (20, 60)
    for path, number in examples.items():
        if path.endswith(".jsonl"):
            assert len((tmp_path / path).read_text().splitlines()) == number


def test_instances_are_asked_for_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootstruct.pocket.demo import more_instances
    from bootstruct.types import Reply

    asked = []

    def answer(prompt: Prompt) -> Reply:
        asked.append(prompt)
        return Reply("\nExample 1\nInput: hen, cat\nOutput: cat, hen\n", "stop")

    from bootstruct.evaluation import collect_replies as collecting

    class Stack:
        batches = None
        engine = ScriptedEngine(answer)

    monkeypatch.setattr(collecting, "open_engine", lambda *_: Stack)
    found = more_instances.seed_instances(state_of(4), "pocket", tmp_path / "more", 2)
    assert found[SEEDS[0].id] == [Instance("hen, cat", "cat, hen")]
    assert len(asked) == 2 * len(SEEDS)
    assert more_instances.seed_instances(state_of(4), "pocket", tmp_path / "more", 2) == found
    assert len(asked) == 2 * len(SEEDS)


def test_a_second_run_has_another_seed_and_an_unfiltered_one_no_threshold(tmp_path: Path) -> None:
    shipped = PACKAGE / "config" / "recipes" / "pocket" / "recipe.yaml"
    shutil.copy(shipped, tmp_path / "recipe.yaml")
    shown: list[str] = []
    edit_recipe(tmp_path, 42, True, shown.append)
    assert not shown
    assert (tmp_path / "recipe.yaml").read_text() == shipped.read_text()
    edit_recipe(tmp_path, 43, False, shown.append)
    text = (tmp_path / "recipe.yaml").read_text()
    assert "\nseed: 43\n" in text
    assert "novelty: {threshold: 1.0, at_threshold: keep," in text
    edited = read_recipe(tmp_path / "recipe.yaml")
    assert (edited.seed, edited.propose.novelty.threshold, edited.propose.novelty.at_threshold) == (43, 1.0, "keep")


def test_old_answers_of_a_model_that_failed_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options, state, written = DemoOptions(tmp_path), state_of(45), list[str]()
    table = model_table(45, False, True)
    rows = write_evaluation(options, (state,), table)

    def run(words: tuple[str, ...], folder: Path, *_: object, **__: object) -> str:
        if words[0] == "finetune":
            raise RunStoppedError("no memory")
        place = folder / words[words.index("--out") + 1] / "model"
        place.mkdir(parents=True)
        (place / "predictions.jsonl").touch()
        return ""

    monkeypatch.setattr("bootstruct.pocket.demo.steps.run_command", run)
    (tmp_path / "evaluations" / "seed-instances-42").mkdir(parents=True)
    models = seeded_models(table, (42,))
    sources = source_digests(options, (state,), models)
    record = open_record(tmp_path, "pocket")
    finetune_and_evaluate(options, models, rows, sources, record, written.append)
    assert list(record.done) == [f"evaluations/{model.name}" for model in table if model.part == "before"]
    assert sum("failed. no memory" in text for text in written) == 3
    finetune_and_evaluate(options, models[:1], rows, sources, open_record(tmp_path, "pocket"), written.append)
    assert "1 of 1 models are on disk already" in written[-1]


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
        await generate(ActiveRun(state, journal, ScriptedEngine(small_answer)), tasks)
    finally:
        journal.close()


@pytest.mark.real
def test_another_model_goes_through_the_whole_loop(tmp_path: Path) -> None:
    """A model of random weights; its tasks are scripted, since it would never write one."""
    local_parts()
    from tests.support.tiny_model import make

    model = make(tmp_path / "tiny")
    out = tmp_path / "demo"
    assert bootstruct_process("init", out / "run", "--recipe", "pocket", "--model", f"hf/{model}").returncode == 0
    asyncio.run(grow_scripted(out / "run", 14))
    words = ("--out", out, "--tasks", 14, "--model", f"hf/{model}", "--json")
    done = demo(*words)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["models"]] == [model.name for model in model_table(14, False, False)]
    assert result["failed"] == []
    shutil.rmtree(out / "models" / "self-instruct-42")
    again = demo(*words)
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stderr.count("$ bootstruct finetune") == 1, "only what is gone is made again"
    assert json.loads(again.stdout)["models"] == result["models"]


@pytest.mark.real
def test_a_model_that_writes_no_task_ends_the_demo_with_a_sentence(tmp_path: Path) -> None:
    local_parts()
    from tests.support.tiny_model import make

    done = demo("--out", tmp_path / "demo", "--model", f"hf/{make(tmp_path / 'tiny')}")
    assert done.returncode == 1, done.stderr[-3000:]
    assert "at least 10 are needed" in done.stderr
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
    assert scores["self-instruct"] > scores["as-it-was"] + 20
    assert (out / "report.html").stat().st_size > 50_000
    again = demo("--out", out, "--tasks", 40)
    assert again.returncode == 0
    assert "5 of 5 models are on disk already" in again.stdout
    assert "$ bootstruct finetune" not in again.stdout
