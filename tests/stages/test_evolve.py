"""Requests that rewrite accepted tasks: which one, in which way, what is read and kept, and where it is recorded."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.machine import Prices
from bootstruct.config.recipe import Ask, Evolve, Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.file import read_events
from bootstruct.run.status import Status, status_of
from bootstruct.stages.draw import draw_evolution, visible_count
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.method_runs import at_any_speed
from tests.support.scripts import WORDS, answer, recipe, with_lag

MARK = "Make this one"
EVOLVE = Evolve(Ask(MARK + " {{ way }}:\n1. {{ instruction }}\n2.", Sampling(0.7)), share=0.4)


def evolving(evolve: Evolve = EVOLVE) -> Recipe:
    chosen = with_lag(recipe(), least=1)
    return replace(chosen, propose=replace(chosen.propose, evolve=evolve))


def answering(prompt: Prompt) -> Reply:
    """Rewritten tasks: some new, some the old one again with a word more."""
    if not prompt.text.startswith(MARK):
        return answer(prompt)
    old, n = prompt.text.split("\n")[1].removeprefix("1. "), prompt.sample % 100_000
    one, two, three = random.Random(n).sample(WORDS, 3)
    new = f" Explain how {one} and {two} change when {three} is {n}."
    return Reply(new if n % 3 else f" {old} Now.", "stop", 20, 9, "scripted")


@pytest.mark.slow
def test_any_speed_any_crash_same_bytes_and_the_parent_is_recorded(tmp_path: Path) -> None:
    state, path = at_any_speed(tmp_path, evolving(), answering, 60)
    names = [task.name for task in state.accepted]
    judged = [event for _, event in read_events(path) if isinstance(event, CandidatesJudged)]
    found = Counter[str]()
    for event in judged:
        visible = visible_count(state.recipe.propose, event.index, state.accepted_after)
        drawn = draw_evolution(state.recipe.propose, state.recipe.seed, event.index, visible)
        if drawn is None:
            assert len(event.shown) == 8
            continue
        parent, way = drawn
        found[way] += 1
        assert event.shown == (names[parent],)
        assert parent < visible  # what it rewrites was committed when it was written
        prompt, shown = propose_prompt(state, event.index)
        assert shown == event.shown
        assert prompt.text.startswith(f"{MARK} {way}:\n1. ")
        (verdict,) = event.verdicts
        if verdict.text.endswith("Now."):
            assert verdict.rule == "too similar"  # novelty is judged against everything, the parent included
    assert set(found) == set(EVOLVE.ways)
    status = status_of(state, Prices())
    assert status.evolved["requests"] == found.total()
    assert 0 < status.evolved["accepted"] < found.total()
    assert status.evolved["accepted"] == sum(
        verdict.kept for event in judged if len(event.shown) == 1 for verdict in event.verdicts
    )


def test_nothing_is_rewritten_before_there_is_anything() -> None:
    propose = evolving().propose
    assert all(draw_evolution(propose, 1, index, 0) is None for index in range(50))
    drawn = [draw_evolution(propose, 1, index, 10) for index in range(1000)]
    assert 0.35 < sum(entry is not None for entry in drawn) / 1000 < 0.45
    assert {entry[0] for entry in drawn if entry is not None} == set(range(10))
    assert draw_evolution(recipe().propose, 1, 7, 10) is None


def test_recipes_without_it_are_what_they_were() -> None:
    assert "evolve" not in to_mapping(recipe())["propose"]
    assert evolving().digest() != recipe().digest()
    assert status_of_empty().evolved == {}


def status_of_empty() -> Status:
    from bootstruct.journal.events import RunStarted
    from bootstruct.journal.state import begin
    from tests.support.scripts import SEEDS

    return status_of(begin(RunStarted(recipe(), SEEDS)), Prices())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 1}, r"propose\.evolve\.share: must be between 0 and 1"),
        ({"ways": []}, r"propose\.evolve\.ways: is empty"),
        ({"ask": {"prompt": "x", "sampling": {}, "api": "chat"}}, r"needs the same `reply` and `api` as propose\.ask"),
    ],
)
def test_faults_are_told(values: dict[str, object], message: str) -> None:
    mapping = to_mapping(evolving())
    mapping["propose"]["evolve"] |= values
    with pytest.raises(InputError, match=message):
        from_mapping(mapping, "recipe.yaml")


def test_a_template_with_an_unknown_value_is_told_before_anything_is_paid_for() -> None:
    with pytest.raises(InputError, match="instructions"):
        dry_run(evolving(replace(EVOLVE, ask=Ask("{{ instructions }} {{ way }}", Sampling()))))


def test_the_shipped_recipe_is_chat_with_evolved_tasks() -> None:
    evol, chat = recipe("evol"), recipe("chat")
    assert evol.propose.evolve is not None
    assert replace(evol, recipe="chat", propose=replace(evol.propose, evolve=None)) == chat
    prompts = set()
    for way in (*evol.propose.evolve.ways, "shorter"):
        one = replace(evol, propose=replace(evol.propose, evolve=replace(evol.propose.evolve, share=0.99, ways=(way,))))
        dry_run(one)
        prompts.add(_shown(one))
    assert len(prompts) == 4


def _shown(chosen: Recipe) -> str:
    from bootstruct.stages.templates import fill

    evolve = chosen.propose.evolve
    assert evolve is not None
    values = {"instruction": "Name a bird.", "way": evolve.ways[0], "language": "English", "reply": "json"}
    return fill(evolve.ask.prompt, **values)


def test_other_rules_are_applied_to_such_a_run_for_nothing(tmp_path: Path) -> None:
    import bootstruct as bs
    from bootstruct.engines.scripted import ScriptedEngine
    from bootstruct.journal.file import read_state
    from tests.support.scripts import run_to

    (tmp_path / "old").mkdir()
    old = run_to(tmp_path / "old" / "journal.jsonl", ScriptedEngine(answering), 40, evolving())
    strict = evolving(EVOLVE)
    strict = replace(strict, propose=replace(strict.propose, novelty=replace(strict.propose.novelty, threshold=0.3)))
    rules = tmp_path / "strict.yaml"
    import yaml

    rules.write_text(yaml.safe_dump(to_mapping(strict), allow_unicode=True))
    bs.init(tmp_path / "new", recipe=str(rules), model="python/script", rejudge=tmp_path / "old")
    new = read_state(tmp_path / "new" / "journal.jsonl")
    assert new is not None
    assert len(new.accepted_after) == len(old.accepted_after)
    assert len(new.accepted) < len(old.accepted)
    assert bs.open(tmp_path / "new").verify().disagreements == []


def test_a_preview_counts_with_what_rewriting_requests_bring() -> None:
    from bootstruct.history.estimate import Preview, PreviewedRequest, estimate
    from bootstruct.types import Verdict

    verdicts = (*(Verdict(f"a {n}") for n in range(6)), Verdict("b", "too short"), Verdict("c", "too short"))
    row = PreviewedRequest("propose", "request 0", "", Reply("x", "stop", 10, 10), verdicts)
    preview = Preview([row], accepted=6)
    plain = estimate(preview, recipe(), Prices(), 600)
    assert plain.instruction_requests == 100
    half = estimate(preview, evolving(replace(EVOLVE, share=0.5)), Prices(), 600)
    assert half.instruction_requests == 178  # half of the requests bring 6 tasks, half 0.75
