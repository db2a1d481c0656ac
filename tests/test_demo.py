"""The demo's own parts: prompts, training data, steps that are done once, figures. The whole loop is in test_demo_loop."""

import math
import re
from pathlib import Path
from random import Random

import pytest

from bootstruct.demo.data import instances_checked, instructions_read, right_output, seeds_as_data, share_right, solved
from bootstruct.demo.figure import curve_svg
from bootstruct.demo.loop import absolute
from bootstruct.demo.models import SIZES, finetune_words, kinds, trainings
from bootstruct.demo.prompts import (
    FULL_PHRASINGS,
    HEADLINE,
    SEEDED,
    UNSEEDED,
    development_rows,
    evaluation_rows,
    group_of,
)
from bootstruct.demo.scores import (
    Answer,
    answers,
    averaged,
    by_family,
    difference,
    exact,
    first_line,
    line,
    mean,
    spread,
    whole,
)
from bootstruct.demo.steps import Book, Step, do, open_book, run_command, seconds_left
from bootstruct.domain import Instance, Verdict
from bootstruct.errors import BadInput, StoppedShort
from bootstruct.events import Annotated, Proposed, Started, State, apply, begin
from bootstruct.files import read_seeds
from bootstruct.pocket.families import FAMILIES
from bootstruct.pocket.held_out import HELD_OUT
from bootstruct.pocket.reading import Meant, read_instruction
from bootstruct.stages.templates import fill
from tests.scripts import recipe

SEEDS = read_seeds(Path(__file__).parent.parent / "src" / "bootstruct" / "recipes" / "pocket" / "seeds.jsonl")
ODD = "Sing me something nobody knows."


def grown() -> State:
    """A run of the small world with a right, a wrong, a misplaced and an unread instance."""
    state = begin(Started(recipe("pocket"), SEEDS))
    apply(state, Proposed(0, (), (Verdict("Give the plural of the noun."), Verdict(ODD))))
    kept = (Instance("farmer", "farmers"), Instance("mouse", "mouses"), Instance("3 and 4", "7"))
    apply(state, Annotated("0.0", False, kept))
    apply(state, Annotated("0.1", False, (Instance("", "la"),)))
    return state


class TestPrompts:
    def test_are_new_and_told_apart(self) -> None:
        rows = evaluation_rows(set())
        assert len(rows) > 200
        assert rows == evaluation_rows(set())
        assert rows != evaluation_rows(set(), sample=1)
        for row in rows:
            meant = read_instruction(row["instruction"])
            if isinstance(meant, Meant):
                assert row["family"] == meant.family.name
                assert (meant.family.name in HELD_OUT) == (row["motivation_app"] == UNSEEDED)
                (instance,) = row["instances"]
                assert meant.family.is_right(instance["input"], instance["output"], meant.params)
        left_out = {rows[0]["instruction"], rows[9]["instruction"]}
        assert not left_out & {row["instruction"] for row in evaluation_rows(left_out)}

    def test_keep_their_names_whatever_is_left_out(self) -> None:
        rows = {row["id"]: row for row in evaluation_rows(set(), FULL_PHRASINGS)}
        assert len(rows) == len(evaluation_rows(set(), FULL_PHRASINGS))
        fewer = evaluation_rows({rows["list_reverse_0"]["instruction"]})
        assert len(fewer) < len(rows)
        assert all(rows[row["id"]] == row for row in fewer)

    def test_development_prompts_share_no_phrasing_and_no_input_with_the_evaluation(self) -> None:
        asked = evaluation_rows(set(), FULL_PHRASINGS)
        rows = development_rows(set())
        assert len({row["family"] for row in rows}) > 120
        assert {row["motivation_app"] for row in rows} == {SEEDED, UNSEEDED}
        own = {name: [row for row in asked if row["family"] == name] for name in FAMILIES}
        for row in rows:
            family, core = FAMILIES[row["family"]], _core(row["instruction"])
            spoken = [n for n, template in enumerate(family.templates) if _is_of(family.name, template, core)]
            assert spoken, row["instruction"]
            for other in own[row["family"]]:
                assert not any(_is_of(family.name, family.templates[n], _core(other["instruction"])) for n in spoken)
                same = row["instances"][0]["input"] == other["instances"][0]["input"]
                assert not same or not row["instances"][0]["input"]
        known = {rows[0]["instruction"]}
        assert not known & {row["instruction"] for row in development_rows(known)}

    def test_no_seed_belongs_to_a_held_out_family(self) -> None:
        for seed in SEEDS:
            meant = read_instruction(seed.instruction)
            assert isinstance(meant, Meant)
            assert group_of(meant.family.name) == SEEDED

    def test_the_headline_format_is_one_that_the_run_is_encoded_in(self) -> None:
        shown = fill(HEADLINE, instruction="Add.", input="1 and 2"), fill(HEADLINE, instruction="Name one.", input="")
        assert shown == ("Add.\n1 and 2\nAnswer:", "Name one.\nAnswer:")
        rules = recipe("pocket").encode
        assert shown[0] in [fill(each, instruction="Add.", input="1 and 2") for each in rules.with_input]
        assert shown[1] in [fill(each, instruction="Name one.", input="") for each in rules.without_input]


