"""The Python front door: a run made, grown, opened and exported from Python is the run of the commands."""

import asyncio
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.api.generation import agenerate
from bootstruct.types import Prompt, Reply
from tests.support.commands import bootstruct, environment
from tests.support.scripts import FORMATS_HERE, SEEDS, answer

SEED_ROWS: list[dict[str, Any]] = [
    {"instruction": seed.instruction, "output": seed.instances[0].output, "is_classification": seed.is_classification}
    for seed in SEEDS
]


def make(folder: Path, tasks: int = 20, **options: Any) -> bs.GenerateResult:
    bs.init(folder, recipe="paper", model="python/scripted", seeds=SEED_ROWS)
    return bs.generate(folder, tasks, engine=bs.ScriptedEngine(answer), **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("front") / "run"
    make(folder)
    return folder


def test_a_run_from_python_reaches_its_goal(tmp_path: Path) -> None:
    snapshots: list[bs.Progress] = []
    result = make(tmp_path / "run", on_progress=snapshots.append)
    assert result.is_complete and result.stopped == ""
    assert result.progress == snapshots[-1]
    assert result.progress.is_complete
    assert result.progress.accepted == result.progress.completed == len(result.run.tasks) >= 20
    assert result.progress.replies == result.run.status().replies > 20
    assert result.progress.instances == sum(len(task.instances) for task in result.run.tasks)


def test_the_same_run_by_command_and_by_python_exports_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """The command replays the recorded replies of the run that was made from Python."""
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text((folder / "seeds.jsonl").read_text())
    words = ("init", tmp_path / "run", "--recipe", "paper", "--model", "python/scripted", "--seeds", seeds)
    assert bootstruct(*words).returncode == 0
    done = bootstruct("generate", tmp_path / "run", "--tasks", "20", "--engine", f"recorded:{folder}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == len(bs.open(folder).tasks)
    for format in FORMATS_HERE:
        bs.open(folder).export(format, tmp_path / "python" / format)
        assert (
            bootstruct("export", tmp_path / "run", "--format", format, "--out", tmp_path / "cli" / format).returncode
            == 0
        )
    files = sorted(path.relative_to(tmp_path / "cli") for path in (tmp_path / "cli").rglob("*") if path.is_file())
    assert len(files) >= len(FORMATS_HERE)
    for file in files:
        assert (tmp_path / "python" / file).read_bytes() == (tmp_path / "cli" / file).read_bytes(), file


def test_running_it_again_asks_nothing(folder: Path) -> None:
    engine = bs.ScriptedEngine(answer)
    result = bs.generate(folder, 20, engine=engine)
    assert engine.asked == []
    assert result.is_complete and result.progress.replies == 0


def test_what_a_run_holds(folder: Path) -> None:
    run = bs.open(folder)
    assert [seed.instruction for seed in run.seeds] == [seed.instruction for seed in SEEDS]
    assert run.recipe.recipe == "paper"
    assert "20" in repr(run) or str(len(run.tasks)) in repr(run)
    status = run.status()
    assert len(run.tasks) == status.accepted == status.completed
    assert all(task.is_completed and task.is_classification is not None for task in run.tasks)
    assert sum(task.is_classification is True for task in run.tasks) == status.classification
    assert {rejection.rule for rejection in run.rejections} == set(status.rejected)
    assert len(run.rejections) == sum(status.rejected.values())
    assert all((rejection.score is not None) == (rejection.rule == "too similar") for rejection in run.rejections)
    assert {row["instruction"] for row in run.instances} <= {task.instruction for task in run.tasks}
    findings = run.verify()
    assert findings.disagreements == [] and sum(findings.checked.values()) > 50


def test_rows_as_a_data_frame_and_a_dataset(folder: Path) -> None:
    run = bs.open(folder)
    pytest.importorskip("pandas", reason="needs pandas")
    frame = run.to_pandas()
    assert frame.to_dict("records") == run.instances
    pytest.importorskip("datasets", reason="needs datasets")
    assert run.to_dataset().to_list() == run.instances


def test_a_run_that_has_not_begun_can_be_opened(tmp_path: Path) -> None:
    run = bs.init(tmp_path / "run", recipe="paper", model="python/scripted", seeds=SEED_ROWS[:3])
    assert (run.tasks, run.instances, run.rejections, len(run.seeds)) == ([], [], [], 3)
    bs.generate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer))
    assert run.tasks == []  # as it was when it was opened
    assert len(run.refresh().tasks) >= 5


def test_a_budget_ends_it_early_and_says_so(tmp_path: Path) -> None:
    result = make(tmp_path / "run", max_requests=9)
    assert not result.is_complete
    assert "--max-requests 9" in result.stopped
    assert result.progress.replies <= 9
    assert bs.generate(tmp_path / "run", 20, engine=bs.ScriptedEngine(answer)).is_complete


def test_inside_a_running_loop(tmp_path: Path) -> None:
    async def notebook() -> bs.GenerateResult:
        bs.init(tmp_path / "run", recipe="paper", model="python/scripted", seeds=SEED_ROWS)
        with pytest.raises(bs.InputError, match=r"await bootstruct\.agenerate"):
            bs.generate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer))
        return await bs.agenerate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer))

    assert asyncio.run(notebook()).is_complete


def test_an_engine_of_ones_own_is_retried_and_limited(tmp_path: Path) -> None:
    failures = 0

    class Flaky:
        most = now = 0

        async def complete(self, prompt: Prompt) -> Reply:
            nonlocal failures
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            if failures < 3:
                failures += 1
                raise bs.TransientError(503, "busy")
            return answer(prompt)

        async def aclose(self) -> None:
            return None

    engine = Flaky()
    bs.init(tmp_path / "run", recipe="paper", model="python/flaky", seeds=SEED_ROWS)
    result = bs.generate(tmp_path / "run", 5, engine=engine, concurrency=2)
    assert result.is_complete and engine.most <= 2 and failures == 3


