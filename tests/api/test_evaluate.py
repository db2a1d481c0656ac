"""`bootstruct.evaluate`: the numbers of the commands, from Python, with an engine of one's own."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.types import Prompt
from tests.support.commands import bootstruct

ANSWERS = 6


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    rows = [
        {"id": f"t{number}", "instruction": f"Say {number}.", "instances": [{"input": "", "output": str(number)}]}
        for number in range(ANSWERS)
    ]
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def half_right(prompt: Prompt) -> str:
    """Answer even numbers rightly."""
    number = int(prompt.text.split("Say ")[1].split(".")[0])
    return str(number) if number % 2 == 0 else "none"


def answered(tasks: Path, name: str, answer: Any = half_right, **options: Any) -> bs.evaluate.EvaluationResult:
    return bs.evaluate.user_tasks(
        f"python/{name}", tasks, out=tasks.parent / "out", engine=bs.ScriptedEngine(answer), **options
    )


def test_user_tasks_are_asked_scored_and_laid_out_blind(tasks: Path) -> None:
    snapshots: list[bs.evaluate.EvaluationProgress] = []
    result = answered(tasks, "half", on_progress=snapshots.append)
    assert result.is_complete and result.stopped == ""
    assert result.scorecards[0].tables["raw"].overall.exact_match == 50.0
    assert (snapshots[-1].done, snapshots[-1].total, snapshots[-1].folder) == (ANSWERS, ANSWERS, result.folders[0])
    assert result.sheet is not None and result.sheet.is_current and result.sheet.answers == ANSWERS
    shown = json.loads(bootstruct("evaluate", "score", result.folders[0], "--json").stdout)
    assert shown[0]["raw"]["overall"]["exact_match"] == 50.0
    (read,) = shown[0].pop("accounts")
    assert (read["read"], read["used"], read["left_out"]) == (ANSWERS, ANSWERS, {})
    assert json.loads((result.folders[0] / "scores.json").read_text()) == shown[0]


def test_asking_again_is_free(tasks: Path) -> None:
    answered(tasks, "half")
    engine = bs.ScriptedEngine(half_right)
    again = bs.evaluate.user_tasks("python/half", tasks, out=tasks.parent / "out", engine=engine)
    assert engine.asked == []
    assert again.scorecards[0].tables["raw"].overall.exact_match == 50.0


def test_a_budget_ends_an_evaluation_early(tasks: Path) -> None:
    short = answered(tasks, "half", max_requests=4, concurrency=1)
    assert not short.is_complete and "--max-requests 4" in short.stopped
    assert short.sheet is None and short.scorecards[0].count == 4
    snapshots: list[bs.evaluate.EvaluationProgress] = []
    assert answered(tasks, "half", on_progress=snapshots.append).is_complete
    last = snapshots[-1]
    assert last.done == ANSWERS
    assert last.replies_per_second * last.seconds == pytest.approx(2), "replies that were reused count in the rate"


def test_a_second_set_of_answers_keeps_the_rated_sheet(tasks: Path) -> None:
    first = answered(tasks, "half")
    second = answered(tasks, "other", lambda prompt: "3")
    assert first.sheet is not None and second.sheet is not None
    assert first.sheet.is_current and not second.sheet.is_current
    with pytest.raises(bs.InputError, match="sheet of other answers"):
        bs.evaluate.sheet(second.folders[0], tasks.parent / "out")


def test_answers_are_judged_and_compared(tasks: Path) -> None:
    folders = {name: answered(tasks, name, answer).folders[0] for name, answer in ANSWERERS.items()}
    judge = bs.ScriptedEngine(lambda prompt: f"Level: {'D' if 'none' in prompt.text else 'A'}")
    judged = bs.evaluate.judge(folders, judge="python/judge", out=tasks.parent / "judged", engine=judge)
    assert judged.is_complete and judged.folder is not None and judged.folder.is_dir()
    levels = [rating.level for rating in judged.ratings if rating.model == "half"]
    assert levels.count("A") == levels.count("D") == ANSWERS // 2
    assert judged.spent.requests == 2 * ANSWERS
    stored = json.loads((judged.folder / "judging.json").read_text())
    assert set(stored["spent"]) == {"requests", "prompt_tokens", "completion_tokens"}
    compared = bs.evaluate.compare(folders, ratings=judged.folder, out=tasks.parent / "comparison")
    assert [card.name for card in compared.scored] == ["half", "right"]
    assert compared.pairs[0].exact_match.value == 50.0
    assert json.loads((tasks.parent / "comparison" / "compare.json").read_text())["levels"] == compared.levels
    with pytest.raises(bs.InputError, match="at least two models"):
        bs.evaluate.judge(folders["half"], judge="python/judge", pairwise=True, engine=judge)


ANSWERERS = {"half": half_right, "right": lambda prompt: prompt.text.split("Say ")[1].split(".")[0]}


def test_pairs_are_judged_in_both_orders(tasks: Path) -> None:
    folders = {name: answered(tasks, name, answer).folders[0] for name, answer in ANSWERERS.items()}
    judge = bs.ScriptedEngine(lambda prompt: "Better: 1")
    judged = bs.evaluate.judge(folders, judge="python/judge", pairwise=True, out=tasks.parent / "judged", engine=judge)
    assert len(judge.asked) == 2 * ANSWERS
    assert judged.comparisons[0].ties == ANSWERS  # it always prefers the first: no win


def test_raters_agree_and_scores_follow_them(tasks: Path) -> None:
    folder = answered(tasks, "half").folders[0]
    rows = [
        {"model": "half", "task": f"t{number}", "rater": rater, "level": "AD"[number % 2]}
        for number in range(ANSWERS)
        for rater in ("anna", "ben")
    ]
    ratings = tasks.parent / "ratings.jsonl"
    ratings.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = bs.evaluate.agree(ratings, answers={"half": folder})
    assert found.pairs[0].kappa.value == 1.0
    exact = next(row for row in found.correlations if row.score == "exact match, raw" and row.level == "all answers")
    assert exact.spearman.value == pytest.approx(1.0)


def test_inside_a_running_loop(tasks: Path) -> None:
    async def notebook() -> bs.evaluate.EvaluationResult:
        with pytest.raises(bs.InputError, match=r"await bootstruct\.evaluate\.auser_tasks"):
            answered(tasks, "half")
        engine = bs.ScriptedEngine(half_right)
        return await bs.evaluate.auser_tasks("python/half", tasks, out=tasks.parent / "out", engine=engine)

    assert asyncio.run(notebook()).scorecards[0].count == ANSWERS


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("nobody", {}, "name the engine and the model"),
        ("python/me", {"engine": None}, "given from Python"),
        ("python/me", {"max_tokenz": 5}, "did you mean max_tokens"),
        ("python/me", {"unheard_of": 5}, "known are engine, api"),
        ("python/me", {"new_tokens": 0}, "at least 1"),
        ("python/me", {"temperature": -1.0}, "at least 0"),
        ("python/me", {"max_cost": 1.0}, "the price of 'me' is not known"),
        ("python/me", {"prompt": "no-such-file.jinja"}, "no such file"),
        ([], {}, "name one"),
    ],
)
def test_what_an_evaluation_refuses(model: Any, options: dict[str, Any], message: str, tasks: Path) -> None:
    given = {"engine": bs.ScriptedEngine(half_right)} | options
    with pytest.raises(bs.InputError, match=message):
        bs.evaluate.user_tasks(model, tasks, out=tasks.parent / "out", **given)
    assert not any((tasks.parent / "out").rglob("journal.jsonl"))


def test_the_flags_of_the_commands_are_the_options_of_the_functions() -> None:
    from bootstruct.cli.evaluate import evaluate_command

    options = set(bs.evaluate.ModelOptions.__annotations__) - {"engine", "on_progress"}
    for name in ("superni", "user-tasks", "judge"):
        flags = {parameter.name for parameter in evaluate_command.commands[name].params}
        assert options <= flags, name


def test_results_are_numbers_not_text(tasks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = answered(tasks, "half")
    assert capsys.readouterr() == ("", "")
    assert dataclasses.asdict(result.scorecards[0])["name"] == "python/half"
