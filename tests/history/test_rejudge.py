"""A run judged again: old decisions against new ones, and nothing with a recorded reply to an equal request paid again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.history.rejudge import DecisionChange
from bootstruct.types import Prompt, Reply, digest_of
from tests.support.checked_runs import checking
from tests.support.commands import bootstruct

CHECK = '\nchecks: [{kind: rubric, level: "3"}]\n'


class Counting:
    """Answers, and keeps the digests of what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: Prompt) -> Reply:
        self.asked.append(digest_of(prompt))
        return checking(prompt)


def begun(folder: Path, least_words: int = 3, checks: str = "") -> Path:
    bs.init(folder, recipe="paper", model="python/script")
    path = folder / "recipe.yaml"
    path.write_text(changed(path.read_text(), least_words) + checks)
    return folder


def changed(text: str, least_words: int) -> str:
    assert "words_at_most: 3" in text
    return text.replace("words_at_most: 3", f"words_at_most: {least_words}")


def rules(folder: Path, old: Path, least_words: int) -> Path:
    """A recipe as that of `old`, with another rule."""
    path = folder / f"{least_words}.yaml"
    text = (old / "recipe.yaml").read_text()
    path.write_text(
        text.replace(text[text.index("words_at_most") :].partition(",")[0], f"words_at_most: {least_words}")
    )
    return path


@pytest.fixture
def old(tmp_path: Path) -> tuple[Path, set[str]]:
    """A run, and the digests of what it has asked."""
    counting, folder = Counting(), begun(tmp_path / "old", 5, CHECK)
    bs.generate(folder, tasks=30, engine=ScriptedEngine(counting))
    return folder, set(counting.asked)


def test_the_same_rules_decide_the_same_and_everything_is_completed(old: tuple[Path, set[str]], tmp_path: Path) -> None:
    again = bs.init(tmp_path / "again", rejudge=old[0])
    found = again.changes_from(old[0])
    assert found.changes == ()
    assert found.same == again.status().candidates
    assert found.accepted == found.accepted_before == found.completed == len(bs.open(old[0]).tasks)
    counting = Counting()
    result = bs.generate(tmp_path / "again", engine=ScriptedEngine(counting))
    assert counting.asked == []
    assert result.is_complete
    assert result.run.instances == bs.open(old[0]).instances
    assert result.run.verify().agrees


@pytest.mark.parametrize("least_words", [3, 7])
def test_nothing_that_is_answered_is_asked_again(old: tuple[Path, set[str]], tmp_path: Path, least_words: int) -> None:
    folder, known = old
    new = bs.init(tmp_path / "new", rejudge=folder, recipe=rules(tmp_path, folder, least_words))
    found = new.changes_from(folder)
    was, now = ("too short", "accepted") if least_words == 3 else ("accepted", "too short")
    assert found.changes[0] == DecisionChange(was, now, found.changes[0].count)
    assert found.accepted != found.accepted_before
    assert found.same + sum(change.count for change in found.changes) == new.status().candidates
    counting = Counting()
    result = bs.generate(tmp_path / "new", engine=ScriptedEngine(counting))
    assert result.is_complete
    assert not known & set(counting.asked)
    assert bool(counting.asked) == (least_words == 3)
    assert result.run.verify().agrees
    grown = bs.generate(tmp_path / "new", tasks=len(new.tasks) + 5, engine=ScriptedEngine(counting))
    assert not known & set(counting.asked)
    assert grown.run.verify().agrees


def test_tasks_before_the_first_open_question_are_completed_at_once(old: tuple[Path, set[str]], tmp_path: Path) -> None:
    new = bs.init(tmp_path / "new", rejudge=old[0], recipe=rules(tmp_path, old[0], 3))
    tasks = new.tasks
    before = {task.instruction for task in bs.open(old[0]).tasks}
    first = next(n for n, task in enumerate(tasks) if task.instruction not in before)
    assert [task.is_completed for task in tasks] == [n < first for n in range(len(tasks))]


def test_an_interrupted_run_is_taken_over_whole(old: tuple[Path, set[str]], tmp_path: Path) -> None:
    """Replies that were paid for and not judged yet are found when the rejudged run grows."""
    journal = old[0] / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"event":"proposed"' in line)
    from tests.support.journals import sealed

    keep = [line for n, line in enumerate(lines) if n < last or b'"event":"replied"' in line]
    decided = [line for line in keep if b'"event":"annotated"' not in line and b'"event":"checked"' not in line]
    journal.write_bytes(sealed(decided))
    new = bs.init(tmp_path / "new", rejudge=old[0])
    counting = Counting()
    goal = len(new.tasks) + 1
    result = bs.generate(tmp_path / "new", tasks=goal, engine=ScriptedEngine(counting))
    assert result.is_complete
    assert not old[1] & set(counting.asked)


def test_the_command_says_what_is_decided_otherwise(old: tuple[Path, set[str]], tmp_path: Path) -> None:
    strict = rules(tmp_path, old[0], 7)
    done = bootstruct("init", tmp_path / "new", "--rejudge", old[0], "--recipe", strict)
    assert done.returncode == 0, done.stderr
    assert "no request was sent" in done.stdout
    assert "accepted -> too short" in done.stdout
    assert " before), " in done.stdout
    row = json.loads(bootstruct("init", tmp_path / "b", "--rejudge", old[0], "--recipe", strict, "--json").stdout)
    assert {change["old"] for change in row["rejudged"]["changes"]} >= {"accepted"}
    again = bootstruct("generate", tmp_path / "new", "--rejudge", old[0])
    assert again.returncode == 0
    assert "accepted -> too short" in again.stderr


def test_a_rewritten_run_says_that_it_cannot_grow(old: tuple[Path, set[str]], tmp_path: Path) -> None:
    done = bootstruct("init", tmp_path / "new", "--rewrite-outputs", old[0], "--model", "python/better")
    assert "the run cannot grow" in done.stderr
    engine = ScriptedEngine(lambda prompt: replace(checking(prompt), text="A better output."))
    with pytest.warns(UserWarning, match="cannot grow"):
        result = bs.generate(tmp_path / "new", engine=engine)
    assert len(result.run.tasks) == len(bs.open(old[0]).tasks)
