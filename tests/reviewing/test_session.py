"""Judging: nothing is overwritten unseen, nothing counts twice, everything can be undone, and the disk comes first."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from bootstruct.errors import InputError, RunStoppedError
from bootstruct.journal.reviews import NAME, PAIR, QUALITY, RATING, read_reviews
from bootstruct.reviewing.ledger import ReviewLedger
from bootstruct.reviewing.serve import open_session
from bootstruct.reviewing.session import ReviewConflictError, ReviewOptions, RunReview, fresh_id
from tests.support.review_runs import make_run, make_sheet, tasks

YES = {"task": "yes", "input": "yes", "output": "yes"}
NO = {"task": "no", "input": "no", "output": "no"}


def desk_of(run: Path, **wanted: object) -> RunReview:
    session, _ = open_session(run, None, ReviewOptions(**{"tasks": 10} | wanted))  # type: ignore[arg-type]
    asyncio.run(session.plan())
    return session


@pytest.fixture
def session(tmp_path: Path) -> RunReview:
    run = make_run(tmp_path / "run", tasks(20))
    make_sheet(run / "rating", 5, ("one", "two", "three"))
    return desk_of(run)


def form(item: str, verdict: dict[str, str], seen: str = "", **more: str) -> dict[str, str]:
    return {"item": item, "id": fresh_id(), "seen": seen, "seconds": "2.5"} | verdict | more


def judge(session: RunReview, reviewer: str, given: dict[str, str], mode: str = QUALITY) -> None:
    asyncio.run(session.judge(mode, reviewer, given))


def on_disk(session: RunReview) -> list[tuple[str, str, dict[str, object]]]:
    return [
        (entry.reviewer, entry.item, dict(entry.verdict))
        for entry in read_reviews(session.folder / NAME).all_standing(QUALITY)
    ]


def test_a_judgement_is_on_the_disk_when_it_counts(session: RunReview) -> None:
    item = session.items(QUALITY, "anna")[0]
    judge(session, "anna", form(item, YES, note=" good\r\none "))
    assert on_disk(session) == [("anna", item, {"task": True, "input": True, "output": True})]
    verdict = session.verdict(QUALITY, item, "anna")
    assert verdict is not None
    assert (verdict.note, verdict.seconds) == ("good\none", 2.5)
    assert read_reviews(session.folder / NAME) == session.reviews


def test_the_same_form_sent_twice_counts_once(session: RunReview) -> None:
    given = form(session.items(QUALITY, "anna")[0], YES)
    for _ in range(3):
        judge(session, "anna", given)
    assert len(on_disk(session)) == 1
    assert (session.folder / NAME).read_text().count('"judged"') == 1


def test_a_tab_does_not_replace_what_it_has_not_seen(session: RunReview) -> None:
    item = session.items(QUALITY, "anna")[0]
    judge(session, "anna", form(item, YES))
    before = (session.folder / NAME).read_bytes()
    with pytest.raises(ReviewConflictError, match="judged in another tab"):
        judge(session, "anna", form(item, NO))
    with pytest.raises(ReviewConflictError):
        judge(session, "anna", form(item, NO, seen="0123456789"))
    assert (session.folder / NAME).read_bytes() == before
    verdict = session.verdict(QUALITY, item, "anna")
    assert verdict is not None
    judge(session, "anna", form(item, NO, seen=verdict.id))
    assert on_disk(session) == [("anna", item, {"task": False, "input": False, "output": False})]
    with pytest.raises(ReviewConflictError, match="judged in another tab"):
        judge(session, "anna", form(item, YES, seen=verdict.id))


def test_a_tab_does_not_judge_what_was_taken_back_elsewhere(session: RunReview) -> None:
    item = session.items(QUALITY, "anna")[0]
    judge(session, "anna", form(item, YES))
    id = session.last(QUALITY, "anna")
    asyncio.run(session.undo(QUALITY, "anna", id))
    with pytest.raises(ReviewConflictError, match="withdrawn in another tab"):
        judge(session, "anna", form(item, NO, seen=id))
    assert on_disk(session) == []


def test_many_at_once_lose_nothing(session: RunReview) -> None:
    names = [f"r{n}" for n in range(8)]
    forms = [
        (name, form(item, YES if n % 2 else NO))
        for n, name in enumerate(names)
        for item in session.items(QUALITY, name)
    ]
    Random(1).shuffle(forms)

    async def main() -> None:
        await asyncio.gather(*(session.judge(QUALITY, name, given) for name, given in forms))

    asyncio.run(main())
    assert len(on_disk(session)) == len(forms) == 80
    assert read_reviews(session.folder / NAME) == session.reviews


def test_two_tabs_at_once_one_wins_and_the_other_is_told(session: RunReview) -> None:
    item = session.items(QUALITY, "anna")[0]

    async def main() -> list[object]:
        both = (session.judge(QUALITY, "anna", form(item, verdict)) for verdict in (YES, NO))
        return await asyncio.gather(*both, return_exceptions=True)

    outcome = asyncio.run(main())
    assert sorted(type(entry).__name__ for entry in outcome) == ["NoneType", "ReviewConflictError"]
    assert len(on_disk(session)) == 1


def test_undo_walks_back_and_only_over_ones_own(session: RunReview) -> None:
    items = session.items(QUALITY, "anna")
    for item in items[:3]:
        judge(session, "anna", form(item, YES))
    judge(session, "ben", form(items[0], NO))
    ids = []
    for _ in range(3):
        ids.append(session.last(QUALITY, "anna"))
        asyncio.run(session.undo(QUALITY, "anna", ids[-1]))
    assert [session.reviews.by_id[id].item for id in ids] == items[2::-1]
    assert on_disk(session) == [("ben", items[0], {"task": False, "input": False, "output": False})]
    for name, id in (("anna", ids[0]), ("anna", session.last(QUALITY, "ben")), ("anna", ""), ("anna", "nothing")):
        with pytest.raises(ReviewConflictError):
            asyncio.run(session.undo(QUALITY, name, id))
    with pytest.raises(ReviewConflictError):
        asyncio.run(session.undo(RATING, "ben", session.last(QUALITY, "ben")))


@pytest.mark.parametrize(
    "broken",
    [
        {"item": "99.9/0"},
        {"item": ""},
        {"id": ""},
        {"id": "short"},
        {"id": "../../../../x"},
        {"id": "a" * 65},
        {"task": "maybe"},
        {"output": ""},
        {"item": "user_task_0/P"},
    ],
)
def test_a_form_with_a_fault_is_not_written(session: RunReview, broken: dict[str, str]) -> None:
    before = (session.folder / NAME).read_bytes()
    with pytest.raises(ValueError, match=r"missing|not among yours|reload"):
        judge(session, "anna", form(session.items(QUALITY, "anna")[0], YES) | broken)
    assert (session.folder / NAME).read_bytes() == before


@pytest.mark.parametrize("seconds", ["", "-1", "nan", "inf", "1e9", "soon", "1" * 400])
def test_odd_times_are_no_times(session: RunReview, seconds: str) -> None:
    item = session.items(QUALITY, "anna")[0]
    judge(session, "anna", form(item, YES) | {"seconds": seconds})
    verdict = session.verdict(QUALITY, item, "anna")
    assert verdict is not None
    assert verdict.seconds == 0
    assert session.progress(QUALITY, "anna").seconds is None


def test_ratings_and_pairs_take_their_own_answers_only(session: RunReview) -> None:
    item, pair = session.items(RATING, "anna")[0], session.items(PAIR, "anna")[0]
    judge(session, "anna", form(item, {"level": "C"}), RATING)
    judge(session, "anna", form(pair, {"better": pair.split("\t")[1]}), PAIR)
    for mode, given in (
        (RATING, {"level": "E"}),
        (RATING, {"level": ""}),
        (PAIR, {"better": session.items(PAIR, "anna")[1].split("\t")[0] + "x"}),
        (PAIR, {"level": "A"}),
    ):
        with pytest.raises(ValueError, match="missing"):
            judge(session, "anna", form(item if mode == RATING else pair, given), mode)
    assert len(session.items(PAIR, "anna")) == 5 * 3


def test_the_next_one_is_the_first_not_judged_and_later_ones_come_round(session: RunReview) -> None:
    items = session.items(QUALITY, "anna")
    judge(session, "anna", form(items[0], YES))
    card = session.card(QUALITY, "anna")
    assert card is not None
    assert (card.item, card.number, card.before, card.after) == (items[1], 2, items[0], items[2])
    skipped = session.card(QUALITY, "anna", after=items[-1])
    assert skipped is not None
    assert skipped.item == items[1]
    for item in items[2:]:
        judge(session, "anna", form(item, YES))
    left = session.card(QUALITY, "anna", after=items[5])
    assert left is not None
    assert left.item == items[1]
    judge(session, "anna", form(items[1], YES))
    assert session.card(QUALITY, "anna") is None
    again = session.card(QUALITY, "anna", items[4])
    assert again is not None
    assert again.seen == session.reviews.standing(QUALITY, "", items[4], "anna").id  # type: ignore[union-attr]


def test_the_sample_stays_through_restarts_and_can_be_enlarged(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(40))
    session, ledger = open_session(run, None, ReviewOptions(tasks=10))
    assert asyncio.run(session.plan()) == 10
    first = session.items(QUALITY, "anna")
    judge(session, "anna", form(first[0], YES))
    ledger.close()
    session, ledger = open_session(run, None, ReviewOptions(seed=7))
    assert session.items(QUALITY, "anna") == first
    ledger.close()
    session, ledger = open_session(run, None, ReviewOptions(tasks=25))
    assert asyncio.run(session.plan()) == 15
    assert asyncio.run(session.plan()) == 0
    assert session.items(QUALITY, "anna")[:10] == first
    assert len(session.items(QUALITY, "anna")) == 25
    assert session.progress(QUALITY, "anna").done == 1
    ledger.close()


def test_shares_are_remembered(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(40))
    session, ledger = open_session(run, None, ReviewOptions(tasks=20, reviewers=("anna", "ben"), overlap=0.5))
    asyncio.run(session.plan())
    shares = {name: session.items(QUALITY, name) for name in ("anna", "ben", "guest")}
    assert [len(share) for share in shares.values()] == [15, 15, 10]
    with pytest.raises(ValueError, match="not among yours"):
        judge(session, "guest", form(next(item for item in shares["anna"] if item not in shares["guest"]), YES))
    ledger.close()
    session, ledger = open_session(run, None, ReviewOptions())
    assert {name: session.items(QUALITY, name) for name in shares} == shares
    ledger.close()


def test_one_page_at_a_time_holds_the_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(5))
    ledger = ReviewLedger(run / NAME)
    with pytest.raises(InputError, match="another review page is open on this run"):
        open_session(run, None, ReviewOptions())
    ledger.close()
    open_session(run, None, ReviewOptions())[1].close()


def test_a_torn_line_is_cut_and_the_rest_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(12))
    session, ledger = open_session(run, None, ReviewOptions(tasks=10))
    asyncio.run(session.plan())
    for item in session.items(QUALITY, "anna")[:2]:
        judge(session, "anna", form(item, YES))
    ledger.close()
    whole = (run / NAME).read_bytes()
    (run / NAME).write_bytes(whole + b'{"event":"judged","id":"torn')
    session, ledger = open_session(run, None, ReviewOptions())
    assert (run / NAME).read_bytes() == whole
    judge(session, "anna", form(session.items(QUALITY, "anna")[2], YES))
    assert len(on_disk(session)) == 3
    ledger.close()


def test_a_disk_that_is_full_leaves_no_half_line(session: RunReview, monkeypatch: pytest.MonkeyPatch) -> None:
    item = session.items(QUALITY, "anna")[0]
    before = (session.folder / NAME).read_bytes()
    write = os.write

    def full(file: int, line: bytes) -> int:
        if b'"judged"' not in line and not line.startswith(b"rest"):
            raise OSError(28, "No space left on device")
        return write(file, line[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunStoppedError, match=r"reviews\.jsonl: cannot be written: No space left on device"):
        judge(session, "anna", form(item, YES))
    assert (session.folder / NAME).read_bytes() == before
    assert session.verdict(QUALITY, item, "anna") is None
    monkeypatch.undo()
    judge(session, "anna", form(item, YES))
    assert len(on_disk(session)) == 1
