"""Documents cut into passages: where they are cut, that their spans are true, and that no text takes long."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstruct.stages.chunking import cut_into_passages
from bootstruct.stages.rules import count_words

SENTENCE = "The old bridge over the river carries a narrow road. "


def test_passages_follow_paragraphs_and_their_spans_are_true() -> None:
    text = "\n\n".join(SENTENCE * n for n in (2, 1, 3, 1, 1, 2))
    passages, short = cut_into_passages("a.txt", text, 30, has_headings=False)
    assert [len(passage.text.split()) for passage in passages] == [30, 30, 20, 20]
    assert not short
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    assert passages[0].name == "a.txt:0-160"


def test_a_passage_begins_anew_at_a_heading_and_knows_those_above_it() -> None:
    text = (
        f"# One\n\n{SENTENCE * 3}\n\n## Two\n\n{SENTENCE * 3}\n\n### Three ###\n{SENTENCE}\n\n# Four\n\n{SENTENCE * 2}"
    )
    found = [(passage.text.split("\n")[0], passage.heading) for passage in cut_into_passages("a.md", text, 60)[0]]
    assert found == [("# One", ""), ("## Two", "One"), ("### Three ###", "One > Two")]
    whole, _ = cut_into_passages("a.md", text, 400)
    assert [passage.text for passage in whole] == [text.strip()]
    small, _ = cut_into_passages("a.md", text, 20)
    assert {passage.heading for passage in small} == {"", "One", "One > Two"}


def test_a_hash_in_code_or_in_plain_text_is_no_heading() -> None:
    text = f"{SENTENCE}\n\n```sh\n# no heading\nls\n```\n\n{SENTENCE * 4}"
    passages, _ = cut_into_passages("a.md", text, 30)
    assert {passage.heading for passage in passages} == {""}
    plain = f"# {SENTENCE}\n\n{SENTENCE * 4}"
    assert {passage.heading for passage in cut_into_passages("a.txt", plain, 30, has_headings=False)[0]} == {""}


def test_long_paragraphs_are_cut_at_sentences_and_strings_without_blanks_too() -> None:
    passages, _ = cut_into_passages("a.txt", SENTENCE * 40, 25)
    assert all(passage.text.endswith("road.") for passage in passages)
    assert max(len(passage.text.split()) for passage in passages) <= 25
    chinese, _ = cut_into_passages("a.txt", "河上的老桥通向一条窄路。" * 40, 50)
    assert all(passage.text.endswith("。") for passage in chinese)
    assert max(count_words(passage.text, "any script") for passage in chinese) <= 50
    assert max(len(passage.text) for passage in cut_into_passages("a.txt", "x" * 10_000, 50)[0]) == 1000


def test_pages_are_kept_apart_and_named() -> None:
    passages, short = cut_into_passages("a.pdf", f"{SENTENCE}\f{SENTENCE * 2}\fend", 300, has_headings=False)
    assert [passage.heading for passage in passages] == ["page 1", "page 2"]
    assert short == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*"ab.#`~ 。\n\f—", "word ", "# ", "\n\n"]), max_size=300), st.integers(20, 60))
def test_any_text_gives_true_spans_in_order(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    passages, _ = cut_into_passages("a.md", text, size)
    end = 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text == passage.text.strip()
        assert end <= passage.start < passage.end
        end = passage.end


def test_texts_made_to_take_long_do_not() -> None:
    for unit in ("#", "# \n", "```\n", "\f", "a", "a ", ". ", "\n", "# a\nb\n", "\n ", "'. "):
        passages, short = cut_into_passages("a.md", unit * (50_000 // len(unit)), 300)
        assert len(passages) + short < 2_000
