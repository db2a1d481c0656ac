"""Outputs rewritten by another model: only they are asked for, everything else is reused free from the old run."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import EngineUnavailableError, InputError, RequestRejectedError
from bootstruct.finetuning.data import read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.history.rewrite import rewrite_outputs, rewriting_recipe
from bootstruct.journal.codec import to_json
from bootstruct.journal.cost import cost_of
from bootstruct.journal.events import ReplyReceived, RequestFailed, TaskCompleted
from bootstruct.journal.file import read_events
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.reporting.build import make_report
from bootstruct.run.folder import read_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.status import status_of
from bootstruct.types import Prompt, Reply
from tests.support.commands import bootstruct
from tests.support.journals import sealed
from tests.support.rewritten_runs import TASKS, go_on, verified, written
from tests.support.scripts import answer, outcome, run_to


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    run_to(folder / "journal.jsonl", ScriptedEngine(answer), TASKS)
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory, old: Path) -> Path:
    folder = tmp_path_factory.mktemp("new") / "run"
    taken = rewrite_outputs(folder, old, "better")
    assert (taken.tasks, taken.left_out) == (len(read_run(old).accepted), 0)
    go_on(folder, ScriptedEngine(written))
    return folder


def test_only_outputs_differ(old: Path, new: Path) -> None:
    before, after = read_run(old), read_run(new)
    assert after.accepted == before.accepted
    assert after.accepted_after == before.accepted_after
    assert after.rejections == before.rejections
    lost = Counter[str]()
    for name, was in before.completed.items():
        now = after.completed[name]
        assert now.is_classification == was.is_classification
        assert {instance.input for instance in now.instances} <= {instance.input for instance in was.instances}
        assert all(instance.output.startswith("A better answer, no. ") for instance in now.instances)
        rewritten = [entry for entry in now.rejected if entry.rule.startswith("rewritten: ")]
        assert [entry for entry in now.rejected if entry not in rewritten] == list(was.rejected)
        assert len(now.instances) + len(rewritten) == len(was.instances)
        lost.update(entry.rule for entry in rewritten)
    assert set(lost) == {"rewritten: cut off", "rewritten: empty output"}
    assert (after.origin, after.inherited) == ("rewrite", 0)
    assert after.source.startswith(f"{old} ")


def test_a_rewritten_run_is_verified_and_counted(new: Path, old: Path) -> None:
    findings, state = verified(new), read_run(new)
    assert findings.disagreements == []
    assert findings.unchecked == {}
    outputs = sum(len(entry.instances) for entry in read_run(old).completed.values())
    assert findings.checked["prompts"] == sum(used.requests + used.reused for used in state.usage.values())
    status = status_of(state, Prices({"better": (1.0, 10.0)}))
    assert status.replies == state.usage["rewrite", "better-2026"].requests == outputs
    assert status.origin == "rewrite"
    assert status.cost == pytest.approx((status.prompt_tokens * 1.0 + status.completion_tokens * 10.0) / 1e6)
    assert cost_of(state, Prices({"davinci-002": (2.0, 2.0)})) is None


def test_verify_finds_a_forged_output(new: Path, tmp_path: Path) -> None:
    lines = (new / "journal.jsonl").read_text().replace('"output":"A better', '"output":"A worse', 1)
    (tmp_path / "journal.jsonl").write_bytes(sealed(lines.encode()))
    (found,) = verified(tmp_path).disagreements
    assert "recorded" in found


@pytest.mark.parametrize("after", [1, 30])
def test_it_resumes_and_asks_nothing_twice(old: Path, new: Path, tmp_path: Path, after: int) -> None:
    folder, asked = tmp_path / "run", 0
    rewrite_outputs(folder, old, "better")

    def closing(prompt: Prompt) -> Reply:
        nonlocal asked
        asked += 1
        if asked > after:
            raise EngineUnavailableError("no more")
        return written(prompt)

    first, second = ScriptedEngine(closing), ScriptedEngine(written)
    with pytest.raises(EngineUnavailableError):
        go_on(folder, first)
    rewrite_outputs(folder, old, "better")  # the same command again
    state = go_on(folder, second)
    assert outcome(state) == outcome(read_run(new))
    whole = sum(len(entry.instances) for entry in read_run(old).completed.values())
    assert after + len(second.asked) == whole
    assert outcome(read_run(folder)) == outcome(state)
    left = {task for task, completed in state.completed.items() if completed.retried_steps}
    kept = {key.split("/")[1] for key in read_run(folder).replies if key.startswith("annotate")}
    assert kept <= left  # the others are committed: out of memory


def test_a_recipe_of_ones_own_says_the_same_with_reuse(old: Path, new: Path, tmp_path: Path) -> None:
    """Not a special mode: the same recipe, begun as a fresh run, with the old and the new run's replies."""
    path = tmp_path / "journal.jsonl"
    chosen = rewriting_recipe(read_run(old).recipe, "better")

    class Both:
        def find(self, digest: str) -> tuple[Reply, object] | None:
            return RecordedEngine(old / "journal.jsonl", new / "journal.jsonl").find(digest)

    engine = ScriptedEngine(written)
    from bootstruct.journal.file import Journal
    from tests.support.scripts import open_journal

    async def main() -> State:
        state, journal = open_journal(path, chosen, Journal)
        await generate(ActiveRun(state, journal, engine, Both()), TASKS, None)
        journal.close()
        return state

    state = asyncio.run(main())
    assert engine.asked == []
    assert outcome(state) == outcome(read_run(new))


