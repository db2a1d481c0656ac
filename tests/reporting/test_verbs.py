"""The reader of verbs and objects, held to its precision by our own labelled sentences."""

import importlib.machinery
import importlib.util
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.reporting import verbs
from tests.support.verb_sentences import HELD_OUT, KNOWN, pairs

pytest.importorskip("lemminflect", reason="the verb reader needs lemminflect: pip install 'bootstruct[report]'")
ROWS = pairs(KNOWN) + pairs(HELD_OUT)


def test_there_are_enough_sentences_of_both_kinds() -> None:
    assert len({sentence for sentence, _ in ROWS}) == len(ROWS) >= 190
    assert 25 < sum(pair is None for _, pair in ROWS) < 60


def test_at_least_96_of_100_pairs_are_right_and_few_are_missed() -> None:
    read = [(sentence, pair, verbs.pair(sentence)) for sentence, pair in ROWS]
    written = [entry for entry in read if entry[2] is not None]
    wrong = [entry for entry in written if entry[1] != entry[2]]
    missed = [entry for entry in read if entry[1] is not None and entry[2] is None]
    assert len(written) - len(wrong) >= 0.96 * len(written), wrong
    assert len(missed) <= 0.1 * len(ROWS), missed


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("", None),
        ("...", None),
        ("Translate", None),
        ("Write.", None),
        ("写一首诗", None),
        ("please please please", None),
        ("WRITE A POEM", ("write", "poem")),
        ("1. Write a poem", ("write", "poem")),
        ("- Name two rivers", ("name", "river")),
        ("The cat sleeps. please write a poem about it.", ("write", "poem")),
        ("Define {term} for {reader}.", None),
        ("Give the guests some bread, e.g. rye.", ("give", "bread")),
        ("Write a 500 word essay about owls.", ("write", "essay")),
        ("Write a 300-400 word essay about owls.", ("write", "essay")),
        ("Write two word problems.", ("write", "problem")),
        ("List five English speaking countries.", ("list", "country")),
        ("List English speaking countries in Africa.", ("list", "country")),
        ("Name three oil producing countries.", ("name", "country")),
        ("List five people speaking English.", ("list", "people")),
        ("Describe a company making cars.", ("describe", "company")),
        ("Describe the animals living in the Alps.", ("describe", "animal")),
        ("Draft an SEO optimized headline for it.", ("draft", "headline")),
        ("Provide at least three examples of owls.", ("provide", "example")),
        ("Write up to five sentences.", ("write", "sentence")),
        ("Create a new, cheerful owl.", ("create", "owl")),
        ("Describe the novel Great Expectations.", ("describe", "novel")),
        ("Plan 3 realistic physics experiments.", ("plan", "experiment")),
        ("List the US states.", ("list", "state")),
        ("Pick one of the following and explain why.", None),
    ],
)
def test_edges(text: str, pair: tuple[str, str] | None) -> None:
    assert verbs.pair(text) == pair


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    found = verbs.pair(text)
    assert found is None or all(found)


def test_a_long_text_is_read_from_its_beginning_only() -> None:
    assert verbs.pair("Write a poem about " + "rain and " * 100_000) == ("write", "poem")


class Token:
    def __init__(self, lemma: str, pos: str, dep: str, children: "tuple[Token, ...]" = ()) -> None:
        self.lemma_, self.pos_, self.dep_, self.children = lemma, pos, dep, children


def fake_spacy(models: list[str]) -> types.ModuleType:
    spacy = types.ModuleType("spacy")
    spacy.__spec__ = importlib.machinery.ModuleSpec("spacy", None)

    class Parser:
        def pipe(self, texts):  # type: ignore[no-untyped-def]
            for text in texts:
                noun = Token("Poem", "NOUN", "dobj") if "poem" in text else Token("it", "PRON", "dobj")
                yield types.SimpleNamespace(sents=[types.SimpleNamespace(root=Token("write", "VERB", "ROOT", (noun,)))])

    spacy.util = types.SimpleNamespace(get_installed_models=lambda: models)  # type: ignore[attr-defined]
    spacy.load = lambda name, exclude: Parser()  # type: ignore[attr-defined]
    return spacy


def test_spacy_reads_where_it_has_an_english_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", fake_spacy(["de_core_news_sm", "en_core_web_sm"]))
    reader = verbs.reader()
    assert reader is not None
    assert reader.name == "spaCy, en_core_web_sm"
    assert list(reader.read(["a poem", "it"])) == [("write", "poem"), None]


def test_spacy_descends_to_the_first_child_as_the_paper_did() -> None:
    poem = Token("poem", "NOUN", "dobj")
    write = Token("Write", "VERB", "ccomp", (Token("it", "PRON", "dobj"), poem))
    roots = [
        Token("be", "AUX", "ROOT", (write, Token("read", "VERB", "conj", (poem,)))),  # the first child only
        Token("be", "AUX", "ROOT", (Token("task", "NOUN", "nsubj"), write)),
        write,
    ]
    documents = [types.SimpleNamespace(sents=[types.SimpleNamespace(root=root)]) for root in roots]
    documents.append(types.SimpleNamespace(sents=[]))
    parser = types.SimpleNamespace(pipe=lambda texts: documents)
    assert list(verbs.by_spacy(parser, [""] * 4)) == [("write", "poem"), None, ("write", "poem"), None]


def test_spacy_without_a_model_leaves_it_to_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", fake_spacy(["de_core_news_sm"]))
    reader = verbs.reader()
    assert reader is not None
    assert "lemminflect" in reader.name
    assert list(reader.read(["Write a poem."])) == [("write", "poem")]


def test_without_either_there_is_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in ("spacy", "lemminflect") else found(name, *rest),
    )
    assert verbs.reader() is None
