"""A reply without an answer is asked for once more; what stays unread is recorded by name. Any speed, any crash: same bytes."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.engines.traffic.concurrency_limiter import ConcurrencyLimiter
from bootstruct.engines.traffic.throttled import ThrottledEngine
from bootstruct.history.verify import verify
from bootstruct.journal.events import CUT, CUT_WHILE_THINKING, UNREADABLE, CandidatesJudged, RunStarted
from bootstruct.journal.file import Journal, read_events, read_state
from bootstruct.journal.keys import AGAIN, step_of
from bootstruct.journal.state import State
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.types import Prompt, Reply, digest_of
from tests.support.checked_runs import RUBRIC, checked_recipe, checking
from tests.support.crashes import exported, run_with_crashes
from tests.support.journals import sealed
from tests.support.marks import trials
from tests.support.scripts import SEEDS, open_journal, outcome, recipe, run_to

TASKS = 60
MORE = 4000


def thinking(prompt: Prompt) -> Reply:
    """A model that thinks: a third of its first replies is all thought; of the second ones, some say nothing either."""
    rng = random.Random(digest_of(prompt))
    is_second = (prompt.sampling.max_tokens or 0) > MORE
    draw = rng.random()
    if draw < (0.15 if is_second else 0.35):
        return Reply("<think>They want tasks, or Yes, or No, so", "length", 90, 40, "scripted")
    if prompt.step.startswith("kind") and draw < (0.3 if is_second else 0.6):
        return Reply("It depends on how one sees it.", "stop", 90, 9, "scripted")
    answered = checking(replace(prompt, step=prompt.step.removesuffix(AGAIN)))
    return replace(answered, text=f"<think>1. Yes. No.</think>\n{answered.text}")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, dict[str, bytes], Path]:
    path = tmp_path_factory.mktemp("straight") / "journal.jsonl"
    state = run_to(
        path, ThrottledEngine([ScriptedEngine(thinking)], ConcurrencyLimiter(1)), TASKS, checked_recipe(RUBRIC)
    )
    return state, exported(path, state), path


def keys(path: Path) -> list[str]:
    return [json.loads(line)["key"] for line in path.read_text().splitlines() if '"event":"replied"' in line[:20]]


def test_every_step_asks_once_more_and_verify_agrees(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    again = [key for key in keys(path) if key.endswith(AGAIN)]
    assert {step_of(key).partition(" ")[0] for key in again} == {"propose", "kind", "instances", "check"}
    assert max(Counter(keys(path)).values()) == 1
    findings = verify(path)
    assert findings.disagreements == []
    assert findings.unchecked == {}
    read = read_state(path)
    assert read is not None
    assert (outcome(read), read.unread, read.checked) == (outcome(state), state.unread, state.checked)


def test_what_stays_unread_is_named_and_counted(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state = straight[0]
    silent = [completed for completed in state.completed.values() if completed.is_type_unread]
    assert silent
    assert not any(completed.is_classification for completed in silent)
    assert {reason for completed in silent for step, reason in completed.unread if step == "kind"} == {
        CUT_WHILE_THINKING,
        UNREADABLE,
    }
    counted = status_of(state, Prices()).unread
    assert sum(counted["kind"].values()) == len(silent)
    assert counted["propose"][CUT_WHILE_THINKING] == sum(
        '"unread":"cut while thinking"' in line for line in straight[2].read_text().splitlines()
    )


@pytest.mark.parametrize("trial", trials(2, 8))
def test_any_speed_any_crash_same_bytes(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], trial: int
) -> None:
    path = tmp_path / "journal.jsonl"
    state, _ = run_with_crashes(path, thinking, TASKS, trial, checked_recipe(RUBRIC))
    assert outcome(state) == outcome(straight[0])
    assert (state.unread, state.checked) == (straight[0].unread, straight[0].checked)
    assert exported(path, state) == straight[1]
    assert max(Counter(keys(path)).values()) == 1
    assert verify(path).disagreements == []


def test_the_reading_of_the_released_code_never_asks_again_and_names_what_it_could_not_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, ScriptedEngine(thinking), 10, recipe("original"), stall_after=None)
    assert not any(key.endswith(AGAIN) for key in keys(path))
    events = [event for _, event in read_events(path)]
    empty = [event for event in events if isinstance(event, CandidatesJudged) and not event.verdicts]
    assert {event.unread for event in empty} == {CUT, CUT_WHILE_THINKING}
    lost = [task for task in state.completed.values() if not task.instances and not task.rejected]
    assert lost
    assert all(dict(task.unread).get("instances") for task in lost)
    assert state.unread["kind", CUT_WHILE_THINKING]
    assert verify(path).disagreements == []


def test_a_run_of_the_released_code_begun_before_goes_on_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    begun_as(path, 2, recipe("original"))
    state = run_to(path, ScriptedEngine(thinking), 10, stall_after=None)
    assert state.unread == {}
    assert verify(path).disagreements == []


def begun_as(path: Path, version: int, chosen: Recipe) -> None:
    journal = Journal(path)
    journal.append(RunStarted(chosen, SEEDS, version=version))
    journal.close()


def test_a_journal_of_version_1_goes_on_without_second_requests(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    begun_as(path, 1, checked_recipe(RUBRIC))
    state = run_to(path, ScriptedEngine(thinking), TASKS)
    assert len(state.accepted) >= TASKS
    assert not any(key.endswith(AGAIN) for key in keys(path))
    assert (state.unread, '"unread"' in path.read_text()) == ({}, False)
    findings = verify(path)
    assert (findings.disagreements, findings.unchecked) == ([], {})


def test_what_was_read_otherwise_is_a_disagreement_in_journals_of_version_2_only(tmp_path: Path) -> None:
    """As if an older parser had kept a thought as an instruction, and had read silence as a no."""
    for version in (1, 2):
        path = tmp_path / str(version) / "journal.jsonl"
        path.parent.mkdir()
        begun_as(path, version, recipe())
        run_to(path, ScriptedEngine(thinking), TASKS)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        judged = next(row for row in reversed(rows) if row["event"] == "proposed" and row["verdicts"])
        judged["verdicts"].append({"text": "They want", "rule": "too short"})
        done = next(row for row in reversed(rows) if row["event"] == "annotated" and row["instances"])
        done["instances"][0]["output"] += " and a thought"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        findings = verify(path)
        if version == 1:
            assert findings.disagreements == []
            assert findings.unchecked == {"read otherwise by today's parsers (journal version 1)": 2}
        else:
            assert len(findings.disagreements) == 2


def test_a_rule_is_verified_in_journals_of_version_1_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    begun_as(path, 1, recipe())
    run_to(path, ScriptedEngine(thinking), TASKS)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    judged = next(row for row in reversed(rows) if row["event"] == "proposed" and row["verdicts"])
    judged["verdicts"] += [{"text": "They want"}]  # too short to be kept
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert any("They want" in sentence for sentence in verify(path).disagreements)


@pytest.mark.parametrize("part", ["propose", "kind", "check"])
def test_a_missing_second_reply_is_reported(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], part: str
) -> None:
    lines = straight[2].read_text().splitlines(keepends=True)
    wanted = [
        n
        for n, line in enumerate(lines)
        if (AGAIN in line[:80] and f'"{part}' in line[:40]) or f"/{part}{AGAIN}" in line[:80]
    ]
    chosen = next(n for n in wanted if "<think>1." in lines[n])  # one that could be read
    path = tmp_path / "journal.jsonl"
    path.write_bytes(sealed("".join(lines[:chosen] + lines[chosen + 1 :]).encode()))
    assert verify(path).disagreements


def answering(prompt: Prompt) -> Reply:
    return checking(replace(prompt, step=prompt.step.removesuffix(AGAIN)))


def test_retry_failed_asks_for_what_could_not_be_read(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]
) -> None:
    import asyncio

    from bootstruct.pipeline import generate

    path = tmp_path / "journal.jsonl"
    path.write_bytes(straight[2].read_bytes())
    before = read_state(path)
    assert before is not None
    left = {task for task, completed in before.completed.items() if completed.retried_steps}
    engine = ScriptedEngine(answering)

    async def retry() -> State:
        state, journal = open_journal(path)
        try:
            await generate(ActiveRun(state, journal, engine, retry_failed=True), TASKS, None)
        finally:
            journal.close()
        return state

    state = asyncio.run(retry())
    assert not any(completed.is_type_unread for completed in state.completed.values())
    changed = {task for task in state.completed if state.completed[task] != before.completed[task]}
    assert changed
    assert changed <= left
    assert all(state.is_settled(task) for task in state.completed)
    assert verify(path).disagreements == []
    read = read_state(path)
    assert read is not None
    assert (outcome(read), read.checked, read.unread) == (outcome(state), state.checked, state.unread)
    assert all(event is not None for _, event in read_events(path))
