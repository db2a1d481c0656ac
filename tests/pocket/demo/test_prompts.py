"""The prompts that the demo asks: new ones, apart from the corpus and from each other, in every format."""

import pytest

from bootstruct.config.seeds import read_seeds
from bootstruct.pocket.demo.evaluation_data import (
    FULL_PHRASINGS,
    GENERATED,
    NEITHER,
    SEEDED,
    development_rows,
    evaluation_rows,
    family_groups,
)
from bootstruct.pocket.demo.formats import FEW_SHOT, FORMATS, HEADLINE, format_template
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import ReadTask, read_instruction
from bootstruct.stages.templates import fill
from tests.support.paths import PACKAGE
from tests.support.scripts import recipe

SEEDS = read_seeds(PACKAGE / "config" / "recipes" / "pocket" / "seeds.jsonl")
ODD = "Sing me something nobody knows."


def _core(text: str) -> str:
    from bootstruct.pocket.world.strict_reader import _without_context

    return min(_without_context(text), key=len)


def _is_of(name: str, template: str, core: str) -> bool:
    from bootstruct.pocket.world.grammar import PhraseReader

    return PhraseReader((template,), FAMILIES[name].slots).fits(core)


class TestPrompts:
    def test_differ_from_those_that_were_generated(self) -> None:
        rows = evaluation_rows(set())
        assert len(rows) > 200
        assert rows == evaluation_rows(set())
        assert rows != evaluation_rows(set(), sample=1)
        for row in rows:
            task = read_instruction(row["instruction"])
            if isinstance(task, ReadTask):
                assert row["family"] == task.family.name
                (instance,) = row["instances"]
                assert task.family.is_right(instance["input"], instance["output"], task.params)
        left_out = {rows[0]["instruction"], rows[9]["instruction"]}
        assert not left_out & {row["instruction"] for row in evaluation_rows(left_out)}

    def test_keep_their_names_whatever_is_left_out(self) -> None:
        rows = {row["id"]: row for row in evaluation_rows(set(), FULL_PHRASINGS)}
        assert len(rows) == len(evaluation_rows(set(), FULL_PHRASINGS))
        fewer = evaluation_rows({rows["list_reverse_0"]["instruction"]})
        assert len(fewer) < len(rows)
        assert all(rows[row["id"]] == row for row in fewer)

    @pytest.mark.slow
    def test_development_prompts_share_no_phrasing_and_no_input_with_the_evaluation(self) -> None:
        asked = evaluation_rows(set(), FULL_PHRASINGS)
        rows = development_rows(set())
        assert len({row["family"] for row in rows}) > 120
        own = {name: [row for row in asked if row["family"] == name] for name in FAMILIES}
        for row in rows:
            family, core = FAMILIES[row["family"]], _core(row["instruction"])
            used = [n for n, template in enumerate(family.templates) if _is_of(family.name, template, core)]
            assert used, row["instruction"]
            for other in own[row["family"]]:
                assert not any(_is_of(family.name, family.templates[n], _core(other["instruction"])) for n in used)
                same = row["instances"][0]["input"] == other["instances"][0]["input"]
                assert not same or not row["instances"][0]["input"]
        known = {rows[0]["instruction"]}
        assert not known & {row["instruction"] for row in development_rows(known)}

    def test_a_family_is_in_a_seed_or_generated_or_neither(self) -> None:
        groups = family_groups([seed.instruction for seed in SEEDS], ["Double the number.", "Reverse the list.", ODD])
        assert {name for name, group in groups.items() if group == SEEDED} == {
            task.family.name for seed in SEEDS if isinstance(task := read_instruction(seed.instruction), ReadTask)
        }
        assert [name for name, group in groups.items() if group == GENERATED] == ["double"]
        assert sum(group == NEITHER for group in groups.values()) == len(FAMILIES) - len(SEEDS) - 1

    def test_formats_hold_instruction_and_input_and_demonstrations_come_before(self) -> None:
        for name in FORMATS:
            shown = fill(format_template(name), instruction="Add.", input="1 and 2")
            assert shown.index("Add.") < shown.index("1 and 2")
        shown = fill(format_template(FEW_SHOT), instruction="Add.", input="1 and 2")
        assert shown.endswith("\n\nTask: Add.\nExample 1\nInput: 1 and 2\nOutput:")
        assert shown.count("Output: ") > 8

    def test_the_headline_format_is_one_that_the_run_is_encoded_in(self) -> None:
        shown = fill(HEADLINE, instruction="Add.", input="1 and 2"), fill(HEADLINE, instruction="Name one.", input="")
        assert shown == ("Add.\n1 and 2\nAnswer:", "Name one.\nAnswer:")
        rules = recipe("pocket").encode
        assert shown[0] in [fill(entry, instruction="Add.", input="1 and 2") for entry in rules.with_input]
        assert shown[1] in [fill(entry, instruction="Name one.", input="") for entry in rules.without_input]
