"""Blind sheets, ratings, and the agreement of raters."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bootstruct.errors import InputError
from bootstruct.evaluation.rating_agreement import agreements, all_raters, correlations, markdown, to_row
from bootstruct.evaluation.ratings import KEY, SHEET, ModelAnswer, Rating, blind, read_key, read_ratings, write_sheet
from bootstruct.io.rows import read_rows
from bootstruct.journal.reviews import RATING, ReviewEvent, ReviewRecorded, ReviewUndone, review_to_json

MODELS = ("alpha", "beta", "gamma")


def answers(tasks: int = 30) -> list[ModelAnswer]:
    return [
        ModelAnswer(model, f"t{n}", f"Do {n}", "", "ref", f"{n} by whom?") for n in range(tasks) for model in MODELS
    ]


def test_a_sheet_names_no_model_and_the_key_names_all() -> None:
    rows, key = blind(answers())
    assert not any(model in json.dumps(rows) for model in MODELS)
    assert Counter(entry["model"] for entry in key["items"].values()) == dict.fromkeys(MODELS, 30)
    assert {row["item"] for row in rows} == set(key["items"])
    assert all(not set(row["letter"]) & set("ABCD") for row in rows)


def test_letters_tell_nothing_and_the_seed_tells_all() -> None:
    rows, key = blind(answers(300))
    by_letter = Counter((item.split("/")[1], entry["model"]) for item, entry in key["items"].items())
    assert all(70 <= count <= 130 for count in by_letter.values())
    assert len(by_letter) == 9
    shuffled = answers(300)
    random.Random(1).shuffle(shuffled)
    assert blind(shuffled) == (rows, key)
    assert blind(answers(300), 7)[0] != rows
    assert [row["task"] for row in rows[:20]] != sorted(row["task"] for row in rows)[:20]


def test_a_sheet_that_may_have_been_rated_is_never_overwritten(tmp_path: Path) -> None:
    assert write_sheet(tmp_path, answers(3))
    before = (tmp_path / SHEET).read_bytes()
    assert write_sheet(tmp_path, answers(3))
    assert not write_sheet(tmp_path, answers(4))
    assert (tmp_path / SHEET).read_bytes() == before
    assert len(list(read_rows(tmp_path / SHEET))) == 9


def test_ratings_find_their_models_and_later_ones_win(tmp_path: Path) -> None:
    write_sheet(tmp_path, answers(2))
    key = read_key(tmp_path / KEY)
    item = next(name for name, entry in key["items"].items() if entry == {"model": "beta", "task": "t1"})
    rows = [{"item": item, "rater": "anna", "level": level} for level in ("D", "B")]
    rows += [{"item": item, "rater": "ben", "level": "A"}, {"item": item, "rater": "ben", "level": None}]
    rows += [{"model": "beta", "task": "t1", "rater": "judge:x", "level": "C"}]
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_ratings([path], key) == [Rating("beta", "t1", "anna", "B"), Rating("beta", "t1", "judge:x", "C")]
    with pytest.raises(InputError, match="give its key"):
        read_ratings([path])


def test_the_review_pages_own_file_is_read(tmp_path: Path) -> None:
    write_sheet(tmp_path, answers(2))
    key = read_key(tmp_path / KEY)
    item = next(name for name, entry in key["items"].items() if entry == {"model": "beta", "task": "t1"})

    def judged(number: int, reviewer: str, level: str, sheet: str = key["sheet"]) -> ReviewRecorded:
        return ReviewRecorded(f"j{number}", reviewer, RATING, item, {"level": level}, sheet=sheet)

    events: list[ReviewEvent] = [
        judged(1, "anna", "D"),
        judged(2, "anna", "B"),
        judged(3, "ben", "A"),
        ReviewUndone("j3", "ben"),
    ]
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(json.dumps(review_to_json(event)) + "\n" for event in events))
    assert read_ratings([path], key) == [Rating("beta", "t1", "anna", "B")]
    with pytest.raises(InputError, match="give its key"):
        read_ratings([path])
    path.write_text(json.dumps(review_to_json(judged(1, "anna", "D", "another"))) + "\n")
    with pytest.raises(InputError, match="of another sheet"):
        read_ratings([path], key)


def test_names_of_items_hold_no_blanks() -> None:
    odd = [ModelAnswer(model, task, "i", "", "r", "x") for task in ("my task", "my_task") for model in MODELS]
    rows, key = blind(odd)
    assert len({row["item"] for row in rows}) == len(key["items"]) == 6
    assert not any(" " in row["item"] for row in rows)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"item": "t9/P", "rater": "a", "level": "A"}, "not in the key"),
        ({"item": "t0/P", "level": "A"}, "`rater` is missing"),
        ({"item": "t0/P", "rater": "a", "level": "E"}, "one of A, B, C, D"),
        ({"rater": "a", "level": "A"}, "needs an `item`"),
    ],
)
def test_rows_that_are_no_rating(tmp_path: Path, row: dict[str, str], says: str) -> None:
    write_sheet(tmp_path, answers(1))
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=f"r.jsonl:1: .*{says}"):
        read_ratings([path], read_key(tmp_path / KEY))


def rated(rater: str, levels: str, model: str = "m") -> list[Rating]:
    return [Rating(model, f"t{n}", rater, level) for n, level in enumerate(levels)]


def test_two_people_and_a_judge() -> None:
    ratings = rated("anna", "ABCDABCDAB") + rated("ben", "ABCDABCDAC") + rated("judge:x", "DCBADCBADC")
    found = {(agreement.first, agreement.second): agreement for agreement in agreements(ratings)}
    people = found["anna", "ben"]
    assert (people.kind, people.equal, people.kappa.count) == ("people", 0.9, 10)
    assert people.kappa.value == pytest.approx((0.9 - 0.25) / 0.75)
    assert people.kappa_acceptable.value == pytest.approx((0.9 - 0.5) / 0.5)
    judge = found["anna", "judge:x"]
    assert judge.kind == "person and judge"
    assert judge.spearman.value == pytest.approx(-1.0)
    assert people.kappa.interval is not None
    assert people.kappa.interval.low < people.kappa.value <= people.kappa.interval.high
    several = all_raters(ratings)
    assert [(entry.who, entry.raters) for entry in several] == [("people", 2), ("people and judges", 3)]
    assert several[0].ordinal.value is not None
    assert several[0].ordinal.value > 0.8
    text = markdown(list(found.values()), several, [])
    assert "published" in text
    assert to_row(list(found.values()), several, [])["pairs"][0]["first"] == "anna"


def test_raters_with_nothing_in_common() -> None:
    apart = [*rated("anna", "AB"), Rating("m", "t9", "ben", "A")]
    assert agreements(apart) == []
    constant = agreements(rated("anna", "AAAAAA") + rated("ben", "AAAAAA"))[0]
    assert (constant.kappa.value, constant.spearman.value, constant.equal) == (None, None, 1.0)


def test_scores_that_follow_ratings_and_scores_that_do_not() -> None:
    ratings = [r for n, m in enumerate(MODELS) for r in rated("anna", "DCBA"[n : n + 2] * 5, m)]
    ratings += rated("judge:x", "A" * 10, "alpha")  # a judge is no person
    follows = {(rating.model, rating.task): rating.value / 3 for rating in ratings if not rating.by_judge}
    found = {
        (correlation.score, correlation.level): correlation
        for correlation in correlations({"good": follows, "none": dict.fromkeys(follows, 0.5)}, ratings)
    }
    assert found["good", "all answers"].spearman.value == pytest.approx(1.0)
    assert found["good", "all answers"].kendall.value == pytest.approx(1.0)
    assert found["good", "per task (mean over tasks)"].spearman.value == pytest.approx(1.0)
    assert found["good", "per model (means)"].kendall.value == 1.0
    assert found["good", "tasks of beta"].spearman.count == 10
    assert found["none", "all answers"].spearman.value is None
