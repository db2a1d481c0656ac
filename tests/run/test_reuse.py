"""Nothing is paid twice: other prompts, other rules, failures asked again, previews taken over."""

import asyncio
import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Recipe
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import EngineUnavailableError, InputError, RequestRejectedError
from bootstruct.history.estimate import estimate
from bootstruct.history.preview import preview
from bootstruct.history.rejudge import rejudge
from bootstruct.history.verify import verify
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import Journal, read_events, read_state
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.folder import open_run, read_plan
from bootstruct.run.goal import Goal
from bootstruct.run.init import init_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt, Reply
from tests.support.journals import sealed
from tests.support.scripts import answer, open_journal, outcome, recipe, run_to, unread_keys

TASKS = 40


def steps(engine: ScriptedEngine) -> Counter[str]:
    return Counter(prompt.step for prompt in engine.asked)


def journalled(
    path: Path, tasks: int, engine: ScriptedEngine, chosen: Recipe | None = None, **options: object
) -> State:
    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(ActiveRun(state, journal, engine, **options), tasks, None)  # type: ignore[arg-type]
        finally:
            journal.close()
        return state

    return asyncio.run(main())


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "journal.jsonl"
    run_to(path, ScriptedEngine(answer), TASKS)
    return path


def test_the_same_recipe_again_costs_nothing(tmp_path: Path, old: Path) -> None:
    engine = ScriptedEngine(answer)
    state = journalled(tmp_path / "journal.jsonl", TASKS, engine, reuse=RecordedEngine(old))
    assert engine.asked == []
    before = read_state(old)
    assert before is not None
    assert outcome(state) == outcome(before)
    assert sum(usage.requests for usage in state.usage.values()) == 0
    assert sum(usage.reused for usage in state.usage.values()) > TASKS


def change(of: str) -> Recipe:
    """The recipe with one prompt changed."""
    made = recipe()
    if of == "propose":
        ask = dataclasses.replace(made.propose.ask, prompt="Again. " + made.propose.ask.prompt)
        return dataclasses.replace(made, propose=dataclasses.replace(made.propose, ask=ask))
    if of == "kind":
        return dataclasses.replace(
            made, classify=dataclasses.replace(made.classify, prompt="Again. " + made.classify.prompt)
        )
    instances = made.instances
    first = dataclasses.replace(instances.input_first, prompt="Again. " + instances.input_first.prompt)
    second = dataclasses.replace(instances.output_first, prompt="Again. " + instances.output_first.prompt)
    return dataclasses.replace(made, instances=dataclasses.replace(instances, input_first=first, output_first=second))


@pytest.mark.parametrize("of", ["instances", "kind"])
def test_a_changed_later_prompt_costs_only_its_step(tmp_path: Path, old: Path, of: str) -> None:
    engine = ScriptedEngine(answer)
    state = journalled(tmp_path / "journal.jsonl", TASKS, engine, change(of), reuse=RecordedEngine(old))
    assert set(steps(engine)) <= {of, "instances"}
    assert steps(engine)[of] == len(state.accepted)