def _core(text: str) -> str:
    from bootstruct.pocket.reading import _cores

    return min(_cores(text), key=len)


def _is_of(name: str, template: str, core: str) -> bool:
    from bootstruct.pocket.grammar import Reader

    return Reader((template,), FAMILIES[name].slots).fits(core)


class TestData:
    def test_the_strict_reader_counts_each_kind_apart(self) -> None:
        state = grown()
        checked = instances_checked(state)
        assert checked == {"right": 1, "wrong": 1, "bad input": 1, "unread": 1}
        assert share_right(checked) == 0.25
        assert instructions_read(state) == {"read": 1, "unread": 1}
        assert share_right(instances_checked(begin(Started(recipe("pocket"), SEEDS)))) is None

    def test_seeds_alone_are_encoded_as_in_the_training_on_the_run(self, tmp_path: Path) -> None:
        from bootstruct.finetune.data import read_data
        from bootstruct.finetune.settings import Part
        from bootstruct.journal import Journal

        state = grown()
        (tmp_path / "run").mkdir()
        journal = Journal(tmp_path / "run" / "journal.jsonl")
        journal.append(Started(state.recipe, state.seeds))
        journal.append(Proposed(0, (), (Verdict("Give the plural of the noun."),)))
        journal.append(Annotated("0.0", False, (Instance("farmer", "farmers"),)))
        journal.close()
        trained = read_data((Part(str(tmp_path / "run")),), 0, 0.0, 42).train
        own = {(each.prompt, each.completion) for each in trained if each.is_seed}
        assert {(row["prompt"], row["completion"]) for row in seeds_as_data(state)} == own
        assert len(own) == len(SEEDS)

    def test_the_solver_mends_what_can_be_mended_and_drops_the_rest(self) -> None:
        rows = solved(grown())[len(SEEDS) :]
        assert [row["completion"].strip() for row in rows] == ["farmers", "mice"]

    @pytest.mark.parametrize("name", ["name_some", "repeat_word", "plural", "sentiment"])
    def test_right_outputs_are_right(self, name: str) -> None:
        family = FAMILIES[name]
        rng = Random(1)
        while True:
            params = family.params(rng)
            text = family.instruction(rng, params)
            if isinstance(meant := read_instruction(text), Meant):
                break
        given, output = family.instance(rng, params)
        mended = right_output(text, Instance(given, "certainly not this"), Random(2))
        assert mended is not None
        assert meant.family.is_right(given, mended, meant.params)
        assert right_output(text, Instance(given, output), Random(2)) == output
        assert right_output(ODD, Instance("", "la"), Random(2)) is None


class TestTable:
    def test_the_usual_demo_measures_three_models_and_the_full_one_all(self) -> None:
        assert [kind.name for kind in kinds(119, False, True)] == ["as-it-was", "seeds-only", "self-instruct"]
        full = kinds(297, True, True)
        assert [kind.tasks for kind in full if kind.part == "curve"] == list(SIZES)
        assert "solved" in {kind.name for kind in full}
        assert "solved" not in {kind.name for kind in kinds(297, True, False)}, "the solver knows its own world only"
        assert [kind.tasks for kind in kinds(50, True, True) if kind.part == "curve"] == [20, 40]

    def test_each_is_trained_with_each_seed_and_the_model_as_it_was_asked_once(self) -> None:
        table = kinds(297, True, True)
        models = trainings(table, (42, 43, 44))
        assert len(models) == 1 + 3 * (len(table) - 1)
        assert len({model.name for model in models}) == len(models)
        assert [model.name for model in models[:3]] == ["as-it-was", "seeds-only-42", "self-instruct-42"]
        words = {model.name: finetune_words(model, "pocket") for model in models if model.kind.setting}
        part = words["self-instruct-40-43"]
        assert part[part.index("--tasks") + 1] == "40"
        assert part[part.index("--seed") + 1] == "43"
        assert "--tasks" not in words["self-instruct-43"]


