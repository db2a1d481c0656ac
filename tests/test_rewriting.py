"""Outputs written anew by another model: only they are asked for, everything else is the old run's, for nothing."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.domain import Prompt, Reply, digest_of
from bootstruct.drive import Run
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import BadInput, DoorClosed, Permanent
from bootstruct.event_json import to_json
from bootstruct.events import Annotated, Failed, Replied, State
from bootstruct.finetune.data import read_part
from bootstruct.finetune.settings import Part
from bootstruct.journal import read_events
from bootstruct.pipeline import generate
from bootstruct.plan import init_run
from bootstruct.preview import estimate, preview
from bootstruct.recipe import from_mapping, to_mapping
from bootstruct.report.build import make_report
from bootstruct.rewriting import better, rewrite_outputs
from bootstruct.runs import open_run, read_plan, read_run
from bootstruct.settings import Prices
from bootstruct.stages.rewrite import read_output
from bootstruct.status import cost_of, status_of
from bootstruct.verify import Findings, verify
from tests.scripts import answer, outcome, recipe, run_to
from tests.servers import bootstruct, simulator
from tests.test_checks import ALL, checked_recipe, checking
from tests.test_importer import DATA, RUNS, imported, needs_data

TASKS = 40
DIGESTS = {  # before outputs could be written anew (test_old_runs has those of `chat`, which was changed since)
    "original": "9dd4720833d8648175b3565db54ea8bd",
    "paper": "b00da9cc4911c1e1bb235326844bd098",
    "pocket": "7922c890e2adf4a0e7465530668e42f0",
}


def written(prompt: Prompt) -> Reply:
    """The better model: asked for outputs only. Some of its replies are cut, some empty, some name their field."""
    assert prompt.stage == "rewrite", prompt.step
    assert prompt.model == "better"
    rng = random.Random(digest_of(prompt))
    text = (
        rng.choice(["Output: ", "", "", "", "<think>hm</think>\n"]) + f"A better answer, no. {rng.randint(1, 10**6)}."
    )
    kind = rng.random()
    if kind < 0.1:
        return Reply(text, "length", 9, 9, "better-2026")
    return Reply("" if kind < 0.2 else text, "stop", 100, 10, "better-2026")


def go_on(folder: Path, engine: Scripted, reuse: Path | None = None, retry_failed: bool = False) -> State:
    async def main() -> State:
        state, journal = open_run(folder)
        try:
            run = Run(state, journal, engine, Recorded(reuse) if reuse else None, retry_failed)
            await generate(run, len(state.machine))
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def verified(folder: Path) -> Findings:
    findings = Findings()
    for _ in verify(read_events(folder / "journal.jsonl"), findings):
        pass
    return findings


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    run_to(folder / "journal.jsonl", Scripted(answer), TASKS)
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory, old: Path) -> Path:
    folder = tmp_path_factory.mktemp("new") / "run"
    taken = rewrite_outputs(folder, old, "better")
    assert (taken.tasks, taken.left_out) == (len(read_run(old).machine), 0)
    go_on(folder, Scripted(written))
    return folder


@pytest.mark.parametrize("name", DIGESTS)
def test_shipped_recipes_keep_their_digests(name: str) -> None:
    assert recipe(name).digest() == DIGESTS[name]
    assert "rewrite" not in json.dumps(to_mapping(recipe(name))["instances"]).replace("written", "")


@pytest.mark.parametrize(("name", "api"), [("chat", ""), ("paper", ""), ("paper", "chat")])
def test_a_recipe_with_rewriting_is_read_back(name: str, api: str) -> None:
    made = better(recipe(name), "better", api)  # type: ignore[arg-type]
    assert made.digest() != recipe(name).digest()
    assert from_mapping(json.loads(json.dumps(to_mapping(made))), "here") == made
    assert made.model_at("rewrite") == "better"
    assert made.model_at("kind") == recipe(name).model
    custom = replace(made.instances.rewrite, prompt="{{ input }}?")  # type: ignore[type-var]
    again = better(replace(made, instances=replace(made.instances, rewrite=custom)), "third", api)  # type: ignore[arg-type]
    assert again.instances.rewrite == replace(custom, model="third")  # type: ignore[type-var]


def test_only_outputs_differ(old: Path, new: Path) -> None:
    before, after = read_run(old), read_run(new)
    assert after.machine == before.machine
    assert after.marks == before.marks
    assert after.refusals == before.refusals
    lost = Counter[str]()
    for name, was in before.annotated.items():
        now = after.annotated[name]
        assert now.is_classification == was.is_classification
        assert {each.input for each in now.instances} <= {each.input for each in was.instances}
        assert all(each.output.startswith("A better answer, no. ") for each in now.instances)
        anew = [each for each in now.refused if each.rule.startswith("rewritten: ")]
        assert [each for each in now.refused if each not in anew] == list(was.refused)
        assert len(now.instances) + len(anew) == len(was.instances)
        lost.update(each.rule for each in anew)
    assert set(lost) == {"rewritten: cut off", "rewritten: empty output"}
    assert (after.origin, after.inherited) == ("rewrite", 0)
    assert after.source.startswith(f"{old} ")


def test_it_is_verified_and_counted(new: Path, old: Path) -> None:
    findings, state = verified(new), read_run(new)
    assert findings.disagreements == []
    assert findings.unchecked == {}
    outputs = sum(len(each.instances) for each in read_run(old).annotated.values())
    assert findings.checked["questions"] == sum(used.requests + used.reused for used in state.usage.values())
    status = status_of(state, Prices({"better": (1.0, 10.0)}))
    assert status.calls == state.usage["rewrite", "better-2026"].requests == outputs
    assert status.origin == "rewrite"
    assert status.cost == pytest.approx((status.prompt_tokens * 1.0 + status.completion_tokens * 10.0) / 1e6)
    assert cost_of(state, Prices({"davinci-002": (2.0, 2.0)})) is None


def test_verify_finds_a_forged_output(new: Path, tmp_path: Path) -> None:
    lines = (new / "journal.jsonl").read_text().replace('"output":"A better', '"output":"A worse', 1)
    (tmp_path / "journal.jsonl").write_text(lines)
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
            raise DoorClosed("no more")
        return written(prompt)

    first, second = Scripted(closing), Scripted(written)
    with pytest.raises(DoorClosed):
        go_on(folder, first)
    rewrite_outputs(folder, old, "better")  # the same command again
    state = go_on(folder, second)
    assert outcome(state) == outcome(read_run(new))
    whole = sum(len(each.instances) for each in read_run(old).annotated.values())
    assert after + len(second.asked) == whole
    assert outcome(read_run(folder)) == outcome(state)
    assert not any(key.startswith("annotate") for key in read_run(folder).replies)  # committed: out of memory


def test_a_recipe_of_ones_own_says_the_same_with_reuse(old: Path, new: Path, tmp_path: Path) -> None:
    """Not a special mode: the same recipe, begun as a fresh run, with the old and the new run's replies."""
    path = tmp_path / "journal.jsonl"
    chosen = better(read_run(old).recipe, "better")

    class Both:
        def find(self, digest: str) -> tuple[Reply, object] | None:
            return Recorded(old / "journal.jsonl", new / "journal.jsonl").find(digest)

    engine = Scripted(written)
    from bootstruct.journal import Journal
    from tests.scripts import open_journal

    async def main() -> State:
        state, journal = open_journal(path, chosen, Journal)
        await generate(Run(state, journal, engine, Both()), TASKS, None)
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
    assert len(before.annotated) == 11 < len(before.machine)
    taken = rewrite_outputs(tmp_path / "new", part, "better")
    assert taken.tasks + taken.left_out == len(before.machine)
    assert 0 < taken.tasks <= 11
    state = go_on(tmp_path / "new", Scripted(written))
    assert state.machine == before.machine[: taken.tasks]
    assert len(state.annotated) == taken.tasks
    assert verified(tmp_path / "new").disagreements == []


