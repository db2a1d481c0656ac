"""The words of the small world: what the corpus says is in them, what a user's seeds may bring is not."""

import pytest

from bootstruct.api.generation import _warn_of_unknown_words
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.journal.events import RunStarted
from bootstruct.journal.state import begin
from bootstruct.pocket.world.known_words import unknown_words, vocabulary, words_of
from bootstruct.types import Instance, Seed
from tests.support.paths import ROOT
from tests.support.scripts import recipe

POCKET_SEEDS = read_seeds(ROOT / "src" / "bootstruct" / "config" / "recipes" / "pocket" / "seeds.jsonl")


def test_every_word_of_the_corpus_is_known_and_hardly_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / "pocket" / "corpus.py").exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    monkeypatch.syspath_prepend(str(ROOT / "pocket"))
    import corpus

    seen = {word for number in range(3000) for word in words_of(corpus.document(number))}
    assert not seen - vocabulary()
    assert len(vocabulary() - seen) < 20


def test_the_pocket_seeds_stay_inside() -> None:
    assert unknown_words(POCKET_SEEDS) == []


def test_words_outside_are_named_once_and_in_order() -> None:
    seed = Seed("s", "Sort the galaxies. 12 Galaxies!", (Instance("quasar, nurse", "Don’t panic"),), False)
    assert unknown_words([seed]) == ["galaxies", "quasar", "panic"]


def test_generate_warns_in_one_sentence() -> None:
    with pytest.warns(UserWarning, match="has never seen") as caught:
        _warn_of_unknown_words(begin(RunStarted(recipe("pocket"), read_seeds(shipped_seeds()))))
    (warning,) = caught
    assert str(warning.message).split(": words of")[0].count(",") == 4


def test_generate_does_not_warn_of_known_words(recwarn: pytest.WarningsRecorder) -> None:
    _warn_of_unknown_words(begin(RunStarted(recipe("pocket"), POCKET_SEEDS)))
    assert not recwarn.list
