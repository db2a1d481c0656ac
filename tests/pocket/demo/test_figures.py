"""The demo's own parts: prompts, training data, steps that are done once, figures. The whole loop is in test_loop."""

import re
from pathlib import Path
from random import Random

import pytest

from bootstruct.config.seeds import read_seeds
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.journal.events import CandidatesJudged, RunStarted, TaskCompleted
from bootstruct.journal.state import State, apply, begin
from bootstruct.pocket.demo.curve import curve_svg
from bootstruct.pocket.demo.evaluation_data import (
    FULL_PHRASINGS,
    GENERATED,
    GROUPS,
    NEITHER,
    SEEDED,
    development_rows,
    evaluation_rows,
    family_groups,
)
from bootstruct.pocket.demo.experiment_configs import BEST_FORMAT, SIZES, model_table, seeded_models
from bootstruct.pocket.demo.formats import FEW_SHOT, FORMATS, HEADLINE, format_template
from bootstruct.pocket.demo.loop import absolute_model
from bootstruct.pocket.demo.model_steps import finetune_command
from bootstruct.pocket.demo.scores import (
    ScoredAnswer,
    average_seeds,
    difference,
    in_run,
    mean_of,
    score_answers,
    scores_by_family,
    seed_spread,
)
from bootstruct.pocket.demo.steps import CommandStep, StepRecord, do_once, open_record, run_command, seconds_left
from bootstruct.pocket.demo.training_data import (
    count_instances,
    count_instructions,
    input_first_rows,
    right_output,
    run_rows,
    seed_instance_rows,
    seed_rows,
    seed_rows_in_all_templates,
    share_right,
    shuffled_rows,
    solved_rows,
)
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import ReadTask, read_instruction
from bootstruct.stages.templates import fill
from bootstruct.types import Instance, Verdict
from tests.support.paths import PACKAGE
from tests.support.scripts import recipe

SEEDS = read_seeds(PACKAGE / "config" / "recipes" / "pocket" / "seeds.jsonl")
ODD = "Sing me something nobody knows."


def grown() -> State:
    """A run of the small world with a right, a wrong, a misplaced and an unread instance."""
    state = begin(RunStarted(recipe("pocket"), SEEDS))
    apply(state, CandidatesJudged(0, (), (Verdict("Give the plural of the noun."), Verdict(ODD))))
    kept = (Instance("farmer", "farmers"), Instance("mouse", "mouses"), Instance("3 and 4", "7"))
    apply(state, TaskCompleted("0.0", False, kept))
    apply(state, TaskCompleted("0.1", False, (Instance("", "la"),)))
    return state


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


def _core(text: str) -> str:
    from bootstruct.pocket.world.strict_reader import _without_context

    return min(_without_context(text), key=len)


def _is_of(name: str, template: str, core: str) -> bool:
    from bootstruct.pocket.world.grammar import PhraseReader

    return PhraseReader((template,), FAMILIES[name].slots).fits(core)


