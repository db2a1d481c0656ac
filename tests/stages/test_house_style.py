"""Seed tasks shown with their outputs when instances are written, and the recipe's own system message."""

from typing import Any

import pytest

from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.events import RunStarted
from bootstruct.journal.state import State, begin
from bootstruct.stages.annotate import annotate, annotate_in
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.house_style import draw_worked_seeds
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Instance, Instruction, Prompt, Reply, Seed
from tests.support.scripts import recipe as recipe_of

SEEDS = tuple(
    Seed(f"s{n}", f"Seed task {n}.", (Instance("" if n % 2 else f"input {n}", f"house output {n}"),), n % 3 == 0)
    for n in range(12)
)
TASK = Instruction("0.0", "Say why the kettle whistles.")
CHAT = recipe_of("chat")


def changed(stage: str = "", **fields: Any) -> Recipe:
    mapping: dict[str, Any] = to_mapping(CHAT)
    (mapping[stage] if stage else mapping).update(fields)
    return from_mapping(mapping, "recipe.yaml")


def prompts(recipe: Recipe, answer: str = "No") -> list[Prompt]:
    flow = annotate(recipe, TASK, seeds=SEEDS)
    return [next(flow), flow.send(Reply(answer))]


def text(prompt: Prompt) -> str:
    return prompt.messages[-1].content


def test_the_draw_depends_on_the_task_only_and_prefers_its_type() -> None:
    shown = draw_worked_seeds(CHAT.instances, 42, TASK, True, SEEDS)
    assert shown == draw_worked_seeds(CHAT.instances, 42, Instruction("7.3", TASK.text), True, SEEDS)
    assert shown != draw_worked_seeds(CHAT.instances, 43, TASK, True, SEEDS)
    assert len(shown) == CHAT.instances.worked_seeds == 3
    of_type = {seed.instruction for seed in SEEDS if seed.is_classification}
    assert {worked["instruction"] for worked in shown} < of_type
    drawn = {
        worked["instruction"]
        for n in range(60)
        for worked in draw_worked_seeds(CHAT.instances, 42, Instruction("0.0", f"Task {n}."), False, SEEDS)
    }
    assert drawn == {seed.instruction for seed in SEEDS} - of_type


def test_what_does_not_fit_is_passed_over() -> None:
    long = Seed("long", "Tell it at length.", (Instance("", "word " * 2000),), False)
    stage = changed("instances", worked_characters=60).instances
    shown = draw_worked_seeds(stage, 42, TASK, False, (long, *SEEDS))
    assert shown
    assert sum(len(worked["instruction"] + worked["input"] + worked["output"]) for worked in shown) <= 60
    assert draw_worked_seeds(stage, 42, TASK, False, (long, Seed("bare", "No instance.", (), False))) == []


def test_requests_for_instances_show_outputs_of_seeds() -> None:
    kind, instances = prompts(CHAT)
    assert "house output" not in text(kind)
    assert text(instances).count("Output: house output") == 3
    assert "house output" in text(prompts(CHAT, "Yes")[1])
    plain = prompts(changed("instances", worked_seeds=0))[1]
    assert "house output" not in text(plain)
    assert text(plain).startswith("Task: Say why")
    assert text(instances).endswith(text(plain))


def test_a_run_shows_its_own_seeds() -> None:
    state: State = begin(RunStarted(CHAT, SEEDS))
    state.accepted.append(TASK)
    state.accepted_after.append(1)
    flow = annotate_in(state, TASK)
    next(flow)
    assert "house output" in text(flow.send(Reply("No")))


def test_paper_and_alpaca_stay_as_they_are() -> None:
    for name in ("paper", "original", "alpaca", "pocket"):
        assert recipe_of(name).instances.worked_seeds == 0
        assert "worked_seeds" not in to_mapping(recipe_of(name))["instances"]


def test_the_recipes_system_message_is_for_requests_that_write() -> None:
    recipe = changed(system="You answer for a small bicycle shop. Write in {{ language }}.")
    dry_run(recipe)
    kind, instances = prompts(recipe)
    assert [message.role for message in kind.messages] == ["user"]
    assert instances.messages[0].content == "You answer for a small bicycle shop. Write in English."
    assert propose_prompt(begin(RunStarted(recipe, SEEDS)), 0)[0].messages[0].role == "system"


@pytest.mark.parametrize(
    ("stage", "fields", "message"),
    [
        ("instances", {"worked_seeds": -1}, "worked_seeds must be at least 0"),
        ("instances", {"worked_characters": 0}, "worked_characters at least 1"),
        ("", {"system": "You are.", "api": "text"}, "system: needs `api: chat`"),
    ],
)
def test_faults_are_named(stage: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        changed(stage, **fields)
