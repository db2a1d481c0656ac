"""The words of the small world: what the corpus says is in them, what a user's seeds may bring is not."""

from pathlib import Path

import pytest

from bootstruct.cli.grow import _tell_unknown_words
from bootstruct.domain import Instance, Seed
from bootstruct.events import Started, begin
from bootstruct.files import read_seeds, shipped_seeds
from bootstruct.pocket.vocabulary import unknown_words, vocabulary, words_of
from tests.scripts import recipe

ROOT = Path(__file__).parent.parent.parent
POCKET_SEEDS = read_seeds(ROOT / "src" / "bootstruct" / "recipes" / "pocket" / "seeds.jsonl")


def test_every_word_of_the_corpus_is_known_and_hardly_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / "pocket" / "corpus.py").exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    monkeypatch.syspath_prepend(str(ROOT / "pocket"))
    import corpus

    seen = {word for number in range(2000) for word in words_of(corpus.document(number))}
    assert not seen - vocabulary()
    assert len(vocabulary() - seen) < 20


def test_the_pocket_seeds_stay_inside() -> None:
    assert unknown_words(POCKET_SEEDS) == []


def test_words_outside_are_named_once_and_in_order() -> None:
    seed = Seed("s", "Sort the galaxies. 12 Galaxies!", (Instance("quasar, nurse", "Don’t panic"),), False)
    assert unknown_words([seed]) == ["galaxies", "quasar", "panic"]


def test_generate_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    _tell_unknown_words(begin(Started(recipe("pocket"), read_seeds(shipped_seeds()))))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "has never seen" in told
    assert told.split(": words of")[0].count(",") == 4
    _tell_unknown_words(begin(Started(recipe("pocket"), POCKET_SEEDS)))
    assert capsys.readouterr().err == ""