class TestData:
    def test_the_strict_reader_counts_each_kind_apart(self) -> None:
        state = grown()
        checked = count_instances(state)
        assert checked == {"right": 1, "wrong": 1, "bad input": 1, "unread": 1}
        assert share_right(checked) == 0.25
        assert count_instructions(state) == {"read": 1, "unread": 1}
        assert share_right(count_instances(begin(RunStarted(recipe("pocket"), SEEDS)))) is None

    def test_seeds_alone_are_encoded_as_in_the_training_on_the_run(self, tmp_path: Path) -> None:
        from bootstruct.finetuning.data import read_data
        from bootstruct.finetuning.settings import MixturePart
        from bootstruct.journal.file import Journal

        state = grown()
        (tmp_path / "run").mkdir()
        journal = Journal(tmp_path / "run" / "journal.jsonl")
        journal.append(RunStarted(state.recipe, state.seeds))
        journal.append(CandidatesJudged(0, (), (Verdict("Give the plural of the noun."),)))
        journal.append(TaskCompleted("0.0", False, (Instance("farmer", "farmers"),)))
        journal.close()
        trained = read_data((MixturePart(str(tmp_path / "run")),), 0, 0.0, 42).train
        own = {(entry.prompt, entry.completion) for entry in trained if entry.is_seed}
        assert {(row["prompt"], row["completion"]) for row in seed_rows(state)} == own
        assert len(own) == len(SEEDS)

    def test_the_rows_of_a_run_are_those_that_finetune_has(self) -> None:
        rows = run_rows(grown())
        assert rows[: len(SEEDS)] == seed_rows(grown())
        assert [row["completion"].strip() for row in rows[len(SEEDS) :]] == ["farmers", "mouses", "7", "la"]
        assert run_rows(grown(), 22) == rows[:22]

    def test_seeds_stand_once_in_each_template(self) -> None:
        rows = seed_rows_in_all_templates(grown())
        assert len(rows) == 3 * len(SEEDS)
        assert all(row in rows for row in seed_rows(grown()))

    def test_instances_of_seed_instructions_are_taken_from_each_seed_in_turn(self) -> None:
        first, second = SEEDS[0], SEEDS[2]
        written = {
            first.id: [Instance("a, b", "b, a"), Instance("c, d", "d, c"), Instance("e, f", "f, e")],
            second.id: [Instance("cow", "cows")],
        }
        rows = seed_instance_rows(grown(), written, len(SEEDS) + 3)[len(SEEDS) :]
        assert [row["completion"].strip() for row in rows] == ["b, a", "cows", "d, c"]
        assert first.instruction in rows[0]["prompt"]

    def test_other_instances_take_the_place_of_a_tasks_own(self) -> None:
        rows = input_first_rows(grown(), {"0.0": [Instance("pig", "pigs")]}, 100)
        assert [row["completion"].strip() for row in rows[len(SEEDS) :]] == ["pigs", "la"]

    def test_shuffled_outputs_are_the_same_in_another_order(self) -> None:
        rows, shuffled = run_rows(grown()), shuffled_rows(grown())
        assert [row["prompt"] for row in rows] == [row["prompt"] for row in shuffled]
        assert rows != shuffled
        assert sorted(row["completion"] for row in rows) == sorted(row["completion"] for row in shuffled)

    def test_the_solver_corrects_wrong_outputs_and_drops_what_has_no_right_one(self) -> None:
        rows = solved_rows(grown())[len(SEEDS) :]
        assert [row["completion"].strip() for row in rows] == ["farmers", "mice"]

    @pytest.mark.parametrize("name", ["name_some", "repeat_word", "plural", "sentiment"])
    def test_right_outputs_are_right(self, name: str) -> None:
        family = FAMILIES[name]
        rng = Random(1)
        while True:
            params = family.params(rng)
            text = family.instruction(rng, params)
            if isinstance(task := read_instruction(text), ReadTask):
                break
        given, output = family.instance(rng, params)
        corrected = right_output(text, Instance(given, "certainly not this"), Random(2))
        assert corrected is not None
        assert task.family.is_right(given, corrected, task.params)
        assert right_output(text, Instance(given, output), Random(2)) == output
        assert right_output(ODD, Instance("", "la"), Random(2)) is None


class TestTable:
    def test_the_usual_demo_has_the_comparisons_that_matter_and_the_full_one_all(self) -> None:
        assert [model.name for model in model_table(119, False, True)] == [
            "as-it-was", f"as-it-was-{BEST_FORMAT}", "seeds-all-templates", "seed-instances", "self-instruct",
        ]  # fmt: skip
        full = model_table(197, True, True)
        assert {model.asked_in for model in full if model.part == "before"} == {*FORMATS, FEW_SHOT}
        assert [model.tasks for model in full if model.part == "curve"] == list(SIZES)
        tuned = {model.name for model in full if model.setting and model.part != "curve"}
        assert tuned == {
            "seeds-only", "seeds-all-templates", "seed-instances", "self-instruct", "unfiltered", "input-first",
            "shuffled", "solved",
        }  # fmt: skip
        assert len({model.setting for model in full if model.setting}) == 1, "all have the same steps"
        others = {model.name for model in model_table(197, True, False)}
        assert "solved" not in others, "the solver knows its own world only"
        assert [model.tasks for model in model_table(50, True, True) if model.part == "curve"] == [20, 40]

    def test_each_is_trained_with_each_run_and_seed_and_the_model_as_it_was_asked_once(self) -> None:
        table = model_table(197, True, True)
        models = seeded_models(table, (42, 43, 44), (1, 2))
        once = [model for model in table if not model.setting]
        assert len(models) == len(once) + 3 * (2 * 6 + 2 + len(SIZES))
        assert len({model.name for model in models}) == len(models)
        words = {model.name: finetune_command(model, "pocket") for model in models if model.model.setting}
        part = words["self-instruct-40-43"]
        assert part[part.index("--tasks") + 1] == "40"
        assert part[part.index("--seed") + 1] == "43"
        assert "--tasks" not in words["self-instruct-43"]
        assert words["self-instruct-2-43"][1] == "run-2"
        assert words["seed-instances-2-43"][1] == "data/seed-instances-2.jsonl"
        assert "seeds-only-2-43" not in words


