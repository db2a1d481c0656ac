"""The numbers of a report, against real runs and files, and by hand."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from rouge_score import rouge_scorer

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.seeds import read_seeds
from bootstruct.export.files import export
from bootstruct.export.formats import FORMATS
from bootstruct.history.importer import import_run
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RequestFailed, RunStarted, TaskCompleted
from bootstruct.render.bars import share_bar
from bootstruct.reporting import charts, statistics
from bootstruct.reporting.measure import DatasetMeasures, measure
from bootstruct.reporting.page import render
from bootstruct.reporting.read_subjects import labels, read_subjects
from bootstruct.reporting.statistics import Verbs
from bootstruct.reporting.subject import Dataset, ReportTask
from bootstruct.reporting.verbs import VerbReader, reader
from bootstruct.reporting.view import like_for_like
from bootstruct.run.folder import read_run
from bootstruct.types import Instance, Reply, Verdict
from tests.support.paths import DATA
from tests.support.report_runs import events, recipe, seeds, write_journal

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent: the real runs are not here")


def measured(*paths: Path, seed_file: Path | None = None) -> list[DatasetMeasures]:
    return [measure(subject, reader(), lambda text: None) for subject in read_subjects(list(paths), seed_file)]


def imported(folder: Path, name: str, files: str = "") -> Path:
    given = read_recipe(Path(str(recipe_folder("original"))) / "recipe.yaml")
    import_run(folder, [DATA / "runs" / name / files], given, read_seeds(DATA / "official" / "seed_tasks.jsonl"))
    return folder


@needs_data
def test_the_complete_run_on_davinci(tmp_path: Path) -> None:
    (one,) = measured(imported(tmp_path / "run", "davinci_small"))
    table = one.table
    assert (table.instructions, table.classification, table.other, table.instances) == (67, 8, 59, 78)
    assert statistics.with_instances(one.subject) == 58
    assert one.funnel is not None
    assert one.funnel.requests == 14
    steps = {step.name: step for step in one.funnel.steps}
    assert steps["accepted"].count == 67
    assert steps["too similar"].lost + steps["accepted"].count == 69  # what breaks no rule: data/README
    assert steps["too similar"].examples[0].score is not None
    counts = [step.count for step in one.funnel.steps]
    assert counts == sorted(counts, reverse=True)
    assert one.subject.history is not None
    assert one.subject.history.cut == 9  # of 58 + 9 annotations; the file keeps the finish of no other reply


@needs_data
@pytest.mark.parametrize(
    ("name", "files", "requests", "accepted"),
    [
        ("davinci_two", "machine_generated_instructions.jsonl", 22, 107),
        ("davinci_two", "machine_generated_instructions_gpt.jsonl", 24, 114),
        ("2024_backend", "", 90, 306),
    ],
)
def test_runs_of_step_one_only(tmp_path: Path, name: str, files: str, requests: int, accepted: int) -> None:
    (one,) = measured(imported(tmp_path / "run", name, files))
    assert one.funnel is not None
    assert (one.funnel.requests, one.table.instructions, one.table.instances) == (requests, accepted, 0)
    assert one.table.words_output is None


@needs_data
def test_the_seeds_and_the_user_tasks_as_files() -> None:
    one, two = measured(DATA / "official" / "seed_tasks.jsonl", DATA / "official" / "user_oriented_instructions.jsonl")
    assert (one.table.instructions, one.table.classification, one.table.empty_inputs) == (175, 26, 50)
    assert round(one.table.words_instruction or 0, 2) == 12.96
    assert (two.table.instructions, two.table.empty_inputs) == (252, 44)
    assert round(two.table.words_instruction or 0, 2) == 17.78


@needs_data
def test_files_of_the_released_code_say_the_same_as_their_import(tmp_path: Path) -> None:
    run, files = measured(imported(tmp_path / "run", "davinci_small"), DATA / "runs" / "davinci_small")
    assert files.table.instructions == run.table.instructions
    assert files.table.classification == run.table.classification
    assert files.table.instances == run.table.instances
    assert files.table.words_instruction == run.table.words_instruction
    lineage = files.subject.lineage(files.subject.tasks[0])
    assert lineage.replies[0].step == "propose"
    assert lineage.neighbours[0][0] > 0.3


@needs_data
def test_nearness_is_the_reference_scores_best(tmp_path: Path) -> None:
    (one,) = measured(imported(tmp_path / "run", "davinci_small"))
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    texts = [text for _, text in one.subject.seeds] + [task.text for task in one.subject.tasks]
    assert one.near is not None
    assert one.neighbours is not None
    for at, position in list(enumerate(one.order))[:5]:
        text = one.subject.tasks[position].text
        scores = [scorer.score(other, text)["rougeL"].fmeasure for other in texts]
        assert one.near.scores[at] == max(scores[:175])
        del scores[175 + position]
        assert one.neighbours.nearness.scores[at] == max(scores)
        assert one.neighbours.nearest[position][0][0] == max(scores)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("run"), events(600))


@pytest.mark.parametrize("format", sorted(name for name, known in FORMATS.items() if not known.has_pairs))
def test_every_export_is_understood(run: Path, tmp_path: Path, format: str) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    state, out = read_run(run), tmp_path / f"out{FORMATS[format].suffix}"
    export(state, run / "journal.jsonl", format, out, False)
    whole, one = measured(run, out)
    if format not in ("prompt-completion", "original"):
        assert one.table.instances == whole.table.instances
    if format in ("alpaca", "parquet"):
        assert one.table.instructions == statistics.with_instances(whole.subject)
        assert one.table.words_output == whole.table.words_output
    if format == "original":
        assert one.table.instructions == whole.table.instructions
    assert one.table.instructions > 100


def test_the_same_numbers_each_time(run: Path) -> None:
    first, second = measured(run)[0], measured(run)[0]
    assert first.order == second.order
    assert first.neighbours is not None
    assert second.neighbours is not None
    assert first.neighbours.nearest == second.neighbours.nearest
    assert first.subject.history is not None
    assert second.subject.history is not None
    assert first.subject.history.examples == second.subject.history.examples


def test_table_and_lengths_by_hand() -> None:
    subject = Dataset("x", "a file", [
        ReportTask("1", "Say yes or no.", (Instance("a b", "yes"), Instance(" ", "No")), True),
        ReportTask("2", "Sing", (), False, "without instances"),
    ])  # fmt: skip
    lengths = statistics.lengths_of(subject)
    assert statistics.table_of(subject, lengths) == statistics.DatasetCounts(2, 1, 1, 2, 1, 2.5, 2.0, 1.0)
    found = statistics.labels_of(subject)
    assert found is not None
    assert (found.tasks, found.several, found.one_label, dict(found.counts)) == (1, 1, 0, {"yes": 1, "no": 1})


def test_scripts_without_blanks_have_lengths_too() -> None:
    assert statistics.words("写一首短诗") == 5
    assert statistics.words("two words") == 2
    assert statistics.words("zwei Wörter") == 2


def test_bins_hold_everything_once() -> None:
    scores = np.array([0.0, 0.05, 0.3, 0.7, 0.7000000000000001, 1.0, 0.15000000000000002])
    bins = statistics.score_bins(scores)
    assert sum(bins.counts) == len(scores)
    assert (bins.counts[0], bins.counts[1], bins.counts[3], bins.counts[6], bins.counts[14], bins.counts[19]) == (
        1,
        1,
        1,
        1,
        2,
        1,
    )
    lengths = statistics.length_bins(np.array([0, 1, 28, 400]), 31)
    assert sum(lengths.counts) == 4
    assert lengths.open
    assert lengths.counts[-1] == 1
    assert sum(statistics.length_bins(np.array([5]), 6).counts) == 1


def test_a_large_pool_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr(statistics, "MANY", 100)
    monkeypatch.setattr(statistics, "COMPARED", 0)
    (one,) = measured(run)
    assert one.near is not None
    assert (len(one.near.scores), one.near.of, one.near.sampled) == (100, 600, True)
    assert one.neighbours is not None
    assert len(one.neighbours.nearness.scores) == statistics.FEWEST
    assert one.verbs is None or (one.verbs.read, one.verbs.of) == (100, 600)


def test_the_yield_counts_windows_of_requests(tmp_path: Path) -> None:
    given = [RunStarted(recipe(), seeds(3))]
    for index in range(1000):
        kept = 2 if index < 500 else 1
        verdicts = [Verdict(f"Name thing {index} {n}") for n in range(kept)] + [
            Verdict("again", "too similar", 0.8, "0.0")
        ]
        given += [ReplyReceived(f"propose/{index}", "", Reply("x")), CandidatesJudged(index, (), tuple(verdicts))]
    (subject,) = read_subjects([write_journal(tmp_path / "run", given)])
    found = statistics.yield_of(subject)
    assert found is not None
    assert found.window == 100
    assert found.accepted.y == (200.0,) * 5 + (100.0,) * 5
    assert found.near.y == (100.0,) * 10


def test_the_funnel_takes_away_rule_by_rule(tmp_path: Path) -> None:
    verdicts = (
        Verdict("a b c d"),
        Verdict("no", "too short"),
        Verdict("x", "cut off"),
        Verdict("near", "too similar", 0.9, "0.0"),
    )
    refusing = TaskCompleted("0.0", True, (Instance("", "yes"),))
    given = [
        RunStarted(recipe(), seeds(2)),
        ReplyReceived("propose/0", "", Reply("...", "length", 10, 5)),
        CandidatesJudged(0, (), verdicts),
        refusing,
    ]
    (one,) = measured(write_journal(tmp_path / "run", given))
    assert one.funnel is not None
    history = [(step.name, step.count, step.lost) for step in one.funnel.steps]
    assert history[0] == ("candidates read", 4, 0)
    assert history[-2:] == [("accepted", 1, 0), ("with instances", 1, 0)]
    assert [step[0] for step in history if step[2]][-1] == "too similar"
    assert one.subject.history is not None
    assert one.subject.history.cut == 1


def test_requests_that_brought_nothing_are_listed_by_reason(tmp_path: Path) -> None:
    said = "the limit is 2048 tokens <b>, you asked for {}"
    given = [
        RunStarted(recipe(), seeds(2)),
        CandidatesJudged(0, (), (Verdict("a b c d"), Verdict("e f g h"), Verdict("i j k l"))),
        CandidatesJudged(1, (), (), unread="empty"),
        *(RequestFailed(f"annotate/0.{n}/kind", "", 400, said.format(3000 + n)) for n in range(2)),
        *(TaskCompleted(f"0.{n}", False, (), failed=True) for n in range(2)),
        TaskCompleted("0.2", False, (), unread=(("instances", "cut"),)),
    ]
    (one,) = measured(write_journal(tmp_path / "run", given))
    assert one.funnel is not None
    assert one.funnel.lost == (
        ("request failed for good", "400: the limit is 2048 tokens <b>, you asked for …", 2),
        ("nothing read from the reply about instances", "cut", 1),
        ("nothing read from the reply about new instructions", "empty", 1),
    )
    page = render([one], None, bounded=True).decode()
    assert "400: the limit is 2048 tokens &lt;b&gt;, you asked for …" in page


def test_labels_tell_paths_apart(tmp_path: Path) -> None:
    assert labels([Path("runs/a"), Path("runs/b")]) == ["a", "b"]
    assert labels([Path("x/a"), Path("y/a")]) == ["x/a", "y/a"]
    assert len(set(labels([Path("x/a"), Path("x/a")]))) == 2
    assert labels([Path("x/a/journal.jsonl")]) == ["a"]


def test_figures_are_well_formed_and_named() -> None:
    hostile = '<script>alert(1)</script>"&'
    bins = statistics.Bins((0.0, 0.5, 1.0), (3, 0))
    curve = statistics.Curve((1.0, 2.0), (5.0, 9.0))
    drawn = [
        charts.histogram(bins, hostile, hostile, [(0.5, hostile)]),
        charts.lines([(hostile, curve), ("b", curve)], hostile, "x"),
        charts.sunburst([(hostile, 3, [(hostile, 2), ("b", 1)])], hostile, (hostile,)),
        share_bar(0.5, 0.1),
    ]
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label") == hostile or root.get("aria-hidden") == "true"
        assert {element.tag for element in root.iter()} <= {
            "svg",
            "g",
            "path",
            "rect",
            "line",
            "polyline",
            "circle",
            "text",
            "title",
        }
        assert not any(name.startswith(("on", "style", "href")) for element in root.iter() for name in element.attrib)
    assert charts.sunburst([], "x", ()) == ""


def test_alpaca_rows_of_one_instruction_are_one_task(tmp_path: Path) -> None:
    rows = [
        {"instruction": "Add.", "input": "1 2", "output": "3"},
        {"instruction": "Add.", "input": "2 2", "output": "4"},
        {"instruction": "Sing.", "input": "<noinput>", "output": "la"},
    ]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rows))
    (one,) = measured(path)
    assert (one.table.instructions, one.table.instances, one.table.empty_inputs) == (2, 3, 1)
    assert one.near is None
    assert one.neighbours is not None


def test_objects_of_a_single_letter_are_left_out() -> None:
    found = {"Find x": ("find", "x"), "Find a key": ("find", "key"), "Go": None}
    subject = Dataset("s", "a file", [ReportTask(str(n), text) for n, text in enumerate(found)])
    verbs = statistics.verbs_of(
        subject, [2, 0, 1], VerbReader("by hand", lambda texts: iter([found[text] for text in texts]))
    )
    assert (verbs.read, verbs.found, verbs.by_position) == (3, 1, {1: ("find", "key")})
    assert verbs.top(20, 4) == [("find", 1, [("key", 1)])]


def test_the_papers_share_stands_beside_a_figure_of_the_same_method() -> None:
    subject = Dataset("s", "a file", [ReportTask(str(n), text) for n, text in enumerate("abcd")])

    def read(found: int, like_paper: tuple[float, float]) -> Verbs:
        pairs = [("write", "poem")] * found + [None] * (4 - found)
        reader = VerbReader("by hand", lambda texts: iter(pairs), like_paper)
        return statistics.verbs_of(subject, [0, 1, 2, 3], reader)

    by_rules, by_paper = read(3, (0.8, 1.2)), read(3, (1.0, 1.0))
    assert by_rules.shares_like_paper == pytest.approx((0.6, 0.9))
    assert read(4, (0.8, 1.2)).shares_like_paper[1] == 1.0
    assert "26,559 of 52,445 (51%) by another method" in like_for_like(by_rules)
    assert "about 60 to 90% here" in like_for_like(by_rules)
    assert like_for_like(by_paper) == "The paper, by the same method, found 26,559 of 52,445 (51%)."
