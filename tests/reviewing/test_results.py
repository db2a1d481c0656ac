"""Results: agreement by its formula, wins and levels as counted by hand, files that other tools read."""

import csv
import io
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bootstruct.errors import InputError
from bootstruct.evaluation import agreement
from bootstruct.evaluation.ratings import counts_of, read_key, read_ratings
from bootstruct.journal.reviews import BETWEEN, PAIR, QUALITY, RATING, TIE, ReviewRecorded, Reviews, apply_review
from bootstruct.reviewing import export, results
from bootstruct.reviewing.sheet import find_sheet, sides
from tests.journal.test_reviews import judged, result
from tests.support.review_runs import make_sheet


def rated(id: str, item: str, level: str, reviewer: str = "anna", sheet: str = "s", note: str = "") -> ReviewRecorded:
    return ReviewRecorded(id, reviewer, RATING, item, {"level": level}, note, 1.0, "", sheet)


def duelled(id: str, first: str, second: str, better: str, reviewer: str = "anna") -> ReviewRecorded:
    return ReviewRecorded(id, reviewer, PAIR, f"{first}{BETWEEN}{second}", {"better": better}, "", 1.0, "", "s")


def test_kappa_is_the_textbooks() -> None:
    table = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert results.cohens_kappa(table) == pytest.approx(0.4)
    assert results.cohens_kappa([("a", "a"), ("b", "b")]) == 1
    assert results.cohens_kappa([("a", "a")] * 5) is None
    assert results.cohens_kappa([]) is None


def test_kappa_is_the_one_that_evaluate_computes() -> None:
    draws = Random(2)
    for _ in range(200):
        pairs = [(draws.choice("ABCD"), draws.choice("ABCD")) for _ in range(draws.randrange(1, 12))]
        ours = results.cohens_kappa(pairs)
        theirs = agreement.cohens_kappa(*np.array([[ord(a), ord(b)] for a, b in pairs]).T)
        assert (ours is None and np.isnan(theirs)) or ours == pytest.approx(theirs)


def test_agreement_looks_at_shared_items_only() -> None:
    verdict = [
        judged("a", "1.0/0", "yyy"),
        judged("b", "1.1/0", "yyn"),
        judged("c", "1.0/0", "yny", "ben"),
        judged("d", "1.2/0", "yyy", "ben"),
    ]
    found = results.agreements([*verdict, judged("e", "9.9/0", "yyy", "cleo")], QUALITY)
    assert [(entry.first, entry.second, entry.aspect, entry.shared, entry.same) for entry in found] == [
        ("anna", "ben", "valid task", 1, 1),
        ("anna", "ben", "input appropriate", 1, 0),
        ("anna", "ben", "output acceptable", 1, 1),
    ]
    levels = [
        rated("1", "t/P", "A"),
        rated("2", "t/P", "B", "ben"),
        rated("3", "t/Q", "D"),
        rated("4", "t/Q", "D", "ben"),
    ]
    assert [(entry.shared, entry.same) for entry in results.agreements(levels, RATING)] == [(2, 1), (2, 2)]


def test_what_divides_most_comes_first() -> None:
    verdict = [
        rated("1", "t/P", "A"), rated("2", "t/P", "B", "ben"), rated("3", "t/Q", "A"), rated("4", "t/Q", "D", "ben"),
        rated("5", "t/R", "C"), rated("6", "t/R", "C", "ben"), rated("7", "t/S", "C"),
    ]  # fmt: skip
    assert [dispute.item for dispute in results.disputes(verdict, RATING)] == ["t/Q", "t/P"]
    quality = [
        judged("a", "1.0/0", "yyy"),
        judged("b", "1.0/0", "yyn", "ben"),
        judged("c", "1.1/0", "nny"),
        judged("d", "1.1/0", "yyn", "ben"),
    ]
    assert [dispute.item for dispute in results.disputes(quality, QUALITY)] == ["1.1/0", "1.0/0"]


def test_levels_and_wins_are_counted_by_model() -> None:
    key = {"t/P": "x", "t/Q": "y", "u/P": "y", "u/Q": "x"}
    levels = results.level_counts(
        [rated("1", "t/P", "A"), rated("2", "t/Q", "D"), rated("3", "u/P", "D"), rated("4", "gone/P", "A")], key
    )
    assert levels == {"x": [1, 0, 0, 0], "y": [0, 0, 0, 2]}
    verdict = [
        duelled("1", "t/P", "t/Q", "t/P"),
        duelled("2", "u/P", "u/Q", "u/Q"),
        duelled("3", "t/P", "t/Q", TIE, "ben"),
    ]
    verdict += [duelled("4", "u/P", "u/Q", "u/P", "ben"), duelled("5", "gone/P", "gone/Q", TIE)]
    (duel,) = results.pair_tallies(verdict, key)
    assert (duel.first, duel.second, duel.wins, duel.ties, duel.losses) == ("x", "y", 2, 1, 1)
    assert duel.low < duel.share == 0.625 < duel.high