def answer(prompt: str, score: float, family: str = "a", group: str = SEEDED) -> ScoredAnswer:
    return ScoredAnswer(prompt, family, group, score / 2, score, float(score == 100))


class TestScores:
    ROWS = ({"id": "a", "family": "colors"}, {"id": "b", "family": "pairs"}, {"id": "c", "family": "pairs"})

    def test_answers_are_scored_whole_cut_and_exactly(self) -> None:
        predictions = [
            {"id": "b", "response": "one two", "target": "one two"},
            {"id": "a", "response": " red\nblue green", "target": "red"},
            {"id": "nobody asked", "response": "", "target": "x"},
        ]
        found = in_run(score_answers(predictions, self.ROWS), 1, {"colors": SEEDED, "pairs": NEITHER})
        assert [entry.prompt for entry in found] == ["1/a", "1/b"]
        assert [mean_of(found, "whole", group).value for group in (SEEDED, NEITHER, None)] == [50, 100, 75]
        assert (mean_of(found, "first_line", SEEDED).value, mean_of(found, "exact", SEEDED).value) == (100, 100)
        assert (mean_of(found, "exact", GENERATED).count, mean_of(found, "exact").families) == (0, 2)

    def test_near_misses_are_not_exact(self) -> None:
        (found,) = score_answers([{"id": "a", "response": "Red.", "target": "red"}], self.ROWS)
        assert (found.first_line, found.exact) == (100, 0)

    def test_intervals_are_over_families(self) -> None:
        def interval(each: int) -> float:
            found = mean_of(
                [answer(f"{n}/{k}", 100 * (n % 2), str(n)) for n in range(20) for k in range(each)], "first_line"
            )
            assert found.interval is not None
            assert found.interval.low < found.value == 50 < found.interval.high
            return found.interval.high - found.interval.low

        assert interval(1) == pytest.approx(interval(5)), "more prompts of the same families are no new evidence"
        assert mean_of([answer(str(n), 50, str(n)) for n in range(4)], "first_line").interval is None

    def test_finetuning_seeds_are_averaged_prompt_by_prompt(self) -> None:
        one, other = (answer("p", 20), answer("q", 100)), (answer("p", 40), answer("q", 50), answer("r", 0))
        assert [(entry.prompt, entry.first_line) for entry in average_seeds([one, other])] == [("p", 30), ("q", 75)]
        assert average_seeds([]) == ()

    def test_failed_seeds_are_shown_and_not_averaged(self) -> None:
        result = seed_spread({"42": 80.0, "43": None, "44": 90.0})
        assert (result.mean, result.deviation) == (85.0, pytest.approx(7.0710678))
        assert result.single == {"42": 80.0, "43": None, "44": 90.0}
        assert seed_spread({"42": None}).mean is None
        assert seed_spread({"42": 1.0}).deviation is None

    def test_differences_are_paired_and_by_family(self) -> None:
        low = [
            answer(f"{f}{n}", 50, f, NEITHER if f == "f0" else SEEDED)
            for f in map("f{}".format, range(8))
            for n in "ab"
        ]
        high = [answer(entry.prompt, 60, entry.family, entry.group) for entry in reversed(low)]
        result = difference(low, high)
        assert (result.value, result.count) == (10, 16)
        assert result.interval is not None
        assert (result.interval.low, result.interval.high) == (10, 10)
        assert difference(low, high, NEITHER).count == 2

    def test_families_are_listed_worst_first(self) -> None:
        before = [answer("p", 10, "x"), answer("q", 30, "x"), answer("r", 0, "y", NEITHER)]
        after = [answer("p", 90, "x"), answer("q", 100, "x"), answer("r", 40, "y", NEITHER)]
        rows = scores_by_family([before, after])
        assert [(row.name, row.group, row.prompts, row.scores) for row in rows] == [
            ("y", NEITHER, 1, (0, 40)),
            ("x", SEEDED, 2, (20, 95)),
        ]


