"""What `export --format original` writes is what `import` needs: the imported run decides as the exported one did."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest

from bootstruct.config.loading import recipe_names
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.export.files import export
from bootstruct.history.importer import import_run
from bootstruct.history.verify import verify
from bootstruct.journal.state import State
from bootstruct.run.folder import read_run
from bootstruct.types import Prompt, Reply, digest_of
from tests.support.scripts import SEEDS, answer, recipe, run_to
from tests.support.simulator_texts import answer as simulated

Json = dict[str, Any]


def reply(prompt: Prompt) -> Reply:
    """A plausible reply; some are cut off, run on, think aloud, refuse, or say nothing."""
    asked, key = prompt.text or "\n".join(message.content for message in prompt.messages), digest_of(prompt)
    rng = random.Random(key)
    text = simulated(asked, key, 8, rng.choice(["json", "fenced", "text"]))[1]
    if prompt.step == "kind" and rng.random() < 0.3:
        text = rng.choice([f"{text}\n\nTask: Sort the words.\nIs it classification? No", "It is hard to say.", ""])
    if prompt.step == "propose" and rng.random() < 0.1:
        return Reply("I cannot help with that.", "stop")
    thought = "Let me see: 1. Name a fruit." if rng.random() < 0.2 else ""
    return Reply(text, rng.choice(["stop"] * 8 + ["length"]), 10, 10, "simulated", thought=thought)


def decisions(state: State) -> list[Any]:
    """What a run came to, whatever its requests are numbered."""
    return [
        (task.text, done.is_classification, done.instances, [(entry.instance, entry.rule) for entry in done.rejected])
        for task in state.completed_tasks
        if (done := state.completed[task.name]) and not done.failed
    ]


def rows(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a" / "journal.jsonl"
    path.parent.mkdir()
    chosen = dataclasses.replace(recipe(name), checks=())  # the files of the released code hold no verdicts of checks
    state = run_to(path, ScriptedEngine(answer if name == "pocket" else reply), 40, chosen)
    assert len(state.completed) >= 20
    export(state, path, "original", tmp_path / "out")
    result = import_run(tmp_path / "b", [tmp_path / "out"])  # recipe and seeds are among the files
    found = verify(tmp_path / "b")
    assert found.disagreements == []
    imported = read_run(tmp_path / "b")
    assert (imported.recipe, imported.seeds) == (state.recipe, SEEDS)
    assert [task.text for task in imported.accepted] == [task.text for task in state.accepted]
    assert decisions(imported) == decisions(state)
    assert not any("other rules" in note for note in result.notes), result.notes

    export(imported, tmp_path / "b" / "journal.jsonl", "original", tmp_path / "again")
    for file in sorted(entry.name for entry in (tmp_path / "out").iterdir()):
        ours, theirs = (tmp_path / "again" / file).read_bytes(), (tmp_path / "out" / file).read_bytes()
        if file not in ("requests.jsonl",) and not file.startswith(
            "gpt3"
        ):  # named and drawn after the new request numbers
            assert ours == theirs, file
    import_run(tmp_path / "c", [tmp_path / "again"])
    assert verify(tmp_path / "c").disagreements == []
    assert decisions(read_run(tmp_path / "c")) == decisions(state)
