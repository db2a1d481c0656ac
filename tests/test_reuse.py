"""Nothing is paid twice: other prompts, other rules, failures asked again, previews taken over."""

import asyncio
import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstruct.domain import Prompt, Reply
from bootstruct.drive import Run
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import BadInput, DoorClosed, Permanent
from bootstruct.events import Failed, Replied, State
from bootstruct.journal import Journal, read_events, read_state
from bootstruct.pipeline import generate
from bootstruct.plan import init_run
from bootstruct.preview import estimate, preview
from bootstruct.recipe import Recipe
from bootstruct.rejudge import rejudge
from bootstruct.runs import open_run, read_plan
from bootstruct.settings import Prices
from bootstruct.verify import Findings, verify
from tests.scripts import answer, open_journal, outcome, recipe, run_to

TASKS = 40


def steps(engine: Scripted) -> Counter[str]:
    return Counter(prompt.step for prompt in engine.asked)


def journalled(path: Path, tasks: int, engine: Scripted, chosen: Recipe | None = None, **options: object) -> State:
    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(Run(state, journal, engine, **options), tasks, None)  # type: ignore[arg-type]
        finally:
            journal.close()
        return state

    return asyncio.run(main())


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "journal.jsonl"
    run_to(path, Scripted(answer), TASKS)
    return path


def test_the_same_recipe_again_costs_nothing(tmp_path: Path, old: Path) -> None:
    engine = Scripted(answer)
    state = journalled(tmp_path / "journal.jsonl", TASKS, engine, reuse=Recorded(old))
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
    engine = Scripted(answer)
    state = journalled(tmp_path / "journal.jsonl", TASKS, engine, change(of), reuse=Recorded(old))
    assert set(steps(engine)) <= {of, "instances"}
    assert steps(engine)[of] == len(state.machine)


def test_the_first_of_several_old_runs_wins(tmp_path: Path, old: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(old.read_text().replace("Example 1", "Example 1 of the other run"))
    asked = [e for _, e in read_events(old) if isinstance(e, Replied) and "Example 1" in e.reply.text]
    assert asked
    for event in asked:
        for order, mark in (((old, other), False), ((other, old), True)):
            found = Recorded(*order).find(event.digest)
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
        from bootstruct.event_json import seed_to_json

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
    assert rejudge(folder, run) == len(before.marks)
    assert rejudge(folder, run) == len(before.marks)  # again is harmless
    engine = Scripted(answer)
    state, journal = open_run(folder)

    async def main() -> None:
        await generate(Run(state, journal, engine, Recorded(run / "journal.jsonl")), 1)
        journal.close()

    asyncio.run(main())
    texts = {task.text for task in state.machine}
    assert texts
    assert texts < {task.text for task in before.machine}  # stricter rules keep a part
    assert all(6 <= len(text.split()) <= 8 for text in texts)
    assert engine.asked == []  # no request, and the annotations were paid for by the old run
    assert list(state.annotated) == [task.name for task in state.machine]
    assert (state.origin, state.inherited) == ("rejudge", len(before.marks))
    assert state.source.startswith(str(run))
    findings = Findings()
    for _ in verify(read_events(folder / "journal.jsonl"), findings):
        pass
    assert findings.disagreements == []
    assert findings.unchecked["questions of the run that was re-judged"] == len(before.marks)


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
    engine = Scripted(answer)

    async def main() -> None:
        await generate(Run(state, journal, engine, Recorded(run / "journal.jsonl")), 1)
        journal.close()

    asyncio.run(main())
    known = {task.text for task in before.machine}
    newly = [task for task in state.machine if task.text not in known]
    assert newly
    assert steps(engine)["kind"] == len(newly)
    assert "propose" not in steps(engine)


def test_rejudge_wants_a_run_that_has_not_begun(tmp_path: Path, old: Path) -> None:
    run = tmp_path / "begun"
    run.mkdir()
    shutil.copy(old, run / "journal.jsonl")
    with pytest.raises(BadInput, match="has begun already"):
        rejudge(run, run)


def test_failures_are_asked_again_where_the_user_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step == "instances" and prompt.sample % 4 == 0:
            raise Permanent(400, "content policy")
        return answer(prompt)

    state = journalled(path, TASKS, Scripted(sometimes))
    failed = [task for task, annotated in state.annotated.items() if annotated.failed]
    assert failed
    assert state.failures == len(failed)
    silent = Scripted(answer)
    journalled(path, TASKS, silent)
    assert silent.asked == []  # without the flag a failure is final
    engine = Scripted(answer)
    state = journalled(path, TASKS, engine, retry_failed=True)
    assert steps(engine) == {"instances": len(failed)}  # what was answered for them before is not asked again
    assert state.failures == 0
    straight = journalled(tmp_path / "straight.jsonl", TASKS, Scripted(answer))
    assert state.annotated == straight.annotated
    again = read_state(path)
    assert again is not None
    assert outcome(again) == outcome(state)


def test_a_failed_request_costs_one_index(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step == "propose" and prompt.sample % 5 == 0:
            raise Permanent(400, "content policy")
        return answer(prompt)

    state = journalled(path, TASKS, Scripted(sometimes))
    assert len(state.machine) >= TASKS
    failed = [e for _, e in read_events(path) if isinstance(e, Failed)]
    assert failed
    engine = Scripted(answer)
    journalled(path, TASKS, engine, retry_failed=True)
    assert engine.asked == []


def test_where_the_first_requests_all_fail_nothing_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    def never(prompt: Prompt) -> Reply:
        raise Permanent(400, "unknown field `top_p`")

    with pytest.raises(DoorClosed, match=r"first 5 requests all failed.*top_p"):
        journalled(path, TASKS, Scripted(never))
    assert len(list(read_events(path))) == 1


def test_a_preview_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    engine = Scripted(answer)
    told = asyncio.run(preview(folder, engine, 2))
    assert told.requests == 2
    assert [shown.step for shown in told.shown].count("propose") == 2
    asked = len(engine.asked)
    again = Scripted(answer)
    asyncio.run(preview(folder, again, 3))
    assert steps(again)["propose"] == 1  # two of the three were asked before
    guess = estimate(told, read_plan(folder)[0], Prices({"davinci-002": (2.0, 2.0)}), 500)
    assert guess.requests == pytest.approx(500 * 2 / told.accepted, abs=1)
    assert guess.cost == pytest.approx((guess.prompt_tokens + guess.completion_tokens) * 2e-6)
    state, journal = open_run(folder)
    rest = Scripted(answer)

    async def main() -> None:
        await generate(Run(state, journal, rest, Recorded(*sorted(folder.glob("preview*.jsonl")))), 30)
        journal.close()

    asyncio.run(main())
    first = {prompt.text for prompt in engine.asked + again.asked}
    assert asked >= 4
    assert not first & {prompt.text for prompt in rest.asked}
    assert sum(usage.reused for usage in state.usage.values()) == len(first)


def test_a_preview_that_accepts_nothing_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    told = asyncio.run(preview(folder, Scripted(lambda prompt: "Hi."), 1))
    with pytest.raises(BadInput, match="accepted no instruction"):
        estimate(told, read_plan(folder)[0], Prices(), 100)


def test_the_journal_of_the_old_run_is_only_read(tmp_path: Path, old: Path) -> None:
    before = old.read_bytes()
    holder = Journal(old)  # it may even be running
    journalled(tmp_path / "journal.jsonl", TASKS, Scripted(answer), reuse=Recorded(old))
    holder.close()
    assert old.read_bytes() == before