def answer(prompt: str, score: float, family: str = "a", group: str = SEEDED) -> Answer:
    return Answer(prompt, family, group, score / 2, score, float(score == 100))


class TestScores:
    ROWS = (
        {"id": "a", "family": "colors", "motivation_app": SEEDED},
        {"id": "b", "family": "pairs", "motivation_app": UNSEEDED},
        {"id": "c", "family": "pairs", "motivation_app": UNSEEDED},
    )

    def test_answers_are_scored_whole_cut_and_exactly(self) -> None:
        predictions = [
            {"id": "b", "response": "one two", "target": "one two"},
            {"id": "a", "response": " red\nblue green", "target": "red"},
            {"id": "nobody asked", "response": "", "target": "x"},
        ]
        found = answers(predictions, self.ROWS)
        assert [each.prompt for each in found] == ["a", "b"]
        told = {what: line(found, what) for what in (whole, first_line, exact)}
        assert (told[whole].seeded.value, told[whole].unseeded.value, told[whole].all.value) == (50, 100, 75)
        assert (told[first_line].seeded.value, told[exact].seeded.value) == (100, 100)

    def test_near_misses_are_not_exact(self) -> None:
        (found,) = answers([{"id": "a", "response": "Red.", "target": "red"}], self.ROWS)
        assert (found.first_line, found.exact) == (100, 0)

    def test_the_standard_error_is_that_of_the_mean_where_each_prompt_is_a_family(self) -> None:
        scores = [0.0, 40.0, 70.0, 100.0]
        told = mean([(str(n), score) for n, score in enumerate(scores)])
        assert told.value == 52.5
        assert told.error == pytest.approx(math.sqrt(sum((s - 52.5) ** 2 for s in scores) / 3) / 2)

    def test_prompts_of_one_family_are_no_new_evidence(self) -> None:
        once, twice = mean([("a", 0.0), ("b", 100.0)]), mean([("a", 0.0), ("b", 100.0)] * 5)
        assert once.error == twice.error == pytest.approx(50.0)
        assert mean([("a", 1.0), ("a", 3.0)]).error is None
        assert mean([]).count == 0

    def test_finetuning_seeds_are_averaged_prompt_by_prompt(self) -> None:
        one, other = (answer("p", 20), answer("q", 100)), (answer("p", 40), answer("q", 50), answer("r", 0))
        assert [(each.prompt, each.first_line) for each in averaged([one, other])] == [("p", 30), ("q", 75)]
        assert averaged([]) == ()

    def test_failed_seeds_are_shown_and_not_averaged(self) -> None:
        told = spread({42: 80.0, 43: None, 44: 90.0})
        assert (told.mean, told.deviation) == (85.0, pytest.approx(7.0710678))
        assert told.single == {42: 80.0, 43: None, 44: 90.0}
        assert spread({42: None}).mean is None
        assert spread({42: 1.0}).deviation is None

    def test_differences_are_paired_and_by_family(self) -> None:
        low = [
            answer(f"{f}{n}", 50, f, UNSEEDED if f == "f0" else SEEDED)
            for f in map("f{}".format, range(8))
            for n in "ab"
        ]
        high = [answer(each.prompt, 60, each.family, each.group) for each in reversed(low)]
        told = difference(low, high)
        assert (told.value, told.count) == (10, 16)
        assert told.interval is not None
        assert (told.interval.low, told.interval.high) == (10, 10)
        assert difference(low, high, UNSEEDED).count == 2

    def test_families_stand_worst_first(self) -> None:
        before = [answer("p", 10, "x"), answer("q", 30, "x"), answer("r", 0, "y", UNSEEDED)]
        after = [answer("p", 90, "x"), answer("q", 100, "x"), answer("r", 40, "y", UNSEEDED)]
        rows = by_family([before, after])
        assert [(row.name, row.group, row.prompts, row.scores) for row in rows] == [
            ("y", UNSEEDED, 1, (0, 40)),
            ("x", SEEDED, 2, (20, 95)),
        ]