def some() -> Reviews:
    reviews = result(judged("a", "1.0/0", "yyn"), judged("gone", "1.1/0", "nnn"))
    for entry in (
        rated("r", "t/P", "B", note='=1+1; "quoted",\nlines'),
        rated("o", "t/P", "D", sheet="another"),
        duelled("p", "t/P", "t/Q", TIE),
    ):
        apply_review(reviews, entry)
    return reviews


def test_files_to_take_along_hold_every_judgement() -> None:
    reviews = some()
    rows = [json.loads(line) for line in export.as_jsonl(reviews).splitlines()]
    assert [row["mode"] for row in rows] == [QUALITY, QUALITY, RATING, RATING, PAIR]
    table = list(csv.DictReader(io.StringIO(export.as_csv(reviews))))
    assert [row["item"] for row in table] == [row["item"] for row in rows]
    assert (table[0]["task"], table[0]["output"], table[0]["level"]) == ("yes", "no", "")
    assert table[2]["note"] == '\'=1+1; "quoted",\nlines'  # no spreadsheet computes it
    assert rows[2]["note"] == '=1+1; "quoted",\nlines'


def test_ratings_are_read_by_evaluate(tmp_path: Path) -> None:
    folder = make_sheet(tmp_path / "rating", 6, ("one", "two"))
    sheet = find_sheet(tmp_path, None, 42)
    assert sheet is not None
    key = sheet.key()
    assert key is not None
    reviews = Reviews()
    for n, item in enumerate(sheet.answers):
        level = "A" if key[item] == "one" else "D"
        apply_review(reviews, rated(f"r{n}", item, level, sheet=sheet.digest))
        apply_review(reviews, rated(f"x{n}", item, "C", "ben", sheet="another sheet"))
    (tmp_path / "ratings.jsonl").write_text(export.as_ratings(reviews, sheet.digest))
    counts = counts_of(read_ratings([tmp_path / "ratings.jsonl"], read_key(folder / "key.json")))
    assert counts == {"one": {"A": 6, "B": 0, "C": 0, "D": 0}, "two": {"A": 0, "B": 0, "C": 0, "D": 6}}


def test_the_key_must_be_the_sheets_own(tmp_path: Path) -> None:
    make_sheet(tmp_path / "rating", 4)
    make_sheet(tmp_path / "other", 5)
    (tmp_path / "rating" / "key.json").write_bytes((tmp_path / "other" / "key.json").read_bytes())
    sheet = find_sheet(tmp_path, None, 42)
    assert sheet is not None
    with pytest.raises(Exception, match="is the key of another sheet"):
        sheet.key()
    (tmp_path / "rating" / "key.json").unlink()
    assert sheet.key() is None


def test_every_two_answers_meet_once_and_sides_are_drawn(tmp_path: Path) -> None:
    make_sheet(tmp_path / "rating", 20, ("one", "two", "three"))
    sheet = find_sheet(tmp_path, None, 42)
    assert sheet is not None
    assert len(sheet.pairs) == len(set(sheet.pairs)) == 60
    assert all(a.partition("/")[0] == b.partition("/")[0] for a, b in (pair.split(BETWEEN) for pair in sheet.pairs))
    swapped = [sides(pair, "anna", 42) != tuple(pair.split(BETWEEN)) for pair in sheet.pairs]
    assert 15 < sum(swapped) < 45
    assert swapped == [sides(pair, "anna", 42) != tuple(pair.split(BETWEEN)) for pair in sheet.pairs]
    assert swapped != [sides(pair, "ben", 42) != tuple(pair.split(BETWEEN)) for pair in sheet.pairs]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"item": "a\u202eb/P"}, "contains invisible characters"),
        ({"item": "a\tb/P"}, "contains invisible characters"),
        ({"item": "user_task_0/P"}, "occurs twice"),
        ({"response": None}, "`response` is missing"),
        ({"task": 3}, "`task` is missing"),
    ],
)
def test_a_sheet_with_a_fault_is_named(tmp_path: Path, row: dict[str, object], fault: str) -> None:
    path = make_sheet(tmp_path / "rating", 3) / "sheet.jsonl"
    first = next(line for line in map(json.loads, path.read_text().splitlines()) if line["item"] == "user_task_0/P")
    path.write_text(path.read_text() + json.dumps(first | {"item": "new/P"} | row) + "\n")
    with pytest.raises(InputError, match=rf"sheet\.jsonl:7: .*{fault}"):
        find_sheet(tmp_path, None, 42)


def test_a_folder_without_a_sheet_is_told(tmp_path: Path) -> None:
    assert find_sheet(tmp_path, None, 42) is None
    with pytest.raises(InputError, match=r"has no sheet\.jsonl; `bootstruct evaluate sheet"):
        find_sheet(tmp_path, tmp_path, 42)
    (tmp_path / "sheet.jsonl").write_text("\n")
    with pytest.raises(InputError, match="contains no answers to rate"):
        find_sheet(tmp_path, None, 42)
