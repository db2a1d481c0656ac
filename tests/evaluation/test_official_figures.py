"""The printed figures of the official scorer, on public data. Skipped where ../shared/data is absent."""

import math

import pytest

from bootstruct.evaluation.predictions import read_predictions
from bootstruct.evaluation.scorecard import score
from bootstruct.evaluation.scores import Prediction, Scorer, points_of, table_of
from bootstruct.evaluation.superni import prompt_of, read_split, roughly
from bootstruct.evaluation.user_tasks import read_user_tasks, shipped_prompt, user_prompt
from bootstruct.io.rows import read_rows
from bootstruct.novelty.rouge import rouge_l
from tests.support.paths import DATA as SHARED

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/data is not there: public data for local tests only"
)
TASKS = ("task1393_superglue_copa_text_completion", "task648_answer_generation")


@pytest.mark.parametrize(
    ("model", "rouge", "exact"),
    [
        ("davinci", 2.8252, 0.0),
        ("davinci-superni-ft", 25.7647, 9.1270),
        ("davinci-self-instruct", 28.1317, 9.1270),
        ("text-davinci-001", 29.0001, 8.3333),
    ],
)
def test_the_papers_predictions(model: str, rouge: float, exact: float) -> None:
    path = SHARED / "official" / "predictions" / f"{model}_predictions.jsonl"
    cases, _ = read_user_tasks(SHARED / "official" / "user_oriented_instructions.jsonl")
    for loaded in (read_predictions(path), read_predictions(path, cases)):
        overall = table_of(loaded.predictions, points_of(loaded.predictions)).overall
        assert (overall.rouge_l, overall.exact_match, overall.count) == (rouge, exact, 252)
        empty = [(problem.kind, problem.count) for problem in loaded.problems]
        assert empty == ([("empty predictions", 1)] if model == "davinci-superni-ft" else [])


@pytest.mark.parametrize(
    ("how", "figures"),
    [
        ("demo", {TASKS[0]: (50.0, 50.0), TASKS[1]: (0.0, 0.0)}),
        ("input", {TASKS[0]: (0.0, 9.4431), TASKS[1]: (0.0, 17.19)}),
    ],
)
def test_copying_baselines(how: str, figures: dict[str, tuple[float, float]]) -> None:
    split = read_split(SHARED / "superni", only=TASKS)
    made = []
    for task in split.tasks:
        for case in task.cases:
            text = task.examples[0][1] if how == "demo" else case.input
            made.append(Prediction(case.task, case.instance, text, case.references, case.category))
    scored = score(made, len(split.cases), split.problems)
    tasks = scored.tables["raw"].tasks
    assert {name: (mean.exact_match, mean.rouge_l) for name, mean in tasks.items()} == figures
    assert {mean.count for mean in tasks.values()} == {100}
    assert set(scored.tables["raw"].categories) == {"Cause Effect Classification", "Coreference Resolution"}


def test_the_thousand_rouge_pairs() -> None:
    files = [
        (SHARED / "rouge" / name).read_text().split("\n")[:1000]
        for name in ("target_large.txt", "prediction_large.txt")
    ]
    pairs = list(zip(*files, strict=True))
    assert len(pairs) == 1000
    scorer = Scorer()
    assert math.fsum(scorer.point(p, [t]).rouge_l for t, p in pairs) / 1000 == pytest.approx(0.40265144, abs=5e-9)
    assert math.fsum(rouge_l(t, p) for t, p in pairs) / 1000 == pytest.approx(0.38323118, abs=5e-9)


def test_the_user_prompt_is_the_published_one() -> None:
    cases, _ = read_user_tasks(SHARED / "official" / "user_oriented_instructions.jsonl")
    published = {
        row["prompt"] for _, row in read_rows(SHARED / "official" / "predictions" / "davinci_predictions.jsonl")
    }
    template = shipped_prompt("user_task")
    assert {user_prompt(template, case) for case in cases} == published


def test_superni_prompts_stay_within_the_limit() -> None:
    split = read_split(SHARED / "superni", only=TASKS)
    for task in split.tasks:
        for case in task.cases:
            for limit in (300, 1024):
                prompt = prompt_of(task, case, 8, limit)
                assert roughly(prompt) <= limit
                assert prompt.endswith("\nOutput: ")
        assert prompt_of(task, task.cases[0], 2).count("Positive Example") == 2
    assert read_split(SHARED / "superni", SHARED / "superni" / "official_default_test_tasks.txt").listed == 119
