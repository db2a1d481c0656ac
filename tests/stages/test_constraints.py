"""Constraints dealt to tasks: what each task is dealt, what its request says, and what becomes of outputs that break it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.loading import read_recipe
from bootstruct.config.recipe import Ask, Recipe, to_mapping
from bootstruct.config.recipe_constraints import Constraints
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.events import ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.stages.annotate import annotate
from bootstruct.stages.constraint_verifier import VERIFIERS, follows
from bootstruct.stages.constraints import DEALERS, deal_constraints
from bootstruct.stages.dry_run import dry_run
from bootstruct.types import Instance, Instruction, Prompt, Reply, Sampling
from tests.support.method_runs import at_any_speed
from tests.support.scripts import answer, recipe

NO_COMMA = Constraints(kinds=("punctuation:no_comma",))


def constrained(constraints: Constraints, name: str = "paper") -> Recipe:
    return replace(recipe(name), constraints=constraints)


def test_kinds_are_those_of_the_verifier_and_every_one_can_be_followed() -> None:
    assert set(DEALERS) <= set(VERIFIERS)
    sentences = set()
    for name in DEALERS:
        chosen = constrained(Constraints(kinds=(name,)))
        for n in range(20):
            (dealt,) = deal_constraints(chosen, f"{n}.0")
            assert dealt.name == name
            follows(dealt.name, dealt.values, "Some text.")  # every value that it needs is there
            sentences.add(dealt.sentence)
    assert len(sentences) > 60


def test_what_is_dealt_depends_on_recipe_and_name_alone() -> None:
    chosen = constrained(Constraints(share=0.5, most=3))
    names = [f"{n}.{m}" for n in range(100) for m in range(3)]
    dealt = [deal_constraints(chosen, name) for name in names]
    assert dealt == [deal_constraints(chosen, name) for name in names]
    assert 0.4 < sum(map(bool, dealt)) / len(dealt) < 0.6
    assert {len(some) for some in dealt} == {0, 1, 2, 3}
    assert dealt != [deal_constraints(replace(chosen, seed=1), name) for name in names]
    for some in dealt:
        groups = [c.name.partition(":")[0] for c in some]
        assert len({c.name for c in some}) == len(some)
        assert (
            not {"detectable_format:json_format", "language:response_language"} & {c.name for c in some}
            or len(some) == 1
        )
        assert all(groups.count(group) == 1 for group in groups if group != "detectable_format")


def test_labels_are_left_alone() -> None:
    assert deal_constraints(constrained(Constraints()), "1.0", is_classification=True) == ()
    assert deal_constraints(recipe(), "1.0") == ()


def test_the_request_asks_for_it_and_code_checks_it() -> None:
    task = Instruction("1.0", "Describe the river.")
    flow = annotate(constrained(NO_COMMA), task)
    next(flow)
    prompt = flow.send(Reply("No"))
    (dealt,) = deal_constraints(constrained(NO_COMMA), "1.0")
    assert f"Describe the river. {dealt.sentence}" in prompt.text
    with pytest.raises(StopIteration) as stop:
        flow.send(Reply("Example 1\nInput: Ems\nOutput: long and slow\nExample 2\nInput: Elbe\nOutput: long, slow"))
    completed = stop.value.value
    assert completed.instances == (Instance(f"Ems\n\n{dealt.sentence}", "long and slow"),)
    (lost,) = completed.rejected
    assert (lost.rule, lost.instance.output) == ("breaks punctuation:no_comma", "long, slow")


def test_an_answer_without_an_input_has_the_constraint_as_its_input() -> None:
    flow = annotate(constrained(NO_COMMA), Instruction("1.0", "Name a river."))
    next(flow), flow.send(Reply("No"))
    with pytest.raises(StopIteration) as stop:
        flow.send(Reply("Output: Ems"))
    (dealt,) = deal_constraints(constrained(NO_COMMA), "1.0")
    assert stop.value.value.instances == (Instance(dealt.sentence, "Ems"),)


def test_a_rewritten_output_is_checked_again() -> None:
    ask = Ask("{{ instruction }} {{ input }}", Sampling())
    chosen = constrained(NO_COMMA)
    chosen = replace(chosen, instances=replace(chosen.instances, rewrite=ask))
    flow = annotate(chosen, Instruction("1.0", "Name rivers."))
    next(flow), flow.send(Reply("No"))
    prompt = flow.send(Reply("Output: Ems"))
    (dealt,) = deal_constraints(chosen, "1.0")
    assert prompt.text == f"Name rivers. {dealt.sentence}"
    with pytest.raises(StopIteration) as stop:
        flow.send(Reply("Ems, Elbe"))
    assert [lost.rule for lost in stop.value.value.rejected] == ["rewritten: breaks punctuation:no_comma"]


def test_recipes_without_constraints_are_what_they_were() -> None:
    assert "constraints" not in to_mapping(recipe())
    assert constrained(NO_COMMA).digest() != recipe().digest()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 0}, r"constraints\.share: must be in \(0, 1\]"),
        ({"most": 5}, r"constraints\.most: must be between 1 and 4"),
        ({"words": []}, r"constraints\.words: is empty"),
        ({"kind": []}, "kind"),
    ],
)
def test_faults_are_told(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_mapping({**to_mapping(recipe()), "constraints": values}, "recipe.yaml")


def test_unknown_kinds_and_recipes_without_requests_for_instances_are_told() -> None:
    with pytest.raises(InputError, match=r"constraints\.kinds: 'no_comma' is unknown; use some of length"):
        dry_run(constrained(Constraints(kinds=("no_comma",))))
    with pytest.raises(InputError, match="need requests for instances"):
        from_mapping({**to_mapping(recipe("alpaca")), "constraints": {}}, "recipe.yaml")


def test_the_recipe_file_takes_the_key(tmp_path: Path) -> None:
    from bootstruct.run.init import init_run

    init_run(tmp_path / "run", "chat", model="openai/m")
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text() + "\nconstraints: {share: 0.5, kinds: ['punctuation:no_comma']}\n")
    assert read_recipe(path).constraints == Constraints(0.5, 1, ("punctuation:no_comma",))


def wordy(prompt: Prompt) -> Reply:
    """As `answer`, with outputs that break some constraints and follow others."""
    reply = answer(prompt)
    more = " is small, and *quiet*." if prompt.sample % 2 else " is the bridge"
    lines = [line + more if line.startswith("Output:") else line for line in reply.text.split("\n")]
    return replace(reply, text="\n".join(lines))


@pytest.mark.parametrize("name", ["paper"])
def test_any_speed_any_crash_same_bytes(tmp_path: Path, name: str) -> None:
    state, path = at_any_speed(tmp_path, constrained(Constraints(most=2), name), wordy)
    rules = {lost.rule for completed in state.completed.values() for lost in completed.rejected}
    assert len([rule for rule in rules if rule.startswith("breaks ")]) > 4
    for task in state.completed_tasks:
        completed = state.completed[task.name]
        for constraint in deal_constraints(state.recipe, task.name, completed.is_classification):
            assert all(constraint.sentence in instance.input for instance in completed.instances)
            assert all(follows(constraint.name, constraint.values, pair.output) for pair in completed.instances)
    plain = sum(isinstance(event, ReplyReceived) for _, event in read_events(path))
    assert plain == len(state.accepted_after) + 2 * len(state.completed)  # it costs no request
