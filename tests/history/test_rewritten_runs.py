"""Rewritten outputs together with recipes, imports, checks, refusals and the command line."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import EngineUnavailableError, InputError, RequestRejectedError
from bootstruct.finetuning.data import read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.history.estimate import estimate
from bootstruct.history.preview import preview
from bootstruct.history.rewrite import rewrite_outputs, rewriting_recipe
from bootstruct.journal.events import RequestFailed
from bootstruct.journal.file import read_events
from bootstruct.run.folder import read_plan, read_run
from bootstruct.run.init import init_run
from bootstruct.stages.regenerate_outputs import parse_output
from bootstruct.types import Prompt, Reply
from tests.history.test_importer import DATA, RUNS, imported, needs_data
from tests.support.checked_runs import ALL, checked_recipe, checking
from tests.support.commands import bootstruct, simulator
from tests.support.rewritten_runs import DIGESTS, TASKS, go_on, verified, written
from tests.support.scripts import answer, recipe, run_to


@pytest.mark.parametrize("name", DIGESTS)
def test_shipped_recipes_keep_their_digests(name: str) -> None:
    assert recipe(name).digest() == DIGESTS[name]
    assert "rewrite" not in json.dumps(to_mapping(recipe(name))["instances"]).replace("written", "")


@pytest.mark.parametrize(("name", "api"), [("chat", ""), ("paper", ""), ("paper", "chat")])
def test_a_recipe_with_rewriting_is_read_back(name: str, api: str) -> None:
    made = rewriting_recipe(recipe(name), "better", api)  # type: ignore[arg-type]
    assert made.digest() != recipe(name).digest()
    assert from_mapping(json.loads(json.dumps(to_mapping(made))), "here") == made
    assert made.model_at("rewrite") == "better"
    assert made.model_at("kind") == recipe(name).model
    custom = replace(made.instances.rewrite, prompt="{{ input }}?")  # type: ignore[type-var]
    again = rewriting_recipe(replace(made, instances=replace(made.instances, rewrite=custom)), "third", api)  # type: ignore[arg-type]
    assert again.instances.rewrite == replace(custom, model="third")  # type: ignore[type-var]


def test_failed_requests_of_the_old_run_are_not_asked_of_the_other_model(tmp_path: Path) -> None:
    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step != "propose" and prompt.sample % 4 == 0:
            raise RequestRejectedError(400, "content policy")
        return answer(prompt)

    old, folder = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    before = run_to(old / "journal.jsonl", ScriptedEngine(sometimes), TASKS)
    assert before.failures
    rewrite_outputs(folder, old, "better")
    go_on(folder, ScriptedEngine(written))
    state = go_on(folder, ScriptedEngine(written), retry_failed=True)
    assert state.failures == before.failures
    assert {name for name, entry in state.completed.items() if entry.failed} == {
        name for name, entry in before.completed.items() if entry.failed
    }
    assert verified(folder).disagreements == []


@pytest.mark.parametrize("tasks", [1, TASKS])
def test_a_model_that_refuses_every_request_ends_the_run(tmp_path: Path, tasks: int) -> None:
    """Replies taken from the old run are no sign that the other model answers."""
    old, folder = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    run_to(old / "journal.jsonl", ScriptedEngine(answer), tasks)
    rewrite_outputs(folder, old, "better")

    def never(prompt: Prompt) -> Reply:
        raise RequestRejectedError(400, "unknown field `temperature`")

    with pytest.raises(EngineUnavailableError, match=r"requests all failed.*temperature"):
        go_on(folder, ScriptedEngine(never))
    assert not any(isinstance(event, RequestFailed) for _, event in read_events(folder / "journal.jsonl"))


def test_checks_of_the_old_run(tmp_path: Path) -> None:
    """Those that ask nobody decide on the new outputs; those that ask a model are left out, and said so."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    run_to(old / "journal.jsonl", ScriptedEngine(checking), 12, checked_recipe(*ALL))
    asking = [check.name for check in ALL if check.asks]
    taken = rewrite_outputs(new, old, "better")
    assert list(taken.checks) == asking
    assert 0 < len(asking) < len(ALL)
    state = go_on(new, ScriptedEngine(written))
    assert [check.name for check in state.recipe.checks] == [check.name for check in ALL if not check.asks]
    assert state.checks_done == len(state.accepted)
    assert verified(new).disagreements == []
    _, examples = read_part(MixturePart(str(new), seeds=False))
    assert examples
    assert all(example.completion.strip().startswith("A better") for example in examples)