def test_tasks_without_instances_yet_are_left_out(old: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    lines = (old / "journal.jsonl").read_text().splitlines(keepends=True)
    last = [n for n, line in enumerate(lines) if '"event":"annotated"' in line][10]
    (part / "journal.jsonl").write_text("".join(lines[: last + 1]))
    before = read_run(part)
    assert len(before.completed) == 11 < len(before.accepted)
    taken = rewrite_outputs(tmp_path / "new", part, "better")
    assert taken.tasks + taken.left_out == len(before.accepted)
    assert 0 < taken.tasks <= 11
    state = go_on(tmp_path / "new", ScriptedEngine(written))
    assert state.accepted == before.accepted[: taken.tasks]
    assert len(state.completed) == taken.tasks
    assert verified(tmp_path / "new").disagreements == []


def test_a_rewriting_that_failed_is_asked_again(old: Path, new: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.sample % 5 == 0:
            raise RequestRejectedError(400, "content policy")
        return written(prompt)

    rewrite_outputs(folder, old, "better")
    state = go_on(folder, ScriptedEngine(sometimes))
    assert state.failures
    failed = [event for _, event in read_events(folder / "journal.jsonl") if isinstance(event, RequestFailed)]
    assert all("/rewrite/" in event.key for event in failed)
    assert outcome(go_on(folder, ScriptedEngine(written), retry_failed=True)) == outcome(read_run(new))
    assert verified(folder).disagreements == []


def test_runs_that_cannot_be_rewritten_are_named(old: Path, new: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    run_to(begun / "journal.jsonl", ScriptedEngine(answer), 3)
    with pytest.raises(InputError, match="has begun already, and not from"):
        rewrite_outputs(begun, old, "better")
    with pytest.raises(InputError, match="rewritten by better"):
        rewrite_outputs(new, old, "third")
    started = (begun / "journal.jsonl").read_text().splitlines(keepends=True)[0]
    (begun / "journal.jsonl").write_text(started)
    with pytest.raises(InputError, match="has no completed task yet"):
        rewrite_outputs(tmp_path / "new", begun, "better")
    planned = tmp_path / "planned"
    planned.mkdir()
    (planned / "recipe.yaml").write_text("recipe: mine")
    with pytest.raises(InputError, match="contains another run"):
        rewrite_outputs(planned, old, "better")


def test_a_second_other_model_starts_from_the_old_inputs(old: Path, new: Path, tmp_path: Path) -> None:
    """OLD may itself hold rewritten outputs: its tasks and inputs are used, its outputs are not."""
    folder = tmp_path / "third"
    rewrite_outputs(folder, new, "third")
    asked: list[Prompt] = []

    def third(prompt: Prompt) -> Reply:
        asked.append(prompt)
        return Reply(f"Third {prompt.sample}.")

    state = go_on(folder, ScriptedEngine(third))
    assert {prompt.model for prompt in asked} == {"third"}
    assert len(asked) == sum(len(entry.instances) for entry in read_run(old).completed.values())
    assert {instance.output[:5] for a in state.completed.values() for instance in a.instances} == {"Third"}


def test_export_report_and_finetuning_take_it(new: Path, tmp_path: Path) -> None:
    for name in ("alpaca", "original"):
        done = bootstruct("export", new, "--format", name, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "alpaca").read_text())
    assert rows
    assert all(row["output"].startswith("A better") for row in rows)
    source, examples = read_part(MixturePart(str(new), seeds=False))
    assert source.model == "davinci-002, outputs by better"
    assert len(examples) == len({(row["instruction"], row["input"], row["output"]) for row in rows})
    make_report([new], tmp_path / "page.html")
    page, card = (tmp_path / "page.html").read_text(), (tmp_path / "page.card.md").read_text()
    assert "rewritten by better" in page
    assert "rewritten by `better`" in card


def test_events_of_it_are_read_back(new: Path) -> None:
    failed = RequestFailed("annotate/1.1/kind", "", 400, "no", "runs/old")
    assert to_json(failed)["source"] == "runs/old"
    kinds = {type(event) for _, event in read_events(new / "journal.jsonl")}
    assert {ReplyReceived, TaskCompleted} <= kinds
