"""reviews.jsonl: what its events mean, what is read from a damaged one, and what exports make of it."""

import dataclasses
import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from bootstruct.cli.export import export_command
from bootstruct.errors import InputError, JournalError
from bootstruct.export.files import export
from bootstruct.journal.reviews import (
    NAME,
    PAIR,
    QUALITY,
    QUESTIONS,
    RATING,
    ReviewEvent,
    ReviewPlanned,
    ReviewRecorded,
    Reviews,
    ReviewUndone,
    apply_review,
    bad_tasks,
    quality_table,
    read_reviews,
    review_from_json,
    review_to_json,
    wilson,
)
from bootstruct.run.folder import read_run
from tests.support.review_runs import make_run, tasks
from tests.support.scripts import FORMATS_HERE


def judged(id: str, item: str, answers: str, reviewer: str = "anna") -> ReviewRecorded:
    verdict = dict(zip(QUESTIONS, (answer == "y" for answer in answers), strict=True))
    return ReviewRecorded(id, reviewer, QUALITY, item, verdict, "", 3.5, "2026-01-31T12:00:00Z")


def result(*events: ReviewEvent) -> Reviews:
    reviews = Reviews()
    for event in events:
        apply_review(reviews, event)
    return reviews


def write(path: Path, *events: ReviewEvent) -> Path:
    path.write_text("".join(json.dumps(review_to_json(event)) + "\n" for event in events))
    return path


EVENTS: list[ReviewEvent] = [
    ReviewPlanned(42, ("1.0/0", "1.1/2"), 70, ("anna", "ben"), 0.25),
    judged("a1", "1.0/0", "yyn"),
    ReviewRecorded(
        "r1", "ben", RATING, "user_task_0/P", {"level": "B"}, "fine\nenough", 12.0, "2026-01-31T12:00:00Z", "ffee"
    ),
    ReviewRecorded("p1", "ben", PAIR, "t/P\tt/Q", {"better": "t/Q"}, "", 0.0, "", "ffee"),
    ReviewRecorded("p2", "ben", PAIR, "t/P\tt/Q", {"better": "tie"}, "", 0.0, "", "ffee"),
    ReviewUndone("a1", "anna", "2026-01-31T12:01:00Z"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_written(event: ReviewEvent) -> None:
    assert review_from_json(json.loads(json.dumps(review_to_json(event)))) == event


def test_a_later_judgement_replaces_an_earlier_and_undo_brings_it_back() -> None:
    first, second = judged("a1", "1.0/0", "yyy"), judged("a2", "1.0/0", "nnn")
    reviews = result(first, second)
    assert reviews.all_standing(QUALITY) == [second]
    assert (reviews.is_standing("a1"), reviews.is_standing("a2")) == (False, True)
    apply_review(reviews, ReviewUndone("a2", "anna"))
    assert reviews.all_standing(QUALITY) == [first]
    apply_review(reviews, ReviewUndone("a1", "anna"))
    assert reviews.all_standing(QUALITY) == []
    assert reviews.standing(QUALITY, "", "1.0/0", "anna") is None


def test_reviewers_and_sheets_do_not_touch_one_another() -> None:
    rating = ReviewRecorded("r1", "anna", RATING, "t/P", {"level": "A"}, sheet="one")
    other = dataclasses.replace(rating, id="r2", sheet="two", verdict={"level": "D"})
    reviews = result(judged("a", "1.0/0", "yyy"), judged("b", "1.0/0", "nyy", "ben"), rating, other)
    assert [entry.verdict["level"] for entry in reviews.all_standing(RATING, "one")] == ["A"]
    assert len(reviews.all_standing(QUALITY)) == 2


def test_two_files_put_together_count_every_judgement_once(tmp_path: Path) -> None:
    plan = ReviewPlanned(42, ("1.0/0", "1.1/0"), 70)
    anna = write(
        tmp_path / "anna", plan, judged("a", "1.0/0", "yyy"), judged("b", "1.1/0", "nnn"), ReviewUndone("b", "anna")
    )
    ben = write(tmp_path / "ben", plan, judged("c", "1.0/0", "yyn", "ben"))
    both = tmp_path / NAME
    both.write_text(anna.read_text() + ben.read_text() + anna.read_text())
    reviews = read_reviews(both)
    assert reviews.items == ["1.0/0", "1.1/0"]
    assert [entry.id for entry in reviews.all_standing(QUALITY)] == ["a", "c"]


def test_no_file_is_no_reviews_and_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert read_reviews(path).all_standing(QUALITY) == []
    write(path, judged("a", "1.0/0", "yyy"), judged("b", "1.1/0", "yyy"))
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert [entry.id for entry in read_reviews(path).all_standing(QUALITY)] == ["a"]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        "{}",
        '{"event":"sung"}',
        '{"event":"undone","id":"never","reviewer":"x"}',
        '{"event":"judged","id":"a","reviewer":"x","mode":"quality","item":"1.0/0","said":{"task":true}}',
        '{"event":"judged","id":"a","reviewer":"x","mode":"rating","item":"t/P","said":{"level":"AB"}}',
        '{"event":"judged","id":"a","reviewer":"x","mode":"pair","item":"t/P\\tt/Q","said":{"better":"t/R"}}',
        '{"event":"judged","id":7,"reviewer":"x","mode":"rating","item":"t/P","said":{"level":"A"}}',
        '{"event":"judged","id":"a","reviewer":"x","mode":"rating","item":"t/P","said":{"level":"A"},"seconds":"long"}',
        '{"event":"planned","seed":1,"items":[1],"of":2,"reviewers":[],"overlap":1}',
        '{"event":"planned","seed":1}',
    ],
)
def test_a_line_that_is_no_review_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / NAME, judged("a1", "1.0/0", "yyy"))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(JournalError, match=r"reviews\.jsonl:2: not a review: .+ Correct or remove the line\."):
        read_reviews(path)


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263 and 15 of 148; and the ends.
    assert [round(entry, 4) for entry in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(entry, 4) for entry in wilson(15, 148)] == [0.0624, 0.1605]
    assert [round(entry, 4) for entry in wilson(0, 20)] == [0.0, 0.1611]
    assert [round(entry, 4) for entry in wilson(29, 29)] == [0.8830, 1.0]
    assert wilson(0, 0) == (0.0, 1.0)