def test_a_run_answered_by_python_says_so_on_the_command_line(tmp_path: Path) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="python/mine", seeds=SEED_ROWS)
    done = bootstruct("generate", tmp_path / "run")
    assert done.returncode == 2
    assert "continue it from Python" in done.stderr and "Traceback" not in done.stderr


def test_rejudging_begins_a_run_and_asks_nothing(folder: Path, tmp_path: Path) -> None:
    again = bs.init(tmp_path / "again", rejudge=folder)
    assert [task.instruction for task in again.tasks] == [task.instruction for task in bs.open(folder).tasks]
    rules = tmp_path / "strict.yaml"
    text = (folder / "recipe.yaml").read_text()
    assert "threshold: 0.7" in text
    for source in (folder / "prompts").glob("*.jinja") if (folder / "prompts").is_dir() else ():
        (tmp_path / source.name).write_text(source.read_text())
    rules.write_text(text.replace("threshold: 0.7", "threshold: 0.2"))
    strict = bs.init(tmp_path / "strict", rejudge=folder, recipe=rules)
    assert 0 < len(strict.tasks) < len(again.tasks)
    assert strict.status().replies == 0
    done = bootstruct("init", tmp_path / "cli", "--rejudge", folder, "--recipe", rules)
    assert done.returncode == 0, done.stderr
    assert [task.instruction for task in bs.open(tmp_path / "cli").tasks] == [task.instruction for task in strict.tasks]
    with pytest.raises(bs.InputError, match="already holds a run"):
        bs.init(tmp_path / "strict", rejudge=folder)


def test_rewriting_begins_a_run(folder: Path, tmp_path: Path) -> None:
    bs.init(tmp_path / "new", rewrite_outputs=folder, model="python/better", api="text")
    engine = bs.ScriptedEngine(lambda prompt: "a better output")
    result = bs.generate(tmp_path / "new", engine=engine)
    assert result.is_complete
    assert {row["output"] for row in result.run.instances} == {"a better output"}
    assert len(result.run.tasks) == len(bs.open(folder).tasks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rejudge": "a", "rewrite_outputs": "b"}, "two ways of beginning a run"),
        ({"api": "chat"}, "--rewrite-outputs"),
        ({"rewrite_outputs": "no-such-run", "model": "openai/x"}, "no-such-run"),
        ({"rejudge": "no-such-run"}, "no-such-run"),
        ({"seeds": [{"output": "x"}]}, "instruction"),
        ({"seeds": [3]}, "expected a list of dicts"),
        ({"seeds": "no-such-file.jsonl"}, "no such file"),
        ({"recipe": "no-such-recipe"}, "unknown"),
        ({"model": "nobody"}, "name the engine and the model"),
        ({"keep_away": "no-such-file.jsonl"}, "no such file"),
    ],
)
def test_what_init_refuses(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match=message):
        bs.init(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())


@pytest.mark.parametrize("tasks", [0, -3])
def test_what_generate_refuses(tasks: int, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match="at least 1"):
        bs.generate(folder, tasks)
    with pytest.raises(bs.InputError, match="no such run folder"):
        bs.generate(tmp_path / "nowhere")
    with pytest.raises(bs.InputError, match="no such run folder"):
        bs.open(tmp_path / "nowhere")


def test_public_names_are_there_and_cost_nothing_until_used() -> None:
    assert sorted(bs.__all__) == sorted(["__version__", *bs._HOMES])
    assert all(getattr(bs, name) is not None for name in bs.__all__)
    assert set(bs.__all__) <= set(dir(bs))
    assert inspect.signature(bs.generate) == inspect.signature(agenerate)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bs.nonsense  # noqa: B018
    code = (
        "import sys, bootstruct; heavy = {'numpy', 'rapidfuzz', 'aiohttp', 'yaml', 'jinja2', 'rich', 'click', 'torch'}; "
        "print(sorted(heavy & set(sys.modules)), bootstruct.InputError.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "[] InputError"


def test_a_preview_is_reused_free(tmp_path: Path) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="python/scripted", seeds=SEED_ROWS)
    engine = bs.ScriptedEngine(answer)
    preview = bs.preview(tmp_path / "run", requests=2, tasks=20, engine=engine)
    assert preview.estimate is not None and preview.estimate.tasks == 20
    assert [request.step for request in preview.requests].count("propose") == 2
    previewed = len(engine.asked)
    result = bs.generate(tmp_path / "run", 20, engine=engine)
    assert result.progress.reused == previewed
    with pytest.raises(bs.InputError, match="has begun"):
        bs.preview(tmp_path / "run", engine=engine)


def test_a_report_is_written(folder: Path, tmp_path: Path) -> None:
    made = bs.report(folder, out=tmp_path / "page.html", rows=10)
    assert set(made.files) == {tmp_path / "page.html", tmp_path / "page.card.md"}
    assert all(path.stat().st_size == size for path, size in made.files.items())
    with pytest.raises(bs.InputError, match="name a run folder"):
        bs.report()


def test_scores_and_overlap(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(n), "response": "a", "target": "ab"[n % 2]}) + "\n" for n in range(4))
    )
    (card,) = bs.evaluate.score(path)
    assert card.count == 4 and card.tables["raw"].overall.exact_match == 50.0
    found = bs.evaluate.overlap(folder)
    assert found.report.summary()["evaluation_tasks"] > 100 and found.problems == ()


def test_finetuning_needs_a_source(tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match="name a source"):
        bs.finetune(model="pocket", out=tmp_path / "model")
