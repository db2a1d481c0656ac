"""What is remembered of many rows, against lists and dicts of Python."""

import random

import pytest

from bootstruct.deduplication.compact import DigestTable, RowPlace, RowPlaces


@pytest.mark.parametrize("bits", [4, 11, 64])
def test_a_table_of_digests_is_a_dict(bits: int) -> None:
    rng, table, known = random.Random(bits), DigestTable(), dict[int, int]()
    for number in range(5000):
        digest = rng.getrandbits(bits)
        assert table.setdefault(digest, number) == known.setdefault(digest or 1, number)
    assert len(table) == len(known)


def test_places_are_given_back() -> None:
    texts = ["a", "", "half \ud83d of one", "🙂 中", "x" * 1000]
    places = [RowPlace(f"{number % 2}.jsonl", number * 10**9, texts[number % 5]) for number in range(50)]
    kept = RowPlaces(places)
    assert [kept[number] for number in range(len(kept))] == places
    with pytest.raises(IndexError):
        kept[50]
