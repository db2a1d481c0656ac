"""Checks in a recipe: what is left out is as shipped, what is wrong is told, and recipes without them stay what they were."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstruct.config.loading import check_prompts, read_recipe, recipe_folder, recipe_names
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.errors import InputError
from bootstruct.journal.codec import from_json, to_json
from bootstruct.journal.events import RunStarted
from bootstruct.journal.state import begin
from bootstruct.run.folder import read_plan
from bootstruct.run.init import init_run
from bootstruct.stages.annotate import annotate
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.propose import propose_prompt
from bootstruct.types import Instance, Instruction, Reply, Seed, digest_of

KINDS = ("agreement", "rubric", "back-check", "decontamination")
BEFORE = {  # digests of recipe, first request, kind, instances if classification, if not; from before there were checks
    "paper": (
        "b00da9cc4911c1e1bb235326844bd098",
        "b313ffd43e7410c7e1573daffd3c8371",
        "bdb46868968439543bd46924c7a87bd1",
        "09c9781f9bbac10ee3e86061ba43b13d",
        "73176cbb091722b03a1b1743f5797ddd",
    ),
    "original": (
        "9dd4720833d8648175b3565db54ea8bd",
        "35862347ddd9f19c539f5b13e0f56596",
        "bdb46868968439543bd46924c7a87bd1",
        "571847173d1a559cd2f7d9f35b39dde3",
        "d6114b18f8d8382126e0d3cd7fda2779",
    ),
    "pocket": (  # with the prompts of the rebuilt model
        "895c4559955b544e95fcb71c7f107511",
        "77b1d6460db20c1a050efe29b37b7d05",
        "b8b13c56748317ebf0407c1be78ec488",
        "b39ec369ae32a25a6fa1d69975262465",
        "e43298b81cd7217088ad3c77f5df95eb",
    ),
}


def values(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))
    return loaded


def with_checks(
    folder: Path, *checks: object, name: str = "paper", begun: Recipe | None = None, **more: object
) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values(name) | {"checks": list(checks)} | more), "utf-8")
    return read_recipe(path, begun)


@pytest.mark.parametrize("name", BEFORE)
def test_recipes_and_prompts_without_checks_are_what_they_were(name: str) -> None:
    recipe = read_recipe(Path(str(recipe_folder(name))) / "recipe.yaml")
    seeds = tuple(Seed(f"s{n}", f"Task number {n} of ten.", (Instance("", "x"),), n % 2 == 0) for n in range(10))
    found = [recipe.digest(), digest_of(propose_prompt(begin(RunStarted(recipe, seeds)), 0)[0])]
    for answer in ("Yes", "No"):
        flow = annotate(recipe, Instruction("0.0", "Sort the words."))
        found += [digest_of(next(flow)), digest_of(flow.send(Reply(answer)))]
    assert (*found[:4], found[5]) == BEFORE[name]


@pytest.mark.parametrize("name", sorted(set(recipe_names()) - {"cot"}))  # its method is to keep what answers agree on
def test_no_other_shipped_recipe_checks(name: str) -> None:
    recipe = read_recipe(Path(str(recipe_folder(name))) / "recipe.yaml")
    assert recipe.checks == ()
    assert "checks" not in to_mapping(recipe)


@pytest.mark.parametrize("name", recipe_names())
def test_a_kind_is_enough(tmp_path: Path, name: str) -> None:
    recipe = with_checks(tmp_path, *({"kind": kind} for kind in KINDS), name=name)
    assert tuple(check.kind for check in recipe.checks) == tuple(check.name for check in recipe.checks) == KINDS
    dry_run(recipe)
    checks = InstanceChecks(recipe)
    for check in recipe.checks[:3]:
        for instance in (Instance("THE-INPUT", "THE-OUTPUT"), Instance("", "THE-OUTPUT")):
            prompt = checks.prompt(check, Instruction("0.0", "THE-INSTRUCTION"), instance, 0)
            text = prompt.messages[-1].content if prompt.is_chat else prompt.text
            assert prompt.is_chat == (recipe.api == "chat")
            assert ("THE-INPUT" in text) == bool(instance.input)
            assert ("THE-OUTPUT" in text) == (check.kind != "agreement"), "an answer must not see the output"
            assert ("THE-INSTRUCTION" in text) == (check.kind != "back-check"), "nor a guess the instruction"
    assert from_mapping(json.loads(json.dumps(to_mapping(recipe))), "x") == recipe
    started = RunStarted(recipe, ())
    assert from_json(json.loads(json.dumps(to_json(started)))) == started


def test_what_is_given_goes_before_what_is_shipped(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("Mine: {{ output }}\n", "utf-8")
    check = {"kind": "rubric", "name": "letters", "scale": ["D", "C", "B", "A"], "level": "B"}
    recipe = with_checks(
        tmp_path, check | {"ask": {"prompt": "mine.jinja", "model": "judge"}}, {"kind": "agreement", "samples": 2}
    )
    letters, agreement = recipe.checks
    assert letters.ask is not None and agreement.ask is not None
    assert (letters.ask.prompt, letters.ask.model, letters.ask.sampling.max_tokens) == (
        "Mine: {{ output }}",
        "judge",
        4,
    )
    assert recipe.model_at("check letters") == "judge"
    assert (agreement.samples, agreement.ask.sampling.temperature) == (2, 0.7)
    assert {"paper", "chat", "pocket"} == {
        with_checks(tmp_path, {"kind": "rubric"}, name=n).recipe for n in ("paper", "chat", "pocket")
    }


def test_a_question_of_another_api_is_asked_as_shipped_for_that(tmp_path: Path) -> None:
    recipe = with_checks(tmp_path, {"kind": "rubric", "ask": {"api": "chat", "model": "judge"}})
    prompt = InstanceChecks(recipe).prompt(recipe.checks[0], Instruction("0.0", "Say."), Instance("a", "b"), 0)
    assert prompt.is_chat and "<output>" in prompt.messages[0].content


def test_a_begun_run_keeps_what_was_shipped_when_it_began(tmp_path: Path) -> None:
    begun = with_checks(tmp_path, {"kind": "agreement"})
    mapping = json.loads(json.dumps(to_mapping(begun)))
    mapping["checks"][0] |= {"ask": mapping["checks"][0]["ask"] | {"prompt": "Old", "sampling": {"temperature": 0.1}}}
    old = from_mapping(mapping, "x")
    assert with_checks(tmp_path, {"kind": "agreement"}, begun=old) == old
    assert with_checks(tmp_path, {"kind": "agreement", "at_least": 0.9}, begun=old) != old
    assert with_checks(tmp_path, begun=old).checks == ()


def test_texts_from_a_file(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Name a river.", "instances": [{"input": "of the far north of here", "output": "no"}]},
        {"prompt": "Sort these.", "completion": "a very long answer of many words"},
        {"instruction": "Name a river."},
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    check = with_checks(tmp_path, {"kind": "decontamination", "texts": ["One by hand.", "test.jsonl"]}).checks[0]
    assert check.texts == (
        "One by hand.", "Name a river.", "of the far north of here", "Sort these.", "a very long answer of many words",
    )  # fmt: skip
    (tmp_path / "test.jsonl").write_text('{"other": 1}\n', "utf-8")
    with pytest.raises(InputError, match=r"test\.jsonl:1: contains no text"):
        with_checks(tmp_path, {"kind": "decontamination", "texts": ["test.jsonl"]})


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("agreement", r"checks\[0\]: expected keys with values"),
        ({"name": "a"}, r"checks\[0\]\.kind: is missing"),
        ({"kind": "agree"}, r"checks\[0\]\.kind: must be one of agreement, rubric"),
        ({"kind": ["agreement"]}, r"kind: must be one of"),
        ({"kind": "agreement", "treshold": 1}, r"checks\[0\]\.treshold: unknown key"),
        ({"kind": "agreement", "name": "a/b"}, "'a/b': a name may contain only letters"),
        ({"kind": "agreement", "name": ""}, "a name may contain only letters"),
        ({"kind": "agreement", "name": 5}, "name: expected text"),
        ({"kind": "agreement", "samples": 0}, "samples: must be"),
        ({"kind": "agreement", "samples": 101}, "samples: must be"),
        ({"kind": "agreement", "at_least": 1.5}, "at_least: must be"),
        ({"kind": "agreement", "ask": None}, "needs `ask`"),
        ({"kind": "agreement", "ask": "x"}, "ask: expected keys"),
        ({"kind": "agreement", "ask": {"prompt": "nowhere.jinja"}}, r"checks\[0\]\.ask\.prompt: no prompt file"),
        ({"kind": "agreement", "ask": {"sampling": {"max_tokens": 0}}}, "max_tokens"),
        ({"kind": "agreement", "ask": {"reply": "json", "api": "chat"}}, "parses text replies"),
        ({"kind": "rubric", "level": "6"}, "level: must be one of"),
        ({"kind": "rubric", "scale": ["1"], "level": "1"}, "scale: needs two"),
        ({"kind": "rubric", "scale": ["1", "1"], "level": "1"}, "scale: needs two"),
        ({"kind": "rubric", "scale": ["very good", "bad"], "level": "bad"}, "one word"),
        ({"kind": "decontamination", "near": 0.0}, "near: must be"),
        ({"kind": "decontamination", "run_length": 0}, "run_length"),
        ({"kind": "decontamination", "ask": {"prompt": "x", "sampling": {}}}, "makes no request"),
        ({"kind": "decontamination", "texts": ["none.jsonl"]}, "no file 'none.jsonl' beside"),
        ({"kind": "decontamination", "texts": ["\0.jsonl"]}, "no file"),
        ({"kind": "decontamination", "texts": [5]}, "texts"),
    ],
)
def test_faults_are_told(tmp_path: Path, check: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        with_checks(tmp_path, check)
    assert "\n" not in str(caught.value)


def test_two_checks_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another check has this name"):
        with_checks(tmp_path, {"kind": "agreement"}, {"kind": "rubric", "name": "agreement"})


def test_a_prompt_that_asks_for_what_is_not_there_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    init_run(tmp_path / "run", "paper", None, None, None, (), False)
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text() + '\nchecks: [{kind: rubric, ask: {prompt: "{{ answer }}"}}]\n')
    with pytest.raises(InputError, match=r"recipe\.yaml: prompt template .* it may use instruction, input, output"):
        read_plan(tmp_path / "run")


@pytest.mark.parametrize("name", recipe_names())
def test_ejected_prompts_of_checks_are_those_that_are_asked_with(tmp_path: Path, name: str) -> None:
    init_run(tmp_path / "run", name, "openai/m", None, None, (), True)
    asked = (
        "check_agreement.jinja",
        "check_rubric.jinja",
        "check_back.jinja",
        "check_grounded.jinja",
        "check_judge.jinja",
        "check_revise.jinja",
    )
    assert set(check_prompts(name)) == set(asked)
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text() + "\nchecks: [{kind: agreement}, {kind: rubric}, {kind: back-check}]\n")
    shipped = with_checks(tmp_path, *({"kind": kind} for kind in KINDS[:3]), name=name)
    assert read_plan(tmp_path / "run")[0].checks == shipped.checks
    (tmp_path / "run" / "prompts" / "check_rubric.jinja").write_text("Mine: {{ output }}")
    ask = read_plan(tmp_path / "run")[0].checks[1].ask
    assert ask is not None and ask.prompt == "Mine: {{ output }}"
