"""The study of a small language model: rows, arms, steps that are done once, tests of the summary, page against summary."""

import importlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.stages.templates import fill
from bootstruct.types import Instance
from tests.support.paths import ROOT

FOLDER = ROOT / "studies" / "smollm2"
if not FOLDER.is_dir():
    pytest.skip("studies/ lies in the repository, not in the package", allow_module_level=True)
NAMES = [path.stem for path in FOLDER.glob("*.py")]
SETS = {"superni": "sinst_11_valid", "dolly": "dolly_valid", "vicuna": "vicuna_valid"}


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The study's modules by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.modules.update(before)


def public_sets(folder: Path, backwards: bool = False) -> Path:
    """Files with rows of our own, in the shape of the public sets."""
    folder.mkdir(parents=True)
    for source, name in SETS.items():
        rows = [
            {
                "topic": f"task{n % 12}",
                "instruction": f"Do the thing {n % 12}.",
                "input": f"{source} {n}",
                "output": [f"done {n}"],
            }
            for n in range(60)
        ]
        if source != "superni":
            rows = [row | {"output": row["output"][0]} for row in rows]
        lines = [json.dumps(row) for row in (reversed(rows) if backwards else rows)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_rows_are_drawn_by_their_texts_and_the_parts_share_no_task(study: Any, tmp_path: Path) -> None:
    rows, options = study("evaluation_rows"), study("options")
    drawn = []
    for backwards in (False, True):
        sets = rows.read_sets(public_sets(tmp_path / f"{backwards}", backwards))
        found, too_long = rows.draw(sets, options.SHORT, lambda row: 301 if row.input == "dolly 7" else 10)
        assert too_long == {"user": 0, "superni": 0, "dolly": 1, "vicuna": 0}
        drawn.append(found)
    assert drawn[0] == drawn[1]
    parts = {part: [row for row in drawn[0] if row.part == part] for part in ("dev", "test")}
    assert not {row.task for row in parts["dev"]} & {row.task for row in parts["test"]}
    assert Counter(row.source for row in parts["dev"]) == {"superni": 14, "dolly": 8, "user": 8}
    assert Counter(row.source for row in parts["test"]) == {"superni": 10, "dolly": 20, "vicuna": 10, "user": 40}
    answered = rows.answer_rows(drawn[0], 12)
    assert Counter(row.source for row in answered) == {"superni": 6, "user": 6}
    with pytest.raises(InputError, match="no such file"):
        rows.read_sets(tmp_path)


def test_the_formats_asked_by_the_front_door_are_those_whose_likelihood_is_measured(study: Any) -> None:
    rows, measurements = study("evaluation_rows"), study("measurements")
    for given in ("7 and 8", ""):
        row = rows.Row("user", "a", "Add the numbers {a}.", given, "15")
        for form in ("plain", "task", "question"):
            made = fill(measurements.prompt_template(form), instruction=row.instruction, input=row.input)
            assert made == row.prompt(form)
        assert fill(measurements.prompt_template("chat"), instruction=row.instruction, input=given) == row.request()
    encode = read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml").encode
    for form in study("options").IN_TRAINING:  # "plain" and "task" occur among the templates of training
        assert rows.FORM[form][0].replace("{", "{{ ").replace("}", " }}") in encode.with_input
    assert rows.FORM["plain"][1].replace("{", "{{ ").replace("}", " }}") in encode.without_input


def test_arms_are_equal_in_number_and_templates_are_given_out_in_turn(study: Any) -> None:
    training = study("training_rows")
    recipe, seeds = read_recipe(Path(str(recipe_folder("paper"))) / "recipe.yaml"), read_seeds(shipped_seeds("simple"))
    own = training.seed_items(seeds)
    items = [training.Item(f"i{n}", f"Do {n}", Instance("" if n % 2 else f"text {n}", f"out {n}")) for n in range(100)]
    once, spread = training.seed_rows(recipe, seeds, 200), training.seed_rows_in_templates(recipe, seeds, 200)
    mixed = training.rows_with_seeds(recipe, own, items)
    assert len(once) == len(spread) == len(mixed) == 200
    assert len({json.dumps(row) for row in once}) == 100
    assert len({json.dumps(row) for row in spread}) == 200
    assert mixed[:100] == training.rows_with_seeds(recipe, own, [])  # arms 3 and 4 hold the same seed examples
    fresh = training.Templates(recipe)
    made = [
        fresh.row(item)["prompt"].replace(item.instruction, "I").replace(item.instance.input or "-", "T")
        for item in items
    ]
    with_input = Counter(text for text, item in zip(made, items) if item.instance.input)
    assert len(with_input) == 7
    assert max(with_input.values()) - min(with_input.values()) <= 1
    without = Counter(text for text, item in zip(made, items) if not item.instance.input)
    assert len(without) == 6
    assert max(without.values()) - min(without.values()) <= 1


def test_shuffled_outputs_stay_among_those_of_their_kind(study: Any) -> None:
    training = study("training_rows")
    rows = [{"prompt": f"p{n}", "completion": f"{' ' * (n % 2)}c{n}"} for n in range(40)]
    mixed = training.shuffled(rows, 1)
    assert mixed == training.shuffled(rows, 1) != rows
    assert [row["prompt"] for row in mixed] == [row["prompt"] for row in rows]
    assert Counter(row["completion"] for row in mixed) == Counter(row["completion"] for row in rows)
    assert all(row["completion"].startswith(" ") == bool(n % 2) for n, row in enumerate(mixed))


def test_instances_for_seed_instructions_are_taken_in_rounds_without_those_of_the_seeds(study: Any) -> None:
    training = study("training_rows")
    owners = [("a", "A", [Instance("", "1"), Instance("", "2")]), ("b", "B", [Instance("", "3")])]
    assert [item.instance.output for item in training.in_rounds(owners)] == ["1", "3", "2"]

    seeds = read_seeds(shipped_seeds("simple"))[:2]
    copied, other = seeds[0].instances[0], Instance("", "something of its own")
    found = training.written_items(seeds, {seeds[0].id: [copied, other]})
    assert [item.instance for item in found] == [other]


def test_every_right_label_is_among_those_that_the_task_names(study: Any) -> None:
    rows = study("evaluation_rows").label_rows()
    assert len(rows) == len(study("labels").LABELS) >= 30
    assert all(len(labels) == len(set(labels)) > 1 for _, labels in rows)


def _do_slowly(folder: Path) -> None:
    sys.path.insert(0, str(FOLDER))
    steps = importlib.import_module("steps").Steps(folder, {})
    steps.once("work", "a", lambda: (time.sleep(0.5), (folder / f"{os.getpid()}.done").touch())[1])


def test_steps_are_done_once_by_whichever_process(study: Any, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_do_slowly, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(list(tmp_path.glob("*.done"))) == 1
    steps = study("steps").Steps(tmp_path, {})
    assert steps.once("work", "a", lambda: 1 / 0) is None

    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steps.once("work", "b", stopped)
    assert steps.result("work", "b") is None
    assert steps.once("work", "b", lambda: 3) == 3
    with pytest.raises(InputError, match="other settings"):
        study("steps").Steps(tmp_path, {"sizes": 2})


def test_the_time_of_a_step_is_its_own(study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step inside another one is counted once, and its time is no part of the outer one's."""
    now = 0.0

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    def data() -> None:
        work(2.0)
        steps.once("generation", "a", lambda: work(30.0))
        work(3.0)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    steps = study("steps").Steps(tmp_path, {})
    steps.once("data", "a", data)
    assert steps.seconds() == {"generation": 30.0, "data": 5.0}


def test_time_left_counts_what_was_timed_and_names_the_rest(study: Any, tmp_path: Path) -> None:
    steps = study("steps").Steps(tmp_path, {})
    steps.planned = [("training", "a"), ("training", "b"), ("scores", "a")]
    steps.once("training", "a", lambda: 1)
    assert steps.left() == "2 steps are left: about 0 min, and scores (not timed yet)"


def test_verdicts_are_those_of_the_design(study: Any) -> None:
    verdict = study("summary").verdict
    assert verdict({"value": -0.03, "interval": [-0.05, -0.01], "corrected p": 0.01}) == "yes"
    assert verdict({"value": 0.03, "interval": [0.01, 0.05], "corrected p": 0.01}) == "negative"
    assert verdict({"value": -0.004, "interval": [-0.008, -0.001], "corrected p": 0.01}) == "too small to matter"
    assert verdict({"value": -0.03, "interval": [-0.07, 0.01], "corrected p": 0.2}) == "null: not shown"


@pytest.mark.slow
def test_the_tests_are_paired_by_task_and_corrected(study: Any, tmp_path: Path) -> None:
    """Made-up losses: arm 4 is 0.1 below arm 3 in every task, and as good as the untrained model in its best format."""
    summary, options = study("summary"), study("options")
    chosen = options.Options(tmp_path, None, None, options.SMOKE)
    steps = study("steps").Steps(tmp_path, {})
    test = [{"source": "user", "task": f"t{n // 2}", "part": "test"} for n in range(20)]
    losses = [2 + 0.1 * (n % 5) for n in range(20)]

    def scored(name: str, shift: float) -> None:
        values = {"plain": [value + shift for value in losses], "chat": [value + shift - 0.1 for value in losses]}
        steps.once("scores", name, lambda: {"dev": values, "test": values})

    steps.once("rows", "drawn", lambda: {"rows": test, "too long": {}})
    for name, shift in (("untrained", 0.0), ("instances-1-1", 0.1), ("instruct-1-1", 0.0), ("templates-1-1", 0.2)):
        scored(name, shift)
    found = summary.summary(chosen, steps, 1)
    first, second = found["tests"].values()
    assert (first["value"], first["tasks"], first["verdict"]) == (-0.1, 10, "yes")
    assert first["corrected p"] == pytest.approx(min(1.0, 2 * first["p"]))
    assert (second["better"], second["formats"], second["value"]) == ("untrained", ["chat", "chat"], 0.0)
    assert found["arms"]["instances"]["test"]["plain"]["all"] == pytest.approx(2.3)


def test_page_and_chart_hold_the_figures_of_the_summary(study: Any) -> None:
    tables = study("tables")
    if not tables.SUMMARY.is_file():
        pytest.skip("there is no summary yet")
    summary = json.loads(tables.SUMMARY.read_text(encoding="utf-8"))
    page = tables.PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- smollm2: ") == page.count("<!-- smollm2 end -->") > 0
    assert tables.written(page, summary) == page, "run python studies/smollm2/tables.py"
    assert tables.CHART.read_text(encoding="utf-8") == study("chart").chart(summary)
    changed = json.loads(json.dumps(summary))
    next(iter(changed["differences"].values()))["plain"]["value"] += 1
    assert tables.written(page, changed) != page


def _base_of(folder: Path) -> Path:
    """The pocket model with a chat template, in place of the language model."""
    shutil.copytree(ROOT / "src" / "bootstruct" / "pocket" / "model", folder)
    one = "{% if m['role'] == 'user' %}Task: {{ m['content'] }}\nOutput:{% else %} {{ m['content'] }}{% endif %}"
    (folder / "chat_template.jinja").write_text("{% for m in messages %}" + one + "{% endfor %}")
    return folder


@pytest.mark.real
def test_likelihoods_are_those_of_the_model(study: Any, tmp_path: Path) -> None:
    """Rows of several lengths at once, against the model asked for one row at a time."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("trl")
    rows, model = study("evaluation_rows"), study("likelihood").Likelihood(_base_of(tmp_path / "base"), is_bf16=False)
    asked = [
        (
            rows.Row("user", f"{n}", "Name a fruit" + " or a tree" * n, "", ""),
            form,
            "an apple" + " and a pear" * (n % 3),
        )
        for n in range(10)
        for form in ("plain", "chat")
    ]
    for (row, form, text), loss in zip(asked, model.losses(asked), strict=True):
        read, written = model.tokens(row, form, text)
        assert model.tokenizer.decode(written).strip() == text
        with torch.inference_mode():
            scores = model.model(torch.tensor([read + written])).logits[0].log_softmax(-1)
        alone = -sum(float(scores[len(read) - 1 + n, token]) for n, token in enumerate(written))
        assert loss == pytest.approx(alone, abs=1e-3)


@pytest.mark.real
@pytest.mark.slow
def test_the_study_goes_on_after_a_kill_and_ends_with_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("trl")
    seeds = ROOT / "src" / "bootstruct" / "config" / "recipes" / "pocket" / "seeds.jsonl"
    base = _base_of(tmp_path / "base")
    found = []
    for name, waits_for in (
        ("whole", ()),
        ("killed", ("generation-run-1.json", "training-rate-2e-05.json")),
    ):
        words = [
            *(sys.executable, str(FOLDER / "run.py"), "--out", str(tmp_path / name), "--smoke", "--model", str(base)),
            *("--recipe", "pocket", "--seeds", str(seeds)),
        ]
        for step in waits_for:
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
            while process.poll() is None and not (tmp_path / name / "steps" / step).is_file():
                time.sleep(0.1)
            time.sleep(0.3)  # into the next step
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-2000:]
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert summary["not done"] == []
        for part in summary["training"].values():
            del part["tokens per second"]
        found.append({key: value for key, value in summary.items() if key not in ("seconds", "generation")})
    assert set(found[0]["arms"]) == {
        "untrained",
        "seeds",
        "templates",
        "instances",
        "instruct",
        "unfiltered",
        "shuffled",
    }
    assert found[0] == found[1]