def test_table_2_counts_each_task_once() -> None:
    rows = quality_table([judged("a", "1.0/0", "yyy"), judged("b", "1.0/0", "yyn", "ben"), judged("c", "1.1/0", "ynn")])
    assert [(row.question, row.good, row.total) for row in rows] == [
        ("task", 2, 2),
        ("input", 1, 2),
        ("output", 0.5, 2),
        ("all", 0.5, 2),
    ]
    assert all(row.low <= row.share <= row.high for row in rows)
    assert [row.total for row in quality_table([])] == [0, 0, 0, 0]


def test_a_task_is_bad_where_most_of_its_reviewers_say_so() -> None:
    draws = Random(3)
    for _ in range(200):
        votes = ["".join(draws.choice("yyn") for _ in range(3)) for _ in range(draws.randrange(1, 5))]
        reviews = result(*(judged(f"v{n}", "7.1/0", vote, f"r{n}") for n, vote in enumerate(votes)))
        expected = any(sum(vote[q] == "n" for vote in votes) > len(votes) / 2 for q in range(3))
        assert bad_tasks(reviews) == ({"7.1"} if expected else set()), votes


def test_every_format_can_leave_out_what_was_marked_bad(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(20))
    state = read_run(run)
    bad, good = state.accepted[3], state.accepted[4]
    for format in FORMATS_HERE:
        for name, without in (("all", ()), ("good", (bad.name,))):
            export(state, run / "journal.jsonl", format, tmp_path / name / format, without=without)
        if format == "parquet":
            continue
        all_there, left = (written(tmp_path / name / format) for name in ("all", "good"))
        for text, stays in ((good.text, True), (bad.text, False)):
            assert has_row(all_there, text)
            assert has_row(left, text) == stays, format


def written(path: Path) -> str:
    """Everything an export wrote, without the neighbours that the original's files list of each row."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    rows = [json.loads(line) for file in files if file.suffix == ".jsonl" for line in file.read_text().splitlines()]
    for row in rows:
        row.pop("most_similar", None)
    return json.dumps(rows, ensure_ascii=False) if rows else path.read_text()


def has_row(text: str, instruction: str) -> bool:
    return json.dumps(instruction, ensure_ascii=False)[1:-1] in text


def test_the_command_leaves_out_the_bad_and_says_how_many(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(20))
    words = [str(run), "--format", "messages", "--out", str(tmp_path / "out.jsonl"), "--reviewed", "good"]
    with pytest.raises(InputError, match=r"has no judgements of its tasks; `bootstruct review"):
        CliRunner().invoke(export_command, words, catch_exceptions=False)
    write(
        run / NAME,
        judged("a", "0.3/0", "yyn"),
        judged("b", "0.4/0", "yyy"),
        judged("c", "0.5/0", "nnn"),
        ReviewUndone("c", "anna"),
    )
    done = CliRunner().invoke(export_command, words, catch_exceptions=False)
    assert "tasks left out: 1 marked bad by reviewers" in done.output
    ids = [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert not any(id.startswith("0.3/") for id in ids)
    assert {"0.4/0", "0.5/0"} <= set(ids)
