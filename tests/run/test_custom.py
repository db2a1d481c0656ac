"""Rules and checks that users write in Python: recorded by name and version, resumed, verified, and never trusted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.journal.events import InstancesChecked
from bootstruct.journal.file import read_events
from bootstruct.types import Prompt, Reply
from tests.support.commands import bootstruct
from tests.support.scripts import SEEDS, answer

SEED_ROWS: list[dict[str, Any]] = [
    {"instruction": seed.instruction, "output": seed.instances[0].output, "is_classification": seed.is_classification}
    for seed in SEEDS
]


@bs.rule("no-rivers", version="1")
def no_rivers(text: str) -> str | None:
    return "speaks of a river\n\x1b[31m" + "!" * 1000 if "river" in text.lower() else None


@bs.check("liked", version="2")
async def liked(instance: bs.CheckedInstance, ask: Any) -> str | None:
    """Asks twice; the second prompt follows from the first reply."""
    first = await ask(f"How good is this? {instance.output}", temperature=0.5)
    second = await ask([{"role": "user", "content": f"Sure? {first.text}"}])
    return None if (len(first.text) + len(second.text)) % 3 else f"grade {first.text}"


@bs.check("short", version="1")
def short(instance: bs.CheckedInstance, ask: Any) -> str | None:
    return "long" if len(instance.output) > 5 else None


RULES, CHECKS = [no_rivers], [liked, short]


def replies(prompt: Prompt) -> Reply:
    if prompt.step == "check liked":
        return Reply("x" * (1 + prompt.sample % 4), "stop", 5, 1, "scripted")
    return answer(prompt)


def make(folder: Path, tasks: int = 12, concurrency: int | None = None, **options: Any) -> bs.GenerateResult:
    if not folder.exists():
        bs.init(folder, recipe="paper", model="python/scripted", seeds=SEED_ROWS, rules=RULES, checks=CHECKS)
    options = {"rules": RULES, "checks": CHECKS, "engine": bs.ScriptedEngine(replies)} | options
    return bs.generate(folder, tasks, concurrency=concurrency, **options)


def outcome(folder: Path) -> Any:
    run = bs.open(folder)
    decided = [event for _, event in read_events(folder / "journal.jsonl") if isinstance(event, InstancesChecked)]
    return run.tasks, run.rejections, sorted(decided, key=lambda event: (event.task, event.check)), run.instances


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("custom") / "run"
    assert make(folder).is_complete
    return folder


def test_what_they_reject_is_recorded_with_its_reason(folder: Path) -> None:
    run = bs.open(folder)
    rejected = [rejection for rejection in run.rejections if rejection.rule == "no-rivers"]
    assert rejected and all("river" in rejection.text.lower() for rejection in rejected)
    assert all("river" not in task.instruction.lower() for task in run.tasks)
    assert all(len(rejection.note) <= 200 and rejection.note.startswith("speaks of a river") for rejection in rejected)
    assert all("\x1b" not in rejection.note and "\n" not in rejection.note for rejection in rejected)
    status = run.status()
    assert status.rejected["no-rivers"] == len(rejected)
    liked_status, short_status = status.checks
    assert 0 < liked_status.kept < liked_status.asked and liked_status.requests == 2 * liked_status.asked
    assert short_status.asked == liked_status.kept and short_status.requests == 0
    assert status.passed_checks == short_status.kept < status.instances
    assert all(len(row["output"]) <= 5 for row in run.instances)


@pytest.mark.parametrize("concurrency", [1, 5, 64])
def test_the_same_at_any_concurrency(concurrency: int, folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "run", concurrency=concurrency)
    assert outcome(tmp_path / "run") == outcome(folder)


@pytest.mark.parametrize("after", [1, 2, 5, 9, 14, 20, 33, 50, 61, 71])
def test_a_crash_costs_nothing(after: int, folder: Path, tmp_path: Path) -> None:
    count = 0

    class Crash(BaseException):
        pass

    def dying(prompt: Prompt) -> Reply:
        nonlocal count
        count += 1
        if count > after:
            raise Crash
        return replies(prompt)

    with pytest.raises((Crash, BaseExceptionGroup)):
        make(tmp_path / "run", engine=bs.ScriptedEngine(dying), concurrency=4)
    engine = bs.ScriptedEngine(replies)
    make(tmp_path / "run", engine=engine)
    assert outcome(tmp_path / "run") == outcome(folder)
    journalled = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    keys = [row["key"] for row in journalled if row["event"] == "replied"]
    assert len(keys) == len(set(keys)), "a reply was paid for twice"


def test_extended_is_as_made_at_once(tmp_path: Path) -> None:
    make(tmp_path / "parts", 4)
    make(tmp_path / "parts", 15)
    make(tmp_path / "whole", 15)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


def test_verify_with_the_python_derives_everything(folder: Path) -> None:
    found = bs.open(folder).verify(rules=RULES, checks=CHECKS)
    assert found.agrees and not found.unchecked


def test_verify_without_it_says_what_it_could_not_derive(folder: Path) -> None:
    found = bs.open(folder).verify()
    assert found.agrees
    assert any("rule 'no-rivers' (version 1)" in reason for reason in found.unchecked)
    assert any("check 'liked' (version 2)" in reason for reason in found.unchecked)
    done = bootstruct("verify", folder)
    assert done.returncode == 0 and "its Python was not given" in done.stdout


def test_an_export_says_that_its_recipe_lacks_them(folder: Path, tmp_path: Path) -> None:
    done = bootstruct("export", folder, "--format", "original", "--out", tmp_path / "out")
    assert (
        "note: recipe.yaml: the rule 'no-rivers', the check 'liked', the check 'short' are left out, which a file "
        "cannot hold; what they rejected stays rejected"
    ) in done.stdout
    done = bootstruct("export", folder, "--format", "alpaca", "--out", tmp_path / "a.json")
    assert "recipe.yaml" not in done.stdout


def test_verify_finds_python_that_decides_otherwise(folder: Path) -> None:
    other = bs.rule("no-rivers", version="1")(lambda text: None)
    assert any("no-rivers" in line for line in bs.open(folder).verify(rules=[other], checks=CHECKS).disagreements)
    kind = bs.check("short", version="1")(lambda instance, ask: None)
    assert any("'short'" in line for line in bs.open(folder).verify(rules=RULES, checks=[liked, kind]).disagreements)

    @bs.check("liked", version="2")
    async def asks_otherwise(instance: bs.CheckedInstance, ask: Any) -> None:
        await ask("Another prompt")

    found = bs.open(folder).verify(rules=RULES, checks=[asks_otherwise, short])
    assert any("another prompt" in line for line in found.disagreements)


def test_verify_does_not_take_a_wrong_version(folder: Path) -> None:
    newer = bs.rule("no-rivers", version="2")(lambda text: None)
    found = bs.open(folder).verify(rules=[newer], checks=CHECKS)
    assert found.agrees and any("version 1" in reason for reason in found.unchecked)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": []}, r"the rule 'no-rivers' \(version 1\)"),
        ({"checks": [liked]}, r"the check 'short' \(version 1\)"),
        ({"rules": [bs.rule("no-rivers", "7")(lambda text: None)]}, "in version 1, not 7"),
        ({"rules": [lambda text: None]}, "expected what `bootstruct.rule"),
        ({"rules": [no_rivers, no_rivers]}, "given twice"),
    ],
    ids=range(5),
)
def test_missing_python_is_named(options: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(bs.InputError, match=message):
        make(folder, 14, **options)


def test_the_command_line_says_that_the_run_goes_on_from_python(folder: Path) -> None:
    done = bootstruct("generate", folder, "--tasks", "14", "--engine", f"recorded:{folder}")
    assert done.returncode == 2
    assert "written in Python: give it from Python" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda text: 1 / 0, "failed on .* ZeroDivisionError"),
        (lambda text: 3, "returned int"),
        (lambda text: True, "returned bool"),
    ],
    ids=range(3),
)
def test_a_rule_that_breaks_stops_the_run_in_one_sentence(rule: Any, message: str, tmp_path: Path) -> None:
    broken = bs.rule("broken")(rule)
    bs.init(tmp_path / "run", recipe="paper", model="python/scripted", seeds=SEED_ROWS, rules=[broken])
    with pytest.raises(bs.InputError, match=message):
        bs.generate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer), rules=[broken])
    mended = bs.rule("broken")(lambda text: None)
    assert bs.generate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer), rules=[mended]).is_complete


def test_a_check_that_breaks_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    @bs.check("broken")
    async def broken(instance: bs.CheckedInstance, ask: Any) -> str | None:
        await asyncio.sleep(0)
        raise KeyError("gone")

    bs.init(tmp_path / "run", recipe="paper", model="python/scripted", seeds=SEED_ROWS, checks=[broken])
    with pytest.raises(bs.InputError, match=r"the check 'broken' failed on .* KeyError"):
        bs.generate(tmp_path / "run", 5, engine=bs.ScriptedEngine(answer), checks=[broken])


def test_names_of_the_recipe_are_taken(tmp_path: Path) -> None:
    name = bs.init(tmp_path / "plain", recipe="paper", model="python/x", seeds=SEED_ROWS).recipe.propose.rules[0].name
    with pytest.raises(bs.InputError, match="already"):
        bs.init(
            tmp_path / "run",
            recipe="paper",
            model="python/x",
            seeds=SEED_ROWS,
            rules=[bs.rule(name)(lambda text: None)],
        )
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def by(name: str, decide: Any) -> Any:
    return bs.check(name)(decide)


def begin(folder: Path, **options: Any) -> bs.Run:
    return bs.init(folder, recipe="paper", model="python/scripted", seeds=SEED_ROWS, **options)


@pytest.mark.parametrize("swallows", [False, True])
def test_a_budget_that_ends_inside_a_check_stops_the_run_as_everywhere(swallows: bool, tmp_path: Path) -> None:
    async def careful(instance: bs.CheckedInstance, ask: Any) -> str | None:
        try:
            await ask(f"Good? {instance.output}")
        except Exception:
            if not swallows:
                raise
        return None

    checks = [by("careful", careful)]
    begin(tmp_path / "run", checks=checks)
    for limit in (3, 9, 17):
        bs.generate(tmp_path / "run", 6, engine=bs.ScriptedEngine(answer), checks=checks, max_requests=limit)
    result = bs.generate(tmp_path / "run", 6, engine=bs.ScriptedEngine(answer), checks=checks)
    assert result.is_complete
    begin(tmp_path / "whole", checks=checks)
    bs.generate(tmp_path / "whole", 6, engine=bs.ScriptedEngine(answer), checks=checks)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    assert result.run.verify(checks=checks).agrees


def test_a_failed_request_is_no_verdict_even_where_the_check_catches_it(tmp_path: Path) -> None:
    async def careful(instance: bs.CheckedInstance, ask: Any) -> str | None:
        try:
            await ask("Good?")
        except Exception:
            return "the judge is silent"
        return None

    def broken(prompt: Prompt) -> Reply:
        if prompt.step == "check careful":
            raise bs.RequestRejectedError(400, "no")
        return answer(prompt)

    checks = [by("careful", careful)]
    begin(tmp_path / "run", checks=checks)
    result = bs.generate(tmp_path / "run", 3, engine=bs.ScriptedEngine(broken), checks=checks)
    (status,) = result.run.status().checks
    assert status.asked == 0 and status.undecided > 0
    assert result.run.verify(checks=checks).agrees


def test_rejudged_with_the_same_recipe(folder: Path, tmp_path: Path) -> None:
    again = bs.init(tmp_path / "again", rejudge=folder, rules=RULES, checks=CHECKS)
    assert [task.instruction for task in again.tasks] == [task.instruction for task in bs.open(folder).tasks]
    assert again.verify(rules=RULES, checks=CHECKS).agrees
    laxer = bs.init(
        tmp_path / "laxer", rejudge=folder, rules=[bs.rule("no-rivers", "2")(lambda t: None)], checks=CHECKS
    )
    assert len(laxer.tasks) > len(again.tasks)
    with pytest.raises(bs.InputError, match=r"the rule 'no-rivers'.* give "):
        bs.init(tmp_path / "without", rejudge=folder)
    assert not (tmp_path / "without").exists()


def test_a_rule_that_breaks_while_rejudging_leaves_no_folder_behind(folder: Path, tmp_path: Path) -> None:
    broken = bs.rule("no-rivers", "3")(lambda text: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(bs.InputError, match="ZeroDivisionError"):
        bs.init(tmp_path / "run", rejudge=folder, rules=[broken], checks=CHECKS)
    assert bs.init(tmp_path / "run", rejudge=folder, rules=RULES, checks=CHECKS).tasks


def test_preview_takes_them_and_says_so_before_it_pays(tmp_path: Path) -> None:
    begin(tmp_path / "run", rules=RULES, checks=CHECKS)
    asked: list[Prompt] = []

    def seen(prompt: Prompt) -> Reply:
        asked.append(prompt)
        return replies(prompt)

    with pytest.raises(bs.InputError, match=r"the rule 'no-rivers' \(version 1\)"):
        bs.preview(tmp_path / "run", engine=bs.ScriptedEngine(seen))
    assert not asked
    made = bs.preview(tmp_path / "run", 5, engine=bs.ScriptedEngine(seen), rules=RULES, checks=CHECKS)
    assert len(asked) == len(made.requests)
    assert (
        sum(request.step == "check liked" for request in made.requests)
        == 2 * sum(bool(row.instances) for row in made.requests)
        > 0
    )
    assert made.estimate is not None and made.estimate.requests > made.estimate.tasks
    result = make(tmp_path / "run", 3, engine=bs.ScriptedEngine(seen))
    assert result.is_complete


def test_a_check_may_bear_the_name_of_a_step(tmp_path: Path) -> None:
    checks = [bs.check("kind")(lambda instance, ask: None)]
    begin(tmp_path / "run", checks=checks)
    bs.generate(tmp_path / "run", 4, engine=bs.ScriptedEngine(answer), checks=checks)
    journal = tmp_path / "run" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    row = next(row for row in lines if row.get("key", "").endswith("/kind"))
    row["digest"] = "0" * len(row["digest"])
    journal.write_text("".join(json.dumps(row) + "\n" for row in lines))
    assert any(row["key"] in line for line in bs.open(tmp_path / "run").verify(checks=checks).disagreements)


def test_a_reply_that_no_check_asked_for_is_found(folder: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    place = next(n for n, row in enumerate(lines) if row.get("key", "").startswith("check/"))
    extra = dict(lines[place], key=lines[place]["key"].rpartition("/")[0] + "/7")
    (tmp_path / "run").mkdir()
    rows = [*lines[: place + 1], extra, *lines[place + 1 :]]
    (tmp_path / "run" / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = bs.open(tmp_path / "run").verify(rules=RULES, checks=CHECKS)
    assert any(extra["key"] in line for line in found.disagreements)


@pytest.mark.parametrize(
    "name", ["too similar", "empty", "cut off", "near a kept-away text", "not in the imported files"]
)
def test_names_of_the_rules_that_are_always_there_are_taken(name: str, tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match="choose another"):
        begin(tmp_path / "run", rules=[bs.rule(name)(lambda text: None)])


def test_verify_survives_python_that_breaks(folder: Path) -> None:
    broken = bs.rule("no-rivers", "1")(lambda text: 1 / 0)  # type: ignore[arg-type, return-value]
    wrong = bs.check("short", "1")(lambda instance, ask: 7)
    found = bs.open(folder).verify(rules=[broken], checks=[liked, wrong])
    assert any("ZeroDivisionError" in line for line in found.disagreements)
    assert any("returned int" in line for line in found.disagreements)


@pytest.mark.parametrize("arguments", [(5,), ("x", 1), ("x", None), ("", "1"), ("  ", "1"), ("a/b", "1"), ("x\n", "1")])
def test_names_and_versions_are_texts(arguments: tuple[Any, ...], tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match="name"):
        begin(tmp_path / "run", rules=[bs.rule(*arguments)(lambda text: None)])
    with pytest.raises(bs.InputError, match="name"):
        begin(tmp_path / "run", checks=[bs.check(*arguments)(lambda instance, ask: None)])


def test_a_huge_reason_is_cut(tmp_path: Path) -> None:
    rules = [bs.rule("wordy")(lambda text: "why " * 250_000 if len(text) % 3 else None)]
    begin(tmp_path / "run", rules=rules)
    result = bs.generate(tmp_path / "run", 3, engine=bs.ScriptedEngine(answer), rules=rules)
    assert any(rejection.rule == "wordy" for rejection in result.run.rejections)
    assert all(len(rejection.note) <= 200 for rejection in result.run.rejections)