def test_a_recipe_file_asks_for_it_and_a_preview_shows_it(tmp_path: Path) -> None:
    """A small model for tasks and inputs, a large one by chat for outputs, from the start; each at its own price."""
    folder = tmp_path / "run"
    init_run(folder, "paper", None, None, None, (), False)
    own = "  rewrite: {prompt: rewrite/chat.jinja, api: chat, model: better, sampling: {max_tokens: 300}}\n"
    text = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(text.replace("instances:  ", f"instances:\n{own}#", 1))
    engine = ScriptedEngine(lambda prompt: written(prompt) if prompt.stage == "rewrite" else answer(prompt))
    result = asyncio.run(preview(folder, 4, engine=engine))
    asked = [request for request in result.requests if request.step.startswith("rewrite/")]
    assert asked
    assert all(request.prompt.startswith(f"[user]\n{request.subject}") for request in asked)
    recipe_, _ = read_plan(folder)
    dear = estimate(result, recipe_, Prices({"davinci-002": (2.0, 2.0), "better": (20.0, 20.0)}), 100)
    cheap = estimate(result, recipe_, Prices({"davinci-002": (2.0, 2.0), "better": (2.0, 2.0)}), 100)
    assert dear.requests == cheap.requests > 300
    assert cheap.cost == pytest.approx((cheap.prompt_tokens + cheap.completion_tokens) * 2e-6)
    assert dear.cost is not None and cheap.cost is not None and dear.cost > cheap.cost
    assert estimate(result, recipe_, Prices({"davinci-002": (2.0, 2.0)}), 100).cost is None


@needs_data
@pytest.mark.parametrize("api", ["", "chat"])
def test_an_import_can_be_the_old_run(tmp_path: Path, api: str) -> None:
    """A real run of the released code; its questions are not those of our recipe, its replies are taken all the same."""
    old, folder = tmp_path / "old", tmp_path / "new"
    imported(old, RUNS / "davinci_small")
    before = read_run(old)
    taken = rewrite_outputs(folder, old, "better", api)  # type: ignore[arg-type]
    engine = ScriptedEngine(written)
    state = go_on(folder, engine)
    assert taken.tasks == len(state.accepted) == len(state.completed) > 50
    assert state.accepted == before.accepted[: taken.tasks]
    assert {prompt.is_chat for prompt in engine.asked} == {api == "chat"}
    old_inputs = {n: {instance.input for instance in a.instances} for n, a in before.completed.items()}
    assert all({instance.input for instance in a.instances} <= old_inputs[n] for n, a in state.completed.items())
    findings = verified(folder)
    assert findings.disagreements == verified(old).disagreements
    assert findings.checked["prompts"] == len(engine.asked)
    assert findings.unchecked["prompts of the run that was rewritten"] > 100
    done = bootstruct("export", folder, "--format", "original", "--out", tmp_path / "files")
    assert done.returncode == 0, done.stderr


@needs_data
def test_an_import_without_instances_cannot_be_rewritten(tmp_path: Path) -> None:
    imported(tmp_path / "old", RUNS / "2024_backend", seeds=DATA / "official" / "seed_tasks.jsonl")
    with pytest.raises(InputError, match="no completed task yet"):
        rewrite_outputs(tmp_path / "new", tmp_path / "old", "better")


def test_outputs_are_parsed_without_their_wrapping() -> None:
    written = {
        " Paris. ": "Paris.",
        "Output: Paris.": "Paris.",
        "**Output:**\nParis.<|endoftext|>": "Paris.",
        "<think>The capital?</think>\n\nParis.": "Paris.",
        "It prints\nOutput: 5": "It prints\nOutput: 5",
        "Label: this is one": "Label: this is one",
    }
    assert {text: parse_output(Reply(text), False) for text in written} == written
    assert parse_output(Reply("Class label: Positive"), True) == "Positive"
    assert parse_output(Reply("Label: Positive"), True) == "Positive"


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
        rejected = bootstruct(*command[:4])
        assert rejected.returncode == 2
        assert "name the model" in rejected.stderr
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
        assert (status["accepted"], status["completed"]) == (before["accepted"], before["completed"])
        assert status["replies"] == stats["ok"] == before["instances"]
        assert status["cost"] == pytest.approx(
            (2.0 * status["prompt_tokens"] + 8.0 * status["completion_tokens"]) / 1e6
        )
        assert bootstruct("verify", new).returncode == 0
    alone = bootstruct("generate", new, "--model", "openai/gpt-4.1")
    assert alone.returncode == 2
    assert "belong to --rewrite-outputs" in alone.stderr