def test_what_the_old_run_failed_at_is_not_asked_of_the_other_model(tmp_path: Path) -> None:
    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step != "propose" and prompt.sample % 4 == 0:
            raise Permanent(400, "content policy")
        return answer(prompt)

    old, folder = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    before = run_to(old / "journal.jsonl", Scripted(sometimes), TASKS)
    assert before.failures
    rewrite_outputs(folder, old, "better")
    go_on(folder, Scripted(written))
    state = go_on(folder, Scripted(written), retry_failed=True)
    assert state.failures == before.failures
    assert {name for name, each in state.annotated.items() if each.failed} == {
        name for name, each in before.annotated.items() if each.failed
    }
    assert verified(folder).disagreements == []


def test_a_rewriting_that_failed_is_asked_again(old: Path, new: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.sample % 5 == 0:
            raise Permanent(400, "content policy")
        return written(prompt)

    rewrite_outputs(folder, old, "better")
    state = go_on(folder, Scripted(sometimes))
    assert state.failures
    failed = [event for _, event in read_events(folder / "journal.jsonl") if isinstance(event, Failed)]
    assert all("/rewrite/" in event.key for event in failed)
    assert outcome(go_on(folder, Scripted(written), retry_failed=True)) == outcome(read_run(new))
    assert verified(folder).disagreements == []


@pytest.mark.parametrize("tasks", [1, TASKS])
def test_a_model_that_refuses_every_question_ends_the_run(tmp_path: Path, tasks: int) -> None:
    """Replies taken from the old run are no sign that the other model answers."""
    old, folder = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    run_to(old / "journal.jsonl", Scripted(answer), tasks)
    rewrite_outputs(folder, old, "better")

    def never(prompt: Prompt) -> Reply:
        raise Permanent(400, "unknown field `temperature`")

    with pytest.raises(DoorClosed, match=r"requests all failed.*temperature"):
        go_on(folder, Scripted(never))
    assert not any(isinstance(event, Failed) for _, event in read_events(folder / "journal.jsonl"))


def test_what_cannot_be_is_told(old: Path, new: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    run_to(begun / "journal.jsonl", Scripted(answer), 3)
    with pytest.raises(BadInput, match="has begun already, and not from"):
        rewrite_outputs(begun, old, "better")
    with pytest.raises(BadInput, match="written anew by better"):
        rewrite_outputs(new, old, "third")
    started = (begun / "journal.jsonl").read_text().splitlines(keepends=True)[0]
    (begun / "journal.jsonl").write_text(started)
    with pytest.raises(BadInput, match="no task of it has instances yet"):
        rewrite_outputs(tmp_path / "new", begun, "better")
    planned = tmp_path / "planned"
    planned.mkdir()
    (planned / "recipe.yaml").write_text("recipe: mine")
    with pytest.raises(BadInput, match="a run of its own"):
        rewrite_outputs(planned, old, "better")


def test_a_second_other_model_starts_from_the_old_inputs(old: Path, new: Path, tmp_path: Path) -> None:
    """OLD may itself hold outputs written anew: its tasks and inputs are taken, its outputs are not."""
    folder = tmp_path / "third"
    rewrite_outputs(folder, new, "third")
    asked: list[Prompt] = []

    def third(prompt: Prompt) -> Reply:
        asked.append(prompt)
        return Reply(f"Third {prompt.sample}.")

    state = go_on(folder, Scripted(third))
    assert {prompt.model for prompt in asked} == {"third"}
    assert len(asked) == sum(len(each.instances) for each in read_run(old).annotated.values())
    assert {each.output[:5] for a in state.annotated.values() for each in a.instances} == {"Third"}


def test_checks_of_the_old_run(tmp_path: Path) -> None:
    """Those that ask nobody decide on the new outputs; those that ask a model are left out, and said so."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    run_to(old / "journal.jsonl", Scripted(checking), 12, checked_recipe(*ALL))
    asking = [check.name for check in ALL if check.asks]
    taken = rewrite_outputs(new, old, "better")
    assert list(taken.checks) == asking
    assert 0 < len(asking) < len(ALL)
    state = go_on(new, Scripted(written))
    assert [check.name for check in state.recipe.checks] == [check.name for check in ALL if not check.asks]
    assert state.checks_done == len(state.machine)
    assert verified(new).disagreements == []
    _, examples = read_part(Part(str(new), seeds=False))
    assert examples
    assert all(each.completion.strip().startswith("A better") for each in examples)


def test_a_recipe_file_asks_for_it_and_a_preview_shows_it(tmp_path: Path) -> None:
    """A small model for tasks and inputs, a large one by chat for outputs, from the start; each at its own price."""
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    own = "  rewrite: {prompt: rewrite/chat.jinja, api: chat, model: better, sampling: {max_tokens: 300}}\n"
    text = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(text.replace("instances:  ", f"instances:\n{own}#", 1))
    told = asyncio.run(
        preview(folder, Scripted(lambda prompt: written(prompt) if prompt.stage == "rewrite" else answer(prompt)), 4)
    )
    asked = [shown for shown in told.shown if shown.step.startswith("rewrite/")]
    assert asked
    assert all(shown.question.startswith(f"[user]\n{shown.about}") for shown in asked)
    recipe_, _ = read_plan(folder)
    dear = estimate(told, recipe_, Prices({"davinci-002": (2.0, 2.0), "better": (20.0, 20.0)}), 100)
    cheap = estimate(told, recipe_, Prices({"davinci-002": (2.0, 2.0), "better": (2.0, 2.0)}), 100)
    assert dear.calls == cheap.calls > 300
    assert cheap.cost == pytest.approx((cheap.prompt_tokens + cheap.completion_tokens) * 2e-6)
    assert dear.cost is not None and cheap.cost is not None and dear.cost > cheap.cost
    assert estimate(told, recipe_, Prices({"davinci-002": (2.0, 2.0)}), 100).cost is None


def test_export_report_and_finetuning_take_it(new: Path, tmp_path: Path) -> None:
    for name in ("alpaca", "original"):
        done = bootstruct("export", new, "--format", name, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "alpaca").read_text())
    assert rows
    assert all(row["output"].startswith("A better") for row in rows)
    source, examples = read_part(Part(str(new), seeds=False))
    assert source.model == "davinci-002, outputs by better"
    assert len(examples) == len({(row["instruction"], row["input"], row["output"]) for row in rows})
    make_report([new], tmp_path / "page.html")
    page, card = (tmp_path / "page.html").read_text(), (tmp_path / "page.card.md").read_text()
    assert "written anew by better" in page
    assert "written anew by `better`" in card


@needs_data
@pytest.mark.parametrize("api", ["", "chat"])
def test_an_import_can_be_the_old_run(tmp_path: Path, api: str) -> None:
    """A real run of the released code; its questions are not those of our recipe, its replies are taken all the same."""
    old, folder = tmp_path / "old", tmp_path / "new"
    imported(old, RUNS / "davinci_small")
    before = read_run(old)
    taken = rewrite_outputs(folder, old, "better", api)  # type: ignore[arg-type]
    engine = Scripted(written)
    state = go_on(folder, engine)
    assert taken.tasks == len(state.machine) == len(state.annotated) > 50
    assert state.machine == before.machine[: taken.tasks]
    assert {prompt.is_chat for prompt in engine.asked} == {api == "chat"}
    old_inputs = {n: {each.input for each in a.instances} for n, a in before.annotated.items()}
    assert all({each.input for each in a.instances} <= old_inputs[n] for n, a in state.annotated.items())
    findings = verified(folder)
    assert findings.disagreements == verified(old).disagreements
    assert findings.checked["questions"] == len(engine.asked)
    assert findings.unchecked["questions of the run that was rewritten"] > 100
    done = bootstruct("export", folder, "--format", "original", "--out", tmp_path / "files")
    assert done.returncode == 0, done.stderr


@needs_data
def test_an_import_without_instances_says_so(tmp_path: Path) -> None:
    imported(tmp_path / "old", RUNS / "2024_backend", seeds=DATA / "official" / "seed_tasks.jsonl")
    with pytest.raises(BadInput, match="no task of it has instances yet"):
        rewrite_outputs(tmp_path / "new", tmp_path / "old", "better")


def test_what_an_output_is() -> None:
    said = {
        " Paris. ": "Paris.",
        "Output: Paris.": "Paris.",
        "**Output:**\nParis.<|endoftext|>": "Paris.",
        "<think>The capital?</think>\n\nParis.": "Paris.",
        "It prints\nOutput: 5": "It prints\nOutput: 5",
        "Label: this is one": "Label: this is one",
    }
    assert {text: read_output(Reply(text), False) for text in said} == said
    assert read_output(Reply("Class label: Positive"), True) == "Positive"
    assert read_output(Reply("Label: Positive"), True) == "Positive"


def test_events_of_it_are_read_back(new: Path) -> None:
    failed = Failed("annotate/1.1/kind", "", 400, "no", "runs/old")
    assert to_json(failed)["source"] == "runs/old"
    kinds = {type(event) for _, event in read_events(new / "journal.jsonl")}
    assert {Replied, Annotated} <= kinds


@pytest.mark.parametrize("name", ["chat", "paper", "alpaca"])
def test_the_command_line(tmp_path: Path, name: str) -> None:
    """Against a server that knows the other model only; --max-requests, prices, status and resume are those of any run."""
    old, new = tmp_path / "old", tmp_path / "new"
    with simulator() as server:
        made = bootstruct("init", old, "--recipe", name, "--model", "openai/gpt-4.1-mini", "--base-url", server.url)
        assert made.returncode == 0, made.stderr
        assert bootstruct("generate", old, "--tasks", 12).returncode == 0
    with simulator("--models", "gpt-4.1") as server:
        command = ["generate", new, "--rewrite-outputs", old, "--model", "openai/gpt-4.1", "--base-url", server.url]
        refused = bootstruct(*command[:4])
        assert refused.returncode == 2
        assert "name the model" in refused.stderr
        assert not new.exists()
        short = bootstruct(*command, "--max-requests", 5)
        assert short.returncode == 1, short.stderr  # OLD's questions, those shared by several tasks too, are answered
        assert "The budget is used up" in short.stderr
        done = bootstruct("generate", new, "--max-cost", 1)
        assert done.returncode == 0, done.stderr
        again = bootstruct(*command)
        assert "0 replies" in again.stdout
        stats = server.stats()
        assert set(stats["by_status"]) == {"200"}
        status = json.loads(bootstruct("status", new, "--json").stdout)
        before = json.loads(bootstruct("status", old, "--json").stdout)
        assert (status["accepted"], status["annotated"]) == (before["accepted"], before["annotated"])
        assert status["calls"] == stats["ok"] == before["instances"]
        assert status["cost"] == pytest.approx(
            (2.0 * status["prompt_tokens"] + 8.0 * status["completion_tokens"]) / 1e6
        )
        assert bootstruct("verify", new).returncode == 0
    alone = bootstruct("generate", new, "--model", "openai/gpt-4.1")
    assert alone.returncode == 2
    assert "belong to --rewrite-outputs" in alone.stderr
