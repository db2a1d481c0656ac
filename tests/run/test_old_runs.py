"""Runs that were begun before a recipe learnt something new go on: the same digests, the same questions."""

import json
import shutil
from pathlib import Path

import pytest

from bootstruct.config.loading import read_recipe
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.history.verify import verify
from bootstruct.journal.codec import from_json, seed_to_json, to_json
from bootstruct.journal.events import RunStarted
from bootstruct.journal.state import begin
from bootstruct.run.folder import open_run
from bootstruct.stages.annotate import annotate
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Instruction, Reply, digest_of
from tests.support.commands import bootstruct, simulator
from tests.support.paths import SUPPORT
from tests.support.scripts import SEEDS, answer, recipe, run_to

OLD_CHAT = SUPPORT / "old_chat"  # the recipe `chat` as it first was
# The recipe's digest, and those of the first question of each step, as the first version wrote them into journals.
RECORDED = {
    "paper": (
        "b00da9cc4911c1e1bb235326844bd098", "cbd4312d334b377803b074c5cf9bbc1d", "8d602b61305cde4e03fd454948787075",
        "ea817a38b6d6aa1864b62af9a13e69dc", "9b1390b2fa1d08093eef42f3f35b1e15",
    ),
    "original": (
        "9dd4720833d8648175b3565db54ea8bd", "8f03dcfd10b84d854ca43bade869a9c1", "8d602b61305cde4e03fd454948787075",
        "50a4bb91a37ed1723e4c648057604870", "e5d399cc0432764ce6fd3de3d263b3da",
    ),
    "pocket": (  # with the prompts of the rebuilt model
        "895c4559955b544e95fcb71c7f107511", "f3f7aa6203a46218efcb3f793dc59a07", "fbdada40e58b3b3cabaed2344138a427",
        "a5d64743b3c7101d3bc6dfd389682826", "e1238d677e4dee6ec4a84ae0b2f5eca3",
    ),
    "old chat": (
        "45e83b377298bf8321a5b50b0a0cd011", "ac19381e8cda1bc5968a9d98256b4de9", "ac866191d2128b9cd3cc42b80642c221",
        "1b8900ca3d73d0843e9b7e34ce58d7e3", "297afaf6bb6e1b5796ddf94e48acd718",
    ),
}  # fmt: skip


def known(name: str) -> Recipe:
    return read_recipe(OLD_CHAT / "recipe.yaml") if name == "old chat" else recipe(name)


@pytest.mark.parametrize("name", RECORDED)
def test_digests_are_what_they_were(name: str) -> None:
    chosen, task = known(name), Instruction("0.0", "Name the river that runs past the mill.")
    flows = [annotate(chosen, task) for _ in range(2)]
    kind = {digest_of(next(flow)) for flow in flows}
    instances = [digest_of(flow.send(Reply(word))) for flow, word in zip(flows, ("Yes", "No"), strict=True)]
    proposed = digest_of(propose_prompt(begin(RunStarted(chosen, SEEDS)), 0)[0])
    assert (chosen.digest(), proposed, *kind, *instances) == RECORDED[name]


@pytest.mark.parametrize("name", RECORDED)
def test_a_journal_without_the_new_fields_is_read_and_written_as_it_was(name: str) -> None:
    line = to_json(RunStarted(known(name), SEEDS))
    text = json.dumps(line)
    new = ("hints", "with_instances", "classify_together", "language", '"reply"')
    assert not [entry for entry in new if entry in text.replace("reply to", "")]
    assert to_json(from_json(json.loads(text))) == line
    assert from_mapping(to_mapping(known(name)), "x").digest() == RECORDED[name][0]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of the old recipe `chat`, begun by the old version: shipped prompts are named, not copied."""
    run_to(tmp_path / "journal.jsonl", ScriptedEngine(answer), 10, known("old chat"))
    shutil.copy(OLD_CHAT / "recipe.yaml", tmp_path)
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(seed_to_json(seed)) + "\n" for seed in SEEDS))
    return tmp_path


def test_a_begun_run_of_the_old_chat_recipe_opens(run: Path) -> None:
    state, journal = open_run(run)
    journal.close()
    assert state.recipe.digest() == RECORDED["old chat"][0]
    assert propose_prompt(state, 0)[0].schema == ""


def test_a_begun_run_of_the_old_chat_recipe_goes_on(run: Path) -> None:
    with simulator("--latency", "0.001") as server:
        done = bootstruct("generate", run, "--tasks", 40, "--base-url", server.url, "--quiet")
        assert done.returncode == 0, done.stderr
        assert server.stats()["with_schema"] == 0
    checked = bootstruct("verify", run)
    assert checked.returncode == 0, checked.stdout
    assert "agrees" in checked.stdout


def test_an_old_folder_that_was_not_begun_begins_with_today_s_prompts(run: Path) -> None:
    (run / "journal.jsonl").unlink()
    with simulator() as server:
        done = bootstruct("generate", run, "--tasks", 10, "--base-url", server.url, "--quiet")
        assert done.returncode == 0, done.stderr
        assert server.stats()["by_step"].keys() == {"propose", "kind", "instances"}


def test_verify_agrees_with_an_old_run(run: Path) -> None:

    findings = verify(run / "journal.jsonl")
    assert findings.disagreements == []
    assert findings.checked["completed tasks"] >= 10
