"""The quality review in page and card: there where people judged a run, and nowhere else."""

from pathlib import Path

import orjson
import pytest

from bootstruct.errors import JournalError
from bootstruct.journal.reviews import (
    NAME,
    QUALITY,
    RATING,
    ReviewEvent,
    ReviewPlanned,
    ReviewRecorded,
    ReviewUndone,
    review_to_json,
    wilson,
)
from bootstruct.reporting.build import make_report
from bootstruct.reporting.sections import quality_view
from tests.reporting.test_page import HOSTILE, read
from tests.support.report_runs import events, write_journal


def judged(id: str, reviewer: str, item: str, task: bool, given: bool, output: bool) -> ReviewRecorded:
    return ReviewRecorded(id, reviewer, QUALITY, item, {"task": task, "input": given, "output": output})


def reviewed(folder: Path, given: list[ReviewEvent], tasks: int = 40) -> Path:
    write_journal(folder, events(tasks))
    (folder / NAME).write_bytes(b"".join(orjson.dumps(review_to_json(entry)) + b"\n" for entry in given))
    return folder


GIVEN: list[ReviewEvent] = [
    ReviewPlanned(1, ("0.0/0", "0.1/0", "0.2/0", "0.3/0", "0.4/0"), 40),
    judged("1", "anna", "0.0/0", True, True, True),
    judged("2", "anna", "0.1/0", True, True, False),
    judged("3", "anna", "0.2/0", True, False, False),
    judged("4", "anna", "0.3/0", False, False, False),
    judged("5", "ben", "0.1/0", True, True, True),  # half of a yes for this output
    judged("6", "ben", "0.4/0", True, True, True),
    ReviewUndone("6", "ben"),
]


def test_the_shares_are_those_of_table_2(tmp_path: Path) -> None:
    made = make_report([reviewed(tmp_path / "run", GIVEN)])
    quality = made.measured[0].quality
    assert quality is not None
    assert (quality.tasks, quality.drawn, quality.reviewers, quality.judgements) == (4, 5, 2, 5)
    assert [row.good for row in quality.rows] == [3, 2, 1.5, 1.5]
    assert (quality.rows[0].low, quality.rows[0].high) == wilson(3, 4)
    view = quality_view(quality)
    assert view is not None
    assert [(share, theirs) for _, share, _, theirs in view.rows] == [
        ("75%", "92% (87% to 95%)"), ("50%", "79% (73% to 84%)"), ("38%", "58% (51% to 65%)"), ("38%", "54% (47% to 61%)"),
    ]  # fmt: skip
    assert view.rows[0][2] == "30% to 95%"
    text = " ".join("".join(read(tmp_path / "run" / "report.html").text).split())
    assert "Quality review" in text
    assert "4 tasks of 5 drawn, judged by 2 reviewers" in text
    card = (tmp_path / "run" / "report.card.md").read_text()
    assert "4 tasks judged by 2 reviewers" in card
    assert "75% (30% to 95%; paper 92%, 87% to 95%)" in card
    assert "not checked by people" not in card


@pytest.mark.parametrize(
    "given",
    [
        [],
        [ReviewPlanned(1, ("0.0/0",), 40)],
        [judged("1", "anna", "0.0/0", True, True, True), ReviewUndone("1", "anna")],
        [ReviewRecorded("1", "anna", RATING, "user_task_1/A", {"level": "B"}, sheet="x")],
    ],
)
def test_without_judgements_nothing_is_shown(tmp_path: Path, given: list[ReviewEvent]) -> None:
    reviewed(tmp_path / "run", given)
    make_report([tmp_path / "run"])
    write_journal(tmp_path / "bare" / "run", events(40))
    make_report([tmp_path / "bare" / "run"])
    page, card = (tmp_path / "run" / name for name in ("report.html", "report.card.md"))
    assert page.read_bytes() == (tmp_path / "bare" / "run" / "report.html").read_bytes()
    assert "Quality review" not in page.read_text()
    assert "not checked by people" in card.read_text()


def test_a_file_beside_reviews_has_none(tmp_path: Path) -> None:
    reviewed(tmp_path / "run", GIVEN)
    (tmp_path / "run" / "data.jsonl").write_text('{"instruction": "Sing.", "output": "la"}\n')
    assert make_report([tmp_path / "run" / "data.jsonl"]).measured[0].quality is None


def test_side_by_side_only_the_reviewed_run_has_its_table(tmp_path: Path) -> None:
    one, two = write_journal(tmp_path / "one", events(40)), reviewed(tmp_path / "two", GIVEN)
    make_report([one, two], tmp_path / "both.html")
    text = (tmp_path / "both.html").read_text()
    section = text[text.index('<section id="quality">') : text.index('<section id="diversity">')]
    assert section.count("<table") == 1
    assert "<bdi>two</bdi>" in section
    assert "<bdi>one</bdi>" not in section


def test_names_of_reviewers_do_not_reach_the_page(tmp_path: Path) -> None:
    given: list[ReviewEvent] = [
        judged(str(n), f"Rev{text.replace(chr(0xD83D), '?')}", "0.0/0", True, True, True)
        for n, text in enumerate(HOSTILE)
    ]
    folder = reviewed(tmp_path / "run", given)
    page = next(iter(make_report([folder]).files)).read_text()
    assert f"judged by {len(HOSTILE)} reviewers" in page
    assert "Rev<" not in page
    assert "Rev&lt;" not in page


def test_a_broken_line_is_told(tmp_path: Path) -> None:
    folder = reviewed(tmp_path / "run", GIVEN)
    with (folder / NAME).open("ab") as file:
        file.write(b'{"event": "judged"}\n')
    with pytest.raises(JournalError, match=r"reviews\.jsonl:9: not a review"):
        make_report([folder])
