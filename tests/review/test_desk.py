"""Judging: nothing is overwritten unseen, nothing counts twice, everything can be undone, and the disk comes first."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from bootstruct.errors import BadInput, StoppedShort
from bootstruct.judgements import NAME, PAIR, QUALITY, RATING, read_reviews
from bootstruct.review.desk import Conflict, Desk, Wanted, fresh_id
from bootstruct.review.ledger import Ledger
from bootstruct.review.serve import open_desk
from tests.review.review_runs import make_run, make_sheet, tasks

YES = {"task": "yes", "input": "yes", "output": "yes"}
NO = {"task": "no", "input": "no", "output": "no"}


def desk_of(run: Path, **wanted: object) -> Desk:
    desk, _ = open_desk(run, None, Wanted(**{"tasks": 10} | wanted))  # type: ignore[arg-type]
    asyncio.run(desk.plan())
    return desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    run = make_run(tmp_path / "run", tasks(20))
    make_sheet(run / "rating", 5, ("one", "two", "three"))
    return desk_of(run)


def form(item: str, said: dict[str, str], seen: str = "", **more: str) -> dict[str, str]:
    return {"item": item, "id": fresh_id(), "seen": seen, "seconds": "2.5"} | said | more


def judge(desk: Desk, reviewer: str, given: dict[str, str], mode: str = QUALITY) -> None:
    asyncio.run(desk.judge(mode, reviewer, given))


def on_disk(desk: Desk) -> list[tuple[str, str, dict[str, object]]]:
    return [
        (each.reviewer, each.item, dict(each.said)) for each in read_reviews(desk.folder / NAME).all_standing(QUALITY)
    ]


def test_a_judgement_is_on_the_disk_when_it_counts(desk: Desk) -> None:
    item = desk.items(QUALITY, "anna")[0]
    judge(desk, "anna", form(item, YES, note=" good\r\none "))
    assert on_disk(desk) == [("anna", item, {"task": True, "input": True, "output": True})]
    said = desk.said(QUALITY, item, "anna")
    assert said is not None
    assert (said.note, said.seconds) == ("good\none", 2.5)
    assert read_reviews(desk.folder / NAME) == desk.reviews


def test_the_same_form_sent_twice_counts_once(desk: Desk) -> None:
    given = form(desk.items(QUALITY, "anna")[0], YES)
    for _ in range(3):
        judge(desk, "anna", given)
    assert len(on_disk(desk)) == 1
    assert (desk.folder / NAME).read_text().count('"judged"') == 1


def test_a_tab_does_not_replace_what_it_has_not_seen(desk: Desk) -> None:
    item = desk.items(QUALITY, "anna")[0]
    judge(desk, "anna", form(item, YES))
    before = (desk.folder / NAME).read_bytes()
    with pytest.raises(Conflict, match="judged in another tab"):
        judge(desk, "anna", form(item, NO))
    with pytest.raises(Conflict):
        judge(desk, "anna", form(item, NO, seen="0123456789"))
    assert (desk.folder / NAME).read_bytes() == before
    said = desk.said(QUALITY, item, "anna")
    assert said is not None
    judge(desk, "anna", form(item, NO, seen=said.id))
    assert on_disk(desk) == [("anna", item, {"task": False, "input": False, "output": False})]
    with pytest.raises(Conflict, match="judged in another tab"):
        judge(desk, "anna", form(item, YES, seen=said.id))


def test_a_tab_does_not_judge_what_was_taken_back_elsewhere(desk: Desk) -> None:
    item = desk.items(QUALITY, "anna")[0]
    judge(desk, "anna", form(item, YES))
    id = desk.last(QUALITY, "anna")
    asyncio.run(desk.undo(QUALITY, "anna", id))
    with pytest.raises(Conflict, match="taken back in another tab"):
        judge(desk, "anna", form(item, NO, seen=id))
    assert on_disk(desk) == []


def test_many_at_once_lose_nothing(desk: Desk) -> None:
    names = [f"r{n}" for n in range(8)]
    forms = [
        (name, form(item, YES if n % 2 else NO)) for n, name in enumerate(names) for item in desk.items(QUALITY, name)
    ]
    Random(1).shuffle(forms)

    async def main() -> None:
        await asyncio.gather(*(desk.judge(QUALITY, name, given) for name, given in forms))

    asyncio.run(main())
    assert len(on_disk(desk)) == len(forms) == 80
    assert read_reviews(desk.folder / NAME) == desk.reviews


def test_two_tabs_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    item = desk.items(QUALITY, "anna")[0]

    async def main() -> list[object]:
        both = (desk.judge(QUALITY, "anna", form(item, said)) for said in (YES, NO))
        return await asyncio.gather(*both, return_exceptions=True)

    outcome = asyncio.run(main())
    assert sorted(type(each).__name__ for each in outcome) == ["Conflict", "NoneType"]
    assert len(on_disk(desk)) == 1


def test_undo_walks_back_and_only_over_ones_own(desk: Desk) -> None:
    items = desk.items(QUALITY, "anna")
    for item in items[:3]:
        judge(desk, "anna", form(item, YES))
    judge(desk, "ben", form(items[0], NO))
    ids = []
    for _ in range(3):
        ids.append(desk.last(QUALITY, "anna"))
        asyncio.run(desk.undo(QUALITY, "anna", ids[-1]))
    assert [desk.reviews.by_id[id].item for id in ids] == items[2::-1]
    assert on_disk(desk) == [("ben", items[0], {"task": False, "input": False, "output": False})]
    for name, id in (("anna", ids[0]), ("anna", desk.last(QUALITY, "ben")), ("anna", ""), ("anna", "nothing")):
        with pytest.raises(Conflict):
            asyncio.run(desk.undo(QUALITY, name, id))
    with pytest.raises(Conflict):
        asyncio.run(desk.undo(RATING, "ben", desk.last(QUALITY, "ben")))


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
def test_a_form_with_a_fault_is_not_written(desk: Desk, broken: dict[str, str]) -> None:
    before = (desk.folder / NAME).read_bytes()
    with pytest.raises(ValueError, match=r"missing|not among yours|reload"):
        judge(desk, "anna", form(desk.items(QUALITY, "anna")[0], YES) | broken)
    assert (desk.folder / NAME).read_bytes() == before


@pytest.mark.parametrize("seconds", ["", "-1", "nan", "inf", "1e9", "soon", "1" * 400])
def test_odd_times_are_no_times(desk: Desk, seconds: str) -> None:
    item = desk.items(QUALITY, "anna")[0]
    judge(desk, "anna", form(item, YES) | {"seconds": seconds})
    said = desk.said(QUALITY, item, "anna")
    assert said is not None
    assert said.seconds == 0
    assert desk.progress(QUALITY, "anna").seconds is None


def test_ratings_and_pairs_take_their_own_answers_only(desk: Desk) -> None:
    item, pair = desk.items(RATING, "anna")[0], desk.items(PAIR, "anna")[0]
    judge(desk, "anna", form(item, {"level": "C"}), RATING)
    judge(desk, "anna", form(pair, {"better": pair.split("\t")[1]}), PAIR)
    for mode, given in (
        (RATING, {"level": "E"}),
        (RATING, {"level": ""}),
        (PAIR, {"better": desk.items(PAIR, "anna")[1].split("\t")[0] + "x"}),
        (PAIR, {"level": "A"}),
    ):
        with pytest.raises(ValueError, match="missing"):
            judge(desk, "anna", form(item if mode == RATING else pair, given), mode)
    assert len(desk.items(PAIR, "anna")) == 5 * 3


def test_the_next_one_is_the_first_not_judged_and_later_ones_come_round(desk: Desk) -> None:
    items = desk.items(QUALITY, "anna")
    judge(desk, "anna", form(items[0], YES))
    card = desk.card(QUALITY, "anna")
    assert card is not None
    assert (card.item, card.number, card.before, card.after) == (items[1], 2, items[0], items[2])
    skipped = desk.card(QUALITY, "anna", after=items[-1])
    assert skipped is not None
    assert skipped.item == items[1]
    for item in items[2:]:
        judge(desk, "anna", form(item, YES))
    left = desk.card(QUALITY, "anna", after=items[5])
    assert left is not None
    assert left.item == items[1]
    judge(desk, "anna", form(items[1], YES))
    assert desk.card(QUALITY, "anna") is None
    again = desk.card(QUALITY, "anna", items[4])
    assert again is not None
    assert again.seen == desk.reviews.standing(QUALITY, "", items[4], "anna").id  # type: ignore[union-attr]


def test_the_sample_stays_through_restarts_and_can_be_enlarged(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(40))
    desk, ledger = open_desk(run, None, Wanted(tasks=10))
    assert asyncio.run(desk.plan()) == 10
    first = desk.items(QUALITY, "anna")
    judge(desk, "anna", form(first[0], YES))
    ledger.close()
    desk, ledger = open_desk(run, None, Wanted(seed=7))
    assert desk.items(QUALITY, "anna") == first
    ledger.close()
    desk, ledger = open_desk(run, None, Wanted(tasks=25))
    assert asyncio.run(desk.plan()) == 15
    assert asyncio.run(desk.plan()) == 0
    assert desk.items(QUALITY, "anna")[:10] == first
    assert len(desk.items(QUALITY, "anna")) == 25
    assert desk.progress(QUALITY, "anna").done == 1
    ledger.close()


def test_shares_are_remembered(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(40))
    desk, ledger = open_desk(run, None, Wanted(tasks=20, reviewers=("anna", "ben"), overlap=0.5))
    asyncio.run(desk.plan())
    shares = {name: desk.items(QUALITY, name) for name in ("anna", "ben", "guest")}
    assert [len(each) for each in shares.values()] == [15, 15, 10]
    with pytest.raises(ValueError, match="not among yours"):
        judge(desk, "guest", form(next(item for item in shares["anna"] if item not in shares["guest"]), YES))
    ledger.close()
    desk, ledger = open_desk(run, None, Wanted())
    assert {name: desk.items(QUALITY, name) for name in shares} == shares
    ledger.close()


def test_one_page_at_a_time_holds_the_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(5))
    ledger = Ledger(run / NAME)
    with pytest.raises(BadInput, match="another review page is open on this run"):
        open_desk(run, None, Wanted())
    ledger.close()
    open_desk(run, None, Wanted())[1].close()


def test_a_torn_line_is_cut_and_the_rest_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tasks(12))
    desk, ledger = open_desk(run, None, Wanted(tasks=10))
    asyncio.run(desk.plan())
    for item in desk.items(QUALITY, "anna")[:2]:
        judge(desk, "anna", form(item, YES))
    ledger.close()
    whole = (run / NAME).read_bytes()
    (run / NAME).write_bytes(whole + b'{"event":"judged","id":"torn')
    desk, ledger = open_desk(run, None, Wanted())
    assert (run / NAME).read_bytes() == whole
    judge(desk, "anna", form(desk.items(QUALITY, "anna")[2], YES))
    assert len(on_disk(desk)) == 3
    ledger.close()


def test_a_disk_that_is_full_leaves_no_half_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    item = desk.items(QUALITY, "anna")[0]
    before = (desk.folder / NAME).read_bytes()
    write = os.write

    def full(file: int, line: bytes) -> int:
        if b'"judged"' not in line and not line.startswith(b"rest"):
            raise OSError(28, "No space left on device")
        return write(file, line[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoppedShort, match=r"reviews\.jsonl cannot be written: No space left on device"):
        judge(desk, "anna", form(item, YES))
    assert (desk.folder / NAME).read_bytes() == before
    assert desk.said(QUALITY, item, "anna") is None
    monkeypatch.undo()
    judge(desk, "anna", form(item, YES))
    assert len(on_disk(desk)) == 1