class TestSteps:
    def step(self, place: str, made_of: str = "one") -> Step:
        return Step("finetuning", place, ("finetune",), place, made_of)

    def done(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
        """Commands succeed, make their folder and are counted."""
        ran: list[str] = []

        def run(words: tuple[str, ...], where: Path, *_: object, **__: object) -> str:
            ran.append(words[0])
            assert where == folder
            (folder / "a").mkdir()
            return "a: trained\nNext: something"

        monkeypatch.setattr("bootstruct.demo.steps.run_command", run)
        return ran

    def test_what_is_done_is_not_done_again_until_its_sources_change(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ran = self.done(monkeypatch, tmp_path)
        assert do(self.step("a"), open_book(tmp_path, "pocket"), print)
        assert do(self.step("a"), open_book(tmp_path, "pocket"), print)
        assert ran == ["finetune"]
        (tmp_path / "a" / "old").touch()
        assert do(self.step("a", "another"), open_book(tmp_path, "pocket"), print)
        assert ran == ["finetune"] * 2
        assert not (tmp_path / "a" / "old").exists()

    def test_what_is_half_made_or_gone_is_made_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ran, book = self.done(monkeypatch, tmp_path), open_book(tmp_path, "pocket")
        (tmp_path / "a" / "checkpoints").mkdir(parents=True)
        assert do(self.step("a"), book, print)
        assert not (tmp_path / "a" / "checkpoints").exists()
        (tmp_path / "a").rmdir()
        assert not book.has(self.step("a"))
        assert do(self.step("a"), book, print)
        assert ran == ["finetune"] * 2

    def test_a_command_that_fails_is_not_done(self, tmp_path: Path) -> None:
        said: list[str] = []
        book = open_book(tmp_path, "pocket")
        step = Step("finetuning", "tuned", ("finetune", "nowhere", "--model", "pocket", "--out", "x"), "x", "one")
        assert not do(step, book, said.append)
        assert not book.has(step)
        assert any("tuned: failed" in text for text in said)
        assert open_book(tmp_path, "pocket").seconds["finetuning"] > 0

    def test_commands_are_shown_and_say_how_they_ended(self, tmp_path: Path) -> None:
        said: list[str] = []
        with pytest.raises(BadInput, match="ended with 2"):
            run_command(["status", "nowhere"], tmp_path, said.append)
        assert said == ["\n$ bootstruct status nowhere"]

    def test_time_left_is_known_once_each_kind_was_seen(self, tmp_path: Path) -> None:
        book = Book(tmp_path / "steps.json", "pocket")
        (tmp_path / "a").mkdir()
        book.done["a"] = {"made_of": "one", "work": "finetuning", "seconds": 20.0}
        asking = Step("evaluation", "b", (), "b", "one")
        assert seconds_left([self.step("a"), asking], book) is None
        assert seconds_left([self.step("a"), self.step("c"), self.step("d")], book) == 40.0

    def test_a_folder_belongs_to_one_model(self, tmp_path: Path) -> None:
        open_book(tmp_path, "pocket").save()
        with pytest.raises(BadInput, match="holds a demo of the model pocket"):
            open_book(tmp_path, "hf/other")
        (tmp_path / "steps.json").write_text("{")
        with pytest.raises(BadInput, match="cannot be read"):
            open_book(tmp_path, "pocket")

    def test_stopping_short_is_told_from_bad_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Ended:
            returncode, stdout = 1, ""

        monkeypatch.setattr("subprocess.run", lambda *_, **__: Ended)
        with pytest.raises(StoppedShort):
            run_command(["generate", "run"], tmp_path, print)
        Ended.returncode = 130
        with pytest.raises(KeyboardInterrupt):
            run_command(["generate", "run"], tmp_path, print)

    def test_a_model_folder_is_named_so_that_it_is_found_from_anywhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "m").mkdir()
        monkeypatch.chdir(tmp_path)
        assert absolute("hf/m") == absolute("hf/./m") == f"hf/{(tmp_path / 'm').resolve()}"
        assert absolute("hf/org/name") == "hf/org/name"
        assert absolute("pocket") == "pocket"


def test_the_curve_is_a_picture_of_its_own() -> None:
    scores = {group: {"mean": 60.0, "error": 1.0, "count": 9} for group in ("all", SEEDED, UNSEEDED)}
    rows = [
        {"generated tasks": tasks, "first line": scores, "by seed": {"42": 59.0, "43": None, "44": 61.0}}
        for tasks in (0, 20, 40)
    ]
    svg = curve_svg(rows, 45.0)
    import xml.etree.ElementTree as ElementTree

    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(re.findall(r"finetuning seed", svg)) == 6 + 1  # two came out of three, three times; and the caption
    assert ">seeds only<" in svg