def test_the_first_of_several_old_runs_wins(tmp_path: Path, old: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(sealed(old.read_bytes().replace(b"Example 1", b"Example 1 of the other run")))
    asked = [e for _, e in read_events(old) if isinstance(e, ReplyReceived) and "Example 1" in e.reply.text]
    assert asked
    for event in asked:
        for order, mark in (((old, other), False), ((other, old), True)):
            found = RecordedEngine(*order).find(event.digest)
            assert found is not None
            assert ("of the other run" in found[0].text) is mark
            assert found[1] == order[0]


@pytest.fixture
def new(tmp_path: Path, old: Path) -> Callable[[Callable[[str], str]], Path]:
    """A run folder beside the old one with an edited recipe, and the old one's seeds."""

    def make(edit: Callable[[str], str]) -> Path:
        folder = tmp_path / "new"
        init_run(folder, "paper", None, None, None, (), False)
        state = read_state(old)
        assert state is not None
        from bootstruct.journal.codec import seed_to_json

        (folder / "seeds.jsonl").write_text("".join(json.dumps(seed_to_json(seed)) + "\n" for seed in state.seeds))
        (folder / "recipe.yaml").write_text(edit((folder / "recipe.yaml").read_text()))
        return folder

    return make


def test_new_rules_for_instructions_are_applied_to_what_was_paid_for(
    tmp_path: Path, old: Path, new: Callable[[Callable[[str], str]], Path]
) -> None:
    run = tmp_path / "old_run"
    run.mkdir()
    shutil.copy(old, run / "journal.jsonl")
    folder = new(
        lambda text: text.replace("words_at_most: 3", "words_at_most: 5").replace("words_above: 150", "words_above: 8")
    )
    before = read_state(old)
    assert before is not None
    assert rejudge(folder, run).requests == len(before.accepted_after)
    assert rejudge(folder, run).requests == len(before.accepted_after)  # again is harmless
    engine = ScriptedEngine(answer)
    state, journal = open_run(folder)

    async def main() -> None:
        await generate(ActiveRun(state, journal, engine, RecordedEngine(run / "journal.jsonl")), Goal(grows=False))
        journal.close()

    asyncio.run(main())
    texts = {task.text for task in state.accepted}
    assert texts
    assert texts < {task.text for task in before.accepted}  # stricter rules keep a part
    assert all(6 <= len(text.split()) <= 8 for text in texts)
    assert engine.asked == []  # no request, and the annotations were paid for by the old run
    assert list(state.completed) == [task.name for task in state.accepted]
    assert (state.origin, state.inherited) == ("rejudge", len(before.accepted_after))
    assert state.source.startswith(str(run))
    findings = verify(folder / "journal.jsonl")
    assert findings.disagreements == []
    assert findings.unchecked["prompts of the run that was rejudged"] == len(before.accepted_after)


def test_looser_rules_keep_more_and_only_the_new_tasks_are_asked(
    tmp_path: Path, old: Path, new: Callable[[Callable[[str], str]], Path]
) -> None:
    run = tmp_path / "old_run"
    run.mkdir()
    shutil.copy(old, run / "journal.jsonl")
    folder = new(lambda text: text.replace("words_at_most: 3", "words_at_most: 2"))
    before = read_state(old)
    assert before is not None
    rejudge(folder, run)
    state, journal = open_run(folder)
    engine = ScriptedEngine(answer)

    async def main() -> None:
        await generate(ActiveRun(state, journal, engine, RecordedEngine(run / "journal.jsonl")), Goal(grows=False))
        journal.close()

    asyncio.run(main())
    known = {task.text for task in before.accepted}
    newly = [task for task in state.accepted if task.text not in known]
    assert newly
    assert steps(engine)["kind"] == len(newly)
    assert "propose" not in steps(engine)


def test_rejudge_wants_a_run_that_has_not_begun(tmp_path: Path, old: Path) -> None:
    run = tmp_path / "begun"
    run.mkdir()
    shutil.copy(old, run / "journal.jsonl")
    with pytest.raises(InputError, match="has begun already"):
        rejudge(run, run)


def test_failures_are_asked_again_where_the_user_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step == "instances" and prompt.sample % 4 == 0:
            raise RequestRejectedError(400, "content policy")
        return answer(prompt)

    state = journalled(path, TASKS, ScriptedEngine(sometimes))
    failed = [task for task, completed in state.completed.items() if completed.failed]
    assert failed
    assert state.failures == len(failed)
    unread = unread_keys(state)
    silent = ScriptedEngine(answer)
    journalled(path, TASKS, silent)
    assert silent.asked == []  # without the flag a failure is final
    engine = ScriptedEngine(answer)
    state = journalled(path, TASKS, engine, retry_failed=True)
    assert steps(engine) == {
        "instances": len(failed) + len(unread)
    }  # what was answered for them before is not asked again
    assert state.failures == 0
    straight = journalled(tmp_path / "straight.jsonl", TASKS, ScriptedEngine(answer))
    assert state.completed == straight.completed
    again = read_state(path)
    assert again is not None
    assert outcome(again) == outcome(state)


def test_a_failed_request_costs_one_index(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step == "propose" and prompt.sample % 5 == 0:
            raise RequestRejectedError(400, "content policy")
        return answer(prompt)

    state = journalled(path, TASKS, ScriptedEngine(sometimes))
    assert len(state.accepted) >= TASKS
    failed = [e for _, e in read_events(path) if isinstance(e, RequestFailed)]
    assert failed
    engine = ScriptedEngine(answer)
    journalled(path, TASKS, engine, retry_failed=True)
    assert steps(engine) == {"instances": len(unread_keys(state))}


def test_where_the_first_requests_all_fail_nothing_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def never(prompt: Prompt) -> Reply:
        raise RequestRejectedError(400, "unknown field `top_p`")

    with pytest.raises(EngineUnavailableError, match=r"first 5 requests all failed.*top_p"):
        journalled(path, TASKS, ScriptedEngine(never))
    assert len(list(read_events(path))) == 1


def test_a_preview_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    engine = ScriptedEngine(answer)
    result = asyncio.run(preview(folder, 2, engine=engine))
    assert [request.step for request in result.requests].count("propose") == 2
    asked = len(engine.asked)
    again = ScriptedEngine(answer)
    asyncio.run(preview(folder, 3, engine=again))
    assert steps(again)["propose"] == 1  # two of the three were asked before
    estimated = estimate(result, read_plan(folder)[0], Prices({"davinci-002": (2.0, 2.0)}), 500)
    assert estimated.instruction_requests == pytest.approx(500 * 2 / result.accepted, abs=1)
    assert estimated.cost == pytest.approx((estimated.prompt_tokens + estimated.completion_tokens) * 2e-6)
    state, journal = open_run(folder)
    rest = ScriptedEngine(answer)

    async def main() -> None:
        await generate(ActiveRun(state, journal, rest, RecordedEngine(*sorted(folder.glob("preview*.jsonl")))), 30)
        journal.close()

    asyncio.run(main())
    first = {prompt.text for prompt in engine.asked + again.asked}
    assert asked >= 4
    assert not first & {prompt.text for prompt in rest.asked}
    assert sum(usage.reused for usage in state.usage.values()) == len(first)


def test_a_preview_that_accepts_nothing_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    result = asyncio.run(preview(folder, 1, engine=ScriptedEngine(lambda prompt: "Hi.")))
    assert result.estimate is None
    with pytest.raises(InputError, match="accepted no instruction"):
        estimate(result, read_plan(folder)[0], Prices(), 100)


def test_the_journal_of_the_old_run_is_only_read(tmp_path: Path, old: Path) -> None:
    before = old.read_bytes()
    holder = Journal(old)  # it may even be running
    journalled(tmp_path / "journal.jsonl", TASKS, ScriptedEngine(answer), reuse=RecordedEngine(old))
    holder.close()
    assert old.read_bytes() == before
