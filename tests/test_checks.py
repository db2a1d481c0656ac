"""Checks of instances as a third stream: the same data at any speed and after any crash, and nothing paid twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.domain import Checkmark, Prompt, Reply, Sampling, digest_of
from bootstruct.drive import Run
from bootstruct.engines import Engine
from bootstruct.engines.budgeted import Amount, Budget, Budgeted, Limits
from bootstruct.engines.gate import Gate
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.scripted import Scripted
from bootstruct.engines.throttled import Throttled
from bootstruct.errors import BadJournal, Permanent, StoppedShort
from bootstruct.events import Annotated, Checked, Event, Replied, Started, State, apply, begin
from bootstruct.export import rows
from bootstruct.finetune.data import read_data
from bootstruct.finetune.settings import Part
from bootstruct.journal import Journal, read_events, read_state
from bootstruct.pipeline import generate
from bootstruct.recipe import Ask, Check, Recipe
from bootstruct.settings import Prices
from bootstruct.stages.overlap import trained_in_run
from bootstruct.status import status_of
from bootstruct.verify import Findings, verify
from tests.scripts import SEEDS, WORDS, answer, open_journal, outcome, recipe, run_to
from tests.test_replay import Crash, Fragile, exported

TASKS = 30
AGREEMENT = Check(
    "agreement", "agreement", Ask("Do: {{ instruction }} {{ input }}", Sampling(0.7)), samples=3, at_least=0.6
)
RUBRIC = Check("rubric", "rubric", Ask("Grade: {{ instruction }} {{ input }} {{ output }}", Sampling()), level="3")
BACK = Check("back", "back-check", Ask("Task? {{ input }} {{ output }}", Sampling(0.7)), samples=2, at_least=0.17)
AWAY = Check("away", "decontamination", texts=(" ".join(WORDS[::2]), " ".join(WORDS[1::2])), near=0.28)
ALL = (AGREEMENT, RUBRIC, BACK, AWAY)


def checked_recipe(*checks: Check) -> Recipe:
    return replace(recipe(), checks=checks)


def checking(prompt: Prompt) -> Reply:
    """Answers to checks that depend on the prompt alone: some agree, some grade high, some cannot be read."""
    rng = random.Random(digest_of(prompt))
    if not prompt.step.startswith("check "):
        return answer(prompt)
    if prompt.step == "check agreement":
        # An answer that agrees for most instances: the recorded output is told by a hidden table.
        given = prompt.text.removeprefix("Do: ")
        return Reply(
            OUTPUTS.get(given, "?") if random.Random(given).random() < 0.7 else rng.choice("abc"), "stop", 40, 2
        )
    if prompt.step == "check rubric":
        return Reply(rng.choice(["Grade: 4", "5", "2", "No idea."]), "stop", 60, 3)
    return Reply("Task: Describe the " + " ".join(rng.sample(WORDS, 12)), "stop", 50, 9)


OUTPUTS: dict[str, str] = {}


def throttled(engine: Engine, at_once: int) -> Engine:
    return Throttled([engine], Gate(at_once))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[State, dict[str, bytes], Path]:
    """A run without checks fills the table of outputs; then the run with all of them, one question at a time."""
    path = tmp_path_factory.mktemp("plain") / "journal.jsonl"
    plain = run_to(path, Scripted(answer), TASKS)
    for task in plain.machine:
        for each in plain.annotated[task.name].instances:
            OUTPUTS[f"{task.text} {each.input}"] = each.output
    path = tmp_path_factory.mktemp("checked") / "journal.jsonl"
    state = run_to(path, throttled(Scripted(checking), 1), TASKS, checked_recipe(*ALL))
    return state, exported(path, state), path


def found(path: Path) -> Findings:
    findings = Findings()
    for _ in verify(read_events(path), findings):
        pass
    return findings


def events(path: Path, kind: type[Event]) -> list[Event]:
    return [event for _, event in read_events(path) if isinstance(event, kind)]


def keys(path: Path) -> list[str]:
    return [event.key for event in events(path, Replied) if isinstance(event, Replied)]


def test_one_decision_for_each_task_and_check_in_order(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    wanted = [(task.name, check.name) for task in state.machine for check in ALL]
    assert [(e.task, e.check) for e in events(path, Checked) if isinstance(e, Checked)] == wanted
    assert all(state.is_settled(task.name) for task in state.machine)
    assert not [key for key in state.replies if key.startswith("check/")]


def test_a_refused_instance_is_not_asked_about_again(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    asked, refusing = set(keys(path)), Counter[str]()
    for task in state.machine:
        left = set(range(len(state.annotated[task.name].instances)))
        for check, decided in zip(ALL, state.checked[task.name], strict=True):
            about = {int(key.split("/")[3]) for key in asked if key.startswith(f"check/{task.name}/{check.name}/")}
            assert about == (left if check.asks else set())
            assert [verdict.instance for verdict in decided.verdicts] == sorted(left)
            left = set(decided.kept)
            refusing[check.name] += len(decided.verdicts) - len(left)
    assert all(refusing[check.name] for check in ALL), f"a check that refused nothing shows nothing: {refusing}"


def test_what_stands_is_what_every_reader_sees(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    standing = [(task.text, each) for task in state.machine for each in state.standing(task.name)]
    written = sum(len(each.instances) for each in state.annotated.values())
    assert 0 < len(standing) < written
    assert [(row.instruction, row.instance) for row in rows(state)] == standing
    data = read_data([Part(str(path.parent), seeds=False)], 0, 0.0, 1)
    assert {each.task for each in data.train} == {text for text, _ in standing}
    told = status_of(state, Prices())
    assert (told.instances, told.standing) == (written, len(standing))
    in_run = sum(len(each.parts) - 1 for each in trained_in_run(state)) - sum(2 * len(s.instances) for s in state.seeds)
    assert in_run == 2 * len(standing)


def test_status_tells_what_each_check_took(straight: tuple[State, dict[str, bytes], Path]) -> None:
    state, _, path = straight
    told = status_of(state, Prices({"davinci-002": (2.0, 2.0)}))
    assert [each.name for each in told.checks] == [check.name for check in ALL]
    by_name = {each.name: each for each in told.checks}
    everything = keys(path)
    for each in told.checks:
        assert each.requests == sum(key.split("/")[2] == each.name for key in everything if key.startswith("check/"))
        assert each.asked == each.kept + sum(each.refused.values())
    assert by_name["agreement"].prompt_tokens == 40 * by_name["agreement"].requests
    assert by_name["agreement"].cost == pytest.approx(42 * by_name["agreement"].requests * 2e-6)
    assert by_name["away"].requests == 0 and by_name["away"].cost == 0
    assert by_name["rubric"].unreadable > 0, "a grade that cannot be read is kept by default, and counted"
    assert [each.asked for each in told.checks][1:] == [each.kept for each in told.checks][:-1]


@pytest.mark.parametrize("trial", range(8))
def test_any_speed_any_crash_same_bytes(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], trial: int
) -> None:
    rng, crashes, asked = random.Random(trial), 0, 0
    path = tmp_path / "journal.jsonl"

    def fragile(place: Path) -> Journal:
        journal = Fragile(place)
        journal.fuse = rng.randint(1, 200)
        return journal

    while True:
        engine = Scripted(checking, delay=lambda prompt: rng.random() * 0.003)
        try:
            state = run_to(path, throttled(engine, rng.choice([1, 7, 64])), TASKS, checked_recipe(*ALL), None, fragile)
        except Crash:
            crashes += 1
            continue
        finally:
            asked += len(engine.asked)
        break
    assert crashes
    assert outcome(state) == outcome(straight[0])
    assert state.checked == straight[0].checked
    read = read_state(path)
    assert read is not None and read.checked == straight[0].checked
    assert exported(path, read) == straight[1]
    assert len(keys(path)) == len(set(keys(path)))
    assert found(path).disagreements == []


@pytest.mark.parametrize("cut", range(1, len(ALL)))
def test_killed_between_two_checks_of_a_task(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], cut: int
) -> None:
    """The journal ends right after `cut` checks of some task: going on asks nothing that it holds."""
    lines = straight[2].read_bytes().splitlines(keepends=True)
    where = [n for n, event in enumerate(e for _, e in read_events(straight[2])) if isinstance(event, Checked)]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines[: where[4 * 12 + cut - 1] + 1]))
    before = read_state(path)
    assert before is not None and before.checks_done == 12 and len(before.checked) == 13
    engine = Scripted(checking)
    state = run_to(path, engine, TASKS)
    assert len(keys(path)) == len(set(keys(path))) == len(keys(straight[2]))
    assert state.checked == straight[0].checked
    assert found(path).disagreements == []


def test_a_finished_run_asks_nothing(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(straight[2].read_bytes())
    silent = Scripted(checking)
    run_to(path, silent, TASKS)
    assert silent.asked == []
    assert path.read_bytes() == straight[2].read_bytes()


def test_extended_is_as_made_at_once(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts" / "journal.jsonl", tmp_path / "whole" / "journal.jsonl"
    parts.parent.mkdir(), whole.parent.mkdir()
    run_to(parts, throttled(Scripted(checking), 5), 10, checked_recipe(*ALL))
    extended = run_to(parts, throttled(Scripted(checking), 64), 40)
    at_once = run_to(whole, Scripted(checking), 40, checked_recipe(*ALL))
    assert extended.checked == at_once.checked
    assert exported(parts, extended) == exported(whole, at_once)


def reused(path: Path, old: Path, chosen: Recipe, engine: Engine, tasks: int = TASKS) -> State:
    async def main() -> State:
        state, journal = open_journal(path, chosen)
        try:
            await generate(Run(state, journal, engine, Recorded(old)), tasks, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_checks_are_added_to_a_finished_run_for_the_price_of_the_checks(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    plain = run_to(old, Scripted(answer), TASKS)
    engine = Scripted(checking)
    state = reused(new, old, checked_recipe(AGREEMENT, RUBRIC), engine)
    assert engine.asked
    assert {prompt.step for prompt in engine.asked} == {"check agreement", "check rubric"}
    assert outcome(state) == outcome(plain)
    more = Scripted(checking)  # and one check more on top of that
    last = reused(tmp_path / "last.jsonl", new, checked_recipe(AGREEMENT, RUBRIC, BACK), more)
    assert {prompt.step for prompt in more.asked} == {"check back"}
    assert [each[:2] for each in last.checked.values()] == list(state.checked.values())


def test_without_checks_nothing_changes(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, Scripted(answer), TASKS)
    assert outcome(state) == outcome(straight[0])
    assert not events(path, Checked)
    assert b'"checks"' not in path.read_bytes()
    assert all(state.standing(task.name) == state.annotated[task.name].instances for task in state.machine)
    assert status_of(state, Prices()).checks == []


def test_all_instances_refused(tmp_path: Path) -> None:
    strict = replace(AGREEMENT, at_least=1.0)
    state = run_to(tmp_path / "journal.jsonl", Scripted(lambda p: answer(p) if p.step[:5] != "check" else "!?"), TASKS,
                   checked_recipe(strict, RUBRIC))  # fmt: skip
    assert sum(len(each.instances) for each in state.annotated.values())
    assert list(rows(state)) == []
    told = status_of(state, Prices())
    assert told.standing == 0
    assert told.checks[1].asked == told.checks[1].requests == 0


def refusing(bad: Callable[[Prompt], bool], calls: list[Prompt] | None = None) -> Callable[[Prompt], Reply]:
    def some(prompt: Prompt) -> Reply:
        if calls is not None:
            calls.append(prompt)
        if bad(prompt):
            raise Permanent(400, "content policy")
        return checking(prompt)

    return some


def is_bad(prompt: Prompt) -> bool:
    return prompt.step.startswith("check") and prompt.sample % 11 == 0


def test_a_question_that_failed_for_good_holds_its_instance_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    state = run_to(path, throttled(Scripted(refusing(is_bad)), 16), TASKS, checked_recipe(*ALL))
    failed = [each for decided in state.checked.values() for each in decided if each.failed]
    assert failed
    assert state.failures == len(failed) == status_of(state, Prices()).failed
    for each in failed:
        undecided = set(range(len(state.annotated[each.task].instances))) - {v.instance for v in each.verdicts}
        standing = state.standing(each.task)
        assert undecided and not {state.annotated[each.task].instances[n] for n in undecided} & set(standing)
    assert sum(each.undecided for each in status_of(state, Prices()).checks)
    assert found(path).disagreements == []
    silent = Scripted(refusing(is_bad))
    run_to(path, silent, TASKS)
    assert silent.asked == []  # it is not asked again unasked for


def retried(path: Path, engine: Engine) -> State:
    async def main() -> State:
        state, journal = open_journal(path)
        try:
            await generate(Run(state, journal, engine, retry_failed=True), TASKS, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_retry_failed_asks_those_only_and_ends_as_if_nothing_had_failed(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]
) -> None:
    path = tmp_path / "journal.jsonl"
    run_to(path, throttled(Scripted(refusing(is_bad)), 16), TASKS, checked_recipe(*ALL))
    answered = set(keys(path))
    engine = Scripted(checking)
    state = retried(path, engine)
    assert engine.asked and all(prompt.step.startswith("check") for prompt in engine.asked)
    assert len(keys(path)) == len(set(keys(path)))
    assert answered < set(keys(path))
    assert state.checked == straight[0].checked
    assert state.failures == 0
    assert exported(path, state) == straight[1]
    assert found(path).disagreements == []


def test_retry_that_fails_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    before = run_to(path, Scripted(refusing(is_bad)), TASKS, checked_recipe(*ALL))
    state = retried(path, Scripted(refusing(is_bad)))
    assert state.checked == before.checked
    assert state.failures == before.failures


def test_a_retried_annotation_is_checked_too(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    without = run_to(
        path, Scripted(refusing(lambda p: p.step == "instances" and p.sample % 5 == 0)), TASKS, checked_recipe(*ALL)
    )
    failed = [task for task in without.machine if without.annotated[task.name].failed]
    assert failed
    state = retried(path, throttled(Scripted(checking), 9))
    assert state.checked == straight[0].checked
    assert exported(path, state) == straight[1]
    assert found(path).disagreements == []


def test_killed_in_the_middle_of_a_retry(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    """The retried checks of a task are written one by one; a kill between two of them leaves work, and no question twice."""
    path = tmp_path / "journal.jsonl"
    run_to(path, Scripted(refusing(is_bad)), TASKS, checked_recipe(*ALL))
    size = len(path.read_bytes().splitlines())
    retried(path, Scripted(checking))
    lines = path.read_bytes().splitlines(keepends=True)
    for end in range(size, len(lines)):
        path.write_bytes(b"".join(lines[:end]))
        state = retried(path, Scripted(checking))
        assert state.checked == straight[0].checked, end
        assert len(keys(path)) == len(set(keys(path))), end


def test_budget_in_the_middle(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    """Out of money while checking: everything stands, a higher cap goes on to the same end."""
    path = tmp_path / "journal.jsonl"
    whole = len(keys(straight[2]))
    for cap in (whole // 2, whole * 3 // 4):
        before = read_state(path) if path.exists() else None
        spent = Amount(sum(used.requests for used in before.usage.values())) if before else Amount()
        engine = Budgeted(Scripted(checking), Budget(Limits(requests=cap), Prices(), spent))
        with pytest.raises(StoppedShort, match="budget is used up"):
            run_to(path, throttled(engine, 8), TASKS, checked_recipe(*ALL))
        assert len(keys(path)) == cap
        partial = read_state(path)
        assert partial is not None
        assert [row.instance for row in rows(partial)] == [
            each for task in partial.machine[: partial.checks_done] for each in partial.standing(task.name)
        ]
    state = run_to(path, Scripted(checking), TASKS)
    assert state.checked == straight[0].checked
    assert len(keys(path)) == len(set(keys(path)))


def test_checks_run_beside_the_other_streams(tmp_path: Path) -> None:
    order: list[str] = []

    def note(prompt: Prompt) -> Reply:
        order.append(prompt.step)
        return checking(prompt)

    def slow(prompt: Prompt) -> float:
        return 0.2 if prompt.step == "kind" and prompt.sample % 4 == 0 else 0.0

    run_to(tmp_path / "journal.jsonl", Scripted(note, slow), TASKS, checked_recipe(RUBRIC))
    first = order.index("check rubric")
    assert "instances" in order[first:], "no check was asked before the last annotation"


def small_state(*checks: Check) -> State:
    state = begin(Started(checked_recipe(*checks), SEEDS))
    from bootstruct.domain import Instance, Verdict
    from bootstruct.events import Proposed

    apply(state, Proposed(0, (), (Verdict("One task of some kind"), Verdict("Another task of its kind"))))
    apply(state, Annotated("0.0", False, (Instance("a", "b"), Instance("c", "d"))))
    return state


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (Checked("0.1", "rubric", ()), "out of order"),  # not annotated yet
        (Checked("9.9", "rubric", ()), "out of order"),
        (Checked("0.0", "back", ()), "out of order"),
        (Checked("0.0", "strange", ()), "does not have"),
        (Checked("0.0", "rubric", (Checkmark(2),)), "an instance that it does not have"),
    ],
)
def test_disorder_in_a_journal_is_told(event: Checked, fault: str) -> None:
    with pytest.raises(BadJournal, match=fault):
        apply(small_state(RUBRIC, BACK), event)


CORRUPTIONS: dict[str, Callable[[Checked], Checked]] = {
    "a refused one kept": lambda e: replace(e, verdicts=tuple(replace(v, rule=None) for v in e.verdicts)),
    "a score": lambda e: replace(e, verdicts=tuple(replace(v, score=0.123) for v in e.verdicts)),
    "a rule": lambda e: replace(e, verdicts=tuple(replace(v, rule="other") for v in e.verdicts)),
    "a verdict less": lambda e: replace(e, verdicts=e.verdicts[:-1]),
    "marked failed": lambda e: replace(e, failed=True),
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
@pytest.mark.parametrize("check", [check.name for check in ALL])
def test_verify_reports_a_changed_verdict(
    tmp_path: Path, straight: tuple[State, dict[str, bytes], Path], corrupt: Callable[[Checked], Checked], check: str
) -> None:
    import orjson

    from bootstruct.event_json import to_json

    told = [event for _, event in read_events(straight[2])]
    place = next(
        n for n, e in enumerate(told)
        if isinstance(e, Checked) and e.check == check and e.verdicts and not all(v.kept for v in e.verdicts)
    )  # fmt: skip
    damaged = told[place]
    assert isinstance(damaged, Checked)
    told[place] = corrupt(damaged)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(orjson.dumps(to_json(event)) + b"\n" for event in told))
    assert found(path).disagreements


def test_verify_reports_another_question(tmp_path: Path, straight: tuple[State, dict[str, bytes], Path]) -> None:
    path = tmp_path / "journal.jsonl"
    for old, new in (
        (b'"key":"check/', b'"key":"check/9'),
        (b"/agreement/0/0", b"/agreement/0/7"),
        (b"/rubric/0/0", b"/nobody/0/0"),
    ):
        path.write_bytes(straight[2].read_bytes().replace(old, new, 1))
        assert path.read_bytes() != straight[2].read_bytes()
        assert found(path).disagreements


def test_a_preview_asks_one_question_of_each_check_and_counts_all(tmp_path: Path) -> None:
    from bootstruct.plan import init_run
    from bootstruct.preview import estimate, preview
    from bootstruct.runs import read_plan

    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    plain = read_plan(folder)[0]
    path = folder / "recipe.yaml"
    path.write_text(
        path.read_text() + "\nchecks: [{kind: agreement, samples: 3}, {kind: rubric}, {kind: decontamination}]\n"
    )
    engine = Scripted(checking)
    told = asyncio.run(preview(folder, engine, 2))
    asked = [prompt.step for prompt in engine.asked]
    assert 0 < asked.count("check agreement") == asked.count("check rubric") <= told.annotated
    recipe = read_plan(folder)[0]
    with_checks, without = (estimate(told, each, Prices({"davinci-002": (2.0, 2.0)}), 600) for each in (recipe, plain))
    expected = 4 * 600 * told.instances / told.annotated
    assert with_checks.calls - without.calls == pytest.approx(expected, abs=2)
    assert with_checks.cost is not None and without.cost is not None
    assert with_checks.cost > without.cost
