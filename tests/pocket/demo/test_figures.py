"""The demo's figures: its models, their scores, their differences and the curve."""

import re

import pytest

from bootstruct.pocket.demo.curve import curve_svg
from bootstruct.pocket.demo.evaluation_data import (
    GENERATED,
    GROUPS,
    NEITHER,
    SEEDED,
)
from bootstruct.pocket.demo.experiment_configs import BEST_FORMAT, SIZES, model_table, seeded_models
from bootstruct.pocket.demo.formats import FEW_SHOT, FORMATS
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
        words = {model.name: finetune_command(model, "pocket") for model in models if model.config.setting}
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
