"""Thoughts beside answers: which replies they come from, what is counted, and what stays as it was."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.recipe import Ask, Recipe
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.export.files import export
from bootstruct.journal.state import State
from bootstruct.types import Prompt, Reply, Sampling
from tests.stages.test_answer_matching import solving as planning
from tests.support.commands import bootstruct
from tests.support.scripts import answer, recipe, run_to


def exported(path: Path, chosen: Recipe, reply: Callable[[Prompt], Reply], tasks: int = 10) -> tuple[State, Path]:
    return run_to(path, ScriptedEngine(reply), tasks, chosen), path


def contents(run: tuple[State, Path], out: Path, **options: bool) -> tuple[list[str], list[str]]:
    result = export(*run, "messages", out, **options)
    return [json.loads(line)["messages"][1]["content"] for line in out.read_text().splitlines()], result.notes


def rewriting(prompt: Prompt) -> Reply:
    """New outputs, with the thought in the field of the reply, in its text, or nowhere."""
    if prompt.stage != "rewrite":
        return answer(prompt)
    n = prompt.sample
    if n % 3 == 0:
        return Reply(f"Answer {n}", "stop", 5, 5, "m", thought=f"Thinking of {n}.")
    return Reply(f"<think>Weighing {n}.</think>Answer {n}" if n % 3 == 1 else f"Answer {n}", "stop", 5, 5, "m")


def test_the_thought_of_the_reply_that_wrote_the_output(tmp_path: Path) -> None:
    chosen = recipe()
    ask = Ask("{{ instruction }} {{ input }} {{ is_classification }}", Sampling())
    chosen = replace(chosen, instances=replace(chosen.instances, rewrite=ask))
    run = exported(tmp_path / "journal.jsonl", chosen, rewriting)
    plain, notes = contents(run, tmp_path / "plain.jsonl")
    assert notes == []
    found, notes = contents(run, tmp_path / "thoughts.jsonl", thoughts=True)
    without = 0
    for before, after in zip(plain, found, strict=True):
        n = int(before.removeprefix("Answer "))
        thought = (f"Thinking of {n}.", f"Weighing {n}.", "")[n % 3]
        assert after == (f"<think>\n{thought}\n</think>\n\n{before}" if thought else before)
        without += not thought
    assert 0 < without < len(plain)
    assert notes == [f"{without} of {len(plain)} rows have no thought: {without} whose reply holds no thought"]


def test_the_plan_of_the_recipe_cot(tmp_path: Path) -> None:
    chosen = replace(recipe("cot"), checks=())
    run = exported(tmp_path / "journal.jsonl", chosen, planning)
    found, notes = contents(run, tmp_path / "out.jsonl", thoughts=True)
    assert notes == []
    assert all(content.startswith("<think>\nPlan: add.\n</think>\n\n") for content in found)
    assert [content.rpartition("\n\n")[2] for content in found] == contents(run, tmp_path / "plain.jsonl")[0]


def test_a_thought_about_several_answers_is_no_answers_thought(tmp_path: Path) -> None:
    def thinking(prompt: Prompt) -> Reply:
        return replace(answer(prompt), thought="All of them at once.")

    run = exported(tmp_path / "journal.jsonl", recipe(), thinking)
    found, (note,) = contents(run, tmp_path / "out.jsonl", thoughts=True)
    state = run[0]
    alone = [c for c in state.completed.values() if len(c.instances) + len(c.rejected) == 1 and c.instances]
    assert sum(content.startswith("<think>") for content in found) == len(alone) > 0
    assert "whose reply holds several answers" in note


def test_seeds_have_none_and_other_formats_have_no_place(tmp_path: Path) -> None:
    run = exported(tmp_path / "journal.jsonl", recipe(), answer)
    result = export(*run, "messages", tmp_path / "a.jsonl", seeds=True, thoughts=True)
    assert f"{len(run[0].seeds)} of seed tasks" in result.notes[0]
    for format in ("alpaca", "openai", "prompt-completion", "original"):
        with pytest.raises(InputError, match="no place for thoughts; use `messages`"):
            export(*run, format, tmp_path / "b", thoughts=True)


def test_the_command(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    exported(run / "journal.jsonl", replace(recipe("cot"), checks=()), planning)
    done = bootstruct("export", run, "--format", "messages", "--thoughts", "--out", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert "<think>" in (tmp_path / "out.jsonl").read_text()
    refused = bootstruct("export", run, "--for", "trl", "--thoughts", "--out", tmp_path / "folder")
    assert refused.returncode == 2 and "--thoughts: is for --format messages" in refused.stderr
