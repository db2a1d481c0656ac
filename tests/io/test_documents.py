"""Documents from files and folders: what is read, what is left out by which name, and that strangers' files do no harm."""

import os
from pathlib import Path

import pytest

from bootstruct.errors import InputError
from bootstruct.io import documents, pdf_text
from bootstruct.io.accounts import RowAccount
from bootstruct.io.documents import DocumentAccount, read_documents
from bootstruct.io.html_text import html_to_text
from bootstruct.types import Passage
from tests.support.pdfs import pdf

TEXT = "The old bridge over the river carries a narrow road to the mill and back again."


def read(*paths: Path, words: int = 300) -> tuple[list[Passage], list[RowAccount]]:
    accounts: list[RowAccount] = []
    return read_documents(paths, words, accounts), accounts


def test_every_file_of_a_folder_is_used_or_left_out_by_name(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    (place / "sub").mkdir(parents=True)
    (place / ".git").mkdir()
    (place / ".git" / "x.md").write_text(TEXT)
    (place / "b.md").write_text(f"# Bridges\n\n{TEXT}\n\n{TEXT}\n")
    (place / "a.txt").write_bytes((TEXT + "\r\nA second line.").encode("utf-16"))
    (place / "sub" / "page.html").write_text(f"<h1>Page</h1><p>{TEXT} And more &amp; more.</p>")
    (place / "same.txt").write_bytes((TEXT + "\r\nA second line.").encode())
    (place / "latin.txt").write_bytes("Die Brücke über den Fluß führt eine schmale Straße.".encode("latin-1"))
    (place / "zero.txt").write_bytes(b"a\0b")
    (place / "short.txt").write_text("Too short.")
    (place / "empty.md").write_text(" \n")
    (place / "image.png").write_bytes(b"\x89PNG")
    (place / "link.md").symlink_to("b.md")
    os.mkfifo(place / "pipe.txt")
    passages, [account] = read(place)
    assert isinstance(account, DocumentAccount)
    assert {passage.document for passage in passages} == {"docs/a.txt", "docs/b.md", "docs/sub/page.html"}
    row = account.to_row()
    assert row["left_out"] == {
        "hidden": ["docs/.git"],
        "empty": ["docs/empty.md"],
        "no text, Markdown, HTML or PDF": ["docs/image.png"],
        "not text in UTF-8 or UTF-16": ["docs/latin.txt", "docs/zero.txt"],
        "a link": ["docs/link.md"],
        "no regular file": ["docs/pipe.txt"],
        "like another file": ["docs/same.txt"],
        "with under 10 words": ["docs/short.txt"],
    }
    assert row["read"] == row["used"] + sum(map(len, row["left_out"].values())) == 12
    assert "probably WINDOWS-1252" in account.in_words()
    assert "a link: docs/link.md" in account.in_words(lines=True)
    assert read(place)[0] == passages


def test_a_path_that_is_not_there_and_documents_without_a_passage_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "none")
    (tmp_path / "a.txt").write_text("Short.")
    with pytest.raises(InputError, match=r"no passage in the documents: .*1 with under 10 words"):
        read(tmp_path / "a.txt")
    with pytest.raises(InputError, match="use a number from 20 to 4000"):
        read(tmp_path / "a.txt", words=5)


def test_names_of_equal_paths_stay_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"{name} {TEXT}")
    passages, _ = read(tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt")
    assert [passage.document for passage in passages] == ["a.txt", "a.txt (2)"]


def test_too_many_passages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text(TEXT * 20)
    monkeypatch.setattr(documents, "MOST_PASSAGES", 3)
    with pytest.raises(InputError, match="more than 3 passages"):
        read(tmp_path / "a.txt", words=20)


def test_text_of_a_page() -> None:
    page = """<!doctype html><head><title>t</title><style>p{}</style></head><body><nav>menu</nav><h2>Leave</h2>
      <p title="a > b">Ask <b>two</b>
      weeks<br>ahead.</p><ul><li>one<li>two</ul><pre>a
        b</pre><table><tr><td>1<td>2</table><!-- <p>no --><script>alert("<p>no")</script>&lt;p&gt;</body>"""
    assert html_to_text(page) == ("## Leave\n\nAsk two weeks\nahead.\n\n- one\n- two\n\na\n        b\n\n| 1 | 2\n\n<p>")
    assert html_to_text("<nav>never closed <p>the text") == "never closed\n\nthe text"
    assert html_to_text("&#" + "9" * 5000 + ";").startswith("&#999")


def test_broken_pages_are_read_in_linear_time() -> None:
    for unit in ("<", "<a ", "&", "<!--", "<!", "</", "<script>", "<div>", "<a b='", "<?", "&#", "<p", '<a "', "<a '>"):
        html_to_text(unit * (100_000 // len(unit)))  # Python's own parser takes minutes for some of these


def test_without_pypdf_a_pdf_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([TEXT]))
    monkeypatch.setattr(pdf_text, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"a\.pdf needs pypdf: pip install 'bootstruct\[documents\]'"):
        read(tmp_path / "a.pdf")


@pytest.mark.slow
def test_pdf_files_are_read_or_left_out_by_name(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf: pip install 'bootstruct[documents]'")
    place = tmp_path / "pdfs"
    place.mkdir()
    (place / "good.pdf").write_bytes(pdf([TEXT, "", f"Page three. {TEXT}"]))
    (place / "scanned.pdf").write_bytes(pdf(["", ""]))
    (place / "damaged.pdf").write_bytes(b"%PDF-1.4\n" + b"\xff" * 3000)
    (place / "empty.pdf").write_bytes(b"")
    (place / "no_pages.pdf").write_bytes(pdf([]))
    writer = pypdf.PdfWriter(clone_from=place / "good.pdf")
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(place / "locked.pdf")
    passages, [account] = read(place)
    assert [(passage.document, passage.heading) for passage in passages] == [
        ("pdfs/good.pdf", "page 1"),
        ("pdfs/good.pdf", "page 3"),
    ]
    assert passages[0].text == TEXT
    assert account.to_row()["left_out"] == {
        "damaged": ["pdfs/damaged.pdf"],
        "empty": ["pdfs/empty.pdf"],
        "encrypted": ["pdfs/locked.pdf"],
        "without pages": ["pdfs/no_pages.pdf"],
        "without text (scanned images; recognise their text first)": ["pdfs/scanned.pdf"],
    }


@pytest.mark.slow
def test_a_pdf_that_takes_too_long_or_too_much_memory_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypdf", reason="needs pypdf: pip install 'bootstruct[documents]'")
    (tmp_path / "a.pdf").write_bytes(pdf([TEXT] * 50))
    monkeypatch.setattr(pdf_text, "SECONDS", 0.01)
    assert pdf_text.pdf_to_text(tmp_path / "a.pdf")[1] == pdf_text.TOO_MUCH
