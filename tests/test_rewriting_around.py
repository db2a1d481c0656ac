"""Outputs written anew, beside other things: recipes, imports, checks, refusals, the command line."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.scripted import Scripted
from bootstruct.errors import BadInput, DoorClosed, Permanent
from bootstruct.events import Failed
from bootstruct.finetune.data import read_part
from bootstruct.finetune.settings import Part
from bootstruct.journal import read_events
from bootstruct.plan import init_run
from bootstruct.preview import estimate, preview
from bootstruct.recipe import from_mapping, to_mapping
from bootstruct.rewriting import better, rewrite_outputs
from bootstruct.runs import read_plan, read_run
from bootstruct.settings import Prices
from bootstruct.stages.rewrite import read_output
from tests.checked_runs import ALL, checked_recipe, checking
from tests.rewritten_runs import DIGESTS, TASKS, go_on, verified, written
from tests.scripts import answer, recipe, run_to
from tests.servers import bootstruct, simulator
from tests.test_importer import DATA, RUNS, imported, needs_data


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
