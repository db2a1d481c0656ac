"""The rows of the page's browser: rejected candidates with their rules, topics that the recipe dealt, scores of checks."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.recipe import Recipe, Steer
from bootstruct.journal.events import (
    CandidatesJudged,
    Event,
    InstancesChecked,
    ReplyReceived,
    RunStarted,
    TaskCompleted,
)
from bootstruct.reporting.browse import REJECTED
from bootstruct.reporting.build import make_report
from bootstruct.reporting.from_run import BROWSED, run_subject
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.steering import hints_of
from bootstruct.types import CheckVerdict, Instance, Reply, Verdict
from tests.support.report_runs import recipe, seeds, write_journal

TOPICS = ("rivers", "lamps", "<b>bridges</b>")


def checked_recipe() -> Recipe:
    """The recipe with a check and topics."""
    given = recipe("chat")
    propose = dataclasses.replace(given.propose, hints={**given.propose.hints, "topic": TOPICS}, rules=())
    return dataclasses.replace(given, propose=propose, checks=recipe("cot").checks)


def run_events(given: Recipe, requests: int = 6) -> list[Event]:
    """Two candidates for each request: one accepted, one too short; scores of 0.25 and 1 for the instances of each task."""
    made: list[Event] = [RunStarted(given, seeds(8))]
    for index in range(requests):
        made.append(ReplyReceived(f"propose/{index}", f"{index:032x}", Reply("1. x", "stop", 9, 9, "m")))
        verdicts = (Verdict(f"Sort the stones of river {index}."), Verdict(f"Short {index}", "too short"))
        made.append(CandidatesJudged(index, ("seed_task_1",), verdicts))
    for index in range(requests if given.checks else 0):
        task = f"{index}.0"
        made.append(TaskCompleted(task, False, (Instance("a", "low answer"), Instance("b", "good answer"))))
        verdicts_of_check = (CheckVerdict(0, "too hard", 0.25), CheckVerdict(1, None, 1.0))
        made.append(InstancesChecked(task, given.checks[0].name, verdicts_of_check))
    return made


def rows_of(path: Path) -> Any:
    page = path.read_text()
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert block
    return json.loads(block[1])[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_journal(tmp_path_factory.mktemp("browse") / "a run", run_events(checked_recipe()))
    return next(iter(make_report([folder]).files))


def test_tasks_have_their_topic_and_what_the_checks_measured(made: Path) -> None:
    given, data = checked_recipe(), rows_of(made)
    tasks = data["rows"]
    assert [row["n"] for row in tasks] == [f"{n}.0" for n in range(6)]
    assert [row["p"] for row in tasks] == [draw_hints(given.propose, given.seed, n)["topic"] for n in range(6)]
    name = given.checks[0].name
    assert tasks[0]["g"] == [[name, 1, 0.25, "too hard"], [name, 2, 1.0, ""]]
    assert tasks[0]["i"] == [["b", "good answer"]]
    assert tasks[0]["rejected"] == [[f"check {name}: too hard", "a", "low answer"]]


def test_in_a_steered_run_the_topics_are_those_of_the_steering(tmp_path: Path) -> None:
    even = recipe_without_checks()
    steered = dataclasses.replace(even, propose=dataclasses.replace(even.propose, steer=Steer(share=1.0)))
    folder = write_journal(tmp_path / "run", run_events(steered, 60))
    shown = [row["p"] for row in rows_of(next(iter(make_report([folder]).files)))["rows"]]
    history = run_subject(folder, "run").history
    assert history is not None
    assert shown == [hints_of(history.state, index)["topic"] for index in range(60)]
    assert shown != [draw_hints(steered.propose, steered.seed, index)["topic"] for index in range(60)]


def test_rejected_candidates_come_with_their_rule_and_topic(made: Path) -> None:
    data = rows_of(made)
    rejected = data["rejected"]
    assert {row["s"] for row in rejected} == {REJECTED}
    assert [(row["n"], row["x"], row["t"]) for row in rejected] == [
        (f"{n}.1", "too short", f"Short {n}") for n in range(6)
    ]
    assert [row["p"] for row in rejected] == [row["p"] for row in data["rows"]]
    assert data["rejections"] == {"too short": 6}


def test_of_many_rejected_candidates_a_draw_is_shown_and_all_are_counted(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", run_events(recipe_without_checks(), 120))
    data = rows_of(next(iter(make_report([folder]).files)))
    shown = [row["n"] for row in data["rejected"]]
    assert len(shown) == len(set(shown)) == BROWSED
    assert data["rejections"] == {"too short": 120}
    again = rows_of(next(iter(make_report([folder]).files)))
    assert again == data


def recipe_without_checks() -> Recipe:
    return dataclasses.replace(checked_recipe(), checks=())


def test_the_page_says_how_the_review_page_is_started(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = made.read_text()
    assert "<bdi>bootstruct review &#39;a run&#39;</bdi>" in page
    assert "in the folder that contains a run" in page
    assert str(made.parent.parent) not in page
    monkeypatch.chdir(made.parent.parent)
    relative = next(iter(make_report([Path("a run")], tmp_path / "r.html").files)).read_text()
    assert "<bdi>bootstruct review &#39;a run&#39;</bdi>" in relative
    assert "in the folder that contains" not in relative


def test_a_file_has_neither_rules_nor_a_review(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps({"instruction": "Sort.", "input": "", "output": "x"}) + "\n")
    page = next(iter(make_report([path]).files))
    assert "bootstruct review" not in page.read_text()
    assert rows_of(page)["rejections"] == {}
