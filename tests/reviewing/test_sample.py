"""The sample: seeded, stratified, never drawn anew, and shared out so that reviewers overlap."""

from collections import Counter
from pathlib import Path

import pytest

from bootstruct.reviewing.sample import draw, population, share, text_of
from bootstruct.run.folder import read_run
from tests.support.review_runs import append, events, make_run, tasks

POPULATION = {True: [(f"c{n}", 2) for n in range(150)], False: [(f"o{n}", 5) for n in range(450)]}


@pytest.mark.parametrize("count", [1, 3, 10, 199, 200, 600, 5000])
def test_each_kind_has_its_share(count: int) -> None:
    items = draw(POPULATION, count, 42)
    size = min(count, 600)
    assert len(items) == len({item.rpartition("/")[0] for item in items}) == size
    kinds = Counter(item[0] for item in items)
    assert abs(kinds["c"] - size / 4) < 1
    assert all(0 <= int(item.rpartition("/")[2]) < (2 if item[0] == "c" else 5) for item in items)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    assert draw(POPULATION, 200, 42) == draw(POPULATION, 200, 42)
    assert draw(POPULATION, 200, 42) != draw(POPULATION, 200, 43)


def test_every_task_is_as_likely_as_any_other() -> None:
    small = {True: [(f"c{n}", 1) for n in range(10)], False: [(f"o{n}", 1) for n in range(30)]}
    drawn = Counter(item for seed in range(400) for item in draw(small, 8, seed))
    assert len(drawn) == 40
    assert all(40 < count < 130 for count in drawn.values())  # 80 expected, standard deviation 8


def test_a_sample_that_grows_keeps_what_it_has() -> None:
    first = draw(POPULATION, 60, 42)
    more = draw(POPULATION, 200, 42, first)
    assert len(more) == 140
    assert not {entry.rpartition("/")[0] for entry in more} & {entry.rpartition("/")[0] for entry in first}
    assert Counter(item[0] for item in first + more) == {"c": 50, "o": 150}
    assert draw(POPULATION, 50, 42, first) == []


def test_only_tasks_with_instances_are_drawn(tmp_path: Path) -> None:
    given = tasks(20)
    given[3] = (given[3][0], False, [])
    state = read_run(make_run(tmp_path, given))
    tasks_there = [name for kind in population(state).values() for name, _ in kind]
    assert "0.3" not in tasks_there
    assert len(tasks_there) == 19


def test_tasks_not_annotated_yet_are_not_drawn(tmp_path: Path) -> None:
    append(tmp_path, events(tasks(20), completed=5))
    assert sum(map(len, population(read_run(tmp_path)).values())) == 5


@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.25, 1 / 3, 0.5, 1.0])
def test_shares_overlap_by_as_much_as_asked_for(overlap: float) -> None:
    items, names = [f"i{n}" for n in range(200)], ("anna", "ben", "cleo")
    shares = {name: set(share(items, name, names, overlap)) for name in names}
    common = set.intersection(*shares.values())
    assert abs(len(common) - 200 * overlap) <= 1
    assert set.union(*shares.values()) == set(items)
    for name in names:
        assert abs(len(shares[name] - common) - 200 * (1 - overlap) / 3) <= 1
        others = set.union(*(shares[other] for other in names if other != name))
        assert shares[name] & others == common
    assert set(share(items, "a guest", names, overlap)) == common
    assert share(items, "anna", (), overlap) == items


def test_an_item_is_found_again_and_only_its_own(tmp_path: Path) -> None:
    run = make_run(tmp_path, [("Add.", True, [("1 1", "2"), ("2 2", "4")]), ("Sing.", False, [("", "la")])])
    state, texts = read_run(run), {"0.0": "Add.", "0.1": "Sing."}
    assert text_of(state, "0.0/1", texts) == ("Add.", "2 2", "4", True)
    assert text_of(state, "0.1/0", texts) == ("Sing.", "", "la", False)
    for lost in ("0.1/1", "9.9/0", "0.0/x", "0.0", "", "0.0/-1"):
        assert text_of(state, lost, texts) is None