class TestSteps:
    def step(self, output: str, made_of: str = "one") -> CommandStep:
        return CommandStep("finetuning", output, ("finetune",), output, made_of)

    def done(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
        """Commands succeed, make their folder and are counted."""
        ran: list[str] = []

        def run(words: tuple[str, ...], where: Path, *_: object, **__: object) -> str:
            ran.append(words[0])
            assert where == folder
            (folder / "a").mkdir()
            return "a: trained\nNext: something"

        monkeypatch.setattr("bootstruct.pocket.demo.steps.run_command", run)
        return ran

    def test_what_is_done_is_not_done_again_until_its_sources_change(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = self.done(monkeypatch, tmp_path)
        assert do_once(self.step("a"), open_record(tmp_path, "pocket"), print)
        assert do_once(self.step("a"), open_record(tmp_path, "pocket"), print)
        assert ran == ["finetune"]
        (tmp_path / "a" / "old").touch()
        assert do_once(self.step("a", "another"), open_record(tmp_path, "pocket"), print)
        assert ran == ["finetune"] * 2
        assert not (tmp_path / "a" / "old").exists()

    def test_what_is_half_made_or_gone_is_made_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran, record = self.done(monkeypatch, tmp_path), open_record(tmp_path, "pocket")
        (tmp_path / "a" / "checkpoints").mkdir(parents=True)
        assert do_once(self.step("a"), record, print)
        assert not (tmp_path / "a" / "checkpoints").exists()
        (tmp_path / "a").rmdir()
        assert not record.has(self.step("a"))
        assert do_once(self.step("a"), record, print)
        assert ran == ["finetune"] * 2

    def test_a_command_that_fails_is_not_done(self, tmp_path: Path) -> None:
        written: list[str] = []
        record = open_record(tmp_path, "pocket")
        step = CommandStep(
            "finetuning", "tuned", ("finetune", "nowhere", "--model", "pocket", "--out", "x"), "x", "one"
        )
        assert not do_once(step, record, written.append)
        assert not record.has(step)
        assert any("tuned: failed" in text for text in written)
        assert open_record(tmp_path, "pocket").seconds["finetuning"] > 0

    def test_commands_are_shown_and_say_how_they_ended(self, tmp_path: Path) -> None:
        written: list[str] = []
        with pytest.raises(InputError, match="ended with 2"):
            run_command(["status", "nowhere"], tmp_path, written.append)
        assert written == ["\n$ bootstruct status nowhere"]

    def test_time_left_is_known_once_each_kind_was_seen(self, tmp_path: Path) -> None:
        record = StepRecord(tmp_path / "steps.json", "pocket")
        (tmp_path / "a").mkdir()
        record.done["a"] = {"made_of": "one", "work": "finetuning", "seconds": 20.0}
        asking = CommandStep("evaluation", "b", (), "b", "one")
        assert seconds_left([self.step("a"), asking], record) is None
        assert seconds_left([self.step("a"), self.step("c"), self.step("d")], record) == 40.0

    def test_a_folder_belongs_to_one_model(self, tmp_path: Path) -> None:
        open_record(tmp_path, "pocket").save()
        with pytest.raises(InputError, match="contains a demo of the model pocket"):
            open_record(tmp_path, "hf/other")
        (tmp_path / "steps.json").write_text("{")
        with pytest.raises(InputError, match="cannot be read"):
            open_record(tmp_path, "pocket")

    def test_stopping_short_is_distinguished_from_bad_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Ended:
            returncode, stdout = 1, ""

        monkeypatch.setattr("subprocess.run", lambda *_, **__: Ended)
        with pytest.raises(RunStoppedError):
            run_command(["generate", "run"], tmp_path, print)
        Ended.returncode = 130
        with pytest.raises(KeyboardInterrupt):
            run_command(["generate", "run"], tmp_path, print)

    def test_a_model_folder_is_named_so_that_it_is_found_from_anywhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "m").mkdir()
        monkeypatch.chdir(tmp_path)
        assert absolute_model("hf/m") == absolute_model("hf/./m") == f"hf/{(tmp_path / 'm').resolve()}"
        assert absolute_model("hf/org/name") == "hf/org/name"
        assert absolute_model("pocket") == "pocket"


def test_the_curve_is_a_picture_of_its_own() -> None:
    scores = {group: {"mean": 60.0, "interval": None, "count": 9} for group in ("all", *GROUPS)}
    rows = [
        {"generated tasks": tasks, "first line": scores, "by seed": {"42": 59.0, "43": None, "44": 61.0}}
        for tasks in (0, 20, 40)
    ]
    svg = curve_svg(rows, 45.0)
    import xml.etree.ElementTree as ElementTree

    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(re.findall(r"finetuning seed", svg)) == 6 + 1  # two came out of three, three times; and the caption
    assert ">seeds only<" in svg
