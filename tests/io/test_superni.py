"""The splits of Super-NaturalInstructions: which tasks are trained on, which are for testing, and that it is said."""

import json
from pathlib import Path

import pytest

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.superni import (
    EXCLUDED,
    NO_TASK_FILE,
    NOT_ENGLISH,
    OF_TEST_CATEGORIES,
    OF_TEST_SPLIT,
    is_superni_folder,
    read_split_lists,
    test_tasks_in,
    training_tasks,
)
from tests.support.paths import DATA
from tests.support.superni_tasks import superni_checkout

test_tasks_in.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's


def numbers(folder: Path, account: RowAccount | None = None, **wanted: bool) -> list[int]:
    return [int(task.name[4:7]) for task in training_tasks(folder, account or RowAccount(str(folder)), **wanted)]


@pytest.mark.parametrize("place", ["", "tasks"])
def test_test_tasks_and_other_languages_are_left_out_and_counted(tmp_path: Path, place: str) -> None:
    folder = superni_checkout(tmp_path / "ni") / place
    account = RowAccount(str(folder))
    assert numbers(folder, account) == [1]
    assert {reason: len(places) for reason, places in account.left_out.items()} == {
        OF_TEST_SPLIT: 2,
        EXCLUDED: 1,
        NOT_ENGLISH: 1,
    }
    assert account.in_words() == (
        f"{folder} (Super-NaturalInstructions): 5 tasks, tasks of Super-NaturalInstructions; 4 left out: "
        "2 of the test split, 1 excluded by the split, 1 in other languages than English"
    )
    assert [task.name[4:7] for task in test_tasks_in(folder, RowAccount("x"))] == ["002", "005"]


def test_they_are_there_where_they_are_asked_for(tmp_path: Path) -> None:
    folder = superni_checkout(tmp_path / "ni")
    assert numbers(folder, test_tasks=True) == [1, 2, 3, 5]
    assert numbers(folder, other_languages=True) == [1, 4]
    assert numbers(folder, test_tasks=True, other_languages=True) == [1, 2, 3, 4, 5]


def test_without_the_lists_the_twelve_categories_tell(tmp_path: Path) -> None:
    folder, account = superni_checkout(tmp_path / "ni", lists=False), RowAccount("ni")
    assert numbers(folder, account) == [1, 3]
    assert len(account.left_out[OF_TEST_CATEGORIES]) == 2
    tested = RowAccount("ni")
    assert [task.name[4:7] for task in test_tasks_in(folder, tested)] == ["002", "005"]
    assert tested.notes["told by category, without a list"] == 2


def test_a_renamed_task_is_known_by_its_number(tmp_path: Path) -> None:
    folder = superni_checkout(tmp_path / "ni")
    (folder / "tasks" / "task002_title_of_notes.json").rename(folder / "tasks" / "task002_another_name.json")
    assert numbers(folder) == [1]


def test_what_is_no_task_file_is_counted_and_a_folder_of_none_is_an_error(tmp_path: Path) -> None:
    folder, account = superni_checkout(tmp_path / "ni"), RowAccount("ni")
    (folder / "tasks" / "task009_broken.json").write_text(json.dumps({"Definition": ["x"]}))
    assert numbers(folder, account) == [1]
    assert "has no list `Instances`" in account.details[NO_TASK_FILE]
    (folder / "tasks" / "task001_count_words.json").unlink()
    with pytest.raises(InputError, match="none of its 5 tasks can be trained on"):
        numbers(folder)
    assert not is_superni_folder(tmp_path)


def test_the_official_list_of_test_tasks(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    place = tmp_path / "splits" / "default"
    place.mkdir(parents=True)
    official = (DATA / "superni" / "official_default_test_tasks.txt").read_text()
    (place / "test_tasks.txt").write_text(official)
    (tmp_path / "tasks").symlink_to(DATA / "superni" / "tasks")
    listed = read_split_lists(tmp_path).test or frozenset()
    assert sum(not name.startswith("#") for name in listed) == 119
    with pytest.raises(InputError, match=r"none of its 2 tasks can be trained on \(2 of the test split\)"):
        numbers(tmp_path)
    with pytest.raises(InputError, match="2 of the twelve test categories"):
        numbers(DATA / "superni" / "tasks")  # both are of test categories, so no list is needed to tell
